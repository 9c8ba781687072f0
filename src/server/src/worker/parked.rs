//! What a worker leaves for the next process, and how a worker of that takes it up: its connections,
//! each under the name that it has, with all that was under way.
//!
//! Keys go apart from the rest (`secrets`), since they are kept apart. Moments stay what they are, as
//! the clock goes on and is read from the same start.
//!
//! Not for: coming to rest before (`parking`), nor for how it gets from one process to the other
//! ([`crate::handover`]).

use std::collections::VecDeque;

use ringsocket_proto::{CloseCode, Connection, Limits, Millis};
use ringsocket_tls::{Records, State};
use serde::{Deserialize, Serialize};

use super::allowance::Allowance;
use super::backlog::Backlog;
use super::net::{Net, Token};
use super::parking::RESTARTING;
use super::peer::{Flags, Owed, Peer, Stage, UnderWay};
use super::secure::Secured;
use super::{Worker, count, origin};
use crate::counted::counted;
use crate::log;
use crate::message::{ClientId, PeerAddress};

/// All that a worker leaves.
#[derive(Debug)]
pub struct Left<S> {
    /// What can be written down.
    pub worker: ParkedWorker,
    /// The sockets of those connections that have one, in their order.
    pub sockets: Vec<S>,
    /// The record layers of those that are encrypted, likewise.
    pub secrets: Vec<State>,
}

/// What of it can be written down.
#[derive(Debug, Serialize, Deserialize)]
pub struct ParkedWorker {
    /// Its index.
    pub index: u8,
    /// A generation that none of its slots has had.
    next_generation: u32,
    pub(super) peers: Vec<ParkedPeer>,
}

/// A connection.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ParkedPeer {
    slot: u32,
    generation: u32,
    /// Whether its socket is there: else its app has yet to hear that it is gone.
    has_socket: bool,
    connection: Connection,
    address: PeerAddress,
    stage: Stage,
    app: u16,
    flags: Flags,
    allowance: Option<Box<Allowance>>,
    backlog: Backlog,
    #[serde(with = "serde_bytes")]
    stash: Vec<u8>,
    pub(super) owed: Option<Owed>,
    owed_close: Option<(u16, String)>,
    deadline: Option<Millis>,
    tls: Option<ParkedTls>,
}

/// What there is of TLS beside keys.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ParkedTls {
    #[serde(with = "serde_bytes")]
    pub(super) partial: Vec<u8>,
    #[serde(with = "serde_bytes")]
    pub(super) sealed: Vec<u8>,
    pub(super) has_closed: bool,
}

impl ParkedPeer {
    /// Has messages that came under the limits of another process end under these. Whether one is larger
    /// already: the app was told that there are none.
    fn is_beyond(&mut self, limits: &Limits) -> bool {
        let is_too_large = |owed: &mut Owed| match owed {
            Owed::Message(_, payload) => payload.len() > limits.message_size,
            _ => false,
        };
        let was_owed = self.owed.take_if(is_too_large).is_some();
        !self.connection.tighten(limits) || was_owed
    }
}

impl ParkedWorker {
    /// How many of its connections have a socket, and how many of those are encrypted.
    pub fn counts(&self) -> (usize, usize) {
        let has_socket = |peer: &&ParkedPeer| peer.has_socket;
        let is_secured = |peer: &&ParkedPeer| peer.tls.is_some();
        let peers = || self.peers.iter();
        (peers().filter(has_socket).count(), peers().filter(is_secured).count())
    }

    /// The clients that an app of this number knows, and has not been told to be gone; and where each
    /// comes from.
    pub fn clients_of(&self, app: u16) -> impl Iterator<Item = (ClientId, PeerAddress)> + '_ {
        let knows = move |peer: &&ParkedPeer| {
            let is_news = matches!(peer.owed, Some(Owed::Open { .. }));
            let is_left = peer.stage == Stage::Left && peer.owed_close.is_none();
            peer.app == app && !is_news && !is_left
        };
        let client = |peer: &ParkedPeer| {
            (ClientId::new(self.index, peer.slot, peer.generation), peer.address)
        };
        self.peers.iter().filter(knows).map(client)
    }
}

