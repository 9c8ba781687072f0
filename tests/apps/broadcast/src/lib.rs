//! A test app that sends every message to all of its clients, the sender included.
#![forbid(unsafe_code)]

use ringsocket_app::{App, ClientId, Context, InitResult, Message};

struct Broadcast;

impl App for Broadcast {
    fn init(_cx: &mut Context<'_>) -> InitResult<Self> {
        Ok(Self)
    }

    fn read(&mut self, cx: &mut Context<'_>, _client: ClientId, message: Message<'_>) {
        cx.to_all().send(message);
    }
}

ringsocket_app::export!(Broadcast);
