//! The records that cross the rings: what a worker tells an app, and what an app tells a worker.
//!
//! Only layouts live here. The rings carry bytes and know nothing of this; `worker` and `host`
//! write and read these records and know nothing of each other.
//!
//! Every record starts with a head of 16 bytes, so that what follows it stays 8-byte aligned:
//!
//! | offset | inbound (worker to app)              | outbound (app to worker)                  |
//! |--------|--------------------------------------|-------------------------------------------|
//! | 0      | [`Inbound`] kind                     | [`Outbound`] kind                         |
//! | 1      | -                                    | [`Scope`] of a send                       |
//! | 2..4   | close code, or endpoint of an open   | close code, or status of a refusal        |
//! |        | or upgrade                           |                                           |
//! | 4..8   | -                                    | number of clients listed after the head   |
//! | 8..16  | client id, or µs of a `Retire`       | number of a topic                         |
//! | 16..   | payload, unless it crosses by pointer| client ids of 8 bytes, then the payload,  |
//! |        |                                      | unless it crosses by pointer              |
//!
//! Integers are in the byte order of the machine: records never leave the process.

mod opening;
mod scope;
mod secured;
mod taken_up;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::opening::Opening;
pub use self::scope::Scope;
pub use self::secured::{Certificate, Secured};
pub use self::taken_up::{Resumed, Saved, TakenUp, TopicRow, TopicTable};

/// Size in bytes of the head of every record.
pub const HEAD: usize = 16;

/// Payloads of at least this many bytes cross a ring by pointer: copying them would cost more.
pub const BY_POINTER: usize = 16 * 1024;

/// Most workers a process may have: the worker's number is one byte of a [`ClientId`].
pub const MAX_WORKERS: usize = 256;

/// Most connections one worker may have: the slot's number takes 24 bits of a [`ClientId`].
pub const MAX_SLOTS: usize = 1 << 24;

/// Names one connection: `worker (8 bits) | slot (24 bits) | generation (32 bits)`.
///
/// A slot's generation is never 0 and changes with each connection that uses the slot, so an id is
/// never 0, and an id that outlived its connection reaches nobody.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
#[repr(transparent)]
pub struct ClientId(u64);

impl ClientId {
    /// Puts an id together. `slot` must be below [`MAX_SLOTS`] and `generation` not 0.
    pub fn new(worker: u8, slot: u32, generation: u32) -> Self {
        debug_assert!((slot as usize) < MAX_SLOTS && generation != 0);
        Self(u64::from(worker) << 56 | u64::from(slot) << 32 | u64::from(generation))
    }

    /// The id as an app sees it.
    pub fn to_u64(self) -> u64 {
        self.0
    }

    /// Reads what an app handed in, which may be any number: look it up before believing it.
    pub fn from_u64(id: u64) -> Self {
        Self(id)
    }

    /// The worker that owns the connection.
    pub fn worker(self) -> usize {
        (self.0 >> 56) as usize
    }

    /// The connection's slot in that worker's table.
    pub fn slot(self) -> u32 {
        (self.0 >> 32) as u32 & 0x00ff_ffff
    }

