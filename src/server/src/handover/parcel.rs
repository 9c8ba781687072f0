//! What is handed over.
//! Not for: how.

use std::fmt;
use std::os::fd::OwnedFd;

use zeroize::Zeroizing;

/// All that one process leaves for the next.
#[derive(Debug, Default)]
pub struct Parcel {
    /// Sockets of connections, in an order that `state` goes by; at most `u32::MAX`.
    pub connections: Vec<OwnedFd>,
    /// What is to be known of them, and of all else.
    pub state: Vec<u8>,
    /// What of that nobody else may ever know.
    pub secrets: Secrets,
}

/// Bytes of which no copy stays behind: neither when they are dropped, nor when they grow.
#[derive(Default, Clone, PartialEq, Eq)]
pub struct Secrets(Zeroizing<Vec<u8>>);

impl Secrets {
    /// None yet, and room for that many bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Zeroizing::new(Vec::with_capacity(capacity)))
    }

    /// Adds what `write` puts into a buffer of `room` bytes, which are zero before; it says how many
    /// those are.
    pub fn write(&mut self, room: usize, write: impl FnOnce(&mut [u8]) -> usize) {
        self.reserve(room);
        let start = self.0.len();
        self.0.resize(start + room, 0);
        let written = write(&mut self.0[start..]).min(room);
        // What lies behind is still wiped in the end: all of the capacity is.
        self.0.truncate(start + written);
    }

    /// Adds bytes.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.reserve(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    /// All of them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A vector that grows by itself leaves a copy where it was.
    fn reserve(&mut self, more: usize) {
        let need = self.0.len() + more;
        if need > self.0.capacity() {
            let mut grown = Self::with_capacity(need.max(self.0.capacity() * 2));
            grown.0.extend_from_slice(&self.0);
            *self = grown; // the old one is wiped
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_grow_by_what_was_written() {
        let mut secrets = Secrets::default();
        assert!(secrets.is_empty());
        for round in 0..100u8 {
            secrets.write(300, |room| {
                assert_eq!(room, [0; 300]);
                room[..3].fill(round);
                room[3..].fill(0xff);
                3
            });
            secrets.extend(&[round; 2]);
        }
        let expected: Vec<u8> = (0..100).flat_map(|round| [round; 5]).collect();
        assert_eq!(secrets.as_bytes(), expected);
        assert_eq!(secrets.len(), 500);
        assert_eq!(format!("{secrets:?}"), "Secrets(500 bytes)");
    }
}
