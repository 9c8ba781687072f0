//! What is held of bytes that wait for more bytes, or for an app: its sum over all peers of a worker
//! is bounded.
//! Not for: what a single message may hold, which the protocol bounds.

use ringsocket_proto::{CloseCode, Phase};

use super::net::Net;
use super::{Worker, count};
use crate::log::{self, Level};

impl<N: Net> Worker<N> {
    /// Keeps the sum of what is held of bytes that wait for more bytes or for an app. When it becomes
    /// too large, whoever holds most is closed: not who adds to it, who may have done nothing wrong.
    pub(super) fn weigh(&mut self, slot: u32) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        let waiting = peer.under_way.as_ref().map_or(0, |under_way| {
            let early = under_way.asking.as_ref().map_or(0, |asking| asking.early.capacity());
            under_way.stash.capacity() + early
        });
        let waiting = waiting + peer.tls.as_ref().map_or(0, |tls| tls.held());
        self.held = peer.note_held(peer.connection.held() + waiting, self.held);
        if self.held > self.policy.partial_budget && self.held > self.lenient_partial_budget() {
            self.close_largest_holder();
        }
    }

    #[cold]
    fn close_largest_holder(&mut self) {
        let slots = self.peers.in_use();
        let held = |slot: &u32| self.peers.get_mut(*slot).map_or(0, |peer| peer.held);
        let Some(slot) = slots.into_iter().max_by_key(held) else { return };
        let client = self.client_id(slot).to_u64();
        let Some(peer) = self.peers.get_mut(slot) else { return };
        count(&self.shared.counters[usize::from(self.index)].violations);
        log::limited!(
            Level::Warning,
            id: log::id::PARTIAL_BUDGET_REACHED,
            worker: self.index,
            client: client,
            peer: peer.address,
            "closed with 1013: it holds most of what has come in part, which has become more than \
             {} bytes (partial_budget)",
            self.policy.partial_budget
        );
        self.close(slot, CloseCode::TRY_AGAIN_LATER, "too much is under way");
        let Some(peer) = self.peers.get_mut(slot) else { return };
        match peer.connection.phase() {
            Phase::Closing => {
                // What it held of a message is gone; a stash goes when its app has room.
                self.held = peer.note_held(peer.connection.held(), self.held);
            }
            _ => self.drop_connection(slot, CloseCode::TRY_AGAIN_LATER.get(), ""),
        }
    }
}
