//! What a connection's records need to go on in another process: all that they know, with nothing left
//! behind that could seal another record under a number that is used elsewhere.
//! Not for: the layout of its bytes (`bytes`), nor for keeping and handing them over. Whoever does so
//! says which version of that layout they have, and sees to it that they are taken up but once: a
//! record number used twice under one key lets a listener read and forge.

mod bytes;

pub use bytes::BadState;

use super::inbound::{Counts, Inbound};
use super::outbound::{MAX_SEQUENCE, Outbound};
use super::{Limits, Records};
use crate::cipher::Cipher;
use crate::handshake::Joiner;
use crate::keys::{BadKeys, Direction};
use crate::suite::Suite;

/// A connection's records at rest: secrets, the numbers of the next records, and whatever is under way.
///
/// It holds no keys that could seal, and only one [`Records`] comes of it. Its secrets are overwritten
/// when it is dropped.
#[derive(Debug)]
pub struct State {
    suite: Suite,
    limits: Limits,
    pub(super) reading: Direction,
    pub(super) writing: Direction,
    joiner: Joiner,
    counts: Counts,
    has_read_end: bool,
    owes_key_update: bool,
    owes_no_renegotiation: bool,
    has_sent_end: bool,
}

impl State {
    /// That of a connection whose handshake is over and that has not said anything since.
    pub(super) fn new(suite: Suite, read: Direction, write: Direction, limits: Limits) -> Self {
        Self {
            suite,
            limits,
            reading: read,
            writing: write,
            joiner: Joiner::default(),
            counts: Counts::default(),
            has_read_end: false,
            owes_key_update: false,
            owes_no_renegotiation: false,
            has_sent_end: false,
        }
    }

    /// Whether what may still be sent has numbers left.
    fn has_numbers(&self) -> bool {
        self.has_sent_end || self.writing.sequence <= MAX_SEQUENCE
    }
}

impl Records {
    /// Ends the records here, so that they can go on elsewhere. Their keys are gone; what had been
    /// sealed until then may still be sent, and bytes that were not opened yet go along by the caller.
    pub fn into_state(self) -> State {
        let Self { inbound, outbound } = self;
        State {
            suite: inbound.cipher.suite(),
            limits: inbound.limits,
            reading: inbound.cipher.into_direction(),
            writing: outbound.cipher.into_direction(),
            joiner: inbound.joiner,
            counts: inbound.counts,
            has_read_end: inbound.has_ended,
            owes_key_update: outbound.owes_key_update,
            owes_no_renegotiation: outbound.owes_no_renegotiation,
            has_sent_end: outbound.has_ended,
        }
    }

    /// Goes on where [`Records::into_state`] ended.
    ///
    /// # Errors
    ///
    /// If the secrets are not the suite's in version or length, or numbers of records are at their end.
    /// A state that was read from bytes is known to be none of these.
    pub fn from_state(state: State) -> Result<Self, BadKeys> {
        if !state.has_numbers() {
            return Err(BadKeys);
        }
        let inbound = Inbound {
            cipher: Cipher::new(state.suite, state.reading)?,
            joiner: state.joiner,
            limits: state.limits,
            counts: state.counts,
            has_ended: state.has_read_end,
        };
        let outbound = Outbound {
            cipher: Cipher::new(state.suite, state.writing)?,
            records_per_key: Outbound::lifetime(state.limits.records_per_key),
            owes_key_update: state.owes_key_update,
            owes_no_renegotiation: state.owes_no_renegotiation,
            has_ended: state.has_sent_end,
        };
        Ok(Self { inbound, outbound })
    }
}
