//! Messages (RFC 6455 section 5.4): what the caller gets, and how fragments and pieces of frames
//! become one.
//! Not for: frame headers (`frame`), or the order of frames on a connection (`connection`).

use std::ops::Deref;

use serde::{Deserialize, Serialize};

use crate::close::Violation;
use crate::connection::Limits;
use crate::deflate::{Inflater, Window};
use crate::frame::{Header, Opcode};
use crate::mask;
use crate::utf8::{NotUtf8, Utf8};

/// Least bytes that are reserved for a message in pieces, unless it is shorter.
const FIRST_RESERVE: usize = 1024;

/// What a message is made of (RFC 6455 section 5.6).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Kind {
    /// UTF-8, checked.
    Text,
    /// Any bytes.
    Binary,
}

/// The bytes of a message.
#[derive(PartialEq, Eq, Debug)]
pub enum Payload<'a> {
    /// The whole message lay in the input and was unmasked in place: the last bytes of the input
    /// that have been read.
    Borrowed(&'a [u8]),
    /// The message was inflated into a buffer of the [`Inflater`].
    Inflated(&'a [u8]),
    /// The message came in pieces, or was large when inflated; its buffer is handed over. Its
    /// capacity is at most twice its length, or 1 KiB.
    Owned(Vec<u8>),
}

impl Payload<'_> {
    /// The bytes in a buffer of the caller's own; copied if they are borrowed.
    pub fn into_vec(self) -> Vec<u8> {
        match self {
            Self::Borrowed(bytes) | Self::Inflated(bytes) => bytes.to_vec(),
            Self::Owned(buffer) => buffer,
        }
    }
}

impl Deref for Payload<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) | Self::Inflated(bytes) => bytes,
            Self::Owned(buffer) => buffer,
        }
    }
}

const TEXT_NOT_UTF8: Violation = Violation::invalid_payload("a text is not UTF-8");

/// Unmasks a payload that lies there whole, and says whether it may be a message of this kind.
#[inline]
pub(crate) fn unmask(kind: Kind, key: [u8; 4], payload: &mut [u8]) -> Result<(), Violation> {
    match kind {
        Kind::Text if mask::apply_is_ascii(key, payload) => Ok(()),
        Kind::Text => check(kind, payload),
        Kind::Binary => {
            mask::apply(key, payload);
            Ok(())
        }
    }
}

/// Whether a payload that lies there whole may be a message of this kind.
fn check(kind: Kind, payload: &[u8]) -> Result<(), Violation> {
    match kind {
        Kind::Text => simdutf8::basic::from_utf8(payload).map(drop).map_err(|_| TEXT_NOT_UTF8),
        Kind::Binary => Ok(()),
    }
}

/// Inflates a message that has come whole to at most so many bytes, and checks what it becomes.
pub(crate) fn inflate<'x>(
    kind: Kind,
    compressed: &[u8],
    inflater: &'x mut Inflater,
    window: Option<&mut Window>,
    most: usize,
) -> Result<Payload<'x>, Violation> {
    inflater.inflate(compressed, window, most)?;
    check(kind, inflater.output())?;
    Ok(match inflater.take_large() {
        Some(buffer) => Payload::Owned(buffer),
        None => Payload::Inflated(inflater.output()),
    })
}

/// The limits of one message, see [`Limits`]. It ends under those under which it has begun, whatever
/// the caller makes of them meanwhile.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Bounds {
    pub(crate) message_size: usize,
    chain_size: usize,
    frame_size: usize,
    fragment_c: usize,
}

impl Bounds {
    #[inline]
    pub(crate) fn of(limits: &Limits) -> Self {
        let &Limits { message_size, chain_size, frame_size, fragment_c, .. } = limits;
        Self { message_size, chain_size, frame_size, fragment_c }
    }

    /// The stricter of two, one by one.
    fn stricter(self, other: Self) -> Self {
        Self {
            message_size: self.message_size.min(other.message_size),
            chain_size: self.chain_size.min(other.chain_size),
            frame_size: self.frame_size.min(other.frame_size),
            fragment_c: self.fragment_c.min(other.fragment_c),
        }
    }
}

/// What counts against the limits of one message.
#[derive(Clone, Copy, Default, Debug, Serialize, Deserialize)]
pub(crate) struct Size {
    /// Bytes of payload announced by the headers so far.
    payload: usize,
    /// Bytes of all its frames, and of control frames between them, with their headers.
    chain: usize,
    is_compressed: bool,
    /// Its frames; control frames between them do not count.
    fragment_c: usize,
}

impl Size {
    /// Counts a frame of the message whose header has come in.
    #[inline]
    pub(crate) fn add_data(&mut self, header: &Header, bounds: &Bounds) -> Result<(), Violation> {
        let len = header.payload_len;
        if len > bounds.frame_size as u64 && bounds.frame_size < bounds.message_size {
            return Err(Violation::too_big("a frame is larger than the limit"));
        }
        if self.fragment_c >= bounds.fragment_c {
            return Err(Violation::too_big("a message has more frames than the limit"));
        }
        self.is_compressed |= header.is_compressed;
        // What does not compress becomes longer by some bytes in a thousand; the limit of the
        // message is that of what it inflates to.
        let most = if self.is_compressed { bounds.chain_size } else { bounds.message_size };
        let room = most.saturating_sub(self.payload);
        if len > room as u64 {
            return Err(Violation::too_big("a message is larger than the limit"));
        }
        self.payload += len as usize;
        self.fragment_c += 1;
        self.add_frame(header, bounds)
    }

