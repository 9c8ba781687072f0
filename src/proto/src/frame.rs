//! Frame headers (RFC 6455 section 5.2): reading a client's, writing ours.
//! Not for: what frames mean together (`message`, `connection`).

use serde::{Deserialize, Serialize};

use crate::close::Violation;

/// Longest header of a frame that a server sends, in bytes.
pub const MAX_HEADER: usize = 10;

/// Longest header of a frame that a client sends, in bytes.
pub(crate) const MAX_CLIENT_HEADER: usize = 14;

/// Longest payload of a control frame, in bytes (RFC 6455 section 5.5).
pub(crate) const MAX_CONTROL: usize = 125;

const FIN: u8 = 0x80;
const RESERVED_BITS: u8 = 0x70;
/// RSV1: the message is compressed (RFC 7692 section 6).
pub(crate) const COMPRESSED: u8 = 0x40;
const MASKED: u8 = 0x80;

/// What a frame is (RFC 6455 section 5.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Opcode {
    /// A further fragment of a message.
    Continuation,
    /// A text, or its first fragment.
    Text,
    /// Binary data, or their first fragment.
    Binary,
    /// The start of the closing handshake, or the answer to it.
    Close,
    /// A question whether the peer is there.
    Ping,
    /// The answer to a ping, or an unasked sign of life.
    Pong,
}

impl Opcode {
    /// The opcode with this number, if there is one.
    const fn new(number: u8) -> Option<Self> {
        match number {
            0x0 => Some(Self::Continuation),
            0x1 => Some(Self::Text),
            0x2 => Some(Self::Binary),
            0x8 => Some(Self::Close),
            0x9 => Some(Self::Ping),
            0xa => Some(Self::Pong),
            _ => None,
        }
    }

    /// The number in the frame.
    pub const fn get(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xa,
        }
    }

    /// Whether it stands for a control frame (RFC 6455 section 5.5).
    pub const fn is_control(self) -> bool {
        self.get() & 0x8 != 0
    }
}

/// The header of a whole, unfragmented frame that a server sends, and how many bytes of the array
/// it takes: FIN set, not masked, the length in its shortest form (RFC 6455 sections 5.1 and 5.2).
/// `payload_len` is below 2^63.
pub const fn header(opcode: Opcode, payload_len: u64) -> ([u8; MAX_HEADER], usize) {
    let mut header = [0; MAX_HEADER];
    header[0] = FIN | opcode.get();
    let len = payload_len.to_be_bytes();
    if payload_len <= MAX_CONTROL as u64 {
        header[1] = len[7];
        (header, 2)
    } else if payload_len <= u16::MAX as u64 {
        header[1] = 126;
        header[2] = len[6];
        header[3] = len[7];
        (header, 4)
    } else {
        header[1] = 127;
        let mut i = 0;
        while i < 8 {
            header[2 + i] = len[i];
            i += 1;
        }
        (header, 10)
    }
}

/// Header and payload of a whole frame whose header is one of [`header`]'s; `None` if it is not.
pub fn split(frame: &[u8]) -> Option<(&[u8], &[u8])> {
    let header_len = match frame.get(1)? {
        0..=125 => 2,
        126 => 4,
        127 => MAX_HEADER,
        _ => return None,
    };
    frame.split_at_checked(header_len)
}

/// The opcode of a frame that begins with this header.
pub fn opcode(header: &[u8]) -> Option<Opcode> {
    Opcode::new(header.first()? & 0x0f)
}

/// Appends a control frame. `payload` has at most 125 bytes.
pub(crate) fn write_control(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    debug_assert!(opcode.is_control() && payload.len() <= MAX_CONTROL);
    let (header, header_len) = header(opcode, payload.len() as u64);
    out.extend_from_slice(&header[..header_len]);
    out.extend_from_slice(payload);
}

/// The header of a frame that a client sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub(crate) is_final: bool,
    /// Only ever in the first frame of a message.
    pub(crate) is_compressed: bool,
    pub(crate) opcode: Opcode,
    pub(crate) key: [u8; 4],
    /// Below 2^63.
    pub(crate) payload_len: u64,
    /// Bytes that the header itself takes.
    pub(crate) len: usize,
}

