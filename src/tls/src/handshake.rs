//! Handshake messages after the handshake, which may lie in pieces over several records
//! (section 5.1): TLS 1.3's KeyUpdate, and TLS 1.2's ClientHello that asks to renegotiate.
//! Not for: any other message; there is no room for one.

use crate::alert::Alert;
use crate::header::Violation;
use crate::suite::Version;

/// Numbers of messages (section 4).
const CLIENT_HELLO: u8 = 1;
const KEY_UPDATE: u8 = 24;
/// Type and length.
const HEAD_LEN: usize = 4;
/// Most bytes of a ClientHello that is passed over. Those of browsers have less than 2 KiB.
const MAX_CLIENT_HELLO: u32 = 1 << 16;

/// Puts messages together from their pieces.
#[derive(Debug, Default)]
pub(crate) struct Joiner {
    /// A message's head, and a KeyUpdate's one byte.
    start: [u8; HEAD_LEN + 1],
    /// How much of that is there.
    len: u8,
    /// Bytes of a ClientHello that are still to come.
    to_skip: u32,
}

impl Joiner {
    /// Whether a message has begun and not ended, so that no other record may come.
    pub(crate) fn is_amid(&self) -> bool {
        self.len > 0 || self.to_skip > 0
    }

    /// The bytes of a head that has begun, and how many of a body are still to be skipped.
    pub(crate) fn amid(&self) -> (&[u8], u32) {
        (&self.start[..usize::from(self.len)], self.to_skip)
    }

    /// A joiner amid just that; `None` if none can be.
    pub(crate) fn resumed(version: Version, begun: &[u8], to_skip: u32) -> Option<Self> {
        let mut joiner = Self::default();
        let is_amid_head = match version {
            Version::Tls13 => joiner.key_update(begun) == Ok(None),
            Version::Tls12 => joiner.client_hellos(begun) == Ok(0),
        };
        let is_amid_body = begun.is_empty() && version == Version::Tls12;
        if !is_amid_head || to_skip > 0 && !is_amid_body || to_skip > MAX_CLIENT_HELLO {
            return None;
        }
        joiner.to_skip = to_skip;
        Some(joiner)
    }

    fn push(&mut self, byte: u8) -> usize {
        self.start[usize::from(self.len)] = byte;
        self.len += 1;
        usize::from(self.len)
    }

    /// The body's length by a whole head.
    fn body_len(&self) -> u32 {
        let [_, high, middle, low, _] = self.start;
        u32::from_be_bytes([0, high, middle, low])
    }

    /// Takes the content of a record of TLS 1.3. Yields whether an answer is asked for, once a
    /// KeyUpdate is whole (section 4.6.3).
    pub(crate) fn key_update(&mut self, fragment: &[u8]) -> Result<Option<bool>, Violation> {
        for (at, &byte) in fragment.iter().enumerate() {
            match self.push(byte) {
                1 if byte != KEY_UPDATE => {
                    return Err(Violation::unexpected("a handshake message other than KeyUpdate"));
                }
                HEAD_LEN if self.body_len() != 1 => {
                    return Err(Violation::new(
                        Alert::DecodeError,
                        "a KeyUpdate of a wrong length",
                    ));
                }
                len if len > HEAD_LEN => {
                    self.len = 0;
                    // What follows would be under other keys (section 5.1).
                    if at + 1 < fragment.len() {
                        return Err(Violation::unexpected(
                            "a KeyUpdate that does not end its record",
                        ));
                    }
                    return match byte {
                        0 => Ok(Some(false)),
                        1 => Ok(Some(true)),
                        _ => Err(Violation::new(Alert::IllegalParameter, "an unknown KeyUpdate")),
                    };
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// Takes the content of a record of TLS 1.2. Yields how many ClientHellos begin in it; what they
    /// say is passed over (RFC 5246 section 7.4.1.2).
    pub(crate) fn client_hellos(&mut self, mut fragment: &[u8]) -> Result<u8, Violation> {
        let mut count: u8 = 0;
        loop {
            let skipped = fragment.len().min(self.to_skip as usize);
            self.to_skip -= skipped as u32;
            fragment = &fragment[skipped..];
            let Some((&byte, rest)) = fragment.split_first() else { return Ok(count) };
            fragment = rest;
            let len = self.push(byte);
            if len == 1 && byte != CLIENT_HELLO {
                return Err(Violation::unexpected("a handshake message other than ClientHello"));
            }
            if len == HEAD_LEN {
                self.len = 0;
                self.to_skip = self.body_len();
                if self.to_skip > MAX_CLIENT_HELLO {
                    return Err(Violation::new(Alert::DecodeError, "a ClientHello too long"));
                }
                count = count.saturating_add(1);
            }
        }
    }
}

/// A KeyUpdate, whole.
pub(crate) fn key_update(is_requested: bool) -> [u8; HEAD_LEN + 1] {
    [KEY_UPDATE, 0, 0, 1, u8::from(is_requested)]
}
