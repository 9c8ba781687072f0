//! What a client sends after its handshake, written from a program: a few bytes for each frame, so
//! that a fuzzer that changes a byte gets another frame and not a broken one.
//! Not for: streams that are no frames at all; those come as they are (`Recipe::is_raw`).
//!
//! An instruction is three bytes and what they ask for: the first byte of a frame, of which
//! reserved bits count only if the second byte says so; what the payload is (see [`Payload`]); and
//! a byte from which the masking key is made.

use crate::recipe::Reader;
use crate::squeeze::{End, Squeeze};

/// A stream ends once it is this long, so that no input is slow.
const MAX_STREAM: usize = 80_000;

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
/// RSV1 (RFC 7692 section 6).
const COMPRESSED: u8 = 0x40;
const MASKED: u8 = 0x80;

/// Lengths around which something changes: the forms of the length, what is reserved first for a
/// message in pieces, and the limits of the targets.
const LENGTHS: [usize; 16] =
    [0, 125, 126, 127, 128, 499, 500, 501, 1023, 1024, 1025, 4096, 65_535, 65_536, 70_000, 70_001];

/// What stands in a frame, by the second byte of its instruction.
enum Payload<'d> {
    /// 0 to 125: so many bytes of the program.
    Given(&'d [u8]),
    /// 126 to 223: one byte over and over.
    Filler(u8, usize),
    /// 224 to 239: as [`Payload::Given`], in a frame that breaks a rule.
    Odd(Oddity, &'d [u8]),
    /// 240 to 255: as [`Payload::Given`], or [`Payload::Filler`] for an odd number, and compressed
    /// where that was agreed on.
    Compressed(End, Vec<u8>),
}

/// What is wrong with a frame.
#[derive(Clone, Copy)]
enum Oddity {
    /// The reserved bits stand as they are.
    ReservedBits,
    Unmasked,
    /// A short length in 16 bits.
    Long16,
    /// A short length in 64 bits.
    Long64,
    /// A length with its top bit set.
    TopBit,
    /// The longest length there is, and few bytes after it.
    Endless,
    /// More is announced than follows, so that the next frames are payload.
    Short,
    /// No frame: bytes as they are.
    Bytes,
}

impl Oddity {
    fn new(byte: u8) -> Self {
        use Oddity::*;
        [ReservedBits, Unmasked, Long16, Long64, TopBit, Endless, Short, Bytes]
            [usize::from(byte % 8)]
    }
}

/// The stream that a program stands for. With a compressor, RSV1 stands in frames as the program
/// has it, be their payload compressed or not. No payload is made that is longer than `most` bytes,
/// since what is far beyond a limit only takes time.
pub(crate) fn stream(program: &[u8], most: usize, mut squeeze: Option<&mut Squeeze>) -> Vec<u8> {
    let mut program = Reader::new(program);
    let mut out = Vec::new();
    let kept = if squeeze.is_some() { !RESERVED | COMPRESSED } else { !RESERVED };
    while !program.is_empty() && out.len() < MAX_STREAM {
        let (first, what, key) = (program.byte(), program.byte(), program.byte());
        let payload = payload(what, most, &mut program);
        let key = [key, key.wrapping_mul(3), key ^ 0x5a, !key];
        match (&payload, squeeze.as_deref_mut()) {
            (Payload::Odd(oddity, bytes), _) => odd(*oddity, first, kept, bytes, key, &mut out),
            (Payload::Given(bytes), _) => frame(first & kept, bytes, key, &mut out),
            (Payload::Filler(byte, len), _) => {
                frame(first & kept, &vec![*byte; *len], key, &mut out);
            }
            (Payload::Compressed(_, bytes), None) => frame(first & kept, bytes, key, &mut out),
            (Payload::Compressed(end, bytes), Some(squeeze)) => {
                let bytes = squeeze.message(bytes, *end);
                compressed(first, &bytes, key, &mut out);
            }
        }
    }
    out
}

fn payload<'d>(what: u8, most: usize, program: &mut Reader<'d>) -> Payload<'d> {
    let length = |by: u8| LENGTHS[usize::from(by) % LENGTHS.len()].min(most);
    match what {
        0..126 => Payload::Given(program.bytes(usize::from(what))),
        126..224 => Payload::Filler(program.byte(), length(what - 126)),
        224..240 => {
            let len = usize::from(program.byte() % 126);
            Payload::Odd(Oddity::new(what), program.bytes(len))
        }
        240.. => {
            let end = [End::Flush, End::LastBlock, End::Blocks][usize::from(what / 2) % 3];
            let len = program.byte();
            Payload::Compressed(
                end,
                match what % 2 {
                    0 => program.bytes(usize::from(len)).to_vec(),
                    _ => vec![program.byte(); length(len)],
                },
            )
        }
    }
}

