//! Many client connections in one thread: epoll, one `recv` per readiness, writes as far as the
//! kernel takes them. What is sent and how it is judged belongs to the `Traffic` it drives.
//! Knows no frames; the handshakes are done beforehand with `client`.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::sys::{Epoll, Ready};

/// What flows over the connections; tokens count them from 0 in the order added.
pub trait Traffic {
    /// Bytes came in on `token`. An error ends the run.
    fn received(&mut self, token: usize, bytes: &[u8]) -> Result<(), String>;
    /// All that was given out for `token` is sent: append what shall go next, if anything.
    fn refill(&mut self, token: usize, out: &mut Vec<u8>);
    /// The connection of `token` ended (EOF or an error). An error of this ends the run.
    fn ended(&mut self, token: usize, how: &io::Result<()>) -> Result<(), String>;
    /// A connection that may send again after its `refill` had nothing to give, other than the
    /// one just received on (which is asked again by itself).
    fn woken(&mut self) -> Option<usize> {
        None
    }
    /// Whether all is done.
    fn is_done(&self) -> bool;
}

#[derive(Debug)]
struct Link {
    stream: TcpStream,
    out: Vec<u8>,
    sent: usize,
    is_watched_for_writing: bool,
    is_over: bool,
}

/// The driver.
#[derive(Debug)]
pub struct Mux {
    epoll: Epoll,
    links: Vec<Link>,
    buffer: Vec<u8>,
}

impl Mux {
    /// Without connections yet.
    pub fn new() -> io::Result<Self> {
        Ok(Self { epoll: Epoll::new()?, links: Vec::new(), buffer: vec![0; 0x40000] })
    }

    /// Adds an upgraded connection of which nothing was read yet, and gives its token.
    pub fn add(&mut self, client: Client) -> io::Result<usize> {
        let (stream, unread) = client.into_stream();
        if !unread.is_empty() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "frames came with the 101"));
        }
        stream.set_nonblocking(true)?;
        let token = self.links.len();
        self.epoll.add(&stream, token, false)?;
        self.links.push(Link {
            stream,
            out: Vec::new(),
            sent: 0,
            is_watched_for_writing: false,
            is_over: false,
        });
        Ok(token)
    }

    /// Runs `traffic` until it is done. An error says what went wrong, or that nothing at all
    /// happened for `patience`.
    pub fn run(&mut self, traffic: &mut impl Traffic, patience: Duration) -> Result<(), String> {
        let mut ready = Vec::new();
        let mut last = Instant::now();
        for token in 0..self.links.len() {
            self.write(token, traffic)?;
        }
        self.wake(traffic)?;
        while !traffic.is_done() {
            self.epoll.wait(&mut ready, Duration::from_millis(100)).map_err(text)?;
            if ready.is_empty() && last.elapsed() > patience {
                return Err(format!("nothing happened for {patience:?}"));
            }
            if !ready.is_empty() {
                last = Instant::now();
            }
            for Ready { token, readable, .. } in ready.drain(..) {
                if readable {
                    self.read(token, traffic)?;
                }
                self.write(token, traffic)?;
                self.wake(traffic)?;
            }
        }
        Ok(())
    }

    fn wake(&mut self, traffic: &mut impl Traffic) -> Result<(), String> {
        while let Some(token) = traffic.woken() {
            self.write(token, traffic)?;
        }
        Ok(())
    }

    fn read(&mut self, token: usize, traffic: &mut impl Traffic) -> Result<(), String> {
        let link = &mut self.links[token];
        if link.is_over {
            return Ok(());
        }
        let how = match link.stream.read(&mut self.buffer) {
            Ok(0) => Ok(()),
            Ok(len) => return traffic.received(token, &self.buffer[..len]),
            Err(error) if is_passing(&error) => return Ok(()),
            Err(error) => Err(error),
        };
        self.end(token, &how, traffic)
    }

    fn write(&mut self, token: usize, traffic: &mut impl Traffic) -> Result<(), String> {
        let link = &mut self.links[token];
        loop {
            if link.is_over {
                return Ok(());
            }
            if link.sent == link.out.len() {
                link.out.clear();
                link.sent = 0;
                traffic.refill(token, &mut link.out);
                if link.out.is_empty() {
                    break;
                }
            }
            match link.stream.write(&link.out[link.sent..]) {
                Ok(len) => link.sent += len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if is_passing(&error) => {}
                Err(error) => return self.end(token, &Err(error), traffic),
            }
        }
        let wants = !link.out.is_empty();
        if wants != link.is_watched_for_writing {
            link.is_watched_for_writing = wants;
            self.epoll.change(&link.stream, token, wants).map_err(text)?;
        }
        Ok(())
    }

    fn end(
        &mut self,
        token: usize,
        how: &io::Result<()>,
        traffic: &mut impl Traffic,
    ) -> Result<(), String> {
        let link = &mut self.links[token];
        link.is_over = true;
        self.epoll.remove(&link.stream).map_err(text)?;
        traffic.ended(token, how)
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

fn text(error: io::Error) -> String {
    error.to_string()
}