    /// The slot's generation.
    pub fn generation(self) -> u32 {
        self.0 as u32
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientId({}:{}.{})", self.worker(), self.slot(), self.generation())
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// What a worker tells an app.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Inbound<'a> {
    /// A client has been let in on the endpoint; the payload is an [`Opening`].
    Open {
        /// Who.
        client: ClientId,
        /// `endpoint_id` of the configuration.
        endpoint: u16,
        /// A written [`Opening`].
        opening: &'a [u8],
    },
    /// A whole message from a client.
    Message {
        /// From whom.
        client: ClientId,
        /// Whether it is text, valid UTF-8.
        text: bool,
        /// What was said.
        payload: &'a [u8],
    },
    /// A client is gone.
    Close {
        /// Who.
        client: ClientId,
        /// The closing code of RFC 6455 section 7.1.5.
        code: u16,
        /// The reason of section 7.1.6, UTF-8.
        reason: &'a [u8],
    },
    /// A client asks to be let in on the endpoint, and the app decides; the payload is an
    /// [`Opening`]. One of the next two follows, unless the app has refused.
    Upgrade {
        /// Who.
        client: ClientId,
        /// `endpoint_id` of the configuration.
        endpoint: u16,
        /// A written [`Opening`].
        opening: &'a [u8],
    },
    /// A client whose upgrade the app has accepted has been let in.
    Entered {
        /// Who.
        client: ClientId,
    },
    /// A client whose upgrade the app was asked about will not be let in.
    Withdrawn {
        /// Who.
        client: ClientId,
    },
    /// The server is stopping: finish what came before this, then answer [`Outbound::Drained`].
    Drain,
    /// The app is to go: its clients of this worker may stay for so long (whole microseconds), and
    /// no other comes.
    Retire {
        /// How long.
        wait: Duration,
    },
    /// The process is to be replaced, and its connections are to outlive it: nothing follows from this
    /// worker. The app saves its state once all workers have said so, and answers
    /// [`Outbound::Parked`].
    Park,
    /// The worker is gone, or has let go of the app; nothing follows.
    End,
}

impl<'a> Inbound<'a> {
    const OPEN: u8 = 1;
    const TEXT: u8 = 2;
    const BINARY: u8 = 3;
    const CLOSE: u8 = 4;
    const DRAIN: u8 = 5;
    const END: u8 = 6;
    const UPGRADE: u8 = 7;
    const ENTERED: u8 = 8;
    const WITHDRAWN: u8 = 9;
    const RETIRE: u8 = 10;
    const PARK: u8 = 11;

    /// The head of the record, and the payload that belongs after it.
    pub fn encode(&self) -> ([u8; HEAD], &'a [u8]) {
        let (kind, number, client, payload): (u8, u16, u64, &'a [u8]) = match *self {
            Self::Open { client, endpoint, opening } => (Self::OPEN, endpoint, client.0, opening),
            Self::Message { client, text: true, payload } => (Self::TEXT, 0, client.0, payload),
            Self::Message { client, text: false, payload } => (Self::BINARY, 0, client.0, payload),
            Self::Close { client, code, reason } => (Self::CLOSE, code, client.0, reason),
            Self::Upgrade { client, endpoint, opening } => {
                (Self::UPGRADE, endpoint, client.0, opening)
            }
            Self::Entered { client } => (Self::ENTERED, 0, client.0, &[]),
            Self::Withdrawn { client } => (Self::WITHDRAWN, 0, client.0, &[]),
            Self::Drain => (Self::DRAIN, 0, 0, &[]),
            Self::Park => (Self::PARK, 0, 0, &[]),
            Self::End => (Self::END, 0, 0, &[]),
            Self::Retire { wait } => {
                let microseconds = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
                (Self::RETIRE, 0, microseconds, &[])
            }
        };
        let mut head = [0; HEAD];
        head[0] = kind;
        head[2..4].copy_from_slice(&number.to_ne_bytes());
        head[8..16].copy_from_slice(&client.to_ne_bytes());
        (head, payload)
    }

