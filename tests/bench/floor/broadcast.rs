//! The floor of broadcasts: one `recv`, and one `send` of one prepared buffer to each connection.

use std::io::{self, ErrorKind, Read, Write};

use super::{Peers, Service};

pub(super) struct Broadcast {
    incoming: usize,
    outgoing: usize,
    buffer: Vec<u8>,
    /// Sent as it is, as much of it as there are messages to send.
    prepared: Vec<u8>,
}

impl Broadcast {
    pub(super) fn new(incoming: usize, outgoing: usize) -> Self {
        Self { incoming, outgoing, buffer: vec![0; 0x40000], prepared: Vec::new() }
    }
}

impl Service for Broadcast {
    /// Bytes of the message that is coming in.
    type State = usize;

    fn ready(&mut self, peers: &mut Peers<usize>, token: usize) -> io::Result<bool> {
        let peer = peers.get(token);
        let len = match peer.stream.read(&mut self.buffer) {
            Ok(0) => return Ok(false),
            Ok(len) => len,
            Err(error) => return Ok(error.kind() == ErrorKind::WouldBlock),
        };
        let have = peer.state + len;
        peer.state = have % self.incoming;
        let bytes = have / self.incoming * self.outgoing;
        if self.prepared.len() < bytes {
            self.prepared.resize(bytes, 0);
        }
        for peer in peers.slots.iter_mut().flatten() {
            match peer.stream.write(&self.prepared[..bytes]) {
                Ok(sent) if sent == bytes => {}
                // The generator never has more under way than a socket's buffer holds.
                Ok(_) => return Err(io::Error::other("a connection did not take a whole buffer")),
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}
