//! Deadlines of connections: when to look at which connection again.
//!
//! An entry is only a reminder: it has no time of its own, and says no more than "look at this
//! connection now". One whose deadline has moved or gone leaves its entry here until it comes up;
//! so does one whose deadline is far away, and which then asks again. Setting and clearing a
//! deadline costs nothing but the first entry.
//!
//! Not for: what a deadline means (`Peer::next_deadline`, `farewell`).
//!
//! A hierarchical timing wheel (Varghese and Lauck 1987, scheme 7). Time is counted in ticks. A
//! level has a bucket for each of the 64 values of one digit of a tick, in base 64; an entry lies
//! at the level of the highest digit in which its tick differs from now. When that digit is reached
//! the bucket comes up: at the lowest level the entries are due, at others "look again" puts them
//! further down. All entries of a level come up before those of the next, so that the first bit of
//! the lowest level that has any tells when the worker must wake, and ticks without entries cost
//! nothing.

use ringsocket_proto::Millis;

use super::net::Token;

/// Milliseconds of a tick, as a power of two: 64. A reminder comes at most a tick late.
const TICK_BITS: u32 = 6;

/// Bits of a digit.
const DIGIT_BITS: u32 = 6;

/// Buckets of a level: one for each value of a digit.
const SLOTS: usize = 1 << DIGIT_BITS;

/// Levels of the wheel: 4 seconds, 4 minutes, 5 hours, 12 days, 2 years, 139 years.
const LEVELS: usize = 6;

/// The last tick that there is: a reminder for later comes then.
const LAST_TICK: u64 = (1 << (DIGIT_BITS * LEVELS as u32)) - 1;

/// Entries that a bucket has room for at first.
const FIRST_RESERVE: usize = 32;

/// The reminders of one worker.
#[derive(Debug, Default)]
pub struct Timers {
    /// The last tick that has begun, as far as the worker has said.
    now: u64,
    /// Which buckets of each level have entries: together, as each turn looks at them.
    occupied: [u64; LEVELS],
    levels: [Level; LEVELS],
    /// What has come up and is not taken yet.
    due: Vec<Token>,
}

/// The buckets of one digit.
#[derive(Debug)]
struct Level([Vec<Token>; SLOTS]);

impl Default for Level {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Vec::new()))
    }
}

/// The moment at which a reminder for `at` comes in the end: the tick that begins then or next.
#[inline]
pub fn rounded(at: Millis) -> Millis {
    Millis(tick_after(at) << TICK_BITS)
}

fn tick_after(at: Millis) -> u64 {
    at.0.div_ceil(1 << TICK_BITS).min(LAST_TICK)
}

impl Timers {
    /// Asks to be reminded of a connection at `at`; a moment that has passed stands for the next
    /// tick. Returns when the reminder comes: at [`rounded`], or earlier if that is far away. Who
    /// is reminded too early has to ask again.
    pub fn add(&mut self, at: Millis, token: Token) -> Millis {
        let tick = tick_after(at).max(self.now + 1).min(LAST_TICK);
        if tick <= self.now {
            self.due.push(token); // the end of time
            return Millis(self.now << TICK_BITS);
        }
        let level = ((tick ^ self.now).ilog2() / DIGIT_BITS) as usize;
        let shift = level as u32 * DIGIT_BITS;
        let digit = tick >> shift;
        let slot = digit as usize % SLOTS;
        self.occupied[level] |= 1 << slot;
        let bucket = &mut self.levels[level].0[slot];
        if bucket.len() == bucket.capacity() {
            // A quarter at a time, so that a reminder takes hardly more than its eight bytes.
            bucket.reserve_exact(FIRST_RESERVE.max(bucket.len() / 4));
        }
        bucket.push(token);
        Millis(digit << shift << TICK_BITS)
    }

    /// When the next reminder comes.
    #[inline]
    pub fn next(&self) -> Option<Millis> {
        let tick = if self.due.is_empty() { self.first()?.tick } else { self.now };
        Some(Millis(tick << TICK_BITS))
    }

    /// Takes a reminder, if one has come up. `now` never goes back. When there is none left, later
    /// ones are counted from `now`.
    pub fn pop_due(&mut self, now: Millis) -> Option<Token> {
        let now = (now.0 >> TICK_BITS).min(LAST_TICK);
        if now == self.now && self.due.is_empty() {
            return None; // what has been added since is for later ticks
        }
        loop {
            if let Some(token) = self.due.pop() {
                return Some(token);
            }
            let Some(first) = self.first().filter(|first| first.tick <= now) else { break };
            self.now = first.tick;
            self.occupied[first.level] &= !(1 << first.slot);
            self.due = std::mem::take(&mut self.levels[first.level].0[first.slot]);
        }
        self.now = self.now.max(now);
        self.due = Vec::new(); // its memory is given back
        None
    }

    /// The bucket that comes up next.
    #[inline]
    fn first(&self) -> Option<First> {
        let level = self.occupied.iter().position(|&buckets| buckets != 0)?;
        let slot = self.occupied[level].trailing_zeros() as usize;
        let shift = level as u32 * DIGIT_BITS;
        // The digits above are those of now, the ones below are 0.
        let above = self.now >> shift >> DIGIT_BITS << DIGIT_BITS;
        Some(First { tick: (above | slot as u64) << shift, level, slot })
    }
}

/// A bucket that has entries, and when it comes up.
struct First {
    tick: u64,
    level: usize,
    slot: usize,
}

#[cfg(test)]
mod tests;
