//! The sockets that systemd opened: `ListenStream=` and `FileDescriptorName=` of systemd.socket(5).
//! Not for: accepting from them (the workers), or opening any: this daemon never binds a port.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::net::{AddressFamily, SocketType, sockopt};

use super::inherited::Inherited;
use crate::config::Port;

/// The descriptor name that marks sockets for TLS.
pub(super) const TLS_NAME: &str = "wss";

/// The descriptor name of the socket of ringsocket-steering.socket.
const CONTROL_NAME: &str = "steering";

/// An inherited listening stream socket: non-blocking, close-on-exec, and owned.
#[derive(Clone, Debug)]
pub struct Listener {
    /// The socket. It may be closed, but never shut down or unlinked: systemd owns it too.
    pub fd: Arc<OwnedFd>,
    /// Its `FileDescriptorName=`; empty if it has none.
    pub name: String,
    /// The address it listens on.
    pub local: LocalAddr,
    /// Its TCP port; `None` for a unix socket.
    pub port: Option<u16>,
    /// Whether its clients speak TLS: so says the configuration of its port, or else its name.
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
    /// The unix socket over which root has connections steered by eBPF; never one that clients reach.
    pub control: Option<OwnedFd>,
    /// Configured ports without a socket.
    pub warnings: Vec<String>,
}

/// Why the inherited sockets cannot be served. The process should end with `EX_CONFIG` (78).
#[derive(Debug)]
#[non_exhaustive]
pub enum AdoptError {
    /// There are none.
    NoSockets,
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
            AdoptError::Unfit(lines) => f.write_str(&lines.join("\n")),
        }
    }
}

impl std::error::Error for AdoptError {}

/// Checks that each of the inherited sockets can be served with what the configuration has: `ports`,
/// and perhaps certificates.
///
/// # Errors
/// If there are no sockets, or any of them is not a listening stream socket, has a port that a
/// configuration with `ports` does not list, is for TLS where there are no certificates, or is named
/// `wss` where its port is said to be unencrypted.
pub fn adopt(
    inherited: Vec<Inherited>,
    ports: &[Port],
    has_certs: bool,
) -> Result<Adopted, AdoptError> {
    if inherited.is_empty() {
        return Err(AdoptError::NoSockets);
    }
    let mut adopted = Adopted::default();
    let mut unfit = Vec::new();
    for Inherited { fd, name } in inherited {
        let title = title(fd.as_raw_fd(), &name);
        match take(fd, name) {
            Ok(Listener { fd, local: LocalAddr::Unix(_), name, .. }) if name == CONTROL_NAME => {
                adopted.control = Arc::into_inner(fd);
            }
            Ok(listener) => match is_tls(&listener, ports, has_certs) {
                Ok(is_tls) => adopted.listeners.push(Listener { is_tls, ..listener }),
                Err(why) => unfit.push(format!("{title}: {why}")),
            },
            Err(why) => unfit.push(format!("{title}: {why}")),
        }
    }
    if !unfit.is_empty() {
        return Err(AdoptError::Unfit(unfit));
    }
    if adopted.listeners.is_empty() {
        return Err(AdoptError::NoSockets);
    }
    adopted.warnings = unserved(&adopted.listeners, ports);
    Ok(adopted)
}

/// The same sockets under another configuration.
///
/// # Errors
/// Lines that say why they cannot be served with that: see [`adopt`].
pub fn refit(
    listeners: &[Listener],
    ports: &[Port],
    has_certs: bool,
) -> Result<Adopted, Vec<String>> {
    let (mut adopted, mut unfit) = (Adopted::default(), Vec::new());
    for listener in listeners {
        match is_tls(listener, ports, has_certs) {
            Ok(is_tls) => adopted.listeners.push(Listener { is_tls, ..listener.clone() }),
            Err(why) => {
                unfit.push(format!("{}: {why}", title(listener.fd.as_raw_fd(), &listener.name)));
            }
        }
    }
    if !unfit.is_empty() {
        return Err(unfit);
    }
    adopted.warnings = unserved(&adopted.listeners, ports);
    Ok(adopted)
}

/// The words for a socket. Its number is the one that sd_listen_fds(3) gave it: they count from 3.
fn title(number: RawFd, name: &str) -> String {
    match name {
        "" => format!("socket {number} (without FileDescriptorName=)"),
        name => format!("socket {number} (FileDescriptorName={name})"),
    }
}

