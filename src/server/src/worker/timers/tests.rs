//! The wheel against a list of deadlines that is searched from end to end.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const TICK: u64 = 1 << TICK_BITS;
const DAY: u64 = 86_400_000;

fn token(slot: u32) -> Token {
    Token { slot, generation: 1 }
}

/// A user as a worker is: looks at the deadline of whoever it is reminded of, and asks again.
#[derive(Default)]
struct User {
    timers: Timers,
    now: u64,
    /// By slot, deadlines to be met, and the tick by whose begin they must be.
    deadlines: HashMap<u32, (u64, u64)>,
    next_slot: u32,
    /// Entries that are in the wheel.
    entries: usize,
}

impl User {
    fn add(&mut self, at: u64) {
        let slot = self.next_slot;
        self.next_slot += 1;
        self.deadlines.insert(slot, (at, self.latest(at)));
        self.remind(at, slot);
    }

    /// The tick with which a reminder comes at the latest: the next one, if its time has passed.
    fn latest(&self, at: u64) -> u64 {
        at.div_ceil(TICK).max(self.now / TICK + 1).min(LAST_TICK)
    }

    fn remind(&mut self, at: u64, slot: u32) {
        let comes = self.timers.add(Millis(at), token(slot));
        // It comes by then, and before it is asked for only if that is far away.
        let latest = self.latest(at);
        assert!(comes.0 <= latest * TICK, "{comes:?} for {at} at {}", self.now);
        let is_near = latest / SLOTS as u64 == self.timers.now / SLOTS as u64;
        assert!(comes.0 == latest * TICK || !is_near, "{comes:?} for {at} at {}", self.now);
        self.entries += 1;
    }

    /// Time passes; every deadline that has come must be met, none before its time.
    fn pass_to(&mut self, now: u64) {
        self.now = now;
        let mut looks = 0;
        while let Some(token) = self.timers.pop_due(Millis(now)) {
            self.entries -= 1;
            looks += 1;
            assert!(looks < 1_000_000, "it does not end");
            let Some(&(at, _)) = self.deadlines.get(&token.slot) else { continue };
            if at <= now {
                self.deadlines.remove(&token.slot);
            } else {
                self.remind(at, token.slot);
            }
        }
        let tick = now / TICK;
        for (slot, &(at, latest)) in &self.deadlines {
            assert!(latest > tick, "{slot} was to come at {at}, and it is {now}");
        }
        let next = self.timers.next();
        assert_eq!(next.is_none(), self.entries == 0);
        assert!(next.is_none_or(|next| next.0 > now), "{next:?} at {now}");
    }
}

/// Waits of all sizes, and moments in the past.
fn wait() -> impl Strategy<Value = u64> {
    (0u32..38, any::<u64>()).prop_map(|(bits, random)| random & ((1 << bits) - 1))
}

#[derive(Clone, Debug)]
enum Act {
    Add(u64),
    AddPast(u64),
    Pass(u64),
    PassToNext,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => wait().prop_map(Act::Add),
        1 => wait().prop_map(Act::AddPast),
        2 => wait().prop_map(Act::Pass),
        2 => Just(Act::PassToNext),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_early_late_or_lost(
        start in wait(),
        acts in proptest::collection::vec(act(), 1..120),
    ) {
        let mut user = User::default();
        user.pass_to(start);
        for act in acts {
            match act {
                Act::Add(wait) => user.add(user.now + wait),
                Act::AddPast(wait) => user.add(user.now.saturating_sub(wait)),
                Act::Pass(wait) => user.pass_to(user.now + wait),
                Act::PassToNext => {
                    let next = user.timers.next().map_or(user.now, |next| next.0);
                    user.pass_to(next);
                }
            }
        }
        // Waking at each reminder meets every deadline within a tick of its time.
        let left: Vec<_> = user.deadlines.values().map(|&(at, _)| at).collect();
        let (begun, mut wakes) = (user.now, 0);
        while let Some(next) = user.timers.next() {
            user.pass_to(next.0);
            wakes += 1;
            prop_assert!(wakes <= user.next_slot as usize * LEVELS, "it does not end");
        }
        prop_assert!(user.deadlines.is_empty());
        let last = left.into_iter().max().map_or(begun, |last| last.max(begun));
        prop_assert!(user.now < last + 2 * TICK, "the last came at {} for {last}", user.now);
    }
}

#[test]
fn an_idle_connection_is_looked_at_once_per_level_until_its_deadline() {
    for wait in [1, 30_000, 3_600_000, DAY] {
        let mut user = User::default();
        user.pass_to(12_345_678);
        let at = user.now + wait;
        user.add(at);
        let mut looks = 0;
        while let Some(next) = user.timers.next() {
            user.pass_to(next.0);
            looks += 1;
            assert!(looks <= 4, "{looks} for {wait} ms");
        }
        assert!(user.now >= at && user.now < at + TICK, "{} for {at}", user.now);
    }
}

#[test]
fn what_lies_beyond_the_last_tick_comes_then() {
    let end = LAST_TICK << TICK_BITS;
    let mut timers = Timers::default();
    assert_eq!(timers.pop_due(Millis(DAY)), None);
    let comes = timers.add(Millis(u64::MAX), token(1));
    assert_eq!(rounded(Millis(u64::MAX)), Millis(end));
    assert!(comes.0 > 1000 * DAY && comes.0 <= end, "{comes:?}");
    // Who asks again whenever reminded ends at the last tick.
    let mut looks = 0;
    while let Some(next) = timers.next().filter(|next| next.0 < end) {
        assert_eq!(timers.pop_due(next), Some(token(1)));
        timers.add(Millis(u64::MAX), token(1));
        looks += 1;
        assert!(looks <= LEVELS, "{looks}");
    }
    assert_eq!(timers.pop_due(Millis(end - 1)), None);
    assert_eq!(timers.pop_due(Millis(end)), Some(token(1)));
    assert_eq!(timers.pop_due(Millis(u64::MAX)), None);
    // After that all is due at once, and nothing is lost.
    assert_eq!(timers.add(Millis(u64::MAX), token(2)), Millis(end));
    assert_eq!(timers.next(), Some(Millis(end)));
    assert_eq!(timers.pop_due(Millis(u64::MAX)), Some(token(2)));
    assert_eq!(timers.next(), None);
}

#[test]
fn reminders_for_moments_that_have_passed_come_in_the_next_tick() {
    let mut timers = Timers::default();
    assert_eq!(timers.pop_due(Millis(1000)), None);
    assert_eq!(timers.add(Millis(10), token(1)), Millis(16 * TICK));
    assert_eq!(timers.pop_due(Millis(16 * TICK - 1)), None);
    assert_eq!(timers.pop_due(Millis(16 * TICK)), Some(token(1)));
}

#[test]
fn a_reminder_takes_hardly_more_than_eight_bytes_and_gives_them_back() {
    const COUNT: usize = 100_000;
    let mut timers = Timers::default();
    let memory = |timers: &Timers| {
        let buckets = timers.levels.iter().flat_map(|level| &level.0);
        buckets.chain([&timers.due]).map(|bucket| bucket.capacity() * size_of::<Token>()).sum()
    };
    for slot in 0..COUNT {
        timers.add(Millis(30_000), token(slot as u32));
    }
    let held: usize = memory(&timers);
    assert!(held <= 10 * COUNT, "{held} bytes");
    assert_eq!(std::iter::from_fn(|| timers.pop_due(Millis(60_000))).count(), COUNT);
    assert_eq!(memory(&timers), 0);
}
