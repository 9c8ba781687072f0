//! How a record lies in a ring, and the small types that its users meet. Pure arithmetic: nothing
//! here touches memory.
//!
//! ```text
//! inline:  | header 8 B | inline bytes | padding to 8 B |
//! block:   | header 8 B | address 8 B | length 8 B | inline bytes | padding to 8 B |
//! ```
//!
//! The header holds the number of inline bytes and whether a block follows. Every record starts on
//! a multiple of 8 bytes, hence its header never straddles the ring's end, and the bytes handed
//! out by [`Producer::reserve`](crate::Producer::reserve) are 8-byte aligned.

use std::{error::Error, fmt};

/// Every position and every record size is a multiple of this.
pub(crate) const ALIGN: usize = 8;
/// Bytes before the inline part of a record without a block.
pub(crate) const HEADER: usize = 8;
/// Bytes before the inline part of a record with a block.
pub(crate) const BLOCK_HEADER: usize = HEADER + DESCRIPTOR;
/// Bytes that say where a block lies.
pub(crate) const DESCRIPTOR: usize = 16;

/// The first word of a record: the length of its inline part, and in the lowest bit whether the
/// record names a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header(pub(crate) u64);

impl Header {
    #[inline]
    pub(crate) const fn new(inline_len: usize, has_block: bool) -> Self {
        // A length below 2^63 is all there can be: it was checked against the ring's capacity.
        Self((inline_len as u64) << 1 | has_block as u64)
    }

    #[inline]
    pub(crate) const fn inline_len(self) -> usize {
        (self.0 >> 1) as usize
    }

    #[inline]
    pub(crate) const fn has_block(self) -> bool {
        self.0 & 1 == 1
    }

    /// Bytes from the record's start to its inline part.
    #[inline]
    pub(crate) const fn inline_offset(self) -> usize {
        if self.has_block() { BLOCK_HEADER } else { HEADER }
    }

    /// Bytes that the whole record takes in the ring.
    #[inline]
    pub(crate) const fn size(self) -> usize {
        self.inline_offset() + round_up(self.inline_len())
    }
}

/// Rounds up to [`ALIGN`]. The caller has bounded `len` far below `usize::MAX`.
#[inline]
pub(crate) const fn round_up(len: usize) -> usize {
    (len + (ALIGN - 1)) & !(ALIGN - 1)
}

/// "No room now": a result, not a fault. It passes as soon as the other side gives some back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no room now")
    }
}

impl Error for Full {}

/// Why a record found no place in a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReserveError {
    /// Not now: the consumer has yet to release enough. See
    /// [`Producer::want_space`](crate::Producer::want_space).
    Full,
    /// Never: it is larger than [`Producer::max_record`](crate::Producer::max_record) allows.
    TooLarge,
}

impl fmt::Display for ReserveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "no room in the ring now",
            Self::TooLarge => "larger than the ring can ever take",
        })
    }
}

impl Error for ReserveError {}

impl From<Full> for ReserveError {
    fn from(Full: Full) -> Self {
        Self::Full
    }
}

/// A record as its consumer sees it. Both slices lie in memory that stays put until the record is
/// released, which the borrow of the [`Consumer`](crate::Consumer) enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// The bytes that lie in the ring itself; 8-byte aligned.
    pub inline: &'a [u8],
    /// The payload that crossed by pointer, if the record has one.
    pub block: Option<&'a [u8]>,
}

/// Where a record lies, for a second look through [`Consumer::at`](crate::Consumer::at).
///
/// It names its ring too, so that it cannot be taken for a position in another ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub(crate) offset: usize,
    pub(crate) ring: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_keeps_length_and_flag() {
        for len in [0, 1, 7, 8, 9, 4096, usize::MAX >> 2] {
            for has_block in [false, true] {
                let header = Header::new(len, has_block);
                assert_eq!((header.inline_len(), header.has_block()), (len, has_block));
            }
        }
    }

    #[test]
    fn sizes_are_whole_words() {
        for (len, has_block, size) in [
            (0, false, 8),
            (1, false, 16),
            (8, false, 16),
            (9, false, 24),
            (0, true, 24),
            (1, true, 32),
        ] {
            assert_eq!(Header::new(len, has_block).size(), size, "{len} {has_block}");
        }
    }
}
