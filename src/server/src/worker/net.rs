//! What a worker needs of the network, as a trait: the kernel in the daemon, a simulation in the
//! tests (`tests/sim`). Everything a worker does to the outside world goes through here or through
//! its rings.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ringsocket_proto::Millis;
use rustix::event::epoll::EventFlags;

use crate::log;
use crate::message::PeerAddress;
use crate::sys::{clock, epoll::Epoll, heap, socket};
use crate::waker::Waker;

/// Names a connection to [`Net`]: its slot and the slot's generation, so that an event which was
/// under way when its connection ended is recognised as stale.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token {
    /// Index in the worker's table; below [`crate::message::MAX_SLOTS`].
    pub slot: u32,
    /// The slot's generation.
    pub generation: u32,
}

/// Something that happened on the network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ready {
    /// Connections may wait on the listener with this index. Reported until they are accepted.
    Listener(usize),
    /// Something new about a connection. Reported once per change (edge-triggered).
    Socket {
        /// Which connection.
        token: Token,
        /// Bytes, the end of the stream or an error can be received.
        readable: bool,
        /// There may be room to send again.
        writable: bool,
        /// The peer has shut down its side, so only a receive of 0 bytes means "nothing more".
        hangup: bool,
    },
}

/// A new connection.
#[derive(Debug)]
pub struct Accepted<S> {
    /// The connection itself.
    pub socket: S,
    /// Where it comes from.
    pub address: PeerAddress,
    /// Number of the inherited socket that it came to, among all of them.
    pub entrance: u16,
}

/// The outside world of one worker.
pub trait Net {
    /// A connection; dropping it closes it.
    type Socket;

    /// A clock that never goes back.
    fn now(&self) -> Millis;

    /// The time of day, for people and their programs; it may be set back.
    fn wall_clock(&self) -> SystemTime;

