//! What is sent: data in records as large as may be, answers, KeyUpdates before a key is worn out,
//! and one alert at the end.
//! Not for: writing it to a socket.

use std::slice;

use crate::alert::Alert;
use crate::cipher::Cipher;
use crate::handshake;
use crate::header::{Content, MAX_PLAIN};
use crate::suite::Version;

use super::Exhausted;

/// So that an alert or a KeyUpdate after the last record still has a number.
pub(super) const MAX_SEQUENCE: u64 = u64::MAX - 2;

/// Our side.
#[derive(Debug)]
pub(super) struct Outbound {
    pub(super) cipher: Cipher,
    pub(super) records_per_key: u64,
    pub(super) owes_key_update: bool,
    pub(super) owes_no_renegotiation: bool,
    pub(super) has_ended: bool,
}

impl Outbound {
    /// How many records a key seals that may seal so many.
    pub(super) fn lifetime(records_per_key: u64) -> u64 {
        records_per_key.clamp(1, MAX_SEQUENCE)
    }

    pub(super) fn owe_key_update(&mut self) {
        self.owes_key_update = !self.has_ended;
    }

    pub(super) fn owe_no_renegotiation(&mut self) {
        self.owes_no_renegotiation = !self.has_ended && !self.is_worn_out();
    }

    pub(super) fn owes_reply(&self) -> bool {
        self.owes_key_update || self.owes_no_renegotiation
    }

    /// Whether the key has sealed as many records as it may.
    fn is_worn_out(&self) -> bool {
        self.cipher.sequence() >= self.records_per_key
    }

    /// Whether a key that cannot be changed has sealed nearly as many.
    pub(super) fn is_wearing_out(&self) -> bool {
        let left = self.records_per_key.saturating_sub(self.cipher.sequence());
        left < 1 << 16 && self.cipher.version() == Version::Tls12
    }

    /// How many records take so many bytes.
    fn record_c(plain: usize) -> u64 {
        plain.div_ceil(MAX_PLAIN) as u64
    }

    pub(super) fn data(&mut self, parts: &[&[u8]], out: &mut Vec<u8>) -> Result<(), Exhausted> {
        let mut left = parts.iter().map(|part| part.len()).sum();
        let record_c = Self::record_c(left) + u64::from(self.owes_no_renegotiation);
        let room = self.records_per_key.saturating_sub(self.cipher.sequence());
        let is_too_much = self.cipher.version() == Version::Tls12 && record_c > room;
        if self.has_ended || is_too_much {
            return Err(Exhausted);
        }
        out.reserve(self.data_len(left));
        self.reply(out);
        let mut source = Source { parts: parts.iter(), part: &[] };
        while left > 0 {
            if self.is_worn_out() {
                self.key_update(false, out);
            }
            let count = left.min(MAX_PLAIN);
            left -= count;
            self.cipher.seal(Content::Data, out, |out| source.copy(count, out));
        }
        Ok(())
    }

    pub(super) fn data_len(&self, plain: usize) -> usize {
        let (record_c, overhead) = (Self::record_c(plain), self.cipher.overhead());
        let mut other = 0;
        if self.owes_no_renegotiation {
            other += overhead + Alert::NoRenegotiation.encoded().len();
        }
        if self.cipher.version() == Version::Tls13 {
            let sequence = self.cipher.sequence().min(self.records_per_key);
            let sequence = if self.owes_key_update { 0 } else { sequence };
            // A key that is worn out is changed when there is another record to seal.
            let worn_out_c = (sequence + record_c).saturating_sub(1) / self.records_per_key;
            let key_update_c = u64::from(self.owes_key_update) + worn_out_c;
            other += key_update_c as usize * (overhead + handshake::key_update(false).len());
        }
        plain + record_c as usize * overhead + other
    }

    pub(super) fn reply(&mut self, out: &mut Vec<u8>) {
        if self.owes_key_update {
            self.key_update(false, out);
        }
        if self.owes_no_renegotiation {
            self.owes_no_renegotiation = false;
            self.append(Content::Alert, &Alert::NoRenegotiation.encoded(), out);
        }
    }

    /// Sends an alert as the last thing.
    pub(super) fn alert(&mut self, description: Alert, out: &mut Vec<u8>) {
        if self.has_ended {
            return;
        }
        self.append(Content::Alert, &description.encoded(), out);
        self.has_ended = true;
        self.owes_key_update = false;
        self.owes_no_renegotiation = false;
    }

    pub(super) fn request_key_update(&mut self, out: &mut Vec<u8>) {
        if !self.has_ended && self.cipher.version() == Version::Tls13 {
            self.key_update(true, out);
        }
    }

    /// The last record under this key says that the next comes under the next (section 4.6.3).
    fn key_update(&mut self, is_requested: bool, out: &mut Vec<u8>) {
        self.append(Content::Handshake, &handshake::key_update(is_requested), out);
        self.cipher.update();
        self.owes_key_update = false;
    }

    fn append(&mut self, content: Content, plain: &[u8], out: &mut Vec<u8>) {
        self.cipher.seal(content, out, |out| out.extend_from_slice(plain));
    }
}

/// Bytes that lie in several places.
struct Source<'p> {
    parts: slice::Iter<'p, &'p [u8]>,
    /// What is left of the part that was begun.
    part: &'p [u8],
}

impl Source<'_> {
    /// Appends the next so many bytes.
    fn copy(&mut self, mut count: usize, out: &mut Vec<u8>) {
        while count > 0 {
            if self.part.is_empty() {
                let Some(part) = self.parts.next() else { return };
                self.part = part;
            }
            let (now, later) = self.part.split_at(self.part.len().min(count));
            out.extend_from_slice(now);
            count -= now.len();
            self.part = later;
        }
    }
}
