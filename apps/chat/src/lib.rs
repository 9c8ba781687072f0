//! Chat rooms, with a small web page (`www/`).
//!
//! A client connects to `/chat?room=NAME`, with its own name in a cookie, `chat_name`,
//! percent-encoded. It sends lines as text messages, and receives JSON objects as text messages,
//! told apart by their `type`:
//!
//! ```text
//! {"type":"welcome","room":"lobby","name":"Ann","here":["Ben","Ann"],   first, once
//!  "lines":[{"at":1700000000000,"name":"Ben","text":"hello?"}]}
//! {"type":"joined","name":"Cay"}                                        somebody came
//! {"type":"left","name":"Cay"}                                          somebody went
//! {"type":"said","at":1700000000321,"name":"Ann","text":"hi"}           also to who said it
//! {"type":"refused","text":"a line has at most 2000 characters"}        to its sender alone
//! ```
//!
//! The room defaults to `lobby` and the name to `guest`; a name that looks like one in the room gets
//! a number. Nobody proves who they are. A name of nothing visible is refused with 400.
//!
//! A room is a topic. Its last 100 lines (of at most 64 KiB) are kept in memory for an hour after the
//! last one has left, or less if there are more than 1,000 rooms.
//!
//! Closes with 1003 who sends binary data, with 1008 who sends too much (20 lines at once, 5 per
//! second, long ones count more), and with 1013 who asks for a full room or one room too many.
//! When the app is replaced, everybody is closed with 1012, to meet again in the new one. Through a
//! restart of the server rooms, names and lines live on.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used))]

mod allowance;
mod events;
mod guest;
mod history;
mod rooms;
mod saved;
#[cfg(test)]
mod tests;
mod words;

use events::Event;
use guest::Guest;
use ringsocket_app::{
    Accept, App, ClientId, Close, Context, Decision, InitResult, Message, Refusal, RestoreResult,
    Upgrade, UpgradeHook,
};
use rooms::Rooms;
use std::time::{Duration, Instant, SystemTime};

/// Most characters of a line.
const LINE_MAX: usize = 2000;
/// No message to a client is larger: twice the last lines, as JSON may need, and 200 names.
const MESSAGE_MAX: usize = 256 * 1024;

const UNSUPPORTED: u16 = 1003;
const POLICY: u16 = 1008;
const RESTART: u16 = 1012;
const TRY_AGAIN_LATER: u16 = 1013;

struct Chat {
    rooms: Rooms,
}

impl App for Chat {
    const UPGRADE: Option<UpgradeHook<Self>> = Some(Self::look_at);

    fn init(cx: &mut Context<'_>) -> InitResult<Self> {
        if cx.conf().max_message_size < MESSAGE_MAX {
            return Err(format!("chat needs a max_ws_msg_size of {MESSAGE_MAX} or more").into());
        }
        Ok(Self { rooms: Rooms::default() })
    }

    fn open(&mut self, cx: &mut Context<'_>, client: ClientId) {
        let Some(Guest { room, name, .. }) = cx.attached(client) else {
            // It has lived through a restart without its room, and nobody knows its name any more.
            return cx.close(client, RESTART, "the chat has been restarted");
        };
        let name = match self.rooms.join(client, room, name) {
            Ok(name) => name,
            Err(reason) => return cx.close(client, TRY_AGAIN_LATER, reason),
        };
        if cx.try_subscribe(client, room).is_err() {
            return self.send_away(cx, client, TRY_AGAIN_LATER, "there are too many rooms");
        }
        if let Some(there) = self.rooms.get(room) {
            let (here, lines) = (there.names(), there.history().lines());
            cx.to(client).text(Event::Welcome { room, name: &name, here, lines }.json());
        }
        cx.to_topic(room).except(client).text(Event::Joined { name: &name }.json());
    }

