//! permessage-deflate (RFC 7692): messages compressed and inflated, each in one go.
//! Not for: what was agreed on in the handshake (`deflate::offer`), or which messages to compress.
//!
//! Neither direction keeps a stream of its own for each connection. A worker has one [`Inflater`]
//! and one [`Deflater`], which begin anew with each message. Where an endpoint may refer to what it
//! compressed before (context takeover), the last bytes of that are kept in a [`Window`] and handed
//! over as a preset dictionary: what the standard calls the LZ77 sliding window is all that two
//! endpoints need to have in common. So an idle connection costs nothing, one with takeover no more
//! than its window, and a message that is sent as it is cannot bring the two out of step.

mod offer;
mod window;

use std::borrow::Cow;

use flate2::{
    Compress, Compression, Decompress, DecompressError, FlushCompress, FlushDecompress, Status,
};

use crate::close::Violation;
use crate::frame::{self, Opcode};

pub(crate) use offer::choose;
pub use offer::{Agreed, Agreement, Terms};
pub use window::Window;

/// What is taken off the end of a compressed message (section 7.2.1) and put there again (section
/// 7.2.2): the end of an empty block that is not compressed.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// An empty last block.
const LAST: [u8; 2] = [0x03, 0x00];

/// Last blocks that a message of this many bytes may have. A stream ends with such a block, and a
/// new one, begun after it, costs as much as hundreds of bytes: a client that ends its streams
/// must mean something by it.
const fn last_blocks_for(compressed_len: usize) -> usize {
    16 + compressed_len / 256
}

/// Bytes that a buffer may keep for the next message.
const KEEP: usize = 64 * 1024;

const MALFORMED: Violation = Violation::invalid_payload("a compressed message is malformed");
const TOO_BIG: Violation = Violation::too_big("a message is larger than the limit when inflated");

/// Inflates messages, of any number of connections. It takes about 40 KiB once it is used.
#[derive(Debug, Default)]
pub struct Inflater {
    /// Bytes that it has made, of good messages and of bad ones. The owner may set it back.
    pub made: usize,
    stream: Option<Decompress>,
    output: Vec<u8>,
    /// How many streams the message may yet begin.
    restarts: usize,
}

impl Inflater {
    /// Inflates a whole message into [`Inflater::output`]: no more than `limit` bytes, however
    /// much it claims to be. `window` is the sender's, where it takes its context over.
    pub(crate) fn inflate(
        &mut self,
        compressed: &[u8],
        window: Option<&mut Window>,
        limit: usize,
    ) -> Result<(), Violation> {
        self.output.clear();
        self.output.shrink_to(KEEP);
        if compressed.is_empty() {
            return Ok(()); // zlib makes this of an empty message when it has just been flushed
        }
        let before = window.as_deref().map_or(&[][..], Window::bytes);
        self.restarts = last_blocks_for(compressed.len());
        restart(&mut self.stream, before, &[])?;
        let is_over = self.feed(compressed, before, limit)?
            || self.feed(&TAIL, before, limit)?
            || self.is_between_blocks(before, limit)?;
        if !is_over {
            return Err(MALFORMED);
        }
        if let Some(window) = window {
            window.push(&self.output);
        }
        Ok(())
    }

    /// The last message.
    pub(crate) fn output(&self) -> &[u8] {
        &self.output
    }

    /// The last message, if it fills most of a buffer that is too large to keep. Where it does not,
    /// a copy takes less memory than the buffer.
    pub(crate) fn take_large(&mut self) -> Option<Vec<u8>> {
        let (len, capacity) = (self.output.len(), self.output.capacity());
        (capacity > KEEP && capacity <= 2 * len).then(|| std::mem::take(&mut self.output))
    }

    /// Whether the message ends where a block does. There an empty last block is the end of the
    /// stream; within a block its bits are something else, or bytes that the client has not sent.
    fn is_between_blocks(&mut self, before: &[u8], limit: usize) -> Result<bool, Violation> {
        let len = self.output.len();
        Ok(self.feed(&LAST, before, limit)? && self.output.len() == len)
    }

    /// Inflates all of `input`. True if its end is the end of the stream.
    fn feed(&mut self, mut input: &[u8], before: &[u8], limit: usize) -> Result<bool, Violation> {
        while !input.is_empty() {
            self.make_room(input.len(), limit);
            let Some(stream) = &mut self.stream else { return Err(MALFORMED) };
            let (had, taken) = (self.output.len(), stream.total_in());
            let status = stream.decompress_vec(input, &mut self.output, FlushDecompress::Sync);
            let taken = (stream.total_in() - taken) as usize;
            input = &input[taken..];
            self.made += self.output.len() - had;
            if self.output.len() > limit {
                return Err(TOO_BIG);
            }
            match status {
                Ok(Status::StreamEnd) if input.is_empty() => return Ok(true),
                // Section 7.2.3.4: a last block may be followed by others.
                Ok(Status::StreamEnd) => {
                    self.restarts = self.restarts.checked_sub(1).ok_or(MALFORMED)?;
                    restart(&mut self.stream, before, &self.output)?;
                }
                Ok(_) if taken > 0 || self.output.len() > had => {}
                _ => return Err(MALFORMED),
            }
        }
        Ok(false)
    }

