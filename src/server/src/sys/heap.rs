//! The memory that the allocator keeps after a burst (mallopt(3), malloc_trim(3)). Nothing is done
//! where it is not glibc's.
#![expect(unsafe_code, reason = "mallopt and malloc_trim have no safe bindings")]

use std::sync::atomic::{AtomicBool, Ordering};

/// Smaller buffers come from a thread's own heap, larger ones from the system each time.
#[cfg(target_env = "gnu")]
const FROM_SYSTEM: libc::c_int = 8 << 20;

/// A heap that has more than this free at its end gives that back when something large is freed.
/// So this is what may stay of a burst, for each thread, until [`trim`]. With less, a thread whose
/// buffers for large messages come and go would have the kernel clear their pages anew each time,
/// which takes longer than to copy the messages.
const KEPT_AT_END: usize = 4 << 20;

/// To free this much has the allocator look at the end of the heap (`FASTBIN_CONSOLIDATION_THRESHOLD`
/// of glibc's malloc.c is 64 KiB).
const LOOKED_AT: usize = 128 << 10;

/// A thread is in [`trim`], and has bounds of its own.
static IS_TRIMMING: AtomicBool = AtomicBool::new(false);

/// Sets bounds, which glibc would otherwise raise with the buffers that it sees, to 64 MiB for each
/// thread. For the start, once the tables are made that stay.
pub fn set_bounds() {
    // SAFETY: both parameters take any number from 0 to 32 MiB, at any time.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, FROM_SYSTEM);
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT_AT_END as libc::c_int);
    };
}

/// Gives free memory of the whole process back to the system, save what other threads have free at
/// the end of their heaps: malloc_trim(3) does not look there. That takes from some microseconds to
/// a few milliseconds, in which other threads may have to wait when they allocate: for a thread that
/// has been idle.
///
/// False if another thread is at it: try again later.
#[must_use]
pub fn trim() -> bool {
    if IS_TRIMMING.swap(true, Ordering::Acquire) {
        return false;
    }
    // SAFETY: all three may be called at any time by any thread; they touch only memory that is free,
    // and a bound, of which any value does.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 0);
        // Never touched, so that no page is needed for it. It may well lie in a hole of the heap: it
        // is the end that is looked at.
        drop(std::hint::black_box(Vec::<u8>::with_capacity(LOOKED_AT)));
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT_AT_END as libc::c_int);
    };
    IS_TRIMMING.store(false, Ordering::Release);
    true
}
