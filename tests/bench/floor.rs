//! The physical floor: one thread, epoll, one `recv` and one `send` per readiness, no framing. So
//! that the bytes both ways are those of a WebSocket echo, four bytes of each message (those of
//! the masking key, which only a client's frame has) do not go back. Not a correct echo.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

use ringsocket_tests::sys::Epoll;

const LISTENER: usize = usize::MAX;
const INPUT: usize = usize::MAX - 1;
const MASK: usize = 4;

struct Peer {
    stream: TcpStream,
    /// Bytes of the message that is coming in.
    partial: usize,
    /// What the kernel did not take at once; nothing is read meanwhile.
    unsent: Vec<u8>,
}

/// Serves until standard input ends.
pub(crate) fn serve(incoming: usize) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    println!("{}", listener.local_addr()?.port());
    let epoll = Epoll::new()?;
    epoll.add(&listener, LISTENER, false)?;
    epoll.add(&io::stdin().as_raw_fd(), INPUT, false)?;
    let mut peers: Vec<Option<Peer>> = Vec::new();
    let mut buffer = vec![0; 0x40000];
    let mut ready = Vec::new();
    loop {
        epoll.wait(&mut ready, Duration::from_secs(3600))?;
        for event in &ready {
            match event.token {
                INPUT => return Ok(()),
                LISTENER => {
                    let (stream, _) = listener.accept()?;
                    stream.set_nonblocking(true)?;
                    stream.set_nodelay(true)?;
                    epoll.add(&stream, peers.len(), false)?;
                    peers.push(Some(Peer { stream, partial: 0, unsent: Vec::new() }));
                }
                token => {
                    let Some(peer) = &mut peers[token] else { continue };
                    if !turn(peer, &epoll, token, incoming, &mut buffer)? {
                        peers[token] = None;
                    }
                }
            }
        }
    }
}

/// One readiness of one peer; false at its end.
fn turn(
    peer: &mut Peer,
    epoll: &Epoll,
    token: usize,
    incoming: usize,
    buffer: &mut [u8],
) -> io::Result<bool> {
    if !peer.unsent.is_empty() {
        let Ok(sent) = peer.stream.write(&peer.unsent) else { return Ok(false) };
        peer.unsent.drain(..sent);
        if peer.unsent.is_empty() {
            epoll.change(&peer.stream, token, false)?;
        }
        return Ok(true);
    }
    let len = match peer.stream.read(buffer) {
        Ok(0) => return Ok(false),
        Ok(len) => len,
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
        Err(_) => return Ok(false),
    };
    // The mask's bytes are left out where a message begins, if they came along whole; a message
    // whose first four bytes are torn apart does not happen with these clients.
    let begun = (peer.partial + len).div_ceil(incoming) - peer.partial.div_ceil(incoming);
    peer.partial = (peer.partial + len) % incoming;
    let reply = &buffer[..len.saturating_sub(MASK * begun)];
    if reply.is_empty() {
        return Ok(true);
    }
    let sent = match peer.stream.write(reply) {
        Ok(sent) => sent,
        Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
        Err(_) => return Ok(false),
    };
    if sent < reply.len() {
        peer.unsent.extend_from_slice(&reply[sent..]);
        epoll.change(&peer.stream, token, true)?;
    }
    Ok(true)
}
