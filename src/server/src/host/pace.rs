//! How long an app's callbacks take, and whether workers may therefore run them: a worker that waits
//! for a slow one serves nobody.

use std::time::Duration;

/// The running mean above which an app runs on its own thread alone.
const SLOW: Duration = Duration::from_micros(50);

/// A single measurement weighs this part of the running mean, as a power of two: an eighth.
const WEIGHT_BITS: u32 = 3;

/// So many records an app must have taken quickly, on its own thread, before workers run it for the
/// first time: one that is always slow, or hangs at once, never keeps a worker.
const FIRST_PROBATION: u64 = 1024;

/// So many if it has been slow: one that is slow only now and then does not stop workers often.
const PROBATION: u64 = 4096;

/// In a deputy's session the callbacks of these powers of two are timed, and then each of so many.
const LOOK_EVERY: u32 = 16;

/// On which threads an app runs.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Threads {
    /// On its own, and on those of workers if it allows that and has turned out to be quick.
    #[default]
    Auto,
    /// On its own alone.
    Own,
    /// On any, if it allows that, however long its callbacks take.
    Any,
}

/// The pace of one app.
#[derive(Debug)]
pub(super) struct Pace {
    threads: Threads,
    /// Running mean of what a callback takes, in nanoseconds.
    mean: u64,
    /// Records to be taken quickly before the app counts as quick.
    probation: u64,
    /// Callbacks in this session of a deputy.
    calls: u32,
}

impl Pace {
    /// Of an app that may run there, and has not done so yet.
    pub(super) fn new(threads: Threads) -> Self {
        Self { threads, mean: 0, probation: FIRST_PROBATION, calls: 0 }
    }

    /// Whether workers may run the app.
    pub(super) fn is_quick(&self) -> bool {
        match self.threads {
            Threads::Auto => self.probation == 0,
            Threads::Own => false,
            Threads::Any => true,
        }
    }

    /// A deputy begins.
    pub(super) fn begin_session(&mut self) {
        self.calls = 0;
    }

    /// A deputy is about to call the app: whether this call is to be timed. Looking at the clock
    /// each time would cost more than many a callback.
    #[inline]
    pub(super) fn is_to_be_timed(&mut self) -> bool {
        self.calls = self.calls.wrapping_add(1);
        self.calls % LOOK_EVERY == 0 || self.calls < LOOK_EVERY && self.calls.is_power_of_two()
    }

    /// Notes that so many records took so long. False if the app is not quick.
    pub(super) fn note(&mut self, count: usize, took: Duration) -> bool {
        if count == 0 {
            return self.is_quick();
        }
        let each = (took.as_nanos() / count as u128).min(u64::MAX.into()) as u64;
        self.mean = self.mean - (self.mean >> WEIGHT_BITS) + (each >> WEIGHT_BITS);
        if u128::from(self.mean) > SLOW.as_nanos() {
            self.probation = PROBATION;
        } else {
            self.probation = self.probation.saturating_sub(count as u64);
        }
        self.is_quick()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slow_callback_ends_the_privilege_and_many_quick_ones_restore_it() {
        let mut pace = Pace::new(Threads::Auto);
        let quick = |pace: &mut Pace| pace.note(64, Duration::from_micros(64));
        let count = (0..1000).take_while(|_| !quick(&mut pace)).count();
        assert_eq!(count, FIRST_PROBATION as usize / 64 - 1, "nobody is quick without proof");
        assert!(pace.note(1, Duration::from_micros(100)), "once does not make it slow");
        assert!(!pace.note(1, Duration::from_millis(10)));
        let count = (0..1000).take_while(|_| !quick(&mut pace)).count();
        // Some more than the probation, until the mean itself has come down.
        let least = PROBATION as usize / 64;
        assert!((least - 1..least + 64).contains(&count), "{count}");
        for _ in 0..10 {
            pace.note(1, Duration::from_millis(10));
        }
        assert!(!(0..100).any(|_| pace.note(1, Duration::from_micros(60))), "slow on average");
    }

    #[test]
    fn a_word_of_the_operator_settles_it() {
        let (mut own, mut any) = (Pace::new(Threads::Own), Pace::new(Threads::Any));
        assert!(any.is_quick() && any.note(1, Duration::from_secs(1)));
        assert!(!own.note(10_000, Duration::from_micros(1)));
    }

    #[test]
    fn the_first_callback_of_each_session_is_timed_and_not_many_others() {
        let mut pace = Pace::new(Threads::Auto);
        pace.begin_session();
        let timed: Vec<_> = (1..=64).filter(|_| pace.is_to_be_timed()).collect();
        assert_eq!(timed, [1, 2, 4, 8, 16, 32, 48, 64]);
        pace.begin_session();
        assert!(pace.is_to_be_timed());
    }
}
