//! Passing descriptors over a unix socket: SCM_RIGHTS of unix(7).
//! Not for: which descriptors, and what they are for (`handover`, `systemd::store`).

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

/// How many descriptors the kernel takes in one message: SCM_MAX_FD.
pub const MAX: usize = 253;

/// Bytes of ancillary data for that many.
const SPACE: usize = rustix::cmsg_space!(ScmRights(MAX));

/// A message that came with descriptors.
#[derive(Debug)]
pub struct Received {
    /// Bytes of the message that were written into the buffer.
    pub len: usize,
    /// The descriptors: close-on-exec, and as blocking as their sender had them.
    pub fds: Vec<OwnedFd>,
    /// Whether bytes or descriptors got lost for want of room, be it in the buffer, or in the
    /// process (RLIMIT_NOFILE).
    pub is_cut: bool,
}

/// Sends one message with up to [`MAX`] descriptors, which stay open here.
///
/// # Errors
/// `InvalidInput` for more descriptors than that; or what sendmsg(2) says. `WouldBlock` if a
/// non-blocking socket has no room, ETOOMANYREFS if more descriptors are on their way than the user
/// may have open.
pub fn send(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); SPACE];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let sent = sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)?;
    if sent == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Receives one message and what descriptors came with it, without waiting for any.
///
/// # Errors
/// What recvmsg(2) says; `WouldBlock` if there is no message.
pub fn receive(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<Received> {
    let mut space = [MaybeUninit::uninit(); SPACE];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut into = [IoSliceMut::new(buffer)];
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let message = recvmsg(socket, &mut into, &mut control, flags)?;
    let mut fds = Vec::new();
    for ancillary in control.drain() {
        if let RecvAncillaryMessage::ScmRights(passed) = ancillary {
            fds.extend(passed);
        }
    }
    let is_cut = message.flags.intersects(ReturnFlags::CTRUNC | ReturnFlags::TRUNC);
    Ok(Received { len: message.bytes, fds, is_cut })
}
