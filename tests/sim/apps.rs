//! The apps of the simulation, written with the SDK like any other. They check the order of what
//! they see: open, messages, close, for each client once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::error::Error;

use ringsocket_app::{App, ClientId, Close, Context, Message, RestoreResult, abi};

use crate::world::is_run_by_worker;

/// What an app has seen of its clients.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Whether each client is open.
    clients: HashMap<ClientId, bool>,
    pub(crate) messages: usize,
    /// Those of them that were read while a worker ran the app.
    pub(crate) direct: usize,
    /// Callbacks until the app fails.
    pub(crate) fails_after: Option<usize>,
}

impl Seen {
    /// Clients that were opened and not closed.
    pub(crate) fn open_c(&self) -> usize {
        self.clients.values().filter(|is_open| **is_open).count()
    }
}

thread_local! {
    pub(crate) static SEEN: RefCell<Seen> = RefCell::default();
}

fn see(change: impl FnOnce(&mut Seen)) {
    SEEN.with_borrow_mut(|seen| {
        if let Some(left) = &mut seen.fails_after {
            if *left == 0 {
                std::panic::panic_any("the app was to fail now");
            }
            *left -= 1;
        }
        change(seen);
    });
}

fn opened(client: ClientId) {
    see(|seen| assert_eq!(seen.clients.insert(client, true), None, "opened twice: {client:?}"));
}

fn lived_on(client: ClientId) {
    see(|seen| assert_eq!(seen.clients.get(&client), Some(&true), "not there before: {client:?}"));
}

fn read(client: ClientId) {
    see(|seen| {
        assert_eq!(seen.clients.get(&client), Some(&true), "a message of nobody: {client:?}");
        seen.messages += 1;
        seen.direct += usize::from(is_run_by_worker());
    });
}

fn closed(client: ClientId) {
    see(|seen| assert_eq!(seen.clients.insert(client, false), Some(true), "closed: {client:?}"));
}

/// A text that needs no answer. It is sent so often in a row that a ring overflows.
pub(crate) fn noise() -> String {
    "n".repeat(7000)
}

/// How often.
pub(crate) const NOISE_C: usize = 12;

/// Before some messages much is sent, while their sender has nothing to say.
fn make_noise(cx: &mut Context<'_>, client: ClientId, bytes: &[u8]) {
    if bytes.get(4).is_some_and(|seq| seq % 8 == 3) {
        let noise = noise();
        (0..NOISE_C).for_each(|_| cx.to(client).text(&noise));
    }
}

/// Sends each binary message back.
struct Echo;

impl App for Echo {
    fn init(_: &mut Context<'_>) -> Result<Self, Box<dyn Error>> {
        Ok(Self)
    }

    fn open(&mut self, cx: &mut Context<'_>, client: ClientId) {
        opened(client);
        cx.to(client).text("welcome");
    }

    fn read(&mut self, cx: &mut Context<'_>, client: ClientId, message: Message<'_>) {
        read(client);
        let Message::Binary(bytes) = message else { return };
        make_noise(cx, client, bytes);
        cx.to(client).send(message);
    }

    fn close(&mut self, _: &mut Context<'_>, client: ClientId, _: Close<'_>) {
        closed(client);
    }
}

/// The number of the message that [`Closing`] ends each conversation with.
pub(crate) const LAST: usize = 7;

/// Sends each message back, and closes the client after one of them.
struct Closing;

impl App for Closing {
    fn init(_: &mut Context<'_>) -> Result<Self, Box<dyn Error>> {
        Ok(Self)
    }

    fn open(&mut self, cx: &mut Context<'_>, client: ClientId) {
        opened(client);
        cx.to(client).text("welcome");
    }

    fn read(&mut self, cx: &mut Context<'_>, client: ClientId, message: Message<'_>) {
        read(client);
        let Message::Binary(bytes) = message else { return };
        make_noise(cx, client, bytes);
        cx.to(client).send(message);
        if bytes.get(4..8) == Some(&(LAST as u32).to_ne_bytes()) {
            cx.close(client, 4000, "that is enough");
            cx.to(client).text("nothing follows a Close");
        }
    }

    fn close(&mut self, _: &mut Context<'_>, client: ClientId, _: Close<'_>) {
        closed(client);
    }
}

/// Sends each message to everybody, its sender included, by each of the ways there are in turn.
#[derive(Default)]
struct Broadcast {
    clients: Vec<ClientId>,
    count: usize,
}

impl App for Broadcast {
    fn init(_: &mut Context<'_>) -> Result<Self, Box<dyn Error>> {
        Ok(Self::default())
    }

    fn open(&mut self, cx: &mut Context<'_>, client: ClientId) {
        opened(client);
        cx.to(client).text("welcome");
        self.clients.push(client);
    }

    fn read(&mut self, cx: &mut Context<'_>, client: ClientId, message: Message<'_>) {
        read(client);
        if !matches!(message, Message::Binary(_)) {
            return;
        }
        self.count += 1;
        match self.count % 3 {
            0 => cx.to_all().send(message),
            1 => {
                cx.to_all().except(client).send(message);
                cx.to(client).send(message);
            }
            _ => cx.to_many(&self.clients).send(message),
        }
    }

    fn close(&mut self, _: &mut Context<'_>, client: ClientId, _: Close<'_>) {
        closed(client);
        self.clients.retain(|other| *other != client);
    }
}

/// As [`Echo`], and lives on from process to process, as do its clients: whom it restores by turns, and has
/// opened again.
struct Living;

impl App for Living {
    fn init(_: &mut Context<'_>) -> Result<Self, Box<dyn Error>> {
        Ok(Self)
    }

    fn open(&mut self, cx: &mut Context<'_>, client: ClientId) {
        if cx.request().is_some_and(|request| request.is_resumed()) {
            return lived_on(client);
        }
        Echo.open(cx, client);
    }

    fn read(&mut self, cx: &mut Context<'_>, client: ClientId, message: Message<'_>) {
        Echo.read(cx, client, message);
    }

    fn close(&mut self, cx: &mut Context<'_>, client: ClientId, close: Close<'_>) {
        Echo.close(cx, client, close);
    }

    fn save(&mut self, _: &mut Context<'_>) -> Option<Vec<u8>> {
        let open_c = SEEN.with_borrow(Seen::open_c);
        (open_c % 2 == 0).then(|| open_c.to_ne_bytes().to_vec())
    }

    fn restore(&mut self, _: &mut Context<'_>, state: &[u8], ids: &[ClientId]) -> RestoreResult {
        assert_eq!(state, ids.len().to_ne_bytes(), "clients that it knows");
        ids.iter().copied().for_each(lived_on);
        Ok(())
    }
}

pub(crate) static ECHO: abi::App = ringsocket_app::__private::vtable::<Echo>();
pub(crate) static BROADCAST: abi::App = ringsocket_app::__private::vtable::<Broadcast>();
pub(crate) static LIVING: abi::App = ringsocket_app::__private::vtable::<Living>();
pub(crate) static CLOSING: abi::App = ringsocket_app::__private::vtable::<Closing>();
