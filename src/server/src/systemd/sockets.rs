//! The sockets that systemd opened: sd_listen_fds(3), `FileDescriptorName=` of systemd.socket(5).
//! Not for: accepting from them (the workers), or opening any: this daemon never binds a port.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use listenfd::ListenFd;

use crate::config::Port;

/// The descriptor name that marks sockets for TLS.
const TLS_NAME: &str = "wss";

/// An inherited listening stream socket: non-blocking, close-on-exec, and owned.
#[derive(Debug)]
pub struct Listener {
    /// The socket. It may be closed, but never shut down or unlinked: systemd owns it too.
    pub fd: OwnedFd,
    /// Its `FileDescriptorName=`; empty if it has none.
    pub name: String,
    /// The address it listens on.
    pub local: LocalAddr,
    /// Its TCP port; `None` for a unix socket.
    pub port: Option<u16>,
    /// Whether its name asks for TLS. Always false in this version, which refuses such sockets.
    pub is_tls: bool,
}

/// The address of a listening socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalAddr {
    /// IPv4 or IPv6.
    Inet(SocketAddr),
    /// A unix socket; `None` if its address is abstract or not to be had as a path.
    Unix(Option<PathBuf>),
}

impl fmt::Display for LocalAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LocalAddr::Inet(address) => address.fmt(f),
            LocalAddr::Unix(Some(path)) => path.display().fmt(f),
            LocalAddr::Unix(None) => f.write_str("an abstract unix socket"),
        }
    }
}

/// What was inherited.
#[derive(Debug, Default)]
pub struct Adopted {
    /// At least one, in systemd's order. Every one must be polled, or its clients are stranded.
    pub listeners: Vec<Listener>,
    /// Configured ports without a socket.
    pub warnings: Vec<String>,
}

/// Why the inherited sockets cannot be served. The process should end with `EX_CONFIG` (78).
#[derive(Debug)]
#[non_exhaustive]
pub enum AdoptError {
    /// There are none.
    NoSockets,
    /// systemd's variables make no sense.
    Environment(String),
    /// One line for each socket that cannot be served.
    Unfit(Vec<String>),
}

impl fmt::Display for AdoptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AdoptError::NoSockets => f.write_str(
                "no sockets were passed: ringsocket opens none itself but takes those of systemd.\n\
                 As a service:          systemctl enable --now ringsocket.socket\n\
                 From a shell, to try:  systemd-socket-activate -l 127.0.0.1:8080 ringsocket",
            ),
            AdoptError::Environment(why) => {
                write!(f, "the variables LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES are odd: {why}")
            }
            AdoptError::Unfit(lines) => f.write_str(&lines.join("\n")),
        }
    }
}

impl std::error::Error for AdoptError {}

/// Takes the sockets that systemd passed to this process and checks that each can be served.
///
/// Call it once, and before any thread is started: it removes `LISTEN_PID` and `LISTEN_FDS` from
/// the environment, so that they mislead nobody later.
///
/// # Errors
/// If there are no sockets, or any of them is not a listening stream socket, is named `wss`, or has
/// a port that a configuration with `ports` does not list.
pub fn adopt(ports: &[Port]) -> Result<Adopted, AdoptError> {
    // Names first: listenfd knows only positions, and removes the variables.
    let names = libsystemd::activation::receive_descriptors_with_names(false)
        .map_err(|error| AdoptError::Environment(error.to_string()))?;
    let mut inherited = ListenFd::from_env();
    if inherited.len() == 0 {
        return Err(AdoptError::NoSockets);
    }
    let mut adopted = Adopted::default();
    let mut unfit = Vec::new();
    for at in 0..inherited.len() {
        // There may be fewer names than sockets: those without one are not in the list.
        let name = names.get(at).map_or("", |(_, name)| name.as_str());
        match take(&mut inherited, at, name) {
            Ok(listener) => match refusal(&listener, ports) {
                Some(why) => unfit.push(format!("{}: {why}", title(at, name))),
                None => adopted.listeners.push(listener),
            },
            Err(why) => unfit.push(format!("{}: {why}", title(at, name))),
        }
    }
    if !unfit.is_empty() {
        return Err(AdoptError::Unfit(unfit));
    }
    adopted.warnings = unserved(&adopted.listeners, ports);
    Ok(adopted)
}

