//! How long an app's callbacks take, and whether workers may therefore run them: a worker that waits
//! for a slow one serves nobody.

use std::num::NonZeroU64;
use std::time::Duration;

/// The running mean above which an app runs on its own thread alone.
const SLOW: Duration = Duration::from_micros(50);

/// A measurement counts as no more than this, unless it is [`HANGING`]: now and then the kernel takes
/// the processor away in the middle of a callback, and that does not make an app slow.
const CLAMP: Duration = Duration::from_micros(200);

/// Of the time that passes on the app's own thread this part counts, where it is not spent working.
const WAITING: u64 = 16;

/// A single callback that takes so long is enough.
const HANGING: Duration = Duration::from_millis(20);

/// A single measurement weighs this part of the running mean, as a power of two: an eighth.
const WEIGHT_BITS: u32 = 3;

/// So many records an app must have taken quickly, on its own thread, before workers run it for the
/// first time: one that is always slow, or hangs at once, never keeps a worker.
const FIRST_PROBATION: u64 = 1024;

/// So many if it has been slow: one that is slow only now and then does not stop workers often.
const PROBATION: u64 = 4096;

/// In a deputy's session the first callback is timed, and then one of so many at most: which one is
/// a matter of chance, so that no client can time slow ones to fall between. A power of two.
const LOOK_WITHIN: u32 = 32;

/// A stretch of callbacks that are not timed counts as a slow one if it takes longer. What the deputy
/// does between them takes some time, too.
const STRETCH: Duration = Duration::from_millis(10);

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
    /// Callbacks of a deputy until the next one that is timed.
    until_look: u32,
    /// When the last one that was timed returned.
    stretch: Option<Duration>,
    /// Others have been called since.
    has_untimed: bool,
    /// Where chance comes from.
    chance: u64,
}

impl Pace {
    /// Of an app that may run there, and has not done so yet.
    pub(super) fn new(threads: Threads) -> Self {
        Self {
            threads,
            mean: 0,
            probation: FIRST_PROBATION,
            until_look: 0,
            stretch: None,
            has_untimed: false,
            chance: 0,
        }
    }

    /// Whether workers may run the app.
    pub(super) fn is_quick(&self) -> bool {
        match self.threads {
            Threads::Auto => self.probation == 0,
            Threads::Own => false,
            Threads::Any => true,
        }
    }

    /// Whether it depends on the app's pace where it runs. If not, no clock need be looked at.
    pub(super) fn is_judged(&self) -> bool {
        self.threads == Threads::Auto
    }

    /// A deputy begins, or has had callbacks timed by other means.
    pub(super) fn begin_session(&mut self) {
        self.until_look = 0;
        self.stretch = None;
        self.has_untimed = false;
    }

    /// A deputy ends. It looks at the clock only if there were callbacks that have not been timed.
    pub(super) fn end_session(&mut self, clock: impl FnOnce() -> Duration) {
        if self.has_untimed {
            self.end_stretch(clock());
        }
    }

    /// A deputy is about to call the app: whether this call is to be timed. Looking at the clock
    /// each time would cost more than many a callback.
    #[inline]
    pub(super) fn is_to_be_timed(&mut self) -> bool {
        if !self.is_judged() {
            return false;
        }
        match self.until_look.checked_sub(1) {
            Some(left) => self.until_look = left,
            None => return true,
        }
        self.has_untimed = true;
        false
    }

    /// Notes when a callback of a deputy that was to be timed began and ended. False if the app is
    /// not quick.
    pub(super) fn note_call(&mut self, start: Duration, end: Duration) -> bool {
        self.end_stretch(start);
        self.stretch = Some(end);
        let took = end.saturating_sub(start);
        // A linear congruential generator (Knuth's MMIX), stirred by what nobody can foresee.
        let stirred = self.chance ^ u64::from(took.subsec_nanos());
        self.chance = stirred.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.until_look = (self.chance >> 32) as u32 % LOOK_WITHIN;
        self.note(1, nanos(took));
        self.is_quick()
    }

    fn end_stretch(&mut self, now: Duration) {
        self.has_untimed = false;
        let took = self.stretch.take().map_or(Duration::ZERO, |since| now.saturating_sub(since));
        if took > STRETCH {
            self.note(1, nanos(took));
        }
    }

    /// Notes how long a batch of records took on the app's own thread, by the clock and in processor
    /// time. That thread may well have to wait for a processor which a worker has meanwhile, so
    /// that the clock says little, unless the callbacks themselves wait for something.
    pub(super) fn note_batch(&mut self, count: usize, took: Duration, used: Duration) {
        if let Some(count) = NonZeroU64::new(count as u64) {
            let each = nanos(used).max(nanos(took) / WAITING) / count;
            self.note(count.get(), each);
        }
    }

