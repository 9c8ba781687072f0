//! Where a server is: `ws://HOST:PORT/PATH` or `wss://...`, or what of it cannot be guessed.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::str::FromStr;

use ringsocket_tests::client::Client;
use ringsocket_tests::handshake::Request;
use ringsocket_tests::sys;

/// A WebSocket endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    /// Whether it is `wss://`.
    pub(crate) is_secure: bool,
    /// What the Host header says.
    pub(crate) host: String,
    /// The first address of that host.
    pub(crate) address: SocketAddr,
    /// Path and query.
    pub(crate) target: String,
}

impl Url {
    /// An endpoint of a server on this machine.
    pub(crate) fn new(address: SocketAddr, target: &str) -> Self {
        let host = address.to_string();
        Self { is_secure: false, host, address, target: target.to_owned() }
    }

    /// The host without the port.
    pub(crate) fn name(&self) -> String {
        let name = self.host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
        let name = name.map_or(&self.host[..], |(name, _)| name);
        name.trim_start_matches('[').trim_end_matches(']').to_owned()
    }

    /// The opening handshake's request, to which headers may be added.
    pub(crate) fn request(&self) -> Request {
        Request::upgrade(&self.host, &self.target)
    }

    /// Connects and upgrades.
    pub(crate) fn connect(&self) -> io::Result<TcpStream> {
        self.open(&self.request())
    }

    /// The same with a request of one's own.
    pub(crate) fn open(&self, request: &Request) -> io::Result<TcpStream> {
        let (stream, early) = Client::open(self.address, request)?.into_stream();
        if early.is_empty() {
            Ok(stream)
        } else {
            Err(io::Error::other("the app speaks first: that is neither echo nor broadcast"))
        }
    }
}

impl FromStr for Url {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (is_secure, rest) = match text.strip_prefix("wss://") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix("ws://").unwrap_or(text)),
        };
        let port = if is_secure { 443 } else { 80 };
        let (host, target) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let with_port = if has_port { host.to_owned() } else { format!("{host}:{port}") };
        let mut addresses = with_port.to_socket_addrs().map_err(|e| format!("{host}: {e}"))?;
        let address = addresses.next().ok_or_else(|| format!("{host} has no address"))?;
        let target = if target.is_empty() { "/" } else { target };
        Ok(Self { is_secure, host: host.to_owned(), address, target: target.to_owned() })
    }
}

/// TCP connections without end: on this machine from many of its addresses, since each has only so
/// many ports, and a port rests for a minute after its connection (TIME_WAIT).
#[derive(Debug)]
pub(crate) struct Sources {
    to: SocketAddr,
    next: u8,
}

impl Sources {
    /// To a server.
    pub(crate) fn new(to: SocketAddr) -> Self {
        Self { to, next: 0 }
    }

    /// The next connection.
    pub(crate) fn connect(&mut self) -> io::Result<TcpStream> {
        match self.to {
            SocketAddr::V4(to) if to.ip().is_loopback() => {
                self.next = self.next.wrapping_add(1);
                sys::connect_from([127, 0, 2, self.next].into(), to)
            }
            to => TcpStream::connect(to),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_guessed() {
        let of = |text: &str| text.parse::<Url>().unwrap();
        let whole = of("ws://127.0.0.1:8080/echo?a=b");
        assert_eq!(whole.host, "127.0.0.1:8080");
        assert_eq!(whole.address, "127.0.0.1:8080".parse().unwrap());
        assert_eq!(whole.target, "/echo?a=b");
        assert_eq!(of("127.0.0.1:8080/echo?a=b"), whole);
        assert_eq!(of("ws://127.0.0.1").address.port(), 80);
        assert_eq!(of("ws://[::1]:81").address, "[::1]:81".parse().unwrap());
        assert_eq!(of("ws://127.0.0.1").target, "/");
    }

    #[test]
    fn names_go_without_port_and_brackets() {
        let name = |text: &str| text.parse::<Url>().unwrap().name();
        for text in ["wss://localhost", "wss://localhost:8443/", "localhost:1"] {
            assert_eq!(name(text), "localhost");
        }
        assert_eq!(name("wss://[::1]:8443/echo"), "::1");
        assert_eq!("wss://127.0.0.1".parse::<Url>().unwrap().address.port(), 443);
    }

    #[test]
    fn what_has_no_address_is_refused() {
        assert!("ws://127.0.0.1:99999/".parse::<Url>().is_err());
    }
}
