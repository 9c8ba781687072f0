//! What a client sends after its handshake, written from a program: a few bytes for each frame, so
//! that a fuzzer that changes a byte gets another frame and not a broken one.
//! Not for: streams that are no frames at all; those come as they are (`Recipe::is_raw`).
//!
//! An instruction is three bytes and what they ask for: the first byte of a frame, of which
//! reserved bits count only if the second byte says so; what the payload is (see [`Payload`]); and
//! a byte from which the masking key is made.

use crate::recipe::Reader;

/// A stream ends once it is this long, so that no input is slow.
const MAX_STREAM: usize = 80_000;

const RESERVED: u8 = 0x70;
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
    /// 224 to 255: as [`Payload::Given`], in a frame that breaks a rule.
    Odd(Oddity, &'d [u8]),
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

/// The stream that a program stands for.
pub fn stream(program: &[u8]) -> Vec<u8> {
    let mut program = Reader::new(program);
    let mut out = Vec::new();
    while !program.is_empty() && out.len() < MAX_STREAM {
        let (first, what, key) = (program.byte(), program.byte(), program.byte());
        let payload = match what {
            0..126 => Payload::Given(program.bytes(usize::from(what))),
            126..224 => {
                Payload::Filler(program.byte(), LENGTHS[usize::from(what - 126) % LENGTHS.len()])
            }
            224.. => {
                let len = usize::from(program.byte() % 126);
                Payload::Odd(Oddity::new(what), program.bytes(len))
            }
        };
        write(first, &payload, key, &mut out);
    }
    out
}

fn write(first: u8, payload: &Payload<'_>, key: u8, out: &mut Vec<u8>) {
    let key = [key, key.wrapping_mul(3), key ^ 0x5a, !key];
    let plain = first & !RESERVED;
    match *payload {
        Payload::Given(bytes) => frame(plain, bytes, key, out),
        Payload::Filler(byte, len) => frame(plain, &vec![byte; len], key, out),
        Payload::Odd(oddity, bytes) => {
            let len = bytes.len() as u64;
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
    }
}

/// A frame as RFC 6455 section 5.2 has it, its length in its shortest form.
pub fn frame(first: u8, payload: &[u8], key: [u8; 4], out: &mut Vec<u8>) {
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
        let stream = stream(&program);
        let hi = [0x81, 0x82, 0, 0, 0x5a, 0xff, b'h', b'i'];
        assert_eq!(stream[..8], hi, "reserved bits are left out");
        assert_eq!(stream[8..12], [0x82, 0xfe, 0, 126]);
        assert_eq!(stream.len(), 8 + 4 + 4 + 126);
    }

    #[test]
    fn odd_frames_are_odd() {
        let of = |first, oddity: u8| stream(&[first, 224 + oddity, 0, 1, b'x']);
        assert_eq!(of(0xc1, 0)[0], 0xc1);
        assert_eq!(of(0x81, 1), [0x81, 1, b'x']);
        assert_eq!(of(0x81, 2)[1..4], [0xfe, 0, 1]);
        assert_eq!(of(0x81, 4)[1..3], [0xff, 0x80]);
        assert_eq!(of(0x81, 7), [b'x']);
    }
}
