//! The simulated network: listening queues, connections with small buffers, and the events that a
//! worker would get from an edge-triggered epoll.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ringsocket::message::PeerAddress;
use ringsocket::waker::Waker;
use ringsocket::worker::net::{Accepted, Net, Ready, Token};
use ringsocket_proto::Millis;

use crate::rng::Rng;
use crate::world;

/// Bytes on their way in one direction.
#[derive(Debug, Default)]
pub(crate) struct Pipe {
    bytes: VecDeque<u8>,
    /// Room for so many bytes.
    capacity: usize,
    /// How many of `bytes` have arrived.
    arrived: usize,
    /// The sender has said that nothing follows.
    is_finished: bool,
}

impl Pipe {
    /// Takes as much as there is room for.
    fn push(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(self.capacity - self.bytes.len());
        self.bytes.extend(&bytes[..count]);
        count
    }

    fn pull(&mut self, out: &mut [u8]) -> usize {
        let count = out.len().min(self.arrived);
        for (out, byte) in out.iter_mut().zip(self.bytes.drain(..count)) {
            *out = byte;
        }
        self.arrived -= count;
        count
    }

    fn is_at_end(&self) -> bool {
        self.is_finished && self.bytes.is_empty()
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Link {
    to_server: Pipe,
    to_client: Pipe,
    /// Who watches it on the server's side.
    watcher: Option<(usize, Token)>,
    /// The client has broken the connection.
    is_reset: bool,
    /// The server has closed its socket.
    is_closed: bool,
    /// The server found no room to send, so it must hear when there is some.
    is_blocked: bool,
}

/// All connections.
#[derive(Debug)]
pub(crate) struct Network {
    links: Vec<Link>,
    /// Connections that wait to be accepted, by worker.
    queues: Vec<VecDeque<usize>>,
    /// Events that wait to be taken, by worker.
    events: Vec<VecDeque<Ready>>,
    /// Which workers accept connections.
    is_listening: Vec<bool>,
    rng: Rng,
}

pub(crate) type Shared = Rc<RefCell<Network>>;

impl Network {
    pub(crate) fn new(worker_c: usize, seed: u64) -> Shared {
        Rc::new(RefCell::new(Self {
            links: Vec::new(),
            queues: vec![VecDeque::new(); worker_c],
            events: vec![VecDeque::new(); worker_c],
            is_listening: vec![false; worker_c],
            rng: Rng::new(seed),
        }))
    }

    /// A client connects; the kernel has given it to a worker's socket.
    pub(crate) fn connect(&mut self) -> usize {
        let pipe = |rng: &mut Rng| Pipe { capacity: 200 + rng.below(60_000), ..Pipe::default() };
        let link = Link {
            to_server: pipe(&mut self.rng),
            to_client: pipe(&mut self.rng),
            watcher: None,
            is_reset: false,
            is_closed: false,
            is_blocked: false,
        };
        self.links.push(link);
        let id = self.links.len() - 1;
        let worker = self.rng.below(self.queues.len());
        self.queues[worker].push_back(id);
        id
    }

    fn report(&mut self, id: usize, readable: bool, writable: bool) {
        let link = &self.links[id];
        let hangup = link.is_reset || link.to_server.is_at_end();
        if let Some((worker, token)) = link.watcher {
            let event = Ready::Socket { token, readable, writable, hangup };
            self.events[worker].push_back(event);
        }
    }

    /// Whether a worker has an event that would end its sleep.
    pub(crate) fn has_event(&self, worker: usize) -> bool {
        !self.events[worker].is_empty()
            || self.is_listening[worker] && !self.queues[worker].is_empty()
    }

    /// A worker has ended: its listening socket is closed, and the kernel resets those in its queue.
    pub(crate) fn end_worker(&mut self, worker: usize) {
        for id in self.queues[worker].drain(..) {
            self.links[id].is_closed = true;
        }
        self.events[worker].clear();
    }

    /// A worker hands its connections over, and whoever waits in the queue waits for the next.
    pub(crate) fn forget_worker(&mut self, worker: usize) {
        self.events[worker].clear();
        self.is_listening[worker] = false;
        for link in &mut self.links {
            link.watcher.take_if(|(watcher, _)| *watcher == worker && !link.is_closed);
        }
    }

    /// Whether bytes are on their way to anybody who is still there.
    pub(crate) fn is_moving(&self) -> bool {
        self.links.iter().any(|link| {
            let up = link.to_server.bytes.len() > link.to_server.arrived;
            up && !link.is_closed || link.to_client.bytes.len() > link.to_client.arrived
        })
    }

    /// Whether there is room for what the client would send.
    pub(crate) fn client_can_send(&self, id: usize) -> bool {
        let link = &self.links[id];
        link.is_closed || link.to_server.bytes.len() < link.to_server.capacity
    }

    /// Whether the client has taken all that the server's kernel has for it.
    pub(crate) fn is_delivered(&self, id: usize) -> bool {
        self.links[id].to_client.bytes.is_empty()
    }

    /// What the client has sent arrives now.
    pub(crate) fn hurry(&mut self, id: usize) {
        let pipe = &mut self.links[id].to_server;
        if pipe.arrived < pipe.bytes.len() {
            pipe.arrived = pipe.bytes.len();
            self.report(id, true, false);
        }
    }

    /// Whether the client would receive something now, if only the end.
    pub(crate) fn client_can_receive(&self, id: usize) -> bool {
        let link = &self.links[id];
        let is_over = link.to_client.is_finished || link.is_closed;
        link.to_client.arrived > 0 || is_over && link.to_client.bytes.is_empty()
    }

    /// Whether the server has closed the connection.
    pub(crate) fn is_closed(&self, id: usize) -> bool {
        self.links[id].is_closed
    }

    /// Lets some of the bytes on their way arrive.
    pub(crate) fn step(&mut self) {
        if self.links.is_empty() {
            return;
        }
        let id = self.rng.below(self.links.len());
        let link = &mut self.links[id];
        for is_upward in [true, false] {
            let pipe = if is_upward { &mut link.to_server } else { &mut link.to_client };
            let under_way = pipe.bytes.len() - pipe.arrived;
            if under_way > 0 {
                pipe.arrived += 1 + self.rng.below(under_way);
                if is_upward {
                    self.report(id, true, false);
                    return;
                }
            }
        }
    }

    /// The client sends; returns how many bytes were taken.
    pub(crate) fn client_send(&mut self, id: usize, bytes: &[u8]) -> usize {
        let link = &mut self.links[id];
        if link.is_closed { bytes.len() } else { link.to_server.push(bytes) }
    }

    /// The client receives. `None` at the end of the stream.
    pub(crate) fn client_receive(&mut self, id: usize, out: &mut [u8]) -> Option<usize> {
        let link = &mut self.links[id];
        let count = link.to_client.pull(out);
        if count > 0 && std::mem::take(&mut link.is_blocked) {
            self.report(id, false, true);
        }
        let link = &self.links[id];
        let is_over = count == 0 && link.to_client.bytes.is_empty();
        if is_over && (link.to_client.is_finished || link.is_closed) { None } else { Some(count) }
    }

    /// The client sends nothing more.
    pub(crate) fn client_finish(&mut self, id: usize) {
        let link = &mut self.links[id];
        if !link.to_server.is_finished {
            link.to_server.is_finished = true;
            link.to_server.arrived = link.to_server.bytes.len();
            self.report(id, true, false);
        }
    }

    /// The client breaks the connection.
    pub(crate) fn client_reset(&mut self, id: usize) {
        let link = &mut self.links[id];
        link.is_reset = true;
        link.to_server.bytes.clear();
        link.to_server.arrived = 0;
        self.report(id, true, true);
    }

    /// Connections whose server side is still open.
    pub(crate) fn open_c(&self) -> usize {
        self.links.iter().filter(|link| link.watcher.is_some() && !link.is_closed).count()
    }
}

/// A connection as a worker holds it.
#[derive(Debug)]
pub(crate) struct Socket {
    id: usize,
    network: Shared,
}

impl Drop for Socket {
    /// A socket closed while something received in it is unread sends a reset, by which what has
    /// not arrived is lost.
    fn drop(&mut self) {
        let link = &mut self.network.borrow_mut().links[self.id];
        link.is_closed = true;
        if !link.to_server.bytes.is_empty() {
            link.to_server.bytes.clear();
            link.to_server.arrived = 0;
            link.to_client.bytes.truncate(link.to_client.arrived);
        }
    }
}

/// The network as one worker sees it.
#[derive(Debug)]
pub(crate) struct SimNet {
    pub(crate) worker: usize,
    pub(crate) network: Shared,
    /// What ends its sleep, in place of an eventfd.
    pub(crate) waker: Arc<Waker>,
}

impl SimNet {
    /// Lets the app move now and then, in the middle of the worker's turn.
    fn interlude(&self) {
        let is_time = self.network.borrow_mut().rng.once_in(4);
        if is_time {
            world::step_app_amid_a_turn();
        }
    }
}

impl Net for SimNet {
    type Socket = Socket;

    fn now(&self) -> Millis {
        self.interlude();
        Millis(world::now().as_millis() as u64)
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + world::now()
    }

    /// Fails in place of sleeping; `world` then knows that the worker sleeps, and until when.
    fn wait(&mut self, timeout: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
        self.interlude();
        let mut network = self.network.borrow_mut();
        let is_woken = world::is_woken() || !self.waker.sleeper().is_asleep();
        if timeout != Some(Duration::ZERO) && !is_woken && !network.has_event(self.worker) {
            world::fall_asleep(self.worker, timeout);
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if network.is_listening[self.worker] && !network.queues[self.worker].is_empty() {
            ready.push(Ready::Listener(0));
        }
        let waiting = network.events[self.worker].len();
        let count = if waiting == 0 { 0 } else { 1 + network.rng.below(waiting) };
        ready.extend(network.events[self.worker].drain(..count));
        if network.rng.once_in(50) {
            ready.push(Ready::Listener(0)); // another worker was quicker
        }
        Ok(())
    }

    fn accept(&mut self, _: usize) -> io::Result<Option<Accepted<Socket>>> {
        self.interlude();
        let mut network = self.network.borrow_mut();
        if network.rng.once_in(40) {
            return Err(io::Error::from_raw_os_error(24)); // EMFILE
        }
        let Some(id) = network.queues[self.worker].pop_front() else { return Ok(None) };
        let socket = Socket { id, network: Rc::clone(&self.network) };
        // From a few networks, where a limit per address would find somebody.
        let address = PeerAddress::inet(SocketAddr::from(([192, 0, 2, (id % 3) as u8], id as u16)));
        Ok(Some(Accepted { socket, address, entrance: 0 }))
    }

    fn listen(&mut self, on: bool) {
        self.network.borrow_mut().is_listening[self.worker] = on;
    }

    fn watch(&mut self, socket: &Socket, token: Token) -> io::Result<()> {
        let mut network = self.network.borrow_mut();
        network.links[socket.id].watcher = Some((self.worker, token));
        let readable = network.links[socket.id].to_server.arrived > 0;
        network.report(socket.id, readable, true);
        Ok(())
    }

    fn receive(&mut self, socket: &Socket, buffer: &mut [u8]) -> io::Result<usize> {
        self.interlude();
        let mut network = self.network.borrow_mut();
        let link = &mut network.links[socket.id];
        if link.is_reset {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let count = link.to_server.pull(buffer);
        let is_at_end = link.to_server.is_at_end();
        if count > 0 || is_at_end { Ok(count) } else { Err(io::ErrorKind::WouldBlock.into()) }
    }

    fn send(&mut self, socket: &Socket, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.interlude();
        let mut network = self.network.borrow_mut();
        let Network { links, rng, .. } = &mut *network;
        let link = &mut links[socket.id];
        if link.is_reset {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        assert!(!link.to_client.is_finished, "sent after the end of the stream");
        let offered: usize = parts.iter().map(|part| part.len()).sum();
        let room = link.to_client.capacity - link.to_client.bytes.len();
        let mut left = if rng.once_in(4) { rng.below(room + 1) } else { room };
        let mut taken = 0;
        for part in parts {
            let count = link.to_client.push(&part[..part.len().min(left)]);
            left -= count;
            taken += count;
        }
        if taken < offered {
            link.is_blocked = true;
            if link.to_client.bytes.is_empty() {
                link.is_blocked = false;
                network.report(socket.id, false, true); // there is room already
            }
        }
        if taken == 0 && offered > 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(taken) }
    }

    fn finish(&mut self, socket: &Socket) {
        self.network.borrow_mut().links[socket.id].to_client.is_finished = true;
    }
}
