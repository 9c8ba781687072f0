//! A worker: one thread that owns its connections and waits for nothing but epoll.
//!
//! A turn of [`Worker::turn`] takes what the network has, hands it to the apps, takes what the apps
//! have, and writes to each connection once. Files of this room: `net` (the outside world as a
//! trait), `peer` and `slots` (connections), `accept`, `origin` (where they come from) and `addresses`
//! (limits per address), `secure` (TLS), `read`, `request`, `upgrades` (that apps decide about), `to_app`
//! and `settle` (inwards), `deliver`, `errands`, `topics`, `press`, `gather`, `flush` and `backlog`
//! (outwards), `direct` (there and back without a ring), `farewell` (ends of connections and of the
//! worker), `changes` and `retire` (apps that come and go), `policy` (limits and times, and their
//! changes), `timers`, `silence`, `allowance` and `held` (limits of time, pace and memory), `loans` (what
//! is sent on without a copy), `trim` (memory after a burst), `counters`.
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
pub mod parked;
mod parking;
pub mod peer;
pub mod policy;
pub mod press;
mod read;
mod request;
pub mod retire;
pub mod secure;
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
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Duration;

use ringsocket_proto::Millis;
use ringsocket_proto::deflate::Inflater;
use ringsocket_ring::Consumer;

use self::addresses::Addresses;
use self::app_set::AppSet;
use self::changes::Changes;
pub use self::counters::Counters;
use self::counters::{count, uncount};
use self::gather::Gather;
use self::loans::Lent;
use self::net::{Net, Ready, Token};
use self::parked::Left;
use self::peer::Peer;
use self::policy::Leniency;
pub use self::policy::Policy;
use self::press::Press;
use self::retire::Retiree;
use self::secure::Throng;
use self::slots::Slots;
use self::timers::Timers;
use self::to_app::{ToApp, ToApps};
use self::topics::Topics;
use crate::message::{ClientId, PeerAddress};
use crate::site::Site;
use crate::sys::board::Board;
use crate::waker::Waker;

/// Most reminders of deadlines that are looked at in one turn.
const DEADLINES_PER_TURN: usize = 16 * 1024;

/// What all workers share.
#[derive(Debug)]
pub struct Shared {
    /// Set once, when the process is to end. What was stored before it was set is seen by who sees it.
    pub stopping: AtomicBool,
    /// Set before that, if connections are to outlive it.
    pub parking: AtomicBool,
    /// How many workers have waned then: when all have, they stop reading together.
    pub waned_c: AtomicUsize,
    /// Counters of each worker.
    pub counters: Vec<Counters>,
    /// What each address has of the server.
    pub addresses: Addresses,
    /// Where workers show how many connections they have, if anybody may come to look.
    pub board: Option<Board>,
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
    /// No new connections; handshakes may come to their end, and clients are served.
    Waning {
        until: Millis,
    },
    /// The same, while other workers have not waned.
    Waned {
        until: Millis,
    },
    /// Nobody is read any more; apps finish what they have got and save their state.
    Parking {
        until: Millis,
    },
    /// Everything has come to rest, and what there is of connections is to be handed over.
    Parked,
    Over,
}

impl Life {
    /// Whether nobody is let in any more.
    fn is_leaving(self) -> bool {
        !matches!(self, Self::Serving | Self::Waning { .. } | Self::Waned { .. })
    }
}

/// What to do after a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// Take another.
    GoOn,
    /// The worker has ended.
    Over,
    /// It has come to rest, and what it has left is to be handed over.
    Parked,
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
    /// Limits and times in force.
    policy: Arc<Policy>,
    /// What still holds of those before.
    leniency: Leniency,
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
    /// What is sealed for one peer, to be sent at once.
    records: Vec<u8>,
    /// The TLS handshakes under way.
    throng: Throng,
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
    /// Connections that cannot be handed over, and when each is closed while the worker wanes.
    leavers: VecDeque<(Millis, Token)>,
    /// Connections that the worker wanes for, as they may become clients yet.
    strangers: Vec<Token>,
    /// When a stop no longer waits for those who have not asked for anything.
    dismissal: Option<Millis>,
    life: Life,
}

