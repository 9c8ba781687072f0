//! One connection as its worker sees it.
//!
//! A quiet connection is this struct and nothing else: whatever needs memory while something is
//! under way sits behind [`Peer::under_way`] and is given back afterwards. With its generation it
//! fills two cache lines of the table of [`super::slots`], and no more.

use std::os::fd::OwnedFd;

use ringsocket_proto::{Connection, Kind, Limits, Millis, Phase};
use serde::{Deserialize, Serialize};

use super::addresses::Ticket;
use super::allowance::Allowance;
use super::backlog::Backlog;
use super::gather::Chain;
use super::net::Accepted;
use super::secure::Secured;
use super::upgrades::Asking;
use crate::message::PeerAddress;

/// A connection.
#[derive(Debug)]
pub struct Peer<S> {
    /// The socket; `None` once it is closed while the app has yet to hear of it.
    pub socket: Option<S>,
    /// The protocol's view: request head, frames, closing handshake.
    pub connection: Connection,
    /// Where the connection comes from.
    pub address: PeerAddress,
    /// Its place among the connections of this address, if that is one for which they count.
    pub ticket: Option<Ticket>,
    /// Number of the inherited socket that it came to.
    pub entrance: u16,
    /// What the app knows of it.
    pub stage: Stage,
    /// Number of its app, once the app is known to it.
    pub app: u16,
    /// Index in the list of its app's members while [`Stage::Member`].
    pub member: u32,
    /// What is gathered for it in this turn.
    pub chain: Chain,
    /// What can be said of its socket without asking.
    pub flags: Flags,
    /// Bytes of memory that what has come of it in part holds; `u32::MAX` for all from there on.
    pub held: u32,
    /// Number of the last send to all that left it out.
    pub exception: u32,
    /// When the earliest reminder that is set for it comes; [`Millis::NEVER`] if none is.
    pub reminder: Millis,
    /// How fast it may send; `None` before the upgrade, or if that is not limited.
    pub allowance: Option<Box<Allowance>>,
    /// Buffers, debts and waits; only while there are some.
    pub under_way: Option<Box<UnderWay>>,
    /// What encrypts it; `None` on a plain port.
    pub tls: Option<Box<Secured>>,
}

// As much as fits into two cache lines beside a generation.
const _: () = assert!(size_of::<Option<Peer<OwnedFd>>>() <= 120);

/// What the app knows of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Stage {
    /// Nothing: it has not been let in.
    Stranger,
    /// It is asked whether to let it in.
    Asking,
    /// Its opening is on the way, and nothing may reach it yet.
    Announced,
    /// `open` has returned.
    Member,
    /// The app has been told (or is owed the news) that it is gone.
    Left,
}

/// What can be said of a socket without asking: a bit each.
#[derive(Clone, Copy, Default, Debug, Serialize, Deserialize)]
pub struct Flags(u16);

