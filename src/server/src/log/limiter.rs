//! How often one call site may log an event that strangers can repeat at will.
//! Not for: limiting what is done about the event.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// A token bucket for one call site, kept in a `static`; any number of threads may share it.
///
/// It holds one number, the time at which the bucket would be full again (the generic cell rate
/// algorithm of ITU-T I.371), so that admitting is one compare-and-swap.
#[derive(Debug)]
pub struct Limiter {
    /// Nanoseconds in which one token comes back.
    interval: u64,
    /// Nanoseconds that the time below may lie ahead of now: all tokens but one.
    tolerance: u64,
    /// When the bucket would be full, in nanoseconds since the process's first look at the clock.
    full_at: AtomicU64,
    suppressed: AtomicU64,
}

impl Limiter {
    /// `burst` lines at once (at least 1), and after them one per `seconds` (at least 1).
    pub const fn new(burst: u32, seconds: u32) -> Self {
        let interval = (if seconds == 0 { 1 } else { seconds as u64 }) * 1_000_000_000;
        Limiter {
            interval,
            tolerance: interval.saturating_mul((if burst == 0 { 1 } else { burst as u64 }) - 1),
            full_at: AtomicU64::new(0),
            suppressed: AtomicU64::new(0),
        }
    }

    /// A full bucket whose call site was passed over some times.
    #[cfg(test)]
    pub(super) fn with_suppressed(suppressed: u64) -> Self {
        Limiter { suppressed: AtomicU64::new(suppressed), ..Limiter::new(1, 1) }
    }

    /// `None`: say nothing now. `Some(n)`: log; `n` events were passed over since the last line.
    pub fn admit(&self) -> Option<u64> {
        static START: OnceLock<Instant> = OnceLock::new();
        let since = START.get_or_init(Instant::now).elapsed().as_nanos();
        self.admit_at(u64::try_from(since).unwrap_or(u64::MAX))
    }

    fn admit_at(&self, now: u64) -> Option<u64> {
        let take = |full_at: u64| {
            let full_at = full_at.max(now);
            (full_at - now <= self.tolerance).then(|| full_at.saturating_add(self.interval))
        };
        match self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            Ok(_) => Some(self.suppressed.swap(0, Ordering::Relaxed)),
            Err(_) => {
                self.suppressed.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_burst_then_one_line_per_interval_and_the_rest_is_counted() {
        let limiter = Limiter::new(3, 10);
        let at = |second: u64| limiter.admit_at(second * SECOND);
        assert_eq!([at(0), at(0), at(0), at(0), at(5)], [Some(0), Some(0), Some(0), None, None]);
        assert_eq!([at(10), at(10), at(19), at(20)], [Some(2), None, None, Some(2)]);
    }

    #[test]
    fn a_quiet_time_fills_the_bucket_and_no_more_than_that() {
        let limiter = Limiter::new(2, 1);
        assert_eq!(limiter.admit_at(0), Some(0));
        let later = 1000 * SECOND;
        let admitted = (0..10).filter(|_| limiter.admit_at(later).is_some()).count();
        assert_eq!(admitted, 2);
    }

    #[test]
    fn threads_share_one_bucket() {
        let limiter = Limiter::new(5, 3600);
        let admitted = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        if limiter.admit().is_some() {
                            admitted.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(admitted.into_inner(), 5);
        assert_eq!(limiter.suppressed.into_inner(), 3995);
    }

    #[test]
    fn zeroes_are_taken_for_ones() {
        let limiter = Limiter::new(0, 0);
        assert_eq!(limiter.admit_at(0), Some(0));
        assert_eq!(limiter.admit_at(0), None);
        assert_eq!(limiter.admit_at(SECOND), Some(1));
    }
}
