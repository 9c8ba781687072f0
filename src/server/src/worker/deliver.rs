//! Outwards, first half: records of apps are looked at, and what they hold for each connection is
//! gathered. Nothing is written yet.

use std::sync::atomic::Ordering;

use ringsocket_proto::{CloseCode, Phase};

use super::Worker;
use super::app_set::AppSet;
use super::errands::Errand;
use super::gather::{Gather, Source};
use super::net::{Net, Token};
use super::peer::{Peer, Stage};
use super::press::Load;
use super::slots::Slots;
use super::topics::Topics;
use crate::message::{ClientId, Outbound, Scope};

/// Most records of one app that are looked at in one turn, so that sockets get their turn too.
const RECORDS_PER_TURN: usize = 4096;

/// Most bytes that the frames of one app may have in one turn, likewise.
const BYTES_PER_TURN: usize = 4 * 1024 * 1024;

/// Most links in connections' chains that one app may add in one turn: a record for all takes one
/// for each client.
const LINKS_PER_TURN: usize = 256 * 1024;

/// News from an app that concern more than single connections.
#[derive(Clone, Copy)]
pub(super) enum News {
    /// It has answered [`Inbound::Drain`](crate::message::Inbound::Drain), or
    /// [`Inbound::Park`](crate::message::Inbound::Park).
    Drained,
    Fault,
}

impl<N: Net> Worker<N> {
    /// Gathers what the apps have for this worker's connections.
    #[inline]
    pub(super) fn deliver(&mut self) {
        let mut mail = std::mem::take(&mut self.mail);
        mail.extend(AppSet::from_bits(self.waker.take_mail()));
        for app in mail.iter(self.from_apps.len()) {
            if let Some(news) = self.deliver_from(app) {
                self.heed(app, news);
            }
        }
        if let Some(press) = &self.press {
            self.counters().compressed.store(press.made, Ordering::Relaxed);
        }
    }

    /// Deals with what concerns all clients of an app.
    pub(super) fn heed(&mut self, app: usize, news: News) {
        match news {
            News::Drained => self.undrained[app] = false,
            News::Fault => self.fail_app(app),
        }
    }

    /// Gathers what one app has in its ring, within bounds.
    pub(super) fn deliver_from(&mut self, app: usize) -> Option<News> {
        let (mut bytes, mut news) = (0, None);
        self.delivered.insert(app);
        let links = self.gather.link_c();
        for _ in 0..RECORDS_PER_TURN {
            if bytes > BYTES_PER_TURN || self.gather.link_c() - links > LINKS_PER_TURN {
                break;
            }
            let (position, record) = self.from_apps[app].next()?;
            match Outbound::decode(record.inline, record.block)? {
                Outbound::Send { scope, clients, frame } => {
                    bytes += frame.len();
                    let start =
                        record.inline.len() - if record.block.is_some() { 0 } else { frame.len() };
                    let source = Source::Record { app: app as u16, start: start as u32, position };
                    let mut load = self.press.as_mut().and_then(|press| press.open(frame, source));
                    let mut reach = Reach {
                        peers: &mut self.peers,
                        gather: &mut self.gather,
                        app: app as u16,
                        source,
                        load: load.as_mut(),
                    };
                    if scope == Scope::Listed {
                        reach.listed(clients.iter());
                    } else {
                        let (members, topics) = (&self.members[app][..], &self.topics[app]);
                        let crowd = Crowd { members, topics, exception: &mut self.exception };
                        reach.crowd(scope, clients.iter(), crowd);
                    }
                    // Work for single peers counts for each of them.
                    if let Some(press) = &mut self.press {
                        bytes += std::mem::take(&mut press.strained);
                    }
                }
                other => {
                    let errand = Errand::of(&other);
                    let (more, its_news) = self.run_errand(app, errand);
                    (bytes, news) = (bytes + more, its_news);
                }
            }
            if news.is_some() {
                break;
            }
        }
        if self.from_apps[app].refresh() {
            self.mail.insert(app); // for the next turn
        }
        news
    }

    /// Counts a client among those that its app's sends to all go to.
    pub(super) fn enrol(&mut self, app: usize, client: Option<ClientId>) {
        let Some(client) = client else { return };
        let Some(peer) = self.peers.named(token_of(client)) else { return };
        if usize::from(peer.app) == app && peer.stage == Stage::Announced {
            peer.stage = Stage::Member;
            peer.member = self.members[app].len() as u32;
            self.members[app].push(client.slot());
        }
    }

