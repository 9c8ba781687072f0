//! What the app knows, as text that outlives a restart of the server: a line of JSON about the app, and
//! one for each room. Another version of the app must be able to tell that it cannot read it.

use crate::allowance::Allowance;
use crate::guest::Guest;
use crate::history::{History, Line};
use crate::rooms::{ROOM_MAX, ROOMS_MAX, Room, Rooms};
use ringsocket_app::{ClientId, abi::STATE_MAX_SIZE};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::error::Error;
use std::time::{Duration, Instant};

/// To be raised with every change that an older reader would not understand.
const VERSION: u32 = 1;

/// The first line.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Preamble {
    chat: u32,
}

/// Each other line.
#[derive(Debug, Serialize, Deserialize)]
struct SavedRoom<'a> {
    name: Cow<'a, str>,
    /// In the order in which they came.
    members: Vec<SavedMember<'a>>,
    lines: Cow<'a, VecDeque<Line>>,
    /// For how long it has been empty, in milliseconds, if it is.
    empty_ms: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedMember<'a> {
    client: u64,
    name: Cow<'a, str>,
    /// In how many milliseconds the allowance is full.
    full_in_ms: u64,
}

/// Writes all rooms. If that is too much for the server to keep, lines of rooms that have been empty for
/// long go first.
pub(crate) fn write<'a>(
    rooms: &Rooms,
    guest: impl Fn(ClientId) -> Option<&'a Guest>,
    now: Instant,
) -> Vec<u8> {
    let mut rooms: Vec<_> = rooms.iter().collect();
    rooms.sort_by_key(|(_, room)| room.empty_since().map(|since| now - since));
    let mut state = json(&Preamble { chat: VERSION });
    for (name, room) in rooms {
        let members = room.members().map(|(client, name)| {
            let full_in = guest(client).map(|guest| guest.allowance.full_in(now));
            let full_in_ms = full_in.unwrap_or_default().as_millis() as u64;
            SavedMember { client: client.get(), name: name.into(), full_in_ms }
        });
        let empty_ms = room.empty_since().map(|since| (now - since).as_millis() as u64);
        let (members, lines) = (members.collect(), Cow::Borrowed(room.history().lines()));
        let mut saved = SavedRoom { name: name.into(), members, lines, empty_ms };
        let mut line = json(&saved);
        if state.len() + line.len() > LINES_UP_TO {
            if saved.members.is_empty() {
                continue;
            }
            saved.lines = Cow::default();
            line = json(&saved);
        }
        state.append(&mut line);
    }
    state
}

/// Beyond this there is no room for lines, but there is for all members that there can be, of whom none
/// takes more than 160 bytes.
const LINES_UP_TO: usize = STATE_MAX_SIZE / 2;
const _: () = assert!(ROOMS_MAX * (ROOM_MAX * 160 + 400) < STATE_MAX_SIZE - LINES_UP_TO);

/// JSON and a line end, of which JSON itself has none.
fn json(value: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(value).expect("there is nothing in it that JSON lacks");
    line.push(b'\n');
    line
}

/// The rooms, and who is in them.
pub(crate) type Read = (Rooms, Vec<(ClientId, Guest)>);

/// Reads what [`write`] has written.
pub(crate) fn read(state: &[u8], now: Instant) -> Result<Read, Box<dyn Error>> {
    let mut lines = std::str::from_utf8(state)?.lines();
    let preamble: Preamble = serde_json::from_str(lines.next().unwrap_or_default())?;
    if preamble.chat != VERSION {
        return Err(format!("it is of version {}, and not {VERSION}", preamble.chat).into());
    }
    let (mut rooms, mut guests) = (Rooms::default(), Vec::new());
    for line in lines {
        let SavedRoom { name, members, lines, empty_ms } = serde_json::from_str(line)?;
        let empty = empty_ms.map(Duration::from_millis);
        let empty_since = empty.map(|empty| now.checked_sub(empty).unwrap_or(now));
        let mut room = Room::of(History::of(lines.into_owned()), empty_since);
        for SavedMember { client, name: of_member, full_in_ms } in members {
            let client = ClientId::new(client).ok_or("client 0 is nobody")?;
            let allowance = Allowance::full_at(now + Duration::from_millis(full_in_ms));
            room.readmit(client, of_member.clone().into_owned());
            let (room, name) = (name.clone().into_owned(), of_member.into_owned());
            guests.push((client, Guest { room, name, allowance }));
        }
        rooms.put(name.into_owned(), room);
    }
    Ok((rooms, guests))
}