    /// Waits for events and appends them to `ready`: for ever without a `timeout`.
    ///
    /// # Errors
    /// Only such as leave the worker unable to go on.
    fn wait(&mut self, timeout: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()>;

    /// Accepts one connection; `None` if none waits.
    ///
    /// # Errors
    /// Such as being out of file descriptors or memory; the caller pauses accepting for a while.
    fn accept(&mut self, listener: usize) -> io::Result<Option<Accepted<Self::Socket>>>;

    /// Watches or stops watching all listeners.
    fn listen(&mut self, on: bool);

    /// Starts reporting the events of a connection, those that have already happened included.
    ///
    /// # Errors
    /// Such as being out of memory; the caller gives the connection up.
    fn watch(&mut self, socket: &Self::Socket, token: Token) -> io::Result<()>;

    /// Receives up to `buffer.len()` bytes; 0 at the end of the stream. A result shorter than the
    /// buffer means that nothing more has arrived, unless the peer has hung up.
    ///
    /// # Errors
    /// `WouldBlock` if nothing has arrived; others mean that the connection is lost.
    fn receive(&mut self, socket: &Self::Socket, buffer: &mut [u8]) -> io::Result<usize>;

    /// Sends the parts in order and says how many bytes were taken. Fewer than offered means that
    /// there is no more room for now.
    ///
    /// # Errors
    /// `WouldBlock` if there is no room; others mean that the connection is lost.
    fn send(&mut self, socket: &Self::Socket, parts: &[IoSlice<'_>]) -> io::Result<usize>;

    /// Tells the peer that nothing more will be sent.
    fn finish(&mut self, socket: &Self::Socket);

    /// The worker has been idle for a while, and has freed what it does not need: free memory is to
    /// go back to the system. False if that has to be tried again later. Nothing where that takes care
    /// of itself.
    fn trim(&mut self) -> bool {
        true
    }
}

/// In the data of an epoll event, beside a [`Token`] whose slot has 24 bits.
const IS_LISTENER: u64 = 1 << 31;
const IS_WAKER: u64 = 1 << 30;

/// The network as the kernel offers it, by epoll.
#[derive(Debug)]
pub struct Kernel {
    epoll: Epoll,
    listeners: Vec<Listening>,
    /// The moment, by [`clock::monotonic`], from which it counts.
    start: Duration,
}

/// A listening socket that this worker polls.
#[derive(Debug, Clone)]
pub struct Listening {
    /// The inherited socket. It is never shut down: systemd and other workers have it too.
    pub socket: Arc<OwnedFd>,
    /// Its number among all inherited sockets.
    pub entrance: u16,
    /// Other workers poll it too, so only one of them should be woken for a connection.
    pub is_shared: bool,
}

impl Kernel {
    /// Sets up epoll for a worker that is woken through `waker`. No listener is watched yet.
    ///
    /// # Errors
    /// Those of epoll_create1(2) and epoll_ctl(2).
    pub fn new(
        event_c: usize,
        waker: &Waker,
        listeners: Vec<Listening>,
        start: Duration,
    ) -> io::Result<Self> {
        let epoll = Epoll::new(event_c)?;
        if let Some(eventfd) = waker.as_eventfd() {
            epoll.add(eventfd, IS_WAKER, EventFlags::IN | EventFlags::ET)?;
        }
        Ok(Self { epoll, listeners, start })
    }
}

impl Net for Kernel {
    type Socket = OwnedFd;

    fn now(&self) -> Millis {
        Millis(clock::monotonic().saturating_sub(self.start).as_millis() as u64)
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::now()
    }

    fn wait(&mut self, timeout: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()> {
        self.epoll.wait(timeout, |data, flags| {
            if data & IS_LISTENER != 0 {
                ready.push(Ready::Listener((data & !IS_LISTENER) as usize));
            } else if data & IS_WAKER != 0 {
                // Edge-triggered: each signal is reported, whether or not the counter was read.
                // So it never is, which spares a system call; 2^64 - 2 signals fill it.
            } else {
                let broken = flags.intersects(EventFlags::ERR | EventFlags::HUP);
                let hangup = broken || flags.contains(EventFlags::RDHUP);
                ready.push(Ready::Socket {
                    token: Token { slot: data as u32, generation: (data >> 32) as u32 },
                    readable: hangup || flags.contains(EventFlags::IN),
                    writable: broken || flags.contains(EventFlags::OUT),
                    hangup,
                });
            }
        })
    }

    fn accept(&mut self, listener: usize) -> io::Result<Option<Accepted<OwnedFd>>> {
        let Some(listening) = self.listeners.get(listener) else { return Ok(None) };
        let accepted = socket::accept(&*listening.socket)?;
        let entrance = listening.entrance;
        Ok(accepted.map(|(socket, address)| Accepted { socket, address, entrance }))
    }

    fn listen(&mut self, on: bool) {
        for (index, listening) in self.listeners.iter().enumerate() {
            let result = if on {
                let mut flags = EventFlags::IN;
                flags.set(EventFlags::EXCLUSIVE, listening.is_shared);
                self.epoll.add(&*listening.socket, IS_LISTENER | index as u64, flags)
            } else {
                self.epoll.delete(&*listening.socket)
            };
            if let Err(error) = result {
                let what = if on { "watch" } else { "stop watching" };
                log::error!("cannot {what} a listening socket: {error}");
            }
        }
    }

    fn watch(&mut self, socket: &OwnedFd, token: Token) -> io::Result<()> {
        let data = u64::from(token.generation) << 32 | u64::from(token.slot);
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        self.epoll.add(socket, data, flags)
    }

    #[inline]
    fn receive(&mut self, socket: &OwnedFd, buffer: &mut [u8]) -> io::Result<usize> {
        socket::receive(socket, buffer)
    }

    #[inline]
    fn send(&mut self, socket: &OwnedFd, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        socket::send_parts(socket, parts)
    }

    fn finish(&mut self, socket: &OwnedFd) {
        socket::finish(socket.as_fd());
    }

    fn trim(&mut self) -> bool {
        heap::trim()
    }
}
