//! The sleep/wake handshake, written once for every thread that sleeps, whatever it sleeps on.
//!
//! It is not for sleeping: the futex wait or `epoll_wait`, and the futex wake or eventfd write, are
//! made by its users.
//!
//! # Why no wake-up is lost
//!
//! The sleeper says ASLEEP, then looks at its rings; the waker publishes, then looks at the
//! state. Without more, each processor may carry out its load before its store becomes visible, so
//! that both look too early and both see nothing: the sleeper sleeps on a full ring. With a
//! `SeqCst` fence between store and load on *both* sides, one of the two fences comes first in the
//! single order of all such fences, and the side whose fence comes second sees what the other
//! stored. Acquire and Release cannot say this.
//!
//! Where several wakers come at once, the swap lets one of them win, and only that one kicks.
//! Another, which finds AWAKE, relies on the sleeper's next `announce`, after which the sleeper
//! looks at all its rings before it may sleep.
//!
//! The sleeper swaps, too, where a store would do: nothing comes between the two halves of a swap,
//! so that a later store is later for all; but loom does not know that, and would report wake-ups
//! as lost that cannot be. Next to a sleep a swap costs nothing.

use crate::sync::{AtomicU32, Ordering, Site, fence};

/// Whether a thread sleeps, as its wakers need to know it. Share it in an `Arc`.
///
/// One thread, the sleeper, calls [`announce`](Self::announce) and [`retract`](Self::retract); any
/// number of others call [`rouse`](Self::rouse).
// On cache lines of its own: wakers read it after each batch.
#[repr(align(128))]
#[derive(Debug)]
pub struct Sleeper {
    state: AtomicU32,
}

impl Sleeper {
    /// The value of [`word`](Self::word) while the thread is, or is about to be, asleep: what
    /// FUTEX_WAIT (futex(2)) is to expect.
    pub const ASLEEP: u32 = 1;
    const AWAKE: u32 = 0;

    /// A sleeper that is awake.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self { state: AtomicU32::new(Self::AWAKE) }
    }

    /// A sleeper that is awake.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self { state: AtomicU32::new(Self::AWAKE) }
    }

    /// For the sleeper: says that it is going to sleep.
    ///
    /// It must then look again at everything it waits for, and sleep only if there is nothing.
    #[inline]
    pub fn announce(&self) {
        self.state.swap(Self::ASLEEP, Ordering::Relaxed);
        fence(Site::AnnounceFence);
    }

    /// For the sleeper: says that it is awake, because the second look found something, or because
    /// it came back from the kernel. A waker may have been faster and kick it none the less.
    #[inline]
    pub fn retract(&self) {
        self.state.swap(Self::AWAKE, Ordering::Relaxed);
    }

    /// For wakers, after publishing (or releasing) something that the sleeper waits for.
    ///
    /// Returns true if the caller must now kick the sleeper (futex wake, eventfd write). Of several
    /// wakers only one is told so per sleep.
    #[inline]
    #[must_use = "true means that the sleeper must be kicked, or it sleeps on"]
    pub fn rouse(&self) -> bool {
        fence(Site::RouseFence);
        // The load comes first because it leaves the cache line shared in the common case.
        self.state.load(Ordering::Relaxed) == Self::ASLEEP
            && self.state.swap(Self::AWAKE, Ordering::Relaxed) == Self::ASLEEP
    }

    /// Whether the thread was asleep, or about to be, a moment ago. For the watchdog.
    #[inline]
    pub fn is_asleep(&self) -> bool {
        self.state.load(Ordering::Relaxed) == Self::ASLEEP
    }

    /// The word to wait on with FUTEX_WAIT while it is [`ASLEEP`](Self::ASLEEP). Not for changing.
    #[cfg(not(loom))]
    #[inline]
    pub fn word(&self) -> &AtomicU32 {
        &self.state
    }
}

impl Default for Sleeper {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn only_a_sleeper_is_kicked_and_only_once() {
        let sleeper = Sleeper::new();
        assert!(!sleeper.rouse());
        sleeper.announce();
        assert!(sleeper.is_asleep());
        assert_eq!(sleeper.word().load(Ordering::Relaxed), Sleeper::ASLEEP);
        assert!(sleeper.rouse());
        assert!(!sleeper.is_asleep());
        assert!(!sleeper.rouse());
    }

    #[test]
    fn retracted_is_awake() {
        let sleeper = Sleeper::default();
        sleeper.announce();
        sleeper.retract();
        assert!(!sleeper.is_asleep());
        assert!(!sleeper.rouse());
    }
}
