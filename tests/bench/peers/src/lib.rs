//! What the echo servers of other crates have in common: a port that the bench reads, an end with
//! the bench's, one thread, and the opening handshake for crates whose own needs an HTTP stack.
//!
//! Each is set up as well as its crate allows: answers to all that has come go out in one flush.
//! Not servers for anything but a comparison: a connection that fails just ends.

use std::io::{self, Read};
use std::net::TcpListener;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

#[cfg(feature = "tokio")]
pub mod asynchronous;

/// The largest message that is echoed, in bytes.
pub const LARGEST: usize = 16 << 20;

/// Bytes of answers that are gathered before they are sent in any case.
pub const BATCH: usize = 64 << 10;

/// Listens on a free loopback port and prints it. The process ends when standard input does.
pub fn listen() -> io::Result<TcpListener> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    println!("{}", listener.local_addr()?.port());
    std::thread::spawn(|| {
        // Nothing is ever written to it: the read returns when the bench is done, or gone.
        let _ = io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    Ok(listener)
}

/// The 101 that accepts a request head (RFC 6455 section 4.2.2).
pub fn switching(head: &[u8]) -> io::Result<Vec<u8>> {
    const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    let text = std::str::from_utf8(head).map_err(io::Error::other)?;
    let key = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("Sec-WebSocket-Key"))
        .ok_or_else(|| io::Error::other("no Sec-WebSocket-Key"))?
        .1;
    let digest = Sha1::new().chain_update(key.trim()).chain_update(GUID).finalize();
    let accept = STANDARD.encode(digest);
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    Ok(head.into_bytes())
}
