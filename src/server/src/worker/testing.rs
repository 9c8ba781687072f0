//! What the tests of single files of a worker have in common: a network made of queues.
//! Not for: whole servers, with apps and hostile networks (`tests/sim`).

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, IoSlice, Read};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ringsocket_proto::{Limits, Millis, upgrade};

use super::addresses::Addresses;
use super::net::{Accepted, Net, Ready, Token};
use super::{Counters, Policy, Shared};
use crate::site::{Entrance, Route, Site};

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
        max_backpressure: 1024,
        partial_budget: 4096,
        write_stall: wait,
        shutdown_wait_http: wait,
        shutdown_wait_ws: wait,
        stop: wait,
        max_connections: 50,
        receive_buffer: 1024,
        compression: None,
    }
}

/// A site with one app, at `/`.
pub(super) fn one_app() -> Arc<Site> {
    let endpoint = upgrade::Endpoint {
        path: "/".to_owned(),
        authority: None,
        allowed_origins: Vec::new(),
        subprotocols: Vec::new(),
    };
    Arc::new(Site {
        endpoints: vec![endpoint],
        routes: vec![Route { app: 0, endpoint_id: 0, decides: false, pages: None }],
        entrances: vec![Entrance { default_port: 80, pages: None, proxy_protocol: false }],
        ..Site::default()
    })
}

/// What one worker shares with itself.
pub(super) fn alone(policy: Policy) -> Arc<Shared> {
    Arc::new(Shared {
        policy,
        stopping: false.into(),
        counters: vec![Counters::default()],
        addresses: Addresses::new(50, None, None),
    })
}
