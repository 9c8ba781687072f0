//! TLS of connections: from their first record to the plaintext that the protocol reads, and back.
//! Not for: certificates and what is agreed on ([`crate::tls`]), nor for when to read or write.
//!
//! A handshake is rustls' work (`handshake`). When it is over, a connection goes on with records of our
//! own (`layer`): the bytes that came are opened where they lie in the worker's receive buffer, and what
//! goes out is sealed into the worker's one buffer for that, so an idle connection has its keys and
//! nothing else. A record that came in part, and records that the kernel has not taken, are the
//! connection's own until the rest comes, or goes.

mod handshake;
mod inward;
mod layer;
mod outward;
mod throng;

use std::fmt;

use ringsocket_tls::{End, Records, State};

use self::handshake::Handshake;
use self::layer::Layer;
pub(super) use self::throng::Throng;
use super::parked::ParkedTls;
use crate::tls::Identity;

/// TLS of one connection.
#[derive(Default)]
pub struct Secured {
    stage: Stage,
    /// A record that has come in part.
    partial: Box<[u8]>,
    /// Records that the kernel has yet to take.
    sealed: Vec<u8>,
    /// What is known of the client, until its request is answered.
    identity: Option<Box<Identity>>,
    /// How the peer's side has ended. What came before that may yet have to be dealt with.
    end: Option<Box<End>>,
    /// The kernel has taken something that had waited.
    moved: bool,
}

#[derive(Default)]
enum Stage {
    /// Nothing has come.
    #[default]
    Silent,
    Handshake(Box<Handshake>),
    Established(Layer),
    /// The handshake has failed.
    Failed,
}

impl Secured {
    /// Whether the handshake is not over: nothing but its own records can be sent.
    pub fn is_shaking_hands(&self) -> bool {
        !matches!(self.stage, Stage::Established(_))
    }

    /// Whether it can only go on in this process: rustls keeps to itself what it would take.
    pub fn is_bound_to_process(&self) -> bool {
        matches!(self.stage, Stage::Established(Layer::Rustls(_)))
    }

    /// Whether the peer's side has ended, which has yet to be dealt with.
    pub fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// Whether it can go on in another process, whatever the plaintext does.
    pub fn may_be_parked(&self) -> bool {
        let is_own = matches!(self.stage, Stage::Established(Layer::Own(_)));
        is_own && matches!(self.end.as_deref(), None | Some(End::Closed))
    }

    /// What another process needs to go on; `None` unless it [may](Self::may_be_parked).
    pub(super) fn park(self) -> Option<(ParkedTls, State)> {
        let (Stage::Established(Layer::Own(records)), None | Some(End::Closed)) =
            (self.stage, self.end.as_deref())
        else {
            return None;
        };
        let (partial, sealed, has_closed) = (self.partial.into(), self.sealed, self.end.is_some());
        Some((ParkedTls { partial, sealed, has_closed }, records.into_state()))
    }

    /// Goes on in this process.
    pub(super) fn revive(parked: ParkedTls, records: Records) -> Self {
        let ParkedTls { partial, sealed, has_closed } = parked;
        Self {
            stage: Stage::Established(Layer::Own(Box::new(records))),
            partial: partial.into(),
            sealed,
            end: has_closed.then(|| Box::new(End::Closed)),
            ..Self::default()
        }
    }

    /// Whether it has begun and is not over.
    fn is_in_throng(&self) -> bool {
        matches!(self.stage, Stage::Handshake(_))
    }

    /// What is known of the client; `None` once it has been told.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_deref()
    }

    /// Forgets that, as whom it concerns has been told.
    pub fn forget_identity(&mut self) {
        self.identity = None;
    }

    /// Keeps what has come of a record.
    pub fn keep(&mut self, bytes: &[u8]) {
        self.partial = bytes.into();
    }

    /// Bytes of memory that it holds of records that have come in part.
    pub fn held(&self) -> usize {
        let handshake = match &self.stage {
            Stage::Handshake(handshake) => handshake.held(),
            Stage::Silent | Stage::Established(_) | Stage::Failed => 0,
        };
        self.partial.len() + handshake
    }

    /// Bytes of records that the kernel has yet to take.
    pub fn sealed_len(&self) -> usize {
        self.sealed.len()
    }

    /// Whether there is something to send that is no frame.
    fn has_to_say(&self) -> bool {
        let owes_reply = matches!(&self.stage, Stage::Established(layer) if layer.owes_reply());
        owes_reply || !self.sealed.is_empty()
    }
}

impl fmt::Debug for Secured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partial, sealed, end, .. } = self;
        let mut says = f.debug_struct("Secured");
        says.field("partial", &partial.len()).field("sealed", &sealed.len()).field("end", end);
        says.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
