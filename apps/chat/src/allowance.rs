//! How much a client may send: a token bucket.

use std::time::{Duration, Instant};

/// Tokens after a while of silence.
pub(crate) const BURST: u32 = 20;
/// Time in which one more is granted.
const REFILL: Duration = Duration::from_millis(200);
/// Bytes of a line for which one more is taken.
const BYTES: usize = 1000;

/// What a client may still send: 20 lines at once, and 5 per second in the long run. A long line
/// counts as one more for each 1,000 bytes.
#[derive(Debug)]
pub(crate) struct Allowance {
    /// When it is, or was, full.
    full_at: Instant,
}

impl Allowance {
    pub(crate) fn new(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// One that will be full then.
    pub(crate) fn full_at(full_at: Instant) -> Self {
        Self { full_at }
    }

    /// How long it will take until it is full.
    pub(crate) fn full_in(&self, now: Instant) -> Duration {
        self.full_at.saturating_duration_since(now)
    }

    /// Takes a line of so many bytes off it; false, and nothing is taken, if not enough is left.
    pub(crate) fn take(&mut self, now: Instant, size: usize) -> bool {
        // At most as much as there can ever be.
        let tokens = (1 + size / BYTES).min(BURST as usize) as u32;
        let full_at = self.full_at.max(now) + tokens * REFILL;
        let is_granted = full_at <= now + BURST * REFILL;
        if is_granted {
            self.full_at = full_at;
        }
        is_granted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_a_rate() {
        let start = Instant::now();
        let mut allowance = Allowance::new(start);
        for _ in 0..BURST {
            assert!(allowance.take(start, 999));
        }
        assert!(!allowance.take(start, 0));
        assert!(!allowance.take(start + REFILL - Duration::from_millis(1), 0));
        assert!(allowance.take(start + REFILL, 0));
        assert!(!allowance.take(start + REFILL, 0));

        let later = start + Duration::from_secs(3600);
        let granted = (0..100).filter(|_| allowance.take(later, 0)).count();
        assert_eq!(granted, BURST as usize, "silence saves up no more than a burst");
    }

    #[test]
    fn long_lines_take_more() {
        let start = Instant::now();
        let mut allowance = Allowance::new(start);
        let granted = (0..100).filter(|_| allowance.take(start, 4000)).count();
        assert_eq!(granted, 4, "each counts as five");
        let rested = start + BURST * REFILL;
        assert!(allowance.take(rested, usize::MAX), "none is too long for a full one");
        assert!(!allowance.take(rested, 0));
    }
}
