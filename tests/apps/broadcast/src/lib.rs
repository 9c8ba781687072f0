//! A test app that sends every message to all of its clients, the sender included. Who asks with `?greet`
//! hears "hello" as soon as it counts among them.
#![forbid(unsafe_code)]

use ringsocket_app::{App, ClientId, Context, InitResult, Message};

struct Broadcast;

impl App for Broadcast {
    fn init(_cx: &mut Context<'_>) -> InitResult<Self> {
        Ok(Self)
    }

    fn open(&mut self, cx: &mut Context<'_>, client: ClientId) {
        if cx.request().is_some_and(|request| request.query() == "greet") {
            cx.to(client).text("hello");
        }
    }

    fn read(&mut self, cx: &mut Context<'_>, _client: ClientId, message: Message<'_>) {
        cx.to_all().send(message);
    }
}

ringsocket_app::export!(Broadcast);
