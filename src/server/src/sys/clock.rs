//! clock_gettime(2), of what std does not offer.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Processor time that this thread has used.
pub fn thread_time() -> Duration {
    // Positive by the clock's nature; the conversion asks.
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
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
