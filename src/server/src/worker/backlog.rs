//! What one slow peer has not taken yet: a bounded queue of its own, so that it never holds up a
//! ring or another peer.
//!
//! It knows where the frames in it begin, so that when the peer turns out too slow, what has not
//! begun to go out can be dropped and a Close frame still be sent in its place.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::gather::Pieces;
use crate::www::Page;

/// Bytes that wait for a peer to take them, in order.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Backlog {
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
    /// How many of `bytes` are sent.
    sent: usize,
    /// What lies before this has begun to go out, or must go out for another reason.
    begun: usize,
    /// Lengths of the frames behind `begun`.
    frames: VecDeque<u32>,
    /// A page that follows `bytes`, and how much of it is sent. Shared, so that slow readers of a
    /// large page cost no memory.
    #[serde(skip)]
    page: Option<(Arc<Page>, usize)>,
}

impl Backlog {
    /// Whether it may have come about: what is read back from elsewhere may be anything.
    pub fn is_sound(&self) -> bool {
        let frames: usize = self.frames.iter().map(|&len| len as usize).sum();
        self.sent <= self.begun && self.begun.checked_add(frames) == Some(self.bytes.len())
    }

    /// Bytes that wait in memory of this peer's own; those of a page do not count.
    pub fn own_len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Bytes of the frames that have not begun to go out.
    pub fn waiting_len(&self) -> usize {
        self.bytes.len() - self.begun
    }

    /// Whether nothing waits at all.
    pub fn is_empty(&self) -> bool {
        self.own_len() == 0 && self.page.is_none()
    }

    /// Appends bytes that must go out: the rest of a frame whose first bytes are sent, or an HTTP
    /// response. No frame may wait already.
    pub fn push_begun(&mut self, bytes: Pieces<'_>) {
        debug_assert!(self.frames.is_empty(), "what has begun comes before what waits");
        self.append(bytes);
        self.begun = self.bytes.len();
    }

    /// Appends one whole frame, or several that stand and fall together.
    pub fn push(&mut self, frame: Pieces<'_>) {
        self.append(frame);
        self.frames.push_back(frame.total() as u32);
    }

    fn append(&mut self, bytes: Pieces<'_>) {
        if self.sent >= self.bytes.len() / 2 {
            self.bytes.drain(..self.sent);
            self.begun -= self.sent;
            self.sent = 0;
        }
        bytes.append_to(&mut self.bytes);
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
        while self.begun < self.sent {
            let Some(frame) = self.frames.pop_front() else { break };
            self.begun += frame as usize;
        }
    }

    /// Drops every frame that has not begun to go out.
    pub fn truncate(&mut self) {
        self.bytes.truncate(self.begun);
        self.frames.clear();
        self.page = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(len: usize) -> Vec<u8> {
        vec![7; len]
    }

    #[test]
    fn truncation_keeps_the_frame_that_has_begun() {
        for sent in 0..40 {
            let mut backlog = Backlog::default();
            backlog.push_begun(Pieces::whole(&frame(5)));
            (0..3).for_each(|_| backlog.push(Pieces([&frame(4), &frame(6)])));
            assert_eq!(backlog.waiting_len(), 30);
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
            backlog.push(Pieces::whole(&frame));
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
        backlog.push_begun(Pieces::whole(b"head"));
        backlog.push_page(page, 1);
        assert_eq!(backlog.front(), b"head");
        backlog.advance(4);
        assert_eq!(backlog.front(), b"ody");
        backlog.advance(3);
        assert!(backlog.is_empty());
    }
}
