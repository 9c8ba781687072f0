//! A stream of the generator or of a floor that does not block: TCP, or TLS over it by rustls, with one
//! `recv` for all records that are there and one `send` for all that are due.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use rustls::{ClientConnection, Connection};

/// What is read at once, in bytes.
pub(crate) const BUFFER: usize = 0x40000;

/// What lies over a TCP connection: nothing, or TLS.
#[derive(Debug, Default)]
pub(crate) struct Pipe(Option<Box<Connection>>);

/// Where bytes come in, shared by all pipes of a thread.
#[derive(Debug)]
pub(crate) struct Buffers {
    received: Vec<u8>,
    plain: Vec<u8>,
}

impl Buffers {
    /// Empty ones.
    pub(crate) fn new() -> Self {
        Self { received: vec![0; BUFFER], plain: Vec::with_capacity(BUFFER + 0x8000) }
    }
}

impl Pipe {
    /// One end of TLS, wherever its handshake is.
    pub(crate) fn secure(tls: impl Into<Connection>) -> Self {
        let mut tls = tls.into();
        tls.set_buffer_limit(None);
        Self(Some(Box::new(tls)))
    }

    /// One `recv`, and all that has come with it. `None`: nothing is there. An end is the error
    /// `UnexpectedEof`.
    pub(crate) fn receive<'a>(
        &mut self,
        mut tcp: &TcpStream,
        buffers: &'a mut Buffers,
    ) -> io::Result<Option<&'a [u8]>> {
        let len = match tcp.read(&mut buffers.received) {
            Ok(0) => return Err(io::Error::new(ErrorKind::UnexpectedEof, "the server hung up")),
            Ok(len) => len,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
        };
        let received = &buffers.received[..len];
        let Some(tls) = &mut self.0 else { return Ok(Some(received)) };
        buffers.plain.clear();
        open(tls, received, &mut buffers.plain)?;
        self.flush(tcp)?;
        Ok(Some(&buffers.plain))
    }

    /// Sends what the kernel takes; `WouldBlock` if that is nothing. With TLS all of it is taken,
    /// since it is sealed as a whole, unless something waits from before.
    pub(crate) fn send(&mut self, mut tcp: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
        if !self.flush(tcp)? {
            return Err(ErrorKind::WouldBlock.into());
        }
        let Some(tls) = &mut self.0 else { return tcp.write(bytes) };
        let len = tls.writer().write(bytes)?;
        self.flush(tcp)?;
        Ok(len)
    }

    /// Whether sealed bytes wait for room in the kernel.
    pub(crate) fn is_pending(&self) -> bool {
        self.0.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Sends what waits; whether nothing waits any more.
    pub(crate) fn flush(&mut self, mut tcp: &TcpStream) -> io::Result<bool> {
        let Some(tls) = &mut self.0 else { return Ok(true) };
        while tls.wants_write() {
            match tls.write_tls(&mut tcp) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// The client's end of TLS.
    ///
    /// # Panics
    /// If there is none.
    pub(crate) fn client(&self) -> &ClientConnection {
        match self.0.as_deref() {
            Some(Connection::Client(tls)) => tls,
            _ => panic!("not the client's end of TLS"),
        }
    }
}

/// Opens all records in `sealed`, and those before it of which this has the rest.
fn open(tls: &mut Connection, mut sealed: &[u8], plain: &mut Vec<u8>) -> io::Result<()> {
    let broken = |error| io::Error::new(ErrorKind::InvalidData, error);
    while !sealed.is_empty() {
        if tls.read_tls(&mut sealed)? == 0 {
            break;
        }
        let state = tls.process_new_packets().map_err(broken)?;
        let len = plain.len();
        plain.resize(len + state.plaintext_bytes_to_read(), 0);
        tls.reader().read_exact(&mut plain[len..])?;
    }
    Ok(())
}