    fn read(&mut self, cx: &mut Context<'_>, client: ClientId, message: Message<'_>) {
        let Message::Text(text) = message else {
            return self.send_away(cx, client, UNSUPPORTED, "lines are text");
        };
        let Some(guest) = cx.attached_mut::<Guest>(client) else { return };
        if !guest.allowance.take(Instant::now(), text.len()) {
            return self.send_away(cx, client, POLICY, "too many lines at once");
        }
        // Longer in bytes than any line in characters: not worth counting.
        if text.len() > 4 * LINE_MAX || text.chars().count() > LINE_MAX {
            let text = &format!("a line has at most {LINE_MAX} characters");
            return cx.to(client).text(Event::Refused { text }.json());
        }
        let line = words::line(text);
        let Some(Guest { room, .. }) = cx.attached(client) else { return };
        if line.is_empty() {
            return;
        }
        // Who is being closed may still have lines under way, but is in no room.
        if let Some(line) = self.rooms.say(client, room, line, unix_ms()) {
            cx.to_topic(room).text(Event::Said(line).json());
        }
    }

    fn close(&mut self, cx: &mut Context<'_>, client: ClientId, _close: Close<'_>) {
        self.leave(cx, client);
    }

    fn timer(&mut self, cx: &mut Context<'_>) {
        self.forget(cx);
    }

    fn drain(&mut self, cx: &mut Context<'_>, _wait: Duration) {
        // Taken away first: nobody is told of all those who leave now.
        for client in std::mem::take(&mut self.rooms).clients() {
            cx.close(client, RESTART, "the chat is being replaced");
        }
    }

    fn save(&mut self, cx: &mut Context<'_>) -> Option<Vec<u8>> {
        Some(saved::write(&self.rooms, |client| cx.attached(client), Instant::now()))
    }

    fn restore(
        &mut self,
        cx: &mut Context<'_>,
        state: &[u8],
        _clients: &[ClientId],
    ) -> RestoreResult {
        let now = Instant::now();
        let (rooms, guests) = saved::read(state, now)?;
        self.rooms = rooms;
        let mut gone = Vec::new();
        for (client, guest) in guests {
            let room = guest.room.clone();
            if cx.attach(client, guest).is_err() {
                gone.push((client, room));
            }
        }
        for (client, room) in gone {
            if let Some(name) = self.rooms.leave(client, &room, now) {
                cx.to_topic(&room).text(Event::Left { name: &name }.json());
            }
        }
        self.forget(cx);
        Ok(())
    }
}

impl Chat {
    /// Lets in who has a name and asks for a room that can be shown to others.
    fn look_at(&mut self, _: &mut Context<'_>, _: ClientId, upgrade: &Upgrade<'_>) -> Decision {
        match Guest::of(upgrade.request()) {
            Ok(guest) => Accept::new().attach(guest).into(),
            Err(reason) => Refusal::new(400).text(reason).into(),
        }
    }

    /// Takes a client out of its room and closes it, unless that was done already.
    fn send_away(&mut self, cx: &Context<'_>, client: ClientId, code: u16, reason: &str) {
        if self.leave(cx, client) {
            cx.close(client, code, reason);
        }
    }

    /// Takes a client out of its room and tells the others. False if it is in none.
    fn leave(&mut self, cx: &Context<'_>, client: ClientId) -> bool {
        let Some(Guest { room, .. }) = cx.attached(client) else { return false };
        let Some(name) = self.rooms.leave(client, room, Instant::now()) else { return false };
        cx.unsubscribe(client, room);
        cx.to_topic(room).text(Event::Left { name: &name }.json());
        self.forget(cx);
        true
    }

    /// Forgets old rooms, and sets the timer to when the next one is due.
    fn forget(&mut self, cx: &Context<'_>) {
        match self.rooms.forget(Instant::now()) {
            Some(after) => cx.set_timer(after),
            None => cx.cancel_timer(),
        }
    }
}

fn unix_ms() -> u64 {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

ringsocket_app::export!(Chat);
