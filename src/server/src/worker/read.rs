//! Inwards: bytes from sockets become records for apps.
//! Not for: what a request is answered with (`request`).

use std::io;
use std::sync::Arc;

use ringsocket_proto::{CloseCode, Event, Input, Kind, Payload, Phase};

use super::addresses::TooMany;
use super::allowance::{self, Excess};
use super::loans::Loans;
use super::net::{Net, Token};
use super::peer::{Owed, Stage};
use super::request::Desk;
use super::to_app::Congested;
use super::{Life, Worker, origin};
use crate::message::PeerAddress;
use crate::site::Things;
use crate::www::Page;

/// Once so many bytes of pongs and other answers of our own have been gathered in a turn, nobody is
/// read any more until they are written.
const SCRATCH_PER_TURN: usize = 4 * 1024 * 1024;

/// Nor is anybody once so many bytes have been inflated, which many small frames of many peers can
/// stand for, or have been compressed for single peers: the turn would take seconds, in which nothing
/// is sent and no deadline met.
const INFLATED_PER_TURN: usize = 16 * 1024 * 1024;

/// Why a peer is not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Hindrance {
    /// The server is stopping; `farewell` queues everybody when it goes on.
    Stop,
    /// Its app has no room.
    App,
    /// It does not take what waits for it.
    Backlog,
    /// Its app has not decided about its upgrade.
    Undecided,
}