/// Reads the header of what nearly all traffic is: a frame that is a message by itself, is not
/// compressed, and lies in `bytes` whole. `None` if it is anything else, or wrong, for [`parse`] to
/// say what.
#[inline]
pub(crate) fn parse_whole_message(bytes: &[u8]) -> Option<Header> {
    const TEXT: u8 = FIN | Opcode::Text.get();
    const BINARY: u8 = FIN | Opcode::Binary.get();
    let &[first, second, ref rest @ ..] = bytes else { return None };
    let opcode = match first {
        TEXT => Opcode::Text,
        BINARY => Opcode::Binary,
        _ => return None,
    };
    let (payload_len, at) = match (second ^ MASKED, rest) {
        (len @ 0..=125, _) => (u64::from(len), 2),
        (126, &[a, b, ..]) => (u64::from(u16::from_be_bytes([a, b])), 4),
        (127, &[a, b, c, d, e, f, g, h, ..]) => (u64::from_be_bytes([a, b, c, d, e, f, g, h]), 10),
        _ => return None,
    };
    let is_shortest = match at {
        2 => true,
        4 => payload_len > MAX_CONTROL as u64,
        _ => payload_len > u64::from(u16::MAX),
    };
    let &[a, b, c, d] = bytes.get(at..at + 4)? else { return None };
    let (key, len) = ([a, b, c, d], at + 4);
    if !is_shortest || payload_len > (bytes.len() - len) as u64 {
        return None;
    }
    Some(Header { is_final: true, is_compressed: false, opcode, key, payload_len, len })
}

/// Reads the header at the start of `bytes`; `None` if it goes on beyond them. `may_compress` says
/// whether permessage-deflate has been agreed on.
///
/// Faults are looked for in the order of the bytes, so that which one is found does not depend on
/// how many bytes are there.
#[inline]
pub(crate) fn parse(bytes: &[u8], may_compress: bool) -> Result<Option<Header>, Violation> {
    let Some(&first) = bytes.first() else { return Ok(None) };
    let known = if may_compress { COMPRESSED } else { 0 };
    if first & RESERVED_BITS & !known != 0 {
        return Err(Violation::protocol("a reserved bit is set that no extension uses"));
    }
    let Some(opcode) = Opcode::new(first & 0x0f) else {
        return Err(Violation::protocol("a frame has a reserved opcode"));
    };
    let is_compressed = first & COMPRESSED != 0;
    if is_compressed && !matches!(opcode, Opcode::Text | Opcode::Binary) {
        return Err(Violation::protocol("RSV1 is set beyond the first frame of a message"));
    }
    let is_final = first & FIN != 0;
    if opcode.is_control() && !is_final {
        return Err(Violation::protocol("a control frame is fragmented"));
    }
    let Some(&second) = bytes.get(1) else { return Ok(None) };
    if second & MASKED == 0 {
        return Err(Violation::protocol("a frame is not masked"));
    }
    if opcode.is_control() && second & 0x7f > MAX_CONTROL as u8 {
        return Err(Violation::protocol("a control frame has more than 125 bytes"));
    }
    let Some((payload_len, at)) = parse_len(second & 0x7f, &bytes[2..])? else { return Ok(None) };
    let Some(&[a, b, c, d]) = bytes.get(at..at + 4) else { return Ok(None) };
    let (key, len) = ([a, b, c, d], at + 4);
    Ok(Some(Header { is_final, is_compressed, opcode, key, payload_len, len }))
}

