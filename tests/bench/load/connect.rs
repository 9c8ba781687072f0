//! Connections that come and go: connect, opening handshake, and an end, so many at a time.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use ringsocket_tests::client::close_payload;
use ringsocket_tests::frame::{Frame, opcode};
use ringsocket_tests::sys::Epoll;

use super::{Clock, Count, Load, PATIENCE};
use crate::latency::Latency;
use crate::url::{Sources, Url};

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum End {
    /// With a Close frame each way, after which the server closes (RFC 6455 section 7.1.1)
    Close,
    /// The client hangs up without a word
    HangUp,
}

/// What client and server say to each other, as bytes of the wire.
#[derive(Clone, Debug)]
pub(crate) struct Conversation {
    /// The opening handshake's request.
    pub(crate) request: Vec<u8>,
    /// Bytes of the 101.
    pub(crate) switching: usize,
    /// The client's Close frame.
    pub(crate) close: Vec<u8>,
    /// Bytes of the server's.
    pub(crate) closed: usize,
}

impl Conversation {
    /// Has it once, to learn the sizes of the server's part.
    pub(crate) fn learn(url: &Url) -> io::Result<Self> {
        let request = url.request().to_bytes();
        let close = Frame::new(opcode::CLOSE, &close_payload(1000, "")).to_bytes();
        let mut stream = TcpStream::connect(url.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(&request)?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            head.extend_from_slice(&byte);
        }
        if !head.starts_with(b"HTTP/1.1 101 ") {
            let text = String::from_utf8_lossy(&head);
            return Err(io::Error::other(format!("not upgraded: {}", text.trim_end())));
        }
        stream.write_all(&close)?;
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest)?;
        Ok(Self { request, switching: head.len(), close, closed: rest.len() })
    }
}

#[derive(Debug)]
struct Visit {
    stream: TcpStream,
    /// Bytes that came.
    have: usize,
    begun: Instant,
}

/// The load generator of connections.
#[derive(Debug)]
pub(crate) struct Connect {
    conversation: Conversation,
    end: End,
    sources: Sources,
    epoll: Epoll,
    visits: Vec<Visit>,
    buffer: Vec<u8>,
    latency: Latency,
}

impl Connect {
    /// So many at a time.
    pub(crate) fn new(
        url: &Url,
        conversation: Conversation,
        end: End,
        at_a_time: usize,
    ) -> io::Result<Self> {
        let mut connect = Self {
            conversation,
            end,
            sources: Sources::new(url.address),
            epoll: Epoll::new()?,
            visits: Vec::new(),
            buffer: vec![0; 0x4000],
            latency: Latency::new(),
        };
        for token in 0..at_a_time {
            let visit = connect.arrive(token)?;
            connect.visits.push(visit);
        }
        Ok(connect)
    }

    fn arrive(&mut self, token: usize) -> io::Result<Visit> {
        let begun = Instant::now();
        let mut stream = self.sources.connect()?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        stream.write_all(&self.conversation.request)?;
        self.epoll.add(&stream, token, false)?;
        Ok(Visit { stream, have: 0, begun })
    }

    /// One `recv` of one visit, and what follows from it; true when the visit is over.
    fn turn(&mut self, token: usize) -> io::Result<bool> {
        let visit = &mut self.visits[token];
        let len = match visit.stream.read(&mut self.buffer) {
            Ok(len) => len,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        };
        let switching = self.conversation.switching;
        let all = switching + self.conversation.closed;
        if len == 0 && visit.have < all {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, "the server hung up too early"));
        }
        let had = visit.have;
        visit.have += len;
        if had < switching && visit.have >= switching {
            self.latency.record(visit.begun.elapsed(), 1);
            match self.end {
                End::HangUp => return Ok(true),
                End::Close => visit.stream.write_all(&self.conversation.close)?,
            }
        }
        Ok(len == 0)
    }
}

impl Load for Connect {
    /// Runs for a while, and counts connections that have come and gone.
    fn run(&mut self, time: Duration) -> io::Result<Count> {
        self.latency.clear();
        let mut clock = Clock::start(time);
        let mut done = 0;
        let mut ready = Vec::new();
        loop {
            self.epoll.wait(&mut ready, Duration::from_millis(50))?;
            for event in &ready {
                if self.turn(event.token)? {
                    self.visits[event.token] = self.arrive(event.token)?;
                    done += 1;
                }
            }
            if let Some(took) = clock.tick(!ready.is_empty())? {
                return Ok(Count { done, took });
            }
        }
    }

    /// Of the last run: from before the connect to the whole 101.
    fn latency(&self) -> &Latency {
        &self.latency
    }
}
