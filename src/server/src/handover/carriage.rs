//! The connections on their way: sent with SCM_RIGHTS into one end of a socket pair, they wait in the
//! other one for whoever receives from it. That one alone is kept. It costs systemd a few descriptors
//! instead of one for each connection, which it would compare with all others.
//! Not for: what connections are for.
//!
//! Each message has up to 253 of them, and says of which hand-over it is and which place its first one
//! has, so that neither the order of the sockets nor a message that is missing goes unnoticed.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair, sockopt};

use super::state::{Broken, Heading};
use crate::sys::pass_fds;

/// Bytes of a message: the hand-over, and the place of its first connection.
const MESSAGE: usize = 12;

/// What a socket is asked to hold. One message takes about 0.75 KiB of that, and the default of
/// 208 KiB holds 70,000 connections.
const SEND_BUFFER: usize = 1 << 20;

/// Puts connections into as few sockets as they need.
pub(super) fn load(id: u64, connections: &[OwnedFd]) -> io::Result<Vec<OwnedFd>> {
    load_into(id, connections, SEND_BUFFER)
}

/// The same with sockets that are asked to hold that many bytes.
fn load_into(id: u64, connections: &[OwnedFd], buffer: usize) -> io::Result<Vec<OwnedFd>> {
    let mut filled = Vec::new();
    let mut sender: Option<OwnedFd> = None;
    for (at, fds) in connections.chunks(pass_fds::MAX).enumerate() {
        let first = u32::try_from(at * pass_fds::MAX).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut message = [0; MESSAGE];
        message[..8].copy_from_slice(&id.to_le_bytes());
        message[8..].copy_from_slice(&first.to_le_bytes());
        let fds: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
        if let Some(sender) = &sender {
            match pass_fds::send(sender, &message, &fds) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {} // it is full
                sent => {
                    sent?;
                    continue;
                }
            }
        }
        let (from, to) = pair(buffer)?;
        pass_fds::send(&from, &message, &fds)?;
        sender = Some(from);
        filled.push(to);
    }
    Ok(filled)
}

fn pair(buffer: usize) -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    // Keeps messages apart, as a stream would not.
    let (from, to) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    sockopt::set_socket_send_buffer_size(&from, buffer)?;
    Ok((from, to))
}

/// Connections that came in one message.
#[derive(Debug)]
pub(super) struct Part {
    id: u64,
    first: u32,
    fds: Vec<OwnedFd>,
}

/// Takes all that a socket holds. What does not look like a part is one of no hand-over.
pub(super) fn unload(socket: &OwnedFd, parts: &mut Vec<Part>) -> io::Result<()> {
    loop {
        let mut message = [0; MESSAGE + 1];
        match pass_fds::receive(socket, &mut message) {
            // Its other end is closed: there is no more.
            Ok(received) if received.len == 0 && received.fds.is_empty() => return Ok(()),
            Ok(received) => {
                let number = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|i| message[at + i]));
                let id = u64::from(number(0)) | u64::from(number(4)) << 32;
                let is_part = received.len == MESSAGE && !received.is_cut;
                let id = if is_part { id } else { !id };
                parts.push(Part { id, first: number(8), fds: received.fds });
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// How many connections there are in all parts.
pub(super) fn count(parts: &[Part]) -> usize {
    parts.iter().map(|part| part.fds.len()).sum()
}

/// The connections of a hand-over in their order, if they are all there and there are no others.
pub(super) fn join(heading: &Heading, mut parts: Vec<Part>) -> Result<Vec<OwnedFd>, Broken> {
    let (expected, found) = (heading.connection_c as usize, count(&parts));
    if found != expected {
        return Err(Broken::Connections { expected, found });
    }
    parts.sort_unstable_by_key(|part| part.first);
    let mut connections = Vec::with_capacity(found);
    for part in parts {
        if part.id != heading.id || part.first as usize != connections.len() {
            return Err(Broken::Mixed);
        }
        connections.extend(part.fds);
    }
    Ok(connections)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_one_socket_does_not_hold_go_into_more() {
        let null = OwnedFd::from(std::fs::File::open("/dev/null").expect("/dev/null"));
        let connections: Vec<OwnedFd> =
            (0..5_000).map(|_| null.try_clone().expect("a descriptor")).collect();
        let sockets = load_into(7, &connections, 1).expect("loading");
        assert!(sockets.len() > 1, "{} socket", sockets.len());
        assert_eq!(load(7, &connections).expect("loading").len(), 1);
        let (heading, mut parts) = (Heading { id: 7, connection_c: 5_000 }, Vec::new());
        for socket in sockets.iter().rev() {
            unload(socket, &mut parts).expect("unloading");
        }
        assert_eq!(count(&parts), 5_000);
        assert_eq!(join(&heading, parts).expect("all of them").len(), 5_000);
    }

    #[test]
    fn parts_must_be_whole_and_of_one_hand_over() {
        let null = OwnedFd::from(std::fs::File::open("/dev/null").expect("/dev/null"));
        let part = |id, first, count| Part {
            id,
            first,
            fds: (0..count).map(|_| null.try_clone().expect("a descriptor")).collect(),
        };
        let heading = Heading { id: 7, connection_c: 5 };
        let join = |parts| join(&heading, parts);
        assert!(join(vec![part(7, 3, 2), part(7, 0, 3)]).is_ok());
        for parts in [
            vec![part(8, 0, 5)],
            vec![part(7, 0, 3), part(8, 3, 2)],
            vec![part(7, 0, 3), part(7, 0, 2)],
            vec![part(7, 1, 5)],
        ] {
            assert!(matches!(join(parts), Err(Broken::Mixed)));
        }
        for count in [0, 4, 6] {
            match join(vec![part(7, 0, count)]) {
                Err(Broken::Connections { expected: 5, found }) => assert_eq!(found, count),
                other => panic!("{other:?}"),
            }
        }
    }
}
