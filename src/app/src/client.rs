//! The number of a client. Not the client itself: that lives in a worker of the server.

use std::fmt;
use std::num::NonZeroU64;

/// Number of a client of this app.
///
/// It is never given to another client while the server runs, so it can be kept and used as a key; and
/// it stays the client's over a restart that the client lives through ([`App::save`](crate::App::save)).
/// Sending to a client that has left reaches nobody and is no error.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(NonZeroU64);

impl ClientId {
    /// The client with this number, or `None` for 0, which is nobody's.
    #[must_use]
    pub const fn new(number: u64) -> Option<Self> {
        match NonZeroU64::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number, for instance to hand it to something that knows no `ClientId`.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
