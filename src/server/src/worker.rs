//! A worker: one thread that owns its connections and waits for nothing but epoll.
//!
//! A turn of [`Worker::turn`] takes what the network has, hands it to the apps, takes what the apps
//! have, and writes to each connection once. Files of this room: `net` (the outside world as a
//! trait), `peer` and `slots` (connections), `accept`, `origin` (where they come from) and `addresses`
//! (limits per address), `read`, `request`, `upgrades` (that apps decide about), `to_app` and `settle`
//! (inwards), `deliver`, `errands`, `topics`, `press`, `gather`, `flush` and `backlog` (outwards), `direct` (there
//! and back without a ring), `farewell` (ends of connections and of the worker), `changes` and `retire`
//! (apps that come and go), `timers`, `silence`, `allowance` and `held` (limits of time, pace and
//! memory), `loans` (what is sent on without a copy), `trim` (memory after a burst), `counters`.
//!
//! It never imports `host`: the two meet in the rings and in [`crate::message`].

mod accept;
pub mod addresses;
pub mod allowance;
pub mod app_set;
pub mod backlog;
pub mod changes;
pub mod counters;
mod deliver;
mod direct;
mod errands;
mod farewell;
mod flush;
pub mod gather;
mod held;
pub mod loans;
pub mod net;
mod origin;
pub mod peer;
pub mod press;
mod read;
mod request;
pub mod retire;
mod settle;
mod silence;
pub mod slots;
#[cfg(test)]
mod testing;
pub mod timers;
pub mod to_app;
pub mod topics;
mod trim;
mod upgrades;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ringsocket_proto::deflate::{Inflater, Terms};
use ringsocket_proto::{Limits, Millis};
use ringsocket_ring::Consumer;

use self::addresses::Addresses;
use self::allowance::Rates;
use self::app_set::AppSet;
use self::changes::Changes;
pub use self::counters::Counters;
use self::counters::{count, uncount};
use self::gather::Gather;
use self::loans::Lent;
use self::net::{Net, Ready, Token};
use self::peer::Peer;
use self::press::{Compression, Press};
use self::retire::Retiree;
use self::slots::Slots;
use self::timers::Timers;
use self::to_app::{ToApp, ToApps};
use self::topics::Topics;
use crate::message::{ClientId, PeerAddress};
use crate::site::Site;
use crate::waker::Waker;

/// Most reminders of deadlines that are looked at in one turn.
const DEADLINES_PER_TURN: usize = 16 * 1024;

/// What all workers share.
#[derive(Debug)]
pub struct Shared {
    /// Limits and times.
    pub policy: Policy,
    /// Set once, when the server is to stop.
    pub stopping: AtomicBool,
    /// Counters of each worker.
    pub counters: Vec<Counters>,
    /// What each address has of the server.
    pub addresses: Addresses,
}

impl Shared {
    /// What may be agreed on about compression with the next client.
    fn terms(&self) -> Option<Terms> {
        let Compression { terms, takeover_c, .. } = self.policy.compression?;
        let takeovers = |counters: &Counters| counters.takeovers.load(Ordering::Relaxed);
        let in_all: usize = self.counters.iter().map(takeovers).sum();
        let may_take_over = in_all < takeover_c;
        Some(Terms {
            client_takeover: terms.client_takeover && may_take_over,
            server_takeover: terms.server_takeover && may_take_over,
            ..terms
        })
    }
}

/// Limits and times of connections.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Those that the protocol keeps.
    pub protocol: Limits,
    /// What one connection may send per second.
    pub rates: Rates,
    /// Bytes that may wait for one peer to take them before it is closed with 1013. A single
    /// message that is larger may wait alone.
    pub max_backpressure: usize,
    /// Bytes that heads and messages which have come in part may hold, of all connections of a
    /// worker, before the one that holds most is closed with 1013.
    pub partial_budget: usize,
    /// How long a peer may take nothing of what waits for it.
    pub write_stall: Duration,
    /// How long a peer may stay after an HTTP response that ends the connection.
    pub shutdown_wait_http: Duration,
    /// How long a peer may take to answer a Close frame, or to go after the closing handshake.
    pub shutdown_wait_ws: Duration,
    /// How long stopping may take.
    pub stop: Duration,
    /// Connections in all.
    pub max_connections: usize,
    /// Size in bytes of a worker's receive buffer.
    pub receive_buffer: usize,
    /// How messages are compressed; `None`: not at all.
    pub compression: Option<Compression>,
}

/// Where a worker is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Life {
    Serving,
    /// No new connections, no client is read; apps finish what they have got.
    Draining {
        until: Millis,
    },
    /// Every connection has been sent a Close frame with 1001.
    Closing {
        until: Millis,
    },
    /// All connections are gone; the apps must still hear that this worker is.
    Ending {
        until: Millis,
    },
    Over,
}