/// The words for a socket: sd_listen_fds(3) counts from 3.
fn title(at: usize, name: &str) -> String {
    match name {
        "" => format!("socket {} (without FileDescriptorName=)", at + 3),
        name => format!("socket {} (FileDescriptorName={name})", at + 3),
    }
}

/// Takes the socket at a position and makes it ready; or says what it is instead.
fn take(inherited: &mut ListenFd, at: usize, name: &str) -> Result<Listener, String> {
    let io = |error: io::Error| error.to_string();
    let (fd, local): (OwnedFd, LocalAddr) = if let Ok(Some(tcp)) = inherited.take_tcp_listener(at) {
        must_listen(&tcp)?;
        tcp.set_nonblocking(true).map_err(io)?;
        // Accepted connections inherit it, which spares each a system call.
        rustix::net::sockopt::set_tcp_nodelay(&tcp, true).map_err(|error| io(error.into()))?;
        let local = LocalAddr::Inet(TcpListener::local_addr(&tcp).map_err(io)?);
        (tcp.into(), local)
    } else if let Ok(Some(unix)) = inherited.take_unix_listener(at) {
        must_listen(&unix)?;
        unix.set_nonblocking(true).map_err(io)?;
        let local = UnixListener::local_addr(&unix).map_err(io)?;
        (unix.into(), LocalAddr::Unix(local.as_pathname().map(PathBuf::from)))
    } else {
        let hint = "write ListenStream= in its unit, not ListenDatagram=, ListenFIFO= or the like";
        return Err(format!("this is no stream socket; {hint}"));
    };
    let port = match local {
        LocalAddr::Inet(address) => Some(address.port()),
        LocalAddr::Unix(_) => None,
    };
    Ok(Listener { fd, name: name.to_owned(), local, port, is_tls: name == TLS_NAME })
}

fn must_listen(socket: &impl AsFd) -> Result<(), String> {
    match rustix::net::sockopt::socket_acceptconn(socket) {
        Ok(true) => Ok(()),
        Ok(false) => Err("this socket does not listen; write Accept=no in its unit".into()),
        Err(error) => Err(error.to_string()),
    }
}

/// Why a socket is not served, and what to do about it.
fn refusal(listener: &Listener, ports: &[Port]) -> Option<String> {
    if listener.is_tls {
        return Some(format!(
            "its name asks for TLS on {}, which is not in this version of RingSocket (a later one \
             brings it); disable its unit: systemctl disable --now ringsocket-tls.socket",
            listener.local
        ));
    }
    let number = listener.port?;
    if ports.is_empty() || ports.iter().any(|port| port.port_number == number) {
        return None;
    }
    Some(format!(
        "it listens on {}, but `ports` of the configuration does not list {number}; add \
         {{ \"port_number\": {number}, \"is_unencrypted\": true }}, or leave `ports` out to serve \
         every socket",
        listener.local
    ))
}

/// A line for each configured port on which nothing listens.
fn unserved(listeners: &[Listener], ports: &[Port]) -> Vec<String> {
    let inherited = |number| listeners.iter().any(|listener| listener.port == Some(number));
    let missing = ports.iter().map(|port| port.port_number).filter(|&number| !inherited(number));
    let line = |number| {
        format!(
            "port {number} is configured, but no socket for it was passed; add \
             ListenStream={number} to ringsocket.socket and restart it, or take the port out of \
             the configuration"
        )
    };
    missing.map(line).collect()
}

#[cfg(test)]
mod tests;
