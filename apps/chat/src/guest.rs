//! Who a client says it is, and where it wants to go. Attached to it when it is let in.

use crate::allowance::Allowance;
use crate::words;
use percent_encoding::percent_decode_str;
use ringsocket_app::Request;
use std::time::Instant;

/// The cookie that has the name, percent-encoded UTF-8.
const COOKIE: &str = "chat_name";
/// Most characters of a name, without the number that makes it unique.
const NAME_MAX: usize = 24;
/// Most characters of a room's name, which is the name of its topic.
const ROOM_NAME_MAX: usize = 32;

#[derive(Debug)]
pub(crate) struct Guest {
    pub(crate) room: String,
    /// As it was wished for: in the room it may have a number.
    pub(crate) name: String,
    pub(crate) allowance: Allowance,
}

impl Guest {
    /// Reads the request, or says what is wrong with it.
    pub(crate) fn of(request: Request<'_>) -> Result<Self, &'static str> {
        let room = request.query_value("room").unwrap_or_default();
        let room =
            named(&room, ROOM_NAME_MAX, "lobby").ok_or("the name of the room shows nothing\n")?;
        let name = percent_decode_str(request.cookie(COOKIE).unwrap_or_default())
            .decode_utf8()
            .map_err(|_| "the cookie chat_name is not percent-encoded UTF-8\n")?;
        let name = named(&name, NAME_MAX, "guest")
            .ok_or("the name in the cookie chat_name shows nothing\n")?;
        Ok(Self { room, name, allowance: Allowance::new(Instant::now()) })
    }
}

fn named(wish: &str, max: usize, default: &str) -> Option<String> {
    words::name(if wish.is_empty() { default } else { wish }, max)
}
