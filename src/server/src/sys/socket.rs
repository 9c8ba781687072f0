//! Stream sockets: accept, receive, send, shut down. One system call each, never blocking.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};

use rustix::net::{
    RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown, SocketFlags, acceptfrom_with, recv, send,
    sendmsg, shutdown,
};

use crate::message::PeerAddress;

/// Takes one connection off the listening socket's queue, non-blocking and close-on-exec; `None`
/// if the queue is empty.
///
/// # Errors
/// Those of accept4(2). Errors of the one connection that was about to be accepted (`ECONNABORTED`
/// and the network errors that Linux passes on) are not reported: the next one is taken instead.
pub fn accept(listener: impl AsFd) -> io::Result<Option<(OwnedFd, PeerAddress)>> {
    use rustix::io::Errno;
    loop {
        return match acceptfrom_with(&listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
            Ok((fd, address)) => {
                let inet = address.and_then(|address| SocketAddr::try_from(address).ok());
                Ok(Some((fd, inet.map_or(PeerAddress::Unix, PeerAddress::inet))))
            }
            Err(Errno::AGAIN) => Ok(None),
            Err(
                Errno::INTR
                | Errno::CONNABORTED
                | Errno::NETDOWN
                | Errno::PROTO
                | Errno::NOPROTOOPT
                | Errno::HOSTDOWN
                | Errno::NONET
                | Errno::HOSTUNREACH
                | Errno::NETUNREACH,
            ) => continue,
            Err(error) => Err(error.into()),
        };
    }
}

/// Receives into `buffer`; 0 at the end of the stream.
///
/// # Errors
/// Those of recv(2); `WouldBlock` when nothing has arrived.
#[inline]
pub fn receive(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    Ok(recv(socket, buffer, RecvFlags::empty())?.0)
}

/// Sends the parts in order and says how many bytes the kernel took.
///
/// # Errors
/// Those of sendmsg(2), `WouldBlock` among them. A broken connection raises no signal.
#[inline]
pub fn send_parts(socket: impl AsFd, parts: &[IoSlice<'_>]) -> io::Result<usize> {
    Ok(match parts {
        [one] => send(socket, one, SendFlags::NOSIGNAL)?,
        _ => sendmsg(socket, parts, &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL)?,
    })
}

/// Tells the peer that nothing more will be sent; what it sends can still be received.
pub fn finish(socket: impl AsFd) {
    // ENOTCONN: the peer has gone already, which the next receive will show.
    let _ = shutdown(socket, Shutdown::Write);
}
