//! The state in its memfd: a heading that says what belongs to it, and the bytes.
//! Not for: what the bytes mean.
//!
//! The heading, all numbers little-endian:
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | [`MAGIC`] |
//! | 4 | [`FORMAT`] |
//! | 4 | number of connections |
//! | 8 | which hand-over this is, as each of its parts says |
//! | 8 | length of the state |
//! | 4 | CRC-32 of the 32 bytes before and of the state |
//!
//! A CRC is enough: once it is sealed nobody can write to the memfd, and only this service can put
//! anything into its store. So it is against mistakes, not against an enemy.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use flate2::Crc;

use crate::counted::counted;
use crate::sys::sealed_file::{Use, sealed_file};

const MAGIC: &[u8; 8] = b"RINGSOCK";

/// The version of all that is left: this heading, the area of secrets, the carriage, and what state and
/// secrets say (`server::estate`).
pub const FORMAT: u32 = 1;

/// Bytes of the heading.
pub(super) const HEADING: usize = 36;

/// Why what was left cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum Broken {
    /// There is no state: the process died before it had left everything.
    NoState,
    /// There are no secrets, not even an empty area for them.
    NoSecrets,
    /// There is more than one state, or more than one area of secrets.
    Several,
    /// The process died before it had written all secrets.
    Unfinished,
    /// Somebody else has taken the secrets.
    TakenBefore,
    /// This is no state, or no area of secrets.
    Unknown,
    /// They are of a version that this process does not know.
    Version(u32),
    /// They are shorter or longer than they say.
    Length,
    /// They are not what was written.
    Checksum,
    /// Parts of different hand-overs.
    Mixed,
    /// Fewer connections than there should be, or more.
    Connections {
        /// As many as there should be.
        expected: usize,
        /// As many as there are.
        found: usize,
    },
    /// What was being done, and why it failed.
    Failed(&'static str, io::Error),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Broken::NoState => "it is incomplete: there is no state",
            Broken::NoSecrets => "it is incomplete: there are no secrets",
            Broken::Several => "there is more than one of it",
            Broken::Unfinished => "it is incomplete: the secrets were not written to the end",
            Broken::TakenBefore => "another process has begun to take it up",
            Broken::Unknown => "it is something else",
            Broken::Length => "it is shorter or longer than it says",
            Broken::Checksum => "its checksum is wrong",
            Broken::Mixed => "its parts do not belong together",
            Broken::Version(version) => {
                return write!(f, "it is of version {version}, and this one reads {FORMAT}");
            }
            Broken::Connections { expected, found } => {
                return write!(
                    f,
                    "it says {}, and there are {found}",
                    counted(*expected, "connection")
                );
            }
            Broken::Failed(what, error) => return write!(f, "cannot {what}: {error}"),
        })
    }
}

impl std::error::Error for Broken {}

/// What a state says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Heading {
    /// Which hand-over this is.
    pub id: u64,
    /// Connections that belong to it.
    pub connection_c: u32,
}

impl Heading {
    fn bytes(&self, state: &[u8]) -> [u8; HEADING] {
        let mut bytes = [0; HEADING];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.connection_c.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.id.to_le_bytes());
        bytes[24..32].copy_from_slice(&(state.len() as u64).to_le_bytes());
        let sum = checksum(&[&bytes[..32], state]);
        bytes[32..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }
}

/// CRC-32 of parts as if they were one.
pub(super) fn checksum(parts: &[&[u8]]) -> u32 {
    let mut crc = Crc::new();
    parts.iter().for_each(|part| crc.update(part));
    crc.sum()
}

/// A sealed memfd with heading and state.
pub(super) fn write(heading: &Heading, state: &[u8]) -> io::Result<OwnedFd> {
    sealed_file("ringsocket-state", Use::Data, &[&heading.bytes(state), state])
}

/// All bytes of a memfd.
pub(super) fn bytes(memfd: OwnedFd) -> io::Result<Vec<u8>> {
    let file = File::from(memfd);
    let size = usize::try_from(file.metadata()?.len()).map_err(|_| io::ErrorKind::InvalidData)?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size).map_err(|_| io::ErrorKind::OutOfMemory)?;
    bytes.resize(size, 0);
    // The writer has left the file's position at its end.
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// Reads heading and state.
///
/// # Errors
/// If the bytes are anything but what this version of the daemon has written.
pub fn read(bytes: &[u8]) -> Result<(Heading, &[u8]), Broken> {
    let (heading, state) = bytes.split_at_checked(HEADING).ok_or(Broken::Length)?;
    let (stated, sum) = heading.split_at(32);
    let number = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|i| stated[at + i]));
    let long = |at| u64::from(number(at)) | u64::from(number(at + 4)) << 32;
    if !stated.starts_with(MAGIC) {
        return Err(Broken::Unknown);
    }
    if number(8) != FORMAT {
        return Err(Broken::Version(number(8)));
    }
    if long(24) != state.len() as u64 {
        return Err(Broken::Length);
    }
    if checksum(&[stated, state]).to_le_bytes() != sum {
        return Err(Broken::Checksum);
    }
    Ok((Heading { id: long(16), connection_c: number(12) }, state))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> Vec<u8> {
        let heading = Heading { id: 0x0123_4567_89ab_cdef, connection_c: 3 };
        bytes(write(&heading, b"state").expect("a memfd")).expect("its bytes")
    }

    #[test]
    fn what_was_written_is_read() {
        let bytes = written();
        let (heading, state) = read(&bytes).expect("a state");
        assert_eq!(heading, Heading { id: 0x0123_4567_89ab_cdef, connection_c: 3 });
        assert_eq!(state, b"state");
    }

    #[test]
    fn any_bit_that_is_wrong_is_noticed() {
        let whole = written();
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << bit;
                let error = read(&bytes).expect_err("a wrong bit");
                match at {
                    0..8 => assert!(matches!(error, Broken::Unknown), "{at}: {error}"),
                    8..12 => assert!(matches!(error, Broken::Version(_)), "{at}: {error}"),
                    24..32 => assert!(matches!(error, Broken::Length), "{at}: {error}"),
                    _ => assert!(matches!(error, Broken::Checksum), "{at}: {error}"),
                }
            }
        }
    }

    #[test]
    fn what_is_cut_or_longer_is_noticed() {
        let mut bytes = written();
        for len in 0..bytes.len() {
            assert!(matches!(read(&bytes[..len]), Err(Broken::Length)), "{len}");
        }
        bytes.push(0);
        assert!(matches!(read(&bytes), Err(Broken::Length)));
    }

    #[test]
    fn nobody_can_write_to_it_any_more() {
        let file = File::from(write(&Heading { id: 1, connection_c: 0 }, b"state").unwrap());
        assert!(file.write_at(b"x", 0).is_err());
        assert!(file.set_len(1).is_err());
        assert!(file.set_len(100).is_err());
    }
}
