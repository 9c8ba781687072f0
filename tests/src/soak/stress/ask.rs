//! One ask of a client of `apps/stress`: which way, which seats, how large, and who is to get it.
//! Says whom the ways are for a second time, apart from the app.

use crate::prng::Prng;

/// The ways there are to send, numbered as in `apps/stress`.
const TO_CUR: u8 = 0;
const TO_SINGLE: u8 = 1;
const TO_MULTI: u8 = 2;
const TO_EVERY: u8 = 3;
const TO_EVERY_EXCEPT_CUR: u8 = 4;
const TO_EVERY_EXCEPT_SINGLE: u8 = 5;
const TO_EVERY_EXCEPT_MULTI: u8 = 6;

/// An ask that is made, or about to be.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    way: u8,
    size: usize,
    /// Its place among its asker's.
    pub(super) number: u32,
    pub(super) is_sent: bool,
    named: Vec<u32>,
    /// Whether each seat is still to get it.
    awaited: Vec<bool>,
    awaited_c: usize,
    /// The app's number of the message, once it is known.
    pub(super) id: Option<u64>,
}

impl Ask {
    /// How many ways there are.
    pub(super) const WAYS: usize = 7;

    /// Something that `cur`, of `seats`, might ask for.
    pub(super) fn random(choice: &mut Prng, cur: usize, seats: usize, largest: usize) -> Self {
        let way = choice.below(Self::WAYS as u64) as u8;
        let count = match way {
            TO_SINGLE | TO_EVERY_EXCEPT_SINGLE => 1,
            TO_MULTI | TO_EVERY_EXCEPT_MULTI => choice.below(seats as u64 + 1) as usize,
            _ => 0,
        };
        // A seat that is named twice counts once.
        let named = (0..count).map(|_| choice.below(seats as u64) as u32).collect();
        // As many of each length in bits, so that all forms of a frame and of a record are met.
        let bits = usize::BITS - largest.leading_zeros();
        let bits = choice.below(u64::from(bits) + 1);
        let size = choice.below(1 << bits) as usize;
        Self::new(way, cur, seats, named, size.min(largest))
    }

    pub(super) fn new(way: u8, cur: usize, seats: usize, named: Vec<u32>, size: usize) -> Self {
        let mut is_named = vec![false; seats];
        named.iter().for_each(|seat| is_named[*seat as usize] = true);
        let is_for = |seat: usize| match way {
            TO_CUR => seat == cur,
            TO_SINGLE | TO_MULTI => is_named[seat],
            TO_EVERY => true,
            TO_EVERY_EXCEPT_CUR => seat != cur,
            _ => !is_named[seat],
        };
        let awaited: Vec<bool> = (0..seats).map(is_for).collect();
        let awaited_c = awaited.iter().filter(|is| **is).count();
        Self { way, size, number: 0, is_sent: false, named, awaited, awaited_c, id: None }
    }

    pub(super) fn way(&self) -> u8 {
        self.way
    }

    /// As the app is asked, after `kind`.
    pub(super) fn to_bytes(&self, kind: u8) -> Vec<u8> {
        let mut bytes = vec![kind, self.way];
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes.extend_from_slice(&(self.size as u32).to_be_bytes());
        self.named.iter().for_each(|seat| bytes.extend_from_slice(&seat.to_be_bytes()));
        bytes
    }

    /// A seat has got what it was asked for, or so it says.
    pub(super) fn receive(&mut self, token: usize, way: u8, size: usize) -> Result<(), String> {
        if !self.is_sent {
            return Err("it is not asked for yet".to_owned());
        }
        if (way, size) != (self.way, self.size) {
            return Err(format!("wanted way {} and {} bytes", self.way, self.size));
        }
        if !std::mem::take(&mut self.awaited[token]) {
            return Err("it is not for this seat, or has been here before".to_owned());
        }
        self.awaited_c -= 1;
        Ok(())
    }

    pub(super) fn is_complete(&self) -> bool {
        self.awaited_c == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_is_for_whom_its_name_says() {
        for (way, named, seats) in [
            (TO_CUR, vec![], &[1][..]),
            (TO_SINGLE, vec![2], &[2]),
            (TO_MULTI, vec![3, 0, 3], &[0, 3]),
            (TO_MULTI, vec![], &[]),
            (TO_EVERY, vec![], &[0, 1, 2, 3]),
            (TO_EVERY_EXCEPT_CUR, vec![], &[0, 2, 3]),
            (TO_EVERY_EXCEPT_SINGLE, vec![0], &[1, 2, 3]),
            (TO_EVERY_EXCEPT_MULTI, vec![0, 2, 0], &[1, 3]),
        ] {
            let ask = Ask::new(way, 1, 4, named, 5);
            let got: Vec<usize> = (0..4).filter(|seat| ask.awaited[*seat]).collect();
            assert_eq!((&got[..], ask.awaited_c), (seats, seats.len()), "way {way}");
        }
    }

    #[test]
    fn random_asks_meet_every_way_and_both_ends_of_sizes_and_counts() {
        let mut choice = Prng::new(3);
        let asks: Vec<Ask> = (0..5000).map(|_| Ask::random(&mut choice, 0, 5, 300)).collect();
        assert!((0..7).all(|way| asks.iter().any(|ask| ask.way == way)));
        assert!(asks.iter().any(|ask| ask.size == 0) && asks.iter().any(|ask| ask.size == 300));
        assert!(asks.iter().all(|ask| ask.size <= 300));
        assert!(asks.iter().any(|ask| ask.is_complete() && ask.way == TO_MULTI));
    }
}
