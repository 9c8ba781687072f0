//! The apps of the simulation, written with the SDK like any other. They check the order of what
//! they see: open, messages, close, for each client once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::error::Error;

use ringsocket_app::{App, ClientId, Close, Context, Message, abi};

/// What an app has seen of its clients.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Whether each client is open.
    clients: HashMap<ClientId, bool>,
    pub(crate) messages: usize,
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
    SEEN.with_borrow_mut(change);
}

fn opened(client: ClientId) {
    see(|seen| assert_eq!(seen.clients.insert(client, true), None, "opened twice: {client:?}"));
}

fn read(client: ClientId) {
    see(|seen| {
        assert_eq!(seen.clients.get(&client), Some(&true), "a message of nobody: {client:?}");
        seen.messages += 1;
    });
}

fn closed(client: ClientId) {
    see(|seen| assert_eq!(seen.clients.insert(client, false), Some(true), "closed: {client:?}"));
}

/// Sends each message back.
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
        cx.to(client).send(message);
    }

    fn close(&mut self, _: &mut Context<'_>, client: ClientId, _: Close<'_>) {
        closed(client);
    }
}

/// Sends each message to everybody, itself included.
struct Broadcast;

impl App for Broadcast {
    fn init(_: &mut Context<'_>) -> Result<Self, Box<dyn Error>> {
        Ok(Self)
    }

    fn open(&mut self, cx: &mut Context<'_>, client: ClientId) {
        opened(client);
        cx.to(client).text("welcome");
    }

    fn read(&mut self, cx: &mut Context<'_>, client: ClientId, message: Message<'_>) {
        read(client);
        cx.to_all().send(message);
    }

    fn close(&mut self, _: &mut Context<'_>, client: ClientId, _: Close<'_>) {
        closed(client);
    }
}

pub(crate) static ECHO: abi::App = ringsocket_app::__private::vtable::<Echo>();
pub(crate) static BROADCAST: abi::App = ringsocket_app::__private::vtable::<Broadcast>();
