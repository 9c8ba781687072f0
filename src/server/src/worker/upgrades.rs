//! Upgrades that an app decides about. Until it has, the connection is a small box beside its slot: it
//! is not read, takes no turns, and has a deadline.
//! Not for: what the app is told and may answer (`host::upgrades`).
//!
//! Whatever becomes of it, the app hears once that its client has entered or that there is nothing
//! left to decide, unless it has refused it itself.

use ringsocket_proto::upgrade::Handshake;
use ringsocket_proto::{CloseCode, Response};

use super::deliver::token_of;
use super::net::Net;
use super::peer::{Owed, Stage};
use super::request::admit;
use super::to_app::Congested;
use super::{Worker, count, uncount};
use crate::log::{self, Level};
use crate::message::{ClientId, Inbound};

/// What a connection needs once its app has decided.
#[derive(Debug)]
pub struct Asking {
    handshake: Handshake,
    /// What came right behind the request.
    pub early: Vec<u8>,
}

impl Asking {
    /// Whether contexts of compression would be kept for it.
    fn takes_over(&self) -> bool {
        let deflate = self.handshake.deflate();
        deflate.is_some_and(|agreed| agreed.client_takeover || agreed.server_takeover)
    }
}

impl<N: Net> Worker<N> {
    /// Asks the app, whose number the peer has, about its upgrade. Returns the question if there is no
    /// room for it.
    pub(super) fn ask(&mut self, slot: u32, endpoint: u16, handshake: Handshake) -> Option<Owed> {
        let client = self.client_id(slot);
        let peer = self.peers.get_mut(slot)?;
        peer.connection.defer(self.now);
        peer.stage = Stage::Asking;
        let asking = Asking { handshake, early: Vec::new() };
        if asking.takes_over() {
            count(&self.shared.counters[usize::from(self.index)].takeovers); // which is promised
        }
        peer.under_way().asking = Some(Box::new(asking));
        let opening = &self.opening[..];
        let record = Inbound::Upgrade { client, endpoint, opening };
        match self.to_apps[usize::from(peer.app)].push(record) {
            Ok(()) => None,
            Err(Congested(())) => Some(Owed::Upgrade { endpoint, opening: opening.to_vec() }),
        }
    }

    /// The slot of a client that this app is still asked about.
    fn undecided(&mut self, app: usize, client: Option<ClientId>) -> Option<u32> {
        let client = client?;
        let peer = self.peers.named(token_of(client))?;
        let is_its_own = usize::from(peer.app) == app && peer.stage == Stage::Asking;
        is_its_own.then_some(client.slot())
    }

    /// Lets a client in, with these lines in its 101, if it is still there.
    pub(super) fn let_in(&mut self, app: usize, client: Option<ClientId>, lines: &[u8]) {
        let Some(slot) = self.undecided(app, client) else { return };
        let client = self.client_id(slot);
        let Some(peer) = self.peers.get_mut(slot) else { return };
        let under_way = peer.under_way.get_or_insert_default();
        let Some(asking) = under_way.asking.take() else { return };
        if asking.takes_over() {
            uncount(&self.shared.counters[usize::from(self.index)].takeovers); // before it is kept
        }
        under_way.stash = asking.early;
        let start = self.gather.scratch.len();
        asking.handshake.write(lines, &mut self.gather.scratch);
        self.gather.push_scratch(slot, &mut peer.chain, start);
        let counters = &self.shared.counters[usize::from(self.index)];
        admit(peer, asking.handshake.deflate(), counters, &self.policy.rates, self.now);
        let entered = Inbound::Entered { client };
        if self.to_apps[usize::from(peer.app)].push(entered).is_err() {
            peer.under_way().owed = Some(Owed::Entered);
        }
        peer.tidy();
        if peer.is_in_debt() {
            self.wait_for_app(slot);
        } else if peer.flags.readable() {
            self.queue_for_reading(self.peers.token(slot));
        }
        self.remind(slot);
    }

    /// Sends a client the response with which its app refuses it, if it is still there.
    pub(super) fn turn_down(
        &mut self,
        app: usize,
        client: Option<ClientId>,
        status: u16,
        response: &[u8],
    ) {
        let Some(slot) = self.undecided(app, client) else { return };
        let start = self.gather.scratch.len();
        self.gather.scratch.extend_from_slice(response);
        self.date_response(start);
        let Some(peer) = self.peers.get_mut(slot) else { return };
        peer.connection.refuse();
        peer.stage = Stage::Stranger; // there is nothing that the app could be told
        self.end_undecided(slot, start);
        self.note_refusal(slot, status);
    }

    /// Refuses whoever an app has not decided about; `None`: any app.
    pub(super) fn refuse_undecided(&mut self, app: Option<usize>) {
        for slot in self.peers.in_use() {
            let Some(peer) = self.peers.get_mut(slot) else { continue };
            let is_meant = app.is_none_or(|app| usize::from(peer.app) == app);
            if peer.stage != Stage::Asking || !is_meant {
                continue;
            }
            peer.connection.refuse();
            let why = "This service is stopping or has failed; try again later.";
            let response = Response::unavailable(why);
            let start = self.gather.scratch.len();
            response.write(false, &mut self.gather.scratch);
            self.date_response(start);
            self.end_undecided(slot, start);
            self.note_refusal(slot, response.status);
        }
    }

    /// The response that begins at `start` of the scratch buffer is the last that the peer gets.
    pub(super) fn end_undecided(&mut self, slot: u32, start: usize) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        self.gather.push_scratch(slot, &mut peer.chain, start);
        self.withdraw(slot);
        self.weigh(slot);
        self.queue_for_reading(self.peers.token(slot)); // to be heard out
    }

    /// There is nothing left to decide about the peer, of which its app is told if it has been asked.
    pub(super) fn withdraw(&mut self, slot: u32) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        let was_asking = std::mem::replace(&mut peer.stage, Stage::Stranger) == Stage::Asking;
        let under_way = peer.under_way();
        if under_way.asking.take().is_some_and(|asking| asking.takes_over()) {
            uncount(&self.shared.counters[usize::from(self.index)].takeovers);
        }
        let is_unasked = matches!(under_way.owed, Some(Owed::Upgrade { .. }));
        if is_unasked {
            under_way.owed = None;
        }
        under_way.owes_withdrawal = was_asking && !is_unasked;
        self.settle_close(slot);
    }

    /// Something has come of a peer that its app has not decided about. It is not read, but if it has
    /// left, nobody need decide.
    pub(super) fn note_impatience(&mut self, slot: u32) {
        if self.peers.get_mut(slot).is_some_and(|peer| peer.flags.hangup()) {
            let peer = self.address(slot);
            log::debug!(worker: self.index, peer: peer, "left before its app had decided");
            self.drop_connection(slot, CloseCode::ABNORMAL.get(), "");
        }
    }

    /// The app has not decided in time; the peer's 504 is on the way.
    pub(super) fn note_undecided(&mut self, slot: u32) {
        count(&self.counters().refused);
        count(&self.counters().undecided);
        let (peer, upgrade_wait) = (self.address(slot), self.policy.protocol.upgrade_wait);
        log::limited!(
            Level::Warning,
            id: log::id::UPGRADE_UNDECIDED,
            worker: self.index,
            peer: peer,
            "refused with 504: its app did not decide about the upgrade within {upgrade_wait:?} \
             (upgrade_wait)"
        );
    }
}

#[cfg(test)]
mod tests;
