//! What a TLS connection tells about itself and its client, for requests and for apps.
//! Not for: how it is found out, nor whether a certificate may be trusted: one that is named here was
//! verified.

/// A TLS connection after its handshake.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: &'static str,
    /// The host that the client asked for (SNI, RFC 6066 section 3); `None` if it has named none.
    pub server_name: Option<Box<str>>,
    /// The certificate that the client has shown, verified; `None` without one.
    pub client: Option<Box<ClientCert>>,
}

/// Whom a client's certificate stands for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ClientCert {
    /// The subject's distinguished name, as a string of RFC 4514; may be empty, where only the other
    /// names count (RFC 5280 section 4.1.2.6).
    pub subject: String,
    /// The subject alternative names (RFC 5280 section 4.2.1.6), in the order of the certificate, each
    /// with its kind before it: `DNS:a.example`, `email:ann@a.example`, `URI:spiffe://a/b`,
    /// `IP:192.0.2.1`.
    pub sans: Vec<String>,
}

impl Identity {
    /// The most bytes that [`told_size`](Self::told_size) may be of a connection that an app is told of:
    /// records for apps have to fit their rings.
    pub const MAX_TOLD_SIZE: usize = 8192;

    /// The bytes of all texts, with four for each.
    pub fn told_size(&self) -> usize {
        let texts = self.texts().map(|text| 4 + text.len());
        texts.sum()
    }

    /// Version and server name, empty without one, and of a client with a certificate its subject and
    /// its other names.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let client = self.client.iter();
        let names = client.flat_map(|client| {
            std::iter::once(client.subject.as_str()).chain(client.sans.iter().map(String::as_str))
        });
        [self.version, self.server_name.as_deref().unwrap_or_default()].into_iter().chain(names)
    }
}
