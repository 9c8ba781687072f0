//! Prices that walk at random, and the last ticks of each. Knows nothing of clients or of time.

use std::collections::VecDeque;

/// What is traded: name, price in hundredths to which it is drawn back, and how wildly it moves (the
/// standard deviation of a tick, in millionths of the price).
const STOCKS: [(&str, u32, u32); 5] = [
    ("ASH", 10_400, 900),
    ("BIRCH", 5_120, 1_400),
    ("CEDAR", 23_875, 600),
    ("ELM", 1_860, 2_200),
    ("OAK", 41_250, 1_100),
];

/// Ticks that are remembered: a minute of them.
pub(crate) const HISTORY: usize = 240;

/// Of the way back to its first price, the part that a price goes in each tick.
const DRAW: f64 = 0.004;

/// The price of each stock, in hundredths.
pub(crate) type Prices = [u32; STOCKS.len()];

/// All stocks, and where their prices have been.
#[derive(Debug)]
pub(crate) struct Market {
    random: u64,
    /// Number of the last tick.
    number: u64,
    /// The last `HISTORY` ticks, the newest at the end.
    ticks: VecDeque<Prices>,
}

impl Market {
    /// A market that has been open for a while; all of it follows from the seed.
    pub(crate) fn new(seed: u64) -> Self {
        let first = STOCKS.map(|(_, price, _)| price);
        let mut market = Self { random: seed, number: 0, ticks: VecDeque::from([first]) };
        (1..HISTORY).for_each(|_| market.step());
        market
    }

    /// Lets all prices take one step.
    pub(crate) fn step(&mut self) {
        let mut prices = self.prices();
        for (price, (_, home, wildness)) in prices.iter_mut().zip(STOCKS) {
            let now = f64::from(*price);
            let drawn = (f64::from(home) - now) * DRAW;
            let pushed = now * f64::from(wildness) / 1e6 * self.normal();
            *price = (now + drawn + pushed).round().max(1.0) as u32;
        }
        if self.ticks.len() == HISTORY {
            self.ticks.pop_front();
        }
        self.ticks.push_back(prices);
        self.number += 1;
    }

    /// Number of the last tick.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The prices of the last tick.
    pub(crate) fn prices(&self) -> Prices {
        self.ticks[self.ticks.len() - 1]
    }

    /// The last ticks, the newest at the end.
    pub(crate) fn ticks(&self) -> impl ExactSizeIterator<Item = &Prices> {
        self.ticks.iter()
    }

    /// Names of what is traded.
    pub(crate) fn symbols() -> [&'static str; STOCKS.len()] {
        STOCKS.map(|(symbol, ..)| symbol)
    }

    /// Nearly a standard normal deviate: the sum of twelve uniform ones.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }

    /// A number from 0 to 1, by SplitMix64 (Steele, Lea, Flood 2014).
    fn uniform(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.random;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word ^ (word >> 31)) as f64 / u64::MAX as f64
    }
}
