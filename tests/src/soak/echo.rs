//! Every connection sends its messages and gets each one back, whole, unchanged and in order.

use std::io;

use super::Content;
use crate::frame::{Piece, Scanner, opcode};
use crate::mux::Traffic;

#[derive(Debug, Default)]
struct Lane {
    scanner: Scanner,
    sent: u32,
    received: u32,
    /// Payload bytes seen of the message being received.
    at: usize,
}

/// The traffic of an echo soak.
#[derive(Debug)]
pub struct Echo {
    content: Content,
    lanes: Vec<Lane>,
    messages: u32,
    window: u32,
    finished: usize,
    bytes: u64,
    total: u64,
}

impl Echo {
    /// `messages` for each of `connections`, at most `window` of each unanswered.
    pub fn new(content: Content, connections: usize, messages: u32, window: u32) -> Self {
        let lanes = (0..connections).map(|_| Lane::default()).collect();
        let finished = if messages == 0 { connections } else { 0 };
        Self { content, lanes, messages, window, finished, bytes: 0, total: 0 }
    }

    /// Payload bytes that came back.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Messages that came back.
    pub fn returned(&self) -> u64 {
        self.total
    }

    fn piece(&mut self, token: usize, piece: Piece<'_>) -> Result<(), String> {
        let lane = &mut self.lanes[token];
        let spec = self.content.spec(token, lane.received);
        match piece {
            Piece::Header(header) => {
                if lane.received == lane.sent {
                    return Err("a message that was never sent".into());
                }
                if !header.fin || header.opcode != opcode::BINARY || header.len != spec.len as u64 {
                    return Err(format!("wanted {} binary bytes, got {header:?}", spec.len));
                }
                lane.at = 0;
            }
            Piece::Payload(part) => {
                let end = lane.at + part.len();
                if part != &self.content.bytes(spec)[lane.at..end] {
                    return Err(format!("wrong bytes among {}..{end} of {}", lane.at, spec.len));
                }
                lane.at = end;
                self.bytes += part.len() as u64;
            }
            Piece::End => {
                lane.received += 1;
                self.total += 1;
                if lane.received == self.messages {
                    self.finished += 1;
                }
            }
        }
        Ok(())
    }
}

impl Traffic for Echo {
    fn received(&mut self, token: usize, bytes: &[u8]) -> Result<(), String> {
        let mut input = bytes;
        loop {
            let lane = &mut self.lanes[token];
            let number = lane.received;
            let told = |error: String| format!("connection {token}, message {number}: {error}");
            match lane.scanner.next(&mut input).map_err(told)? {
                Some(piece) => self.piece(token, piece).map_err(told)?,
                None => return Ok(()),
            }
        }
    }

    fn refill(&mut self, token: usize, out: &mut Vec<u8>) {
        let lane = &mut self.lanes[token];
        if lane.sent < self.messages && lane.sent - lane.received < self.window {
            let spec = self.content.spec(token, lane.sent);
            self.content.write_frame(&[], spec, out);
            lane.sent += 1;
        }
    }

    fn ended(&mut self, token: usize, how: &io::Result<()>) -> Result<(), String> {
        let lane = &self.lanes[token];
        Err(format!(
            "connection {token} ended ({how:?}) after {} of {} messages",
            lane.received, self.messages
        ))
    }

    fn is_done(&self) -> bool {
        self.finished == self.lanes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Frame, opcode};

    fn started() -> Echo {
        let mut echo = Echo::new(Content::new(1, 100), 2, 3, 2);
        let mut out = Vec::new();
        echo.refill(1, &mut out);
        echo.refill(1, &mut out);
        let len = out.len();
        echo.refill(1, &mut out);
        assert_eq!(out.len(), len, "the window holds back the third");
        echo
    }

    fn answer(echo: &Echo, number: u32) -> Vec<u8> {
        let payload = echo.content.bytes(echo.content.spec(1, number));
        Frame { mask: None, ..Frame::new(opcode::BINARY, payload) }.to_bytes()
    }

    #[test]
    fn right_answers_are_counted() {
        let mut echo = started();
        for byte in answer(&echo, 0).into_iter().chain(answer(&echo, 1)) {
            echo.received(1, &[byte]).unwrap();
        }
        assert_eq!((echo.returned(), echo.is_done()), (2, false));
    }

    #[test]
    fn swapped_changed_or_unasked_answers_are_seen() {
        let mut echo = started();
        let swapped = answer(&echo, 1);
        assert!(echo.received(1, &swapped).is_err());
        let mut echo = started();
        let mut changed = answer(&echo, 0);
        *changed.last_mut().unwrap() ^= 1;
        assert!(echo.received(1, &changed).unwrap_err().contains("wrong bytes"));
        let mut echo = started();
        let unasked = answer(&echo, 0);
        assert!(echo.received(0, &unasked).unwrap_err().contains("never sent"));
    }
}
