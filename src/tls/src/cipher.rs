//! One direction's AEAD: a record's nonce, its additional data, and its place in the sequence
//! (sections 5.2 and 5.3; RFC 5246 section 6.2.3.3, RFC 5288, RFC 7905).
//! Not for: what records say, and when keys change.

use std::fmt;
use std::ops::Range;

use zeroize::Zeroizing;

use crate::alert::Alert;
use crate::crypto::aead;
use crate::header::{self, Content, VERSION, Violation};
use crate::keys::{BadKeys, Direction, Keys, NONCE_LEN};
use crate::suite::{Aead, Suite, Version};

/// Bytes of a tag, in each AEAD.
const TAG_LEN: usize = 16;
/// Bytes of the nonce that TLS 1.2 sends with a record of AES-GCM.
const EXPLICIT_LEN: usize = 8;

/// A key, where its nonces begin, and the secrets that both come from.
pub(crate) struct Cipher {
    key: aead::LessSafeKey,
    iv: Zeroizing<[u8; NONCE_LEN]>,
    /// The number of the next record.
    sequence: u64,
    keys: Keys,
    suite: Suite,
}

impl Cipher {
    pub(crate) fn new(suite: Suite, direction: Direction) -> Result<Self, BadKeys> {
        let Direction { keys, sequence } = direction;
        let (key, iv) = Self::derive(suite, &keys)?;
        Ok(Self { key, iv, sequence, keys, suite })
    }

    /// Leaves what the key was made of, and what comes next. Nothing more can be sealed or opened here.
    pub(crate) fn into_direction(self) -> Direction {
        Direction { keys: self.keys, sequence: self.sequence }
    }

    fn derive(
        suite: Suite,
        keys: &Keys,
    ) -> Result<(aead::LessSafeKey, Zeroizing<[u8; NONCE_LEN]>), BadKeys> {
        let algorithm = match suite.aead {
            Aead::Aes128Gcm => &aead::AES_128_GCM,
            Aead::Aes256Gcm => &aead::AES_256_GCM,
            Aead::ChaCha20Poly1305 => &aead::CHACHA20_POLY1305,
        };
        let (key, iv) = keys.derive(suite)?;
        let key = aead::UnboundKey::new(algorithm, key.as_bytes()).map_err(|_| BadKeys)?;
        Ok((aead::LessSafeKey::new(key), iv))
    }

    /// Goes on to the next generation of keys, and to record 0 (section 7.2).
    pub(crate) fn update(&mut self) {
        self.keys.advance(self.suite.hash);
        (self.key, self.iv) =
            Self::derive(self.suite, &self.keys).expect("the next secret is as long as the last");
        self.sequence = 0;
    }

    pub(crate) fn suite(&self) -> Suite {
        self.suite
    }

    pub(crate) fn version(&self) -> Version {
        self.suite.version
    }

    /// The number of the next record.
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Bytes of nonce that go with each record.
    fn explicit_len(&self) -> usize {
        match (self.suite.version, self.suite.aead) {
            (Version::Tls12, Aead::Aes128Gcm | Aead::Aes256Gcm) => EXPLICIT_LEN,
            _ => 0,
        }
    }

    /// By how much a record is longer than its content.
    pub(crate) fn overhead(&self) -> usize {
        let inner_type = usize::from(self.suite.version == Version::Tls13);
        header::LEN + self.explicit_len() + inner_type + TAG_LEN
    }

    fn nonce(&self) -> [u8; NONCE_LEN] {
        let mut nonce = *self.iv;
        for (byte, number) in nonce[NONCE_LEN - 8..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *byte ^= number;
        }
        nonce
    }

