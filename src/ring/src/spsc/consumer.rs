//! The reading end of a ring. For the rules behind its unsafe code, see `spsc`.

#![expect(unsafe_code, reason = "references into memory that two threads share")]

use super::{Probe, Shared, WISH, has_reached};
use crate::{
    memory::Memory,
    record::{DESCRIPTOR, HEADER, Header, Position, Record},
    sync::{Ordering, Site, fence, ordering, raise},
};
use std::{cell::Cell, fmt, marker::PhantomData, slice, sync::Arc};

/// The reading end of a ring. It may move between threads, but is used by one at a time.
pub struct Consumer {
    shared: Arc<Shared>,
    /// The next record to read.
    cursor: usize,
    /// The head: only this side stores it.
    released: usize,
    /// The tail as last loaded: the true one may be further on.
    seen_tail: usize,
    not_sync: PhantomData<Cell<()>>,
}

impl Consumer {
    pub(super) fn new(shared: Arc<Shared>, start: usize) -> Self {
        Self { shared, cursor: start, released: start, seen_tail: start, not_sync: PhantomData }
    }

    /// A look at this ring for who does not have this end.
    pub fn probe(&self) -> Probe {
        Probe(Arc::clone(&self.shared))
    }

    /// Bytes that the ring holds, headers included.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.memory().capacity()
    }

    /// Looks how far the producer has published; true if there are unread records.
    #[inline]
    pub fn refresh(&mut self) -> bool {
        let order = ordering(Site::Refresh, Ordering::Acquire);
        self.seen_tail = self.shared.tail.0.load(order);
        self.cursor != self.seen_tail
    }

    /// The next unread record, and where it lies. Refreshes by itself when all that was seen
    /// before is read. Releases nothing.
    // Not an Iterator: the record borrows the consumer.
    #[expect(clippy::should_implement_trait, reason = "a lending iterator has no trait")]
    #[inline]
    pub fn next(&mut self) -> Option<(Position, Record<'_>)> {
        if self.cursor == self.seen_tail && !self.refresh() {
            return None;
        }
        let offset = self.cursor;
        // SAFETY: the cursor stands at the start of a record, below the tail that was seen: it
        // began where the producer began and has since moved by whole records.
        let header = unsafe { self.header(offset) };
        self.cursor = offset.wrapping_add(header.size());
        // SAFETY: as above; the record is not released, and stays so while it is borrowed.
        let record = unsafe { self.record(offset, header) };
        let position = Position { offset, ring: self.shared.fixed.0.ring };
        Some((position, record))
    }

    /// Looks again at a record that was read but not yet released.
    ///
    /// # Panics
    ///
    /// If the record was released, or is another ring's.
    #[inline]
    pub fn at(&self, position: Position) -> Record<'_> {
        self.check(position);
        // SAFETY: positions come only from `next`, thus from the start of a record; this one is
        // this ring's and lies, as was checked, between the head and the cursor.
        unsafe { self.record(position.offset, self.header(position.offset)) }
    }

    /// Gives the space of all that was read back to the producer, with one store: to be called once
    /// per batch.
    ///
    /// Returns true if the producer's thread asked for space
    /// ([`Producer::want_space`](crate::Producer::want_space)) and there is enough now: the caller
    /// must then rouse it.
    #[inline]
    #[must_use = "true means that the producer's thread is to be roused"]
    pub fn release(&mut self) -> bool {
        self.release_until(self.cursor)
    }

    /// Like [`release`](Self::release), of the records before the one at `position`, which like
    /// those after it stays.
    ///
    /// # Panics
    ///
    /// As [`at`](Self::at).
    #[inline]
    #[must_use = "true means that the producer's thread is to be roused"]
    pub fn release_to(&mut self, position: Position) -> bool {
        self.check(position);
        self.release_until(position.offset)
    }

    /// Whether the [`Producer`](crate::Producer) was dropped: what a [`refresh`](Self::refresh)
    /// after that finds is the last there will be. Whoever drops a producer rouses the consumer's
    /// thread.
    #[inline]
    pub fn is_abandoned(&self) -> bool {
        let order = ordering(Site::SeeAbandoned, Ordering::Acquire);
        self.shared.fixed.0.producer_gone.load(order)
    }

    #[inline]
    fn memory(&self) -> &Memory {
        &self.shared.fixed.0.memory
    }

    #[inline]
    fn check(&self, position: Position) {
        let read = self.cursor.wrapping_sub(self.released);
        let is_unreleased = position.offset.wrapping_sub(self.released) < read;
        assert!(
            is_unreleased && position.ring == self.shared.fixed.0.ring,
            "no record of this ring that was read and not released"
        );
    }

    /// # Safety
    ///
    /// `offset` is the start of a record in `[released, seen_tail)`.
    #[inline]
    unsafe fn header(&self, offset: usize) -> Header {
        self.memory().track_read(offset, HEADER);
        // SAFETY: the caller vouches that a record starts here, on a multiple of 8; the producer
        // wrote its header before it stored a tail that the Acquire load in `refresh` saw.
        Header(unsafe { self.memory().pointer(offset).cast::<u64>().read() })
    }

    /// # Safety
    ///
    /// `offset` is the start of a record in `[released, seen_tail)` whose header is `header`.
    #[inline]
    unsafe fn record(&self, offset: usize, header: Header) -> Record<'_> {
        self.memory().track_read(offset, header.size());
        let start = self.memory().pointer(offset);
        let block = header.has_block().then(|| {
            let descriptor = start.wrapping_add(HEADER);
            // SAFETY: a record with a block has these two words, written by `push_block`. The
            // block was in an `Arc` when its address was taken, and that `Arc` is kept, by the
            // producer or in `orphans`, until the record is released or this consumer is dropped.
            // Neither can happen while the slice borrows this consumer.
            unsafe {
                let data = descriptor.cast::<*const u8>().read();
                let len = descriptor.wrapping_add(DESCRIPTOR / 2).cast::<usize>().read();
                slice::from_raw_parts(data, len)
            }
        });
        let inline = start.wrapping_add(header.inline_offset());
        // SAFETY: the inline bytes lie in one piece behind the header. The producer wrote them,
        // through these same addresses, before the tail that was seen, and writes there again only
        // once it has seen the record released, for which `release` needs this consumer mutably:
        // the slice, which borrows it, is gone by then.
        let inline = unsafe { slice::from_raw_parts(inline, header.inline_len()) };
        Record { inline, block }
    }

    #[inline]
    fn release_until(&mut self, end: usize) -> bool {
        if end == self.released {
            return false;
        }
        // For loom: the last moment at which anyone may have looked at these records.
        self.memory().track_read(self.released, end.wrapping_sub(self.released));
        self.released = end;
        self.shared.head.0.store(end, ordering(Site::Release, Ordering::Release));
        // Pairs with the fence in `Producer::want_space`.
        fence(Site::ReleaseFence);
        let wish = self.shared.wish.0.load(Ordering::Relaxed);
        wish != 0 && self.grant(wish)
    }

    /// Whether the producer's wish is met. If so it is taken back, so that it wakes nobody twice.
    #[cold]
    fn grant(&self, wish: usize) -> bool {
        // Where the producer has meanwhile changed its mind, it has looked at the head by itself,
        // after this store of it.
        has_reached(self.released, wish & !WISH)
            && self
                .shared
                .wish
                .0
                .compare_exchange(wish, 0, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        raise(&self.shared.fixed.0.consumer_gone, Site::Abandon);
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("capacity", &self.capacity())
            .field("cursor", &self.cursor)
            .field("released", &self.released)
            .finish_non_exhaustive()
    }
}
