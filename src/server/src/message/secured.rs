//! What an app is told of the TLS connection that a request came by, as it lies in a record.

use super::opening::{next_field, push_field};
use crate::tls::Identity;

/// A TLS connection, as one field of an [`Opening`](super::Opening): a list of fields like that one,
/// namely version, server name, and, if the client has shown a certificate, its subject and its
/// alternative names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Secured<'a> {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: &'a [u8],
    /// The host that the client asked for (SNI); empty if it has named none.
    pub server_name: &'a [u8],
    /// The client's certificate, verified.
    pub certificate: Option<Certificate<'a>>,
}

/// A client's certificate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Certificate<'a> {
    /// The subject's distinguished name (RFC 4514); may be empty.
    pub subject: &'a [u8],
    names: &'a [u8],
}

impl<'a> Secured<'a> {
    /// Appends what is known of a connection to `out`; nothing without TLS.
    pub(super) fn write(identity: Option<&Identity>, out: &mut Vec<u8>) {
        for text in identity.iter().flat_map(|identity| identity.texts()) {
            push_field(text.as_bytes(), out);
        }
    }

    /// Reads it back; `None` without TLS.
    pub(super) fn read(mut bytes: &'a [u8]) -> Option<Self> {
        let version = next_field(&mut bytes)?;
        let server_name = next_field(&mut bytes)?;
        let subject = next_field(&mut bytes);
        let certificate = subject.map(|subject| Certificate { subject, names: bytes });
        Some(Self { version, server_name, certificate })
    }
}

impl<'a> Certificate<'a> {
    /// The subject alternative names, each with its kind: `DNS:a.example`.
    pub fn names(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.names;
        std::iter::from_fn(move || next_field(&mut rest))
    }
}
