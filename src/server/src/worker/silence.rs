//! Silent peers: who sends nothing is sent a ping, and who then still sends nothing is closed. The
//! times are the protocol's ([`ringsocket_proto::Limits`]); what is here makes sure that a silence
//! is the peer's own.
//!
//! A worker does not listen to everybody all the time: it stops reading peers whose app has no room,
//! peers that take nothing of what waits for them, and all peers while the server drains. Bytes may
//! also wait in the kernel because the worker was busy, or did not run at all. Of a peer that has
//! not been listened to nothing can be said, so its silence begins anew.
//!
//! Nor is a ping sent to a peer for which bytes wait: it would wait behind them. Such a peer has
//! `write_stall` to take some, and whenever it does, it has shown that it is there. What the kernel
//! holds for a peer is not known here: `pong_wait` has to be long enough for that.

use ringsocket_proto::{CloseCode, NO_PONG, Phase};

use super::net::Net;
use super::{Worker, count};
use crate::log::{self, Level};

impl<N: Net> Worker<N> {
    /// Before a peer counts as silent: reads it once more, or excuses it if that cannot be now.
    /// Does nothing about other deadlines.
    pub(super) fn hear_out(&mut self, slot: u32) {
        let token = self.peers.token(slot);
        let Some(peer) = self.peers.get_mut(slot) else { return };
        let deadline = peer.connection.deadline(&self.policy.protocol);
        let is_silent = peer.connection.phase() == Phase::Open;
        if !is_silent || deadline.is_none_or(|at| at > self.now) {
            return;
        }
        let is_heard =
            !peer.has_backlog() && !self.has_read_much() && self.hindrance(slot).is_none();
        if is_heard {
            self.receive(token);
        }
        let Some(peer) = self.peers.named(token) else { return };
        if !is_heard || peer.flags.readable() {
            peer.connection.restart_silence(self.now);
        }
    }

    /// A peer has not answered a ping; its Close frame is on the way.
    pub(super) fn note_unanswered(&mut self, slot: u32) {
        count(&self.counters().unanswered);
        let (peer, client) = (self.address(slot), self.client_id(slot).to_u64());
        let (code, pong_wait) = (CloseCode::POLICY.get(), self.policy.protocol.pong_wait);
        log::limited!(
            Level::Info,
            worker: self.index,
            client: client,
            peer: peer,
            "closed with {code}: {NO_PONG} within {pong_wait:?} (pong_wait)"
        );
        self.tell_gone(slot, code, NO_PONG);
    }
}
