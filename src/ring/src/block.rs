//! The pool of payload buffers that cross rings by pointer, with a budget in bytes.
//!
//! It is not for sharing: each pool belongs to the one thread that fills the buffers and takes them
//! back. Nothing here is atomic but the counts inside `Arc`, and those are only changed by that
//! thread.
//!
//! Buffers are counted by their capacity, which is the memory that they hold, not by the bytes in
//! use. A few are kept for the next message; what a burst took beyond that is freed as it comes
//! back, and [`BlockPool::trim`] frees the rest.

use crate::record::Full;
use std::sync::Arc;

/// Bytes, and buffers, that a pool keeps at most for the next message.
const SPARE_BYTES: usize = 4 << 20;
const SPARES: usize = 256;

/// So many of them, the last that came back, are looked at for one that fits.
const LOOKED_AT: usize = 16;

/// A bounded pool of payload buffers.
///
/// A buffer's way: [`take`](Self::take), fill, [`seal`](Self::seal) (or, for one that was allocated
/// elsewhere, [`adopt`](Self::adopt)), [`push_block`](crate::Producer::push_block) into one or more
/// rings, [`reclaim`](crate::Producer::reclaim). Each handle (`Arc`) of a block ends in
/// [`put_back`](Self::put_back), which `reclaim` calls for those in rings; the last one gives the
/// block's bytes back to the budget.
#[derive(Debug)]
pub struct BlockPool {
    budget: usize,
    /// Capacities of the blocks that were sealed and not yet put back.
    sealed: usize,
    /// Capacities of the buffers that were taken and not yet sealed, and how many they are.
    drawn: usize,
    drawn_c: usize,
    spares: Vec<Vec<u8>>,
    spare_bytes: usize,
    /// Handles without a buffer, so that sealing allocates nothing in the steady state.
    shells: Vec<Arc<Vec<u8>>>,
}

impl BlockPool {
    /// A pool that lets `budget` bytes be in use at a time. One buffer is always admitted, however
    /// large, when no other is in use.
    pub fn new(budget: usize) -> Self {
        Self {
            budget,
            sealed: 0,
            drawn: 0,
            drawn_c: 0,
            spares: Vec::new(),
            spare_bytes: 0,
            shells: Vec::new(),
        }
    }

    /// An empty buffer with a capacity of at least `len` bytes, recycled where one fits.
    ///
    /// It counts at once; if it is not going to be sealed, [`cancel`](Self::cancel) it.
    ///
    /// # Errors
    ///
    /// [`Full`] if it would exceed the budget; then [`reclaim`](crate::Producer::reclaim) may help.
    pub fn take(&mut self, len: usize) -> Result<Vec<u8>, Full> {
        let spare = self.best_spare(len);
        let capacity = spare.map_or_else(|| rounded(len), |index| self.spares[index].capacity());
        if !self.admits(capacity) {
            return Err(Full);
        }
        let buffer = match spare {
            Some(index) => {
                self.spare_bytes -= capacity;
                self.spares.swap_remove(index)
            }
            None => Vec::with_capacity(capacity),
        };
        self.drawn += buffer.capacity();
        self.drawn_c += 1;
        Ok(buffer)
    }

    /// Makes a filled buffer from [`take`](Self::take) ready to be pushed. Had it to grow in the
    /// meantime, its growth counts from now on.
    pub fn seal(&mut self, buffer: Vec<u8>) -> Arc<Vec<u8>> {
        self.settle(buffer.capacity());
        self.wrap(buffer)
    }

    /// Takes back a buffer from [`take`](Self::take) that is not needed after all.
    pub fn cancel(&mut self, buffer: Vec<u8>) {
        self.settle(buffer.capacity());
        self.keep(buffer);
    }

    /// Counts a buffer that was allocated elsewhere, and makes it ready to be pushed.
    ///
    /// # Errors
    ///
    /// [`Full`], and the buffer, if it would exceed the budget.
    pub fn adopt(&mut self, buffer: Vec<u8>) -> Result<Arc<Vec<u8>>, (Full, Vec<u8>)> {
        if self.admits(buffer.capacity()) { Ok(self.wrap(buffer)) } else { Err((Full, buffer)) }
    }

    /// Gives up one handle of a block of this pool. With the last one the block's bytes return to
    /// the budget, and its buffer is kept for the next message or freed.
    pub fn put_back(&mut self, mut block: Arc<Vec<u8>>) {
        let Some(buffer) = Arc::get_mut(&mut block).map(std::mem::take) else {
            return;
        };
        self.sealed = self.sealed.saturating_sub(buffer.capacity());
        self.keep(buffer);
        if self.shells.len() < SPARES {
            self.shells.push(block);
        }
    }

    /// Frees the buffers that are kept for the next message. For a thread that has been idle.
    pub fn trim(&mut self) {
        self.spares = Vec::new();
        self.spare_bytes = 0;
        self.shells = Vec::new();
    }

    /// Bytes that count against the budget now.
    pub fn in_use(&self) -> usize {
        self.sealed + self.drawn
    }

    /// The budget in bytes.
    pub fn budget(&self) -> usize {
        self.budget
    }

    /// Changes it. What is in use beyond a smaller one comes back in its time.
    pub fn set_budget(&mut self, budget: usize) {
        self.budget = budget;
    }

    fn admits(&self, capacity: usize) -> bool {
        let in_use = self.in_use();
        in_use == 0 || in_use.checked_add(capacity).is_some_and(|sum| sum <= self.budget)
    }

    /// One buffer less is drawn. Which of those drawn it was is not known if it grew, but the sum
    /// is right again as soon as none is.
    fn settle(&mut self, capacity: usize) {
        debug_assert_ne!(self.drawn_c, 0, "a buffer that was not taken from this pool");
        self.drawn_c = self.drawn_c.saturating_sub(1);
        self.drawn = if self.drawn_c == 0 { 0 } else { self.drawn.saturating_sub(capacity) };
    }

    fn wrap(&mut self, buffer: Vec<u8>) -> Arc<Vec<u8>> {
        self.sealed += buffer.capacity();
        if let Some(mut shell) = self.shells.pop() {
            if let Some(inside) = Arc::get_mut(&mut shell) {
                *inside = buffer;
                return shell;
            }
        }
        Arc::new(buffer)
    }

    fn keep(&mut self, mut buffer: Vec<u8>) {
        let capacity = buffer.capacity();
        if self.spares.len() < SPARES && self.spare_bytes + capacity <= SPARE_BYTES {
            buffer.clear();
            self.spare_bytes += capacity;
            self.spares.push(buffer);
        }
    }

    /// The smallest spare that holds `len` bytes without wasting more than a quarter on it.
    fn best_spare(&self, len: usize) -> Option<usize> {
        let fits = len..=len.saturating_add(len / 4);
        (self.spares.len().saturating_sub(LOOKED_AT)..self.spares.len())
            .filter(|&index| fits.contains(&self.spares[index].capacity()))
            .min_by_key(|&index| self.spares[index].capacity())
    }
}

/// Rounds `len` up by an eighth at most, so that buffers of similar size can stand in for each
/// other. Below a page it is left alone.
fn rounded(len: usize) -> usize {
    if len < 4096 {
        len
    } else {
        len.checked_next_multiple_of(1 << (len.ilog2() - 3)).unwrap_or(len)
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
