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
//! | 2..4   | close code, or endpoint of an open   | close code                                |
//! | 4..8   | -                                    | number of clients listed after the head   |
//! | 8..16  | client id, or µs of a `Retire`       | -                                         |
//! | 16..   | payload, unless it crosses by pointer| client ids of 8 bytes, then the payload,  |
//! |        |                                      | unless it crosses by pointer              |
//!
//! Integers are in the byte order of the machine: records never leave the process.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

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
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
    /// The server is stopping: finish what came before this, then answer [`Outbound::Drained`].
    Drain,
    /// The app is to go: its clients of this worker may stay for so long (whole microseconds), and
    /// no other comes.
    Retire {
        /// How long.
        wait: Duration,
    },
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
    const RETIRE: u8 = 7;

    /// The head of the record, and the payload that belongs after it.
    pub fn encode(&self) -> ([u8; HEAD], &'a [u8]) {
        let (kind, number, client, payload): (u8, u16, u64, &'a [u8]) = match *self {
            Self::Open { client, endpoint, opening } => (Self::OPEN, endpoint, client.0, opening),
            Self::Message { client, text: true, payload } => (Self::TEXT, 0, client.0, payload),
            Self::Message { client, text: false, payload } => (Self::BINARY, 0, client.0, payload),
            Self::Close { client, code, reason } => (Self::CLOSE, code, client.0, reason),
            Self::Drain => (Self::DRAIN, 0, 0, &[]),
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
            Self::DRAIN => Self::Drain,
            Self::END => Self::End,
            Self::RETIRE => Self::Retire { wait: Duration::from_micros(client.0) },
            _ => return None,
        })
    }
}

/// Which clients of the app a send is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// The clients listed in the record.
    Listed,
    /// Every open client of the app.
    All,
    /// Every open client of the app but those listed.
    AllExcept,
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
    /// All that came before [`Inbound::Drain`] has been dealt with.
    Drained,
    /// The app has failed and will say nothing more.
    Fault,
}

impl<'a> Outbound<'a> {
    const SEND: u8 = 1;
    const CLOSE: u8 = 2;
    const OPENED: u8 = 3;
    const DRAINED: u8 = 4;
    const FAULT: u8 = 5;

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
        Self::head(Self::SEND, scope as u8, 0, client_c)
    }

    /// Head of a [`Outbound::Close`] of one client.
    pub fn close_head(code: u16) -> [u8; HEAD] {
        Self::head(Self::CLOSE, 0, code, 1)
    }

    /// Head of an [`Outbound::Opened`].
    pub fn opened_head() -> [u8; HEAD] {
        Self::head(Self::OPENED, 0, 0, 1)
    }

    /// The whole of an [`Outbound::Drained`].
    pub fn drained_head() -> [u8; HEAD] {
        Self::head(Self::DRAINED, 0, 0, 0)
    }

    /// The whole of an [`Outbound::Fault`].
    pub fn fault_head() -> [u8; HEAD] {
        Self::head(Self::FAULT, 0, 0, 0)
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
                let scope = match inline[1] {
                    s if s == Scope::Listed as u8 => Scope::Listed,
                    s if s == Scope::All as u8 => Scope::All,
                    s if s == Scope::AllExcept as u8 => Scope::AllExcept,
                    _ => return None,
                };
                Self::Send { scope, clients, frame: payload }
            }
            Self::CLOSE => Self::Close { clients, code, reason: payload },
            Self::OPENED => Self::Opened { clients },
            Self::DRAINED => Self::Drained,
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
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
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

/// The request that opened a connection, as the payload of [`Inbound::Open`].
///
/// A list of fields, each with a length of four bytes before it: address, path, query, host,
/// subprotocol, then name and value of each request header.
#[derive(Clone, Copy)]
pub struct Opening<'a> {
    /// Where the connection comes from.
    pub address: PeerAddress,
    /// Path of the request target, without the query.
    pub path: &'a [u8],
    /// What follows the `?` of the request target; empty without one.
    pub query: &'a [u8],
    /// The `Host` header.
    pub host: &'a [u8],
    /// The subprotocol agreed on; empty without one.
    pub subprotocol: &'a [u8],
    fields: &'a [u8],
}

