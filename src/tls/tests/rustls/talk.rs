//! A talk between our records and a connection of rustls, over two streams that hold bytes back and
//! hand them on in pieces.

use std::io::{Read, Write};

use ringsocket_tls::{End, Limits, Opened, Records, State};
use rustls::{Connection, ProtocolVersion};

use crate::handshake::Connected;

/// What happens next.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// We seal parts of these lengths.
    WeSend(Vec<usize>),
    /// rustls sends so many bytes.
    TheySend(usize),
    /// We go on to our next key, and ask for theirs.
    WeUpdate,
    /// rustls does that.
    TheyUpdate,
    /// We answer what is owed, without data.
    WeReply,
    /// Our side goes on in another process.
    WeMove,
    /// So many bytes of each stream arrive.
    Flow(usize),
}

pub(crate) struct Talk {
    ours: Records,
    theirs: Connection,
    pieces: std::iter::Cycle<std::vec::IntoIter<usize>>,
    /// On the way to rustls, and to us.
    down: Vec<u8>,
    up: Vec<u8>,
    /// Arrived, not yet opened.
    held: Vec<u8>,
    end: Option<End>,
    sent_by_us: Vec<u8>,
    sent_by_them: Vec<u8>,
    read_by_us: Vec<u8>,
    read_by_them: Vec<u8>,
}

impl Talk {
    pub(crate) fn new(connected: Connected, limits: Limits, pieces: Vec<usize>) -> Self {
        let ours = connected.records_with(limits);
        let mut theirs = connected.peer;
        theirs.set_buffer_limit(None);
        Self {
            ours,
            theirs,
            pieces: pieces.into_iter().cycle(),
            down: Vec::new(),
            up: Vec::new(),
            held: Vec::new(),
            end: None,
            sent_by_us: Vec::new(),
            sent_by_them: Vec::new(),
            read_by_us: Vec::new(),
            read_by_them: Vec::new(),
        }
    }

    pub(crate) fn take(mut self, step: &Step) -> Self {
        match step {
            Step::WeSend(lens) => {
                let parts: Vec<Vec<u8>> = lens.iter().map(|&len| self.fresh(len)).collect();
                let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
                let (before, plain) = (self.down.len(), parts.concat());
                let expected = self.ours.sealed_len(plain.len());
                self.ours.seal(&parts, &mut self.down).unwrap();
                assert_eq!(self.down.len() - before, expected);
                self.sent_by_us.extend(plain);
            }
            Step::TheySend(len) => {
                let plain = self.fresh(*len);
                self.theirs.writer().write_all(&plain).unwrap();
                self.sent_by_them.extend(plain);
                self.collect();
            }
            Step::WeUpdate => self.ours.request_key_update(&mut self.down),
            Step::TheyUpdate => {
                if self.theirs.protocol_version() == Some(ProtocolVersion::TLSv1_3) {
                    self.theirs.refresh_traffic_keys().unwrap();
                    self.collect();
                }
            }
            Step::WeReply => self.ours.reply(&mut self.down),
            Step::WeMove => self.ours = moved(self.ours),
            Step::Flow(count) => self.flow(*count),
        }
        self
    }

    /// Lets all arrive, closes both ways, and holds what was read to what was sent.
    pub(crate) fn close(mut self) {
        self.flow(usize::MAX);
        self.ours.close_notify(&mut self.down);
        self.theirs.send_close_notify();
        self.collect();
        self.flow(usize::MAX);
        assert!(self.sent_by_us == self.read_by_them, "what we sent is what they read");
        assert!(self.sent_by_them == self.read_by_us, "what they sent is what we read");
        assert_eq!(self.end, Some(End::Closed));
        assert!(self.held.is_empty());
        let ended = self.theirs.reader().read(&mut [0]).unwrap();
        assert_eq!(ended, 0, "rustls saw close_notify");
    }

    /// Bytes that differ from time to time.
    fn fresh(&self, len: usize) -> Vec<u8> {
        let start = self.sent_by_us.len() * 31 + self.sent_by_them.len() * 17;
        (start..start + len).map(|at| (at ^ (at >> 8)) as u8).collect()
    }

    fn collect(&mut self) {
        while self.theirs.wants_write() {
            self.theirs.write_tls(&mut self.up).unwrap();
        }
    }

    fn flow(&mut self, count: usize) {
        for piece in cut(&mut self.down, count, &mut self.pieces) {
            let mut rest = &piece[..];
            while !rest.is_empty() {
                self.theirs.read_tls(&mut rest).unwrap();
                let state = self.theirs.process_new_packets().unwrap();
                let start = self.read_by_them.len();
                self.read_by_them.resize(start + state.plaintext_bytes_to_read(), 0);
                self.theirs.reader().read_exact(&mut self.read_by_them[start..]).unwrap();
            }
        }
        self.collect();
        for piece in cut(&mut self.up, count, &mut self.pieces) {
            self.held.extend(piece);
            let Opened { plain, used, end } = self.ours.open(&mut self.held);
            self.read_by_us.extend_from_slice(&self.held[plain]);
            self.held.drain(..used);
            assert!(self.end.is_none());
            self.end = end;
        }
    }
}

/// The same records, by way of bytes.
fn moved(records: Records) -> Records {
    let mut bytes = [0; State::LEN_MAX];
    let len = records.into_state().write(&mut bytes);
    Records::from_state(State::read(&bytes[..len]).unwrap()).unwrap()
}

/// Takes so many bytes from the front, in pieces.
fn cut(
    stream: &mut Vec<u8>,
    count: usize,
    pieces: &mut impl Iterator<Item = usize>,
) -> Vec<Vec<u8>> {
    let mut taken: Vec<u8> = stream.drain(..count.min(stream.len())).collect();
    let mut cut = Vec::new();
    while !taken.is_empty() {
        let len = pieces.next().unwrap_or(usize::MAX).min(taken.len());
        let rest = taken.split_off(len);
        cut.push(std::mem::replace(&mut taken, rest));
    }
    cut
}
