//! The hand-over: what a process leaves for the next one when the service is restarted, so that
//! connections outlive the restart.
//! Not for: what the state says (whoever makes the [`Parcel`]), or when to leave it (`server`).
//!
//! It lies in systemd's store of descriptors (`systemd::store`):
//!
//! - the connections, in sockets that nobody has received from yet (`carriage`);
//! - the secrets, in secret memory where the kernel has it (`secret_area`);
//! - the state, in a sealed memfd (`state`). It is stored last and says what belongs to it: a
//!   hand-over without it, or of which anything is missing, was broken off, and is dropped as a
//!   whole.
//!
//! # Why no nonce is used twice
//!
//! Two processes that go on with one connection would seal different records with the same key and
//! the same sequence number, so the same nonce, which gives their plaintexts away. It cannot happen:
//!
//! *The old process does not go on.* A parcel is made of what was taken out of the record layers,
//! which consumes them: nothing is left to seal with, whatever becomes of the parcel.
//!
//! *One new process does at most.* The secrets are nowhere but in the one shared memory, whose first
//! word says whether they are whole. [`take_up`] swaps that word before it looks at anything else, so
//! that of any number of processes, at once or one after the other, a single one reads them. It then
//! wipes them, and all this before it returns, so before anything can be sent. If it dies in between,
//! the next process finds them taken, and drops the connections.
//!
//! *Half of them are no secrets.* The word is written last, and in memory that is new it does not say
//! that they are whole.
//!
//! *The store cannot bring them back.* It has a descriptor of the same memory, not a copy.

mod carriage;
mod leaving;
mod parcel;
mod secret_area;
mod state;
mod taking;

pub use leaving::{NotLeft, is_possible, leave, leave_in};
pub use parcel::{Parcel, Secrets};
pub use state::{Broken, FORMAT, Heading, read};
pub use taking::{Loss, Taken, take_up, take_up_from};

/// What the names of all descriptors in the store begin with that are part of a hand-over.
const PREFIX: &str = "ringsocket-handover-";
const CONNECTIONS: &str = "ringsocket-handover-connections";
const SECRETS: &str = "ringsocket-handover-secrets";
const STATE: &str = "ringsocket-handover-state";

#[cfg(test)]
mod tests;
