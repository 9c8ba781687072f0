//! The five bytes before each record: type, version, length (section 5.1).
//! Not for: what is inside.

use crate::alert::Alert;
use crate::suite::Version;

/// Bytes of a header.
pub(crate) const LEN: usize = 5;
/// Most bytes of plaintext in a record (section 5.1).
pub(crate) const MAX_PLAIN: usize = 1 << 14;
/// Most bytes of any record, its header counted in (section 5.2; RFC 5246 section 6.2.3).
pub const MAX_RECORD_LEN: usize = LEN + MAX_PLAIN + 2048;
/// The version that both TLS 1.2 and 1.3 write into headers (section 5.1).
pub(crate) const VERSION: [u8; 2] = [3, 3];

/// What a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Content {
    Alert = 21,
    Handshake = 22,
    Data = 23,
}

impl Content {
    pub(crate) fn from_number(number: u8) -> Result<Self, Violation> {
        match number {
            21 => Ok(Self::Alert),
            22 => Ok(Self::Handshake),
            23 => Ok(Self::Data),
            20 => Err(Violation::unexpected("ChangeCipherSpec after the handshake")),
            _ => Err(Violation::unexpected("a record of an unknown type")),
        }
    }
}

/// A breach of the protocol by the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What the peer is to be told.
    pub alert: Alert,
    /// What it did, in words for a log.
    pub why: &'static str,
}

impl Violation {
    pub(crate) const fn new(alert: Alert, why: &'static str) -> Self {
        Self { alert, why }
    }

    pub(crate) const fn unexpected(why: &'static str) -> Self {
        Self::new(Alert::UnexpectedMessage, why)
    }

    pub(crate) const fn overflow() -> Self {
        Self::new(Alert::RecordOverflow, "a record longer than any may be")
    }
}

/// The length of the record that `bytes` begins with, its header of 5 bytes counted in; `None` as
/// long as `bytes` does not hold the header. Fits records of a handshake, which are not read here:
/// all types of TLS are let through, and any version 3.x.
///
/// # Errors
///
/// If no record of TLS begins so: by its type or version, or because it is longer than
/// 2^14 + 2048 bytes (RFC 5246 section 6.2.3).
pub fn record_len(bytes: &[u8]) -> Result<Option<usize>, Violation> {
    let Some(&[content, major, _, high, low]) = bytes.first_chunk::<LEN>() else {
        return Ok(None);
    };
    if !(20..=24).contains(&content) {
        return Err(Violation::unexpected("a record of an unknown type"));
    }
    if major != VERSION[0] {
        return Err(Violation::new(Alert::ProtocolVersion, "a record of no known version"));
    }
    let len = usize::from(u16::from_be_bytes([high, low]));
    if LEN + len > MAX_RECORD_LEN { Err(Violation::overflow()) } else { Ok(Some(LEN + len)) }
}

/// Likewise for the encrypted records of this version, whose bounds are narrower.
pub(crate) fn sealed_record_len(
    bytes: &[u8],
    version: Version,
) -> Result<Option<usize>, Violation> {
    let Some(&[content, major, minor, high, low]) = bytes.first_chunk::<LEN>() else {
        return Ok(None);
    };
    let content = Content::from_number(content)?;
    let expansion = match version {
        // All types look like data, and the version is for old middleboxes (section 5.2).
        Version::Tls13 if content != Content::Data => {
            return Err(Violation::unexpected("a record that is not encrypted"));
        }
        Version::Tls13 => 256,
        Version::Tls12 if [major, minor] != VERSION => {
            return Err(Violation::new(Alert::ProtocolVersion, "a record of another version"));
        }
        Version::Tls12 => 2048,
    };
    let len = usize::from(u16::from_be_bytes([high, low]));
    if len > MAX_PLAIN + expansion { Err(Violation::overflow()) } else { Ok(Some(LEN + len)) }
}
