//! Why a message is not what an app has declared, for the log and for the client.

use super::{Kind, Shape};
use std::fmt;

/// Close codes of messages that do not fit, the same as those of apps in C.
pub mod code {
    /// Too short, too long, or no multiple of an element's size.
    pub const WRONG_SIZE: u16 = 4900;
    /// Text where binary was wanted, or the reverse.
    pub const WRONG_KIND: u16 = 4901;
    /// No case for the first byte.
    pub const UNKNOWN_CASE: u16 = 4902;
    /// A value that its type does not have, such as text that is not UTF-8 (RFC 6455 section
    /// 7.4.1).
    pub const WRONG_VALUE: u16 = 1007;
}

/// Why a message is not of the type that was asked for. Displayed, it says what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mismatch {
    expected: &'static Shape,
    why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Size(usize),
    Kind,
    Case(u8),
    Value,
}

impl Mismatch {
    /// A message of `size` bytes.
    #[doc(hidden)]
    #[must_use]
    pub const fn size(expected: &'static Shape, size: usize) -> Self {
        Self { expected, why: Why::Size(size) }
    }

    /// A message of the wrong kind.
    #[doc(hidden)]
    #[must_use]
    pub const fn kind(expected: &'static Shape) -> Self {
        Self { expected, why: Why::Kind }
    }

    /// A message that begins with `byte`.
    #[doc(hidden)]
    #[must_use]
    pub const fn case(expected: &'static Shape, byte: u8) -> Self {
        Self { expected, why: Why::Case(byte) }
    }

    /// A message with a field whose bytes mean nothing.
    #[doc(hidden)]
    #[must_use]
    pub const fn value(expected: &'static Shape) -> Self {
        Self { expected, why: Why::Value }
    }

    /// The code with which [`Context::decode`](crate::Context::decode) closes the client: one of
    /// [`code`].
    #[must_use]
    pub const fn code(&self) -> u16 {
        match self.why {
            Why::Size(_) => code::WRONG_SIZE,
            Why::Kind => code::WRONG_KIND,
            Why::Case(_) => code::UNKNOWN_CASE,
            Why::Value => code::WRONG_VALUE,
        }
    }

    /// What the client is told: as much as a Close frame holds.
    pub(super) fn reason(&self) -> String {
        let mut reason = self.to_string();
        let mut size = reason.len().min(crate::abi::CLOSE_REASON_MAX_SIZE);
        while !reason.is_char_boundary(size) {
            size -= 1;
        }
        reason.truncate(size);
        reason
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shape { name, kind, unit, .. } = *self.expected;
        match self.why {
            Why::Size(size) => {
                match self.expected.sizes() {
                    (1, 1) => write!(f, "{name} takes 1 byte")?,
                    (min, max) if min == max => write!(f, "{name} takes {min} bytes")?,
                    (1, usize::MAX) => write!(f, "{name} takes 1 byte or more")?,
                    (min, usize::MAX) => write!(f, "{name} takes {min} bytes or more")?,
                    (min, max) => write!(f, "{name} takes {min} to {max} bytes")?,
                }
                match unit {
                    0 | 1 => write!(f, ", not {size}"),
                    _ => write!(f, " in steps of {unit}, not {size}"),
                }
            }
            Why::Kind if kind == Kind::Text => write!(f, "{name} must be text, not binary"),
            Why::Kind => write!(f, "{name} must be binary, not text"),
            Why::Case(byte) => write!(f, "{name} has no case {byte}"),
            Why::Value => write!(f, "{name} has a field whose value makes no sense"),
        }
    }
}

impl std::error::Error for Mismatch {}
