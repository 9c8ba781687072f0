//! A set of apps, so that a turn costs nothing for those that have nothing to do with it.
//!
//! It is exact for the first 64 apps; those whose numbers are equal modulo 64 stand in for each
//! other, and more are looked at than would have to be.

/// Bits of a set.
const BITS: usize = u64::BITS as usize;

/// A set of apps.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct AppSet(u64);

impl AppSet {
    /// The set of these bits.
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The bit of an app.
    #[inline]
    pub fn bit(app: usize) -> u64 {
        1 << (app % BITS)
    }

    /// The set of all apps.
    pub fn all() -> Self {
        Self(u64::MAX)
    }

    /// Whether it is empty.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether an app is in it, or one alike.
    #[inline]
    pub fn contains(self, app: usize) -> bool {
        self.0 & Self::bit(app) != 0
    }

    /// Adds an app.
    #[inline]
    pub fn insert(&mut self, app: usize) {
        self.0 |= Self::bit(app);
    }

    /// Adds all of another set.
    #[inline]
    pub fn extend(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Those of the first `count` apps that are in it.
    #[inline]
    pub fn iter(self, count: usize) -> impl Iterator<Item = usize> {
        let (mut rest, mut app) = (self.0, count);
        std::iter::from_fn(move || {
            app += BITS; // the next one alike
            if app >= count {
                let bit = rest.trailing_zeros() as usize;
                if bit >= count.min(BITS) {
                    return None;
                }
                rest &= rest - 1;
                app = bit;
            }
            Some(app)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_who_was_put_in_and_who_is_alike() {
        let mut set = AppSet::default();
        assert!(set.is_empty());
        assert_eq!(set.iter(100).count(), 0);
        [3, 0, 63].into_iter().for_each(|app| set.insert(app));
        assert_eq!(set.iter(64).collect::<Vec<_>>(), [0, 3, 63]);
        assert_eq!(set.iter(3).collect::<Vec<_>>(), [0]);
        assert_eq!(set.iter(130).collect::<Vec<_>>(), [0, 64, 128, 3, 67, 63, 127]);
        let mut other = AppSet::from_bits(AppSet::bit(65));
        other.extend(set);
        assert_eq!(other.iter(4).collect::<Vec<_>>(), [0, 1, 3]);
        assert_eq!(AppSet::all().iter(2).collect::<Vec<_>>(), [0, 1]);
    }
}
