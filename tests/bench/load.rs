//! The load: many connections in one thread, each with a fixed number of equal messages in flight.
//! Made to cost as little as it can, so that the server is what is measured: frames are prepared
//! once, and of the answers only the frame headers are looked at.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use ringsocket_tests::client::Client;
use ringsocket_tests::frame::{Frame, opcode, server_header_size};
use ringsocket_tests::sys::Epoll;

/// Silence for so long means that messages were lost.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Payload of a message, in bytes.
    pub(crate) size: usize,
    /// Connections.
    pub(crate) connections: usize,
    /// Messages in flight on each connection.
    pub(crate) in_flight: usize,
}

impl Shape {
    /// Bytes of a message on its way to the server: masked frame header and payload.
    pub(crate) fn incoming(&self) -> usize {
        self.outgoing() + 4
    }

    /// Bytes of its echo.
    pub(crate) fn outgoing(&self) -> usize {
        server_header_size(self.size) + self.size
    }
}

/// What a run achieved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    /// Messages that came back.
    pub(crate) messages: u64,
    /// Time it took.
    pub(crate) took: Duration,
}

#[derive(Debug)]
struct Link {
    stream: TcpStream,
    /// Bytes still to be sent; the frames are all alike, so the number is all there is to keep.
    owed: usize,
    /// Where in the prepared frames the next byte to send lies.
    at: usize,
    /// Bytes of the current answer that came already.
    partial: usize,
    is_watched_for_writing: bool,
}

/// The load generator.
#[derive(Debug)]
pub(crate) struct Load {
    shape: Shape,
    epoll: Epoll,
    links: Vec<Link>,
    frames: Vec<u8>,
    /// First byte of each answer; the floor has none to check.
    first_byte: Option<u8>,
    buffer: Vec<u8>,
}

impl Load {
    /// Against an echo app at `path`.
    pub(crate) fn web_socket(address: SocketAddr, path: &str, shape: Shape) -> io::Result<Self> {
        let connect = || {
            let (stream, early) = Client::connect(address, path)?.into_stream();
            if early.is_empty() { Ok(stream) } else { Err(io::Error::other("frames too early")) }
        };
        Self::new(connect, shape, Some(0x80 | opcode::BINARY))
    }

    /// Against the floor.
    pub(crate) fn bare(address: SocketAddr, shape: Shape) -> io::Result<Self> {
        Self::new(|| TcpStream::connect(address), shape, None)
    }

    fn new(
        mut connect: impl FnMut() -> io::Result<TcpStream>,
        shape: Shape,
        first_byte: Option<u8>,
    ) -> io::Result<Self> {
        let frame = Frame::new(opcode::BINARY, &vec![b'x'; shape.size]).to_bytes();
        let epoll = Epoll::new()?;
        let mut links = Vec::new();
        for token in 0..shape.connections {
            let stream = connect()?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            epoll.add(&stream, token, false)?;
            let owed = shape.in_flight * frame.len();
            links.push(Link { stream, owed, at: 0, partial: 0, is_watched_for_writing: false });
        }
        Ok(Self {
            shape,
            epoll,
            links,
            frames: frame.repeat(shape.in_flight),
            first_byte,
            buffer: vec![0; 0x40000],
        })
    }

    /// Runs for a while. Messages stay in flight between runs.
    pub(crate) fn run(&mut self, time: Duration) -> io::Result<Count> {
        let start = Instant::now();
        let mut last = start;
        let mut messages = 0;
        let mut ready = Vec::new();
        for token in 0..self.links.len() {
            self.send(token)?;
        }
        loop {
            self.epoll.wait(&mut ready, Duration::from_millis(50))?;
            let now = Instant::now();
            for event in &ready {
                if event.readable {
                    messages += self.receive(event.token)?;
                }
                self.send(event.token)?;
            }
            if !ready.is_empty() {
                last = now;
            } else if now - last > PATIENCE {
                return Err(io::Error::new(ErrorKind::TimedOut, "answers are missing"));
            }
            if now - start >= time {
                return Ok(Count { messages, took: now - start });
            }
        }
    }

    fn receive(&mut self, token: usize) -> io::Result<u64> {
        let link = &mut self.links[token];
        let len = match link.stream.read(&mut self.buffer) {
            Ok(0) => return Err(io::Error::new(ErrorKind::UnexpectedEof, "the server hung up")),
            Ok(len) => len,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
            Err(error) => return Err(error),
        };
        let size = self.shape.outgoing();
        if let Some(first) = self.first_byte {
            let mut at = if link.partial == 0 { 0 } else { size - link.partial };
            while at < len {
                if self.buffer[at] != first {
                    return Err(io::Error::new(ErrorKind::InvalidData, "not the echo's header"));
                }
                at += size;
            }
        }
        let whole = (link.partial + len) / size;
        link.partial = (link.partial + len) % size;
        link.owed += whole * self.shape.incoming();
        Ok(whole as u64)
    }

    fn send(&mut self, token: usize) -> io::Result<()> {
        let link = &mut self.links[token];
        while link.owed > 0 {
            let end = self.frames.len().min(link.at + link.owed);
            match link.stream.write(&self.frames[link.at..end]) {
                Ok(len) => {
                    link.owed -= len;
                    link.at = (link.at + len) % self.frames.len();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        let wants = link.owed > 0;
        if wants != link.is_watched_for_writing {
            link.is_watched_for_writing = wants;
            self.epoll.change(&link.stream, token, wants)?;
        }
        Ok(())
    }
}
