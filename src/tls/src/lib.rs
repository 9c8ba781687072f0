//! TLS records after the handshake, as a pure state machine: keys and bytes go in, bytes come out.
//!
//! Another library makes the handshake and hands over its secrets; from then on [`Records`] opens
//! what the peer sends and seals what is sent to it, in TLS 1.3 and in the AEAD suites of TLS 1.2.
//! It answers KeyUpdates and requests to renegotiate, changes keys before they are worn out, and
//! bounds what a peer may send without sending data.
//!
//! Not for: handshakes, certificates, sockets or buffers. A record that is not whole yet stays with
//! the caller, so an idle connection costs its keys and nothing else. There is no I/O, no clock and
//! no `unsafe` here; encryption and key derivation are those of `aws-lc-rs`, or of `ring`. Secrets are
//! overwritten when they are no longer needed; the keys that the library made of them by `aws-lc-rs`
//! too, by `ring` not.
//!
//! The standards meant by section numbers are RFC 8446 (TLS 1.3) and, where it is said, RFC 5246
//! (TLS 1.2), RFC 5288 (AES-GCM in it) and RFC 7905 (ChaCha20-Poly1305 in it).
#![cfg_attr(not(test), deny(clippy::unwrap_used))]

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
compile_error!("choose whose cryptography is used: the feature `aws-lc-rs` or `ring`");

#[cfg(feature = "aws-lc-rs")]
use aws_lc_rs as crypto;
#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
use ring as crypto;

mod alert;
mod cipher;
mod handshake;
mod header;
mod keys;
mod records;
mod suite;

pub use alert::Alert;
pub use header::{MAX_RECORD_LEN, Violation, record_len};
pub use keys::{BadKeys, Direction, Keys, Secret};
pub use records::{BadState, End, Exhausted, Limits, Opened, Records, State};
pub use suite::{Aead, Hash, Suite, Version};
