//! first-app greets whoever comes, tells the others what somebody says, and adds numbers.
#![forbid(unsafe_code)]

use ringsocket_app::{App, ClientId, Close, Context, InitResult, Message, messages};

messages! {
    /// What clients send: the first byte tells which.
    #[derive(Debug)]
    enum Request<'a> {
        /// `!hello` is for everybody else.
        text Say { words: &'a str where 1..=500 } = b'!',
        /// `?` asks how many are here.
        text Count = b'?',
        /// 1, and two numbers in network byte order.
        binary Add { a: i32, b: i32 } = 1,
    }

    /// The answer to `Add`.
    #[derive(Debug)]
    binary struct Sum { value: i64 }
}

/// The app's state. Callbacks run one at a time, so it needs no lock.
struct Room {
    here: u32,
}

impl App for Room {
    fn init(_: &mut Context<'_>) -> InitResult<Self> {
        Ok(Room { here: 0 })
    }

    fn open(&mut self, cx: &mut Context<'_>, client: ClientId) {
        self.here += 1;
        cx.to(client)
            .text(format_args!("welcome: {} here", self.here));
    }

    fn read(&mut self, cx: &mut Context<'_>, client: ClientId, message: Message<'_>) {
        match cx.decode(client, message) {
            Some(Request::Say { words }) => cx.to_all().except(client).text(words),
            Some(Request::Count) => cx.to(client).text(format_args!("{} here", self.here)),
            Some(Request::Add { a, b }) => {
                let value = i64::from(a) + i64::from(b);
                cx.to(client).send(Sum { value });
            }
            None => {} // It did not fit, and its sender is being closed.
        }
    }

    fn close(&mut self, _: &mut Context<'_>, _: ClientId, _: Close<'_>) {
        self.here -= 1;
    }
}

ringsocket_app::export!(Room);

#[cfg(test)]
mod tests {
    use super::*;
    use ringsocket_app::testing::TestHost;

    #[test]
    fn who_leaves_is_not_counted() {
        let mut host = TestHost::<Room>::start().unwrap();
        let (ann, ben) = (host.open("/"), host.open("/"));
        host.leave(ann, 1000, "").unwrap();
        host.send(ben, Request::Count);
        host.send(ben, Request::Add { a: i32::MAX, b: 1 });
        let received = host.received(ben);
        assert_eq!(received[0], "welcome: 2 here");
        assert_eq!(received[1], "1 here");
        let sum: Sum = received[2].decode();
        assert_eq!(sum.value, 2_147_483_648);
    }
}
