//! A mailbox: any number of threads post letters, one collects them.
//!
//! It is for what comes seldom and from anywhere, such as the threads of an app's own; the way of
//! messages are the rings, which cost no allocation. It is not for waking the thread that collects:
//! that is [`Sleeper`](crate::Sleeper)'s part. Whoever has posted rouses; whoever is about to sleep
//! announces it, and then looks whether there [is mail](Mailbox::has_mail).
//!
//! Nobody waits in it: to post is a loop of compare-and-swap in which some thread always gets on, and
//! to collect is one swap, whatever a thread that was stopped in the midst of posting has left.
#![expect(unsafe_code, reason = "boxes that change hands through an atomic pointer")]

use std::fmt;
use std::marker::PhantomData;
use std::ptr;
use std::sync::{Arc, Mutex};

use crate::sync::{AtomicPtr, AtomicUsize, Ordering, Site, ordering};

/// A letter, and the one that was posted before it.
struct Letter<T> {
    content: T,
    before: *mut Letter<T>,
}

/// Letters that lie where one thread collects them, up to a number.
pub struct Mailbox<T> {
    /// The youngest letter: null for none, [`closed`](Self::closed) for never again.
    last: AtomicPtr<Letter<T>>,
    /// Letters posted and not yet read, those of them included that lie in a [`Collected`].
    count: Arc<AtomicUsize>,
    capacity: usize,
    /// Like a lock, it may be shared by threads to which a `T` may be sent.
    like_a_lock: PhantomData<Mutex<T>>,
}

/// Why a letter was not posted; it comes back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unposted<T> {
    /// So many lie there that no more are taken for now.
    Full(T),
    /// Nobody will collect any more.
    Closed(T),
}

impl<T> Mailbox<T> {
    /// An empty mailbox that takes so many letters.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let (last, count) = (AtomicPtr::new(ptr::null_mut()), Arc::new(AtomicUsize::new(0)));
        Self { last, count, capacity, like_a_lock: PhantomData }
    }

    /// A pointer at which no letter lies.
    fn closed() -> *mut Letter<T> {
        ptr::NonNull::dangling().as_ptr()
    }

    /// Posts a letter, from any thread. Those of one thread are read in their order. To be followed by
    /// [`rouse`](crate::Sleeper::rouse).
    ///
    /// # Errors
    /// If there is no room, or the mailbox is closed.
    pub fn post(&self, content: T) -> Result<(), Unposted<T>> {
        if self.count.fetch_add(1, Ordering::Relaxed) >= self.capacity {
            self.count.fetch_sub(1, Ordering::Relaxed);
            return Err(Unposted::Full(content));
        }
        let letter = Box::into_raw(Box::new(Letter { content, before: ptr::null_mut() }));
        let mut last = self.last.load(Ordering::Relaxed);
        loop {
            if last == Self::closed() {
                self.count.fetch_sub(1, Ordering::Relaxed);
                // SAFETY: it was made above, and nobody else has seen it.
                let letter = unsafe { Box::from_raw(letter) };
                return Err(Unposted::Closed(letter.content));
            }
            // SAFETY: as above.
            unsafe { (*letter).before = last };
            let order = ordering(Site::Post, Ordering::Release);
            match self.last.compare_exchange_weak(last, letter, order, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(other) => last = other,
            }
        }
    }

    /// Whether there is something to collect. For a thread about to sleep: after its announcement.
    #[inline]
    pub fn has_mail(&self) -> bool {
        let last = self.last.load(Ordering::Relaxed);
        !last.is_null() && last != Self::closed()
    }

    /// Takes all letters out, for the one thread that collects. There is room for others as these are
    /// read.
    pub fn collect(&self) -> Collected<T> {
        if self.has_mail() { self.take_out(ptr::null_mut()) } else { self.list(ptr::null_mut()) }
    }

    /// As [`collect`](Self::collect), and for the last time: nothing can be posted afterwards.
    pub fn close(&self) -> Collected<T> {
        self.take_out(Self::closed())
    }

    fn list(&self, first: *mut Letter<T>) -> Collected<T> {
        Collected { first, count: Arc::clone(&self.count) }
    }

    fn take_out(&self, leave: *mut Letter<T>) -> Collected<T> {
        // All who posted did so with Release in one chain of swaps, so this sees every letter whole.
        let last = self.last.swap(leave, ordering(Site::Collect, Ordering::Acquire));
        if last == Self::closed() {
            if leave.is_null() {
                self.last.store(Self::closed(), Ordering::Relaxed);
            }
            return self.list(ptr::null_mut());
        }
        // The youngest comes first: turn them round.
        let (mut first, mut next) = (ptr::null_mut(), last);
        while !next.is_null() {
            // SAFETY: a letter made by `post`; the swap has given it, and by its Acquire all that was
            // written to it before, to this thread alone.
            let before = unsafe { std::mem::replace(&mut (*next).before, first) };
            (first, next) = (next, before);
        }
        self.list(first)
    }
}