    /// Takes a client off the lists of those that its app's sends to many go to.
    pub(super) fn strike(&mut self, slot: u32) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        if peer.stage != Stage::Member {
            return;
        }
        let (app, member) = (usize::from(peer.app), peer.member);
        self.topics[app].strike(slot);
        let members = &mut self.members[app];
        members.swap_remove(member as usize);
        if let Some(&moved) = members.get(member as usize) {
            if let Some(moved) = self.peers.get_mut(moved) {
                moved.member = member;
            }
        }
    }

    /// Starts the closing handshake with a client, for its app.
    pub(super) fn close_for(
        &mut self,
        app: usize,
        client: ClientId,
        code: CloseCode,
        reason: &str,
    ) {
        let is_its_own =
            |peer: &mut Peer<N::Socket>| usize::from(peer.app) == app && peer.has_app();
        if self.peers.named(token_of(client)).is_some_and(is_its_own) {
            self.close(client.slot(), code, reason);
        }
    }

    /// Starts the closing handshake with a peer, unless one is under way.
    pub(super) fn close(&mut self, slot: u32, code: CloseCode, reason: &str) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        if peer.connection.phase() != Phase::Open {
            return;
        }
        let start = self.gather.scratch.len();
        peer.connection.close(code, reason, self.now, &mut self.gather.scratch);
        self.gather.push_scratch(slot, &mut peer.chain, start);
        self.remind(slot);
    }

    /// An app has failed: its clients go, the others stay.
    fn fail_app(&mut self, app: usize) {
        self.to_apps[app].fail();
        self.undrained[app] = false;
        self.close_all_of(app, CloseCode::INTERNAL_ERROR, "the app has failed");
    }

    /// Starts the closing handshake with all clients of an app.
    pub(super) fn close_all_of(&mut self, app: usize, code: CloseCode, reason: &str) {
        self.refuse_undecided(Some(app));
        for slot in self.peers.in_use() {
            let Some(peer) = self.peers.get_mut(slot) else { continue };
            if peer.has_app() && usize::from(peer.app) == app {
                self.close(slot, code, reason);
            }
        }
    }

    /// Gives the space of all records looked at back to the apps.
    #[inline]
    pub(super) fn release_rings(&mut self) {
        if !self.delivered.is_empty() {
            self.release_delivered();
        }
    }

    fn release_delivered(&mut self) {
        for app in std::mem::take(&mut self.delivered).iter(self.from_apps.len()) {
            if self.from_apps[app].release() {
                self.to_apps.wake(app);
            }
        }
    }

    /// Whether the server has been told to stop.
    pub(super) fn is_to_stop(&self) -> bool {
        self.shared.stopping.load(Ordering::Acquire)
    }
}

pub(super) fn token_of(client: ClientId) -> Token {
    Token { slot: client.slot(), generation: client.generation() }
}

/// The connections that one frame may reach.
pub(super) struct Reach<'a, 'l, S> {
    pub(super) peers: &'a mut Slots<Peer<S>>,
    pub(super) gather: &'a mut Gather,
    pub(super) app: u16,
    /// Where it lies.
    pub(super) source: Source,
    /// If it is worth compressing.
    pub(super) load: Option<&'a mut Load<'l>>,
}

/// Those of an app's clients that a frame may reach without being listed.
pub(super) struct Crowd<'a> {
    pub(super) members: &'a [u32],
    pub(super) topics: &'a Topics,
    /// Number of the last send to all except some.
    pub(super) exception: &'a mut u32,
}

impl<S> Reach<'_, '_, S> {
    /// Adds the frame to what each client gets that it is for, where that is not just those listed.
    pub(super) fn crowd(
        &mut self,
        scope: Scope,
        listed: impl Iterator<Item = ClientId>,
        crowd: Crowd<'_>,
    ) {
        match scope {
            Scope::Listed => self.listed(listed), // has its own way, as it is the most frequent
            Scope::All => self.members(crowd.members.iter().copied(), 0),
            Scope::AllExcept => {
                let exception = self.except(listed, crowd.exception);
                self.members(crowd.members.iter().copied(), exception);
            }
            Scope::Subscribers(topic) => {
                let exception = self.except(listed, crowd.exception);
                let subscribers = crowd.topics.subscribers(topic);
                self.members(subscribers.iter().map(|seat| seat.slot), exception);
            }
        }
    }

    /// Adds the frame to what each of the listed clients gets. Ids that have left, or that are
    /// another app's, are skipped.
    #[inline]
    pub(super) fn listed(&mut self, clients: impl Iterator<Item = ClientId>) {
        for client in clients {
            if let Some(peer) = self.peers.named(token_of(client)) {
                hand(client.slot(), peer, self.app, self.source, &mut self.load, self.gather);
            }
        }
    }

    /// Marks the listed clients with the next number, so that [`Reach::members`] leaves them out.
    fn except(&mut self, clients: impl Iterator<Item = ClientId>, exception: &mut u32) -> u32 {
        *exception = exception.wrapping_add(1).max(1);
        for client in clients {
            if let Some(peer) = self.peers.named(token_of(client)) {
                peer.exception = *exception;
            }
        }
        *exception
    }

    /// Adds the frame to what each of these gets, save those marked with `exception` (0 for none).
    fn members(&mut self, members: impl Iterator<Item = u32>, exception: u32) {
        for slot in members {
            if let Some(peer) = self.peers.get_mut(slot) {
                let is_left_out = exception != 0 && peer.exception == exception;
                if !is_left_out {
                    hand(slot, peer, self.app, self.source, &mut self.load, self.gather);
                }
            }
        }
    }
}

/// Adds a frame to what a connection gets, if the app may send to it.
#[inline(always)]
fn hand<S>(
    slot: u32,
    peer: &mut Peer<S>,
    app: u16,
    source: Source,
    load: &mut Option<&mut Load<'_>>,
    gather: &mut Gather,
) {
    if peer.takes_sends_of(app) {
        let source = match load {
            Some(load) => load.source_for(&mut peer.connection, &mut gather.scratch),
            None => source,
        };
        gather.push_frame(slot, &mut peer.chain, source);
    }
}
