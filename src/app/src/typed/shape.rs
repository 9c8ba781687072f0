//! What a typed message must look like, known when the app is compiled: its kind and its size.

use super::Rest;
use crate::Message;
use std::ops::RangeInclusive;

/// Of which kinds a message may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Binary data.
    Binary,
    /// Text.
    Text,
    /// Binary data or text.
    Either,
}

impl Kind {
    #[inline]
    pub(super) const fn admits(self, message: Message<'_>) -> bool {
        match self {
            Self::Binary => matches!(message, Message::Binary(_)),
            Self::Text => matches!(message, Message::Text(_)),
            Self::Either => true,
        }
    }
}

/// Name, kind and size of a message: `fixed` bytes, and after them `min` to `max` units of `unit`
/// bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct Shape {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) fixed: usize,
    pub(super) unit: usize,
    pub(super) min: usize,
    pub(super) max: usize,
}

impl Shape {
    /// A message of so many bytes.
    #[must_use]
    pub const fn new(name: &'static str, kind: Kind, fixed: usize) -> Self {
        Self { name, kind, fixed, unit: 1, min: 0, max: 0 }
    }

    /// The first byte and anything after it.
    #[must_use]
    pub const fn switch(name: &'static str) -> Self {
        Self::new(name, Kind::Either, 1).and_last(1, (0, usize::MAX))
    }

    /// The same with one more field of a fixed size.
    #[must_use]
    pub const fn and(mut self, size: usize) -> Self {
        self.fixed += size;
        self
    }

    /// The same with the last field: `bounds.0` to `bounds.1` units of `unit` bytes.
    #[must_use]
    pub const fn and_last(mut self, unit: usize, bounds: (usize, usize)) -> Self {
        if bounds.0 == bounds.1 {
            return self.and(unit * bounds.0);
        }
        (self.unit, self.min, self.max) = (unit, bounds.0, bounds.1);
        self
    }

    /// Whether a message of so many bytes has this shape.
    #[inline]
    pub(super) const fn admits(&self, size: usize) -> bool {
        let Some(rest) = size.checked_sub(self.fixed) else { return false };
        rest % self.unit == 0 && rest / self.unit >= self.min && rest / self.unit <= self.max
    }

    /// Smallest and largest size in bytes.
    pub(super) const fn sizes(&self) -> (usize, usize) {
        let at_least = self.fixed.saturating_add(self.unit.saturating_mul(self.min));
        let at_most = self.fixed.saturating_add(self.unit.saturating_mul(self.max));
        (at_least, at_most)
    }
}

/// What stands after `where`. Fails while the app is being compiled if nothing is within, or if the
/// type does not take the rest of a message.
#[must_use]
pub const fn bounds<'a, T: Rest<'a>>(range: RangeInclusive<usize>) -> (usize, usize) {
    let (min, max) = (*range.start(), *range.end());
    assert!(min <= max, "the bounds of a field must be a minimum and a maximum: 1..=10");
    (min, max)
}
