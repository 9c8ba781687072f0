//! What the two ends of a ring share, and the rules of who may touch which bytes when. The ends
//! themselves are in `producer` and `consumer`, and so is the unsafe code that rests on the rules.
//!
//! It is not for mapping memory (`memory`), for what a record's words mean (`record`), or for
//! sleeping (`sleep`).
//!
//! # Positions
//!
//! A position counts bytes since the ring was made and only ever grows (it may wrap around
//! `usize`; all comparisons are of differences). Its place in memory is the position modulo the
//! capacity. From old to new:
//!
//! ```text
//! released = head  <=  cursor  <=  published = tail  <=  committed  <=  head + capacity
//!  consumer gave      consumer       consumer may        producer         first byte that is
//!  back all before    has read       read up to here     wrote            still the consumer's
//! ```
//!
//! Only the producer stores the tail, only the consumer stores the head, each on cache lines of its
//! own, and each side keeps the last value that it saw of the other's. So:
//!
//! - `[committed, head + capacity)` is the producer's alone: it is beyond the tail, and the
//!   consumer released what was there before, with a Release store that the producer's Acquire
//!   load saw. The producer may write there, and may give whole pages back.
//! - `[head, tail)` is shared and nobody writes to it: the consumer's Acquire load of the tail saw
//!   the producer's Release store, which came after the last write.
//!
//! # Blocks
//!
//! A block is an `Arc<Vec<u8>>` of which the ring holds only address and length. The producer keeps
//! the `Arc` until the head has passed the record, which means that the consumer can no longer be
//! looking at it. A `Vec` inside an `Arc` that someone else holds cannot be changed or moved, so
//! the address stays good for as long.
//!
//! The ends may be dropped in any order. Where the producer goes first, its `Arc`s move into the
//! part that both ends share, which lives until the consumer is dropped too, and the consumer may
//! go on reading. Where the consumer goes first, it can look at nothing any more, and the producer
//! may take all blocks back. The memory is unmapped with the second end.

use crate::{
    memory::Memory,
    record::ALIGN,
    sync::{AtomicBool, AtomicUsize, Site, ordering},
};
use std::{
    collections::VecDeque,
    fmt, io,
    sync::{Arc, OnceLock, atomic},
};

mod consumer;
mod producer;

pub use consumer::Consumer;
pub use producer::{Producer, Reservation};

/// Looks at a ring from outside: for who does not have the reading end in hand.
#[derive(Clone)]
pub struct Probe(Arc<Shared>);

impl Probe {
    /// Whether something is published that the consumer has not released. After a fence that is
    /// also the producer's, see [`RunRight`](crate::RunRight).
    #[inline]
    pub fn has_news(&self) -> bool {
        let head = self.0.head.0.load(atomic::Ordering::Relaxed);
        self.0.tail.0.load(atomic::Ordering::Relaxed) != head
    }

    /// Whether the [`Producer`] was dropped.
    pub fn is_abandoned(&self) -> bool {
        let order = ordering(Site::SeeAbandoned, atomic::Ordering::Acquire);
        self.0.fixed.0.producer_gone.load(order)
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").field("ring", &self.0.fixed.0.ring).finish()
    }
}

/// Two cache lines: processors fetch lines in pairs.
#[repr(align(128))]
struct Padded<T>(T);

/// What the two ends share.
struct Shared {
    /// Stored by the producer: the consumer may read up to here.
    tail: Padded<AtomicUsize>,
    /// Stored by the consumer: the producer may write up to here plus the capacity.
    head: Padded<AtomicUsize>,
    /// The head that the producer waits for, with [`WISH`] set; or 0, no wish.
    wish: Padded<AtomicUsize>,
    fixed: Padded<Fixed>,
}

/// What hardly ever changes, away from what does.
struct Fixed {
    memory: Memory,
    ring: usize,
    producer_gone: AtomicBool,
    consumer_gone: AtomicBool,
    /// Blocks that were in flight when the producer was dropped, kept for the consumer.
    orphans: OnceLock<VecDeque<InFlight>>,
}

/// Tells a wish from no wish; positions are multiples of [`ALIGN`].
const WISH: usize = 1;
const _: () = assert!(WISH < ALIGN);

/// A block that the consumer may be looking at, until the head has reached `end`.
struct InFlight {
    end: usize,
    block: Arc<Vec<u8>>,
}

/// Whether `position` has reached `goal`. Both lie within a few capacities of each other.
#[inline]
fn has_reached(position: usize, goal: usize) -> bool {
    position.wrapping_sub(goal) as isize >= 0
}

/// Makes a ring that holds `capacity` bytes, headers included.
///
/// Its memory is taken page by page, as records first come to lie in it, and given back by
/// [`Producer::trim`].
///
/// # Errors
///
/// `InvalidInput` if `capacity` is not a power of two of at least 4096 bytes and one page;
/// otherwise the error of memfd_create(2), ftruncate(2) or mmap(2).
pub fn ring(capacity: usize) -> io::Result<(Producer, Consumer)> {
    ring_from(capacity, 0)
}

/// A ring whose positions begin at `start`: how tests come near the end of `usize`.
pub(crate) fn ring_from(capacity: usize, start: usize) -> io::Result<(Producer, Consumer)> {
    // std's atomic in every build: it is unique under loom without being modelled.
    static RINGS: atomic::AtomicUsize = atomic::AtomicUsize::new(0);
    debug_assert_eq!(start % ALIGN, 0);
    let shared = Arc::new(Shared {
        tail: Padded(AtomicUsize::new(start)),
        head: Padded(AtomicUsize::new(start)),
        wish: Padded(AtomicUsize::new(0)),
        fixed: Padded(Fixed {
            memory: Memory::new(capacity)?,
            ring: RINGS.fetch_add(1, atomic::Ordering::Relaxed),
            producer_gone: AtomicBool::new(false),
            consumer_gone: AtomicBool::new(false),
            orphans: OnceLock::new(),
        }),
    });
    Ok((Producer::new(Arc::clone(&shared), start), Consumer::new(shared, start)))
}

#[cfg(all(test, not(loom)))]
mod tests;
