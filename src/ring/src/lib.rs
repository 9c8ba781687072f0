//! The single-producer single-consumer byte rings that join two threads, the pool of payloads that
//! cross them by pointer, and the handshake by which the threads of a ring sleep and wake.
//!
//! It is for moving records between exactly two threads without a lock. It is not for knowing what
//! the records mean, and it makes no system call on the hot path: how a thread is put to sleep or
//! kicked awake (futex, eventfd) is its user's business.
//!
//! # A record's way
//!
//! The producer [reserves](Producer::reserve) contiguous bytes, fills them, and
//! [commits](Reservation::commit) them; any number of committed records is
//! [published](Producer::publish) by one store. The consumer walks the published records with
//! [`next`](Consumer::next), may look at them [again](Consumer::at), and gives the space of all it
//! has read back with one [`release`](Consumer::release).
//!
//! ```
//! # #[cfg(not(loom))] {
//! let (mut producer, mut consumer) = ringsocket_ring::ring(1 << 20)?;
//!
//! let mut reservation = producer.reserve(5)?;
//! reservation.copy_from_slice(b"hello");
//! reservation.commit();
//! assert!(producer.publish()); // true: now rouse the consumer's thread
//!
//! let (position, record) = consumer.next().expect("one record was published");
//! assert_eq!(record.inline, b"hello");
//! assert_eq!(consumer.at(position).inline, b"hello");
//! consumer.release();
//! assert!(producer.is_drained());
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Waiting
//!
//! A thread that may sleep owns a [`Sleeper`], which it shares with the threads that may wake it.
//! It goes to sleep in this order, whatever the number of its rings:
//!
//! 1. publish what it has committed, and rouse those for whom that was;
//! 2. [`Sleeper::announce`];
//! 3. look again at everything it waits for: [`Consumer::refresh`] of each ring that it reads, and
//!    [`Producer::want_space`] of each ring that was full; if anything is there:
//!    [`Sleeper::retract`], and on with the work;
//! 4. sleep; once awake again, [`Sleeper::retract`].
//!
//! Its wakers call [`Sleeper::rouse`] after each [`Producer::publish`] that returned true, and
//! after each [`Consumer::release`] that returned true. No wake-up is then lost: loom checks it
//! (`tests/loom`), and checks that it would be lost if any one of the fences were missing.
//!
//! A thread that sleeps may leave what it runs to others: see [`RunRight`]. What comes seldom, and
//! from threads that have no ring, goes by a [`Mailbox`].
#![cfg_attr(not(test), deny(clippy::unwrap_used))]

mod block;
mod mailbox;
mod memory;
mod record;
mod right;
mod sleep;
mod spsc;
mod sync;

#[cfg(all(test, loom))]
mod loom_tests;

pub use block::BlockPool;
pub use mailbox::{Collected, Mailbox, Unposted};
pub use record::{Full, Position, Record, ReserveError};
pub use right::RunRight;
pub use sleep::Sleeper;
pub use spsc::{Consumer, Probe, Producer, Reservation, ring};