/// Makes a socket ready; or says what it is instead.
fn take(fd: OwnedFd, name: String) -> Result<Listener, String> {
    let io = |error: io::Error| error.to_string();
    let is_stream = sockopt::socket_type(&fd) == Ok(SocketType::STREAM);
    let family = sockopt::socket_domain(&fd).ok().filter(|_| is_stream);
    let (fd, local): (OwnedFd, LocalAddr) = match family {
        Some(AddressFamily::INET | AddressFamily::INET6) => {
            let tcp = TcpListener::from(fd);
            must_listen(&tcp)?;
            tcp.set_nonblocking(true).map_err(io)?;
            // Accepted connections inherit it, which spares each a system call.
            sockopt::set_tcp_nodelay(&tcp, true).map_err(|error| io(error.into()))?;
            let local = LocalAddr::Inet(tcp.local_addr().map_err(io)?);
            (tcp.into(), local)
        }
        Some(AddressFamily::UNIX) => {
            let unix = UnixListener::from(fd);
            must_listen(&unix)?;
            unix.set_nonblocking(true).map_err(io)?;
            let local = unix.local_addr().map_err(io)?;
            (unix.into(), LocalAddr::Unix(local.as_pathname().map(PathBuf::from)))
        }
        _ => {
            let hint =
                "write ListenStream= in its unit, not ListenDatagram=, ListenFIFO= or the like";
            return Err(format!("this is no stream socket; {hint}"));
        }
    };
    let port = match local {
        LocalAddr::Inet(address) => Some(address.port()),
        LocalAddr::Unix(_) => None,
    };
    let fd = Arc::new(fd);
    Ok(Listener { fd, name, local, port, is_tls: false })
}

fn must_listen(socket: &impl AsFd) -> Result<(), String> {
    match sockopt::socket_acceptconn(socket) {
        Ok(true) => Ok(()),
        Ok(false) => Err("this socket does not listen; write Accept=no in its unit".into()),
        Err(error) => Err(error.to_string()),
    }
}

/// Whether a socket is for TLS; or why it is not served, and what to do about it.
fn is_tls(listener: &Listener, ports: &[Port], has_certs: bool) -> Result<bool, String> {
    let (local, is_named_tls) = (&listener.local, listener.name == TLS_NAME);
    let listed = match listener.port.filter(|_| !ports.is_empty()) {
        Some(number) => {
            let at = ports.iter().position(|port| port.port_number == number);
            Some(at.ok_or_else(|| not_listed(local, number, is_named_tls))?)
        }
        None => None,
    };
    let is_tls = match listed {
        Some(at) if is_named_tls && ports[at].is_unencrypted => {
            return Err(format!(
                "its name asks for TLS on {local}, but \"is_unencrypted\": true in ports[{at}] of the \
                 configuration does not; take that out, or write FileDescriptorName=ws in the unit \
                 of this socket"
            ));
        }
        Some(at) => !ports[at].is_unencrypted,
        None => is_named_tls,
    };
    if is_tls && !has_certs {
        return Err(format!(
            "its name asks for TLS on {local}, but there is no `certs` in the configuration; add \
             \"certs\": [{{ \"hostnames\": [\"example.com\"], \"privkey_path\": \"/path/to/key.pem\", \
             \"pubchain_path\": \"/path/to/chain.pem\" }}], or disable the unit of this socket: \
             systemctl disable --now ringsocket-tls.socket"
        ));
    }
    Ok(is_tls)
}

fn not_listed(local: &LocalAddr, number: u16, is_named_tls: bool) -> String {
    let plain = if is_named_tls { "" } else { ", \"is_unencrypted\": true" };
    format!(
        "it listens on {local}, but `ports` of the configuration does not list {number}; add \
         {{ \"port_number\": {number}{plain} }}, or leave `ports` out to serve every socket"
    )
}

/// A line for each configured port on which nothing listens.
fn unserved(listeners: &[Listener], ports: &[Port]) -> Vec<String> {
    let inherited = |number| listeners.iter().any(|listener| listener.port == Some(number));
    let missing = ports.iter().filter(|port| !inherited(port.port_number));
    let line = |port: &Port| {
        let number = port.port_number;
        format!(
            "port {number} is configured, but no socket for it was passed; run systemctl daemon-reload \
             && systemctl restart ringsocket.socket, or take the port out of the configuration \
             (\"ringsocket check\" says which lines of units stand against it)"
        )
    };
    missing.map(line).collect()
}

#[cfg(test)]
mod tests;
