//! The stream under a test's client: TCP, or TLS over it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

use crate::tls;

/// The stream.
#[derive(Debug)]
pub enum Link {
    /// TCP alone.
    Plain(TcpStream),
    /// TLS, with a handshake that is done.
    Secure(Box<tls::Stream>),
}

impl Link {
    /// The TCP connection underneath, for options and abrupt ends.
    pub fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Secure(stream) => stream.tcp(),
        }
    }

    /// Ends this direction: with TLS by close_notify first.
    pub fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.shutdown(Shutdown::Write),
            Self::Secure(stream) => stream.finish(),
        }
    }
}

impl From<TcpStream> for Link {
    fn from(tcp: TcpStream) -> Self {
        Self::Plain(tcp)
    }
}

impl From<tls::Stream> for Link {
    fn from(stream: tls::Stream) -> Self {
        Self::Secure(Box::new(stream))
    }
}

impl Read for Link {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.read(into),
            Self::Secure(stream) => stream.read(into),
        }
    }
}

impl Write for Link {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.write(bytes),
            Self::Secure(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.flush(),
            Self::Secure(stream) => stream.flush(),
        }
    }
}
