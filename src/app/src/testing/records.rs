//! What a test says to [`TestHost`](super::TestHost), and what it gets to see.

use crate::typed::Decode;
use crate::{Level, Message};
use std::fmt;
use std::net::SocketAddr;

/// A message as a client received it. Compares with `&str` and `&[u8]` by kind and content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
}

impl Received {
    /// The payload of a text message.
    ///
    /// # Panics
    ///
    /// If it is binary.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Binary(bytes) => panic!("a binary message of {} bytes", bytes.len()),
        }
    }
}

impl Received {
    /// The message as a typed one: `received[0].decode::<Answer>()`.
    ///
    /// # Panics
    ///
    /// If it is none of that type.
    #[must_use]
    pub fn decode<'a, T: Decode<'a>>(&'a self) -> T {
        let message = match self {
            Self::Text(text) => Message::Text(text),
            Self::Binary(bytes) => Message::Binary(bytes),
        };
        T::decode(message).unwrap_or_else(|mismatch| panic!("{mismatch}: {self:?}"))
    }
}

impl PartialEq<&str> for Received {
    fn eq(&self, other: &&str) -> bool {
        matches!(self, Self::Text(text) if text == other)
    }
}

impl PartialEq<&[u8]> for Received {
    fn eq(&self, other: &&[u8]) -> bool {
        matches!(self, Self::Binary(bytes) if bytes == other)
    }
}

/// A line that the app, or the SDK on its behalf, wrote to the log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogLine {
    /// Its importance.
    pub level: Level,
    /// Its text.
    pub text: String,
    /// The source file it names, if any.
    pub file: Option<String>,
    /// The line in that file; 0 without one.
    pub line: u32,
}

/// The app has failed and is not called any more; the last line of the log says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the app has failed; see its log")
    }
}

impl std::error::Error for Stopped {}

/// How a client comes in: the target of its request, and whatever else a test wants to set.
#[derive(Clone, Debug)]
pub struct Visit {
    pub(super) target: Vec<u8>,
    pub(super) host: Vec<u8>,
    pub(super) offers: Vec<String>,
    pub(super) headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) address: Option<SocketAddr>,
    pub(super) endpoint: u16,
    pub(super) tls: Option<Secured>,
}

/// The TLS connection of a visit.
#[derive(Clone, Debug)]
pub(super) struct Secured {
    pub(super) version: String,
    pub(super) server_name: String,
    /// Subject and alternative names of a certificate.
    pub(super) certificate: Option<(String, Vec<String>)>,
}

impl Visit {
    /// A visit to a path, with or without a query: `/chat?room=lobby`. The client comes from
    /// 192.0.2.1 (RFC 5737) through endpoint 1.
    pub fn new(target: impl AsRef<[u8]>) -> Self {
        Self {
            target: target.as_ref().to_vec(),
            host: b"localhost".to_vec(),
            offers: Vec::new(),
            headers: Vec::new(),
            address: Some(SocketAddr::from(([192, 0, 2, 1], 49152))),
            endpoint: 1,
            tls: None,
        }
    }

    /// Adds a header field.
    #[must_use]
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.as_ref().to_vec(), value.as_ref().to_vec()));
        self
    }

    /// Sets the `Host` that the app sees.
    #[must_use]
    pub fn host(mut self, host: impl AsRef<[u8]>) -> Self {
        self.host = host.as_ref().to_vec();
        self
    }

    /// Offers subprotocols, the best first, in a header field. The host agrees on one of the app's
    /// [`SUBPROTOCOLS`](crate::App::SUBPROTOCOLS) as the server does;
    /// [`TestHost::subprotocol`](super::TestHost::subprotocol) says which.
    #[must_use]
    pub fn offer(mut self, subprotocols: &[&str]) -> Self {
        self.offers = subprotocols.iter().map(|&name| name.to_owned()).collect();
        self.header("Sec-WebSocket-Protocol", subprotocols.join(", "))
    }

    /// Sets the address of the peer; `None` stands for a unix socket.
    #[must_use]
    pub fn address(mut self, address: Option<SocketAddr>) -> Self {
        self.address = address;
        self
    }

    /// Has the client come by TLS of this version (`TLSv1.3`, `TLSv1.2`), having asked for this host
    /// (SNI); an empty name stands for none.
    #[must_use]
    pub fn tls(mut self, version: &str, server_name: &str) -> Self {
        let (version, server_name) = (version.to_owned(), server_name.to_owned());
        let certificate = self.tls.and_then(|tls| tls.certificate);
        self.tls = Some(Secured { version, server_name, certificate });
        self
    }

    /// Has the client show a certificate, verified, with this subject (`CN=Ann`) and these alternative
    /// names (`email:ann@example.com`): by TLS 1.3, unless [`tls`](Self::tls) says otherwise.
    #[must_use]
    pub fn certificate(mut self, subject: &str, alternative_names: &[&str]) -> Self {
        let names = alternative_names.iter().map(|&name| name.to_owned()).collect();
        let mut tls = self.tls.unwrap_or_else(|| Secured {
            version: "TLSv1.3".to_owned(),
            server_name: String::new(),
            certificate: None,
        });
        tls.certificate = Some((subject.to_owned(), names));
        self.tls = Some(tls);
        self
    }

    /// Sets the endpoint's number.
    #[must_use]
    pub fn endpoint(mut self, endpoint_id: u16) -> Self {
        self.endpoint = endpoint_id;
        self
    }
}

impl From<&str> for Visit {
    fn from(target: &str) -> Self {
        Self::new(target)
    }
}