impl<T> Drop for Mailbox<T> {
    fn drop(&mut self) {
        // A loom model that has failed is being unwound; loom cannot run it any further.
        if cfg!(not(loom)) || !std::thread::panicking() {
            drop(self.close());
        }
    }
}

impl<T> fmt::Debug for Mailbox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailbox").field("has_mail", &self.has_mail()).finish_non_exhaustive()
    }
}

/// Letters on their way to be read, the oldest first. Those that are not are dropped with it.
pub struct Collected<T> {
    first: *mut Letter<T>,
    /// That of the mailbox.
    count: Arc<AtomicUsize>,
}

// SAFETY: its letters are its own, as a list of boxes would be.
unsafe impl<T: Send> Send for Collected<T> {}

impl<T> Collected<T> {
    /// Whether there is none left to be read.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.first.is_null()
    }
}

impl<T> Iterator for Collected<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if self.first.is_null() {
            return None;
        }
        // SAFETY: made by `post`, and ours since `take_out`; it is taken off the list here, once.
        let letter = unsafe { Box::from_raw(self.first) };
        self.first = letter.before;
        self.count.fetch_sub(1, Ordering::Relaxed);
        Some(letter.content)
    }
}

impl<T> Drop for Collected<T> {
    fn drop(&mut self) {
        self.for_each(drop);
    }
}

impl<T> fmt::Debug for Collected<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collected").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn letters_come_in_order_and_only_once() {
        let mailbox = Mailbox::new(3);
        assert!(!mailbox.has_mail());
        assert_eq!(mailbox.collect().next(), None);
        for round in 0..3 {
            (0..3).for_each(|i| mailbox.post(round * 10 + i).expect("room"));
            assert!(mailbox.has_mail());
            let expected: Vec<_> = (0..3).map(|i| round * 10 + i).collect();
            assert_eq!(mailbox.collect().collect::<Vec<_>>(), expected);
            assert!(!mailbox.has_mail());
        }
    }

    #[test]
    fn no_more_than_its_capacity_lies_there_or_is_being_read() {
        let mailbox = Mailbox::new(2);
        mailbox.post(1).expect("room");
        mailbox.post(2).expect("room");
        assert_eq!(mailbox.post(3), Err(Unposted::Full(3)));
        let mut collected = mailbox.collect();
        assert_eq!(mailbox.post(3), Err(Unposted::Full(3)));
        assert_eq!(collected.next(), Some(1));
        mailbox.post(3).expect("room");
        drop(collected);
        mailbox.post(4).expect("room");
        assert_eq!(mailbox.collect().collect::<Vec<_>>(), [3, 4]);
    }

    #[test]
    fn a_closed_one_gives_letters_back() {
        let mailbox = Mailbox::new(2);
        mailbox.post(1).expect("room");
        assert_eq!(mailbox.close().collect::<Vec<_>>(), [1]);
        (0..5).for_each(|i| assert_eq!(mailbox.post(i), Err(Unposted::Closed(i))));
        assert!(!mailbox.has_mail());
        assert_eq!(mailbox.collect().count() + mailbox.close().count(), 0);
        assert_eq!(mailbox.post(2), Err(Unposted::Closed(2)), "still");
    }

    #[test]
    fn what_nobody_reads_is_dropped() {
        let (mailbox, letter) = (Mailbox::new(9), Rc::new(()));
        (0..4).for_each(|_| mailbox.post(Rc::clone(&letter)).expect("room"));
        drop(mailbox.collect().next());
        assert_eq!(Rc::strong_count(&letter), 1);
        (0..4).for_each(|_| mailbox.post(Rc::clone(&letter)).expect("room"));
        drop(mailbox);
        assert_eq!(Rc::strong_count(&letter), 1);
    }
}
