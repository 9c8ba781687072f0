//! eventfd(2): wakes a worker out of `epoll_wait`.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, eventfd};

/// A non-blocking, close-on-exec event counter.
#[derive(Debug)]
pub struct EventFd(OwnedFd);

impl EventFd {
    /// Makes a counter that stands at 0.
    ///
    /// # Errors
    /// Those of eventfd(2): no file descriptor or no memory left.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    /// Makes the counter readable.
    pub fn signal(&self) {
        // The only failure is EAGAIN, on a counter that is readable already.
        let _ = rustix::io::write(&self.0, &1u64.to_ne_bytes());
    }

    /// Sets the counter back to 0.
    pub fn clear(&self) {
        // The only failure is EAGAIN, on a counter that stands at 0 already.
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }
}

impl AsFd for EventFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
