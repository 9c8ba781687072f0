//! TLS handshakes one after the other, so many at a time: connect, shake hands, take the tickets, hang
//! up. Nothing else is said, so that a handshake is what is measured.

use std::io;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use ringsocket_tests::sys::Epoll;
use ringsocket_tests::tls::Connector;
use rustls::{HandshakeKind, ProtocolVersion};

use super::{Clock, Count, Load};
use crate::latency::Latency;
use crate::pipe::{Buffers, Pipe};
use crate::url::Sources;

/// Tickets that a server of TLS 1.3 sends, as rustls does unless told otherwise.
const TICKETS: u32 = 2;

#[derive(Debug)]
struct Visit {
    stream: TcpStream,
    pipe: Pipe,
    begun: Instant,
}

/// The load generator of handshakes.
#[derive(Debug)]
pub(crate) struct Handshakes {
    /// One for each place, so that sessions are resumed in turn; and whether it has one to resume.
    connectors: Vec<(Connector, bool)>,
    kind: HandshakeKind,
    sources: Sources,
    epoll: Epoll,
    visits: Vec<Visit>,
    buffers: Buffers,
    latency: Latency,
}

impl Handshakes {
    /// As many at a time as there are connectors. Each handshake must be of this kind, but for the
    /// first of each connector, which cannot resume anything.
    pub(crate) fn new(
        connectors: Vec<Connector>,
        kind: HandshakeKind,
        mut sources: Sources,
    ) -> io::Result<Self> {
        let epoll = Epoll::new()?;
        let mut visits = Vec::with_capacity(connectors.len());
        for (token, connector) in connectors.iter().enumerate() {
            visits.push(arrive(connector, &mut sources, &epoll, token)?);
        }
        let connectors = connectors.into_iter().map(|connector| (connector, false)).collect();
        let buffers = Buffers::new();
        let latency = Latency::new();
        Ok(Self { connectors, kind, sources, epoll, visits, buffers, latency })
    }

    /// One readiness of one visit; true when it is over.
    fn turn(&mut self, token: usize) -> io::Result<bool> {
        let visit = &mut self.visits[token];
        let Some(bytes) = visit.pipe.receive(&visit.stream, &mut self.buffers)? else {
            return Ok(false);
        };
        if !bytes.is_empty() {
            return Err(io::Error::other("the server speaks first"));
        }
        let tls = visit.pipe.client();
        let is_over = match tls.protocol_version() {
            _ if tls.is_handshaking() => false,
            Some(ProtocolVersion::TLSv1_3) => tls.tls13_tickets_received() >= TICKETS,
            _ => true,
        };
        if is_over {
            self.latency.record(visit.begun.elapsed(), 1);
            let has_session = std::mem::replace(&mut self.connectors[token].1, true);
            if has_session && tls.handshake_kind() != Some(self.kind) {
                return Err(io::Error::other(format!("{:?} handshake", tls.handshake_kind())));
            }
        }
        Ok(is_over)
    }
}

fn arrive(
    connector: &Connector,
    sources: &mut Sources,
    epoll: &Epoll,
    token: usize,
) -> io::Result<Visit> {
    let begun = Instant::now();
    let stream = sources.connect()?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    let mut pipe = Pipe::secure(connector.begin());
    pipe.flush(&stream)?;
    epoll.add(&stream, token, false)?;
    Ok(Visit { stream, pipe, begun })
}

impl Load for Handshakes {
    /// Runs for a while, and counts handshakes.
    fn run(&mut self, time: Duration) -> io::Result<Count> {
        self.latency.clear();
        let mut clock = Clock::start(time);
        let mut done = 0;
        let mut ready = Vec::new();
        loop {
            self.epoll.wait(&mut ready, Duration::from_millis(50))?;
            for event in &ready {
                let token = event.token;
                if self.turn(token)? {
                    let (connector, _) = &self.connectors[token];
                    self.visits[token] = arrive(connector, &mut self.sources, &self.epoll, token)?;
                    done += 1;
                }
            }
            if let Some(took) = clock.tick(!ready.is_empty())? {
                return Ok(Count { done, took });
            }
        }
    }

    /// Of the last run: from before the connect to the end of the handshake, tickets and all.
    fn latency(&self) -> &Latency {
        &self.latency
    }
}
