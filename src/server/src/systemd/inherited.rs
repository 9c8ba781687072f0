//! The descriptors that systemd passed, with their names: sd_listen_fds_with_names(3). The one place
//! that reads `LISTEN_*`.
//! Not for: what they are: listening sockets (`super::sockets`), or what the process before this one
//! has left (`handover`).
#![expect(unsafe_code, reason = "who owns inherited descriptors is said by environment variables")]

use std::fmt;
use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use libsystemd::activation;
use libsystemd::errors::SdError;

/// A descriptor that systemd passed: close-on-exec, and owned.
#[derive(Debug)]
pub struct Inherited {
    /// The descriptor. systemd has it too.
    pub fd: OwnedFd,
    /// Its `FileDescriptorName=`, or the `FDNAME=` under which it was stored; empty if it has none.
    pub name: String,
}

/// systemd's variables make no sense.
#[derive(Debug)]
pub struct BadEnvironment(SdError);

impl fmt::Display for BadEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = &self.0;
        write!(f, "the variables LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES are odd: {why}")
    }
}

impl std::error::Error for BadEnvironment {}

/// Takes all of them, in systemd's order: first the sockets, then what was stored. None if there are
/// none, or if they have been taken before.
///
/// Call it before any thread is started: it removes the variables, so that they mislead nobody later.
///
/// # Errors
/// If the variables are odd, or name descriptors that are not open.
pub fn take() -> Result<Vec<Inherited>, BadEnvironment> {
    static IS_TAKEN: AtomicBool = AtomicBool::new(false);
    if IS_TAKEN.swap(true, Ordering::Relaxed) {
        return Ok(Vec::new());
    }
    let fds = activation::receive_descriptors(false).map_err(BadEnvironment)?;
    // Of those without a name, and of all if there are no names, this says nothing.
    let named = activation::receive_descriptors_with_names(true).map_err(BadEnvironment)?;
    let names = named.into_iter().map(|(_, name)| name).chain(std::iter::repeat(String::new()));
    let own = |(fd, name): (activation::FileDescriptor, String)| {
        // SAFETY: by sd_listen_fds(3) the descriptors from 3 on are this process's own if LISTEN_PID
        // names it; libsystemd has looked at that, and has reached each of them by fcntl, so they
        // are open. They are wrapped once in the life of the process, as `IS_TAKEN` says, and each
        // has a number of its own.
        let fd = unsafe { OwnedFd::from_raw_fd(fd.into_raw_fd()) };
        Inherited { fd, name }
    };
    Ok(fds.into_iter().zip(names).map(own).collect())
}
