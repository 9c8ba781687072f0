//! A [`State`] as bytes, all numbers in network byte order:
//!
//! | bytes | what |
//! | --- | --- |
//! | 2 | version of TLS: 0x0303 or 0x0304 |
//! | 2 | AEAD: its number in the IANA registry "AEAD Algorithms" |
//! | 1 | hash: its number in the IANA registry "TLS HashAlgorithm" |
//! | 1 | flags: 1 the peer has ended, 2 a KeyUpdate is owed, 4 `no_renegotiation` is owed, 8 we have |
//! | 12 | limits: records per key (8), empty records, warnings, KeyUpdates, renegotiations (1 each) |
//! | 4 | counts since the last data, of the last four of these |
//! | 9 | a handshake message amid: bytes there (1), these (4), bytes of its body still to skip (4) |
//! | 8 + n | reading: the next record's number, then the secrets |
//! | 8 + n | writing: likewise |
//!
//! The secrets are a traffic secret as long as the hash in TLS 1.3; the AEAD's key and 12 bytes of iv in
//! TLS 1.2. So the length follows from the first five bytes.
//!
//! Not for: versions of this layout, which the caller keeps account of; its tests notice changes.

use std::fmt;
use std::mem;

use super::State;
use crate::handshake::Joiner;
use crate::keys::{Direction, Keys, NONCE_LEN, Secret};
use crate::records::inbound::Counts;
use crate::records::{Limits, Outbound};
use crate::suite::{Aead, Hash, Suite, Version};

/// Bytes of all that stands before the secrets.
const HEAD_LEN: usize = 2 + 2 + 1 + 1 + 12 + 4 + 9;
/// Bytes of the number of a record.
const SEQUENCE_LEN: usize = 8;
/// Bytes of the longest secrets of one direction: those of a hash of 48 bytes.
const MAX_SECRETS_LEN: usize = 48;

const PEER_HAS_ENDED: u8 = 1;
const OWES_KEY_UPDATE: u8 = 2;
const OWES_NO_RENEGOTIATION: u8 = 4;
const WE_HAVE_ENDED: u8 = 8;

/// The bytes are no [`State`]: of a wrong length, of a version or suite that is not known, or such that
/// no connection can have come to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadState;

impl fmt::Display for BadState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the state of a TLS connection")
    }
}

impl std::error::Error for BadState {}

impl State {
    /// Most bytes of any state.
    pub const LEN_MAX: usize = HEAD_LEN + 2 * (SEQUENCE_LEN + MAX_SECRETS_LEN);

    /// How many bytes [`State::write`] writes: at most [`State::LEN_MAX`].
    #[expect(clippy::len_without_is_empty, reason = "it is a length in bytes, and none is empty")]
    pub fn len(&self) -> usize {
        HEAD_LEN + 2 * (SEQUENCE_LEN + secrets_len(self.suite))
    }

    /// Writes it to the front of `out`, and says how many bytes that took. The only other copy of the
    /// secrets is overwritten; what becomes of this one is up to the caller.
    ///
    /// # Panics
    ///
    /// If `out` is shorter than [`State::len`].
    pub fn write(self, out: &mut [u8]) -> usize {
        let len = self.len();
        let mut out = Writer(&mut out[..len]);
        let Suite { version, aead, hash } = self.suite;
        out.put(&version_number(version).to_be_bytes());
        out.put(&aead_number(aead).to_be_bytes());
        out.put(&[hash_number(hash), self.flags()]);
        let Limits { records_per_key, empty_records, warnings, key_updates, renegotiations } =
            self.limits;
        out.put(&records_per_key.to_be_bytes());
        out.put(&[empty_records, warnings, key_updates, renegotiations]);
        let Counts { empty_records, warnings, key_updates, renegotiations } = self.counts;
        out.put(&[empty_records, warnings, key_updates, renegotiations]);
        let (begun, to_skip) = self.joiner.amid();
        let mut start = [0; 4];
        start[..begun.len()].copy_from_slice(begun);
        out.put(&[begun.len() as u8]);
        out.put(&start);
        out.put(&to_skip.to_be_bytes());
        for Direction { keys, sequence } in [&self.reading, &self.writing] {
            out.put(&sequence.to_be_bytes());
            match keys {
                Keys::Tls13 { traffic_secret } => out.put(traffic_secret.as_bytes()),
                Keys::Tls12 { key, iv } => {
                    out.put(key.as_bytes());
                    out.put(iv);
                }
            }
        }
        len
    }

    /// Reads what [`State::write`] wrote. The caller overwrites the bytes.
    ///
    /// # Errors
    ///
    /// If they are not such bytes from first to last.
    pub fn read(bytes: &[u8]) -> Result<Self, BadState> {
        let mut bytes = Reader(bytes);
        let suite = Suite {
            version: version(u16::from_be_bytes(bytes.take()?)).ok_or(BadState)?,
            aead: aead(u16::from_be_bytes(bytes.take()?)).ok_or(BadState)?,
            hash: hash(bytes.byte()?).ok_or(BadState)?,
        };
        let flags = bytes.byte()?;
        let records_per_key = u64::from_be_bytes(bytes.take()?);
        let [empty_records, warnings, key_updates, renegotiations] = bytes.take()?;
        let limits =
            Limits { records_per_key, empty_records, warnings, key_updates, renegotiations };
        let [empty_records, warnings, key_updates, renegotiations] = bytes.take()?;
        let counts = Counts { empty_records, warnings, key_updates, renegotiations };
        let joiner = bytes.joiner(suite.version)?;
        let (reading, writing) = (bytes.direction(suite)?, bytes.direction(suite)?);
        let state = Self {
            suite,
            limits,
            reading,
            writing,
            joiner,
            counts,
            has_read_end: flags & PEER_HAS_ENDED != 0,
            owes_key_update: flags & OWES_KEY_UPDATE != 0,
            owes_no_renegotiation: flags & OWES_NO_RENEGOTIATION != 0,
            has_sent_end: flags & WE_HAVE_ENDED != 0,
        };
        let is_all = bytes.0.is_empty() && state.flags() == flags;
        if is_all && state.is_sound() { Ok(state) } else { Err(BadState) }
    }

