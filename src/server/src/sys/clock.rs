//! clock_gettime(2), of what std does not offer, or not as cheaply as each turn wants it.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Time since some moment in the past, the same for all threads; it never goes back.
#[inline]
pub fn monotonic() -> Duration {
    read(ClockId::Monotonic)
}

/// Processor time that this thread has used.
pub fn thread_time() -> Duration {
    read(ClockId::ThreadCPUTime)
}

#[inline]
fn read(clock: ClockId) -> Duration {
    // Positive by the clocks' nature; the conversion asks.
    Duration::try_from(clock_gettime(clock)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_time_and_sleep_does_not() {
        let start = thread_time();
        std::thread::sleep(Duration::from_millis(50));
        let slept = thread_time();
        while thread_time() < slept + Duration::from_millis(2) {}
        assert!(slept - start < Duration::from_millis(40), "{:?}", slept - start);
    }
}
