//! What one slow peer has not taken yet: a bounded queue of its own, so that it never holds up a
//! ring or another peer.
//!
//! It knows where the frames in it begin, so that when the peer turns out too slow, what has not
//! begun to go out can be dropped and a Close frame still be sent in its place.

use std::sync::Arc;

use crate::www::Page;

/// Bytes that wait for a peer to take them, in order.
#[derive(Debug, Default)]
pub struct Backlog {
    bytes: Vec<u8>,
    /// How many of `bytes` are sent.
    sent: usize,
    /// Start of the first frame that has not begun to go out: at or after `sent`.
    boundary: usize,
    /// A page that follows `bytes`, and how much of it is sent. Shared, so that slow readers of a
    /// large page cost no memory.
    page: Option<(Arc<Page>, usize)>,
}

impl Backlog {
    /// Bytes that wait in memory of this peer's own; those of a page do not count.
    pub fn own_len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Whether nothing waits at all.
    pub fn is_empty(&self) -> bool {
        self.own_len() == 0 && self.page.is_none()
    }

    /// Appends the rest of a frame (or of several) whose first bytes have gone out already.
    pub fn push_rest(&mut self, rest: &[u8]) {
        debug_assert!(self.is_empty(), "only the first frame of a queue can be a rest");
        self.push(rest);
        self.boundary = self.bytes.len();
    }

    /// Appends whole frames.
    pub fn push(&mut self, frames: &[u8]) {
        if self.sent == self.bytes.len() {
            self.bytes.clear();
            self.sent = 0;
            self.boundary = 0;
        } else if self.sent >= self.bytes.len() / 2 {
            self.bytes.drain(..self.sent);
            self.boundary -= self.sent;
            self.sent = 0;
        }
        self.bytes.extend_from_slice(frames);
    }

    /// Appends the rest of a page from `sent` on; nothing can follow it.
    pub fn push_page(&mut self, page: Arc<Page>, sent: usize) {
        self.page = Some((page, sent)).filter(|(page, sent)| *sent < page.body.len());
    }

    /// What is to be sent next.
    pub fn front(&self) -> &[u8] {
        match &self.page {
            Some((page, sent)) if self.own_len() == 0 => &page.body[*sent..],
            _ => &self.bytes[self.sent..],
        }
    }

    /// Notes that the first `count` bytes of [`Backlog::front`] have been sent.
    pub fn advance(&mut self, count: usize) {
        if self.own_len() == 0 {
            if let Some((page, sent)) = &mut self.page {
                *sent += count;
                if *sent >= page.body.len() {
                    self.page = None;
                }
            }
            return;
        }
        self.sent += count;
        while self.boundary < self.sent {
            self.boundary += frame_len(&self.bytes[self.boundary..]);
        }
    }

    /// Drops every frame that has not begun to go out.
    pub fn truncate(&mut self) {
        self.bytes.truncate(self.boundary);
        self.page = None;
    }
}

/// Length of the unmasked frame at the start of `bytes` (RFC 6455 section 5.2), at least 1.
fn frame_len(bytes: &[u8]) -> usize {
    let extended = |size: usize| {
        let bytes = bytes.get(2..2 + size).unwrap_or(&[]);
        bytes.iter().fold(0usize, |len, &byte| len << 8 | usize::from(byte))
    };
    match bytes.get(1).map_or(0, |second| second & 0x7f) {
        126 => 4 + extended(2),
        127 => 10 + extended(8),
        len => 2 + usize::from(len),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringsocket_proto::frame::{self, Opcode};

    fn frame(len: usize) -> Vec<u8> {
        let (head, head_len) = frame::header(Opcode::Binary, len as u64);
        [&head[..head_len], &vec![7; len]].concat()
    }

    #[test]
    fn frame_lengths_of_all_three_forms() {
        for len in [0, 125, 126, 65535, 65536] {
            assert_eq!(frame_len(&frame(len)), frame(len).len());
        }
    }

    #[test]
    fn truncation_keeps_the_frame_that_has_begun() {
        for sent in 0..40 {
            let mut backlog = Backlog::default();
            backlog.push_rest(&frame(8)[5..]); // 5 bytes
            backlog.push(&[frame(8), frame(8), frame(8)].concat()); // 10 bytes each
            backlog.advance(sent.min(backlog.own_len()));
            backlog.truncate();
            let kept = match sent {
                0..=5 => 5 - sent,
                6..=35 => (10 - (sent - 5) % 10) % 10,
                _ => 0,
            };
            assert_eq!(backlog.own_len(), kept, "after {sent} bytes");
        }
    }

    #[test]
    fn what_is_pushed_comes_out_once_and_in_order() {
        let mut backlog = Backlog::default();
        let (mut pushed, mut taken) = (Vec::new(), Vec::new());
        for len in 0..200usize {
            let frame = frame(len % 50);
            backlog.push(&frame);
            pushed.extend_from_slice(&frame);
            let count = (len * 7 % 60).min(backlog.own_len());
            taken.extend_from_slice(&backlog.front()[..count]);
            backlog.advance(count);
        }
        taken.extend_from_slice(backlog.front());
        assert_eq!(pushed, taken);
    }

    #[test]
    fn a_page_follows_its_head() {
        let page = Arc::new(Page { content_type: "text/plain", body: b"body".to_vec() });
        let mut backlog = Backlog::default();
        backlog.push_rest(b"head");
        backlog.push_page(page, 1);
        assert_eq!(backlog.front(), b"head");
        backlog.advance(4);
        assert_eq!(backlog.front(), b"ody");
        backlog.advance(3);
        assert!(backlog.is_empty());
    }
}
