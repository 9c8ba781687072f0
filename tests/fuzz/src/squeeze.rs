//! A client's compressor (RFC 7692 section 7.2.1): one stream from message to message, as real
//! clients have it, where the server works from message to message.
//! Not for: streams that are malformed; those are given as they are.

use flate2::{Compress, Compression, FlushCompress};

/// How a message ends; see RFC 7692 section 7.2.3.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    /// After a flush, whose last four bytes are left out.
    Flush,
    /// In a last block (section 7.2.3.4).
    LastBlock,
    /// In several blocks.
    Blocks,
}

/// A compressor of a client that takes its context over or not.
#[derive(Debug)]
pub(crate) struct Squeeze {
    stream: Compress,
    takes_over: bool,
}

impl Squeeze {
    /// `window_bits` from 9 to 15.
    pub(crate) fn new(window_bits: u8, takes_over: bool) -> Self {
        Self {
            stream: Compress::new_with_window_bits(Compression::new(6), false, window_bits),
            takes_over,
        }
    }

    /// The payload of the frame.
    pub(crate) fn message(&mut self, message: &[u8], end: End) -> Vec<u8> {
        let mut out = Vec::with_capacity(message.len() + message.len() / 8 + 64);
        if !self.takes_over {
            self.stream.reset();
        }
        let (flush, parts) = match end {
            End::Flush => (FlushCompress::Sync, 1),
            End::Blocks => (FlushCompress::Sync, 3),
            End::LastBlock => (FlushCompress::Finish, 1),
        };
        for part in message.chunks(message.len().div_ceil(parts).max(1)).chain([&[][..]]) {
            self.stream.compress_vec(part, &mut out, flush).expect("a compressor");
        }
        match end {
            End::LastBlock => {
                // A stream cannot go on after its end, so what it referred to is lost.
                self.stream.reset();
                out.push(0);
            }
            // A flush after a flush makes nothing at all.
            End::Flush | End::Blocks => out.truncate(out.len().saturating_sub(4)),
        }
        out
    }
}
