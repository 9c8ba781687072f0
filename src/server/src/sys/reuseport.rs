//! Groups of listening sockets that share a port (`SO_REUSEPORT`, socket(7)), and the BPF programs
//! that choose among them for each new connection.
//! Not for: assembling such programs (`steering`).
#![expect(unsafe_code, reason = "these options of setsockopt have no safe binding")]

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use libc::{c_int, c_void, sock_filter, sock_fprog, socklen_t};

// From asm-generic/socket.h, as libc has them for Android alone.
const SO_ATTACH_REUSEPORT_CBPF: c_int = 51;
const SO_ATTACH_REUSEPORT_EBPF: c_int = 52;
const SO_BINDTOIFINDEX: c_int = 62;
const SO_DETACH_REUSEPORT_BPF: c_int = 68;

/// Has a classic BPF program choose for the group of this socket, in place of any that does.
///
/// # Errors
/// Those of setsockopt(2); `InvalidInput` for a program that the kernel refuses, and for a socket that
/// is in no group.
pub fn attach_classic(socket: impl AsFd, program: &[sock_filter]) -> io::Result<()> {
    let len = u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // The kernel reads the instructions and writes none of them.
    let program = sock_fprog { len, filter: program.as_ptr().cast_mut() };
    set(socket, SO_ATTACH_REUSEPORT_CBPF, &program)
}

/// The same by an extended program, which takes no privilege of who attaches it.
///
/// # Errors
/// As above.
pub fn attach_extended(socket: impl AsFd, program: impl AsFd) -> io::Result<()> {
    set(socket, SO_ATTACH_REUSEPORT_EBPF, &program.as_fd().as_raw_fd())
}

/// Lets the kernel choose by a hash of the addresses again, as it does without a program. Nothing if
/// there is none.
///
/// # Errors
/// Those of setsockopt(2).
pub fn detach(socket: impl AsFd) -> io::Result<()> {
    match set::<c_int>(socket, SO_DETACH_REUSEPORT_BPF, &0) {
        // No program; or none can be, as the socket is in no group.
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINVAL)) => Ok(()),
        other => other,
    }
}

/// The index of the network interface that the socket is bound to (`SO_BINDTODEVICE`); 0: none.
///
/// # Errors
/// Those of getsockopt(2).
pub fn interface(socket: impl AsFd) -> io::Result<c_int> {
    let mut index: c_int = 0;
    let mut size = size_of::<c_int>() as socklen_t;
    // SAFETY: pointer and size describe `index`, which lives through the call; any value fits it.
    let result = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            SO_BINDTOIFINDEX,
            (&raw mut index).cast::<c_void>(),
            &mut size,
        )
    };
    if result == 0 { Ok(index) } else { Err(io::Error::last_os_error()) }
}

/// Sets an option of the level `SOL_SOCKET`.
fn set<T>(socket: impl AsFd, option: c_int, value: &T) -> io::Result<()> {
    // SAFETY: pointer and size describe `value`, which lives through the call, and so does what a
    // `sock_fprog` points to, for its callers borrow that. The kernel only reads.
    let result = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            (&raw const *value).cast::<c_void>(),
            size_of::<T>() as socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
