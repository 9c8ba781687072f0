//! A test app that asks for a thread of its own, and answers every message with the name of the
//! thread that it runs on.
#![forbid(unsafe_code)]

use ringsocket_app::{App, ClientId, Context, InitResult, Message};

struct Loner;

impl App for Loner {
    const OWN_THREAD: bool = true;

    fn init(_cx: &mut Context<'_>) -> InitResult<Self> {
        Ok(Self)
    }

    fn read(&mut self, cx: &mut Context<'_>, client: ClientId, _message: Message<'_>) {
        let name = std::fs::read_to_string("/proc/thread-self/comm").unwrap_or_default();
        cx.to(client).text(name.trim_end());
    }
}

ringsocket_app::export!(Loner);
