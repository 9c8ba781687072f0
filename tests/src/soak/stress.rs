//! The clients of `apps/stress`: random ones ask for messages to random recipients, in every way an
//! app can send. Held: everybody gets what is for it, once, whole, unchanged and in one order, and
//! nothing else; each message goes back to the app, which in the end must have seen no error either.

mod ask;
mod lane;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use serde::Deserialize;

use self::ask::Ask;
use self::lane::{Got, Lane, Received};
use super::{Content, SPREAD, Spec};
use crate::client::Client;
use crate::frame::{Frame, opcode};
use crate::mux::{Mux, Traffic};
use crate::prng::{Prng, mix};

/// Largest content of a message, in bytes.
pub const LARGEST: usize = 0x40000;
/// What the app's block of contents follows from.
const BLOCK_SEED: u64 = 0x7269_6e67;

/// How the app is told what it is told.
const ASKED_MESSAGE: u8 = 1;
const ASKED_BACK: u8 = 2;
const REPORT: &[u8] = b"?";

/// What the app says of itself, as far as it matters here.
#[derive(Debug, Deserialize)]
pub struct Report {
    /// Of the one who asked.
    pub seat: usize,
    /// Messages sent to it.
    pub sent: u64,
    /// Those that came back.
    pub returned: u64,
    /// Those that did not yet.
    pub waiting: u64,
    /// Of all.
    pub all: All,
    /// What the app saw go wrong.
    pub errors: Errors,
}

/// The app's figures of all clients.
#[derive(Debug, Deserialize, PartialEq, Eq)]
pub struct All {
    /// Clients that are there.
    pub clients: usize,
    /// Messages sent, once for each recipient.
    pub sent: u64,
    /// Those that came back.
    pub returned: u64,
    /// Those that did not yet.
    pub waiting: u64,
    /// Those whose client left before.
    pub gone: u64,
}

/// The app's errors.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
pub struct Errors {
    /// Did not come back.
    pub lost: u64,
    /// Came back without being awaited.
    pub stray: u64,
    /// Came back in another size.
    pub size: u64,
    /// Came back with other content.
    pub content: u64,
}

/// How far the run is: asks, then a report for each client, then one of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Asking,
    Reports,
    Total,
    Done,
}

/// The traffic of a stress run.
#[derive(Debug)]
pub struct Stress {
    content: Content,
    /// By seat, which is also the token.
    lanes: Vec<Lane>,
    largest: usize,
    window: usize,
    until: Instant,
    phase: Phase,
    reported: usize,
    started: u64,
    complete: u64,
    delivered: u64,
    bytes: u64,
    /// How often each way was asked for.
    ways: [u64; Ask::WAYS],
    choice: Prng,
    /// Who has something to send, and may not know it.
    to_wake: VecDeque<usize>,
}

/// Where the content of the message with this number lies.
fn spec(id: u64, len: usize) -> Spec {
    Spec { offset: (mix(id) % SPREAD as u64) as usize, len }
}

impl Stress {
    /// `connections` clients that ask for `time`, with at most `window` asks not yet received by
    /// all whom they are for; messages of at most `largest` bytes of content.
    pub fn new(
        seed: u64,
        largest: usize,
        connections: usize,
        window: usize,
        time: Duration,
    ) -> Self {
        assert!(largest <= LARGEST, "the app takes at most {LARGEST} bytes");
        Self {
            content: Content::new(BLOCK_SEED, largest),
            lanes: (0..connections).map(|_| Lane::default()).collect(),
            largest,
            window,
            until: Instant::now() + time,
            phase: Phase::Asking,
            reported: 0,
            started: 0,
            complete: 0,
            delivered: 0,
            bytes: 0,
            ways: [0; Ask::WAYS],
            choice: Prng::new(seed),
            to_wake: VecDeque::new(),
        }
    }

    /// Messages delivered and verified, once for each recipient.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Their bytes of content.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Asks, by way, in the order of `apps/stress`.
    pub fn ways(&self) -> &[u64] {
        &self.ways
    }

    /// Has somebody ask for a random message.
    fn ask(&mut self) -> usize {
        let seat = self.choice.below(self.lanes.len() as u64) as usize;
        let ask = Ask::random(&mut self.choice, seat, self.lanes.len(), self.largest);
        self.ways[usize::from(ask.way())] += 1;
        self.started += 1;
        self.lanes[seat].asks.push_back(ask);
        seat
    }

