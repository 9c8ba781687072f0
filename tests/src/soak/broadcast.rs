//! Every message of any connection goes to all of them. Held: everybody gets every message whole
//! and unchanged, all in one and the same order, in which each sender's messages keep theirs.

use std::collections::VecDeque;
use std::io;

use super::{Content, GREETING};
use crate::frame::{Header, Piece, Scanner, opcode};
use crate::mux::Traffic;
use crate::prng::Prng;

/// Sender and number, written before each message's content.
const HEAD: usize = 8;

#[derive(Debug, Default)]
struct Lane {
    scanner: Scanner,
    /// Messages sent.
    sent: u32,
    /// Messages allowed and not yet sent.
    due: u32,
    /// Messages received: the place of the next one in the common order.
    received: usize,
    header: Option<Header>,
    head: [u8; HEAD],
    /// The message being received greets.
    is_greeting: bool,
    /// Payload bytes seen of the message being received.
    at: usize,
}

/// The traffic of a broadcast soak.
#[derive(Debug)]
pub struct Broadcast {
    content: Content,
    lanes: Vec<Lane>,
    messages: usize,
    window: usize,
    started: usize,
    /// (sender, number) in the order that the first receiver saw.
    order: Vec<(u32, u32)>,
    /// The next number of each sender in that order.
    next: Vec<u32>,
    /// How many got each of the messages from `complete` on.
    reached: VecDeque<usize>,
    complete: usize,
    choice: Prng,
    bytes: u64,
}

impl Broadcast {
    /// `messages` in all, from random ones of `connections`, at most `window` of them not yet
    /// received by everybody.
    pub fn new(content: Content, connections: usize, messages: usize, window: usize) -> Self {
        let choice = Prng::new(content.seed);
        Self {
            content,
            lanes: (0..connections).map(|_| Lane::default()).collect(),
            messages,
            window,
            started: 0,
            order: Vec::new(),
            next: vec![0; connections],
            reached: VecDeque::new(),
            complete: 0,
            choice,
            bytes: 0,
        }
    }

    /// Payload bytes delivered, all receivers together.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Messages that everybody got.
    pub fn complete(&self) -> usize {
        self.complete
    }

    fn piece(&mut self, token: usize, piece: Piece<'_>) -> Result<(), String> {
        let lane = &mut self.lanes[token];
        match piece {
            Piece::Header(header) => {
                if !header.fin || header.opcode != opcode::BINARY || header.len < HEAD as u64 {
                    return Err(format!("an unexpected frame: {header:?}"));
                }
                lane.header = Some(header);
                lane.at = 0;
                Ok(())
            }
            Piece::Payload(part) => self.payload(token, part),
            Piece::End => self.end(token),
        }
    }

    fn payload(&mut self, token: usize, mut part: &[u8]) -> Result<(), String> {
        let lane = &mut self.lanes[token];
        self.bytes += part.len() as u64;
        if lane.at < HEAD {
            let take = part.len().min(HEAD - lane.at);
            lane.head[lane.at..lane.at + take].copy_from_slice(&part[..take]);
            lane.at += take;
            part = &part[take..];
            if lane.at == HEAD && lane.head == GREETING {
                lane.is_greeting = true;
                return Ok(());
            }
            if lane.at == HEAD {
                self.identify(token)?;
            }
        }
        if part.is_empty() {
            return Ok(());
        }
        let lane = &mut self.lanes[token];
        let (sender, number) = self.order[lane.received];
        let spec = self.content.spec(sender as usize, number);
        let start = lane.at - HEAD;
        lane.at += part.len();
        if self.content.bytes(spec).get(start..start + part.len()) != Some(part) {
            return Err(format!("wrong bytes in message {number} of {sender}"));
        }
        Ok(())
    }

