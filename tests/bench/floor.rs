//! Floors: what any server must at least do for the same bytes, and nothing else. One thread, epoll,
//! no framing. Not correct servers: they know the sizes of all messages beforehand.

mod broadcast;
mod connect;
mod echo;
mod tls;

use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

use clap::Subcommand;
use ringsocket_tests::sys::Epoll;

const LISTENER: usize = usize::MAX;
const INPUT: usize = usize::MAX - 1;

/// Which floor.
#[derive(Subcommand, Debug)]
pub(crate) enum Floor {
    /// Sends bytes back, less those of each message's masking key
    Echo {
        /// Bytes of a message coming in
        #[arg(long)]
        incoming: usize,
    },
    /// Sends one prepared buffer to everybody
    Broadcast {
        /// Bytes of a message coming in
        #[arg(long)]
        incoming: usize,
        /// Bytes that each connection gets for it
        #[arg(long)]
        outgoing: usize,
    },
    /// Answers the first bytes with so many, the next ones with so many, and closes
    Connect {
        /// Bytes in place of the 101
        #[arg(long)]
        switching: usize,
        /// Bytes in place of the Close frame
        #[arg(long)]
        closed: usize,
    },
    /// The echo over TLS, by rustls
    Tls(tls::Terms),
}

/// Serves on a free loopback port, which it prints, until standard input ends.
pub(crate) fn serve(floor: &Floor) -> io::Result<()> {
    match *floor {
        Floor::Echo { incoming } => run(echo::Echo::new(incoming)),
        Floor::Broadcast { incoming, outgoing } => {
            run(broadcast::Broadcast::new(incoming, outgoing))
        }
        Floor::Connect { switching, closed } => run(connect::Connect::new(switching, closed)),
        Floor::Tls(ref terms) => run(tls::Tls::new(terms)?),
    }
}

/// What one kind of floor does.
trait Service {
    /// What is kept for each connection.
    type State: Default;

    /// A connection was accepted.
    fn accepted(&mut self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)
    }

    /// One readiness of one connection; false at its end. An error ends the floor.
    fn ready(&mut self, peers: &mut Peers<Self::State>, token: usize) -> io::Result<bool>;
}

struct Peer<S> {
    stream: TcpStream,
    state: S,
}

struct Peers<S> {
    epoll: Epoll,
    slots: Vec<Option<Peer<S>>>,
    free: Vec<usize>,
}

impl<S: Default> Peers<S> {
    fn add(&mut self, stream: TcpStream) -> io::Result<()> {
        let token = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.epoll.add(&stream, token, false)?;
        self.slots[token] = Some(Peer { stream, state: S::default() });
        Ok(())
    }

    fn remove(&mut self, token: usize) {
        self.slots[token] = None;
        self.free.push(token);
    }

    fn get(&mut self, token: usize) -> &mut Peer<S> {
        self.slots[token].as_mut().expect("it is watched as long as it is there")
    }
}

fn run<T: Service>(mut service: T) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    let mut peers = Peers { epoll: Epoll::new()?, slots: Vec::new(), free: Vec::new() };
    peers.epoll.add(&listener, LISTENER, false)?;
    peers.epoll.add(&io::stdin().as_raw_fd(), INPUT, false)?;
    let mut ready = Vec::new();
    loop {
        peers.epoll.wait(&mut ready, Duration::from_secs(3600))?;
        for event in &ready {
            match event.token {
                INPUT => return Ok(()),
                LISTENER => {
                    let (stream, _) = listener.accept()?;
                    service.accepted(&stream)?;
                    peers.add(stream)?;
                }
                token => {
                    if !service.ready(&mut peers, token)? {
                        peers.remove(token);
                    }
                }
            }
        }
    }
}