    /// Counts a frame, perhaps a control frame between two fragments.
    #[inline]
    pub(crate) fn add_frame(&mut self, header: &Header, bounds: &Bounds) -> Result<(), Violation> {
        let room = bounds.chain_size.saturating_sub(self.chain);
        let frame = header.payload_len.saturating_add(header.len as u64);
        if frame > room as u64 {
            return Err(Violation::too_big("the frames of a message are larger than the limit"));
        }
        self.chain += frame as usize;
        Ok(())
    }
}

/// A message that has begun and is not complete.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Assembly {
    kind: Kind,
    is_compressed: bool,
    #[serde(with = "serde_bytes")]
    buffer: Vec<u8>,
    utf8: Utf8,
    pub(crate) size: Size,
    pub(crate) bounds: Bounds,
}

impl Assembly {
    /// A message of which nothing has come but the header of its first frame.
    pub(crate) fn new(kind: Kind, is_compressed: bool, bounds: Bounds) -> Self {
        let (buffer, utf8, size) = Default::default();
        Self { kind, is_compressed, buffer, utf8, size, bounds }
    }

    /// Whether it may have come about: what is read back from elsewhere may be anything.
    pub(crate) fn is_sound(&self) -> bool {
        self.utf8.is_sound() && self.buffer.len() <= self.size.payload
    }

    /// Has the message end under these bounds, where they are stricter. False if it is too large for them
    /// by now, as far as its frames have announced it.
    pub(crate) fn tighten(&mut self, bounds: Bounds) -> bool {
        self.bounds = self.bounds.stricter(bounds);
        let Bounds { message_size, chain_size, .. } = self.bounds;
        let most = if self.is_compressed { chain_size } else { message_size };
        self.size.payload <= most && self.size.chain <= chain_size
    }

    /// Bytes of memory that the message holds so far.
    pub(crate) fn held(&self) -> usize {
        self.buffer.capacity()
    }

    /// Adds an unmasked piece of a frame's payload. `remaining` is how many bytes of the message
    /// are still to come, if that is known. The buffer grows to twice what has arrived, so that bytes
    /// are moved once on average, and never beyond what is announced: whoever announces much and
    /// sends little costs little.
    fn push(&mut self, piece: &[u8], remaining: Option<usize>) -> Result<(), Violation> {
        if self.kind == Kind::Text && !self.is_compressed {
            self.utf8.push(piece).map_err(|NotUtf8| TEXT_NOT_UTF8)?;
        }
        let arrived = self.buffer.len() + piece.len();
        if arrived > self.buffer.capacity() {
            let generous = (arrived * 2).max(FIRST_RESERVE);
            let target = remaining.map_or(generous, |remaining| generous.min(arrived + remaining));
            self.buffer.reserve_exact(target - self.buffer.len());
        }
        self.buffer.extend_from_slice(piece);
        Ok(())
    }

    /// The last byte of the last fragment is there.
    fn finish(self) -> Result<Fed, Violation> {
        let Self { kind, is_compressed, buffer, utf8, bounds, .. } = self;
        utf8.finish().map_err(|NotUtf8| TEXT_NOT_UTF8)?;
        Ok(match is_compressed {
            true => Fed::Compressed(kind, buffer, bounds.message_size),
            false => Fed::Message(kind, buffer),
        })
    }
}

/// A data frame whose header has come in and whose payload has not come in whole.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct DataFrame {
    is_final: bool,
    /// For the next byte.
    key: [u8; 4],
    remaining: usize,
}

/// How far a data frame got with the bytes there are.
#[derive(Debug)]
pub(crate) enum Fed {
    /// The input is used up.
    NeedMore,
    /// The frame is complete, the message is not.
    Fragment,
    /// The message is complete.
    Message(Kind, Vec<u8>),
    /// The message is complete, and is to be inflated to at most so many bytes.
    Compressed(Kind, Vec<u8>, usize),
}

impl DataFrame {
    /// A frame of a message that has admitted it ([`Size::add_data`]).
    pub(crate) fn new(header: &Header) -> Self {
        debug_assert!(!header.opcode.is_control());
        let remaining = header.payload_len as usize;
        Self { is_final: header.is_final, key: header.key, remaining }
    }

    /// How many bytes of payload are still to come.
    pub(crate) fn remaining(&self) -> usize {
        self.remaining
    }

