//! The floor of echoes: one `recv` and one `send` per readiness. So that the bytes both ways are
//! those of a WebSocket echo, four bytes of each message (those of the masking key, which only a
//! client's frame has) do not go back.

use std::io::{self, ErrorKind, Read, Write};

use super::{Peers, Service};

const MASK: usize = 4;

pub(super) struct Echo {
    incoming: usize,
    buffer: Vec<u8>,
}

#[derive(Default)]
pub(super) struct State {
    /// Bytes of the message that is coming in.
    partial: usize,
    /// What the kernel did not take at once; nothing is read meanwhile.
    unsent: Vec<u8>,
}

impl Echo {
    pub(super) fn new(incoming: usize) -> Self {
        Self { incoming, buffer: vec![0; 0x40000] }
    }
}

impl Service for Echo {
    type State = State;

    fn ready(&mut self, peers: &mut Peers<State>, token: usize) -> io::Result<bool> {
        let Peers { epoll, slots, .. } = peers;
        let Some(peer) = &mut slots[token] else { return Ok(true) };
        let state = &mut peer.state;
        if !state.unsent.is_empty() {
            let Ok(sent) = peer.stream.write(&state.unsent) else { return Ok(false) };
            state.unsent.drain(..sent);
            if state.unsent.is_empty() {
                epoll.change(&peer.stream, token, false)?;
            }
            return Ok(true);
        }
        let len = match peer.stream.read(&mut self.buffer) {
            Ok(0) => return Ok(false),
            Ok(len) => len,
            Err(error) => return Ok(error.kind() == ErrorKind::WouldBlock),
        };
        // The mask's bytes are left out where a message begins, if they came along whole; a message
        // whose first four bytes are torn apart does not happen with these clients.
        let have = state.partial + len;
        let begun = have.div_ceil(self.incoming) - state.partial.div_ceil(self.incoming);
        state.partial = have % self.incoming;
        let reply = &self.buffer[..len.saturating_sub(MASK * begun)];
        if reply.is_empty() {
            return Ok(true);
        }
        let sent = match peer.stream.write(reply) {
            Ok(sent) => sent,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(_) => return Ok(false),
        };
        if sent < reply.len() {
            state.unsent.extend_from_slice(&reply[sent..]);
            epoll.change(&peer.stream, token, true)?;
        }
        Ok(true)
    }
}
