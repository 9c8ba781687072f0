//! A table of connections whose places are used again, each use with a generation of its own, so
//! that a name which outlived its connection finds nothing.

use super::net::Token;

/// A table of `T`.
#[derive(Debug)]
pub struct Slots<T> {
    /// Never moved while the limit stays, if the system grants addresses for so many entries at once:
    /// it counts only the pages that are in use, a copy would leave old ones behind, and copying many
    /// would take long.
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
    limit: usize,
    /// The generation of a place that is used for the first time.
    first: u32,
}

/// It begins where a cache line does, so that it lies in as few as can be.
#[derive(Debug)]
#[repr(align(64))]
struct Entry<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Slots<T> {
    /// A table of at most `limit` entries. It takes memory as it is used.
    pub fn new(limit: usize) -> Self {
        let mut slots = Self { entries: Vec::new(), free: Vec::new(), limit: 0, first: 1 };
        slots.set_limit(limit);
        slots
    }

    /// Lets it have at most `limit` entries from now on. Of those that are there all stay: there is
    /// no place for another before there are fewer.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit.min(crate::message::MAX_SLOTS);
        // Without so many addresses it works as well, only not as fast while it grows.
        let _ = self.entries.try_reserve_exact(self.limit.saturating_sub(self.entries.len()));
    }

    /// Entries in use.
    pub fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Whether no entry is in use.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts a value into a free place; gives it back if all `limit` places are taken.
    pub fn insert(&mut self, value: T) -> Result<Token, T> {
        if self.len() >= self.limit {
            return Err(value);
        }
        if let Some(slot) = self.free.pop() {
            let entry = &mut self.entries[slot as usize];
            entry.value = Some(value);
            return Ok(Token { slot, generation: entry.generation });
        }
        let (slot, generation) = (self.entries.len() as u32, self.first);
        self.entries.push(Entry { generation, value: Some(value) });
        Ok(Token { slot, generation })
    }

    /// The entry in this place, if one is in use there.
    #[inline]
    pub fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        self.entries.get_mut(slot as usize)?.value.as_mut()
    }

    /// The entry with this name, unless it has been removed since.
    #[inline]
    pub fn named(&mut self, token: Token) -> Option<&mut T> {
        let entry = self.entries.get_mut(token.slot as usize)?;
        if entry.generation == token.generation { entry.value.as_mut() } else { None }
    }

    /// The name of the entry in this place; of the next one, if none is in use there.
    #[inline]
    pub fn token(&self, slot: u32) -> Token {
        let generation =
            self.entries.get(slot as usize).map_or(self.first, |entry| entry.generation);
        Token { slot, generation }
    }

    /// Takes the entry out; its name is never used again (not in 2^32 - 1 uses of the place).
    pub fn remove(&mut self, slot: u32) -> Option<T> {
        let entry = self.entries.get_mut(slot as usize)?;
        let value = entry.value.take()?;
        entry.generation = entry.generation.checked_add(1).unwrap_or(1);
        self.free.push(slot);
        Some(value)
    }

    /// A generation that no place has had yet (not in 2^32 - 1 uses of one).
    pub fn next_generation(&self) -> u32 {
        let last = self.entries.iter().map(|entry| entry.generation).max();
        last.map_or(self.first, |last| last.checked_add(1).unwrap_or(1)).max(self.first)
    }

    /// Fills an empty table with entries of an earlier one, each under the name that it had there.
    /// Places that are free begin with `first`, the [next generation](Self::next_generation) of that
    /// table. Entries beyond what a table can have, and those whose place is taken, come back.
    pub fn refill(
        &mut self,
        first: u32,
        entries: impl IntoIterator<Item = (Token, T)>,
    ) -> Vec<(Token, T)> {
        debug_assert!(self.entries.is_empty());
        self.first = first.max(1);
        let mut surplus = Vec::new();
        for (token, value) in entries {
            let slot = token.slot as usize;
            if slot >= crate::message::MAX_SLOTS || token.generation == 0 {
                surplus.push((token, value));
                continue;
            }
            while self.entries.len() <= slot {
                self.entries.push(Entry { generation: self.first, value: None });
            }
            let entry = &mut self.entries[slot];
            if entry.value.is_some() {
                surplus.push((token, value));
                continue;
            }
            *entry = Entry { generation: token.generation, value: Some(value) };
        }
        let free = |(slot, entry): (usize, &Entry<T>)| entry.value.is_none().then_some(slot as u32);
        // The last first, so that low places are used before high ones.
        self.free = self.entries.iter().enumerate().rev().filter_map(free).collect();
        surplus
    }

    /// The places in use.
    pub fn in_use(&self) -> Vec<u32> {
        let used = |(slot, entry): (usize, &Entry<T>)| entry.value.is_some().then_some(slot as u32);
        self.entries.iter().enumerate().filter_map(used).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_name_finds_nothing() {
        let mut slots = Slots::new(2);
        let first = slots.insert('a').expect("room");
        let second = slots.insert('b').expect("room");
        assert_eq!(slots.insert('c'), Err('c'));
        assert_eq!(slots.remove(first.slot), Some('a'));
        assert_eq!(slots.remove(first.slot), None);
        let third = slots.insert('c').expect("room");
        assert_eq!(third.slot, first.slot);
        assert_eq!(slots.named(first), None);
        assert_eq!(slots.named(third), Some(&mut 'c'));
        assert_eq!(slots.named(second), Some(&mut 'b'));
        assert_eq!(slots.len(), 2);
        assert_eq!(slots.in_use(), [0, 1]);
    }

    #[test]
    fn a_refilled_table_knows_old_names_and_gives_none_of_them_again() {
        let mut old = Slots::new(8);
        let tokens: Vec<_> = "abcde".chars().map(|one| old.insert(one).expect("room")).collect();
        old.remove(1);
        let second = old.insert('f').expect("room");
        old.remove(3);
        let first = old.next_generation();
        let entries: Vec<_> = old
            .in_use()
            .iter()
            .map(|&slot| (old.token(slot), old.remove(slot).expect("in use")))
            .collect();

        let mut new = Slots::new(8);
        assert!(new.refill(first, entries).is_empty());
        assert_eq!(new.in_use(), [0, 1, 2, 4]);
        assert_eq!(new.named(tokens[4]), Some(&mut 'e'));
        assert_eq!(new.named(second), Some(&mut 'f'));
        assert_eq!(new.named(tokens[1]), None);
        let reused = new.insert('g').expect("room");
        assert_eq!((reused.slot, new.named(tokens[3])), (3, None));
        let added = new.insert('h').expect("room");
        assert_eq!((added.slot, added.generation), (5, first));
        assert!(tokens.iter().all(|token| token.generation < first));
        new.remove(0);
        assert!(new.insert('i').is_ok_and(|token| token.slot == 0));
        assert_eq!(new.named(tokens[0]), None);
    }

    #[test]
    fn what_a_table_cannot_have_comes_back() {
        let token = |slot, generation| Token { slot, generation };
        let entries =
            [(token(1, 1), 'a'), (token(1, 2), 'b'), (token(u32::MAX, 1), 'c'), (token(0, 0), 'd')];
        let mut slots = Slots::new(1);
        let surplus = slots.refill(7, entries);
        assert_eq!(surplus.iter().map(|(_, one)| *one).collect::<String>(), "bcd");
        assert_eq!(slots.insert('e'), Err('e'), "the limit holds for those who come");
    }

    #[test]
    fn a_limit_that_changes_leaves_all_who_are_there() {
        let mut slots = Slots::new(3);
        let tokens: Vec<_> = "abc".chars().map(|one| slots.insert(one).expect("room")).collect();
        slots.set_limit(1);
        for token in &tokens[1..] {
            assert_eq!(slots.insert('d'), Err('d'));
            assert!(slots.remove(token.slot).is_some());
        }
        assert_eq!(slots.insert('d'), Err('d'));
        assert_eq!(slots.named(tokens[0]), Some(&mut 'a'));
        slots.set_limit(5);
        let more = "defgh".chars().filter(|&one| slots.insert(one).is_ok());
        assert_eq!(more.collect::<String>(), "defg");
        assert_eq!(slots.in_use(), [0, 1, 2, 3, 4]);
    }
}