    /// Adds masked bytes of this frame, at most [`DataFrame::remaining`], to the message.
    pub(crate) fn feed(
        &mut self,
        message: &mut Option<Assembly>,
        piece: &mut [u8],
    ) -> Result<Fed, Violation> {
        mask::apply(self.key, piece);
        self.key = mask::advance(self.key, piece.len());
        self.remaining -= piece.len();
        if let Some(message) = message {
            message.push(piece, self.is_final.then_some(self.remaining))?;
        }
        if self.remaining > 0 {
            return Ok(Fed::NeedMore);
        }
        match message.take_if(|_| self.is_final) {
            Some(message) => message.finish(),
            None => Ok(Fed::Fragment),
        }
    }
}

/// What message a data frame belongs to (RFC 6455 section 5.4): a new one of the kind returned,
/// or, with `None`, the one that is under way.
#[inline]
pub(crate) fn begins(opcode: Opcode, is_under_way: bool) -> Result<Option<Kind>, Violation> {
    match (opcode, is_under_way) {
        (Opcode::Text, false) => Ok(Some(Kind::Text)),
        (Opcode::Binary, false) => Ok(Some(Kind::Binary)),
        (Opcode::Continuation, true) => Ok(None),
        (Opcode::Continuation, false) => {
            Err(Violation::protocol("a continuation frame without a message to continue"))
        }
        _ => Err(Violation::protocol("a message begins before the last one has ended")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(payload_len: u64) -> Header {
        Header {
            is_final: true,
            is_compressed: false,
            opcode: Opcode::Binary,
            key: [0; 4],
            payload_len,
            len: 8,
        }
    }

    #[test]
    fn an_announced_length_reserves_little() {
        let mut message = Some(Assembly::new(Kind::Binary, false, bounds()));
        let mut frame = DataFrame::new(&header(16 << 20));
        frame.feed(&mut message, &mut [7; 10]).unwrap();
        assert_eq!(message.unwrap().buffer.capacity(), FIRST_RESERVE);
    }

    #[test]
    fn a_large_message_is_moved_few_times_and_ends_in_a_buffer_of_its_size() {
        let len = (9 << 20) + 4096;
        let mut message = Some(Assembly::new(Kind::Binary, false, bounds()));
        let mut frame = DataFrame::new(&header(len as u64));
        let (mut piece, mut growths, mut last) = ([7; 4096], 0, 0);
        let buffer = loop {
            match frame.feed(&mut message, &mut piece).unwrap() {
                Fed::Message(_, buffer) => break buffer,
                _ => {
                    let buffer = &message.as_ref().unwrap().buffer;
                    assert!(buffer.capacity() <= 2 * buffer.len());
                    growths += usize::from(buffer.capacity() != last);
                    last = buffer.capacity();
                }
            }
        };
        assert!(growths <= 13, "{growths} growths");
        assert_eq!((buffer.len(), buffer.capacity()), (len, len));
    }

    #[test]
    fn many_small_fragments_are_moved_few_times() {
        let mut message = Some(Assembly::new(Kind::Binary, false, bounds()));
        let (mut growths, mut last) = (0, 0);
        for _ in 0..100_000 {
            let mut frame = DataFrame::new(&Header { is_final: false, ..header(16) });
            assert!(matches!(frame.feed(&mut message, &mut [7; 16]), Ok(Fed::Fragment)));
            let buffer = &message.as_ref().unwrap().buffer;
            growths += usize::from(buffer.capacity() != last);
            last = buffer.capacity();
            assert!(last <= FIRST_RESERVE.max(2 * buffer.len()));
        }
        assert!(growths <= 12, "{growths} growths");
    }

    fn bounds() -> Bounds {
        Bounds { message_size: 100, chain_size: 120, frame_size: 100, fragment_c: 10 }
    }

    #[test]
    fn sizes_are_limits_inclusive() {
        let bounds = bounds();
        let mut size = Size::default();
        assert!(size.add_data(&header(101), &bounds).is_err());
        assert!(size.add_data(&header(60), &bounds).is_ok()); // chain: 68
        assert!(size.add_data(&header(41), &bounds).is_err());
        assert!(size.add_frame(&header(44), &bounds).is_ok()); // chain: 120
        assert!(size.add_data(&header(0), &bounds).is_err());
        assert!(Size::default().add_data(&header(u64::MAX >> 1), &bounds).is_err());
    }

    #[test]
    fn frames_have_a_limit_of_size_and_one_of_number() {
        let bounds = Bounds { message_size: 1000, chain_size: 2000, frame_size: 50, ..bounds() };
        assert!(Size::default().add_data(&header(51), &bounds).is_err());
        let mut size = Size::default();
        for _ in 0..10 {
            assert!(size.add_data(&header(50), &bounds).is_ok());
            assert!(size.add_frame(&header(125), &bounds).is_ok());
        }
        assert!(size.add_data(&header(0), &bounds).is_err());
        assert!(size.add_frame(&header(0), &bounds).is_ok());
    }

    #[test]
    fn rfc6455_5_4_order_of_fragments() {
        assert_eq!(begins(Opcode::Text, false), Ok(Some(Kind::Text)));
        assert_eq!(begins(Opcode::Continuation, true), Ok(None));
        assert!(begins(Opcode::Continuation, false).is_err());
        assert!(begins(Opcode::Binary, true).is_err());
    }
}
