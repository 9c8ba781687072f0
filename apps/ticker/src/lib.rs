//! Simulated prices for everybody, four times a second, with a live chart (`www/`).
//!
//! A client connects to `/ticker`, sends nothing, and receives JSON objects as text messages. Prices
//! are in hundredths, in the order of the symbols; ticks are counted.
//!
//! ```text
//! {"type":"market","every_ms":250,"symbols":["ASH","ELM"],"first":17,
//!  "ticks":[[10412,5120],[10418,5116]]}                 first, once: the last 240 ticks
//! {"type":"tick","number":19,"prices":[10421,5119]}     to all
//! ```
//!
//! While nobody is connected the market rests, and so does the timer. Who sends anything is closed
//! with 1008.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used))]

mod json;
mod market;
#[cfg(test)]
mod tests;

use market::Market;
use ringsocket_app::{App, ClientId, Close, Context, InitResult, Message};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// From one tick to the next.
const TICK: Duration = Duration::from_millis(250);

const POLICY: u16 = 1008;

struct Ticker {
    market: Market,
    client_c: usize,
}

impl App for Ticker {
    fn init(_cx: &mut Context<'_>) -> InitResult<Self> {
        // std's hasher is seeded anew for each; that is chance enough.
        let seed = RandomState::new().hash_one("market");
        Ok(Self { market: Market::new(seed), client_c: 0 })
    }

    fn open(&mut self, cx: &mut Context<'_>, client: ClientId) {
        self.client_c += 1;
        if self.client_c == 1 {
            cx.set_timer(TICK);
        }
        cx.to(client).text(json::market(&self.market));
    }

    fn read(&mut self, cx: &mut Context<'_>, client: ClientId, _message: Message<'_>) {
        cx.close(client, POLICY, "nothing is for sale here");
    }

    fn close(&mut self, cx: &mut Context<'_>, _client: ClientId, _close: Close<'_>) {
        self.client_c -= 1;
        if self.client_c == 0 {
            cx.cancel_timer();
        }
    }

    fn timer(&mut self, cx: &mut Context<'_>) {
        self.market.step();
        cx.to_all().text(json::tick(&self.market));
        cx.set_timer(TICK);
    }
}

ringsocket_app::export!(Ticker);
