//! Payloads that go out from where they came in: what an app sends on as it got it, like an echo or a
//! relay, is not copied once more.
//!
//! A payload is *lent* from the callback that sends it on until the next flush, and the buffer that
//! it lies in stays as it is for so long.
//! Not for: where the other frames of a turn lie (`gather`).

use std::borrow::Cow;

/// From so many bytes on a payload is lent. Below that it is cheaper to copy it, so that a
/// connection's frames lie behind each other and are sent as one part.
pub const LEND_MIN: usize = 8 * 1024;

/// Payloads of callbacks that have returned.
#[derive(Default, Debug)]
pub struct Loans<'b> {
    payloads: Vec<Cow<'b, [u8]>>,
    /// Bytes of those that lie in buffers of their own.
    owned: usize,
}

impl<'b> Loans<'b> {
    /// Keeps a payload that was lent.
    pub fn push(&mut self, payload: Cow<'b, [u8]>) {
        if let Cow::Owned(buffer) = &payload {
            self.owned += buffer.len();
        }
        self.payloads.push(payload);
    }

    /// How many there are, which is the number of the next.
    pub fn len(&self) -> usize {
        self.payloads.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.payloads.is_empty()
    }

    /// Bytes that are held for no other reason than that they are lent.
    pub fn owned(&self) -> usize {
        self.owned
    }

    /// All of them, and one more: that of a callback which is running.
    pub fn with<'a>(&'a self, current: &'a [u8]) -> Lent<'a> {
        Lent { payloads: &self.payloads, current }
    }

    /// Everything has been flushed.
    pub fn clear(&mut self) {
        self.payloads.clear();
        self.owned = 0;
    }
}

/// All payloads that are lent.
#[derive(Clone, Copy, Default, Debug)]
pub struct Lent<'a> {
    payloads: &'a [Cow<'a, [u8]>],
    current: &'a [u8],
}

impl<'a> Lent<'a> {
    /// The bytes of one of them.
    pub fn payload(&self, index: u32) -> &'a [u8] {
        self.payloads.get(index as usize).map_or(self.current, |payload| payload)
    }
}
