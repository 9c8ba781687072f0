//! The writing end of a ring. For the rules behind its unsafe code, see `spsc`.

#![expect(unsafe_code, reason = "writes to memory that two threads share")]

use super::{InFlight, Shared, WISH, has_reached};
use crate::{
    BlockPool,
    memory::Memory,
    record::{BLOCK_HEADER, DESCRIPTOR, Full, HEADER, Header, ReserveError, round_up},
    sync::{Ordering, Site, fence, ordering, raise},
};
use std::{
    cell::Cell,
    collections::VecDeque,
    fmt,
    marker::PhantomData,
    ops::{Deref, DerefMut},
    slice,
    sync::Arc,
};

/// The writing end of a ring. It may move between threads, but is used by one at a time.
///
/// Records that were committed but not published when it is dropped never reach the consumer;
/// published ones do, their blocks included.
pub struct Producer {
    shared: Arc<Shared>,
    committed: usize,
    published: usize,
    /// The head as last loaded: the true one may be further on.
    seen_head: usize,
    /// Where the records begin whose pages have not been given back.
    trimmed: usize,
    in_flight: VecDeque<InFlight>,
    not_sync: PhantomData<Cell<()>>,
}

impl Producer {
    pub(super) fn new(shared: Arc<Shared>, start: usize) -> Self {
        Self {
            shared,
            committed: start,
            published: start,
            seen_head: start,
            trimmed: start,
            in_flight: VecDeque::new(),
            not_sync: PhantomData,
        }
    }

