//! futex(2): the sleep of an app thread.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use rustix::thread::futex::{self, Flags, Timespec};

/// Sleeps while `word` holds `value`, for at most `timeout`. May return for no reason.
pub fn wait(word: &AtomicU32, value: u32, timeout: Option<Duration>) {
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    // EAGAIN (the word changed first), EINTR and ETIMEDOUT all mean: look again, as the caller does.
    let _ = futex::wait(word, Flags::PRIVATE, value, timeout.as_ref());
}

/// Wakes the one thread that sleeps on `word`.
pub fn wake_one(word: &AtomicU32) {
    // It cannot fail on a valid address; 0 woken means that the thread had not fallen asleep yet.
    let _ = futex::wake(word, Flags::PRIVATE, 1);
}