/// The length of the payload, and where the masking key begins.
#[inline]
fn parse_len(short: u8, bytes: &[u8]) -> Result<Option<(u64, usize)>, Violation> {
    const NOT_MINIMAL: Violation = Violation::protocol("a length is not in its shortest form");
    match (short, bytes) {
        (126, &[a, b, ..]) => match u16::from_be_bytes([a, b]) {
            len if len <= MAX_CONTROL as u16 => Err(NOT_MINIMAL),
            len => Ok(Some((u64::from(len), 4))),
        },
        (127, &[a, b, c, d, e, f, g, h, ..]) => {
            match u64::from_be_bytes([a, b, c, d, e, f, g, h]) {
                len if len <= u64::from(u16::MAX) => Err(NOT_MINIMAL),
                len if len >> 63 != 0 => Err(Violation::protocol("a length has its top bit set")),
                len => Ok(Some((len, 10))),
            }
        }
        (126 | 127, _) => Ok(None),
        (len, _) => Ok(Some((u64::from(len), 2))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(bytes: &[u8]) -> &'static str {
        let violation = parse(bytes, false).unwrap_err();
        assert_eq!(violation.code, crate::CloseCode::PROTOCOL_ERROR);
        violation.why
    }

    #[test]
    fn rfc6455_5_2_all_three_forms_of_the_length() {
        for (len, form) in
            [(0, 2), (125, 2), (126, 4), (65535, 4), (65536, 10), (i64::MAX as u64, 10)]
        {
            let (bytes, header_len) = header(Opcode::Binary, len);
            assert_eq!(header_len, form);
            let mut client = bytes[..header_len].to_vec();
            client[1] |= MASKED;
            client.extend([1, 2, 3, 4]);
            for partial in 0..client.len() {
                assert_eq!(parse(&client[..partial], false), Ok(None));
            }
            let header = parse(&client, false).unwrap().unwrap();
            let expected = Header {
                is_final: true,
                is_compressed: false,
                opcode: Opcode::Binary,
                key: [1, 2, 3, 4],
                payload_len: len,
                len: form + 4,
            };
            assert_eq!(header, expected);
        }
    }

    #[test]
    fn what_is_read_the_short_way_is_what_is_read_the_long_way() {
        let lens: [&[u64]; 3] = [&[0], &[125, 126, 300], &[0xffff, 0x1_0000, 1 << 63]];
        let mut found = 0;
        for (first, second) in (0..=255).flat_map(|a| (0..=255).map(move |b| (a, b))) {
            let form = (second & 0x7fu8).saturating_sub(125);
            for &len in lens[usize::from(form)] {
                let (len, extended) = match form {
                    0 => (u64::from(second & 0x7f), &[][..]),
                    1 => (len, &len.to_be_bytes()[6..]),
                    _ => (len, &len.to_be_bytes()[..]),
                };
                let mut bytes = [&[first, second], extended, &[1, 2, 3, 4]].concat();
                let whole = bytes.len() + len.min(0x1_0000) as usize;
                bytes.resize(whole + 1, 0);
                for end in [1, 2, 5, whole - 1, whole, whole + 1] {
                    let bytes = &bytes[..end];
                    let is_whole_message = |header: &Header| {
                        let is_data = matches!(header.opcode, Opcode::Text | Opcode::Binary);
                        let there = (bytes.len() - header.len) as u64;
                        header.is_final && is_data && header.payload_len <= there
                    };
                    let expected = parse(bytes, false).ok().flatten().filter(is_whole_message);
                    assert_eq!(parse_whole_message(bytes), expected);
                    found += u32::from(expected.is_some());
                }
            }
        }
        // Two opcodes; 126 short lengths, two of 16 bits and one of 64; ending there and later.
        assert_eq!(found, 2 * (126 + 2 + 1) * 2);
    }

    #[test]
    fn rfc6455_5_1_headers_of_the_server_have_no_mask_and_no_reserved_bit() {
        use Opcode::{Binary, Close, Ping, Pong, Text};
        for opcode in [Text, Binary, Close, Ping, Pong] {
            for len in [0, 125, 126, 65535, 65536, i64::MAX as u64] {
                let (bytes, _) = header(opcode, len);
                assert_eq!(bytes[0], FIN | opcode.get(), "{opcode:?}");
                assert_eq!(bytes[1] & MASKED, 0, "{opcode:?} of {len}");
            }
        }
    }

    #[test]
    fn rfc6455_5_2_lengths_must_be_minimal_and_below_2_63() {
        let minimal = "a length is not in its shortest form";
        assert_eq!(why(&[0x82, 0xfe, 0, 125]), minimal);
        assert_eq!(why(&[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff]), minimal);
        assert_eq!(why(&[0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0]), "a length has its top bit set");
    }

    #[test]
    fn rfc6455_5_2_reserved_bits_and_opcodes() {
        for bit in [0x40, 0x20, 0x10] {
            assert!(why(&[0x81 | bit]).starts_with("a reserved bit"));
        }
        for opcode in (0x3..=0x7).chain(0xb..=0xf) {
            assert_eq!(why(&[0x80 | opcode]), "a frame has a reserved opcode");
        }
    }

    #[test]
    fn rfc6455_5_1_frames_of_clients_are_masked() {
        assert_eq!(why(&[0x81, 0x05]), "a frame is not masked");
    }

    #[test]
    fn rfc6455_5_5_control_frames_are_short_and_whole() {
        assert_eq!(why(&[0x89, 0xfe]), "a control frame has more than 125 bytes");
        assert_eq!(why(&[0x09]), "a control frame is fragmented");
        assert!(parse(&[0x89, 0xfd], false).unwrap().is_none());
    }

    #[test]
    fn rfc7692_6_rsv1_may_be_set_in_the_first_frame_of_a_message_only() {
        let compressed = |first| {
            parse(&[first, 0x80, 0, 0, 0, 0], true)
                .map(|header| header.is_some_and(|header| header.is_compressed))
        };
        assert_eq!(
            (compressed(0xc1), compressed(0x42), compressed(0x81)),
            (Ok(true), Ok(true), Ok(false))
        );
        for first in [0xc0, 0x40, 0xc8, 0xc9, 0xca] {
            assert!(compressed(first).unwrap_err().why.starts_with("RSV1"), "{first:x}");
        }
        for first in [0xe1, 0xd1, 0xa1, 0x91] {
            assert!(compressed(first).unwrap_err().why.starts_with("a reserved bit"), "{first:x}");
        }
    }

    #[test]
    fn a_frame_of_ours_is_split_again() {
        for len in [0, 125, 126, 65535, 65536] {
            let (bytes, header_len) = header(Opcode::Text, len as u64);
            let frame = [&bytes[..header_len], &vec![7; len]].concat();
            assert_eq!(split(&frame), Some(frame.split_at(header_len)));
            assert_eq!(opcode(&frame), Some(Opcode::Text));
            assert_eq!(split(&frame[..1]), None);
        }
    }
}
