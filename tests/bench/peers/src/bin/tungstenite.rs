//! An echo server made with `tungstenite` itself, without a runtime: one epoll loop (mio), which
//! reads a connection until nothing is left, and flushes once.

use std::io::{self, ErrorKind};

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use ringsocket_bench_peers::{BATCH, LARGEST};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Error, HandshakeError, WebSocket};

const LISTENER: Token = Token(usize::MAX);

type Socket = WebSocket<TcpStream>;

fn main() -> io::Result<()> {
    let mut listener = TcpListener::from_std(ringsocket_bench_peers::listen()?);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut sockets: Vec<Option<Socket>> = Vec::new();
    let mut events = Events::with_capacity(1024);
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                accept(&listener, &poll, &mut sockets)?;
                continue;
            }
            let place = &mut sockets[event.token().0];
            if place.as_mut().is_some_and(|socket| answer(socket).is_err()) {
                *place = None;
            }
        }
    }
}

/// Takes all new connections. mio watches edge-triggered, and what a client has sent meanwhile
/// counts as an edge.
fn accept(
    listener: &TcpListener,
    poll: &Poll,
    sockets: &mut Vec<Option<Socket>>,
) -> io::Result<()> {
    loop {
        let stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        stream.set_nodelay(true)?;
        let Ok(mut socket) = upgrade(stream) else { continue };
        let token = Token(sockets.len());
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(socket.get_mut(), token, interest)?;
        sockets.push(Some(socket));
    }
}

/// The handshake. The bench's clients send their request at once, so that waiting for it in place
/// is no burden.
fn upgrade(stream: TcpStream) -> Result<Socket, Error> {
    let config = WebSocketConfig::default()
        .read_buffer_size(BATCH)
        .write_buffer_size(BATCH)
        .max_message_size(Some(LARGEST))
        .max_frame_size(Some(LARGEST));
    let mut attempt = tungstenite::accept_with_config(stream, Some(config));
    loop {
        match attempt {
            Ok(socket) => return Ok(socket),
            Err(HandshakeError::Interrupted(middle)) => {
                std::thread::yield_now();
                attempt = middle.handshake();
            }
            Err(HandshakeError::Failure(error)) => return Err(error),
        }
    }
}

/// Echoes all that has come.
fn answer(socket: &mut Socket) -> Result<(), Error> {
    loop {
        let written = match socket.read() {
            Ok(message) if message.is_text() || message.is_binary() => socket.write(message),
            Ok(_) => continue,
            Err(error) if would_block(&error) => break,
            Err(error) => return Err(error),
        };
        check(written)?;
    }
    check(socket.flush())
}

/// What the kernel does not take now goes out when it can: that is an edge too.
fn check(written: Result<(), Error>) -> Result<(), Error> {
    match written {
        Err(error) if would_block(&error) => Ok(()),
        other => other,
    }
}

fn would_block(error: &Error) -> bool {
    matches!(error, Error::Io(error) if error.kind() == ErrorKind::WouldBlock)
}