impl<N: Net> Worker<N> {
    /// What the worker leaves, once it has come to rest. Connections that nothing can be done with in
    /// another process are closed here.
    pub fn leave(&mut self) -> Left<N::Socket> {
        for slot in self.peers.in_use() {
            if self.peers.get_mut(slot).is_some_and(|peer| !may_be_parked(peer)) {
                self.drop_connection(slot, CloseCode::SERVICE_RESTART.get(), RESTARTING);
            }
        }
        let (mut peers, mut sockets, mut secrets) = (Vec::new(), Vec::new(), Vec::new());
        let next_generation = self.peers.next_generation();
        for slot in self.peers.in_use() {
            let Token { generation, .. } = self.peers.token(slot);
            let Some(mut peer) = self.peers.remove(slot) else { continue };
            // Where its app has heard all, there may be no app of that number (any more).
            let concerns_app = peer.stage != Stage::Left || peer.is_in_debt();
            let has_failed = concerns_app && self.to_apps[usize::from(peer.app)].has_failed();
            if peer.socket.is_none() && (has_failed || !is_known_to_app(&peer)) {
                continue; // nobody is left who would want to know
            }
            let mut under_way = peer.under_way.take().map_or_else(Default::default, |way| *way);
            if has_failed {
                let UnderWay { backlog, deadline, .. } = under_way;
                under_way = UnderWay { backlog, deadline, ..UnderWay::default() };
            }
            let tls = peer.tls.filter(|_| peer.socket.is_some()).and_then(|tls| tls.park());
            let tls = tls.map(|(tls, state)| {
                secrets.push(state);
                tls
            });
            peers.push(ParkedPeer {
                slot,
                generation,
                has_socket: peer.socket.is_some(),
                connection: peer.connection,
                address: peer.address,
                stage: if has_failed { Stage::Left } else { peer.stage },
                app: peer.app,
                flags: peer.flags,
                allowance: peer.allowance,
                backlog: under_way.backlog,
                stash: under_way.stash,
                owed: under_way.owed,
                owed_close: under_way.owed_close,
                deadline: under_way.deadline,
                tls,
            });
            sockets.extend(peer.socket);
        }
        Left {
            worker: ParkedWorker { index: self.index, next_generation, peers },
            sockets,
            secrets,
        }
    }

    /// Takes up what an earlier worker of this index has left, before the first turn. `app_of` says which
    /// number an app has now that had another one; `None` if it is no more. Says how many connections
    /// had to be closed.
    pub fn take_up(&mut self, left: Left<N::Socket>, app_of: impl Fn(u16) -> Option<u16>) -> usize {
        let Left { worker, sockets, secrets } = left;
        let mut belongings = Belongings { sockets: sockets.into(), secrets: secrets.into() };
        let (mut entries, mut lost_c) = (Vec::new(), 0);
        let none = self.timers.pop_due(self.now); // whoever is reminded is so from now on
        debug_assert!(none.is_none());
        let (limits, mut oversized) = (self.policy.protocol.clone(), Vec::new());
        for mut parked in worker.peers {
            let token = Token { slot: parked.slot, generation: parked.generation };
            let was_client = parked.has_socket && parked.stage != Stage::Left;
            if parked.is_beyond(&limits) {
                oversized.push(parked.slot);
            }
            let takes = |&app: &u16| self.to_apps[usize::from(app)].takes(parked.owed.as_ref());
            let app = app_of(parked.app).filter(takes);
            let peer = belongings.revive(parked, app);
            lost_c += usize::from(was_client && peer.as_ref().is_none_or(|peer| !is_to_stay(peer)));
            entries.extend(peer.map(|peer| (token, peer)));
        }
        let surplus = self.peers.refill(worker.next_generation, entries);
        lost_c += surplus.iter().filter(|(_, peer)| is_to_stay(peer)).count();
        for slot in self.peers.in_use() {
            self.resettle(slot);
        }
        if !oversized.is_empty() {
            log::warning!(
                worker: self.index,
                "{} closed with 1009: a message that had begun before the restart is larger than \
                 max_ws_msg_size is now",
                counted(oversized.len(), "connection")
            );
        }
        for slot in oversized {
            self.close(slot, CloseCode::TOO_BIG, "a message is larger than the limit is now");
        }
        lost_c
    }

    /// Closes what an earlier worker has left whose index no worker has any more, as that is part of its
    /// clients' names. To be called after [`Worker::take_up`]. Says how many connections that are.
    pub fn see_off(&mut self, left: Left<N::Socket>) -> usize {
        let Left { worker, sockets, secrets } = left;
        let connection_c = sockets.len();
        let mut belongings = Belongings { sockets: sockets.into(), secrets: secrets.into() };
        for parked in worker.peers {
            let peer = belongings.revive(parked, None);
            if let Some(Ok(token)) = peer.map(|peer| self.peers.insert(peer)) {
                self.resettle(token.slot);
            }
        }
        connection_c
    }

