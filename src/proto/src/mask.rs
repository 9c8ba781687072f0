//! Masking (RFC 6455 section 5.3): payloads of clients are unmasked where they lie.
//! Not for: choosing keys. A server masks nothing.

/// Bytes that are treated at a time: a number that the compiler knows, so that it needs no loop for
/// them but only vector registers.
const CHUNK: usize = 256;

/// The top bits of four bytes, which no ASCII character has.
const TOP_BITS: u32 = 0x8080_8080;

/// Applies `key` to `bytes`, whose first byte goes with the key's first. Doing it twice restores
/// the bytes.
#[inline]
pub fn apply(key: [u8; 4], bytes: &mut [u8]) {
    apply_and_gather(key, bytes);
}

/// The same, and whether what they became is all ASCII, which costs next to nothing here: most
/// texts are, and so need no second pass to be known as UTF-8.
#[inline]
pub(crate) fn apply_is_ascii(key: [u8; 4], bytes: &mut [u8]) -> bool {
    apply_and_gather(key, bytes) & TOP_BITS == 0
}

/// Applies the key; in what is returned are the bits of all bytes that came of it.
#[inline(always)]
fn apply_and_gather(key: [u8; 4], bytes: &mut [u8]) -> u32 {
    let mut seen = 0;
    let mut chunks = bytes.chunks_exact_mut(CHUNK);
    for chunk in &mut chunks {
        seen |= apply_to_words(key, chunk);
    }
    seen | apply_to_words(key, chunks.into_remainder())
}

/// By words as long as the key: for a short payload that is less work than anything wider.
#[inline(always)]
fn apply_to_words(key: [u8; 4], bytes: &mut [u8]) -> u32 {
    let mut seen = 0;
    let mut words = bytes.chunks_exact_mut(4);
    for part in &mut words {
        let word = u32::from_ne_bytes([part[0], part[1], part[2], part[3]]);
        let word = word ^ u32::from_ne_bytes(key);
        part.copy_from_slice(&word.to_ne_bytes());
        seen |= word;
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(key) {
        *byte ^= key;
        seen |= u32::from(*byte);
    }
    seen
}

/// The key for the bytes that follow after `done` bytes of the payload.
#[inline]
pub fn advance(mut key: [u8; 4], done: usize) -> [u8; 4] {
    key.rotate_left(done % 4);
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The formula of the RFC, word for word.
    fn by_the_book(key: [u8; 4], bytes: &mut [u8]) {
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte ^= key[i % 4];
        }
    }

    #[test]
    fn one_byte_beyond_ascii_is_seen_wherever_it_is() {
        for len in [1, 2, 3, 4, 7, 8, 31, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 35] {
            for at in 0..len {
                let mut bytes = vec![b'~'; len];
                bytes[at] = 0x80;
                assert!(!apply_is_ascii([0; 4], &mut bytes), "{at} of {len}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_unmasked_is_ascii_or_not(key: [u8; 4], text in "[ -~]{0,300}é?[ -~]{0,9}") {
            let mut bytes = text.clone().into_bytes();
            apply(key, &mut bytes);
            prop_assert_eq!(apply_is_ascii(key, &mut bytes), text.is_ascii());
            prop_assert_eq!(bytes, text.into_bytes());
        }

        #[test]
        fn rfc6455_5_3_masking_is_the_formula(
            key: [u8; 4],
            mut bytes in proptest::collection::vec(any::<u8>(), 0..3 * CHUNK),
        ) {
            let mut expected = bytes.clone();
            by_the_book(key, &mut expected);
            apply(key, &mut bytes);
            prop_assert_eq!(bytes, expected);
        }

        #[test]
        fn rfc6455_5_3_a_payload_may_be_unmasked_in_pieces(
            key: [u8; 4],
            mut bytes in proptest::collection::vec(any::<u8>(), 0..3 * CHUNK),
            cut: prop::sample::Index,
        ) {
            let mut expected = bytes.clone();
            by_the_book(key, &mut expected);
            let cut = cut.index(bytes.len() + 1);
            let (first, second) = bytes.split_at_mut(cut);
            apply(key, first);
            apply(advance(key, cut), second);
            prop_assert_eq!(bytes, expected);
        }
    }
}
