//! The one switch between std's atomics and loom's, and the register of the places at which the
//! memory ordering matters.
//!
//! It is not for what loom need not see: `Arc`, `OnceLock` and the counter of ring identities are
//! std's in every build.
//!
//! Every fence, and every Acquire or Release, on which a ring or a [`Sleeper`](crate::Sleeper)
//! rests names its [`Site`]. In production that name vanishes. Under loom a test can leave one
//! site out and so prove that the model fails without it.

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, Ordering};
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicUsize, Ordering};

/// A place in the protocol whose memory ordering it cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    /// The producer's Release store of the tail.
    Publish,
    /// The consumer's Acquire load of the tail.
    Refresh,
    /// The consumer's Release store of the head.
    Release,
    /// The producer's Acquire load of the head.
    LoadHead,
    /// The Release store by which an end says that it was dropped.
    Abandon,
    /// The Acquire load by which the other end learns that.
    SeeAbandoned,
    /// The fence in `want_space`, between the store of the wish and the load of the head.
    WantSpaceFence,
    /// The fence in `release`, between the store of the head and the load of the wish.
    ReleaseFence,
    /// The fence in `Sleeper::announce`, between the store of ASLEEP and the second look.
    AnnounceFence,
    /// The fence in `Sleeper::rouse`, between what was published and the load of the state.
    RouseFence,
    /// The Release swap by which a thread leaves what it runs.
    Leave,
    /// The Acquire swap by which another takes it.
    Take,
    /// The fence in `RunRight::leave`, between that swap and the look at what was published.
    LeaveFence,
    /// The Release swap by which a letter is posted.
    Post,
    /// The Acquire swap by which letters are collected.
    Collect,
}

/// A sequentially consistent fence.
#[cfg(not(loom))]
#[inline(always)]
pub(crate) fn fence(_site: Site) {
    std::sync::atomic::fence(Ordering::SeqCst);
}

/// The ordering to use at `site`: the one given.
#[cfg(not(loom))]
#[inline(always)]
pub(crate) const fn ordering(_site: Site, ordering: Ordering) -> Ordering {
    ordering
}

/// Sets a flag that is never cleared, with Release: for `drop`.
#[inline]
pub(crate) fn raise(flag: &AtomicBool, site: Site) {
    // A model that has failed is being unwound; loom cannot run it any further.
    if cfg!(not(loom)) || !std::thread::panicking() {
        flag.store(true, ordering(site, Ordering::Release));
    }
}

#[cfg(loom)]
pub(crate) use mutable::{fence, ordering};

#[cfg(all(test, loom))]
pub(crate) use mutable::omit;

/// The same under loom, where one site can be left out.
#[cfg(loom)]
mod mutable {
    use super::{Ordering, Site};
    use std::cell::Cell;

    thread_local! {
        // loom runs all threads of a model on the one that called it, so this is per test.
        static OMITTED: Cell<Option<Site>> = const { Cell::new(None) };
    }

    /// Leaves `site` out until the returned guard is dropped.
    #[cfg(test)]
    pub(crate) fn omit(site: Site) -> impl Drop {
        struct Restore;
        impl Drop for Restore {
            fn drop(&mut self) {
                OMITTED.set(None);
            }
        }
        OMITTED.set(Some(site));
        Restore
    }

    pub(crate) fn fence(site: Site) {
        if OMITTED.get() != Some(site) {
            loom::sync::atomic::fence(Ordering::SeqCst);
        }
    }

    pub(crate) fn ordering(site: Site, ordering: Ordering) -> Ordering {
        if OMITTED.get() == Some(site) { Ordering::Relaxed } else { ordering }
    }
}
