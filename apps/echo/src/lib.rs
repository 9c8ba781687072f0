//! Sends every message back to its sender, as text or binary as it came. The smallest useful app,
//! and the one that conformance and speed are measured with.
#![forbid(unsafe_code)]

use ringsocket_app::{App, ClientId, Context, InitResult, Message};

struct Echo;

impl App for Echo {
    fn init(_cx: &mut Context<'_>) -> InitResult<Self> {
        Ok(Self)
    }

    fn read(&mut self, cx: &mut Context<'_>, client: ClientId, message: Message<'_>) {
        cx.to(client).send(message);
    }
}

ringsocket_app::export!(Echo);

#[cfg(test)]
mod tests {
    use super::Echo;
    use ringsocket_app::testing::TestHost;

    #[test]
    fn only_the_sender_gets_its_message_back() {
        let mut host = TestHost::<Echo>::start().unwrap();
        let (ann, ben) = (host.open("/echo"), host.open("/echo"));
        host.text(ann, "grüezi");
        host.binary(ann, b"\x00\xff");
        let received = host.received(ann);
        assert_eq!(received[0], "grüezi");
        assert_eq!(received[1], &b"\x00\xff"[..]);
        assert_eq!(received.len(), 2);
        assert!(host.received(ben).is_empty());
    }
}