    /// Counts and watches a connection that has been taken up.
    fn resettle(&mut self, slot: u32) {
        let token = self.peers.token(slot);
        let Some(peer) = self.peers.named(token) else { return };
        let (is_client, is_in_debt) = (peer.stage != Stage::Left, peer.is_in_debt());
        if is_client || peer.is_in_debt() {
            self.clients[usize::from(peer.app)] += 1;
            peer.flags.set_counted(true);
        }
        if let Some(socket) = &peer.socket {
            let (addresses, proxies) = (&self.shared.addresses, &self.site.proxies);
            peer.ticket = origin::reenlist(addresses, proxies, peer.address);
            if peer.tls.as_ref().is_some_and(|tls| tls.has_ended()) {
                peer.flags.set_readable(true); // nothing more comes that would say so
            }
            let is_watched = self.net.watch(socket, token);
            let (takes_over, counters) =
                (peer.connection.takes_over(), &self.shared.counters[usize::from(self.index)]);
            count(&counters.connections);
            if takes_over {
                count(&counters.takeovers);
            }
            if let Err(error) = is_watched {
                log::error!(worker: self.index, "cannot watch a connection: {error}");
                return self.drop_connection(slot, CloseCode::ABNORMAL.get(), "");
            }
        }
        self.show_connections();
        if !is_client && !is_in_debt {
            self.close(slot, CloseCode::SERVICE_RESTART, "the app is no longer there");
        }
        if is_in_debt {
            self.wait_for_app(slot);
        } else if self.peers.named(token).is_some_and(|peer| peer.flags.readable()) {
            self.queue_for_reading(token);
        }
        self.weigh(slot);
        self.remind(slot);
    }
}

/// Whether a connection can go on in another process.
fn may_be_parked<S>(peer: &Peer<S>) -> bool {
    let is_portable = peer.tls.as_ref().is_none_or(|tls| tls.may_be_parked());
    peer.socket.is_none() || is_known_to_app(peer) && is_portable && peer.connection.may_be_parked()
}

/// Whether an app knows of it, or will by what it is owed. An upgrade that was decided about is the
/// old app's alone, who has yet to hear that its client has entered.
fn is_known_to_app<S>(peer: &Peer<S>) -> bool {
    let owed = peer.under_way.as_ref().and_then(|under_way| under_way.owed.as_ref());
    matches!(peer.stage, Stage::Announced | Stage::Member | Stage::Left)
        && !matches!(owed, Some(Owed::Entered))
}

/// Whether a connection that was taken up goes on.
fn is_to_stay<S>(peer: &Peer<S>) -> bool {
    peer.socket.is_some() && peer.stage != Stage::Left
}

/// What connections get back in the order in which it was taken from them.
struct Belongings<S> {
    sockets: VecDeque<S>,
    secrets: VecDeque<State>,
}

impl<S> Belongings<S> {
    /// The connection, whose app has this number now, if it is there; `None` if nothing is left of it.
    fn revive(&mut self, parked: ParkedPeer, app: Option<u16>) -> Option<Peer<S>> {
        let socket = if parked.has_socket { self.sockets.pop_front() } else { None };
        let tls = match parked.tls {
            None => Ok(None),
            Some(tls) => match self.secrets.pop_front().map(Records::from_state) {
                Some(Ok(records)) => Ok(Some(Box::new(Secured::revive(tls, records)))),
                _ => Err(()),
            },
        };
        let is_usable = parked.connection.is_sound() && parked.backlog.is_sound() && tls.is_ok();
        let socket = socket.filter(|_| is_usable);
        let is_known = app.is_some() && parked.stage != Stage::Left;
        let owed_close = match (&socket, parked.owed_close, is_known) {
            (_, Some(owed), _) => Some(owed),
            (None, None, true) => Some((CloseCode::ABNORMAL.get(), String::new())),
            _ => None,
        };
        if socket.is_none() && (app.is_none() || owed_close.is_none()) {
            return None;
        }
        let mut peer = Peer::revived(socket, parked.connection, parked.address);
        peer.app = app.unwrap_or(0);
        let is_client = is_known && owed_close.is_none();
        peer.stage = if is_client { Stage::Announced } else { Stage::Left };
        peer.flags.set_ended(parked.flags.ended());
        peer.flags.set_parted(parked.flags.parted());
        peer.flags.set_finished(parked.flags.finished());
        peer.allowance = parked.allowance;
        peer.tls = tls.ok().flatten();
        let ParkedPeer { backlog, deadline, .. } = parked;
        let mut under_way = UnderWay { backlog, deadline, ..UnderWay::default() };
        if app.is_some() {
            under_way.stash = parked.stash;
            under_way.owed = parked.owed;
            under_way.owed_close = owed_close;
        }
        if !under_way.is_over() {
            peer.under_way = Some(Box::new(under_way)); // of those who idle there is nothing to keep
        }
        Some(peer)
    }
}
