//! What a peer's records say, and how much of it a peer may say without sending data.
//! Not for: finding where records begin and end.

use std::ops::Range;

use crate::alert::{Alert, Level, USER_CANCELED};
use crate::cipher::Cipher;
use crate::handshake::Joiner;
use crate::header::{Content, Violation};
use crate::suite::Version;

use super::outbound::Outbound;
use super::{End, Limits};

/// The peer's side.
#[derive(Debug)]
pub(super) struct Inbound {
    pub(super) cipher: Cipher,
    pub(super) joiner: Joiner,
    pub(super) limits: Limits,
    /// Since the last data.
    pub(super) counts: Counts,
    pub(super) has_ended: bool,
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) empty_records: u8,
    pub(super) warnings: u8,
    pub(super) key_updates: u8,
    pub(super) renegotiations: u8,
}

impl Inbound {
    pub(super) fn version(&self) -> Version {
        self.cipher.version()
    }

    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    pub(super) fn end(&mut self) {
        self.has_ended = true;
        // It may be amid what no message is.
        self.joiner = Joiner::default();
    }

    /// Opens a whole record in place and does what it says. Yields where in it data lies.
    pub(super) fn open(
        &mut self,
        record: &mut [u8],
        outbound: &mut Outbound,
    ) -> Result<Range<usize>, End> {
        let (content, range) = self.cipher.open(record)?;
        if content != Content::Handshake && self.joiner.is_amid() {
            return Err(Violation::unexpected("a record amid a handshake message").into());
        }
        match content {
            Content::Data if range.is_empty() => {
                let why = "too many empty records";
                count(&mut self.counts.empty_records, self.limits.empty_records, why)?;
            }
            Content::Data => {
                self.counts = Counts::default();
                return Ok(range);
            }
            _ if range.is_empty() => {
                return Err(Violation::unexpected("an empty record that is not data").into());
            }
            Content::Alert => self.alert(&record[range])?,
            Content::Handshake => self.handshake(&record[range], outbound)?,
        }
        Ok(0..0)
    }

    /// In TLS 1.3 the level means nothing, and all but two alerts are fatal (section 6).
    fn alert(&mut self, alert: &[u8]) -> Result<(), End> {
        const CLOSE_NOTIFY: u8 = Alert::CloseNotify as u8;
        const WARNING: u8 = Level::Warning as u8;
        const FATAL: u8 = Level::Fatal as u8;
        let &[level, description] = alert else {
            return Err(Violation::new(Alert::DecodeError, "an alert of a wrong length").into());
        };
        match (self.cipher.version(), level, description) {
            (_, _, CLOSE_NOTIFY) => Err(End::Closed),
            (Version::Tls13, _, USER_CANCELED) | (Version::Tls12, WARNING, _) => {
                count(&mut self.counts.warnings, self.limits.warnings, "too many warnings")?;
                Ok(())
            }
            (Version::Tls13, _, _) | (Version::Tls12, FATAL, _) => Err(End::Aborted(description)),
            _ => Err(Violation::new(Alert::IllegalParameter, "an alert of no known level").into()),
        }
    }

    fn handshake(&mut self, fragment: &[u8], outbound: &mut Outbound) -> Result<(), Violation> {
        match self.cipher.version() {
            Version::Tls13 => {
                let Some(is_requested) = self.joiner.key_update(fragment)? else { return Ok(()) };
                let why = "too many KeyUpdates";
                count(&mut self.counts.key_updates, self.limits.key_updates, why)?;
                self.cipher.update();
                if is_requested {
                    outbound.owe_key_update();
                }
            }
            Version::Tls12 => {
                for _ in 0..self.joiner.client_hellos(fragment)? {
                    let why = "too many requests to renegotiate";
                    count(&mut self.counts.renegotiations, self.limits.renegotiations, why)?;
                    outbound.owe_no_renegotiation();
                }
            }
        }
        Ok(())
    }
}

/// Counts one more, up to the limit.
fn count(count: &mut u8, limit: u8, why: &'static str) -> Result<(), Violation> {
    if *count >= limit {
        return Err(Violation::unexpected(why));
    }
    *count += 1;
    Ok(())
}
