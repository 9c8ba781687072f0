//! How fast a client may send: a token bucket.

use std::time::{Duration, Instant};

/// Lines at once, after a while of silence.
const BURST: u32 = 20;
/// Time in which one more line is granted.
const REFILL: Duration = Duration::from_millis(200);

/// What a client may still send: 20 lines at once, and 5 per second in the long run.
#[derive(Debug)]
pub(crate) struct Allowance {
    /// When it is, or was, full.
    full_at: Instant,
}

impl Allowance {
    pub(crate) fn new(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Takes one line off it; false if there is none left.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let full_at = self.full_at.max(now) + REFILL;
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
            assert!(allowance.take(start));
        }
        assert!(!allowance.take(start));
        assert!(!allowance.take(start + REFILL - Duration::from_millis(1)));
        assert!(allowance.take(start + REFILL));
        assert!(!allowance.take(start + REFILL));

        let later = start + Duration::from_secs(3600);
        let granted = (0..100).filter(|_| allowance.take(later)).count();
        assert_eq!(granted, BURST as usize, "silence saves up no more than a burst");
    }
}
