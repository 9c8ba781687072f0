//! Time as this crate sees it: a number that the caller hands in.
//! Not for: reading a clock. Nothing in this crate does.

use std::ops::Add;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment, in milliseconds of a monotonic clock of the caller's. Where the clock starts does not
/// matter, as long as all moments given to one connection come from the same one.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize,
)]
pub struct Millis(pub u64);

impl Millis {
    /// The end of time: later than all that is waited for.
    pub const NEVER: Self = Self(u64::MAX);
}

impl Add<Duration> for Millis {
    type Output = Self;

    /// The moment that much later; fractions of a millisecond are dropped, and the end of time is
    /// where it stops.
    #[inline]
    fn add(self, wait: Duration) -> Self {
        let seconds = wait.as_secs().saturating_mul(1000);
        Self(self.0.saturating_add(seconds).saturating_add(u64::from(wait.subsec_millis())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addition_drops_fractions_and_saturates() {
        assert_eq!(Millis(5) + Duration::from_micros(2_999), Millis(7));
        assert_eq!(Millis(5) + Duration::MAX, Millis::NEVER);
    }
}
