//! What a full ring leaves behind: peers that wait for room, and what their app is owed before
//! anything else of theirs.
//! Not for: when a ring is full, and when it no longer is (`to_app`).

use ringsocket_proto::{Kind, Payload};

use super::Worker;
use super::net::{Net, Token};
use super::peer::Owed;
use super::to_app::{Congested, ToApp};
use crate::message::{ClientId, Inbound};

impl<N: Net> Worker<N> {
    /// Puts the peer on the list of those that wait for room in their app's ring, once.
    pub(super) fn wait_for_app(&mut self, slot: u32) {
        let token = self.peers.token(slot);
        if let Some(peer) = self.peers.get_mut(slot) {
            if !peer.flags.waiting() {
                peer.flags.set_waiting(true);
                self.to_apps[usize::from(peer.app)].waiting.push_back(token);
            }
        }
    }

    /// Goes on with the peers of apps that have room again, or time. They are read before all others,
    /// who would else use it up each time. Save those whose bytes are dealt with here: they have had
    /// their share of this turn, and are read last.
    pub(super) fn resume_congested(&mut self) {
        let mut others = std::mem::take(&mut self.queue);
        for app in self.to_apps.touched() {
            if !self.to_apps[app].has_room() {
                continue;
            }
            while !self.to_apps[app].is_congested() && !self.has_read_much() {
                let Some(token) = self.to_apps[app].waiting.pop_front() else { break };
                let Some(peer) = self.peers.named(token) else { continue };
                peer.flags.set_waiting(false);
                let was_in_debt = peer.is_in_debt();
                self.settle(token);
                if was_in_debt && self.queue.back() == Some(&token) {
                    others.extend(self.queue.pop_back());
                }
            }
        }
        if self.queue.is_empty() {
            self.queue = others;
        } else {
            self.queue.append(&mut others);
        }
    }

    /// Gives the app what it is owed by this peer, as far as there is room, and then reads on.
    fn settle(&mut self, token: Token) {
        let client = self.client_id(token.slot);
        let Some(peer) = self.peers.named(token) else { return };
        let to_app = &mut self.to_apps[usize::from(peer.app)];
        if let Some(under_way) = &mut peer.under_way {
            if let Some(owed) = under_way.owed.take() {
                if let Err(owed) = pay(to_app, client, owed) {
                    under_way.owed = Some(owed);
                    peer.flags.set_waiting(true);
                    to_app.waiting.push_front(token);
                    return;
                }
            }
            let mut stash = std::mem::take(&mut under_way.stash);
            if !stash.is_empty() {
                self.digest(token.slot, &mut stash);
            }
        }
        self.settle_close(token.slot);
        let Some(peer) = self.peers.named(token) else { return };
        peer.tidy();
        if peer.flags.readable() {
            self.queue_for_reading(token);
        }
    }

    /// Tells the app that the peer is gone, if that is all it is still owed. Not while its bytes are
    /// being dealt with: if an app that is called directly sends so much that it is written in the
    /// midst of a callback, the peer may turn out to be gone, but what has come of it goes first.
    pub(super) fn settle_close(&mut self, slot: u32) {
        if self.in_hand == Some(slot) {
            return;
        }
        let client = self.client_id(slot);
        let Some(peer) = self.peers.get_mut(slot) else { return };
        if let Some(under_way) = &mut peer.under_way {
            if under_way.owed.is_some() || !under_way.stash.is_empty() {
                return self.wait_for_app(slot);
            }
            if under_way.owes_withdrawal {
                let record = Inbound::Withdrawn { client };
                if self.to_apps[usize::from(peer.app)].push(record).is_err() {
                    return self.wait_for_app(slot);
                }
                under_way.owes_withdrawal = false;
            }
            if let Some((code, reason)) = under_way.owed_close.take() {
                let record = Inbound::Close { client, code, reason: reason.as_bytes() };
                if self.to_apps[usize::from(peer.app)].push(record).is_err() {
                    under_way.owed_close = Some((code, reason));
                    return self.wait_for_app(slot);
                }
            }
        }
        self.remove_if_over(slot);
    }
}

/// Puts what an app is owed into its ring; gives it back if there is no room.
fn pay(to_app: &mut ToApp, client: ClientId, owed: Owed) -> Result<(), Owed> {
    match owed {
        Owed::Open { endpoint, opening } => {
            let record = Inbound::Open { client, endpoint, opening: &opening };
            to_app.push(record).map_err(|_| Owed::Open { endpoint, opening })
        }
        Owed::Upgrade { endpoint, opening } => {
            let record = Inbound::Upgrade { client, endpoint, opening: &opening };
            to_app.push(record).map_err(|_| Owed::Upgrade { endpoint, opening })
        }
        Owed::Entered => to_app.push(Inbound::Entered { client }).map_err(|_| Owed::Entered),
        Owed::Message(kind, payload) => to_app
            .push_message(client, kind == Kind::Text, Payload::Owned(payload))
            .map_err(|Congested(payload)| Owed::Message(kind, payload.into_vec())),
    }
}