impl<N: Net> Worker<N> {
    /// Sets up the worker with this index, whose ways to apps and back are in the order of their
    /// numbers. Nothing is accepted before the first turn.
    pub fn new(
        index: u8,
        net: N,
        shared: Arc<Shared>,
        site: Arc<Site>,
        policy: Arc<Policy>,
        waker: Arc<Waker>,
        ways: Vec<(ToApp, Consumer)>,
    ) -> Self {
        let app_c = ways.len();
        let (to_apps, from_apps): (Vec<_>, Vec<_>) = ways.into_iter().unzip();
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
            leniency: Leniency::default(),
            timers: Timers::default(),
            ready: Vec::new(),
            queue: VecDeque::new(),
            in_hand: None,
            send_buffer: Vec::new(),
            records: Vec::new(),
            throng: Throng::default(),
            opening: Vec::new(),
            exception: 0,
            held: 0,
            pressed: 0,
            accept_again: None,
            trim_at: None,
            stop_began: Millis(0),
            leavers: VecDeque::new(),
            strangers: Vec::new(),
            dismissal: None,
            life: Life::Serving,
            shared,
            policy,
        };
        worker.net.listen(true);
        worker
    }

    /// Takes turns until the worker has ended. What it leaves for the next process, if it is told to.
    ///
    /// # Errors
    /// Those of [`Net::wait`].
    pub fn run(mut self) -> io::Result<Option<Left<N::Socket>>> {
        let result = loop {
            match self.turn() {
                Ok(Turn::GoOn) => {}
                Ok(Turn::Over) => break Ok(None),
                Ok(Turn::Parked) => break Ok(Some(self.leave())),
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
        self.throng.begin_turn();

        if self.has_changes() {
            self.take_changes();
        }
        self.trim_when_idle();
        if self.is_parking() {
            self.take_events(); // of those who take what waits for them
        } else {
            self.resume_congested();
            self.take_events();
            self.meet_deadlines();
        }
        self.read_queued();
        self.publish_all();

        self.deliver();
        self.stop_by_steps();
        self.flush_gathered(Lent::default());
        self.release_rings();
        self.retire_by_steps();
        self.stop_by_steps();
        self.publish_all();
        Ok(match self.life {
            Life::Over => Turn::Over,
            Life::Parked => Turn::Parked,
            _ => Turn::GoOn,
        })
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
        let stop = match self.life {
            Life::Serving => self.is_to_stop(),
            Life::Waned { .. } => self.have_all_waned(),
            _ => false,
        };
        let records = self.waker.has_mail() || self.waker.is_to_shed();
        // Each of them must be asked, since asking is what has us woken.
        let (mut room, is_parking) = (false, self.is_parking());
        for app in self.to_apps.touched() {
            let to_app = &mut self.to_apps[app];
            // Who waits for an app that has failed is not gone on with while all comes to rest.
            let is_moot = is_parking && to_app.has_failed();
            room |= !is_moot && to_app.has_room() || to_app.is_left();
        }
        stop || records || room || self.has_changes()
    }

    fn time_to_next_deadline(&self) -> Option<Duration> {
        let stop = match self.life {
            Life::Draining { until }
            | Life::Closing { until }
            | Life::Ending { until }
            | Life::Waning { until }
            | Life::Waned { until }
            | Life::Parking { until } => Some(until),
            Life::Serving | Life::Parked | Life::Over => None,
        };
        let mut next = Millis::NEVER;
        for at in &[self.timers.next(), self.accept_again, self.dismissal, self.trim_at, stop] {
            next = next.min(at.unwrap_or(Millis::NEVER));
        }
        if self.life != Life::Serving {
            next = next.min(self.leavers.front().map_or(Millis::NEVER, |&(at, _)| at));
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
                    if hangup {
                        peer.flags.set_hangup(true);
                    }
                    if readable {
                        peer.flags.set_readable(true);
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
            peer.flags.set_writable(true);
            if peer.has_backlog() {
                self.gather.touch(slot, &mut peer.chain);
            }
        }
    }

    /// Sees to it that the peer's next deadline is not missed.
    fn remind(&mut self, slot: u32) {
        let token = self.peers.token(slot);
        let Some(peer) = self.peers.get_mut(slot) else { return };
        if let Some(at) = peer.next_deadline(&self.policy.protocol) {
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
            let deadline = peer.next_deadline(&self.policy.protocol);
            if deadline.is_some_and(|at| at <= self.now) {
                self.expire(token.slot);
            }
            self.remind(token.slot);
        }
    }
}