    /// The additional data of a record with this header, and so many bytes of plaintext.
    fn additional(&self, header: [u8; header::LEN], plain_len: usize) -> Additional {
        let mut bytes = [0; 13];
        if self.suite.version == Version::Tls13 {
            bytes[..header::LEN].copy_from_slice(&header);
            return Additional { bytes, len: header::LEN };
        }
        bytes[..8].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[8..11].copy_from_slice(&header[..3]);
        bytes[11..].copy_from_slice(&(plain_len as u16).to_be_bytes());
        Additional { bytes, len: bytes.len() }
    }

    /// Decrypts a whole record in place; says what it holds, and where in it.
    pub(crate) fn open(&mut self, record: &mut [u8]) -> Result<(Content, Range<usize>), Violation> {
        const FORGED: Violation =
            Violation::new(Alert::BadRecordMac, "a record that is not what its sender sealed");
        let (header, body) = record.split_first_chunk_mut::<{ header::LEN }>().ok_or(FORGED)?;
        let explicit_len = self.explicit_len();
        let plain_len = body.len().checked_sub(explicit_len + TAG_LEN).ok_or(FORGED)?;
        let next = self
            .sequence
            .checked_add(1)
            .ok_or(Violation::new(Alert::InternalError, "more records than sequence numbers"))?;
        let (explicit, sealed) = body.split_at_mut(explicit_len);
        let mut nonce = self.nonce();
        if explicit_len > 0 {
            nonce[NONCE_LEN - EXPLICIT_LEN..].copy_from_slice(explicit);
        }
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let additional = aead::Aad::from(self.additional(*header, plain_len));
        let plain = self.key.open_in_place(nonce, additional, sealed).map_err(|_| FORGED)?;
        self.sequence = next;
        let (content, len) = match self.suite.version {
            Version::Tls13 => unpad(plain)?,
            Version::Tls12 => (header[0], plain.len()),
        };
        if len > header::MAX_PLAIN {
            return Err(Violation::overflow());
        }
        let start = header::LEN + explicit_len;
        Ok((Content::from_number(content)?, start..start + len))
    }

    /// Appends a record, whose content `fill` appends: at most 2^14 bytes.
    pub(crate) fn seal(
        &mut self,
        content: Content,
        out: &mut Vec<u8>,
        fill: impl FnOnce(&mut Vec<u8>),
    ) {
        let start = out.len();
        let nonce = self.nonce();
        out.extend_from_slice(&[0; header::LEN]);
        out.extend_from_slice(&nonce[NONCE_LEN - self.explicit_len()..]);
        let plain_at = out.len();
        fill(out);
        let plain_len = out.len() - plain_at;
        let outer = match self.suite.version {
            Version::Tls13 => {
                out.push(content as u8);
                Content::Data
            }
            Version::Tls12 => content,
        };
        let len = (out.len() - start - header::LEN + TAG_LEN) as u16;
        let [high, low] = len.to_be_bytes();
        let header = [outer as u8, VERSION[0], VERSION[1], high, low];
        out[start..start + header::LEN].copy_from_slice(&header);
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let additional = aead::Aad::from(self.additional(header, plain_len));
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce, additional, &mut out[plain_at..])
            .expect("a record is far below what an AEAD can seal");
        out.extend_from_slice(tag.as_ref());
        self.sequence += 1;
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cipher")
            .field("suite", &self.suite)
            .field("sequence", &self.sequence)
            .finish_non_exhaustive()
    }
}

/// The content type and length of an inner plaintext: the type is its last byte that is not 0, and
/// the content lies before it (section 5.4).
fn unpad(inner: &[u8]) -> Result<(u8, usize), Violation> {
    if inner.len() > header::MAX_PLAIN + 1 {
        return Err(Violation::overflow());
    }
    let len = inner.iter().rposition(|&byte| byte != 0);
    let len = len.ok_or(Violation::unexpected("a record without a type"))?;
    Ok((inner[len], len))
}

/// Additional data of up to 13 bytes.
struct Additional {
    bytes: [u8; 13],
    len: usize,
}

impl AsRef<[u8]> for Additional {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}
