//! One key of session tickets: how it seals, opens, and is handed on.
//! Not for: which key does so at what time.
//!
//! A ticket is the key's name of 16 bytes (RFC 5077 section 4), a nonce of 12, and what it holds sealed
//! by AES-256-GCM, with the name as additional data, and a tag of 16. Nonces are random, so that
//! neither threads nor processes have to agree on them; then one key may seal 2^32 times (NIST SP
//! 800-38D section 8.3), for which chances are 1 to 2^33 that any two were the same. In 6 hours that is
//! 198,000 tickets a second; a key that gets there sooner is followed by the next.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustls::Error;
use zeroize::Zeroizing;

use super::{ONLY_OPENS_FOR, OPENS_FOR};
use crate::tls::crypto::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use crate::tls::crypto::rand::{SecureRandom, SystemRandom};

const NAME_LEN: usize = 16;
const SECRET_LEN: usize = 32;
const TAG_LEN: usize = 16;
/// Tickets that one key seals.
pub(super) const MOST_TICKETS: u64 = 1 << 32;
/// Bytes of a key as it is handed on: name, secret, for how many milliseconds it will open tickets, and
/// how many it has sealed, both in network byte order.
pub(super) const EXPORTED_LEN: usize = NAME_LEN + SECRET_LEN + 8 + 8;

pub(super) struct Key {
    name: [u8; NAME_LEN],
    secret: Zeroizing<[u8; SECRET_LEN]>,
    aead: LessSafeKey,
    opens_until: Instant,
    sealed: AtomicU64,
}

fn fill(bytes: &mut [u8]) -> Result<(), Error> {
    SystemRandom::new().fill(bytes).map_err(|_| Error::FailedToGetRandomBytes)
}

impl Key {
    /// A new key.
    ///
    /// # Errors
    /// If there is no randomness to be had.
    pub(super) fn new(now: Instant) -> Result<Self, Error> {
        let (mut name, mut secret) = ([0; NAME_LEN], Zeroizing::new([0; SECRET_LEN]));
        fill(&mut name)?;
        fill(&mut *secret)?;
        Ok(Self::of(name, secret, now + OPENS_FOR, 0))
    }

    fn of(
        name: [u8; NAME_LEN],
        secret: Zeroizing<[u8; SECRET_LEN]>,
        opens_until: Instant,
        sealed: u64,
    ) -> Self {
        let aead = UnboundKey::new(&AES_256_GCM, &*secret).expect("it takes any 32 bytes");
        let (aead, sealed) = (LessSafeKey::new(aead), AtomicU64::new(sealed));
        Self { name, secret, aead, opens_until, sealed }
    }

    /// Appends the key to `bytes`.
    pub(super) fn export(&self, now: Instant, bytes: &mut Vec<u8>) {
        let opens_for = self.opens_for(now).as_millis() as u64;
        bytes.extend(self.name);
        bytes.extend_from_slice(&*self.secret);
        bytes.extend(opens_for.to_be_bytes());
        bytes.extend(self.sealed.load(Ordering::Relaxed).to_be_bytes());
    }

    /// Reads an exported key; `None` if it would open tickets for longer than any key does.
    pub(super) fn import(bytes: &[u8; EXPORTED_LEN], now: Instant) -> Option<Self> {
        let (name, rest) = bytes.split_first_chunk()?;
        let (secret, rest) = rest.split_first_chunk()?;
        let (opens_for, sealed) = rest.split_first_chunk()?;
        let opens_for = Duration::from_millis(u64::from_be_bytes(*opens_for));
        let sealed = u64::from_be_bytes(sealed.try_into().ok()?);
        let key = || Self::of(*name, Zeroizing::new(*secret), now + opens_for, sealed);
        (opens_for <= OPENS_FOR).then(key)
    }

    pub(super) fn opens_for(&self, now: Instant) -> Duration {
        self.opens_until.saturating_duration_since(now)
    }

    pub(super) fn may_open(&self, now: Instant) -> bool {
        !self.opens_for(now).is_zero()
    }

    pub(super) fn may_seal(&self, now: Instant) -> bool {
        let is_worn_out = self.sealed.load(Ordering::Relaxed) >= MOST_TICKETS;
        !is_worn_out && self.opens_for(now) > ONLY_OPENS_FOR
    }

    /// Makes a ticket that holds these bytes.
    ///
    /// # Errors
    /// If there is no randomness to be had.
    pub(super) fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, Error> {
        self.sealed.fetch_add(1, Ordering::Relaxed);
        let mut nonce = [0; NONCE_LEN];
        fill(&mut nonce)?;
        // Enough, so that nothing that is not encrypted yet is left behind.
        let mut ticket = Vec::with_capacity(NAME_LEN + NONCE_LEN + plain.len() + TAG_LEN);
        ticket.extend(self.name);
        ticket.extend(nonce);
        let at = ticket.len();
        ticket.extend_from_slice(plain);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self
            .aead
            .seal_in_place_separate_tag(nonce, Aad::from(self.name), &mut ticket[at..])
            .expect("a session is far below what an AEAD can seal");
        ticket.extend_from_slice(tag.as_ref());
        Ok(ticket)
    }

    /// Whether a ticket says that it is of this key. No secret: names are seen on the wire.
    pub(super) fn is_named_in(&self, ticket: &[u8]) -> bool {
        ticket.starts_with(&self.name)
    }

    /// What a ticket holds; `None` if this key has not sealed it.
    pub(super) fn open(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = ticket.split_first_chunk::<NAME_LEN>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        let mut plain = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let len = self.aead.open_in_place(nonce, Aad::from(name), &mut plain).ok()?.len();
        plain.truncate(len);
        Some(plain)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").finish_non_exhaustive()
    }
}
