//! epoll(7): what a worker waits on.

use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};

/// Most events that one wait can report.
pub const EVENTS_MAX: usize = 1024;

/// An epoll instance.
#[derive(Debug)]
pub struct Epoll {
    fd: OwnedFd,
    event_c: usize,
}

impl Epoll {
    /// Makes an instance that reports up to `event_c` events at a time (1 to [`EVENTS_MAX`]).
    ///
    /// # Errors
    /// Those of epoll_create1(2): no file descriptor or no memory left.
    pub fn new(event_c: usize) -> std::io::Result<Self> {
        let fd = epoll::create(CreateFlags::CLOEXEC)?;
        Ok(Self { fd, event_c: event_c.clamp(1, EVENTS_MAX) })
    }

    /// Watches `fd`; its events carry `data`.
    ///
    /// # Errors
    /// Those of epoll_ctl(2), such as no memory left or too many watches.
    pub fn add(&self, fd: impl AsFd, data: u64, flags: EventFlags) -> std::io::Result<()> {
        Ok(epoll::add(&self.fd, fd, EventData::new_u64(data), flags)?)
    }

    /// Watches `fd` no more. To be called before closing an fd that others share.
    ///
    /// # Errors
    /// Those of epoll_ctl(2); `ENOENT` if it was not watched.
    pub fn delete(&self, fd: impl AsFd) -> std::io::Result<()> {
        Ok(epoll::delete(&self.fd, fd)?)
    }

    /// Waits for events, for ever without a `timeout`, and calls `take` with data and flags of each.
    ///
    /// # Errors
    /// Those of epoll_wait(2). `EINTR` counts as no event.
    pub fn wait(
        &self,
        timeout: Option<Duration>,
        mut take: impl FnMut(u64, EventFlags),
    ) -> std::io::Result<()> {
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        // On the stack, as an epoll event may hold a pointer and so cannot move between threads.
        let mut events = [MaybeUninit::<Event>::uninit(); EVENTS_MAX];
        match epoll::wait(&self.fd, &mut events[..self.event_c], timeout.as_ref()) {
            Ok((ready, _)) => ready.iter().for_each(|event| take(event.data.u64(), event.flags)),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}
