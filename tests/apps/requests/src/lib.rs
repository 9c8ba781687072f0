//! A test app of typed messages: it answers each request with a text of what it was, or, asked to,
//! with a typed message. What does not fit closes its sender.
#![forbid(unsafe_code)]

#[cfg(test)]
mod tests;

use ringsocket_app::typed::Packed;
use ringsocket_app::{App, ClientId, Context, InitResult, Message, messages};

messages! {
    /// What clients send.
    #[derive(Clone, Debug, PartialEq)]
    pub(crate) enum Request<'a> {
        binary Nothing = 0,
        binary Numbers { a: u8, b: i16, c: u32, d: i64, e: u128, f: f32, g: f64, h: bool } = 1,
        binary Fixed { three: [u16; 3], id: &'a [u8; 4], at: Point } = 2,
        binary Path { closed: bool, points: Vec<Point> where 1..=3 } = 3,
        binary Samples { rate: u8, samples: Packed<'a, i32> where 2..=4 } = 4,
        binary Name { name: &'a str where 1..=8 } = 5,
        binary Bytes { bytes: &'a [u8] } = 6,
        /// Is answered with an `Answer`.
        binary Double { number: u16 } = 7,
        text Say { line: &'a str where 1..=500 } = b's',
        text Pair { first: u8, second: String where 0..=4 } = b'p',
        either Either { rest: &'a [u8] where 0..=2 } = b'e',
    }

    /// What the app sends to who asked for the double of a number.
    #[derive(Debug, PartialEq)]
    pub(crate) binary struct Answer { double: u32 }

    /// A part of requests.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub(crate) struct Point { x: i16, y: i16 }
}

struct Requests;

impl App for Requests {
    fn init(_: &mut Context<'_>) -> InitResult<Self> {
        Ok(Self)
    }

    fn read(&mut self, cx: &mut Context<'_>, client: ClientId, message: Message<'_>) {
        match cx.decode(client, message) {
            Some(Request::Double { number }) => {
                cx.to(client).send(Answer { double: 2 * u32::from(number) });
            }
            Some(request) => cx.to(client).text(format_args!("{request:?}")),
            None => {}
        }
    }
}

ringsocket_app::export!(Requests);
