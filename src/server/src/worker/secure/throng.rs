//! Handshakes that are under way on one worker: how many there may be at a time, and how many are
//! gone on with in a turn.
//!
//! A handshake costs a stranger a packet, and us memory and a signature. So it has few of both: when
//! there are too many, the oldest is dropped, which under a flood is seldom that of an honest
//! client; and a turn goes on with only so many, between which messages are dealt with.

use std::collections::VecDeque;

use super::super::net::Token;

/// Most flights of messages that are dealt with in one turn. What costs most of them is a signature:
/// up to a millisecond (RSA), and commonly a twentieth of that.
const FLIGHTS_PER_TURN: u32 = 8;

/// The handshakes of a worker.
#[derive(Debug, Default)]
pub(in crate::worker) struct Throng {
    /// Who has begun one, oldest first; some of them are through or gone.
    began: VecDeque<Token>,
    /// How many are under way.
    under_way: usize,
    /// How many flights this turn has dealt with.
    flights: u32,
}

impl Throng {
    /// A turn begins.
    pub(in crate::worker) fn begin_turn(&mut self) {
        self.flights = 0;
    }

    /// Whether this turn has dealt with as many flights as it may.
    pub(in crate::worker) fn is_tired(&self) -> bool {
        self.flights >= FLIGHTS_PER_TURN
    }

    /// A flight is about to be dealt with.
    pub(in crate::worker) fn note_flight(&mut self) {
        self.flights += 1;
    }

    /// A handshake has begun.
    pub(in crate::worker) fn enter(&mut self, token: Token) {
        self.began.push_back(token);
        self.under_way += 1;
    }

    /// One is over, or given up.
    pub(in crate::worker) fn leave(&mut self) {
        self.under_way -= 1;
    }

    /// How many are under way.
    #[cfg(test)]
    pub(in crate::worker) fn under_way(&self) -> usize {
        self.under_way
    }

    /// Whom to drop if there are more than `limit`: the oldest of those for whom `is_in` holds.
    pub(in crate::worker) fn surplus(
        &mut self,
        limit: usize,
        mut is_in: impl FnMut(Token) -> bool,
    ) -> Option<Token> {
        // Those who are through go from the list when it is twice as long as it need be, so that
        // each costs as much as it did to enter.
        if self.began.len() > 2 * self.under_way + 16 {
            self.began.retain(|&token| is_in(token));
        }
        if self.under_way <= limit {
            return None;
        }
        while let Some(token) = self.began.pop_front() {
            if is_in(token) {
                return Some(token);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_oldest_that_is_not_through_is_the_surplus() {
        let token = |slot| Token { slot, generation: 0 };
        let (mut throng, mut inside) = (Throng::default(), HashSet::new());
        for slot in 0..5 {
            throng.enter(token(slot));
            inside.insert(slot);
        }
        for slot in [0, 2] {
            inside.remove(&slot);
            throng.leave();
        }
        assert_eq!(throng.surplus(3, |token| inside.contains(&token.slot)), None);
        let dropped = throng.surplus(2, |token| inside.contains(&token.slot));
        assert_eq!(dropped, Some(token(1)));
    }

    #[test]
    fn who_is_through_is_forgotten() {
        let mut throng = Throng::default();
        for slot in 0..10_000 {
            throng.enter(Token { slot, generation: 0 });
            throng.leave();
            assert_eq!(throng.surplus(1, |_| false), None);
            assert!(throng.began.len() <= 17);
        }
    }
}
