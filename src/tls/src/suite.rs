//! What the handshake has agreed upon: version, AEAD and hash.
//! Not for: choosing them.

/// The versions of TLS whose records are known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// TLS 1.2 (RFC 5246), with an AEAD.
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

/// The algorithm that encrypts and authenticates records. Each has a tag of 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aead {
    /// AES-GCM with a key of 128 bits.
    Aes128Gcm,
    /// AES-GCM with a key of 256 bits.
    Aes256Gcm,
    /// ChaCha20-Poly1305 (RFC 8439).
    ChaCha20Poly1305,
}

impl Aead {
    /// Bytes of a key.
    pub(crate) fn key_len(self) -> usize {
        match self {
            Self::Aes128Gcm => 16,
            Self::Aes256Gcm | Self::ChaCha20Poly1305 => 32,
        }
    }
}

/// The hash of TLS 1.3's key schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// 32 bytes.
    Sha256,
    /// 48 bytes.
    Sha384,
}

impl Hash {
    /// Bytes of its output, and thereby of a traffic secret.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }
}

/// A cipher suite, as far as records depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suite {
    /// The version of TLS that the suite is for.
    pub version: Version,
    /// What seals records.
    pub aead: Aead,
    /// What derives the keys of TLS 1.3. TLS 1.2's are given as they are, and this is not used.
    pub hash: Hash,
}

impl Suite {
    /// The suite of this number (the IANA registry "TLS Cipher Suites"): the three of TLS 1.3, and
    /// those of TLS 1.2 that have an AEAD of TLS 1.3 and an ephemeral key exchange on elliptic
    /// curves. `None` for all others.
    pub fn from_number(number: u16) -> Option<Self> {
        use {Aead::*, Hash::*, Version::*};
        let (version, aead, hash) = match number {
            0x1301 => (Tls13, Aes128Gcm, Sha256),
            0x1302 => (Tls13, Aes256Gcm, Sha384),
            0x1303 => (Tls13, ChaCha20Poly1305, Sha256),
            0xc02b | 0xc02f => (Tls12, Aes128Gcm, Sha256),
            0xc02c | 0xc030 => (Tls12, Aes256Gcm, Sha384),
            0xcca8 | 0xcca9 => (Tls12, ChaCha20Poly1305, Sha256),
            _ => return None,
        };
        Some(Self { version, aead, hash })
    }
}
