//! What the tests of single files of a worker have in common: a network made of queues, a worker on it,
//! and its apps' ends of the rings.
//! Not for: whole servers, with apps and hostile networks (`tests/sim`).

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, IoSlice, Read};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ringsocket_proto::{Limits, Millis, upgrade};
use ringsocket_ring::{Consumer, Producer, ring};

use super::addresses::Addresses;
use super::net::{Accepted, Net, Ready, Token};
use super::to_app::ToApp;
use super::{Counters, Policy, Shared, Worker};
use crate::deputy::Deputy;
use crate::message::{Inbound, PeerAddress};
use crate::site::{Entrance, Route, Site};
use crate::waker::Waker;

/// What both ends know of a connection.
#[derive(Default)]
pub(super) struct Wire {
    /// What has come and is not received yet.
    pub(super) came: RefCell<VecDeque<u8>>,
    pub(super) sent: RefCell<Vec<u8>>,
    /// Whether the server has looked what has come.
    pub(super) is_read: Cell<bool>,
    pub(super) has_left: Cell<bool>,
    /// Whether the other end takes nothing.
    pub(super) is_stuck: Cell<bool>,
    /// Whether the connection has broken, which shows in sending.
    pub(super) is_reset: Cell<bool>,
}

/// A connection as the worker holds it. That of the test, a clone, tells whether it is closed.
pub(super) type Socket = Rc<Wire>;

/// The network.
#[derive(Default)]
pub(super) struct Queue {
    pub(super) waiting: VecDeque<Accepted<Socket>>,
    pub(super) watched: Vec<(Socket, Token)>,
    pub(super) now: Millis,
    /// So many milliseconds pass from one look at the clock to the next,
    pub(super) tick: u64,
    /// and so many have passed by that.
    pub(super) ticked: Cell<u64>,
    /// How long the worker was last ready to wait.
    pub(super) waited: Option<Duration>,
}

impl Net for Queue {
    type Socket = Socket;

