//! Why the server did not do what an app asked for.

use crate::abi;
use std::ffi::c_int;
use std::fmt;

/// Why the server did not do what the app asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// No client of this app with that number is open.
    NoClient,
    /// A message is larger than [`max_message_size`](crate::Conf::max_message_size), or the reason
    /// of a close longer than 123 bytes.
    TooLarge,
    /// A close code that an app must not send.
    CloseCode,
    /// Not allowed in the callback that is running.
    NotHere,
    /// An argument that the server does not understand.
    Argument,
    /// A stated limit has been reached: of calls that wait ([`Handle`](crate::Handle)), or of topics in the
    /// server's configuration.
    Limit,
    /// A typed message is not as it is declared: an array or a string with too few elements or too
    /// many, or a text that is not UTF-8.
    Malformed,
    /// The name of a topic has not 1 to 255 bytes.
    TopicName,
    /// A result that this version of the crate does not know.
    Other(i32),
}

impl Error {
    /// The result of a host function.
    pub(crate) fn check(result: c_int) -> Result<(), Self> {
        Err(match result {
            abi::OK => return Ok(()),
            abi::E_CLIENT => Self::NoClient,
            abi::E_SIZE => Self::TooLarge,
            abi::E_CODE => Self::CloseCode,
            abi::E_CALL => Self::NotHere,
            abi::E_ARG => Self::Argument,
            abi::E_LIMIT => Self::Limit,
            other => Self::Other(other),
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoClient => "no such client is open",
            Self::TooLarge => "larger than allowed",
            Self::CloseCode => {
                "a close code must be 1000 to 1003, 1007 to 1009, 1011 to 1014 or 3000 to 4999"
            }
            Self::NotHere => "not allowed in this callback",
            Self::Argument => "the server does not understand an argument",
            Self::Limit => "a limit has been reached",
            Self::Malformed => "the message is not as it is declared",
            Self::TopicName => "the name of a topic must have 1 to 255 bytes",
            Self::Other(code) => return write!(f, "the server returned {code}"),
        })
    }
}

impl std::error::Error for Error {}