    /// Reads a record back; `None` only if it was not written by [`Inbound::encode`].
    pub fn decode(inline: &'a [u8], block: Option<&'a [u8]>) -> Option<Self> {
        let payload = block.unwrap_or(inline.get(HEAD..)?);
        let client = ClientId(u64_at(inline, 8)?);
        let number = u16_at(inline, 2)?;
        Some(match inline[0] {
            Self::OPEN => Self::Open { client, endpoint: number, opening: payload },
            Self::TEXT => Self::Message { client, text: true, payload },
            Self::BINARY => Self::Message { client, text: false, payload },
            Self::CLOSE => Self::Close { client, code: number, reason: payload },
            Self::UPGRADE => Self::Upgrade { client, endpoint: number, opening: payload },
            Self::ENTERED => Self::Entered { client },
            Self::WITHDRAWN => Self::Withdrawn { client },
            Self::DRAIN => Self::Drain,
            Self::PARK => Self::Park,
            Self::END => Self::End,
            Self::RETIRE => Self::Retire { wait: Duration::from_micros(client.0) },
            _ => return None,
        })
    }
}

/// What an app tells a worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outbound<'a> {
    /// Deliver one ready-made frame.
    Send {
        /// What the list means.
        scope: Scope,
        /// The clients listed.
        clients: Clients<'a>,
        /// Header and payload.
        frame: &'a [u8],
    },
    /// Start the closing handshake with one client.
    Close {
        /// Which one.
        clients: Clients<'a>,
        /// The code to send.
        code: u16,
        /// The reason to send, UTF-8, at most 123 bytes.
        reason: &'a [u8],
    },
    /// `open` has returned for the client: from here on it counts among all.
    Opened {
        /// Which one.
        clients: Clients<'a>,
    },
    /// Let in a client that [`Inbound::Upgrade`] asked about.
    Accept {
        /// Which one.
        clients: Clients<'a>,
        /// Header lines that its 101 has beside the worker's own, each with its line end.
        lines: &'a [u8],
    },
    /// Do not let it in.
    Refuse {
        /// Which one.
        clients: Clients<'a>,
        /// The status of the response.
        status: u16,
        /// The whole response, but for its `Date`.
        response: &'a [u8],
    },
    /// From here on a client is, or is no more, among the subscribers of a topic.
    Subscription {
        /// Which one.
        clients: Clients<'a>,
        /// The number of the topic, which the app's side never uses for another one.
        topic: u64,
        /// Whether it begins.
        begins: bool,
    },
    /// All that came before [`Inbound::Drain`] has been dealt with.
    Drained,
    /// The app has come to its end because of [`Inbound::Park`], and will say nothing more: all that it
    /// has sent lies before this.
    Parked,
    /// The app has failed and will say nothing more.
    Fault,
}

impl<'a> Outbound<'a> {
    const SEND: u8 = 1;
    const CLOSE: u8 = 2;
    const OPENED: u8 = 3;
    const DRAINED: u8 = 4;
    const FAULT: u8 = 5;
    const ACCEPT: u8 = 6;
    const REFUSE: u8 = 7;
    const SUBSCRIBE: u8 = 8;
    const UNSUBSCRIBE: u8 = 9;
    const PARKED: u8 = 10;

    /// The head of a record that lists `client_c` clients.
    fn head(kind: u8, scope: u8, code: u16, client_c: usize) -> [u8; HEAD] {
        let mut head = [0; HEAD];
        head[0] = kind;
        head[1] = scope;
        head[2..4].copy_from_slice(&code.to_ne_bytes());
        head[4..8].copy_from_slice(&(client_c as u32).to_ne_bytes());
        head
    }

    /// Head of a [`Outbound::Send`].
    pub fn send_head(scope: Scope, client_c: usize) -> [u8; HEAD] {
        let (scope, topic) = scope.parts();
        Self::with_topic(Self::head(Self::SEND, scope, 0, client_c), topic)
    }

    fn with_topic(mut head: [u8; HEAD], topic: u64) -> [u8; HEAD] {
        head[8..16].copy_from_slice(&topic.to_ne_bytes());
        head
    }

    /// Head of an [`Outbound::Subscription`] of one client.
    pub fn subscription_head(topic: u64, begins: bool) -> [u8; HEAD] {
        let kind = if begins { Self::SUBSCRIBE } else { Self::UNSUBSCRIBE };
        Self::with_topic(Self::head(kind, 0, 0, 1), topic)
    }

    /// Head of a [`Outbound::Close`] of one client.
    pub fn close_head(code: u16) -> [u8; HEAD] {
        Self::head(Self::CLOSE, 0, code, 1)
    }

    /// Head of an [`Outbound::Opened`].
    pub fn opened_head() -> [u8; HEAD] {
        Self::head(Self::OPENED, 0, 0, 1)
    }

    /// Head of an [`Outbound::Accept`] of one client.
    pub fn accept_head() -> [u8; HEAD] {
        Self::head(Self::ACCEPT, 0, 0, 1)
    }

    /// Head of an [`Outbound::Refuse`] of one client.
    pub fn refuse_head(status: u16) -> [u8; HEAD] {
        Self::head(Self::REFUSE, 0, status, 1)
    }

    /// The whole of an [`Outbound::Drained`].
    pub fn drained_head() -> [u8; HEAD] {
        Self::head(Self::DRAINED, 0, 0, 0)
    }

