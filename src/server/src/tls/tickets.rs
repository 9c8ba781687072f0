//! Session tickets (RFC 8446 section 2.2, RFC 5077): what lets a client come again without a whole
//! handshake.
//! Not for: how a single key seals and opens (`key`).
//!
//! A key seals tickets for 6 hours, then the next one does, and for 6 more it still opens them. So a
//! ticket is good for 6 to 12 hours, and clients are told for how long. One set of keys serves all
//! workers, outlives reloads, and can be given to the process that comes after this one. Its lock is
//! taken by handshakes alone, and for writing every 6 hours.
//!
//! A ticket also says on which terms it was given: one from a port that asks for no certificate would
//! else be as good as a certificate at a port that demands one.

mod key;
#[cfg(test)]
mod tests;

use std::fmt;
use std::mem;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use rustls::Error;
use rustls::server::ProducesTickets;
use zeroize::Zeroizing;

use self::key::Key;

/// For so long a key opens the tickets that it has sealed.
const OPENS_FOR: Duration = Duration::from_secs(12 * 60 * 60);
/// Of that, the last so long it seals none, as the next key does.
const ONLY_OPENS_FOR: Duration = Duration::from_secs(6 * 60 * 60);
/// The layout of exported keys.
const LAYOUT: u8 = 1;

/// The keys of all tickets. Clones are the same keys.
#[derive(Clone)]
pub struct TicketKeys(Arc<RwLock<Pair>>);

/// The keys whose tickets are opened.
struct Pair {
    current: Key,
    /// Not for sealing any more.
    previous: Option<Key>,
}

/// The bytes are no keys of tickets that [`TicketKeys::export`] has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadTicketKeys;

impl fmt::Display for BadTicketKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not the keys of session tickets")
    }
}

impl std::error::Error for BadTicketKeys {}

impl TicketKeys {
    /// New keys.
    ///
    /// # Errors
    /// If there is no randomness to be had.
    pub(super) fn new() -> Result<Self, Error> {
        Ok(Self::of(Key::new(Instant::now())?, None))
    }

    fn of(current: Key, previous: Option<Key>) -> Self {
        Self(Arc::new(RwLock::new(Pair { current, previous })))
    }

    /// The keys as bytes, so that tickets of this process are good in the next: their layout, how many
    /// they are, and each of them. The bytes are overwritten when they are dropped.
    ///
    /// What is sealed here afterwards is good there too: nonces are random. Times are those that are
    /// left; what passes until they are read is not counted.
    pub fn export(&self) -> Zeroizing<Vec<u8>> {
        self.export_at(Instant::now())
    }

    /// Reads what [`TicketKeys::export`] wrote. The caller overwrites the bytes.
    ///
    /// # Errors
    /// If they are not such bytes from first to last.
    pub fn import(bytes: &[u8]) -> Result<Self, BadTicketKeys> {
        Self::import_at(bytes, Instant::now())
    }

    fn export_at(&self, now: Instant) -> Zeroizing<Vec<u8>> {
        let pair = self.read();
        let keys = [Some(&pair.current), pair.previous.as_ref()];
        // Enough, so that no part of them is left where the bytes had no more room.
        let mut bytes = Zeroizing::new(Vec::with_capacity(2 + keys.len() * key::EXPORTED_LEN));
        bytes.extend([LAYOUT, keys.iter().flatten().count() as u8]);
        for key in keys.into_iter().flatten() {
            key.export(now, &mut bytes);
        }
        bytes
    }

    fn import_at(bytes: &[u8], now: Instant) -> Result<Self, BadTicketKeys> {
        let (current, previous) = match *bytes {
            [LAYOUT, 1, ref current @ ..] => (current, None),
            [LAYOUT, 2, ref both @ ..] => {
                let (current, previous) =
                    both.split_at_checked(key::EXPORTED_LEN).ok_or(BadTicketKeys)?;
                (current, Some(previous))
            }
            _ => return Err(BadTicketKeys),
        };
        let read = |bytes: &[u8]| Key::import(bytes.try_into().ok()?, now);
        let previous = previous.map(|bytes| read(bytes).ok_or(BadTicketKeys)).transpose()?;
        Ok(Self::of(read(current).ok_or(BadTicketKeys)?, previous))
    }

    /// Nothing in here panics with the lock held, so that a poisoned one is as good.
    fn read(&self) -> RwLockReadGuard<'_, Pair> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` if there is no randomness to be had.
    fn seal_at(&self, plain: &[u8], now: Instant) -> Option<Vec<u8>> {
        let pair = self.read();
        if pair.current.may_seal(now) {
            return pair.current.seal(plain).ok();
        }
        drop(pair);
        let mut pair = self.0.write().unwrap_or_else(PoisonError::into_inner);
        pair.turn(now).ok()?;
        pair.current.seal(plain).ok()
    }

    /// `None` if it is none of ours, or too old.
    fn open_at(&self, ticket: &[u8], now: Instant) -> Option<Vec<u8>> {
        let pair = self.read();
        let keys = [Some(&pair.current), pair.previous.as_ref()];
        let key = keys.into_iter().flatten().find(|key| key.is_named_in(ticket))?;
        if key.may_open(now) { key.open(ticket) } else { None }
    }

    /// For how long a ticket that is sealed now can be opened.
    fn lifetime_at(&self, now: Instant) -> Duration {
        self.read().current.opens_for(now)
    }
}

impl Pair {
    /// Has the next key seal, if the current one may not, and forgets those that open nothing more.
    fn turn(&mut self, now: Instant) -> Result<(), Error> {
        // Another thread may have done it meanwhile.
        if !self.current.may_seal(now) {
            let last = mem::replace(&mut self.current, Key::new(now)?);
            self.previous = last.may_open(now).then_some(last);
        }
        Ok(())
    }
}

impl fmt::Debug for TicketKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketKeys")
    }
}

/// Tickets of entrances with the same demands on clients.
#[derive(Debug)]
pub(super) struct Bound {
    keys: TicketKeys,
    /// A digest of those demands; it stands before what a ticket holds, under its encryption.
    terms: Box<[u8]>,
}

impl Bound {
    pub(super) fn new(keys: TicketKeys, terms: &[u8]) -> Self {
        Self { keys, terms: terms.into() }
    }
}

impl ProducesTickets for Bound {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        self.keys.lifetime_at(Instant::now()).as_secs() as u32
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        // What a session has of secrets is in there.
        let plain = Zeroizing::new([&self.terms, plain].concat());
        self.keys.seal_at(&plain, Instant::now())
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        // Whoever can change the digest could forge the whole ticket: it needs no constant time.
        let mut plain = Zeroizing::new(self.keys.open_at(ticket, Instant::now())?);
        if !plain.starts_with(&self.terms) {
            return None;
        }
        plain.drain(..self.terms.len());
        Some(mem::take(&mut *plain))
    }
}