/// What to do after a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// Take another.
    GoOn,
    /// The worker has ended.
    Over,
}

/// A worker.
#[derive(Debug)]
pub struct Worker<N: Net> {
    index: u8,
    net: N,
    now: Millis,
    shared: Arc<Shared>,
    /// What is served.
    site: Arc<Site>,
    changes: Changes,
    waker: Arc<Waker>,
    peers: Slots<Peer<N::Socket>>,
    /// One way to each app, and one back, by number of the app.
    to_apps: ToApps,
    from_apps: Vec<Consumer>,
    /// Apps that may have something in their outbound rings.
    mail: AppSet,
    /// Apps of which records have been looked at, and are to be released.
    delivered: AppSet,
    /// Slots of the clients of each app that its sends to all go to.
    members: Vec<Vec<u32>>,
    /// What the clients of each app are subscribed to.
    topics: Vec<Topics>,
    /// How many connections each app has here, those included of which it has yet to hear.
    clients: Vec<u32>,
    retirees: Vec<Retiree>,
    /// Which apps have yet to be told of the current step of stopping.
    unasked: Vec<bool>,
    /// Which apps have yet to answer `Drain`.
    undrained: Vec<bool>,
    gather: Gather,
    inflater: Inflater,
    press: Option<Press>,
    timers: Timers,
    ready: Vec<Ready>,
    /// Peers to read, each for one receive per turn.
    queue: VecDeque<Token>,
    /// The slot of the peer whose bytes are being dealt with.
    in_hand: Option<u32>,
    receive_buffer: Box<[u8]>,
    send_buffer: Vec<u8>,
    opening: Vec<u8>,
    /// Number of the last send to all except some; marks who is excepted.
    exception: u32,
    /// Sum of what all peers hold of heads and messages that have come in part, in bytes.
    held: usize,
    /// Bytes that have been compressed in this turn for single peers of apps that are called directly.
    pressed: usize,
    accept_again: Option<Millis>,
    /// When memory is given back, unless something happens before.
    trim_at: Option<Millis>,
    stop_began: Millis,
    /// When a stop no longer waits for those who have not asked for anything.
    dismissal: Option<Millis>,
    life: Life,
}

impl<N: Net> Worker<N> {
    /// Sets up the worker with this index. Nothing is accepted before the first turn.
    pub fn new(
        index: u8,
        net: N,
        shared: Arc<Shared>,
        site: Arc<Site>,
        waker: Arc<Waker>,
        to_apps: Vec<ToApp>,
        from_apps: Vec<Consumer>,
    ) -> Self {
        let app_c = to_apps.len();
        let policy = &shared.policy;
        let mut worker = Self {
            index,
            now: net.now(),
            peers: Slots::new(policy.max_connections),
            receive_buffer: vec![0; policy.receive_buffer].into(),
            net,
            site,
            changes: Changes::default(),
            waker,
            to_apps: to_apps.into(),
            from_apps,
            mail: AppSet::default(),
            delivered: AppSet::default(),
            members: vec![Vec::new(); app_c],
            topics: (0..app_c).map(|_| Topics::default()).collect(),
            clients: vec![0; app_c],
            retirees: Vec::new(),
            unasked: vec![false; app_c],
            undrained: vec![false; app_c],
            gather: Gather::default(),
            inflater: Inflater::default(),
            press: policy.compression.map(Press::new),
            timers: Timers::default(),
            ready: Vec::new(),
            queue: VecDeque::new(),
            in_hand: None,
            send_buffer: Vec::new(),
            opening: Vec::new(),
            exception: 0,
            held: 0,
            pressed: 0,
            accept_again: None,
            trim_at: None,
            stop_began: Millis(0),
            dismissal: None,
            life: Life::Serving,
            shared,
        };
        worker.net.listen(true);
        worker
    }

