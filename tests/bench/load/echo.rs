//! Each connection keeps a number of equal messages in flight: every answer is followed by the next
//! message.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use ringsocket_tests::sys::Epoll;

use super::{Clock, Count, Exchange, Load};
use crate::latency::Latency;
use crate::pipe::{Buffers, Pipe};

#[derive(Debug)]
struct Link {
    stream: TcpStream,
    pipe: Pipe,
    /// Bytes still to be sent; the frames are all alike, so the number is all there is to keep.
    owed: usize,
    /// Where in the prepared frames the next byte to send lies.
    at: usize,
    /// Bytes of the current answer that came already.
    partial: usize,
    is_watched_for_writing: bool,
    /// Since when the messages in flight are so, oldest first, and how many each time.
    begun: VecDeque<(Instant, usize)>,
}

/// The load generator of echoes.
#[derive(Debug)]
pub(crate) struct Echo {
    exchange: Exchange,
    epoll: Epoll,
    links: Vec<Link>,
    /// As many frames as may be in flight.
    frames: Vec<u8>,
    buffers: Buffers,
    latency: Latency,
}

impl Echo {
    /// Over connections that are made already, each with so many messages in flight.
    pub(crate) fn new(
        streams: Vec<TcpStream>,
        in_flight: usize,
        exchange: Exchange,
    ) -> io::Result<Self> {
        let streams = streams.into_iter().map(|stream| (stream, Pipe::default()));
        Self::over(streams.collect(), in_flight, exchange)
    }

    /// The same with whatever lies over TCP.
    pub(crate) fn over(
        streams: Vec<(TcpStream, Pipe)>,
        in_flight: usize,
        exchange: Exchange,
    ) -> io::Result<Self> {
        let epoll = Epoll::new()?;
        let owed = in_flight * exchange.frame.len();
        let now = Instant::now();
        let mut links = Vec::with_capacity(streams.len());
        for (token, (stream, pipe)) in streams.into_iter().enumerate() {
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            epoll.add(&stream, token, false)?;
            links.push(Link {
                stream,
                pipe,
                owed,
                at: 0,
                partial: 0,
                is_watched_for_writing: false,
                begun: VecDeque::from([(now, in_flight)]),
            });
        }
        Ok(Self {
            epoll,
            links,
            frames: exchange.frame.repeat(in_flight),
            exchange,
            buffers: Buffers::new(),
            latency: Latency::new(),
        })
    }

    fn receive(&mut self, token: usize) -> io::Result<u64> {
        let link = &mut self.links[token];
        let received = link.pipe.receive(&link.stream, &mut self.buffers)?;
        let Some(bytes) = received else { return Ok(0) };
        let whole = self.exchange.take(&mut link.partial, bytes)?;
        if whole == 0 {
            return Ok(0);
        }
        let now = Instant::now();
        let mut left = whole;
        while left > 0 {
            let Some((begun, count)) = link.begun.front_mut() else {
                return Err(io::Error::new(ErrorKind::InvalidData, "more answers than messages"));
            };
            let taken = left.min(*count);
            self.latency.record(now - *begun, taken as u64);
            *count -= taken;
            left -= taken;
            if *count == 0 {
                link.begun.pop_front();
            }
        }
        link.begun.push_back((now, whole));
        link.owed += whole * self.exchange.frame.len();
        Ok(whole as u64)
    }

    fn send(&mut self, token: usize) -> io::Result<()> {
        let link = &mut self.links[token];
        link.pipe.flush(&link.stream)?;
        while link.owed > 0 {
            let end = self.frames.len().min(link.at + link.owed);
            match link.pipe.send(&link.stream, &self.frames[link.at..end]) {
                Ok(len) => {
                    link.owed -= len;
                    link.at = (link.at + len) % self.frames.len();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        let wants = link.owed > 0 || link.pipe.is_pending();
        if wants != link.is_watched_for_writing {
            link.is_watched_for_writing = wants;
            self.epoll.change(&link.stream, token, wants)?;
        }
        Ok(())
    }
}

impl Load for Echo {
    /// Runs for a while, and forgets the latencies of the run before. Messages stay in flight
    /// between runs.
    fn run(&mut self, time: Duration) -> io::Result<Count> {
        self.latency.clear();
        let mut clock = Clock::start(time);
        let mut done = 0;
        let mut ready = Vec::new();
        for token in 0..self.links.len() {
            self.send(token)?;
        }
        loop {
            self.epoll.wait(&mut ready, Duration::from_millis(50))?;
            for event in &ready {
                if event.readable {
                    done += self.receive(event.token)?;
                }
                self.send(event.token)?;
            }
            if let Some(took) = clock.tick(!ready.is_empty())? {
                return Ok(Count { done, took });
            }
        }
    }

    /// Of the last run: from the moment that a message could go to that of its whole answer.
    fn latency(&self) -> &Latency {
        &self.latency
    }
}