/// How dealing with one event ended.
pub(super) enum Step {
    /// Go on with the next.
    Next,
    /// A proxy's header has been read, behind which an encrypted connection begins.
    Introduced,
    /// There is none without more bytes.
    NeedMore,
    /// A message is whole.
    Message(Kind, Place),
    /// The app's ring is full: it is owed this before anything else.
    Owe(Owed),
    /// Its app is asked about it; if the ring is full, it is owed the question.
    Asked(Option<Owed>),
    /// The request is answered with a page, whose head is written.
    Page(Arc<Page>),
    /// The request is answered with this status; the response is written.
    Refused(u16),
    /// So is what is no request, for this reason.
    BadRequest(u16, &'static str),
    /// The address has too much; the response is written.
    Crowded(TooMany),
    /// There is no header of the PROXY protocol where one must be.
    Unproxied(&'static str),
    /// The peer has sent a Close frame.
    Closed(u16, String),
    /// The peer broke the protocol; a Close frame is written.
    Violation(u16, &'static str),
    /// The peer sends too fast; a Close frame is written.
    TooFast(Excess),
}

/// Where a message lies.
pub(super) enum Place {
    /// In so many bytes, the last that have been read.
    Read(usize),
    /// In a buffer of its own.
    Own(Vec<u8>),
}

impl<N: Net> Worker<N> {
    /// Puts the peer on the list of those to read, once.
    pub(super) fn queue_for_reading(&mut self, token: Token) {
        if let Some(peer) = self.peers.named(token) {
            if !peer.flags.queued() {
                peer.flags.set_queued(true);
                self.queue.push_back(token);
            }
        }
    }

    /// Receives once from each peer on the list. Who has more comes again in the next turn, so
    /// that nobody starves.
    pub(super) fn read_queued(&mut self) {
        for _ in 0..self.queue.len() {
            if self.has_read_much() {
                break; // the others are still on the list
            }
            let Some(token) = self.queue.pop_front() else { break };
            let Some(peer) = self.peers.named(token) else { continue };
            peer.flags.set_queued(false);
            if self.may_read(token.slot) {
                self.receive(token);
            }
        }
    }

    /// Whether the peer is to be read now. If not, whatever it waits for will queue it again.
    fn may_read(&mut self, slot: u32) -> bool {
        let Some(peer) = self.peers.get_mut(slot) else { return false };
        if peer.socket.is_none() || !peer.flags.readable() {
            return false;
        }
        match self.hindrance(slot) {
            None => true,
            Some(hindrance) => {
                if let Some(allowance) =
                    self.peers.get_mut(slot).and_then(|peer| peer.allowance.as_mut())
                {
                    allowance.hold(self.now);
                }
                match hindrance {
                    Hindrance::App => self.wait_for_app(slot),
                    Hindrance::Undecided => self.note_impatience(slot),
                    Hindrance::Stop | Hindrance::Backlog => {}
                }
                false
            }
        }
    }

    /// What keeps the peer from being read, whatever it may have sent.
    pub(super) fn hindrance(&mut self, slot: u32) -> Option<Hindrance> {
        let is_parking = self.is_parking();
        let peer = self.peers.get_mut(slot)?;
        if is_parking || matches!(self.life, Life::Draining { .. }) && peer.has_app() {
            return Some(Hindrance::Stop);
        }
        let receive = self.receive_buffer.len();
        let mut is_congested = |app: usize| {
            self.to_apps[app].is_congested()
                || self.to_apps[app].is_nearly_congested(receive)
                    && self.to_apps[app].hold_back(receive)
        };
        if peer.is_in_debt() && peer.is_undecided() {
            return Some(Hindrance::Undecided);
        }
        // Who has left has nothing for its app, which may be no more.
        let is_client = peer.has_app() && peer.stage != Stage::Left;
        if peer.is_in_debt() || is_client && is_congested(peer.app.into()) {
            return Some(Hindrance::App);
        }
        let may_be_read = peer.may_be_read(self.policy.max_backpressure);
        (!may_be_read).then_some(Hindrance::Backlog)
    }

    /// Whether so much has been answered, inflated or compressed in this turn that nobody is read
    /// any more.
    pub(super) fn has_read_much(&self) -> bool {
        self.gather.scratch.len() > SCRATCH_PER_TURN
            || self.inflater.made + self.pressed > INFLATED_PER_TURN
    }

    /// Receives once from a peer.
    pub(super) fn receive(&mut self, token: Token) {
        let Some(peer) = self.peers.named(token) else { return };
        let Some(socket) = &peer.socket else { return };
        if peer.tls.is_some() {
            return self.receive_secured(token);
        }
        match self.net.receive(socket, &mut self.receive_buffer) {
            Ok(0) => {
                peer.flags.set_readable(false);
                self.end_of_stream(token.slot);
            }
            Ok(count) => {
                peer.flags.set_readable(count == self.receive_buffer.len() || peer.flags.hangup());
                if peer.allowance.is_some() {
                    self.count_bytes(token.slot, count);
                }
                let mut buffer = std::mem::take(&mut self.receive_buffer);
                self.digest(token.slot, &mut buffer[..count]);
                self.receive_buffer = buffer;
                self.flush_early();
                if self.peers.named(token).is_some_and(|peer| peer.flags.readable()) {
                    self.queue_for_reading(token);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                peer.flags.set_readable(false)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.queue_for_reading(token);
            }
            Err(error) => self.lose(token.slot, &error),
        }
    }

    /// Deals with bytes of one peer: as many as its app's ring has room for; the rest is kept.
    pub(super) fn digest(&mut self, slot: u32, bytes: &mut [u8]) {
        let mut loans = Loans::default();
        self.digest_and_lend(slot, bytes, &mut loans);
        if !loans.is_empty() {
            self.flush_loans(&mut loans);
        }
    }

    /// Does so; what is lent then must be flushed while the bytes are there.
    fn digest_and_lend<'b>(&mut self, slot: u32, bytes: &'b mut [u8], loans: &mut Loans<'b>) {
        let was_at_ease = self.is_at_ease(slot);
        let (mut unread, mut scratch_start) = (bytes, self.gather.scratch.len());
        self.in_hand = Some(slot);
        let end = loop {
            let mut input = Input::new(&mut *unread);
            let before = input.len();
            let step = self.digest_one(slot, &mut input);
            let count = before - input.len();
            let (read, rest) = std::mem::take(&mut unread).split_at_mut(count);
            unread = rest;
            match step {
                Step::Next => {}
                Step::NeedMore => break None,
                Step::Message(kind, place) => {
                    // What the app answers comes behind the answers of our own.
                    self.gather_scratch(slot, scratch_start);
                    let payload = match place {
                        Place::Read(len) => Payload::Borrowed(&read[count - len..]),
                        Place::Own(buffer) => Payload::Owned(buffer),
                    };
                    let dealt = self.deal(slot, kind, payload, loans);
                    // In any case: the app may have been called, and have sent to others.
                    scratch_start = self.gather.scratch.len();
                    if let Err(owed) = dealt {
                        break Some(Step::Owe(owed));
                    }
                }
                end => break Some(end),
            }
        };
        self.in_hand = None;
        if matches!(
            end,
            Some(Step::Page(_) | Step::Refused(_) | Step::BadRequest(..) | Step::Crowded(_))
        ) {
            self.date_response(scratch_start);
        }
        self.gather_scratch(slot, scratch_start);
        let Some(peer) = self.peers.get_mut(slot) else { return };
        match end {
            Some(Step::Owe(owed)) => {
                let under_way = peer.under_way();
                under_way.owed = Some(owed);
                under_way.stash = unread.to_vec();
                self.wait_for_app(slot);
            }
            Some(Step::Asked(owed)) => {
                let under_way = peer.under_way();
                under_way.owed = owed;
                if let Some(asking) = &mut under_way.asking {
                    asking.early = unread.to_vec();
                }
            }
            Some(Step::Page(page)) => self.gather.push_page(slot, &mut peer.chain, page),
            Some(Step::Refused(status)) => self.note_refusal(slot, status),
            Some(Step::BadRequest(status, why)) => self.note_bad_request(slot, status, why),
            Some(Step::Crowded(too_many)) => {
                // It is not heard out: in that time it would take a place that others may have.
                peer.flags.set_parted(true);
                let (address, can_hear) = (peer.address, !peer.is_shaking_hands());
                self.note_crowd(address, too_many, can_hear);
            }
            Some(Step::Unproxied(why)) => self.drop_unproxied(slot, why),
            Some(Step::Introduced) => {
                if let Some(tls) = &mut peer.tls {
                    tls.keep(unread);
                }
            }
            Some(Step::Closed(code, reason)) => {
                peer.flags.set_parted(true);
                self.tell_gone(slot, code, &reason);
            }
            Some(Step::Violation(code, why)) => self.note_violation(slot, code, why),
            Some(Step::TooFast(excess)) => self.note_too_fast(slot, excess),
            Some(Step::Next | Step::NeedMore | Step::Message(..)) | None => {}
        }
        // A connection that is over is to be finished even if it is sent nothing more.
        if let Some(peer) = self.peers.get_mut(slot) {
            if peer.connection.phase() == Phase::Finished {
                self.gather.touch(slot, &mut peer.chain);
            }
            if peer.is_in_debt() {
                self.settle_close(slot); // a callback may have ended it
            }
        }
        self.weigh(slot);
        // Otherwise the deadline was only put off, and the reminder that is set will do.
        if !(was_at_ease && self.is_at_ease(slot)) {
            self.remind(slot);
        }
    }

    /// Appends what has been written to the scratch buffer since it was `start` bytes long to what
    /// the peer gets.
    #[inline]
    fn gather_scratch(&mut self, slot: u32, start: usize) {
        if self.gather.scratch.len() > start {
            if let Some(peer) = self.peers.get_mut(slot) {
                self.gather.push_scratch(slot, &mut peer.chain, start);
            }
        }
    }

    /// Hands a message of the peer to its app. If there is no room, it comes back.
    #[inline]
    fn deal<'b>(
        &mut self,
        slot: u32,
        kind: Kind,
        payload: Payload<'b>,
        loans: &mut Loans<'b>,
    ) -> Result<(), Owed> {
        let client = self.client_id(slot);
        let Some(peer) = self.peers.get_mut(slot) else { return Ok(()) };
        let app = peer.app;
        let result = self.hand_message(app, client, kind, payload, loans);
        result.map_err(|Congested(payload)| Owed::Message(kind, payload.into_vec()))
    }

    fn is_at_ease(&mut self, slot: u32) -> bool {
        self.peers.get_mut(slot).is_some_and(|peer| peer.connection.is_at_ease())
    }

    /// Deals with the next event.
    fn digest_one(&mut self, slot: u32, input: &mut Input<'_>) -> Step {
        let Some(peer) = self.peers.get_mut(slot) else { return Step::NeedMore };
        let out = &mut self.gather.scratch;
        let limits = &self.policy.protocol;
        let inflater = &mut self.inflater;
        let Some(event) = peer.connection.receive(input, self.now, limits, inflater, out) else {
            return Step::NeedMore;
        };
        if let Some(allowance) = &mut peer.allowance {
            let counts = matches!(event, Event::Message { .. } | Event::Ping(_) | Event::Pong(_));
            if counts && !allowance.take_message(self.now) {
                drop(event);
                let has_failed = allowance::fail(peer, Excess::Messages, out);
                return if has_failed { Step::TooFast(Excess::Messages) } else { Step::Next };
            }
        }
        match event {
            Event::Message { kind, payload } => Step::Message(
                kind,
                match payload {
                    Payload::Borrowed(bytes) => Place::Read(bytes.len()),
                    Payload::Inflated(bytes) => Place::Own(bytes.to_vec()),
                    Payload::Owned(buffer) => Place::Own(buffer),
                },
            ),
            Event::Ping(_) | Event::Pong(_) => Step::Next,
            Event::Closed { code, reason } => {
                Step::Closed(code.unwrap_or(CloseCode::NO_STATUS).get(), reason.to_owned())
            }
            Event::Violation { code, why } => Step::Violation(code.get(), why),
            Event::BadRequest { status, why } => Step::BadRequest(status, why),
            Event::BadPreamble { why } => Step::Unproxied(why),
            Event::Proxied(source) => {
                drop(event);
                peer.address = source.map_or(peer.address, PeerAddress::inet);
                let gate = origin::gate(&self.shared, &self.site, &self.policy, self.now);
                match gate.enlist(&mut peer.ticket, peer.address) {
                    Ok(()) if peer.tls.is_some() => Step::Introduced,
                    Ok(()) => Step::Next,
                    Err(too_many) => origin::refuse(&mut peer.connection, too_many, false, out),
                }
            }
            Event::Request(request) => {
                let address = self.site.proxies.client(&request, peer.address);
                // Not the first address that is known of it: that was a trusted proxy's.
                if address != peer.address {
                    peer.address = address;
                    let gate = origin::gate(&self.shared, &self.site, &self.policy, self.now);
                    if let Err(too_many) = gate.enlist(&mut peer.ticket, address) {
                        let head_only = request.method() == "HEAD";
                        drop(request);
                        return origin::refuse(&mut peer.connection, too_many, head_only, out);
                    }
                }
                let mut desk = Desk {
                    site: &self.site,
                    things: Things {
                        is_stopping: self.life.is_leaving(),
                        has_failed: |app| self.to_apps[usize::from(app)].has_failed(),
                        terms: self.policy.terms(&self.shared.counters),
                    },
                    opening: &mut self.opening,
                    out,
                };
                let identity = peer.tls.as_ref().and_then(|tls| tls.identity());
                let reply = desk.answer(&request, peer.entrance, peer.address, identity);
                drop(request);
                self.follow(slot, reply)
            }
        }
    }
}

#[cfg(test)]
mod tests;
