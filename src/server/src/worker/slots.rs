//! A table of connections whose places are used again, each use with a generation of its own, so
//! that a name which outlived its connection finds nothing.

use super::net::Token;

/// A table of `T`.
#[derive(Debug)]
pub struct Slots<T> {
    /// Never moved, if the system grants addresses for `limit` entries at once: it counts only the
    /// pages that are in use, a copy would leave old ones behind, and copying many would take long.
    entries: Vec<Entry<T>>,
    free: Vec<u32>,
    limit: usize,
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
        let limit = limit.min(crate::message::MAX_SLOTS);
        let mut entries = Vec::new();
        // Without so many addresses it works as well, only not as fast while it grows.
        let _ = entries.try_reserve_exact(limit);
        Self { entries, free: Vec::new(), limit }
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
        if let Some(slot) = self.free.pop() {
            let entry = &mut self.entries[slot as usize];
            entry.value = Some(value);
            return Ok(Token { slot, generation: entry.generation });
        }
        if self.entries.len() >= self.limit {
            return Err(value);
        }
        let slot = self.entries.len() as u32;
        self.entries.push(Entry { generation: 1, value: Some(value) });
        Ok(Token { slot, generation: 1 })
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
        let generation = self.entries.get(slot as usize).map_or(1, |entry| entry.generation);
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
}
