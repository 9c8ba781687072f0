//! When systemd's watchdog is fed, and when it must not be: `WatchdogSec=` of systemd.service(5).
//! Not for: measuring how fast threads are.
//!
//! A thread counts its turns. It makes progress if the count moved since the last look, or if it
//! sleeps because it has nothing to do. While one thread does neither, the watchdog is not fed, and
//! systemd ends the process when the whole of its interval has gone by like this.

use std::time::{Duration, Instant};

/// How often the watchdog is to be fed: half of what systemd asks for, as sd_watchdog_enabled(3)
/// recommends. `None` if it does not ask.
pub fn interval() -> Option<Duration> {
    let asked = sd_notify::watchdog_enabled()?;
    (!asked.is_zero()).then(|| asked / 2)
}

/// What a thread shows of itself at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sign {
    /// Turns of its loop so far (wrapping).
    pub turns: u64,
    /// Whether it sleeps and nothing waits for it.
    pub asleep: bool,
}

/// Looks at all threads whenever the watchdog is due.
#[derive(Debug)]
pub struct Watchdog {
    interval: Duration,
    due: Instant,
    /// Turns at the last look, by thread.
    seen: Vec<Option<u64>>,
}

impl Watchdog {
    /// For threads looked at every `interval`, beginning one interval after `now`.
    pub fn new(interval: Duration, now: Instant) -> Self {
        Watchdog { interval, due: now + interval, seen: Vec::new() }
    }

    /// When the next look is due.
    pub fn due(&self) -> Instant {
        self.due
    }

    /// Takes note of every thread's sign, always in the same order, and returns the numbers of
    /// those that are stuck. Only if there are none may the watchdog be fed.
    pub fn look(&mut self, now: Instant, signs: impl IntoIterator<Item = Sign>) -> Vec<usize> {
        self.due = now + self.interval;
        let mut stuck = Vec::new();
        for (thread, sign) in signs.into_iter().enumerate() {
            if thread == self.seen.len() {
                self.seen.push(None);
            }
            if !sign.asleep && self.seen[thread] == Some(sign.turns) {
                stuck.push(thread);
            }
            // Whoever slept may have been woken this very moment, and has not turned yet.
            self.seen[thread] = (!sign.asleep).then_some(sign.turns);
        }
        stuck
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn awake(turns: u64) -> Sign {
        Sign { turns, asleep: false }
    }

    fn asleep(turns: u64) -> Sign {
        Sign { turns, asleep: true }
    }

    #[test]
    fn threads_that_turn_or_sleep_are_well_and_others_are_named() {
        let now = Instant::now();
        let mut watchdog = Watchdog::new(Duration::from_secs(15), now);
        assert_eq!(watchdog.look(now, [awake(0), awake(0), asleep(0)]), [0; 0], "the first look");
        assert_eq!(watchdog.look(now, [awake(1), awake(0), asleep(0)]), [1]);
        // The third was asleep at the last look: it may have been woken a moment ago.
        assert_eq!(watchdog.look(now, [awake(1), awake(1), awake(0)]), [0]);
        assert_eq!(watchdog.look(now, [awake(2), awake(2), awake(0)]), [2]);
        assert_eq!(watchdog.look(now, [asleep(2), awake(u64::MAX), awake(1)]), [0; 0]);
    }

    #[test]
    fn the_next_look_is_one_interval_away() {
        let now = Instant::now();
        let half = Duration::from_secs(15);
        let mut watchdog = Watchdog::new(half, now);
        assert_eq!(watchdog.due(), now + half);
        watchdog.look(now + half * 2, []);
        assert_eq!(watchdog.due(), now + half * 3);
    }
}