    fn got(&mut self, token: usize, got: Got) -> Result<(), String> {
        match got {
            Got::Message(message) => self.message(token, message),
            Got::Report(text) => self.report(token, &text),
        }
    }

    /// A whole message, whose content has been compared.
    fn message(&mut self, token: usize, message: Received) -> Result<(), String> {
        let asker = self.lanes.get_mut(message.seat).ok_or("asked by a seat that nobody has")?;
        asker.receive(token, &message)?;
        self.complete += asker.forget();
        self.delivered += 1;
        self.bytes += message.size as u64;
        let lane = &mut self.lanes[token];
        lane.received += 1;
        lane.returns.push_back((message.id, message.size));
        Ok(())
    }

    fn report(&mut self, token: usize, text: &str) -> Result<(), String> {
        let report: Report = serde_json::from_str(text).map_err(|e| format!("{e} in {text}"))?;
        let lane = &mut self.lanes[token];
        let own = (report.seat, report.sent, report.returned, report.waiting);
        let want = (token, lane.received, lane.received, 0);
        if own != want || report.errors != Errors::default() || !lane.is_asked {
            return Err(format!("the app says {text}; seat, sent, returned, waiting: {want:?}"));
        }
        lane.is_asked = false;
        self.reported += 1;
        if self.phase == Phase::Total {
            let (clients, sent) = (self.lanes.len(), self.delivered);
            let want = All { clients, sent, returned: sent, waiting: 0, gone: 0 };
            if report.all != want {
                return Err(format!("the app says {:?} of all, and not {want:?}", report.all));
            }
            self.phase = Phase::Done;
        } else if self.reported == self.lanes.len() {
            self.phase = Phase::Total;
            self.want_report(0);
        }
        Ok(())
    }

    fn want_report(&mut self, token: usize) {
        self.lanes[token].wants_report = true;
        self.to_wake.push_back(token);
    }
}

impl Traffic for Stress {
    fn received(&mut self, token: usize, bytes: &[u8]) -> Result<(), String> {
        let mut input = bytes;
        loop {
            let lane = &mut self.lanes[token];
            let place = lane.received;
            let told = |error| format!("seat {token}, after {place} messages: {error}");
            match lane.next(&mut input, &self.content).map_err(told)? {
                Some(got) => self.got(token, got).map_err(told)?,
                None => return Ok(()),
            }
        }
    }

    fn refill(&mut self, token: usize, out: &mut Vec<u8>) {
        let lane = &mut self.lanes[token];
        if let Some((id, size)) = lane.returns.pop_front() {
            let mut head = vec![ASKED_BACK];
            head.extend_from_slice(&id.to_be_bytes());
            head.extend_from_slice(&(size as u32).to_be_bytes());
            self.content.write_frame(&head, spec(id, size), out);
        } else if let Some(ask) = lane.unsent() {
            let head = ask.to_bytes(ASKED_MESSAGE);
            self.content.write_frame(&head, spec(0, 0), out);
            // One that is for nobody has reached all.
            self.complete += lane.forget();
        } else if std::mem::take(&mut lane.wants_report) {
            lane.is_asked = true;
            Frame::new(opcode::TEXT, REPORT).write(out);
        }
    }

    fn ended(&mut self, token: usize, how: &io::Result<()>) -> Result<(), String> {
        let got = self.lanes[token].received;
        Err(format!("connection {token} ended ({how:?}) after {got} messages"))
    }

    fn woken(&mut self) -> Option<usize> {
        if self.phase == Phase::Asking {
            if Instant::now() < self.until {
                let has_room = self.started - self.complete < self.window as u64;
                return has_room.then(|| self.ask());
            }
            // Whatever was sent to a client before its report goes before it.
            if self.complete == self.started {
                self.phase = Phase::Reports;
                (0..self.lanes.len()).for_each(|token| self.want_report(token));
            }
        }
        self.to_wake.pop_front()
    }

    fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }
}

/// Takes the seats, in the order of the tokens.
pub fn connect(address: std::net::SocketAddr, target: &str, count: usize) -> io::Result<Mux> {
    let mut mux = Mux::new()?;
    for seat in 0..count {
        let mut client = Client::connect(address, target)?;
        let told = [&[0][..], &(seat as u32).to_be_bytes()].concat();
        client.expect_binary(&told);
        mux.add(client)?;
    }
    Ok(mux)
}