    fn now(&self) -> Millis {
        self.ticked.set(self.ticked.get() + self.tick);
        Millis(self.now.0 + self.ticked.get())
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn wait(&mut self, timeout: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
        self.waited = timeout;
        ready.push(Ready::Listener(0));
        for (socket, token) in &self.watched {
            let (token, hangup) = (*token, socket.has_left.get());
            let readable = hangup || !socket.came.borrow().is_empty();
            ready.push(Ready::Socket { token, readable, writable: false, hangup });
        }
        Ok(())
    }

    fn accept(&mut self, _: usize) -> io::Result<Option<Accepted<Socket>>> {
        Ok(self.waiting.pop_front())
    }

    fn listen(&mut self, _: bool) {}

    fn watch(&mut self, socket: &Socket, token: Token) -> io::Result<()> {
        self.watched.push((Rc::clone(socket), token));
        Ok(())
    }

    fn receive(&mut self, socket: &Socket, buffer: &mut [u8]) -> io::Result<usize> {
        socket.is_read.set(true);
        let mut came = socket.came.borrow_mut();
        if !came.is_empty() {
            return came.read(buffer);
        }
        if socket.has_left.get() { Ok(0) } else { Err(io::ErrorKind::WouldBlock.into()) }
    }

    fn send(&mut self, socket: &Socket, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        if socket.is_reset.get() {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if socket.is_stuck.get() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        parts.iter().for_each(|part| socket.sent.borrow_mut().extend_from_slice(part));
        Ok(parts.iter().map(|part| part.len()).sum())
    }

    fn finish(&mut self, _: &Socket) {}
}

impl Queue {
    /// A connection of this machine comes, and these bytes on it.
    pub(super) fn arrive(&mut self, bytes: &[u8]) -> Socket {
        let socket = Socket::default();
        socket.came.borrow_mut().extend(bytes);
        let address = PeerAddress::inet(SocketAddr::from(([127, 0, 0, 1], 4711)));
        self.waiting.push_back(Accepted { socket: Rc::clone(&socket), address, entrance: 0 });
        socket
    }
}

/// A worker that has taken no turn.
pub(super) fn worker(site: Arc<Site>, policy: Policy, ways: Vec<Ways>) -> Worker<Queue> {
    let (net, waker) = (Queue::default(), Arc::new(Waker::simulated(|| {})));
    Worker::new(0, net, alone(), site, Arc::new(policy), waker, ways)
}

impl Worker<Queue> {
    /// Takes a connection, and what it says.
    pub(super) fn meet(&mut self, bytes: &[u8]) -> Socket {
        let socket = self.net.arrive(bytes);
        self.turn().expect("a turn that accepts");
        self.turn().expect("a turn that reads");
        socket
    }
}

/// A worker's way to an app, and the way back.
pub(super) type Ways = (ToApp, Consumer);

/// The app's ends of them.
pub(super) struct AppEnds {
    pub(super) inbound: Consumer,
    pub(super) outbound: Producer,
}

impl AppEnds {
    /// Ways, of which the one to the app holds so many bytes, and so many beside them in blocks; and
    /// their other ends.
    pub(super) fn of(
        size: usize,
        block_budget: usize,
        deputy: Option<Box<dyn Deputy>>,
    ) -> (Ways, Self) {
        let (to_app, inbound) = ring(size).expect("a ring");
        let (outbound, from_app) = ring(1 << 20).expect("a ring");
        let waker = Arc::new(Waker::simulated(|| {}));
        let to_app = ToApp::new(to_app, block_budget, waker, deputy);
        ((to_app, from_app), Self { inbound, outbound })
    }

    /// Ways of an app with a thread of its own, of a size that does not matter.
    pub(super) fn common() -> (Ways, Self) {
        Self::of(64 * 1024, 64 * 1024, None)
    }

    /// What has come to the app, in the words of `tell`. Then there is room for more.
    pub(super) fn heard<T>(&mut self, mut tell: impl FnMut(Inbound<'_>) -> T) -> Vec<T> {
        let mut heard = Vec::new();
        while let Some((_, record)) = self.inbound.next() {
            heard.push(tell(Inbound::decode(record.inline, record.block).expect("a record")));
        }
        let _ = self.inbound.release(); // the worker looks in each turn
        heard
    }

    /// The app writes a record of these parts, which nobody sees yet.
    pub(super) fn write(&mut self, parts: &[&[u8]]) {
        let record = parts.concat();
        let mut space = self.outbound.reserve(record.len()).expect("space");
        space.copy_from_slice(&record);
        space.commit();
    }

    /// What the app has written is there to be seen.
    pub(super) fn publish(&mut self, worker: &Worker<Queue>) {
        assert!(self.outbound.publish());
        worker.waker.note_mail(1);
    }
}

/// A request to be let in, with these lines in its head.
pub(super) fn request(lines: &str) -> Vec<u8> {
    let head = "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    [head, lines, "\r\n"].concat().into()
}

/// A frame of a client, with a mask of zeros.
pub(super) fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match payload.len() {
        len @ 0..126 => frame.push(0x80 | len as u8),
        len => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(len).expect("64 KiB at most").to_be_bytes());
        }
    }
    [&frame, &[0; 4][..], payload].concat()
}

/// Small limits, and waits that do not come to their end.
pub(super) fn policy() -> Policy {
    let wait = Duration::from_secs(1000);
    Policy {
        protocol: Limits {
            head_size: 1024,
            header_c: 16,
            message_size: 1024,
            chain_size: 2048,
            frame_size: 1024,
            fragment_c: 16,
            head_wait: wait,
            upgrade_wait: wait,
            close_wait: wait,
            ping_wait: None,
            pong_wait: wait,
        },
        rates: Default::default(),
        per_address: Default::default(),
        max_backpressure: 1024,
        partial_budget: 4096,
        block_budget: 64 * 1024,
        write_stall: wait,
        shutdown_wait_http: wait,
        shutdown_wait_ws: wait,
        stop: wait,
        max_connections: 50,
        max_handshakes: 4,
        receive_buffer: 1024,
        compression: None,
    }
}

/// A site with one app, at `/`.
pub(super) fn one_app() -> Arc<Site> {
    let endpoint = upgrade::Endpoint {
        path: "/".to_owned(),
        authority: None,
        is_tls: None,
        allowed_origins: Vec::new(),
        subprotocols: Vec::new(),
    };
    Arc::new(Site {
        endpoints: vec![endpoint],
        routes: vec![Route { app: 0, endpoint_id: 0, decides: false, pages: None }],
        entrances: vec![Entrance { is_tls: false, pages: None, proxy_protocol: false }],
        ..Site::default()
    })
}

/// What one worker shares with itself.
pub(super) fn alone() -> Arc<Shared> {
    Arc::new(Shared {
        board: None,
        stopping: false.into(),
        parking: false.into(),
        waned_c: 0.into(),
        counters: vec![Counters::default()],
        addresses: Addresses::new(50),
    })
}
