//! UTF-8 over pieces of a text (RFC 6455 section 8.1): a fault is found with the first byte that
//! makes it certain, wherever the text is cut.
//! Not for: texts that lie there whole; those are checked in one go with simdutf8.

use serde::{Deserialize, Serialize};
use simdutf8::compat;

/// The text is not UTF-8.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotUtf8;

/// Checks a text that comes in pieces. Between pieces it remembers the bytes of a character that
/// is not complete, at most 3.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Utf8 {
    carry: [u8; 3],
    carried: u8,
}

impl Utf8 {
    /// Checks the next piece.
    ///
    /// # Errors
    /// If no continuation could make a text of what has come so far.
    pub fn push(&mut self, mut piece: &[u8]) -> Result<(), NotUtf8> {
        if self.carried > 0 {
            piece = self.complete_character(piece)?;
            if self.carried > 0 {
                return Ok(());
            }
        }
        let Err(error) = compat::from_utf8(piece) else { return Ok(()) };
        match error.error_len() {
            Some(_) => Err(NotUtf8),
            None => {
                self.keep(&piece[error.valid_up_to()..]);
                Ok(())
            }
        }
    }

    /// Whether it may have come about: what is read back from elsewhere may be anything.
    pub(crate) fn is_sound(&self) -> bool {
        usize::from(self.carried) <= self.carry.len()
    }

    /// The text has ended.
    ///
    /// # Errors
    /// If it ended within a character.
    pub fn finish(&self) -> Result<(), NotUtf8> {
        if self.carried == 0 { Ok(()) } else { Err(NotUtf8) }
    }

    /// Adds bytes to the character that the last piece ended in, and returns what follows it.
    fn complete_character<'p>(&mut self, piece: &'p [u8]) -> Result<&'p [u8], NotUtf8> {
        let mut character = [0; 4];
        let mut len = usize::from(self.carried);
        character[..len].copy_from_slice(&self.carry[..len]);
        for (used, &byte) in piece.iter().enumerate() {
            character[len] = byte;
            len += 1;
            match std::str::from_utf8(&character[..len]) {
                Ok(_) => {
                    self.carried = 0;
                    return Ok(&piece[used + 1..]);
                }
                Err(error) if error.error_len().is_some() => return Err(NotUtf8),
                Err(_) => {} // four bytes are either a character or wrong, so `len` stays below 4
            }
        }
        self.keep(&character[..len]);
        Ok(&[])
    }

    fn keep(&mut self, start: &[u8]) {
        self.carry[..start.len()].copy_from_slice(start);
        self.carried = start.len() as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Index of the byte that made the fault certain, or the verdict at the end.
    fn one_by_one(text: &[u8]) -> Result<(), usize> {
        let mut utf8 = Utf8::default();
        for (i, byte) in text.iter().enumerate() {
            utf8.push(&[*byte]).map_err(|_| i)?;
        }
        utf8.finish().map_err(|_| text.len())
    }

    #[test]
    fn rfc6455_8_1_faults_are_found_as_early_as_they_are_certain() {
        assert_eq!(one_by_one("κόσμε 🙂 \u{10ffff}".as_bytes()), Ok(()));
        assert_eq!(one_by_one(b"ab\xc0\xaf"), Err(2)); // overlong from the first byte on
        assert_eq!(one_by_one(b"\xe0\x9f\x80"), Err(1)); // overlong
        assert_eq!(one_by_one(b"\xed\xa0\x80"), Err(1)); // surrogate
        assert_eq!(one_by_one(b"\xf4\x90\x80\x80"), Err(1)); // beyond U+10FFFF
        assert_eq!(one_by_one(b"\xf5"), Err(0));
        assert_eq!(one_by_one(b"\x80"), Err(0));
        assert_eq!(one_by_one(b"a\xf0\x9f\x99"), Err(4)); // ends within a character
    }

    /// Texts, and texts with bytes replaced: most of what random bytes would never reach.
    fn nearly_text() -> impl Strategy<Value = Vec<u8>> {
        (".{0,80}", proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3))
            .prop_map(|(text, faults)| {
                let mut bytes = text.into_bytes();
                for (at, byte) in faults {
                    if !bytes.is_empty() {
                        let at = at.index(bytes.len());
                        bytes[at] = byte;
                    }
                }
                bytes
            })
    }

    proptest! {
        #[test]
        fn pieces_are_judged_like_the_whole(
            text in nearly_text(),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let mut utf8 = Utf8::default();
            let mut pieces = cuts.windows(2).map(|cut| &text[cut[0]..cut[1]]);
            let verdict = pieces.try_for_each(|piece| utf8.push(piece));
            let verdict = verdict.and_then(|()| utf8.finish());
            prop_assert_eq!(verdict.is_ok(), std::str::from_utf8(&text).is_ok());
        }
    }
}
