//! A 101 that is written later than its request was read, as somebody else decides about it.
//! Not for: who decides what.

use super::{accept_key, write_end, write_start};
use crate::Request;
use crate::deflate::{Agreed, Agreement};
use crate::http;

/// What a 101 needs of a request for which [`decide`](super::decide) said
/// [`Accept`](super::Decision::Accept), once the request is gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Handshake {
    accept_key: String,
    deflate: Option<Agreed>,
}

impl Handshake {
    /// That of this request, with what has been agreed on about compression.
    pub fn new(request: &Request<'_>, deflate: Option<Agreed>) -> Self {
        let key = request.header("sec-websocket-key").unwrap_or_default();
        Self { accept_key: accept_key(key), deflate }
    }

    /// Appends the 101 response. `lines` are whole header lines
    /// ([`fields::append`](crate::fields::append), [`write_subprotocol`]) that it has beside its own.
    pub fn write(&self, lines: &[u8], out: &mut Vec<u8>) {
        write_start(&self.accept_key, out);
        out.extend_from_slice(lines);
        write_end(self.deflate.as_ref(), out);
    }

    /// How messages may be compressed, if at all.
    pub fn deflate(&self) -> Option<Agreement> {
        self.deflate.as_ref().map(|agreed| agreed.agreement)
    }
}

/// Appends the header line that tells a client the subprotocol, which must be one that it has
/// offered (RFC 6455 section 4.2.2, item 5).
pub fn write_subprotocol(subprotocol: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"Sec-WebSocket-Protocol: ");
    out.extend_from_slice(subprotocol);
    out.extend_from_slice(b"\r\n");
}

/// The subprotocols that header fields (name and value) of a request offer, the best first (RFC 6455
/// section 11.3.4).
pub fn offered<'a>(
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) -> impl Iterator<Item = &'a [u8]> {
    fields
        .filter(|(name, _)| name.eq_ignore_ascii_case(b"sec-websocket-protocol"))
        .flat_map(|(_, value)| http::list(value))
}