    fn note(&mut self, count: u64, each: u64) {
        let sample = each.min(nanos(CLAMP));
        self.mean = self.mean - (self.mean >> WEIGHT_BITS) + (sample >> WEIGHT_BITS);
        if self.mean > nanos(SLOW) || each > nanos(HANGING) {
            self.probation = PROBATION;
        } else {
            self.probation = self.probation.saturating_sub(count);
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(pace: &mut Pace, took: Duration) -> bool {
        pace.begin_session();
        pace.note_call(Duration::ZERO, took)
    }

    fn quick(pace: &mut Pace) -> bool {
        let micros = Duration::from_micros;
        pace.note_batch(64, micros(640), micros(64));
        pace.is_quick()
    }

    #[test]
    fn slow_callbacks_end_the_privilege_and_many_quick_ones_restore_it() {
        let mut pace = Pace::new(Threads::Auto);
        let count = (0..1000).take_while(|_| !quick(&mut pace)).count();
        assert_eq!(count, FIRST_PROBATION as usize / 64 - 1, "nobody is quick without proof");
        let count = (0..100).take_while(|_| call(&mut pace, Duration::from_millis(10))).count();
        assert_eq!(count, 2, "twice does not make it slow");
        let count = (0..1000).take_while(|_| !quick(&mut pace)).count();
        // Some more than the probation, until the mean itself has come down.
        let least = PROBATION as usize / 64;
        assert!((least - 1..least + 64).contains(&count), "{count}");
        assert!(!(0..100).all(|_| call(&mut pace, Duration::from_micros(60))), "slow on average");
        while !quick(&mut pace) {}
        assert!(!call(&mut pace, Duration::from_millis(30)), "it hangs");
    }

    #[test]
    fn who_waits_on_its_own_thread_is_slow_and_who_is_made_to_wait_is_not() {
        let (mut waits, mut is_kept_waiting) = (Pace::new(Threads::Auto), Pace::new(Threads::Auto));
        for _ in 0..10_000 {
            waits.note_batch(1, Duration::from_millis(1), Duration::from_micros(10));
            is_kept_waiting.note_batch(16, Duration::from_millis(4), Duration::from_micros(160));
        }
        assert!(!waits.is_quick() && is_kept_waiting.is_quick());
    }

    #[test]
    fn a_word_of_the_operator_settles_it() {
        let (mut own, mut any) = (Pace::new(Threads::Own), Pace::new(Threads::Any));
        assert!(any.is_quick() && call(&mut any, Duration::from_secs(1)));
        (0..100).for_each(|_| assert!(!quick(&mut own)));
        any.begin_session();
        assert!(!own.is_judged() && !any.is_judged() && !any.is_to_be_timed());
        any.end_session(|| unreachable!("it does not matter how long that took"));
    }

    #[test]
    fn the_first_callback_of_each_session_is_timed_and_not_many_others() {
        let mut pace = Pace::new(Threads::Auto);
        let mut counts = [0; 40];
        for session in 0..1000 {
            pace.begin_session();
            for (at, count) in counts.iter_mut().enumerate() {
                if pace.is_to_be_timed() {
                    let start = Duration::from_micros(session);
                    pace.note_call(start, start + Duration::from_nanos(500 + session));
                    *count += 1;
                } else {
                    assert!(at > 0, "the first is timed");
                }
            }
        }
        assert_eq!(counts[0], 1000);
        // One in 17 on average, and none of them never or often.
        assert!(counts[1..].iter().all(|count| (10..150).contains(count)), "{counts:?}");
    }

    #[test]
    fn a_slow_callback_is_noticed_even_if_it_was_not_timed() {
        let us = Duration::from_micros;
        for slow in [us(9_000), us(12_000)] {
            for amid in [false, true] {
                let mut pace = Pace::new(Threads::Auto);
                while !quick(&mut pace) {}
                let mut now = us(5);
                for _ in 0..3 {
                    pace.begin_session();
                    assert!(pace.is_to_be_timed());
                    pace.note_call(now, now + us(1));
                    pace.until_look = 1;
                    assert!(!pace.is_to_be_timed());
                    now += slow;
                    if amid {
                        assert!(pace.is_to_be_timed());
                        pace.note_call(now, now + us(1));
                    } else {
                        pace.end_session(|| now);
                    }
                    pace.end_session(|| unreachable!("all have been timed"));
                }
                assert_eq!(pace.is_quick(), slow < STRETCH, "{slow:?}");
            }
        }
    }
}
