//! Control frames (RFC 6455 section 5.5) that come in pieces.
//! Not for: what they mean (`connection`), or those that lie in the input whole.

use serde::{Deserialize, Serialize};

use crate::frame::{Header, MAX_CONTROL, Opcode};
use crate::mask;

/// A control frame whose payload has not come in whole. It is kept inline, 125 bytes at most.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ControlFrame {
    pub(crate) opcode: Opcode,
    key: [u8; 4],
    len: u8,
    arrived: u8,
    #[serde(with = "serde_bytes")]
    buffer: [u8; MAX_CONTROL],
}

impl ControlFrame {
    /// A frame whose header has come in. [`crate::frame::parse`] admits no longer payloads.
    pub(crate) fn new(header: &Header) -> Self {
        debug_assert!(header.opcode.is_control());
        let len = header.payload_len.min(MAX_CONTROL as u64) as u8;
        let (opcode, key) = (header.opcode, header.key);
        Self { opcode, key, len, arrived: 0, buffer: [0; MAX_CONTROL] }
    }

    /// How many bytes of payload are still to come.
    pub(crate) fn remaining(&self) -> usize {
        usize::from(self.len - self.arrived)
    }

    /// Adds masked bytes, at most [`ControlFrame::remaining`]. Whether the frame is complete.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> bool {
        let from = usize::from(self.arrived);
        self.buffer[from..from + piece.len()].copy_from_slice(piece);
        self.arrived += piece.len() as u8;
        if self.arrived < self.len {
            return false;
        }
        mask::apply(self.key, &mut self.buffer[..usize::from(self.len)]);
        true
    }

    /// Whether it may have come about: what is read back from elsewhere may be anything.
    pub(crate) fn is_sound(&self) -> bool {
        self.opcode.is_control() && usize::from(self.len) <= MAX_CONTROL && self.arrived <= self.len
    }

    /// The payload, once it is complete.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.buffer[..usize::from(self.len)]
    }
}
