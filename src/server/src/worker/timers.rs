//! Deadlines of connections: when to look at which connection again.
//!
//! An entry is only a reminder. A connection whose deadline has moved or gone leaves its entry
//! here until it comes up, so that setting and clearing a deadline costs nothing but the first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use ringsocket_proto::Millis;

use super::net::Token;

/// The reminders of one worker, earliest first.
#[derive(Debug, Default)]
pub struct Timers {
    heap: BinaryHeap<Reverse<(u64, u32, u32)>>,
}

impl Timers {
    /// Asks to be reminded of a connection.
    pub fn add(&mut self, at: Millis, token: Token) {
        self.heap.push(Reverse((at.0, token.slot, token.generation)));
    }

    /// When the earliest reminder is due.
    pub fn next(&self) -> Option<Millis> {
        self.heap.peek().map(|&Reverse((at, ..))| Millis(at))
    }

    /// Takes the earliest reminder if it is due.
    pub fn pop_due(&mut self, now: Millis) -> Option<Token> {
        self.next().filter(|&at| at <= now)?;
        let Reverse((_, slot, generation)) = self.heap.pop()?;
        Some(Token { slot, generation })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reminders_come_in_order_and_not_early() {
        let mut timers = Timers::default();
        let token = |slot| Token { slot, generation: 1 };
        timers.add(Millis(20), token(2));
        timers.add(Millis(10), token(1));
        assert_eq!(timers.next(), Some(Millis(10)));
        assert_eq!(timers.pop_due(Millis(9)), None);
        assert_eq!(timers.pop_due(Millis(15)), Some(token(1)));
        assert_eq!(timers.pop_due(Millis(15)), None);
        assert_eq!(timers.pop_due(Millis(20)), Some(token(2)));
        assert_eq!(timers.next(), None);
    }
}