    /// Holds the message that begins against the common order, or lays the order down.
    fn identify(&mut self, token: usize) -> Result<(), String> {
        let lane = &self.lanes[token];
        let sender = u32::from_le_bytes(lane.head[..4].try_into().expect("four bytes"));
        let number = u32::from_le_bytes(lane.head[4..].try_into().expect("four bytes"));
        match self.order.get(lane.received) {
            Some(&want) if want != (sender, number) => {
                return Err(format!("wanted {want:?}, got {:?}", (sender, number)));
            }
            Some(_) => {}
            None => {
                let sent = self.lanes.get(sender as usize).map(|lane| lane.sent);
                if sent.is_none_or(|sent| number >= sent || number != self.next[sender as usize]) {
                    return Err(format!("message {number} of {sender} is not due ({sent:?} sent)"));
                }
                self.next[sender as usize] += 1;
                self.order.push((sender, number));
                self.reached.push_back(0);
            }
        }
        let len = self.content.spec(sender as usize, number).len + HEAD;
        match self.lanes[token].header {
            Some(header) if header.len == len as u64 => Ok(()),
            header => Err(format!("wanted {len} bytes, got {header:?}")),
        }
    }

    fn end(&mut self, token: usize) -> Result<(), String> {
        let lane = &mut self.lanes[token];
        if std::mem::take(&mut lane.is_greeting) {
            return Ok(()); // of a connection that came later
        }
        let place = lane.received - self.complete;
        lane.received += 1;
        self.reached[place] += 1;
        while self.reached.front() == Some(&self.lanes.len()) {
            self.reached.pop_front();
            self.complete += 1;
        }
        Ok(())
    }
}

impl Traffic for Broadcast {
    fn received(&mut self, token: usize, bytes: &[u8]) -> Result<(), String> {
        let mut input = bytes;
        loop {
            let lane = &mut self.lanes[token];
            let place = lane.received;
            let told = |error: String| format!("connection {token}, message {place}: {error}");
            match lane.scanner.next(&mut input).map_err(told)? {
                Some(piece) => self.piece(token, piece).map_err(told)?,
                None => return Ok(()),
            }
        }
    }

    fn refill(&mut self, token: usize, out: &mut Vec<u8>) {
        let lane = &mut self.lanes[token];
        if lane.due > 0 {
            let mut head = [0; HEAD];
            head[..4].copy_from_slice(&(token as u32).to_le_bytes());
            head[4..].copy_from_slice(&lane.sent.to_le_bytes());
            let spec = self.content.spec(token, lane.sent);
            self.content.write_frame(&head, spec, out);
            lane.due -= 1;
            lane.sent += 1;
        }
    }

    fn ended(&mut self, token: usize, how: &io::Result<()>) -> Result<(), String> {
        let got = self.lanes[token].received;
        Err(format!("connection {token} ended ({how:?}) after {got} of {}", self.messages))
    }

    fn woken(&mut self) -> Option<usize> {
        if self.started == self.messages || self.started - self.complete >= self.window {
            return None;
        }
        self.started += 1;
        let sender = self.choice.below(self.lanes.len() as u64) as usize;
        self.lanes[sender].due += 1;
        Some(sender)
    }

    fn is_done(&self) -> bool {
        self.complete == self.messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Frame;

    fn started() -> (Broadcast, Vec<Vec<u8>>) {
        let mut all = Broadcast::new(Content::new(1, 100), 3, 2, 2);
        let mut frames = Vec::new();
        while let Some(sender) = all.woken() {
            let number = all.lanes[sender].sent;
            all.refill(sender, &mut Vec::new());
            let mut payload = (sender as u32).to_le_bytes().to_vec();
            payload.extend_from_slice(&number.to_le_bytes());
            payload.extend_from_slice(all.content.bytes(all.content.spec(sender, number)));
            frames.push(Frame { mask: None, ..Frame::new(opcode::BINARY, &payload) }.to_bytes());
        }
        assert_eq!(frames.len(), 2);
        (all, frames)
    }

    #[test]
    fn done_when_everybody_got_everything() {
        let (mut all, frames) = started();
        for token in 0..3 {
            assert!(!all.is_done());
            for byte in frames.concat() {
                all.received(token, &[byte]).unwrap();
            }
        }
        assert!(all.is_done());
    }

    #[test]
    fn another_order_a_repetition_and_a_changed_byte_are_seen() {
        let (mut all, frames) = started();
        all.received(0, &frames.concat()).unwrap();
        assert!(all.received(1, &frames[1]).unwrap_err().contains("wanted"));
        let (mut all, frames) = started();
        all.received(0, &frames[0]).unwrap();
        assert!(all.received(0, &frames[0]).unwrap_err().contains("not due"));
        let (mut all, mut frames) = started();
        *frames[0].last_mut().unwrap() ^= 1;
        assert!(all.received(0, &frames[0]).is_err());
    }
}
