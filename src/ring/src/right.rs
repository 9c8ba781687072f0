//! The run right: what only one thread at a time may use, left where whoever comes first takes it.
//!
//! A thread that goes to sleep may leave here what it runs, so that one which has work for it need
//! not wake it but does that work itself. It is not for waking anybody: that is
//! [`Sleeper`](crate::Sleeper)'s part, and the two together are used in this order.
//!
//! The thread whose own the thing is, on its way to sleep: [`leave`](RunRight::leave),
//! [`announce`](crate::Sleeper::announce), then look at everything it waits for by way of
//! [`Probe`](crate::Probe)s, as the ring ends themselves are gone with the thing, and whether it
//! [is recalled](RunRight::is_recalled). If there is anything, [`take`](RunRight::take), and if that
//! fails, sleep: whoever was faster looks again. A thread that has come back from its sleep and
//! finds nothing to take says [`want`](RunRight::want), announces, tries once more, and sleeps.
//!
//! A deputy, who has published something: [`take_unless_reserved`](RunRight::take_unless_reserved);
//! if that fails, rouse the sleeper as ever. Afterwards [`leave`](RunRight::leave), then look whether
//! the thing [is wanted](RunRight::is_wanted) and at all probes; if there is anything, rouse the
//! sleeper. If the thing has become one that only its own thread can go on with,
//! [`recall`](RunRight::recall) before, and rouse the sleeper in any case.
//!
//! # Why nothing is left lying
//!
//! It is the argument of [`Sleeper`](crate::Sleeper) once more. Whoever leaves the thing looks
//! after a fence at what was published; whoever has published looks after a fence at whether the
//! thing lies there and whether its thread sleeps. One of the fences comes first, and the side
//! whose fence comes second sees what the other did.
#![expect(unsafe_code, reason = "a box that changes hands through an atomic pointer")]

use std::fmt;
use std::marker::PhantomData;
use std::ptr;
use std::sync::Mutex;

use crate::sync::{AtomicBool, AtomicPtr, Ordering, Site, fence, ordering};

/// A place for one `Box<T>`.
// On cache lines of its own: deputies look at it in every turn.
#[repr(align(128))]
pub struct RunRight<T> {
    /// Null while somebody has the box in hand.
    left: AtomicPtr<T>,
    /// Its own thread waits for it.
    wanted: AtomicBool,
    /// Its own thread is to go on with it.
    recalled: AtomicBool,
    /// A deputy would go on with it.
    asked: AtomicBool,
    /// Like a lock, it may be shared by threads to which a `T` may be sent.
    like_a_lock: PhantomData<Mutex<T>>,
}