    fn flags(&self) -> u8 {
        let flag = |is_set, flag| if is_set { flag } else { 0 };
        flag(self.has_read_end, PEER_HAS_ENDED)
            | flag(self.owes_key_update, OWES_KEY_UPDATE)
            | flag(self.owes_no_renegotiation, OWES_NO_RENEGOTIATION)
            | flag(self.has_sent_end, WE_HAVE_ENDED)
    }

    /// Whether a connection can have come to this.
    fn is_sound(&self) -> bool {
        let Self { limits, counts, .. } = self;
        let are_counts_sound = counts.empty_records <= limits.empty_records
            && counts.warnings <= limits.warnings
            && counts.key_updates <= limits.key_updates
            && counts.renegotiations <= limits.renegotiations;
        let has_room = self.writing.sequence < Outbound::lifetime(limits.records_per_key);
        let are_debts_sound = match self.suite.version {
            _ if self.has_sent_end => !self.owes_key_update && !self.owes_no_renegotiation,
            Version::Tls13 => !self.owes_no_renegotiation,
            Version::Tls12 => !self.owes_key_update && (has_room || !self.owes_no_renegotiation),
        };
        are_counts_sound && are_debts_sound && self.has_numbers()
    }
}

/// Bytes of the secrets of one direction.
fn secrets_len(suite: Suite) -> usize {
    match suite.version {
        Version::Tls13 => suite.hash.len(),
        Version::Tls12 => suite.aead.key_len() + NONCE_LEN,
    }
}

fn version_number(version: Version) -> u16 {
    match version {
        Version::Tls12 => 0x0303,
        Version::Tls13 => 0x0304,
    }
}

fn version(number: u16) -> Option<Version> {
    [Version::Tls12, Version::Tls13].into_iter().find(|&one| version_number(one) == number)
}

fn aead_number(aead: Aead) -> u16 {
    match aead {
        Aead::Aes128Gcm => 1,
        Aead::Aes256Gcm => 2,
        Aead::ChaCha20Poly1305 => 29,
    }
}

fn aead(number: u16) -> Option<Aead> {
    let all = [Aead::Aes128Gcm, Aead::Aes256Gcm, Aead::ChaCha20Poly1305];
    all.into_iter().find(|&one| aead_number(one) == number)
}

fn hash_number(hash: Hash) -> u8 {
    match hash {
        Hash::Sha256 => 4,
        Hash::Sha384 => 5,
    }
}

fn hash(number: u8) -> Option<Hash> {
    [Hash::Sha256, Hash::Sha384].into_iter().find(|&one| hash_number(one) == number)
}

/// What is still to be written to.
struct Writer<'b>(&'b mut [u8]);

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) {
        let (now, later) = mem::take(&mut self.0).split_at_mut(bytes.len());
        now.copy_from_slice(bytes);
        self.0 = later;
    }
}

/// What is still to be read.
struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take<const LEN: usize>(&mut self) -> Result<[u8; LEN], BadState> {
        let (&now, later) = self.0.split_first_chunk().ok_or(BadState)?;
        self.0 = later;
        Ok(now)
    }

    fn byte(&mut self) -> Result<u8, BadState> {
        self.take().map(|[byte]| byte)
    }

    fn slice(&mut self, len: usize) -> Result<&'b [u8], BadState> {
        let (now, later) = self.0.split_at_checked(len).ok_or(BadState)?;
        self.0 = later;
        Ok(now)
    }

    fn secret(&mut self, len: usize) -> Result<Secret, BadState> {
        Secret::new(self.slice(len)?).map_err(|_| BadState)
    }

    fn joiner(&mut self, version: Version) -> Result<Joiner, BadState> {
        let len = self.byte()?;
        let start: [u8; 4] = self.take()?;
        let to_skip = u32::from_be_bytes(self.take()?);
        let (begun, rest) = start.split_at_checked(usize::from(len)).ok_or(BadState)?;
        if rest.iter().any(|&byte| byte != 0) {
            return Err(BadState);
        }
        Joiner::resumed(version, begun, to_skip).ok_or(BadState)
    }

    fn direction(&mut self, suite: Suite) -> Result<Direction, BadState> {
        let sequence = u64::from_be_bytes(self.take()?);
        let keys = match suite.version {
            Version::Tls13 => Keys::Tls13 { traffic_secret: self.secret(suite.hash.len())? },
            Version::Tls12 => {
                Keys::Tls12 { key: self.secret(suite.aead.key_len())?, iv: self.take()? }
            }
        };
        Ok(Direction { keys, sequence })
    }
}
