//! Chat rooms, with a small web page (`www/`).
//!
//! A client connects to `/chat?room=NAME&name=NAME`, sends lines as text messages, and receives
//! JSON objects as text messages, told apart by their `type`:
//!
//! ```text
//! {"type":"welcome","room":"lobby","name":"Ann","here":["Ben","Ann"]}   first, once
//! {"type":"joined","name":"Cay"}                                        somebody came
//! {"type":"left","name":"Cay"}                                          somebody went
//! {"type":"said","name":"Ann","text":"hi"}                              also to who said it
//! {"type":"refused","text":"a line has at most 2000 characters"}        to its sender alone
//! ```
//!
//! The room defaults to `lobby` and the name to `guest`; a name that is taken gets a number. Nobody
//! proves who they are, and nothing is kept: a room is there while somebody is in it.
//!
//! Closes with 1003 who sends binary data, with 1008 who sends too fast (20 lines at once, 5 per
//! second), and with 1013 who asks for a full room.
#![forbid(unsafe_code)]

mod allowance;
mod json;
mod rooms;
#[cfg(test)]
mod tests;
mod words;

use allowance::Allowance;
use ringsocket_app::{App, ClientId, Close, Context, InitResult, Message};
use rooms::Rooms;
use std::time::Instant;

/// Most characters of a line.
const LINE_MAX: usize = 2000;
/// Most characters of a room's name.
const ROOM_NAME_MAX: usize = 32;
/// Most characters of a person's name, without the number that makes it unique.
const NAME_MAX: usize = 24;
/// Most people in a room: each line is sent to all of them.
const ROOM_MAX: usize = 200;

const UNSUPPORTED: u16 = 1003;
const POLICY: u16 = 1008;
const TRY_AGAIN_LATER: u16 = 1013;

struct Chat {
    rooms: Rooms,
}

impl App for Chat {
    fn init(_cx: &mut Context<'_>) -> InitResult<Self> {
        Ok(Self { rooms: Rooms::default() })
    }

    fn open(&mut self, cx: &mut Context<'_>, client: ClientId) {
        let wish = |name, max, default| {
            let value = cx.request().and_then(|request| request.query_value(name));
            words::name(value.as_deref().unwrap_or_default(), max, default)
        };
        let room_name = wish("room", ROOM_NAME_MAX, "lobby");
        let name = wish("name", NAME_MAX, "guest");

        let allowance = Allowance::new(Instant::now());
        let Some(name) = self.rooms.join(client, &room_name, &name, allowance) else {
            return cx.close(client, TRY_AGAIN_LATER, "the room is full");
        };
        let here = self.rooms.room_of(client);
        cx.to(client).text(json::welcome(&room_name, &name, self.rooms.names(here)));
        let others = &here[..here.len() - 1];
        cx.to_many(others).text(json::joined(&name));
    }

    fn read(&mut self, cx: &mut Context<'_>, client: ClientId, message: Message<'_>) {
        // Who is being closed may still have lines under way.
        let Some(member) = self.rooms.member_mut(client) else { return };
        if !member.allowance.take(Instant::now()) {
            self.leave(cx, client);
            return cx.close(client, POLICY, "too many lines at once");
        }
        let Message::Text(text) = message else {
            self.leave(cx, client);
            return cx.close(client, UNSUPPORTED, "lines are text");
        };
        // Longer in bytes than any line in characters: not worth counting.
        if text.len() > 4 * LINE_MAX || text.chars().count() > LINE_MAX {
            let refusal = format!("a line has at most {LINE_MAX} characters");
            return cx.to(client).text(json::refused(&refusal));
        }
        let line = words::line(text);
        if !line.is_empty() {
            let said = json::said(&member.name, &line);
            cx.to_many(self.rooms.room_of(client)).text(&said);
        }
    }

    fn close(&mut self, cx: &mut Context<'_>, client: ClientId, _close: Close<'_>) {
        self.leave(cx, client);
    }
}

impl Chat {
    /// Takes a client out of its room, if it is in one, and tells the others.
    fn leave(&mut self, cx: &Context<'_>, client: ClientId) {
        if let Some((name, others)) = self.rooms.leave(client) {
            cx.to_many(others).text(json::left(&name));
        }
    }
}

ringsocket_app::export!(Chat);