    /// Takes turns until the worker has ended.
    ///
    /// # Errors
    /// Those of [`Net::wait`].
    pub fn run(mut self) -> io::Result<()> {
        let result = loop {
            match self.turn() {
                Ok(Turn::GoOn) => {}
                Ok(Turn::Over) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.let_go();
        result
    }

    /// Waits until something happens, and deals with it.
    ///
    /// # Errors
    /// Those of [`Net::wait`].
    pub fn turn(&mut self) -> io::Result<Turn> {
        self.wait()?;
        self.waker.note_turn();
        self.now = self.net.now();
        self.inflater.made = 0;
        self.pressed = 0;

        if self.has_changes() {
            self.take_changes();
        }
        self.trim_when_idle();
        self.resume_congested();
        self.take_events();
        self.meet_deadlines();
        self.read_queued();
        self.publish_all();

        self.deliver();
        self.stop_by_steps();
        self.flush_gathered(Lent::default());
        self.release_rings();
        self.retire_by_steps();
        self.stop_by_steps();
        self.publish_all();
        Ok(if self.life == Life::Over { Turn::Over } else { Turn::GoOn })
    }

    /// Has every app learn what there is for it.
    #[inline]
    fn publish_all(&mut self) {
        if !self.to_apps.are_at_rest() {
            self.publish_touched();
        }
    }

    fn publish_touched(&mut self) {
        for app in self.to_apps.touched() {
            self.publish(app);
        }
        self.to_apps.settle();
    }

    fn counters(&self) -> &Counters {
        &self.shared.counters[usize::from(self.index)]
    }

    fn client_id(&self, slot: u32) -> ClientId {
        ClientId::new(self.index, slot, self.peers.token(slot).generation)
    }

    /// Where a peer comes from, for a log line.
    fn address(&mut self, slot: u32) -> PeerAddress {
        self.peers.get_mut(slot).map_or(PeerAddress::Unix, |peer| peer.address)
    }

    /// Sleeps, unless there is work at hand.
    fn wait(&mut self) -> io::Result<()> {
        let has_work = !self.mail.is_empty()
            || !self.delivered.is_empty()
            || !self.queue.is_empty()
            || self.gather.has_touched();
        let timeout = if has_work {
            Some(Duration::ZERO)
        } else {
            self.waker.sleeper().announce();
            // The second look: whoever published before the announcement did not wake us.
            if self.has_news() { Some(Duration::ZERO) } else { self.time_to_next_deadline() }
        };
        let result = self.net.wait(timeout, &mut self.ready);
        self.waker.sleeper().retract();
        result
    }

    /// Whether another thread has something for this one.
    fn has_news(&mut self) -> bool {
        let stop = self.life == Life::Serving && self.shared.stopping.load(Ordering::Relaxed);
        let records = self.waker.has_mail();
        // Each of them must be asked, since asking is what has us woken.
        let mut room = false;
        for app in self.to_apps.touched() {
            let to_app = &mut self.to_apps[app];
            room |= to_app.has_room() || to_app.is_left();
        }
        stop || records || room || self.has_changes()
    }

    fn time_to_next_deadline(&self) -> Option<Duration> {
        let stop = match self.life {
            Life::Draining { until } | Life::Closing { until } | Life::Ending { until } => {
                Some(until)
            }
            Life::Serving | Life::Over => None,
        };
        let mut next = Millis::NEVER;
        for at in &[self.timers.next(), self.accept_again, self.dismissal, self.trim_at, stop] {
            next = next.min(at.unwrap_or(Millis::NEVER));
        }
        if !self.retirees.is_empty() {
            next = next.min(self.next_retirement().unwrap_or(Millis::NEVER));
        }
        // A millisecond more, since the clock's are rounded down: no turn is taken for nothing.
        let wait = || Duration::from_millis((next.0 + 1).saturating_sub(self.now.0));
        (next != Millis::NEVER).then(wait)
    }

    fn take_events(&mut self) {
        for index in 0..self.ready.len() {
            match self.ready[index] {
                Ready::Listener(listener) => self.accept(listener),
                Ready::Socket { token, readable, writable, hangup } => {
                    let Some(peer) = self.peers.named(token) else { continue };
                    peer.flags.hangup |= hangup;
                    if readable {
                        peer.flags.readable = true;
                        self.queue_for_reading(token);
                    }
                    if writable {
                        self.note_writable(token.slot);
                    }
                }
            }
        }
        self.ready.clear();
    }

    fn note_writable(&mut self, slot: u32) {
        if let Some(peer) = self.peers.get_mut(slot) {
            peer.flags.writable = true;
            if peer.has_backlog() {
                self.gather.touch(slot, &mut peer.chain);
            }
        }
    }

    /// Sees to it that the peer's next deadline is not missed.
    fn remind(&mut self, slot: u32) {
        let token = self.peers.token(slot);
        let Some(peer) = self.peers.get_mut(slot) else { return };
        if let Some(at) = peer.next_deadline(&self.shared.policy.protocol) {
            if timers::rounded(at) < peer.reminder {
                peer.reminder = self.timers.add(at, token);
            }
        }
    }

    fn meet_deadlines(&mut self) {
        if self.accept_again.is_some_and(|at| at <= self.now) {
            self.accept_again = None;
            if self.life == Life::Serving {
                self.net.listen(true);
            }
        }
        for _ in 0..DEADLINES_PER_TURN {
            let Some(token) = self.timers.pop_due(self.now) else { break };
            let Some(peer) = self.peers.named(token) else { continue };
            if peer.reminder <= self.now {
                peer.reminder = Millis::NEVER;
            }
            let deadline = peer.next_deadline(&self.shared.policy.protocol);
            if deadline.is_some_and(|at| at <= self.now) {
                self.expire(token.slot);
            }
            self.remind(token.slot);
        }
    }
}
