//! The load generator: many connections in one thread, as cheap as can be, so that the server is
//! what is measured. What is sent is prepared once; of what comes only frame headers are looked at.
//! Not a checker of contents: `ringsocket-soak` is.

pub(crate) mod broadcast;
pub(crate) mod connect;
pub(crate) mod echo;
pub(crate) mod handshake;
pub(crate) mod idle;

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use ringsocket_tests::frame::{Frame, opcode, server_header_size};
use serde::Serialize;

use crate::latency::Latency;
use crate::pipe::BUFFER;

/// Silence for so long means that messages were lost.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much is sent, and by how many.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Shape {
    /// Payload of a message, in bytes.
    pub(crate) size: usize,
    /// Connections.
    pub(crate) connections: usize,
    /// Messages in flight: on each connection, or in all where everybody gets each.
    pub(crate) in_flight: usize,
}

/// What a run achieved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    /// What was counted: answers, deliveries, handshakes.
    pub(crate) done: u64,
    /// Time it took.
    pub(crate) took: Duration,
}

impl Count {
    /// How many in a second.
    pub(crate) fn rate(&self) -> f64 {
        self.done as f64 / self.took.as_secs_f64()
    }
}

/// What can be run for a while and counted.
pub(crate) trait Load {
    /// Runs for a while, and forgets the latencies of the run before. What is under way stays so
    /// between runs.
    fn run(&mut self, time: Duration) -> io::Result<Count>;

    /// Those of the last run.
    fn latency(&self) -> &Latency;
}

/// A message there and its answer back, as bytes of the wire.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    /// The frame that is sent.
    pub(crate) frame: Vec<u8>,
    /// Size in bytes of the frame that comes back.
    pub(crate) answer: usize,
    /// Its first byte; a floor has none to check.
    pub(crate) first_byte: Option<u8>,
}

impl Exchange {
    /// A message in one frame (`opcode::TEXT` or `opcode::BINARY`), and the same back.
    pub(crate) fn web_socket(kind: u8, size: usize) -> Self {
        Self {
            frame: Frame::new(kind, &vec![b'x'; size]).to_bytes(),
            answer: server_header_size(size) + size,
            first_byte: Some(0x80 | kind),
        }
    }

    /// The same bytes for a floor.
    pub(crate) fn bare(size: usize) -> Self {
        Self { first_byte: None, ..Self::web_socket(opcode::BINARY, size) }
    }

    /// Takes bytes that came in; `partial` is how many of the current answer came before. Gives the
    /// number of answers that are whole now.
    fn take(&self, partial: &mut usize, bytes: &[u8]) -> io::Result<usize> {
        if let Some(first) = self.first_byte {
            let mut at = if *partial == 0 { 0 } else { self.answer - *partial };
            while at < bytes.len() {
                if bytes[at] != first {
                    let text = format!("a frame begins with {:#04x}, not {first:#04x}", bytes[at]);
                    return Err(io::Error::new(ErrorKind::InvalidData, text));
                }
                at += self.answer;
            }
        }
        let have = *partial + bytes.len();
        *partial = have % self.answer;
        Ok(have / self.answer)
    }
}

/// One `recv`. `None`: nothing is there.
fn receive(mut stream: &TcpStream, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    match stream.read(buffer) {
        Ok(0) => Err(io::Error::new(ErrorKind::UnexpectedEof, "the server hung up")),
        Ok(len) => Ok(Some(len)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// The time of one run.
struct Clock {
    start: Instant,
    /// When something came for the last time.
    last: Instant,
    time: Duration,
}

impl Clock {
    fn start(time: Duration) -> Self {
        let start = Instant::now();
        Self { start, last: start, time }
    }

    /// How long the run took, if its time is up; an error if nothing has come for too long.
    fn tick(&mut self, has_come: bool) -> io::Result<Option<Duration>> {
        let now = Instant::now();
        if has_come {
            self.last = now;
        } else if now - self.last > PATIENCE {
            return Err(answers_are_missing());
        }
        Ok((now - self.start >= self.time).then(|| now - self.start))
    }
}

fn answers_are_missing() -> io::Error {
    io::Error::new(ErrorKind::TimedOut, format!("nothing came for {PATIENCE:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_in_any_pieces_and_their_headers_looked_at() {
        let exchange = Exchange::web_socket(opcode::BINARY, 3);
        let stream = [0x82, 3, b'x', b'x', b'x'].repeat(4);
        for step in 1..stream.len() {
            let mut partial = 0;
            let take = |part| exchange.take(&mut partial, part).unwrap();
            assert_eq!(stream.chunks(step).map(take).sum::<usize>(), 4);
            assert_eq!(partial, 0);
        }
        let mut wrong = stream.clone();
        wrong[10] = 0x88;
        assert!(exchange.take(&mut 0, &wrong).unwrap_err().to_string().contains("0x88"));
        assert_eq!(Exchange::bare(3).take(&mut 0, &wrong).unwrap(), 4);
    }
}
