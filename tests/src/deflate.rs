//! permessage-deflate (RFC 7692) from the client's side, with one zlib stream for each direction that
//! goes on from message to message where contexts are taken over: another way than the server's.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// What was agreed on, and the streams.
#[derive(Debug)]
pub struct Deflate {
    /// The value of `Sec-WebSocket-Extensions` in the response.
    pub agreed: String,
    /// Sizes in bytes of the compressed messages that have come.
    pub received: Vec<usize>,
    ours: Compress,
    theirs: Decompress,
}

impl Deflate {
    /// Streams for what a server has agreed to.
    pub fn new(agreed: &str) -> Result<Self, String> {
        let mut params = agreed.split(';').map(str::trim);
        if params.next() != Some("permessage-deflate") {
            return Err(format!("an extension that was not offered: {agreed}"));
        }
        let bits = |name: &str| -> u8 {
            let value = agreed.split_once(name).map(|(_, rest)| &rest[1..]);
            let digits = |text: &str| text.split(';').next().unwrap_or_default().trim().to_owned();
            value.map_or(15, |value| digits(value).parse().expect("a number of bits"))
        };
        let ours = bits("client_max_window_bits").max(9);
        Ok(Self {
            agreed: agreed.to_owned(),
            received: Vec::new(),
            ours: Compress::new_with_window_bits(Compression::default(), false, ours),
            theirs: Decompress::new_with_window_bits(false, bits("server_max_window_bits")),
        })
    }

    fn has(&self, param: &str) -> bool {
        self.agreed.contains(param)
    }

    /// The payload of a compressed message.
    pub fn compress(&mut self, message: &[u8]) -> Vec<u8> {
        if self.has("client_no_context_takeover") {
            self.ours.reset();
        }
        let mut out = Vec::with_capacity(message.len() * 2 + 100);
        let done = self.ours.compress_vec(message, &mut out, FlushCompress::Sync);
        done.expect("zlib compresses anything");
        assert!(out.len() < out.capacity() && out.ends_with(&TAIL));
        out.truncate(out.len() - TAIL.len());
        out
    }

    /// The message that a compressed payload stands for.
    pub fn inflate(&mut self, payload: &[u8]) -> Result<Vec<u8>, String> {
        if self.has("server_no_context_takeover") {
            let bits = self.agreed.contains("server_max_window_bits");
            if bits {
                let agreed = std::mem::take(&mut self.agreed);
                self.theirs = Self::new(&agreed)?.theirs;
                self.agreed = agreed;
            } else {
                self.theirs.reset(false);
            }
        }
        self.received.push(payload.len());
        let stream = [payload, &TAIL].concat();
        let (mut out, before) = (Vec::with_capacity(1024), self.theirs.total_in());
        loop {
            let taken = (self.theirs.total_in() - before) as usize;
            if taken == stream.len() && out.len() < out.capacity() {
                return Ok(out);
            }
            out.reserve(out.len().max(1024));
            let rest = &stream[taken..];
            let done = self.theirs.decompress_vec(rest, &mut out, FlushDecompress::Sync);
            done.map_err(|error| error.to_string())?;
        }
    }
}