    /// Makes room for at least one more byte, and for no more than one byte beyond the limit. The
    /// buffer grows to twice its size at a time.
    fn make_room(&mut self, input_len: usize, limit: usize) {
        let len = self.output.len();
        if self.output.capacity() == len {
            let target = (2 * len).max(4 * input_len).max(1024).min(limit.saturating_add(1));
            self.output.reserve_exact(target.max(len + 1) - len);
        }
    }
}

/// Begins a stream that may refer to earlier messages, and to what has been inflated of this one, as
/// far as the largest window reaches. Its cost does not depend on how much that is.
fn restart(stream: &mut Option<Decompress>, before: &[u8], output: &[u8]) -> Result<(), Violation> {
    const REACH: usize = 1 << MAX_BITS;
    // The largest window there is inflates streams of any.
    let stream = stream.get_or_insert_with(|| Decompress::new(false));
    stream.reset(false);
    let output = &output[output.len().saturating_sub(REACH)..];
    let before = &before[before.len().saturating_sub(REACH - output.len())..];
    let dictionary = match (before, output) {
        ([], []) => return Ok(()),
        (one, []) | ([], one) => Cow::Borrowed(one),
        (before, output) => Cow::Owned([before, output].concat()),
    };
    let set = stream.set_dictionary(&dictionary);
    set.map(drop).map_err(|_: DecompressError| MALFORMED)
}

/// Base-2 logarithms of the windows that compressors may have. A window of 8 bits, which RFC 7692
/// knows too, is none that zlib and its kin can compress with.
pub const MIN_BITS: u8 = 9;
/// See [`MIN_BITS`].
pub const MAX_BITS: u8 = 15;

/// Compresses messages, for any number of connections. It takes about 270 KiB for each size of
/// window, once that is used.
#[derive(Debug)]
pub struct Deflater {
    level: Compression,
    /// By base-2 logarithm of the window, less [`MIN_BITS`].
    streams: [Option<Box<Compress>>; (MAX_BITS - MIN_BITS + 1) as usize],
    output: Vec<u8>,
}

impl Deflater {
    /// A compressor of a level from 1 (fast) to 9 (small).
    pub fn new(level: u32) -> Self {
        let level = Compression::new(level.clamp(1, 9));
        Self { level, streams: Default::default(), output: Vec::new() }
    }

    /// Appends a message to `out` as one compressed frame, for a peer whose window has these bits
    /// ([`MIN_BITS`] to [`MAX_BITS`]). `window` is the connection's, where we take our context
    /// over.
    ///
    /// Returns whether it did: not if that would not have made the frame smaller. The message is
    /// to be sent as it is then, and no window knows of it.
    pub fn frame(
        &mut self,
        opcode: Opcode,
        payload: &[u8],
        bits: u8,
        window: Option<&mut Window>,
        out: &mut Vec<u8>,
    ) -> bool {
        let before = window.as_deref().map_or(&[][..], Window::bytes);
        let Some(len) = self.compress(payload, bits, before) else { return false };
        let (mut header, header_len) = frame::header(opcode, len as u64);
        header[0] |= frame::COMPRESSED;
        let (_, plain_header_len) = frame::header(opcode, payload.len() as u64);
        if header_len + len >= plain_header_len + payload.len() {
            return false;
        }
        out.extend_from_slice(&header[..header_len]);
        out.extend_from_slice(&self.output[..len]);
        if let Some(window) = window {
            window.push(payload);
        }
        true
    }

    /// Compresses into `output`, and says to how many bytes; `None` if to no fewer.
    fn compress(&mut self, payload: &[u8], bits: u8, before: &[u8]) -> Option<usize> {
        let bits = bits.clamp(MIN_BITS, MAX_BITS);
        let place = &mut self.streams[usize::from(bits - MIN_BITS)];
        let stream = place.get_or_insert_with(|| {
            Box::new(Compress::new_with_window_bits(self.level, false, bits))
        });
        stream.reset();
        if !before.is_empty() {
            stream.set_dictionary(before).ok()?;
        }
        self.output.clear();
        self.output.shrink_to(KEEP);
        // Room for the longest that may come of it: 9 bits for a byte, and some for the ends of
        // blocks.
        self.output.reserve(payload.len() + payload.len() / 8 + 256);
        stream.compress_vec(payload, &mut self.output, FlushCompress::Sync).ok()?;
        if self.output.len() == self.output.capacity() {
            // Resetting zlib-rs 0.6 does not take back what is still to be put out: its buffer
            // overflows in a later message, with a panic.
            *place = None;
            return None;
        }
        let len = self.output.len().checked_sub(TAIL.len())?;
        (self.output[len..] == TAIL && len < payload.len()).then_some(len)
    }
}

#[cfg(test)]
mod tests;
