//! The alerts that are sent from here, and the bytes of an alert (section 6).
//! Not for: the meaning of alerts that the peer sends; those of them that end the connection are
//! handed on by their number.

use crate::header::{Content, VERSION};

/// Why a connection ends, as the peer is told (the IANA registry "TLS Alerts").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Alert {
    /// Nothing more will be sent. The only one that is no fault.
    CloseNotify = 0,
    /// A record or message that has no place here.
    UnexpectedMessage = 10,
    /// A record that is not what the peer sealed.
    BadRecordMac = 20,
    /// A record that is longer than any may be.
    RecordOverflow = 22,
    /// A field with a value that it may not have.
    IllegalParameter = 47,
    /// A message of a wrong length.
    DecodeError = 50,
    /// A record of another version of TLS.
    ProtocolVersion = 70,
    /// A fault that is not the peer's.
    InternalError = 80,
    /// TLS 1.2's answer to a request to renegotiate; a warning.
    NoRenegotiation = 100,
    /// There is no certificate for the name that the client asked for (RFC 6066 section 3).
    UnrecognizedName = 112,
}

/// How grave an alert is said to be.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Level {
    Warning = 1,
    Fatal = 2,
}

/// The number of `user_canceled`, which only announces a `close_notify` (section 6.1).
pub(crate) const USER_CANCELED: u8 = 90;

impl Alert {
    /// The alert's two bytes. All but the closing ones are fatal (section 6.2).
    pub(crate) fn encoded(self) -> [u8; 2] {
        let level = match self {
            Self::CloseNotify | Self::NoRenegotiation => Level::Warning,
            _ => Level::Fatal,
        };
        [level as u8, self as u8]
    }

    /// A record with this alert that nothing protects, as long as a handshake has no keys.
    pub fn plain_record(self) -> [u8; 7] {
        let [level, description] = self.encoded();
        [Content::Alert as u8, VERSION[0], VERSION[1], 0, 2, level, description]
    }
}
