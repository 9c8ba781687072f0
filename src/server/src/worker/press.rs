//! Compression of what apps send (RFC 7692): one message is compressed once for all peers whose
//! windows have the same size, and once for each peer whose window refers to earlier messages.
//! Not for: deciding who gets the message (`deliver`).

use ringsocket_proto::Connection;
use ringsocket_proto::deflate::{self, Deflater, Terms};
use ringsocket_proto::frame::{self, Opcode};

use super::gather::Source;

/// Bytes that compressed frames may take in one turn. What comes after them is sent as it is, which
/// is always allowed (RFC 7692 section 6).
const BYTES_PER_TURN: usize = 256 * 1024 * 1024;

/// Once a message has been compressed for so many single peers that it is so many bytes in all, the
/// others share one that refers to no earlier message: a large one to a thousand peers would take
/// seconds otherwise.
const STRAIN_MAX: usize = 16 * 1024 * 1024;

/// How many sizes of windows there are.
const SIZES: usize = (deflate::MAX_BITS - deflate::MIN_BITS + 1) as usize;

/// How messages are compressed, and for whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Compression {
    /// What may be agreed on with a client.
    pub terms: Terms,
    /// 1 (fast) to 9 (small).
    pub level: u32,
    /// Messages of fewer bytes are sent as they are.
    pub min_size: usize,
    /// Connections in all that may refer to earlier messages; the others are told that they may
    /// not.
    pub takeover_c: usize,
}

/// A worker's compressor.
#[derive(Debug)]
pub struct Press {
    deflater: Deflater,
    level: u32,
    min_size: usize,
    /// How many times a message has been compressed.
    pub made: usize,
    /// Bytes that have been compressed for single peers since the owner set this back.
    pub strained: usize,
}

impl Press {
    /// A compressor that takes no memory until it is used.
    pub fn new(compression: Compression) -> Self {
        let Compression { level, min_size, .. } = compression;
        Self { deflater: Deflater::new(level), level, min_size, made: 0, strained: 0 }
    }

    /// Gives the memory back that it takes once it is used.
    pub fn trim(&mut self) {
        self.deflater = Deflater::new(self.level);
    }

    /// Takes a frame of an app, header and payload, which lies at `plain`.
    #[inline]
    pub fn load<'a>(
        &'a mut self,
        header: &[u8],
        payload: &'a [u8],
        plain: Source,
    ) -> Option<Load<'a>> {
        if payload.len() < self.min_size {
            return None;
        }
        let opcode = frame::opcode(header)?;
        Some(Load { press: self, opcode, payload, plain, by_bits: [None; SIZES] })
    }

    /// The same of a frame in one piece.
    #[inline]
    pub fn open<'a>(&'a mut self, frame: &'a [u8], plain: Source) -> Option<Load<'a>> {
        if frame.len() < self.min_size {
            return None; // as most are, which need not be opened to see it
        }
        let (header, payload) = frame::split(frame)?;
        self.load(header, payload, plain)
    }
}

/// A message that is worth compressing.
#[derive(Debug)]
pub struct Load<'a> {
    press: &'a mut Press,
    opcode: Opcode,
    payload: &'a [u8],
    plain: Source,
    /// Where it lies compressed for all who have such a window, or as it is if it does not shrink.
    by_bits: [Option<Source>; SIZES],
}

impl Load<'_> {
    /// Where the frame lies that goes to this connection; a compressed one is appended to
    /// `scratch`.
    pub fn source_for(&mut self, connection: &mut Connection, scratch: &mut Vec<u8>) -> Source {
        let Some(agreement) = connection.deflate() else { return self.plain };
        let takes_over = agreement.server_takeover;
        let is_alone = takes_over && self.press.strained < STRAIN_MAX;
        let bits = agreement.server_window_bits;
        let at = usize::from(bits - deflate::MIN_BITS);
        let shared = self.by_bits[at].filter(|_| !is_alone);
        let source = shared.unwrap_or_else(|| {
            let source = self.compress(connection, bits, is_alone, scratch);
            if !is_alone {
                self.by_bits[at] = Some(source);
            }
            source
        });
        if takes_over && !is_alone && matches!(source, Source::Scratch { .. }) {
            connection.remember(self.payload);
        }
        source
    }

    /// Compresses for one peer alone, or for all who have a window of these bits.
    fn compress(
        &mut self,
        connection: &mut Connection,
        bits: u8,
        is_alone: bool,
        scratch: &mut Vec<u8>,
    ) -> Source {
        let start = scratch.len();
        if start + self.payload.len() > BYTES_PER_TURN {
            return self.plain;
        }
        self.press.made += 1;
        let deflater = &mut self.press.deflater;
        let has_shrunk = if is_alone {
            self.press.strained += self.payload.len();
            connection.compress(deflater, self.opcode, self.payload, scratch)
        } else {
            deflater.frame(self.opcode, self.payload, bits, None, scratch)
        };
        let len = scratch.len() - start;
        match has_shrunk {
            true => Source::Scratch { start: start as u32, len: len as u32 },
            false => self.plain,
        }
    }
}
