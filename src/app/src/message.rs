//! What an app gets: a message, and the end of a connection.

use crate::abi;

/// A WebSocket message, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Text, which WebSocket demands to be UTF-8 (RFC 6455 section 5.6).
    Text(&'a str),
    /// Binary data.
    Binary(&'a [u8]),
}

impl<'a> Message<'a> {
    /// The payload, whatever its kind.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// The payload of a text message.
    #[must_use]
    pub const fn as_text(&self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    pub(crate) const fn to_abi(self) -> (abi::DataKind, &'a [u8]) {
        match self {
            Self::Text(text) => (abi::DataKind::UTF8, text.as_bytes()),
            Self::Binary(bytes) => (abi::DataKind::BIN, bytes),
        }
    }

    /// Size of the payload in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the payload has no bytes. Such messages are allowed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> From<&'a str> for Message<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Message<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Binary(bytes)
    }
}

/// How a connection ended (RFC 6455 section 7.1.5 and 7.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Close<'a> {
    /// The code of the client's Close frame, or the one with which the server or the app closed
    /// the connection. 1005: a Close frame without a code; 1006: the connection was lost.
    pub code: u16,
    /// The reason that came with the code; often empty.
    pub reason: &'a str,
}
