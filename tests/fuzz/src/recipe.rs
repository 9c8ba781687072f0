//! How a fuzz input becomes a conversation: a few bytes that say how it is held, then the bytes
//! that the client sends.
//! Not for: what the client's bytes are made of (`client`).
//!
//! The layout: flags; how many chunk lengths follow (modulo 8), and those; two bytes for each
//! action that the flags ask for; the rest is the body. What is missing counts as 0, so that every
//! input means something.

/// The server begins the closing handshake at some place.
const CLOSE: u8 = 0x01;
/// So much time passes at some place that every deadline has come.
const EXPIRE: u8 = 0x02;
/// The body is what the client sends; otherwise it is a program of frames.
const RAW: u8 = 0x04;

/// Reads bytes from the front; zeroes once there are no more.
#[derive(Clone, Debug)]
pub struct Reader<'d> {
    rest: &'d [u8],
}

impl<'d> Reader<'d> {
    /// A reader at the first byte.
    pub fn new(data: &'d [u8]) -> Self {
        Self { rest: data }
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or_default()
    }

    /// The next two bytes as a number, the high one first.
    pub fn number(&mut self) -> usize {
        usize::from(self.byte()) << 8 | usize::from(self.byte())
    }

    /// The next `count` bytes, or what is left.
    pub fn bytes(&mut self, count: usize) -> &'d [u8] {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        taken
    }
}

/// How a conversation is held.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Recipe<'d> {
    /// Which of its sets of limits the target uses (modulo their number); 0 to 15.
    pub variant: u8,
    /// How much arrives at a time, in turn and over again; see [`chunk_len`].
    pub chunks: &'d [u8],
    /// Where the server begins the closing handshake, counted in the client's bytes (modulo their
    /// number and one).
    pub close_at: Option<usize>,
    /// Where every deadline passes, likewise.
    pub expire_at: Option<usize>,
    /// Whether the body is what the client sends, as it stands.
    pub is_raw: bool,
    /// What the client's bytes are made of.
    pub body: &'d [u8],
}

impl<'d> Recipe<'d> {
    /// Any bytes are a recipe.
    pub fn read(data: &'d [u8]) -> Self {
        let mut reader = Reader::new(data);
        let flags = reader.byte();
        let chunk_c = usize::from(reader.byte() % 8);
        let chunks = reader.bytes(chunk_c);
        let mut place = |flag| (flags & flag != 0).then(|| reader.number());
        let (close_at, expire_at) = (place(CLOSE), place(EXPIRE));
        let is_raw = flags & RAW != 0;
        Self { variant: flags >> 4, chunks, close_at, expire_at, is_raw, body: reader.rest }
    }

    /// The bytes that [`Recipe::read`] reads this from.
    pub fn write(&self) -> Vec<u8> {
        let mut flags = self.variant << 4;
        let mut places = Vec::new();
        for (flag, place) in [(CLOSE, self.close_at), (EXPIRE, self.expire_at)] {
            if let Some(place) = place {
                flags |= flag;
                places.extend(u16::try_from(place).unwrap_or(u16::MAX).to_be_bytes());
            }
        }
        if self.is_raw {
            flags |= RAW;
        }
        let chunk_c = u8::try_from(self.chunks.len()).expect("at most 7 chunk lengths");
        assert!(chunk_c < 8, "at most 7 chunk lengths");
        [&[flags, chunk_c], self.chunks, &places, self.body].concat()
    }
}

/// The length of a chunk: most bytes mean themselves, the last quarter longer ones, up to 4 KiB. A
/// receive of nothing is possible too.
pub fn chunk_len(byte: u8) -> usize {
    match byte {
        0..192 => usize::from(byte),
        _ => 64 * usize::from(byte - 191),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let recipe = Recipe {
            variant: 9,
            chunks: &[1, 0, 200],
            close_at: Some(258),
            expire_at: None,
            is_raw: true,
            body: b"body",
        };
        assert_eq!(Recipe::read(&recipe.write()), recipe);
        let other = Recipe { close_at: None, expire_at: Some(3), is_raw: false, ..recipe };
        assert_eq!(Recipe::read(&other.write()), other);
        assert_eq!(Recipe::read(&[]), Recipe::default());
    }

    #[test]
    fn chunks_reach_from_nothing_to_4_kib() {
        assert_eq!([0, 1, 191, 192, 255].map(chunk_len), [0, 1, 191, 64, 4096]);
    }
}
