//! Traffic whose every byte is known beforehand: messages of random sizes and contents that follow
//! from a seed, their sender and their number, cheap to make and to compare at gigabytes a second.
//! `echo` sends each message to itself and back, `broadcast` to everybody, `stress` to whom an app
//! is asked to send; `scenario` runs them against a daemon, and `restart` one that is restarted
//! meanwhile. Shared by the small versions that CI runs and by the full-size soak command.

pub mod broadcast;
pub mod echo;
pub mod restart;
pub mod scenario;
pub mod stress;

use std::io;
use std::net::SocketAddr;

use crate::client::Client;
use crate::frame::{Frame, opcode};
use crate::mux::Mux;
use crate::prng::{Prng, mix};

/// How far apart the starts of two messages' contents may lie.
const SPREAD: usize = 1 << 20;

/// Where a message's content lies in the shared random block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    offset: usize,
    /// Length in bytes.
    pub len: usize,
}

/// The contents of all messages of a soak.
#[derive(Debug)]
pub struct Content {
    seed: u64,
    largest: usize,
    block: Vec<u8>,
    masks: Prng,
}

impl Content {
    /// Messages of 0 to `largest` bytes that follow from `seed`.
    pub fn new(seed: u64, largest: usize) -> Self {
        let mut prng = Prng::new(seed);
        let mut block = vec![0; SPREAD + largest];
        prng.fill(&mut block);
        Self { seed, largest, block, masks: prng }
    }

    /// Message `number` of `sender`.
    pub fn spec(&self, sender: usize, number: u32) -> Spec {
        let hash = mix(self.seed ^ mix((sender as u64) << 32 | u64::from(number)));
        let len = (hash >> 32) % (self.largest as u64 + 1);
        Spec { offset: hash as usize % SPREAD, len: len as usize }
    }

    /// The bytes of a message.
    pub fn bytes(&self, spec: Spec) -> &[u8] {
        &self.block[spec.offset..spec.offset + spec.len]
    }

    /// Appends a masked binary frame of `head` and the message's bytes.
    pub fn write_frame(&mut self, head: &[u8], spec: Spec, out: &mut Vec<u8>) {
        let key = (self.masks.next_u64() as u32).to_ne_bytes();
        let payload_len = head.len() + spec.len;
        let header = Frame {
            mask: Some(key),
            declared: Some(payload_len as u64),
            ..Frame::new(opcode::BINARY, &[])
        };
        header.write(out);
        let start = out.len();
        out.extend_from_slice(head);
        out.extend_from_slice(self.bytes(spec));
        crate::frame::mask(&mut out[start..], key);
    }
}

/// What each connection sends first and has to get back: then its app has opened it, and whatever is
/// sent to all from then on reaches it too. The 101 alone does not say so.
const GREETING: [u8; 8] = [0xff; 8];

/// Opens `count` connections to `target`, an app that sends messages back to their sender at least,
/// and hands them to a driver once each has been greeted.
pub fn connect(address: SocketAddr, target: &str, count: usize) -> io::Result<Mux> {
    let mut mux = Mux::new()?;
    for _ in 0..count {
        let mut client = Client::connect(address, target)?;
        client.binary(&GREETING)?;
        client.expect_binary(&GREETING);
        mux.add(client)?;
    }
    Ok(mux)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_reach_both_ends_and_contents_differ() {
        let content = Content::new(5, 10);
        let specs: Vec<Spec> = (0..500).map(|number| content.spec(3, number)).collect();
        assert!(specs.iter().any(|spec| spec.len == 0) && specs.iter().any(|spec| spec.len == 10));
        assert_ne!(specs[0].offset, specs[1].offset);
        assert_ne!(content.spec(0, 1), content.spec(1, 0));
    }
}
