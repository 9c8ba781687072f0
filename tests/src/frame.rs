//! WebSocket frames (RFC 6455 section 5) as a client writes and reads them: `Frame` gives full
//! control over every bit sent, right or wrong; `Scanner` reads a server's frames strictly and in
//! pieces, without ever holding a payload. Not for joining fragments: that is `client`'s part.

/// Opcodes of RFC 6455 section 11.8.
pub mod opcode {
    /// Goes on with a fragmented message.
    pub const CONTINUATION: u8 = 0x0;
    /// Text message.
    pub const TEXT: u8 = 0x1;
    /// Binary message.
    pub const BINARY: u8 = 0x2;
    /// Close frame.
    pub const CLOSE: u8 = 0x8;
    /// Ping frame.
    pub const PING: u8 = 0x9;
    /// Pong frame.
    pub const PONG: u8 = 0xa;
}

/// How the payload length is written; anything but `Shortest` breaks section 5.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LengthForm {
    /// The shortest form that fits, as the RFC demands.
    Shortest,
    /// Always the 16-bit form.
    U16,
    /// Always the 64-bit form.
    U64,
}

/// One frame to send, with nothing left to chance.
#[derive(Clone, Debug)]
pub struct Frame<'a> {
    /// Last fragment of its message.
    pub fin: bool,
    /// The three reserved bits, RSV1 as the highest (4), RSV3 as the lowest (1).
    pub rsv: u8,
    /// Opcode, 4 bits.
    pub opcode: u8,
    /// Masking key; `None` sends the frame unmasked, which only servers may do.
    pub mask: Option<[u8; 4]>,
    /// How the length is written.
    pub length_form: LengthForm,
    /// A length to declare in place of the payload's own.
    pub declared: Option<u64>,
    /// Payload before masking.
    pub payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// A whole, valid, masked frame.
    pub fn new(opcode: u8, payload: &'a [u8]) -> Self {
        Self {
            fin: true,
            rsv: 0,
            opcode,
            mask: Some([0x37, 0xfa, 0x21, 0x3d]),
            length_form: LengthForm::Shortest,
            declared: None,
            payload,
        }
    }

    /// The same frame as a fragment that is not the last.
    pub fn unfinished(mut self) -> Self {
        self.fin = false;
        self
    }

    /// Appends the frame's bytes to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.fin) << 7 | (self.rsv & 7) << 4 | (self.opcode & 15));
        let masked = if self.mask.is_some() { 0x80 } else { 0 };
        let len = self.declared.unwrap_or(self.payload.len() as u64);
        match self.length_form {
            LengthForm::Shortest if len < 126 => out.push(masked | len as u8),
            LengthForm::Shortest | LengthForm::U16 if len <= 0xffff => {
                out.push(masked | 126);
                out.extend_from_slice(&(len as u16).to_be_bytes());
            }
            _ => {
                out.push(masked | 127);
                out.extend_from_slice(&len.to_be_bytes());
            }
        }
        let Some(key) = self.mask else { return out.extend_from_slice(self.payload) };
        out.extend_from_slice(&key);
        let start = out.len();
        out.extend_from_slice(self.payload);
        mask(&mut out[start..], key);
    }

    /// The frame's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.payload.len() + 14);
        self.write(&mut out);
        out
    }
}

/// XORs `bytes` with the masking key (RFC 6455 section 5.3).
pub fn mask(bytes: &mut [u8], key: [u8; 4]) {
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let mut chunks = bytes.chunks_exact_mut(8);
    for chunk in &mut chunks {
        let word: [u8; 8] = (&*chunk).try_into().expect("chunks of eight");
        chunk.copy_from_slice(&(u64::from_ne_bytes(word) ^ wide).to_ne_bytes());
    }
    for (i, byte) in chunks.into_remainder().iter_mut().enumerate() {
        *byte ^= key[i % 4];
    }
}

/// Size of the header of an unmasked (server) frame with FIN and a payload of `len` bytes.
pub const fn server_header_size(len: usize) -> usize {
    if len < 126 {
        2
    } else if len <= 0xffff {
        4
    } else {
        10
    }
}

/// What a server's frame header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Last fragment of its message.
    pub fin: bool,
    /// RSV1: the message is compressed (RFC 7692 section 6).
    pub compressed: bool,
    /// Opcode, 4 bits.
    pub opcode: u8,
    /// Payload length in bytes.
    pub len: u64,
}

impl Header {
    /// Close, ping, pong, or a control opcode yet unknown.
    pub fn is_control(&self) -> bool {
        self.opcode & 8 != 0
    }
}

/// A part of a frame.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A frame begins.
    Header(Header),
    /// A run of its payload, never empty.
    Payload(&'a [u8]),
    /// The frame is complete.
    End,
}

/// Reads a server's frames piece by piece. Holds at most one header.
#[derive(Debug, Default)]
pub struct Scanner {
    head: [u8; 10],
    have: usize,
    /// Payload bytes still to come; `None` between frames.
    left: Option<u64>,
    /// Compressed messages have been agreed on.
    pub may_compress: bool,
}