    /// The whole of an [`Outbound::Parked`].
    pub fn parked_head() -> [u8; HEAD] {
        Self::head(Self::PARKED, 0, 0, 0)
    }

    /// The whole of an [`Outbound::Fault`].
    pub fn fault_head() -> [u8; HEAD] {
        Self::head(Self::FAULT, 0, 0, 0)
    }

    /// The clients that it names, if it is about any.
    pub fn clients(&self) -> Option<Clients<'a>> {
        match *self {
            Self::Send { clients, .. }
            | Self::Close { clients, .. }
            | Self::Opened { clients }
            | Self::Accept { clients, .. }
            | Self::Refuse { clients, .. }
            | Self::Subscription { clients, .. } => Some(clients),
            Self::Drained | Self::Parked | Self::Fault => None,
        }
    }

    /// Reads a record back; `None` only if it was not written by the functions above.
    pub fn decode(inline: &'a [u8], block: Option<&'a [u8]>) -> Option<Self> {
        let rest = inline.get(HEAD..)?;
        let listed = u32_at(inline, 4)? as usize * 8;
        let clients = Clients(rest.get(..listed)?);
        let payload = block.unwrap_or(&rest[listed..]);
        let code = u16_at(inline, 2)?;
        Some(match inline[0] {
            Self::SEND => {
                let scope = Scope::of_parts(inline[1], u64_at(inline, 8)?)?;
                Self::Send { scope, clients, frame: payload }
            }
            kind @ (Self::SUBSCRIBE | Self::UNSUBSCRIBE) => {
                let (topic, begins) = (u64_at(inline, 8)?, kind == Self::SUBSCRIBE);
                Self::Subscription { clients, topic, begins }
            }
            Self::CLOSE => Self::Close { clients, code, reason: payload },
            Self::OPENED => Self::Opened { clients },
            Self::ACCEPT => Self::Accept { clients, lines: payload },
            Self::REFUSE => Self::Refuse { clients, status: code, response: payload },
            Self::DRAINED => Self::Drained,
            Self::PARKED => Self::Parked,
            Self::FAULT => Self::Fault,
            _ => return None,
        })
    }
}

/// Client ids as they lie in a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Clients<'a>(&'a [u8]);

impl Clients<'_> {
    /// The ids, in the order in which the app listed them.
    pub fn iter(&self) -> impl Iterator<Item = ClientId> + '_ {
        self.0.chunks_exact(8).filter_map(|id| u64_at(id, 0)).map(ClientId)
    }
}

/// Where a connection comes from. Each connection has two of these for as long as it lives, so it is
/// smaller than a [`SocketAddr`], which has room for the flow label and scope of an IPv6 address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum PeerAddress {
    /// A TCP connection over IPv4, with its port.
    V4(Ipv4Addr, u16),
    /// A TCP connection over IPv6, with its port.
    V6(Ipv6Addr, u16),
    /// A connection on a unix socket, which has no address worth telling.
    Unix,
}

const _: () = assert!(size_of::<PeerAddress>() == 20);

impl PeerAddress {
    /// That of a TCP connection: IPv4 as such, even where it came to a socket of IPv6 (RFC 4291
    /// section 2.5.5.2), so that an address looks the same whatever way it took.
    pub fn inet(address: SocketAddr) -> Self {
        match address.ip().to_canonical() {
            IpAddr::V4(ip) => Self::V4(ip, address.port()),
            IpAddr::V6(ip) => Self::V6(ip, address.port()),
        }
    }

    /// Address and port of a TCP connection.
    pub fn to_inet(self) -> Option<SocketAddr> {
        match self {
            Self::V4(ip, port) => Some(SocketAddr::new(ip.into(), port)),
            Self::V6(ip, port) => Some(SocketAddr::new(ip.into(), port)),
            Self::Unix => None,
        }
    }

    /// The address of a TCP connection without its port.
    pub fn ip(self) -> Option<IpAddr> {
        self.to_inet().map(|address| address.ip())
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_inet() {
            Some(address) => address.fmt(f),
            None => f.write_str("unix"),
        }
    }
}

#[cfg(test)]
mod tests;
