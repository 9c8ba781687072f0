//! Masking (RFC 6455 section 5.3): payloads of clients are unmasked where they lie.
//! Not for: choosing keys. A server masks nothing.

/// Bytes that are treated at a time; enough for the compiler to use vector registers.
const CHUNK: usize = 32;

/// Applies `key` to `bytes`, whose first byte goes with the key's first. Doing it twice restores
/// the bytes.
#[inline]
pub fn apply(key: [u8; 4], bytes: &mut [u8]) {
    let word = u64::from_ne_bytes([key[0], key[1], key[2], key[3], key[0], key[1], key[2], key[3]]);
    let mut chunks = bytes.chunks_exact_mut(CHUNK);
    for chunk in &mut chunks {
        for part in chunk.chunks_exact_mut(8) {
            xor_word(part, word);
        }
    }
    let mut words = chunks.into_remainder().chunks_exact_mut(8);
    for part in &mut words {
        xor_word(part, word);
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

#[inline]
fn xor_word(part: &mut [u8], word: u64) {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(part);
    let masked = u64::from_ne_bytes(bytes) ^ word;
    part.copy_from_slice(&masked.to_ne_bytes());
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

    proptest! {
        #[test]
        fn rfc6455_5_3_masking_is_the_formula(
            key: [u8; 4],
            mut bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut expected = bytes.clone();
            by_the_book(key, &mut expected);
            apply(key, &mut bytes);
            prop_assert_eq!(bytes, expected);
        }

        #[test]
        fn rfc6455_5_3_a_payload_may_be_unmasked_in_pieces(
            key: [u8; 4],
            mut bytes in proptest::collection::vec(any::<u8>(), 0..200),
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
