//! Connections to a WebSocket server, with or without TLS.

use std::io;
use std::net::TcpStream;

use ringsocket_tests::client::{Client, Link};
use ringsocket_tests::tls::{Connector, Offer};

use crate::pipe::Pipe;
use crate::url::Url;

/// How to reach an endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Dial {
    pub(crate) url: Url,
    connector: Option<Connector>,
}

impl Dial {
    /// Without TLS, whatever the address says.
    pub(crate) fn plain(url: Url) -> Self {
        Self { url, connector: None }
    }

    /// With TLS.
    pub(crate) fn secure(url: Url, connector: Connector) -> Self {
        Self { url, connector: Some(connector) }
    }

    /// As the address says: to `wss://` with TLS, trusting the authorities in `ca`, which is PEM.
    pub(crate) fn by_scheme(url: Url, ca: Option<&str>) -> io::Result<Self> {
        match (url.is_secure, ca) {
            (false, _) => Ok(Self::plain(url)),
            (true, None) => Err(io::Error::other("wss:// needs --ca: whom to trust")),
            (true, Some(ca)) => {
                let connector = Offer::trusting(ca)?.to(&url.name());
                Ok(Self::secure(url, connector))
            }
        }
    }

    /// A connection on which no request was made yet.
    pub(crate) fn link(&self) -> io::Result<Link> {
        match &self.connector {
            None => Ok(TcpStream::connect(self.url.address)?.into()),
            Some(connector) => Ok(connector.connect(self.url.address)?.into()),
        }
    }

    /// A WebSocket.
    pub(crate) fn upgraded(&self) -> io::Result<(TcpStream, Pipe)> {
        let (link, early) = Client::over(self.link()?, &self.url.request())?.into_link();
        if early.is_empty() {
            Ok(split(link))
        } else {
            Err(io::Error::other("the app speaks first: that is neither echo nor broadcast"))
        }
    }
}

/// The parts of a connection, for a loop that does not block.
pub(crate) fn split(link: Link) -> (TcpStream, Pipe) {
    match link {
        Link::Plain(tcp) => (tcp, Pipe::default()),
        Link::Secure(stream) => {
            let (tcp, tls) = stream.into_parts();
            (tcp, Pipe::secure(tls))
        }
    }
}