impl<'a> Opening<'a> {
    /// Appends an opening to `out`.
    pub fn write<'h>(
        address: PeerAddress,
        [path, query, host, subprotocol]: [&[u8]; 4],
        headers: impl Iterator<Item = (&'h [u8], &'h [u8])>,
        out: &mut Vec<u8>,
    ) {
        let mut field = |bytes: &[u8]| {
            out.extend_from_slice(&(bytes.len() as u32).to_ne_bytes());
            out.extend_from_slice(bytes);
        };
        match address {
            PeerAddress::Unix => field(&[]),
            PeerAddress::V4(ip, port) => {
                let mut bytes = [0; 6];
                bytes[..2].copy_from_slice(&port.to_ne_bytes());
                bytes[2..].copy_from_slice(&ip.octets());
                field(&bytes);
            }
            PeerAddress::V6(ip, port) => {
                let mut bytes = [0; 18];
                bytes[..2].copy_from_slice(&port.to_ne_bytes());
                bytes[2..].copy_from_slice(&ip.octets());
                field(&bytes);
            }
        }
        [path, query, host, subprotocol].into_iter().for_each(&mut field);
        for (name, value) in headers {
            field(name);
            field(value);
        }
    }

    /// Reads an opening back; `None` only if it was not written by [`Opening::write`].
    pub fn read(mut bytes: &'a [u8]) -> Option<Self> {
        let address = next_field(&mut bytes)?;
        let address = if address.is_empty() {
            PeerAddress::Unix
        } else {
            let (port, ip) = (u16_at(address, 0)?, &address[2..]);
            match <[u8; 4]>::try_from(ip) {
                Ok(ip) => PeerAddress::V4(ip.into(), port),
                Err(_) => PeerAddress::V6(<[u8; 16]>::try_from(ip).ok()?.into(), port),
            }
        };
        let mut next = || next_field(&mut bytes);
        let (path, query, host, subprotocol) = (next()?, next()?, next()?, next()?);
        Some(Self { address, path, query, host, subprotocol, fields: bytes })
    }

    /// Name and value of each request header, in the order of the request.
    pub fn headers(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let mut rest = self.fields;
        std::iter::from_fn(move || Some((next_field(&mut rest)?, next_field(&mut rest)?)))
    }
}

/// Takes one length-prefixed field off the front.
fn next_field<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = u32_at(bytes, 0)? as usize;
    let field = bytes.get(4..4 + len)?;
    *bytes = &bytes[4 + len..];
    Some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_id_keeps_its_parts() {
        let id = ClientId::new(255, 0x00ff_fffe, u32::MAX);
        assert_eq!((id.worker(), id.slot(), id.generation()), (255, 0x00ff_fffe, u32::MAX));
        assert_ne!(ClientId::new(0, 0, 1).to_u64(), 0);
        assert_eq!(ClientId::from_u64(id.to_u64()), id);
    }

    #[test]
    fn inbound_records_come_back_as_they_went() {
        let client = ClientId::new(1, 2, 3);
        for record in [
            Inbound::Open { client, endpoint: 7, opening: b"xyz" },
            Inbound::Message { client, text: true, payload: b"hi" },
            Inbound::Message { client, text: false, payload: b"" },
            Inbound::Close { client, code: 4000, reason: b"bye" },
            Inbound::Retire { wait: Duration::from_micros(1_500_001) },
        ] {
            let (head, payload) = record.encode();
            let inline = [&head, payload].concat();
            assert_eq!(Inbound::decode(&inline, None), Some(record));
            assert_eq!(Inbound::decode(&head, Some(payload)), Some(record), "by pointer");
        }
        assert_eq!(Inbound::decode(&[9; HEAD], None), None);
        assert_eq!(Inbound::decode(&[1; HEAD - 1], None), None);
    }

    #[test]
    fn outbound_records_list_their_clients() {
        let ids = [ClientId::new(0, 1, 1), ClientId::new(0, 2, 9)];
        let mut inline = Outbound::send_head(Scope::AllExcept, 2).to_vec();
        ids.iter().for_each(|id| inline.extend_from_slice(&id.to_u64().to_ne_bytes()));
        let listed = inline.clone();
        inline.extend_from_slice(b"frame");
        for (inline, block) in [(&inline, None), (&listed, Some(&b"frame"[..]))] {
            match Outbound::decode(inline, block) {
                Some(Outbound::Send { scope: Scope::AllExcept, clients, frame: b"frame" }) => {
                    assert_eq!(clients.iter().collect::<Vec<_>>(), ids);
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(Outbound::decode(&listed[..HEAD + 8], None), None, "a cut list");
    }

    #[test]
    fn an_address_looks_the_same_whatever_way_it_took() {
        for (given, seen) in [
            ("192.0.2.7:80", "192.0.2.7:80"),
            ("[::ffff:192.0.2.7]:80", "192.0.2.7:80"),
            ("[2001:db8::1]:65535", "[2001:db8::1]:65535"),
        ] {
            let address = PeerAddress::inet(given.parse().expect("an address"));
            assert_eq!(address.to_string(), seen);
            assert_eq!(address.to_inet(), seen.parse().ok());
        }
        assert_eq!((PeerAddress::Unix.ip(), PeerAddress::Unix.to_inet()), (None, None));
    }

    #[test]
    fn an_opening_keeps_address_and_headers() {
        for address in ["127.0.0.1:80", "[2001:db8::1]:65535"] {
            let address = PeerAddress::inet(address.parse().expect("an address"));
            let headers = [(&b"Host"[..], &b"a"[..]), (b"X", b"")];
            let mut bytes = Vec::new();
            Opening::write(address, [b"/p", b"q=1", b"a", b""], headers.into_iter(), &mut bytes);
            let opening = Opening::read(&bytes).expect("what was written");
            assert_eq!(opening.address, address);
            assert_eq!((opening.path, opening.query), (&b"/p"[..], &b"q=1"[..]));
            assert_eq!(opening.headers().collect::<Vec<_>>(), headers);
            assert!(Opening::read(&bytes[..10]).is_none());
        }
    }
}
