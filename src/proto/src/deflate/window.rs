//! The LZ77 sliding window of one direction of a connection (RFC 7692 section 7.1.1): the last
//! bytes that went through its compressor, and nothing of the compressor itself.

use serde::{Deserialize, Serialize};

use super::{MAX_BITS, MIN_BITS};

/// The last bytes of the messages that were compressed, at most as many as the window has. It grows
/// as it is used.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Window {
    #[serde(with = "serde_bytes")]
    bytes: Vec<u8>,
    size: usize,
}

impl Window {
    /// An empty window of 2^`bits` bytes.
    pub(crate) fn new(bits: u8) -> Self {
        Self { bytes: Vec::new(), size: 1 << bits }
    }

    /// Whether it may have come about: what is read back from elsewhere may be anything.
    pub(crate) fn is_sound(&self) -> bool {
        let sizes = (1 << MIN_BITS)..=(1 << MAX_BITS);
        self.size.is_power_of_two() && sizes.contains(&self.size) && self.bytes.len() <= self.size
    }

    /// What it holds, oldest first.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Adds what was compressed; what is too old goes.
    pub(crate) fn push(&mut self, news: &[u8]) {
        let news = &news[news.len().saturating_sub(self.size)..];
        let excess = (self.bytes.len() + news.len()).saturating_sub(self.size);
        self.bytes.drain(..excess);
        let needed = self.bytes.len() + news.len();
        if needed > self.bytes.capacity() {
            // The size is a power of two, so this is never more.
            self.bytes.reserve_exact(needed.next_power_of_two() - self.bytes.len());
        }
        self.bytes.extend_from_slice(news);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_the_last_bytes_and_no_more_memory_than_its_size() {
        let mut all = Vec::new();
        let mut window = Window::new(9);
        for len in (0..700).step_by(37).chain([1, 511, 512, 513, 5000]) {
            let news: Vec<u8> = (0..len).map(|i| (i * 7 + len) as u8).collect();
            window.push(&news);
            all.extend(news);
            assert_eq!(window.bytes(), &all[all.len().saturating_sub(512)..]);
            assert!(window.bytes.capacity() <= 512);
        }
    }
}