/// A compressed message, in one frame; or in three, if its first byte has no FIN.
fn compressed(first: u8, payload: &[u8], key: [u8; 4], out: &mut Vec<u8>) {
    let (kind, is_whole) = (first & 0x0f | COMPRESSED, first & FIN != 0);
    if is_whole {
        return frame(FIN | kind, payload, key, out);
    }
    let (start, rest) = payload.split_at(payload.len() / 3);
    let (middle, end) = rest.split_at(rest.len() / 2);
    frame(kind, start, key, out);
    frame(0, middle, key, out);
    frame(FIN, end, key, out);
}

/// A frame that breaks a rule.
fn odd(oddity: Oddity, first: u8, kept: u8, bytes: &[u8], key: [u8; 4], out: &mut Vec<u8>) {
    let (plain, len) = (first & kept, bytes.len() as u64);
    match oddity {
        Oddity::ReservedBits => frame(first, bytes, key, out),
        Oddity::Unmasked => {
            out.extend([plain, bytes.len() as u8]);
            out.extend(bytes);
        }
        Oddity::Long16 => {
            out.extend([plain, MASKED | 126, 0, bytes.len() as u8]);
            push_masked(bytes, key, out);
        }
        Oddity::Long64 => long(plain, len, bytes, key, out),
        Oddity::TopBit => long(plain, len | 1 << 63, bytes, key, out),
        Oddity::Endless => long(plain, u64::MAX >> 1, bytes, key, out),
        Oddity::Short => {
            out.extend([plain, MASKED | 125]);
            push_masked(bytes, key, out);
        }
        Oddity::Bytes => out.extend(bytes),
    }
}

/// A frame as RFC 6455 section 5.2 has it, its length in its shortest form.
fn frame(first: u8, payload: &[u8], key: [u8; 4], out: &mut Vec<u8>) {
    match payload.len() {
        len @ 0..=125 => out.extend([first, MASKED | len as u8]),
        len @ 126..=65_535 => {
            out.extend([first, MASKED | 126]);
            out.extend((len as u16).to_be_bytes());
        }
        len => {
            out.extend([first, MASKED | 127]);
            out.extend((len as u64).to_be_bytes());
        }
    }
    push_masked(payload, key, out);
}

fn long(first: u8, len: u64, payload: &[u8], key: [u8; 4], out: &mut Vec<u8>) {
    out.extend([first, MASKED | 127]);
    out.extend(len.to_be_bytes());
    push_masked(payload, key, out);
}

fn push_masked(payload: &[u8], key: [u8; 4], out: &mut Vec<u8>) {
    out.extend(key);
    out.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_becomes_frames() {
        let program = [&[0xf1, 2, 0][..], b"hi", &[0x82, 128, 1, 7]].concat();
        let stream = stream(&program, 1000, None);
        let hi = [0x81, 0x82, 0, 0, 0x5a, 0xff, b'h', b'i'];
        assert_eq!(stream[..8], hi, "reserved bits are left out");
        assert_eq!(stream[8..12], [0x82, 0xfe, 0, 126]);
        assert_eq!(stream.len(), 8 + 4 + 4 + 126);
    }

    #[test]
    fn odd_frames_are_odd() {
        let of = |first, oddity: u8| stream(&[first, 224 + oddity, 0, 1, b'x'], 1000, None);
        assert_eq!(of(0xc1, 0)[0], 0xc1);
        assert_eq!(of(0x81, 1), [0x81, 1, b'x']);
        assert_eq!(of(0x81, 2)[1..4], [0xfe, 0, 1]);
        assert_eq!(of(0x81, 4)[1..3], [0xff, 0x80]);
        assert_eq!(of(0x81, 7), [b'x']);
    }
}