impl Scanner {
    /// The next piece of what `input` starts with; moves `input` past it. `None`: more bytes are
    /// needed. An error says which rule the server broke.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Piece<'a>>, String> {
        match self.left {
            Some(0) => {
                self.left = None;
                Ok(Some(Piece::End))
            }
            Some(_) if input.is_empty() => Ok(None),
            Some(left) => {
                let take = left.min(input.len() as u64) as usize;
                let (payload, rest) = input.split_at(take);
                *input = rest;
                self.left = Some(left - take as u64);
                Ok(Some(Piece::Payload(payload)))
            }
            None => self.header(input),
        }
    }

    /// Whether the bytes so far end between two frames.
    pub fn is_between_frames(&self) -> bool {
        self.left.is_none() && self.have == 0
    }

    fn header<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Piece<'a>>, String> {
        loop {
            let need = match (self.have, self.head[1] & 0x7f) {
                (0 | 1, _) => 2,
                (_, 126) => 4,
                (_, 127) => 10,
                _ => 2,
            };
            if self.have == need {
                break;
            }
            let take = (need - self.have).min(input.len());
            if take == 0 {
                return Ok(None);
            }
            self.head[self.have..self.have + take].copy_from_slice(&input[..take]);
            self.have += take;
            *input = &input[take..];
        }
        let header = self.check()?;
        self.have = 0;
        self.left = Some(header.len);
        Ok(Some(Piece::Header(header)))
    }

    /// The rules of section 5.2 that a single server frame must keep, and those of RFC 7692.
    fn check(&self) -> Result<Header, String> {
        let head = &self.head;
        let fin = head[0] & 0x80 != 0;
        let opcode = head[0] & 15;
        let len = match head[1] & 0x7f {
            126 => u64::from(u16::from_be_bytes([head[2], head[3]])),
            127 => u64::from_be_bytes(head[2..10].try_into().expect("eight bytes")),
            short => u64::from(short),
        };
        let compressed = head[0] & 0x40 != 0;
        let rule = if head[0] & 0x30 != 0 || compressed && !self.may_compress {
            "a reserved bit is set"
        } else if compressed && !matches!(opcode, 1 | 2) {
            "RSV1 is set beyond the first frame of a message"
        } else if head[1] & 0x80 != 0 {
            "a server's frame is masked"
        } else if !matches!(opcode, 0..=2 | 8..=10) {
            "unknown opcode"
        } else if opcode & 8 != 0 && !fin {
            "a control frame is fragmented"
        } else if opcode & 8 != 0 && len > 125 {
            "a control frame is longer than 125 bytes"
        } else if (self.have == 4 && len < 126) || (self.have == 10 && len <= 0xffff) {
            "the length is not in its shortest form"
        } else if len >> 63 != 0 {
            "the length's highest bit is set"
        } else {
            return Ok(Header { fin, compressed, opcode, len });
        };
        Err(format!("{rule} (header {:02x?})", &head[..self.have]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(bytes: &[u8], step: usize) -> Result<Vec<(Header, Vec<u8>)>, String> {
        let mut scanner = Scanner::default();
        let mut frames = Vec::new();
        let mut open: Option<(Header, Vec<u8>)> = None;
        for chunk in bytes.chunks(step) {
            let mut input = chunk;
            while let Some(piece) = scanner.next(&mut input)? {
                match piece {
                    Piece::Header(header) => open = Some((header, Vec::new())),
                    Piece::Payload(part) => open.as_mut().unwrap().1.extend_from_slice(part),
                    Piece::End => frames.push(open.take().unwrap()),
                }
            }
        }
        assert!(scanner.is_between_frames());
        Ok(frames)
    }

    fn server(opcode: u8, payload: &[u8]) -> Vec<u8> {
        Frame { mask: None, ..Frame::new(opcode, payload) }.to_bytes()
    }

    #[test]
    fn the_masked_hello_of_rfc6455_section_5_7() {
        let frame = Frame::new(opcode::TEXT, b"Hello").to_bytes();
        assert_eq!(frame, [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    }

    #[test]
    fn frames_of_every_length_form_in_any_pieces() {
        let mut bytes = Vec::new();
        let sizes = [0usize, 1, 125, 126, 127, 0xffff, 0x10000];
        for size in sizes {
            bytes.extend_from_slice(&server(opcode::BINARY, &vec![7; size]));
        }
        for step in [1, 2, 3, 1000, bytes.len()] {
            let frames = scan(&bytes, step).unwrap();
            assert_eq!(frames.iter().map(|f| f.1.len()).collect::<Vec<_>>(), sizes);
        }
    }

    #[test]
    fn each_broken_rule_is_named() {
        let broken: [(&[u8], &str); 7] = [
            (&[0xc1, 0], "reserved"),
            (&[0x81, 0x80], "masked"),
            (&[0x83, 0], "opcode"),
            (&[0x09, 0], "fragmented"),
            (&[0x89, 126, 0, 126], "125"),
            (&[0x82, 126, 0, 125], "shortest"),
            (&[0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff], "shortest"),
        ];
        for (bytes, word) in broken {
            let error = scan(bytes, 1).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
