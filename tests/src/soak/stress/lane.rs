//! One connection to `apps/stress`: takes its frames apart, holds their contents against what they
//! must be, and their numbers against the order in which the app sends.

use std::collections::VecDeque;

use super::ask::Ask;
use super::spec;
use crate::frame::{Header, Piece, Scanner, opcode};
use crate::soak::{Content, Spec};

/// Kind, number of the message, seat and number of the ask, way, size of the content.
const HEAD: usize = 22;
/// What begins a message.
const MESSAGE: u8 = 1;

/// What a lane can have got.
#[derive(Debug)]
pub(super) enum Got {
    Message(Received),
    Report(String),
}

/// A message that was received.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received {
    pub(super) id: u64,
    pub(super) seat: usize,
    pub(super) number: u32,
    pub(super) way: u8,
    pub(super) size: usize,
}

/// A connection.
#[derive(Debug, Default)]
pub(super) struct Lane {
    scanner: Scanner,
    header: Option<Header>,
    head: Vec<u8>,
    /// Where the content of the message under way lies, and how much of it has come.
    content: Option<(Received, Spec)>,
    at: usize,
    last_id: u64,
    /// Messages received.
    pub(super) received: u64,
    /// Own asks, from `first` on, in order.
    pub(super) asks: VecDeque<Ask>,
    first: u32,
    /// How many of them are sent.
    sent_c: usize,
    /// The app's number of the last ask that is no more among them.
    floor: u64,
    /// Messages to be sent back.
    pub(super) returns: VecDeque<(u64, usize)>,
    pub(super) wants_report: bool,
    /// A report is asked for and has not come.
    pub(super) is_asked: bool,
}

impl Lane {
    /// What has come next. `None`: more bytes are needed.
    pub(super) fn next(
        &mut self,
        input: &mut &[u8],
        content: &Content,
    ) -> Result<Option<Got>, String> {
        while let Some(piece) = self.scanner.next(input)? {
            match piece {
                Piece::Header(header) => self.begin(header)?,
                Piece::Payload(part) => self.payload(part, content)?,
                Piece::End => return self.end().map(Some),
            }
        }
        Ok(None)
    }

    fn begin(&mut self, header: Header) -> Result<(), String> {
        if header.opcode == opcode::PING {
            return Err("pinged for its silence: something is missing, and all wait for it".into());
        }
        let is_known = matches!(header.opcode, opcode::BINARY | opcode::TEXT);
        if !header.fin || !is_known {
            return Err(format!("an unexpected frame: {header:?}"));
        }
        self.header = Some(header);
        self.head.clear();
        self.content = None;
        self.at = 0;
        Ok(())
    }

    fn is_text(&self) -> bool {
        self.header.is_some_and(|header| header.opcode == opcode::TEXT)
    }

    fn payload(&mut self, mut part: &[u8], content: &Content) -> Result<(), String> {
        if self.is_text() {
            self.head.extend_from_slice(part);
            return Ok(());
        }
        let take = part.len().min(HEAD - self.head.len());
        self.head.extend_from_slice(&part[..take]);
        part = &part[take..];
        if self.head.len() == HEAD && self.content.is_none() {
            self.identify()?;
        }
        let Some((message, spec)) = self.content else { return Ok(()) };
        if content.bytes(spec).get(self.at..self.at + part.len()) != Some(part) {
            return Err(format!("wrong bytes after {} in {message:?}", self.at));
        }
        self.at += part.len();
        Ok(())
    }

    fn identify(&mut self) -> Result<(), String> {
        let head = &self.head;
        let four = |at: usize| u32::from_be_bytes(head[at..at + 4].try_into().expect("four"));
        let message = Received {
            id: u64::from_be_bytes(head[1..9].try_into().expect("eight")),
            seat: four(9) as usize,
            number: four(13),
            way: head[17],
            size: four(18) as usize,
        };
        let len = self.header.map_or(0, |header| header.len);
        if head[0] != MESSAGE || len != (HEAD + message.size) as u64 {
            return Err(format!("{len} bytes of kind {}: {message:?}", head[0]));
        }
        if message.id <= self.last_id {
            return Err(format!("{message:?} comes after message {}", self.last_id));
        }
        self.last_id = message.id;
        self.content = Some((message, spec(message.id, message.size)));
        Ok(())
    }

    fn end(&mut self) -> Result<Got, String> {
        if self.is_text() {
            let text = std::mem::take(&mut self.head);
            return String::from_utf8(text).map(Got::Report).map_err(|error| error.to_string());
        }
        let short = || format!("a message of {} bytes", self.head.len());
        let (message, _) = self.content.take().ok_or_else(short)?;
        Ok(Got::Message(message))
    }

    /// The next ask to send, from then on sent.
    pub(super) fn unsent(&mut self) -> Option<&Ask> {
        let ask = self.asks.get_mut(self.sent_c)?;
        ask.number = self.first.wrapping_add(self.sent_c as u32);
        ask.is_sent = true;
        self.sent_c += 1;
        Some(&*ask)
    }

    /// One of this lane's asks has reached `token`, or what claims to be one.
    pub(super) fn receive(&mut self, token: usize, message: &Received) -> Result<(), String> {
        let told = |error: String| format!("{message:?}: {error}");
        let place = message.number.wrapping_sub(self.first) as usize;
        let Some(ask) = self.asks.get_mut(place) else {
            return Err(told("no such ask is under way".to_owned()));
        };
        ask.receive(token, message.way, message.size).map_err(told)?;
        if ask.id.is_some_and(|id| id != message.id) {
            return Err(told(format!("others got it as {:?}", ask.id)));
        }
        ask.id = Some(message.id);
        self.check_order(place, message.id).map_err(told)
    }

    /// The app answers the asks of one client in their order.
    fn check_order(&mut self, place: usize, id: u64) -> Result<(), String> {
        let known = |ask: &Ask| ask.id;
        let before = self.asks.iter().take(place).filter_map(known).max().unwrap_or(self.floor);
        let after = self.asks.iter().skip(place + 1).filter_map(known).min().unwrap_or(u64::MAX);
        if before >= id || after <= id {
            return Err(format!("out of order: between {before} and {after}"));
        }
        Ok(())
    }

    /// Forgets the oldest asks that have reached all, and says how many.
    pub(super) fn forget(&mut self) -> u64 {
        let mut count = 0;
        while self.asks.front().is_some_and(|ask| ask.is_sent && ask.is_complete()) {
            let ask = self.asks.pop_front();
            self.floor = ask.and_then(|ask| ask.id).unwrap_or(self.floor);
            self.first = self.first.wrapping_add(1);
            self.sent_c -= 1;
            count += 1;
        }
        count
    }
}
