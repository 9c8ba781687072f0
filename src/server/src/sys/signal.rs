//! Signals, taken by the main thread alone, one at a time, instead of by handlers.
#![expect(unsafe_code, reason = "sigprocmask and sigtimedwait have no safe binding")]

use std::io;
use std::mem::MaybeUninit;
use std::time::Duration;

/// A signal that the daemon acts on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// SIGTERM or SIGINT: stop.
    Stop,
    /// SIGHUP: reload.
    Reload,
    /// SIGUSR1: log the counters.
    Tell,
    /// SIGUSR2: leave the connections for the next process, and end.
    Park,
}

/// Has SIGSEGV and SIGBUS end the process wherever they come from, as systemd expects of a signal that
/// it sends. The handler of Rust's runtime, which can name the thread whose stack has overflowed,
/// lets the first one pass that no fault has caused.
pub fn die_of_faults() {
    for signal in [libc::SIGSEGV, libc::SIGBUS] {
        // SAFETY: a valid signal number and the default disposition, which runs no code of ours.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// The signals blocked in this thread and in all that it starts from now on.
pub struct Signals(libc::sigset_t);

impl Signals {
    /// Blocks the signals. To be called before any other thread starts, so that all inherit it.
    ///
    /// # Errors
    /// None that can happen with the signals given here; pthread_sigmask(3) knows one.
    pub fn block() -> io::Result<Self> {
        let mut set = MaybeUninit::uninit();
        // SAFETY: sigemptyset initialises the set that it is given, whatever was there before.
        unsafe { libc::sigemptyset(set.as_mut_ptr()) };
        // SAFETY: the call above has initialised it.
        let mut set = unsafe { set.assume_init() };
        for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGUSR1, libc::SIGUSR2] {
            // SAFETY: an initialised set and a valid signal number.
            unsafe { libc::sigaddset(&mut set, signal) };
        }
        // SAFETY: an initialised set; the old mask is not asked for.
        match unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()) } {
            0 => Ok(Self(set)),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }

    /// Waits up to `timeout` for one of the signals. Of several that have come already the one with
    /// the lowest number is first (signal(7)).
    pub fn wait(&self, timeout: Duration) -> Option<Signal> {
        let timeout = libc::timespec {
            tv_sec: timeout.as_secs().min(i32::MAX as u64) as libc::time_t,
            tv_nsec: timeout.subsec_nanos().into(),
        };
        // SAFETY: an initialised set, no siginfo asked for, a valid timespec.
        match unsafe { libc::sigtimedwait(&self.0, std::ptr::null_mut(), &timeout) } {
            libc::SIGTERM | libc::SIGINT => Some(Signal::Stop),
            libc::SIGHUP => Some(Signal::Reload),
            libc::SIGUSR1 => Some(Signal::Tell),
            libc::SIGUSR2 => Some(Signal::Park),
            _ => None, // EAGAIN after the timeout, or EINTR
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_that_have_come_together_are_all_heard() {
        // A thread of its own: the mask and what is pending are the thread's.
        let heard = std::thread::spawn(|| {
            let signals = Signals::block().unwrap();
            for signal in [libc::SIGTERM, libc::SIGUSR2, libc::SIGUSR1, libc::SIGHUP] {
                // SAFETY: a valid signal number; it is blocked in this thread, to which it goes.
                assert_eq!(unsafe { libc::raise(signal) }, 0);
            }
            [(); 5].map(|()| signals.wait(Duration::ZERO))
        });
        let heard = heard.join().unwrap();
        let expected = [Signal::Reload, Signal::Tell, Signal::Park, Signal::Stop].map(Some);
        assert_eq!(heard[..4], expected);
        assert_eq!(heard[4], None);
    }
}