macro_rules! flags {
    ($($(#[$about:meta])* $get:ident, $set:ident: $bit:literal;)*) => {
        impl Flags {
            $(
                $(#[$about])*
                #[inline]
                pub fn $get(self) -> bool {
                    self.0 & 1 << $bit != 0
                }

                /// Notes whether that is so.
                #[inline]
                pub fn $set(&mut self, is: bool) {
                    self.0 = self.0 & !(1 << $bit) | u16::from(is) << $bit;
                }
            )*
        }
    };
}

flags! {
    /// Something may be waiting to be received.
    readable, set_readable: 0;
    /// The kernel had room when it was last asked.
    writable, set_writable: 1;
    /// The peer has shut down its side.
    hangup, set_hangup: 2;
    /// It is in its worker's list of peers to read.
    queued, set_queued: 3;
    /// It is in the list of peers that wait for its app's ring.
    waiting, set_waiting: 4;
    /// The peer's stream has been received to its end.
    ended, set_ended: 5;
    /// Its Close frame has come: it sends nothing more.
    parted, set_parted: 6;
    /// We have shut down our side.
    finished, set_finished: 7;
    /// Its app has been told of it, or is about to be, and is not let go of before it is gone.
    counted, set_counted: 8;
}

/// What a connection has under way.
#[derive(Debug, Default)]
pub struct UnderWay {
    /// What it has not taken yet.
    pub backlog: Backlog,
    /// What was received but could not be dealt with, since the app's ring is full.
    pub stash: Vec<u8>,
    /// What the app must hear before anything else of this connection.
    pub owed: Option<Owed>,
    /// The news that it is gone, owed after that.
    pub owed_close: Option<(u16, String)>,
    /// Its app decides about its upgrade.
    pub asking: Option<Box<Asking>>,
    /// The news that there is nothing to decide any more.
    pub owes_withdrawal: bool,
    /// When the worker gives up waiting for it, beside the deadline of its connection.
    pub deadline: Option<Millis>,
}

impl UnderWay {
    /// Nothing is under way any more.
    pub fn is_over(&self) -> bool {
        self.backlog.is_empty()
            && self.stash.is_empty()
            && self.owed.is_none()
            && self.owed_close.is_none()
            && self.asking.is_none()
            && !self.owes_withdrawal
            && self.deadline.is_none()
    }
}

/// Something that an app is owed because its ring was full.
#[derive(Debug, Serialize, Deserialize)]
pub enum Owed {
    /// That the connection is open.
    Open {
        /// The endpoint it came to.
        endpoint: u16,
        /// A written [`crate::message::Opening`].
        opening: Vec<u8>,
    },
    /// That somebody asks to be let in.
    Upgrade {
        /// The endpoint it came to.
        endpoint: u16,
        /// A written [`crate::message::Opening`].
        opening: Vec<u8>,
    },
    /// That it has been let in.
    Entered,
    /// A message.
    Message(Kind, Vec<u8>),
}

impl<S> Peer<S> {
    /// A connection that has just been accepted.
    pub fn new(accepted: Accepted<S>, connection: Connection) -> Self {
        let Accepted { socket, address, entrance } = accepted;
        Self { socket: Some(socket), entrance, ..Self::plain(connection, address) }
    }

    fn plain(connection: Connection, address: PeerAddress) -> Self {
        let mut flags = Flags::default();
        flags.set_writable(true);
        Self {
            socket: None,
            connection,
            address,
            ticket: None,
            entrance: 0,
            stage: Stage::Stranger,
            app: 0,
            member: 0,
            chain: Chain::default(),
            flags,
            held: 0,
            exception: 0,
            reminder: Millis::NEVER,
            allowance: None,
            under_way: None,
            tls: None,
        }
    }

    /// A connection of an earlier process; without its socket, if that is gone.
    pub fn revived(socket: Option<S>, connection: Connection, address: PeerAddress) -> Self {
        Self { socket, ..Self::plain(connection, address) }
    }

    /// Buffers, debts and waits, made if there were none.
    pub fn under_way(&mut self) -> &mut UnderWay {
        self.under_way.get_or_insert_default()
    }

    /// When the worker gives up waiting for it, beside the deadline of its connection.
    #[inline]
    pub fn deadline(&self) -> Option<Millis> {
        self.under_way.as_ref()?.deadline
    }

    /// The worker no longer waits for it.
    #[inline]
    pub fn clear_deadline(&mut self) {
        if let Some(under_way) = &mut self.under_way {
            under_way.deadline = None;
        }
    }

    /// Notes how much memory what has come of it in part holds now; returns what `sum`, over all
    /// peers, becomes.
    pub fn note_held(&mut self, held: usize, sum: usize) -> usize {
        let held = u32::try_from(held).unwrap_or(u32::MAX);
        sum - std::mem::replace(&mut self.held, held) as usize + held as usize
    }

    /// Bytes that wait for the peer to take them.
    pub fn backlog_len(&self) -> usize {
        let frames = self.under_way.as_ref().map_or(0, |under_way| under_way.backlog.own_len());
        frames + self.sealed_len()
    }

    /// Bytes of records that wait for the peer to take them.
    #[inline]
    pub fn sealed_len(&self) -> usize {
        self.tls.as_ref().map_or(0, |tls| tls.sealed_len())
    }

    /// Whether what waits for it is little enough for it to be read: a peer that does not read is
    /// not read. `flush` looks again when there is less. Where a Close frame waits, anything is too
    /// much: what such a peer sends would only be thrown away, at whatever rate it likes.
    pub fn may_be_read(&self, max_backpressure: usize) -> bool {
        let most = if self.connection.phase() == Phase::Closing { 0 } else { max_backpressure / 4 };
        self.backlog_len() <= most
    }

    /// Whether anything at all waits for the peer to take it.
    pub fn has_backlog(&self) -> bool {
        self.has_frames_waiting() || self.sealed_len() > 0
    }

    /// Whether frames do that are not sealed.
    pub fn has_frames_waiting(&self) -> bool {
        self.under_way.as_ref().is_some_and(|under_way| !under_way.backlog.is_empty())
    }

    /// Whether it is encrypted, and its handshake is not over.
    pub fn is_shaking_hands(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_shaking_hands())
    }

    /// Whether it has got as far as an app.
    pub fn has_app(&self) -> bool {
        self.stage != Stage::Stranger
    }

    /// Whether an app may send to it.
    #[inline]
    pub fn takes_sends_of(&self, app: u16) -> bool {
        self.stage == Stage::Member && self.app == app && self.connection.phase() == Phase::Open
    }

    /// Whether the app is owed something, or bytes wait that come after it, or after its decision.
    pub fn is_in_debt(&self) -> bool {
        self.under_way.as_ref().is_some_and(|under_way| {
            under_way.owed.is_some()
                || under_way.owed_close.is_some()
                || under_way.asking.is_some()
                || under_way.owes_withdrawal
                || !under_way.stash.is_empty()
        })
    }

    /// Whether its app has yet to decide about it.
    pub fn is_undecided(&self) -> bool {
        self.under_way.as_ref().is_some_and(|under_way| under_way.asking.is_some())
    }

    /// Gives memory back that is needed no more.
    pub fn tidy(&mut self) {
        if self.under_way.as_ref().is_some_and(|under_way| under_way.is_over()) {
            self.under_way = None;
        }
    }

    /// The earlier of the connection's and the worker's deadline. Once the socket is gone only the
    /// app is waited for, and that has no deadline.
    pub fn next_deadline(&self, limits: &Limits) -> Option<Millis> {
        self.socket.as_ref()?;
        match (self.connection.deadline(limits), self.deadline()) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }
}