impl<T> RunRight<T> {
    /// Nothing lies there yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            left: AtomicPtr::new(ptr::null_mut()),
            wanted: AtomicBool::new(false),
            recalled: AtomicBool::new(false),
            asked: AtomicBool::new(false),
            like_a_lock: PhantomData,
        }
    }

    /// Leaves the box for whoever comes first. The caller must then look at all that the thing
    /// waits for, see above.
    ///
    /// # Panics
    /// If another box lies there: there is to be only one.
    #[inline]
    pub fn leave(&self, thing: Box<T>) {
        let order = ordering(Site::Leave, Ordering::Release);
        let before = self.left.swap(Box::into_raw(thing), order);
        assert!(before.is_null(), "a second thing to run");
        fence(Site::LeaveFence);
    }

    /// Takes the box, if it lies there.
    #[inline]
    pub fn take(&self) -> Option<Box<T>> {
        // The load comes first because it leaves the cache line shared in the common case.
        if self.left.load(Ordering::Relaxed).is_null() {
            return None;
        }
        let left = self.left.swap(ptr::null_mut(), ordering(Site::Take, Ordering::Acquire));
        // SAFETY: a pointer that is not null came from `Box::into_raw` in `leave`, and the swap
        // gives it to no one else. What was done to the box before is visible by the Acquire swap,
        // which has read what the Release swap of `leave` stored.
        (!left.is_null()).then(|| unsafe { Box::from_raw(left) })
    }

    /// For a deputy: takes the box, if it lies there and is not [reserved](Self::is_reserved).
    #[inline]
    pub fn take_unless_reserved(&self) -> Option<Box<T>> {
        if self.is_reserved() { None } else { self.take() }
    }

    /// Whether the thread whose own it is waits for it, or is to go on with it. That thread takes a
    /// while to wake up, in which deputies that always have something to do would be faster, again
    /// and again.
    #[inline]
    pub fn is_reserved(&self) -> bool {
        self.is_wanted() || self.is_recalled()
    }

    /// For the thread whose own the thing is: asks to be roused when it is left. To be followed by
    /// [`announce`](crate::Sleeper::announce) and another [`take`](Self::take).
    pub fn want(&self) {
        // A swap in place of a store for the reason given in `sleep`.
        self.wanted.swap(true, Ordering::Relaxed);
    }

    /// For the same thread, with the box in hand: it neither waits nor is waited for any more.
    pub fn has_got(&self) {
        self.wanted.swap(false, Ordering::Relaxed);
        self.recalled.swap(false, Ordering::Relaxed);
    }

    /// For a deputy, with the box in hand: the thread whose own it is has to go on with it.
    pub fn recall(&self) {
        self.recalled.swap(true, Ordering::Relaxed);
    }

    /// Whether a deputy has said so. For the thread whose own it is, before it sleeps.
    #[inline]
    pub fn is_recalled(&self) -> bool {
        self.recalled.load(Ordering::Relaxed)
    }

    /// For a deputy that has found nothing to take: asks the thread whose own it is to leave it
    /// before it has nothing left to do, and to wake the deputy then. Without it, two threads that
    /// share a processor might keep each other busy for ever.
    #[inline]
    pub fn ask(&self) {
        // Mostly it has been asked before, and the cache line may stay shared.
        if !self.asked.load(Ordering::Relaxed) {
            self.asked.store(true, Ordering::Relaxed);
        }
    }

    /// Whether a deputy has asked, for whoever has the box in hand; forgets it.
    #[inline]
    pub fn was_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed) && self.asked.swap(false, Ordering::Relaxed)
    }

    /// Whether the box lies there. After a fence that whoever leaves it also makes.
    #[inline]
    pub fn is_left(&self) -> bool {
        !self.left.load(Ordering::Relaxed).is_null()
    }

    /// Whether the thread whose own the thing is waits for it. For a deputy, after
    /// [`leave`](Self::leave).
    #[inline]
    pub fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }
}

impl<T> Default for RunRight<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Drop for RunRight<T> {
    fn drop(&mut self) {
        // A loom model that has failed is being unwound; loom cannot run it any further.
        if cfg!(not(loom)) || !std::thread::panicking() {
            drop(self.take());
        }
    }
}

impl<T> fmt::Debug for RunRight<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunRight").field("wanted", &self.is_wanted()).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn one_takes_what_another_left() {
        let right = RunRight::default();
        assert_eq!(right.take(), None);
        right.leave(Box::new(7));
        assert_eq!(right.take(), Some(Box::new(7)));
        assert_eq!(right.take(), None);
        right.ask();
        assert!(right.was_asked() && !right.was_asked());
        assert!(!right.is_left());
        right.leave(Box::new(8)); // freed with the place: the sanitizers see to it
    }

    #[test]
    #[should_panic(expected = "a second thing")]
    fn there_is_only_one() {
        let right = RunRight::new();
        right.leave(Box::new(1));
        right.leave(Box::new(2));
    }

    #[test]
    fn a_wish_stays_until_it_is_met() {
        let right = RunRight::<u8>::new();
        assert!(!right.is_wanted());
        right.leave(Box::new(1));
        right.want();
        assert!(right.is_wanted() && !right.is_recalled());
        assert_eq!(right.take_unless_reserved(), None);
        right.has_got();
        right.recall();
        assert!(!right.is_wanted() && right.is_recalled());
        assert_eq!(right.take_unless_reserved(), None);
        right.has_got();
        assert!(!right.is_wanted() && !right.is_recalled());
        assert_eq!(right.take_unless_reserved(), Some(Box::new(1)));
    }
}
