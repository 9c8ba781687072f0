//! The floor of connections: accept, a `recv` and a `send` of the same number of bytes for each thing
//! that the client says, close.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use super::{Peers, Service};

pub(super) struct Connect {
    switching: Vec<u8>,
    closed: Vec<u8>,
    buffer: Vec<u8>,
}

impl Connect {
    pub(super) fn new(switching: usize, closed: usize) -> Self {
        Self { switching: vec![0; switching], closed: vec![0; closed], buffer: vec![0; 0x4000] }
    }
}

impl Service for Connect {
    /// Whether the first answer was sent.
    type State = bool;

    /// Nothing: a `recv` after readiness does not block, nor does a `send` of a few bytes.
    fn accepted(&mut self, _: &TcpStream) -> io::Result<()> {
        Ok(())
    }

    fn ready(&mut self, peers: &mut Peers<bool>, token: usize) -> io::Result<bool> {
        let peer = peers.get(token);
        // A client that hangs up, however it does so, is over.
        let Ok(1..) = peer.stream.read(&mut self.buffer) else { return Ok(false) };
        let is_open = std::mem::replace(&mut peer.state, true);
        let answer = if is_open { &self.closed } else { &self.switching };
        Ok(peer.stream.write_all(answer).is_ok() && !is_open)
    }
}
