//! The secrets of one direction, and what is derived from them (sections 7.1 to 7.3).
//! All of them are overwritten when they are dropped, and none appears in a `Debug` output.
//! Not for: encryption itself, nor the key schedule of a handshake.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

use crate::crypto::hkdf;
use crate::suite::{Hash, Suite, Version};

/// Bytes of the longest secret: a traffic secret of SHA-384.
const MAX_LEN: usize = 48;
/// Bytes of a nonce, in each AEAD (RFC 5116 section 3.2).
pub(crate) const NONCE_LEN: usize = 12;

/// A secret of up to 48 bytes.
pub struct Secret {
    bytes: Zeroizing<[u8; MAX_LEN]>,
    len: u8,
}

impl Secret {
    /// Copies a secret. The caller overwrites its own copy.
    ///
    /// # Errors
    ///
    /// If it is longer than any secret of TLS, which is 48 bytes.
    pub fn new(secret: &[u8]) -> Result<Self, BadKeys> {
        let mut bytes = Zeroizing::new([0; MAX_LEN]);
        bytes.get_mut(..secret.len()).ok_or(BadKeys)?.copy_from_slice(secret);
        Ok(Self { bytes, len: secret.len() as u8 })
    }

    /// The secret itself.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// `len` bytes that follow from this traffic secret (HKDF-Expand-Label with an empty context).
    fn expand(&self, hash: Hash, label: &str, len: usize) -> Self {
        let algorithm = match hash {
            Hash::Sha256 => hkdf::HKDF_SHA256,
            Hash::Sha384 => hkdf::HKDF_SHA384,
        };
        let mut bytes = Zeroizing::new([0; MAX_LEN]);
        let label_len = ["tls13 ".len() as u8 + label.len() as u8];
        let info: [&[u8]; 5] = [&[0, len as u8], &label_len, b"tls13 ", label.as_bytes(), &[0]];
        hkdf::Prk::new_less_safe(algorithm, self.as_bytes())
            .expand(&info, Len(len))
            .and_then(|okm| okm.fill(&mut bytes[..len]))
            .expect("HKDF yields up to 255 times its hash");
        Self { bytes, len: len as u8 }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({} bytes)", self.len)
    }
}

struct Len(usize);

impl hkdf::KeyType for Len {
    fn len(&self) -> usize {
        self.0
    }
}

/// What protects the records of one direction.
pub enum Keys {
    /// TLS 1.3: key and nonces follow from the traffic secret, and so do the keys after them.
    Tls13 {
        /// `client_application_traffic_secret_N` or the server's, as long as the suite's hash.
        traffic_secret: Secret,
    },
    /// TLS 1.2: one key for the whole connection.
    Tls12 {
        /// `client_write_key` or the server's, as long as the suite's AEAD wants it.
        key: Secret,
        /// Where nonces begin: nonce = `iv` XOR sequence number. With AES-GCM the last 8 bytes of a
        /// nonce go with its record (RFC 5288 section 3), so that for reading only the first 4 count.
        iv: [u8; NONCE_LEN],
    },
}

impl Keys {
    /// The AEAD's key and the value that its nonces begin from.
    pub(crate) fn derive(&self, suite: Suite) -> Result<(Secret, Zeroizing<[u8; 12]>), BadKeys> {
        let key_len = suite.aead.key_len();
        let mut nonce = Zeroizing::new([0; NONCE_LEN]);
        match (self, suite.version) {
            (Self::Tls13 { traffic_secret }, Version::Tls13) => {
                if traffic_secret.as_bytes().len() != suite.hash.len() {
                    return Err(BadKeys);
                }
                let iv = traffic_secret.expand(suite.hash, "iv", NONCE_LEN);
                nonce.copy_from_slice(iv.as_bytes());
                Ok((traffic_secret.expand(suite.hash, "key", key_len), nonce))
            }
            (Self::Tls12 { key, iv }, Version::Tls12) => {
                nonce.copy_from_slice(iv);
                Ok((Secret::new(key.as_bytes())?, nonce))
            }
            _ => Err(BadKeys),
        }
    }

    /// Goes on to the next generation (section 7.2). TLS 1.2 has but one.
    pub(crate) fn advance(&mut self, hash: Hash) {
        if let Self::Tls13 { traffic_secret } = self {
            *traffic_secret = traffic_secret.expand(hash, "traffic upd", hash.len());
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        if let Self::Tls12 { iv, .. } = self {
            iv.zeroize();
        }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls13 { .. } => "Tls13 { .. }",
            Self::Tls12 { .. } => "Tls12 { .. }",
        })
    }
}

/// One direction of a connection, as the handshake leaves it.
#[derive(Debug)]
pub struct Direction {
    /// The secrets.
    pub keys: Keys,
    /// The number of the next record under these keys. In TLS 1.2 the handshake has used at least 0.
    pub sequence: u64,
}

/// The secrets do not fit the suite, or the sequence number is at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadKeys;

impl fmt::Display for BadKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the secrets do not fit the cipher suite")
    }
}

impl std::error::Error for BadKeys {}
