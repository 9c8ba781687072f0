//! What must come of records whose content is known: a second reading of RFC 8446 and RFC 5246, by
//! whole records and without keys.

use ringsocket_tls::{Alert, Limits, Version};

const MAX_PLAIN: usize = 1 << 14;

/// How a connection must end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ending {
    Closed,
    Aborted(u8),
    Violation(Alert),
}

/// What is known of the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    Ends(Ending),
    /// Bytes that nobody sealed: they may look like a record that is to come whole yet, or not; no
    /// data comes of them, nor of what follows.
    Garbage,
}

pub(super) struct Model {
    version: Version,
    limits: Limits,
    /// All data so far.
    pub(super) plain: Vec<u8>,
    pub(super) verdict: Option<Verdict>,
    /// Of a handshake message that has begun: all of it so far.
    message: Vec<u8>,
    /// How often the reader has changed its key.
    generation: usize,
    empty_records: u8,
    warnings: u8,
    key_updates: u8,
    renegotiations: u8,
}

impl Model {
    pub(super) fn new(version: Version, limits: Limits) -> Self {
        Self {
            version,
            limits,
            plain: Vec::new(),
            verdict: None,
            message: Vec::new(),
            generation: 0,
            empty_records: 0,
            warnings: 0,
            key_updates: 0,
            renegotiations: 0,
        }
    }

    fn end(&mut self, ending: Ending) {
        self.verdict = self.verdict.or(Some(Verdict::Ends(ending)));
    }

    fn refuse(&mut self, alert: Alert) {
        self.end(Ending::Violation(alert));
    }

    /// A record that was damaged.
    pub(super) fn damaged(&mut self) {
        self.refuse(Alert::BadRecordMac);
    }

    /// Bytes that are no record.
    pub(super) fn garbage(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.verdict = self.verdict.or(Some(Verdict::Garbage));
        }
    }

    /// A record that was sealed with the key of this generation.
    pub(super) fn record(&mut self, generation: usize, content: u8, plain: &[u8], padding: usize) {
        if self.verdict.is_some() {
            return;
        }
        let is_known = |content| (21..=23).contains(&content);
        let (content, plain, len) = match self.version {
            Version::Tls12 if !is_known(content) => return self.refuse(Alert::UnexpectedMessage),
            Version::Tls12 => (content, plain, plain.len()),
            // The type is the last byte that is not 0, and it may be one of what was to be content.
            Version::Tls13 if content != 0 => (content, plain, plain.len() + padding),
            Version::Tls13 => {
                let at = plain.iter().rposition(|&byte| byte != 0);
                let (content, rest) = at.map_or((0, &[][..]), |at| (plain[at], &plain[..at]));
                (content, rest, plain.len() + padding)
            }
        };
        let header_limit = match self.version {
            Version::Tls13 => MAX_PLAIN + 256 - 17,
            Version::Tls12 => usize::MAX,
        };
        if len > header_limit {
            self.refuse(Alert::RecordOverflow);
        } else if generation != self.generation {
            self.refuse(Alert::BadRecordMac);
        } else if len > MAX_PLAIN {
            self.refuse(Alert::RecordOverflow);
        } else if !is_known(content) || (content != 22 && !self.message.is_empty()) {
            self.refuse(Alert::UnexpectedMessage);
        } else {
            match content {
                23 => self.data(plain),
                _ if plain.is_empty() => self.refuse(Alert::UnexpectedMessage),
                21 => self.alert(plain),
                _ if self.version == Version::Tls13 => self.key_update(plain),
                _ => self.client_hellos(plain),
            }
        }
    }

    fn data(&mut self, plain: &[u8]) {
        if plain.is_empty() {
            self.empty_records += 1;
            if self.empty_records > self.limits.empty_records {
                self.refuse(Alert::UnexpectedMessage);
            }
            return;
        }
        self.plain.extend_from_slice(plain);
        (self.empty_records, self.warnings) = (0, 0);
        (self.key_updates, self.renegotiations) = (0, 0);
    }

    fn alert(&mut self, alert: &[u8]) {
        let is_tls13 = self.version == Version::Tls13;
        match *alert {
            [_, 0] => self.end(Ending::Closed),
            [_, 90] if is_tls13 => self.warning(),
            [1, _] if !is_tls13 => self.warning(),
            [level, description] if is_tls13 || level == 2 => {
                self.end(Ending::Aborted(description));
            }
            [_, _] => self.refuse(Alert::IllegalParameter),
            _ => self.refuse(Alert::DecodeError),
        }
    }

    fn warning(&mut self) {
        self.warnings += 1;
        if self.warnings > self.limits.warnings {
            self.refuse(Alert::UnexpectedMessage);
        }
    }

    /// RFC 8446 section 4.6.3.
    fn key_update(&mut self, fragment: &[u8]) {
        self.message.extend_from_slice(fragment);
        let message = std::mem::take(&mut self.message);
        match message[..] {
            [24, 0, 0, 1, 0 | 1] => {
                self.generation += 1;
                self.key_updates += 1;
                if self.key_updates > self.limits.key_updates {
                    self.refuse(Alert::UnexpectedMessage);
                }
            }
            [24, 0, 0, 1, _] => self.refuse(Alert::IllegalParameter),
            [24, 0, 0, 1, _, ..] => self.refuse(Alert::UnexpectedMessage),
            [24, _, _, _, ..] if message[1..4] != [0, 0, 1] => self.refuse(Alert::DecodeError),
            [24, ..] => self.message = message,
            _ => self.refuse(Alert::UnexpectedMessage),
        }
    }

    /// RFC 5246 section 7.4.1.2; what they say does not matter. A message counts as soon as its length
    /// is known, even if more of this record is refused.
    fn client_hellos(&mut self, fragment: &[u8]) {
        let known = usize::from(self.message.len() >= 4);
        self.message.extend_from_slice(fragment);
        let mut count = 0;
        while let Some(&message) = self.message.first() {
            if message != 1 {
                return self.refuse(Alert::UnexpectedMessage);
            }
            let Some(&[_, high, middle, low]) = self.message.first_chunk::<4>() else { break };
            let len = u32::from_be_bytes([0, high, middle, low]) as usize;
            if len > 1 << 16 {
                return self.refuse(Alert::DecodeError);
            }
            count += 1;
            if self.message.len() < 4 + len {
                break;
            }
            self.message.drain(..4 + len);
        }
        let count = count - known;
        if count > usize::from(self.limits.renegotiations - self.renegotiations) {
            return self.refuse(Alert::UnexpectedMessage);
        }
        self.renegotiations += count as u8;
    }
}
