//! What is left of a message that is being decoded.

use super::{Field, Fixed, Mismatch, Shape};
use crate::Message;

/// What is left of a message that is being decoded.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    message: Message<'a>,
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    /// All of a message.
    #[must_use]
    #[inline]
    pub const fn new(message: Message<'a>) -> Self {
        Self { message, rest: message.as_bytes() }
    }

    /// The byte that selects a case.
    ///
    /// # Errors
    ///
    /// The message is empty.
    #[inline]
    pub const fn case(&mut self, expected: &'static Shape) -> Result<u8, Mismatch> {
        let [case, rest @ ..] = self.rest else { return Err(Mismatch::size(expected, 0)) };
        self.rest = rest;
        Ok(*case)
    }

    /// Looks at the kind and the size of the whole message.
    ///
    /// # Errors
    ///
    /// One of them is wrong.
    #[inline]
    pub const fn check(&self, expected: &'static Shape) -> Result<(), Mismatch> {
        if !expected.kind.admits(self.message) {
            return Err(Mismatch::kind(expected));
        }
        if !expected.admits(self.message.len()) {
            return Err(Mismatch::size(expected, self.message.len()));
        }
        Ok(())
    }

    /// The next field. `None` if its value makes no sense.
    #[inline]
    pub fn take<T: Fixed<'a>>(&mut self) -> Option<T> {
        let (bytes, rest) = self.rest.split_at_checked(T::SIZE)?;
        self.rest = rest;
        T::from_bytes(bytes)
    }

    /// The last field. `None` if its value makes no sense.
    #[inline]
    pub fn last<T: Field<'a>>(self) -> Option<T> {
        T::from_input(self)
    }

    /// What is left.
    #[inline]
    pub(super) const fn bytes(self) -> &'a [u8] {
        self.rest
    }

    /// What is left, if it is text: of a text message that is already known, unless the fields before
    /// end within a character.
    #[inline]
    pub(super) fn text(self) -> Option<&'a str> {
        match self.message {
            Message::Text(text) => text.get(text.len() - self.rest.len()..),
            Message::Binary(_) => std::str::from_utf8(self.rest).ok(),
        }
    }
}
