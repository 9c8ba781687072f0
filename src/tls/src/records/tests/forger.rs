//! Records of any content, sealed with the right keys: those that no well-behaved peer would send.
//! Written apart from what it tests: nonces and additional data are made here once more.

use zeroize::Zeroizing;

use crate::crypto::aead;
use crate::keys::{Direction, Keys};
use crate::suite::{Aead, Suite, Version};

pub(super) struct Forger {
    suite: Suite,
    keys: Keys,
    pub(super) sequence: u64,
}

impl Forger {
    pub(super) fn new(suite: Suite, direction: Direction) -> Self {
        let Direction { keys, sequence } = direction;
        Self { suite, keys, sequence }
    }

    /// Goes on to the next keys.
    pub(super) fn update(&mut self) {
        self.keys.advance(self.suite.hash);
        self.sequence = 0;
    }

    /// A record of this type.
    pub(super) fn record(&mut self, content: u8, plain: &[u8]) -> Vec<u8> {
        self.padded(content, plain, 0)
    }

    /// Likewise, padded where that can be.
    pub(super) fn padded(&mut self, content: u8, plain: &[u8], padding: usize) -> Vec<u8> {
        match self.suite.version {
            Version::Tls12 => self.sealed([content, 3, 3], plain),
            Version::Tls13 => {
                let inner = [plain, &[content], &vec![0; padding]].concat();
                self.sealed([23, 3, 3], &inner)
            }
        }
    }

    /// A record with this type and version outside, and all of this inside.
    pub(super) fn sealed(&mut self, outer: [u8; 3], inner: &[u8]) -> Vec<u8> {
        let (key, iv) = self.keys.derive(self.suite).unwrap();
        let algorithm = match self.suite.aead {
            Aead::Aes128Gcm => &aead::AES_128_GCM,
            Aead::Aes256Gcm => &aead::AES_256_GCM,
            Aead::ChaCha20Poly1305 => &aead::CHACHA20_POLY1305,
        };
        let key = aead::LessSafeKey::new(aead::UnboundKey::new(algorithm, key.as_bytes()).unwrap());
        let nonce = self.nonce(&iv);
        let is_explicit =
            self.suite.version == Version::Tls12 && self.suite.aead != Aead::ChaCha20Poly1305;
        let explicit = if is_explicit { &nonce[4..] } else { &[] };
        let len = (explicit.len() + inner.len() + 16) as u16;
        let header = [&outer[..], &len.to_be_bytes()].concat();
        let additional = match self.suite.version {
            Version::Tls13 => header.clone(),
            Version::Tls12 => {
                [&self.sequence.to_be_bytes(), &outer[..], &(inner.len() as u16).to_be_bytes()]
                    .concat()
            }
        };
        let mut body = inner.to_vec();
        key.seal_in_place_append_tag(
            aead::Nonce::assume_unique_for_key(nonce),
            aead::Aad::from(additional),
            &mut body,
        )
        .unwrap();
        self.sequence = self.sequence.wrapping_add(1);
        [&header, explicit, &body].concat()
    }

    /// For AES-GCM in TLS 1.2 the last 8 bytes may be anything, as they go with the record.
    fn nonce(&self, iv: &Zeroizing<[u8; 12]>) -> [u8; 12] {
        let start = u128::from_be_bytes([&[0; 4], &iv[..]].concat().try_into().unwrap());
        let number = match (self.suite.version, self.suite.aead) {
            (Version::Tls12, Aead::Aes128Gcm | Aead::Aes256Gcm) => !self.sequence,
            _ => self.sequence,
        };
        (start ^ u128::from(number)).to_be_bytes()[4..].try_into().unwrap()
    }
}
