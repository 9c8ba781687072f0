//! Inflates messages with another library than the server does, for the model.
//! Not for: streams that no compressor makes, about which the libraries may differ in detail.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

/// How far a match may reach back in any stream (RFC 1951 section 2).
const REACH: usize = 1 << 15;

/// What RFC 7692 section 7.2.2 puts at the end of a message.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// An empty last block, which adds nothing if the message ends where a block does.
const LAST: [u8; 2] = [0x03, 0x00];

/// One direction of a connection: a decompressor and what it remembers.
#[derive(Debug)]
pub(crate) struct Inflate {
    /// Bytes that it remembers from message to message; none without context takeover.
    memory: usize,
    history: Vec<u8>,
}

impl Inflate {
    /// `window_bits` if the sender's compressor takes its context over.
    pub(crate) fn new(window_bits: Option<u8>) -> Self {
        Self { memory: window_bits.map_or(0, |bits| 1 << bits), history: Vec::new() }
    }

    /// The message, or the close code that it is answered with.
    pub(crate) fn message(&mut self, compressed: &[u8], limit: usize) -> Result<Vec<u8>, u16> {
        if compressed.is_empty() {
            return Ok(Vec::new());
        }
        let mut stream = Stream {
            state: DecompressorOxide::new(),
            begin: 0,
            end: self.history.len(),
            out: std::mem::take(&mut self.history),
            most: 0,
            last_blocks: 16 + compressed.len() / 256,
        };
        let before = stream.end;
        stream.most = before + limit + 1;
        if !stream.read(compressed)? && !stream.read(&TAIL)? {
            let end = stream.end;
            if !stream.read(&LAST)? || stream.end > end {
                return Err(1007);
            }
        }
        let all = &stream.out[..stream.end];
        self.history = all[all.len().saturating_sub(self.memory)..].to_vec();
        Ok(all[before..].to_vec())
    }
}

/// A stream after what was remembered.
struct Stream {
    state: DecompressorOxide,
    /// Where what this stream may refer to begins.
    begin: usize,
    out: Vec<u8>,
    end: usize,
    /// Where the output has gone beyond the limit.
    most: usize,
    /// How many last blocks may yet be followed by something.
    last_blocks: usize,
}

impl Stream {
    /// Inflates all of `input`; true if the stream ends with it.
    fn read(&mut self, mut input: &[u8]) -> Result<bool, u16> {
        let flags = TINFL_FLAG_HAS_MORE_INPUT | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        loop {
            let room = (self.end + 4096).min(self.most);
            self.out.resize(room.max(self.out.len()), 0);
            let out = &mut self.out[self.begin..room];
            let at = self.end - self.begin;
            let (status, read, written) = decompress(&mut self.state, input, out, at, flags);
            input = &input[read..];
            self.end += written;
            if self.end >= self.most {
                return Err(1009);
            }
            match status {
                TINFLStatus::Done if input.is_empty() => return Ok(true),
                TINFLStatus::Done => {
                    // RFC 7692 section 7.2.3.4: another stream follows the last block of this one.
                    self.last_blocks = self.last_blocks.checked_sub(1).ok_or(1007u16)?;
                    self.state = DecompressorOxide::new();
                    self.begin = self.end.saturating_sub(REACH);
                }
                TINFLStatus::HasMoreOutput => {}
                TINFLStatus::NeedsMoreInput if input.is_empty() => return Ok(false),
                _ => return Err(1007),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7692 section 7.2.3.
    #[test]
    fn the_examples_of_the_standard() {
        let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        let mut kept = Inflate::new(Some(15));
        assert_eq!(kept.message(&hello, 5).as_deref(), Ok(&b"Hello"[..]));
        assert_eq!(kept.message(&[0xf2, 0x00, 0x11, 0, 0], 5).as_deref(), Ok(&b"Hello"[..]));
        let mut alone = Inflate::new(None);
        assert_eq!(alone.message(&hello, 4), Err(1009));
        let last = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
        assert_eq!(alone.message(&last, 5).as_deref(), Ok(&b"Hello"[..]));
        assert_eq!(alone.message(&[0xf2, 0x00, 0x11, 0, 0], 5), Err(1007));
    }
}
