//! The unread part of what was received.
//! Not for: keeping bytes. What a connection needs later it copies to itself.

/// The bytes of one receive that a connection has yet to read. They are mutable because payloads
/// are unmasked where they lie.
#[derive(Debug)]
pub struct Input<'b> {
    rest: &'b mut [u8],
}

impl<'b> Input<'b> {
    /// Nothing of `bytes` has been read yet.
    #[inline]
    pub fn new(bytes: &'b mut [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read yet, unchanged since it was received.
    #[inline]
    pub fn remaining(&self) -> &[u8] {
        self.rest
    }

    /// How many bytes have not been read yet.
    #[inline]
    pub fn len(&self) -> usize {
        self.rest.len()
    }

    /// Whether all is read.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Reads the next `count` bytes, which must be there.
    #[inline]
    pub(crate) fn take(&mut self, count: usize) -> &'b mut [u8] {
        let (taken, rest) = std::mem::take(&mut self.rest).split_at_mut(count);
        self.rest = rest;
        taken
    }

    /// Reads as much as there is, at most `count` bytes.
    pub(crate) fn take_up_to(&mut self, count: usize) -> &'b mut [u8] {
        self.take(count.min(self.len()))
    }

    /// Reads the rest and forgets it.
    pub(crate) fn clear(&mut self) {
        self.rest = &mut [];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_taken_once_and_in_order() {
        let mut bytes = *b"abcdef";
        let mut input = Input::new(&mut bytes);
        let first = input.take(2);
        let second = input.take_up_to(3);
        assert_eq!((&*first, &*second, input.remaining()), (&b"ab"[..], &b"cde"[..], &b"f"[..]));
        assert_eq!(input.take_up_to(9), b"f");
        assert!(input.is_empty());
    }
}
