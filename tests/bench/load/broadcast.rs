//! One connection sends some messages at once, everybody gets them all, and when they have, the next
//! ones go.

use std::io::{self, ErrorKind, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use ringsocket_tests::sys::Epoll;

use super::{BUFFER, Count, Exchange, Load, PATIENCE, answers_are_missing, receive};
use crate::latency::Latency;

/// The load generator of broadcasts. The first connection is the one that sends, and a receiver too.
#[derive(Debug)]
pub(crate) struct Broadcast {
    exchange: Exchange,
    epoll: Epoll,
    /// Each with the bytes of the current message that came already.
    links: Vec<(TcpStream, usize)>,
    /// All that is sent at once.
    frames: Vec<u8>,
    in_flight: usize,
    buffer: Vec<u8>,
    latency: Latency,
}

impl Broadcast {
    /// Over connections that are made already.
    pub(crate) fn new(
        streams: Vec<TcpStream>,
        in_flight: usize,
        exchange: Exchange,
    ) -> io::Result<Self> {
        let epoll = Epoll::new()?;
        for (token, stream) in streams.iter().enumerate() {
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            epoll.add(stream, token, false)?;
        }
        Ok(Self {
            epoll,
            links: streams.into_iter().map(|stream| (stream, 0)).collect(),
            frames: exchange.frame.repeat(in_flight),
            in_flight,
            exchange,
            buffer: vec![0; BUFFER],
            latency: Latency::new(),
        })
    }

    fn send(&mut self) -> io::Result<()> {
        let (sender, _) = &mut self.links[0];
        match sender.write(&self.frames)? {
            len if len == self.frames.len() => Ok(()),
            _ => Err(io::Error::new(
                ErrorKind::InvalidInput,
                "so many messages do not fit into a socket's buffer at once",
            )),
        }
    }

    /// Waits for all deliveries of what was sent.
    fn collect(&mut self) -> io::Result<u64> {
        let begun = Instant::now();
        let all = self.links.len() * self.in_flight;
        let mut left = all;
        let mut last = begun;
        let mut ready = Vec::new();
        while left > 0 {
            self.epoll.wait(&mut ready, Duration::from_millis(50))?;
            for event in &ready {
                let (stream, partial) = &mut self.links[event.token];
                let Some(len) = receive(stream, &mut self.buffer)? else { continue };
                let whole = self.exchange.take(partial, &self.buffer[..len])?;
                last = Instant::now();
                self.latency.record(last - begun, whole as u64);
                left = left.checked_sub(whole).ok_or_else(|| {
                    io::Error::new(ErrorKind::InvalidData, "more deliveries than were due")
                })?;
            }
            if ready.is_empty() && last.elapsed() > PATIENCE {
                return Err(answers_are_missing());
            }
        }
        Ok(all as u64)
    }
}

impl Load for Broadcast {
    /// Runs for a while, to the last delivery of what was sent, and counts deliveries.
    fn run(&mut self, time: Duration) -> io::Result<Count> {
        self.latency.clear();
        let start = Instant::now();
        let mut done = 0;
        while start.elapsed() < time {
            self.send()?;
            done += self.collect()?;
        }
        Ok(Count { done, took: start.elapsed() })
    }

    /// Of the last run: from the sending to each delivery.
    fn latency(&self) -> &Latency {
        &self.latency
    }
}
