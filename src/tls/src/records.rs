//! The record layer of one connection, both ways.
//! Not for: records that are not whole, which wait with the caller.

mod inbound;
mod outbound;
mod state;
#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;

use crate::alert::Alert;
use crate::header::{Violation, sealed_record_len};
use crate::keys::{BadKeys, Direction};
use crate::suite::{Aead, Suite};
use inbound::Inbound;
use outbound::Outbound;
pub use state::{BadState, State};

/// What a peer may do without sending data in between, and how long a key lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Records that one key seals; at least 1. After them TLS 1.3 goes on to the next key, and TLS
    /// 1.2 ends (section 5.5).
    pub records_per_key: u64,
    /// Empty records in a row.
    pub empty_records: u8,
    /// Alerts that end nothing.
    pub warnings: u8,
    /// KeyUpdates of TLS 1.3.
    pub key_updates: u8,
    /// Requests to renegotiate, of TLS 1.2.
    pub renegotiations: u8,
}

impl Limits {
    /// The limits of connections with this suite: 2^24 records for AES-GCM, no limit for
    /// ChaCha20-Poly1305 (section 5.5); 32 empty records, 4 warnings, 32 KeyUpdates, 4 requests to
    /// renegotiate.
    pub fn new(suite: Suite) -> Self {
        let records_per_key = match suite.aead {
            Aead::Aes128Gcm | Aead::Aes256Gcm => 1 << 24,
            Aead::ChaCha20Poly1305 => u64::MAX,
        };
        Self { records_per_key, empty_records: 32, warnings: 4, key_updates: 32, renegotiations: 4 }
    }
}

/// What [`Records::open`] found.
#[derive(Debug, PartialEq, Eq)]
pub struct Opened {
    /// Where in the bytes the plaintext lies.
    pub plain: Range<usize>,
    /// How many bytes the whole records have; after them comes a part of one, to be given again
    /// when more of it is there. After an end: all.
    pub used: usize,
    /// Whether, after that plaintext, nothing more can come.
    pub end: Option<End>,
}

/// How a peer's side of a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With `close_notify`: all that the peer sent has arrived.
    Closed,
    /// With this alert by the peer.
    Aborted(u8),
    /// With a breach of the protocol.
    Violation {
        /// What the peer is to be told.
        alert: Alert,
        /// What it did, in words for a log.
        why: &'static str,
    },
}

impl From<Violation> for End {
    fn from(Violation { alert, why }: Violation) -> Self {
        Self::Violation { alert, why }
    }
}

/// No more data may be sealed: TLS 1.2's key has sealed as many records as it may, or an alert has
/// ended what is sent. In the first case an alert, as `close_notify`, may still be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted;

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing more may be sent on this TLS connection")
    }
}

impl std::error::Error for Exhausted {}

/// The record layer of one connection: of the server's side, or of the client's after all messages
/// that a server alone may send.
#[derive(Debug)]
pub struct Records {
    inbound: Inbound,
    outbound: Outbound,
}

impl Records {
    /// Takes over from a handshake: `read` is what the peer seals with, `write` what it opens with.
    ///
    /// # Errors
    ///
    /// If the secrets are not the suite's in version or length.
    pub fn new(suite: Suite, read: Direction, write: Direction) -> Result<Self, BadKeys> {
        Self::with_limits(suite, read, write, Limits::new(suite))
    }

    /// Likewise, with limits of the caller's own.
    ///
    /// # Errors
    ///
    /// Likewise.
    pub fn with_limits(
        suite: Suite,
        read: Direction,
        write: Direction,
        limits: Limits,
    ) -> Result<Self, BadKeys> {
        Self::from_state(State::new(suite, read, write, limits))
    }

    /// Opens all whole records at the front of `bytes`, in place. Their data becomes one range of
    /// `bytes`: the first record's stays where it is, that of the others is moved up behind it.
    ///
    /// What came before a record that ends the connection is still in the range. After an end there
    /// is nothing more: all bytes are used, and none is plaintext.
    pub fn open(&mut self, bytes: &mut [u8]) -> Opened {
        let mut plain = 0..0;
        let mut used = 0;
        if self.inbound.has_ended() {
            return Opened { plain, used: bytes.len(), end: None };
        }
        let end = loop {
            let len = match sealed_record_len(&bytes[used..], self.inbound.version()) {
                Ok(Some(len)) if len <= bytes.len() - used => len,
                Ok(_) => return Opened { plain, used, end: None },
                Err(violation) => break End::from(violation),
            };
            match self.inbound.open(&mut bytes[used..used + len], &mut self.outbound) {
                Ok(data) if plain.is_empty() => plain = used + data.start..used + data.end,
                Ok(data) => {
                    let moved = plain.end;
                    plain.end += data.len();
                    bytes.copy_within(used + data.start..used + data.end, moved);
                }
                Err(end) => break end,
            }
            used += len;
        };
        self.inbound.end();
        Opened { plain, used: bytes.len(), end: Some(end) }
    }

    /// Appends records to `out` that hold all bytes of `parts` in order, each of 2^14 bytes but the
    /// last. Where a KeyUpdate is owed or due, it goes before them; so does any other answer.
    ///
    /// # Errors
    ///
    /// If they may not be sent, be it only the last of them; then `out` is as it was.
    pub fn seal(&mut self, parts: &[&[u8]], out: &mut Vec<u8>) -> Result<(), Exhausted> {
        self.outbound.data(parts, out)
    }

    /// How many bytes [`Records::seal`] would append for so many bytes; at most this, and seldom less.
    pub fn sealed_len(&self, plain: usize) -> usize {
        self.outbound.data_len(plain)
    }

    /// Whether [`Records::open`] has left something to answer: the caller calls [`Records::reply`] and
    /// sends what that appends, or seals data, which does the same.
    pub fn owes_reply(&self) -> bool {
        self.outbound.owes_reply()
    }

    /// Whether fewer than 2^16 records are left before [`Records::seal`] says [`Exhausted`]: TLS 1.2
    /// cannot change its keys, so the connection should be ended in good order. Never in TLS 1.3.
    pub fn is_wearing_out(&self) -> bool {
        self.outbound.is_wearing_out()
    }

    /// Appends the answers that are owed to the peer; one answers all that it asked since the last.
    pub fn reply(&mut self, out: &mut Vec<u8>) {
        self.outbound.reply(out);
    }

    /// Appends `close_notify`, the end of what is sent; once, further calls append nothing.
    pub fn close_notify(&mut self, out: &mut Vec<u8>) {
        self.outbound.alert(Alert::CloseNotify, out);
    }

    /// Appends an alert, the end of what is sent; further calls append nothing, nor does
    /// [`Records::close_notify`].
    pub fn alert(&mut self, description: Alert, out: &mut Vec<u8>) {
        self.outbound.alert(description, out);
    }

    /// Appends a KeyUpdate that asks the peer for one of its own (section 4.6.3). Does nothing in
    /// TLS 1.2, and after the end of what is sent.
    pub fn request_key_update(&mut self, out: &mut Vec<u8>) {
        self.outbound.request_key_update(out);
    }
}