    /// Bytes that the ring holds, headers included: a power of two.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.memory().capacity()
    }

    /// The largest inline payload in bytes: half the capacity less the header, so that a full-sized
    /// record need not wait until the consumer has caught up entirely.
    #[inline]
    pub fn max_record(&self) -> usize {
        self.capacity() / 2 - HEADER
    }

    /// Bytes of the ring that a record with `inline_len` inline bytes takes: what to ask
    /// [`want_space`](Self::want_space) for. The length must be one that can fit.
    #[inline]
    pub const fn space_for(inline_len: usize) -> usize {
        HEADER + round_up(inline_len)
    }

    /// The same for a record with a block.
    #[inline]
    pub const fn space_for_block(inline_len: usize) -> usize {
        BLOCK_HEADER + round_up(inline_len)
    }

    /// Reserves `len` contiguous bytes, 8-byte aligned, to fill and then
    /// [commit](Reservation::commit). They hold whatever was left there by earlier records.
    ///
    /// Dropped without a commit, it is as if nothing had happened.
    ///
    /// # Errors
    ///
    /// [`ReserveError::Full`] until the consumer has released more; [`ReserveError::TooLarge`] if
    /// `len` is more than [`max_record`](Self::max_record).
    #[inline]
    pub fn reserve(&mut self, len: usize) -> Result<Reservation<'_>, ReserveError> {
        if len > self.max_record() {
            return Err(ReserveError::TooLarge);
        }
        let start = self.claim(Self::space_for(len))?;
        // SAFETY: `claim` found the record's bytes free: they lie in `[committed, head +
        // capacity)`, which is the producer's alone (see `spsc`), and in one piece of the mapping,
        // which is initialised memory. The header before the slice is not part of it, and the
        // slice is the only reference to these bytes: its lifetime is that of the mutable borrow
        // of this producer, without which `committed` cannot move, nor anything be reserved again.
        let bytes = unsafe { slice::from_raw_parts_mut(start.wrapping_add(HEADER), len) };
        Ok(Reservation { producer: self, bytes })
    }

    /// Commits a record of a few `inline` bytes and a payload that crosses by pointer.
    ///
    /// The block stays in flight until [`reclaim`](Self::reclaim) finds its record released. On an
    /// error the handle is not lost either: if it is the last one, the next `reclaim` returns it to
    /// the pool. A caller that means to try again, or to push the block into several rings, pushes
    /// clones, and ends by giving its own handle to [`BlockPool::put_back`].
    ///
    /// # Errors
    ///
    /// As for [`reserve`](Self::reserve); `inline` is too large if it is longer than
    /// [`max_record`](Self::max_record) less 16 bytes, however long the block.
    #[inline]
    pub fn push_block(&mut self, inline: &[u8], block: Arc<Vec<u8>>) -> Result<(), ReserveError> {
        if inline.len() > self.max_record() - DESCRIPTOR {
            self.keep_refused(block);
            return Err(ReserveError::TooLarge);
        }
        let header = Header::new(inline.len(), true);
        let start = match self.claim(header.size()) {
            Ok(start) => start,
            Err(Full) => {
                self.keep_refused(block);
                return Err(ReserveError::Full);
            }
        };
        // SAFETY: as in `reserve`, all of the record's bytes, from `start` on, are the producer's
        // alone. `start` is 8-byte aligned, so the words are too; and `inline` cannot overlap them,
        // as no reference to unpublished bytes exists without a mutable borrow of this producer.
        unsafe {
            start.wrapping_add(HEADER).cast::<*const u8>().write(block.as_ptr());
            start.wrapping_add(HEADER + DESCRIPTOR / 2).cast::<usize>().write(block.len());
            start
                .wrapping_add(BLOCK_HEADER)
                .copy_from_nonoverlapping(inline.as_ptr(), inline.len());
        }
        self.commit(header);
        self.in_flight.push_back(InFlight { end: self.committed, block });
        Ok(())
    }

    /// Makes all committed records visible to the consumer, with one store.
    ///
    /// Returns true if there were any; the caller then rouses the consumer's thread
    /// ([`Sleeper::rouse`](crate::Sleeper::rouse)).
    #[inline]
    #[must_use = "true means that the consumer's thread is to be roused"]
    pub fn publish(&mut self) -> bool {
        if self.published == self.committed {
            return false;
        }
        self.published = self.committed;
        let order = ordering(Site::Publish, Ordering::Release);
        self.shared.tail.0.store(self.published, order);
        true
    }

    /// Asks to be woken once `bytes` are free (see [`space_for`](Self::space_for); no more than
    /// the capacity is ever asked for), unless they are free already: then returns true, and no
    /// wish stays registered.
    ///
    /// True also if the consumer is gone (see [`is_abandoned`](Self::is_abandoned)): waiting would be
    /// in vain. After false, the [`Consumer::release`](crate::Consumer::release) that makes them free
    /// returns true, once. A new wish replaces the one before. A thread that sleeps until there is
    /// space calls this, again or for the first time, after
    /// [`Sleeper::announce`](crate::Sleeper::announce) and before each sleep. It publishes first
    /// what it has committed, as records that the consumer cannot see are never released; and it
    /// looks at [`is_abandoned`](Self::is_abandoned), too.
    #[must_use = "true means that there is space and nobody will wake this thread"]
    pub fn want_space(&mut self, bytes: usize) -> bool {
        let capacity = self.capacity();
        let bytes = round_up(bytes.min(capacity));
        let goal = self.committed.wrapping_add(bytes).wrapping_sub(capacity);
        // Swaps in place of stores, here and below, for the reason given in `sleep`.
        self.shared.wish.0.swap(goal | WISH, Ordering::Relaxed);
        // Pairs with the fence in `Consumer::release`: either the consumer sees the wish, or this
        // side sees the head.
        fence(Site::WantSpaceFence);
        self.load_head();
        let is_free = has_reached(self.seen_head, goal) || self.is_abandoned();
        if is_free {
            self.shared.wish.0.swap(0, Ordering::Relaxed);
        }
        is_free
    }

    /// Asks to be woken once about half of the blocks in flight can be reclaimed, unless some can
    /// be at once: then returns true, and no wish stays registered. False, and no new wish, if none
    /// are in flight here.
    ///
    /// For a producer whose [`BlockPool`] is full; otherwise as [`want_space`](Self::want_space),
    /// whose wish it replaces.
    #[must_use = "true means that there are blocks and nobody will wake this thread"]
    pub fn want_blocks(&mut self) -> bool {
        let middle = self.in_flight.get(self.in_flight.len() / 2);
        let (Some(first), Some(middle)) = (self.in_flight.front(), middle) else { return false };
        let (first, goal) = (first.end, middle.end);
        self.shared.wish.0.swap(goal | WISH, Ordering::Relaxed);
        // Pairs with the fence in `Consumer::release`, as in `want_space`.
        fence(Site::WantSpaceFence);
        self.load_head();
        let is_free = has_reached(self.seen_head, first) || self.is_abandoned();
        if is_free {
            self.shared.wish.0.swap(0, Ordering::Relaxed);
        }
        is_free
    }

    /// Whether the consumer has released every record ever committed.
    #[inline]
    pub fn is_drained(&mut self) -> bool {
        self.load_head();
        self.seen_head == self.committed
    }

    /// Whether blocks have yet to be [reclaimed](Self::reclaim).
    #[inline]
    pub fn has_blocks_in_flight(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// Whether the [`Consumer`](crate::Consumer) was dropped. Nothing is released any more then,
    /// and whoever drops a consumer must rouse the producer's thread if that may be waiting for
    /// space.
    #[inline]
    pub fn is_abandoned(&self) -> bool {
        let order = ordering(Site::SeeAbandoned, Ordering::Acquire);
        self.shared.fixed.0.consumer_gone.load(order)
    }

    /// Gives the blocks whose records were released back to the pool that they came from.
    ///
    /// Cheap when nothing is in flight. To be called from time to time, for instance once per
    /// batch, and whenever the pool is full.
    #[inline]
    pub fn reclaim(&mut self, blocks: &mut BlockPool) {
        if !self.in_flight.is_empty() {
            self.reclaim_released(blocks);
        }
    }

    /// Gives the memory of released records back to the system. For a thread that has been idle:
    /// it costs a system call if there is anything to give back, and later a page fault for each
    /// page that is used again.
    ///
    /// Returns true if that was all: false if the consumer has yet to release records.
    pub fn trim(&mut self) -> bool {
        let is_abandoned = self.is_abandoned();
        let is_all = self.is_drained() || is_abandoned;
        if self.trimmed != self.committed {
            let used = if is_all { 0 } else { self.committed.wrapping_sub(self.seen_head) };
            let free = self.capacity() - used;
            // SAFETY: these bytes are `[committed, head + capacity)`, which is the producer's alone
            // (see `spsc`), or all bytes of a ring whose consumer is gone and reads no more. A
            // reservation, which refers to some of them, borrows this producer.
            unsafe { self.memory().discard(self.committed, free) };
        }
        if is_all {
            self.trimmed = self.committed;
        }
        is_all
    }

    fn reclaim_released(&mut self, blocks: &mut BlockPool) {
        self.load_head();
        let is_abandoned = self.is_abandoned();
        while let Some(first) = self.in_flight.front() {
            if !is_abandoned && !has_reached(self.seen_head, first.end) {
                break;
            }
            if let Some(InFlight { block, .. }) = self.in_flight.pop_front() {
                blocks.put_back(block);
            }
        }
    }

    #[inline]
    fn memory(&self) -> &Memory {
        &self.shared.fixed.0.memory
    }

    /// What the consumer read up to `seen_head` happened before what follows this.
    #[inline]
    fn load_head(&mut self) {
        let order = ordering(Site::LoadHead, Ordering::Acquire);
        self.seen_head = self.shared.head.0.load(order);
    }

    /// Makes sure that the `size` bytes from `committed` on are free, and returns their address.
    #[inline]
    fn claim(&mut self, size: usize) -> Result<*mut u8, Full> {
        let end = self.committed.wrapping_add(size);
        let goal = end.wrapping_sub(self.capacity());
        if !has_reached(self.seen_head, goal) {
            self.load_head();
            if !has_reached(self.seen_head, goal) {
                return Err(Full);
            }
        }
        self.memory().track_write(self.committed, size);
        Ok(self.memory().pointer(self.committed))
    }

    /// Writes the header of the record that was claimed and filled, and moves on past it.
    #[inline]
    fn commit(&mut self, header: Header) {
        self.memory().track_write(self.committed, header.size());
        let start = self.memory().pointer(self.committed).cast::<u64>();
        // SAFETY: the caller claimed `header.size()` bytes from `committed` on, so these are the
        // producer's alone; `committed` is a multiple of 8, and so is the mapping's address. A
        // reservation's slice begins only after the header.
        unsafe { start.write(header.0) };
        self.committed = self.committed.wrapping_add(header.size());
    }

    /// Keeps the last handle of a refused block for the next `reclaim`, so that its bytes do not
    /// count against the pool for ever. Any other handle counts nothing.
    #[cold]
    fn keep_refused(&mut self, block: Arc<Vec<u8>>) {
        if Arc::strong_count(&block) == 1 {
            // The head has reached this end already, and those behind it are not held up.
            self.in_flight.push_front(InFlight { end: self.seen_head, block });
        }
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        let fixed = &self.shared.fixed.0;
        // The consumer may be looking at these at this moment. Set only here, hence once.
        let was_empty = fixed.orphans.set(std::mem::take(&mut self.in_flight)).is_ok();
        debug_assert!(was_empty);
        raise(&fixed.producer_gone, Site::Abandon);
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("capacity", &self.capacity())
            .field("committed", &self.committed)
            .field("published", &self.published)
            .finish_non_exhaustive()
    }
}

/// Bytes of a record to be. Derefs to the slice to fill; see [`Producer::reserve`].
#[must_use = "a reservation that is not committed sends nothing"]
#[derive(Debug)]
pub struct Reservation<'a> {
    producer: &'a mut Producer,
    bytes: &'a mut [u8],
}

impl Reservation<'_> {
    /// Turns the bytes into a record, to be seen by the consumer after the next
    /// [`Producer::publish`].
    #[inline]
    pub fn commit(self) {
        self.producer.commit(Header::new(self.bytes.len(), false));
    }
}

impl Deref for Reservation<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.bytes
    }
}

impl DerefMut for Reservation<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        self.bytes
    }
}
