//! What an app is told of the request that opens a connection, as it lies in a record.

use super::secured::Secured;
use super::{PeerAddress, u16_at, u32_at};
use crate::tls::Identity;

/// The request that opened a connection, as the payload of [`Inbound::Open`](super::Inbound::Open).
///
/// A list of fields, each with a length of four bytes before it: address, path, query, host,
/// subprotocol, TLS, then name and value of each request header.
#[derive(Clone, Copy)]
pub struct Opening<'a> {
    /// Where the connection comes from.
    pub address: PeerAddress,
    /// Path of the request target, without the query.
    pub path: &'a [u8],
    /// What follows the `?` of the request target; empty without one.
    pub query: &'a [u8],
    /// The `Host` header.
    pub host: &'a [u8],
    /// The subprotocol agreed on; empty without one.
    pub subprotocol: &'a [u8],
    /// The TLS connection that it came by; `None`: it came without.
    pub tls: Option<Secured<'a>>,
    fields: &'a [u8],
}

impl<'a> Opening<'a> {
    /// Appends an opening to `out`.
    pub fn write<'h>(
        address: PeerAddress,
        [path, query, host, subprotocol]: [&[u8]; 4],
        identity: Option<&Identity>,
        headers: impl Iterator<Item = (&'h [u8], &'h [u8])>,
        out: &mut Vec<u8>,
    ) {
        let mut field = |bytes: &[u8]| push_field(bytes, out);
        match address {
            PeerAddress::Unix => field(&[]),
            PeerAddress::V4(ip, port) => {
                let mut bytes = [0; 6];
                bytes[..2].copy_from_slice(&port.to_ne_bytes());
                bytes[2..].copy_from_slice(&ip.octets());
                field(&bytes);
            }
            PeerAddress::V6(ip, port) => {
                let mut bytes = [0; 18];
                bytes[..2].copy_from_slice(&port.to_ne_bytes());
                bytes[2..].copy_from_slice(&ip.octets());
                field(&bytes);
            }
        }
        [path, query, host, subprotocol].into_iter().for_each(&mut field);
        let size = identity.map_or(0, Identity::told_size);
        out.extend_from_slice(&(size as u32).to_ne_bytes());
        Secured::write(identity, out);
        for (name, value) in headers {
            push_field(name, out);
            push_field(value, out);
        }
    }

    /// Reads an opening back; `None` only if it was not written by [`Opening::write`].
    pub fn read(mut bytes: &'a [u8]) -> Option<Self> {
        let address = next_field(&mut bytes)?;
        let address = if address.is_empty() {
            PeerAddress::Unix
        } else {
            let (port, ip) = (u16_at(address, 0)?, &address[2..]);
            match <[u8; 4]>::try_from(ip) {
                Ok(ip) => PeerAddress::V4(ip.into(), port),
                Err(_) => PeerAddress::V6(<[u8; 16]>::try_from(ip).ok()?.into(), port),
            }
        };
        let mut next = || next_field(&mut bytes);
        let (path, query, host, subprotocol) = (next()?, next()?, next()?, next()?);
        let tls = Secured::read(next()?);
        Some(Self { address, path, query, host, subprotocol, tls, fields: bytes })
    }

    /// Name and value of each request header, in the order of the request.
    pub fn headers(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let mut rest = self.fields;
        std::iter::from_fn(move || Some((next_field(&mut rest)?, next_field(&mut rest)?)))
    }
}

/// Appends a field with its length before it.
pub(super) fn push_field(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(bytes.len() as u32).to_ne_bytes());
    out.extend_from_slice(bytes);
}

/// Takes one such field off the front.
pub(super) fn next_field<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = u32_at(bytes, 0)? as usize;
    let field = bytes.get(4..4 + len)?;
    *bytes = &bytes[4 + len..];
    Some(field)
}
