//! The configuration: what the daemon may be told, its defaults, and how a file becomes a checked
//! [`Config`].
//! Not for: acting on it. Nothing here opens a socket, loads an app or starts a thread.
//!
//! A file passes through `raw` (names and types, by serde) and then `checked` and `apps` (ranges,
//! dependencies, URLs). Both report into one [`Report`], so that one run names everything that is
//! wrong. The keys of the original RingSocket keep their names and meaning.

mod apps;
mod apps_dir;
mod certs;
mod check;
mod checked;
mod error;
mod fixed;
mod front;
mod keys;
mod listen;
mod parse;
mod ports;
mod raw;
mod sockets;
mod unix;
mod url;
mod workers;

#[cfg(test)]
pub(crate) mod tests;

use std::fs::File;
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;

pub use apps_dir::{Found, scan as scan_apps_dir};
pub use check::{EX_CONFIG, check};
pub use error::{Issue, Place, Report, Severity};
pub use fixed::Fixed;
pub use sockets::Sockets;
pub use workers::WorkerCpus;

use crate::host::pace::Threads;
use crate::log;

/// Where the configuration lies unless the command line says otherwise.
pub const DEFAULT_PATH: &str = "/etc/ringsocket.json";
/// Where apps lie unless the command line says otherwise.
pub const DEFAULT_APPS_DIR: &str = "/usr/lib/ringsocket/apps";
/// The largest configuration file that is read, in bytes.
pub const MAX_FILE_SIZE: usize = 1 << 20;

/// A configuration that was checked as a whole: every value in range and fit for the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Lines of less importance are not logged.
    pub log_level: log::Level,
    /// Worker threads, 1 to 256.
    pub worker_c: usize,
    /// On which CPUs they run.
    pub worker_cpus: WorkerCpus,
    /// The ports that may be served. Empty: every inherited socket is served.
    pub ports: Vec<Port>,
    /// The unix sockets that systemd is to open; others that it hands over are served too.
    pub unix_sockets: Vec<UnixSocket>,
    /// The certificates of encrypted ports; the first is for clients that name no host.
    pub certs: Vec<Cert>,
    /// Whose code makes records of bytes on encrypted connections, after the handshake.
    pub record_layer: RecordLayer,
    /// The apps, in the order of the file or of their names in the folder.
    pub apps: Vec<App>,
    /// Whether the file lists no apps, so that they are those of the folder.
    pub apps_of_folder: bool,
    /// Bounds of sizes and numbers.
    pub limits: Limits,
    /// Bounds of times.
    pub waits: Waits,
    /// How messages are compressed (RFC 7692); `None`: not at all.
    pub deflate: Option<Deflate>,
    /// Path that answers whether the daemon serves; `None`: no such path.
    pub health_path: Option<String>,
    /// Networks of the proxies whose word about a client's address is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Which header those proxies write it to.
    pub forwarded_header: ForwardedHeader,
}

impl Config {
    /// File descriptors that the daemon may come to need: its `LimitNOFILE=` must not be less.
    pub fn fds_needed(&self) -> usize {
        let socket_c = self.sockets().count();
        self.limits.fd_alloc_c + checked::fds_beside(self.worker_c, self.apps.len(), socket_c)
    }

    /// What systemd is to open for it.
    pub fn sockets(&self) -> Sockets {
        let (ports, unix_sockets) = (self.ports.clone(), self.unix_sockets.clone());
        Sockets { ports, unix_sockets, worker_c: self.worker_c }
    }

    /// Every folder of pages, each once.
    pub fn www_roots(&self) -> Vec<&Path> {
        let ports = self.ports.iter().filter_map(|port| port.www_root.as_deref());
        let endpoints = self.apps.iter().flat_map(|app| &app.endpoints);
        let mut roots: Vec<_> =
            ports.chain(endpoints.filter_map(|e| e.www_root.as_deref())).collect();
        roots.sort();
        roots.dedup();
        roots
    }
}

/// A TCP port whose inherited sockets are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// 1 to 65535, unique.
    pub port_number: u16,
    /// Whether it is served without TLS.
    pub is_unencrypted: bool,
    /// Whether each connection begins with a header of the PROXY protocol.
    pub proxy_protocol: bool,
    /// The certificates that clients show; `None`: they are not asked for any.
    pub client_certs: Option<ClientCerts>,
    /// Folder of the pages that plain requests on this port get; an absolute path.
    pub www_root: Option<PathBuf>,
    /// Where systemd is to listen.
    pub listen: Listen,
}

/// Where systemd is to listen for a [`Port`]: what its units are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Unique, at least one, none of them covered by another.
    pub addrs: Vec<IpAddr>,
    /// Whether `::`, then the only address, takes IPv4 clients too.
    pub is_dual: bool,
    /// The one network interface whose clients are let in: 1 to 15 of `A-Z a-z 0-9 . _ - @ +`.
    pub interface: Option<String>,
}

impl Default for Listen {
    /// Every address of IPv4 and of IPv6, each with sockets of its own.
    fn default() -> Self {
        let addrs = vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
        Listen { addrs, is_dual: false, interface: None }
    }
}

/// A unix socket that systemd is to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnixSocket {
    /// Absolute and normal (no `..`), at most 107 bytes of `A-Z a-z 0-9 . _ - @ + , : ~ /`, unique.
    pub path: String,
    /// Whether it is served without TLS.
    pub is_unencrypted: bool,
    /// Permissions, 0 to 0o777: connecting takes the right to write.
    pub mode: u16,
    /// The group it belongs to, by name or number; `None`: root's.
    pub group: Option<String>,
}

/// What is demanded of the clients of a [`Port`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientCerts {
    /// Whether a client without a certificate is refused.
    pub are_required: bool,
    /// The certificates of the authorities that may have issued theirs; a path as in [`Cert`].
    pub ca_path: PathBuf,
}

/// A certificate and what it is for.
///
/// Paths are absolute, or bare names of credentials (see `systemd::credentials`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cert {
    /// At least one: host names in lower case, `*.` before a name for all names with one label more,
    /// or IP addresses, which no client names but whose presence in the certificate is checked.
    pub hostnames: Vec<String>,
    /// The private key, PEM.
    pub privkey_path: PathBuf,
    /// The certificate and those between it and its root, PEM, in this order.
    pub pubchain_path: PathBuf,
}

/// Whose code makes records of bytes after the handshake, which is always rustls'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordLayer {
    /// The crate `ringsocket-tls`.
    Ringsocket,
    /// rustls.
    Rustls,
}

/// An app: a shared library and the endpoints it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Unique; 1 to 64 of `A-Z a-z 0-9 . _ -`, the first a letter or digit.
    pub name: String,
    /// The shared library; an absolute path.
    pub path: PathBuf,
    /// On which threads its callbacks run.
    pub threads: Threads,
    /// At least one.
    pub endpoints: Vec<Endpoint>,
}

/// A URL under which an app is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// What the app knows the endpoint by; unique within the app.
    pub endpoint_id: u16,
    /// What requests are compared with.
    pub url: EndpointUrl,
    /// Origins as browsers send them, lower case, default ports left out. Empty: all are let in.
    pub allowed_origins: Vec<String>,
    /// Folder of the pages that plain requests at and below this endpoint's path get.
    pub www_root: Option<PathBuf>,
}

/// The URL of an [`Endpoint`], taken apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EndpointUrl {
    /// Host (lower case, an IPv6 address in brackets) and port (after defaulting to 80 or 443).
    /// `None`: any host on any port.
    pub authority: Option<(String, u16)>,
    /// The whole path as it stands in a request, percent-encoded, beginning with `/`.
    pub path: String,
    /// Whether the scheme was `wss`; `None` without a scheme.
    pub encrypted: Option<bool>,
}

/// Bounds of sizes (bytes, unless said otherwise) and numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Payload of one WebSocket message.
    pub max_ws_msg_size: usize,
    /// One message with its frame headers and the control frames between its fragments; at least
    /// 14 (one frame header) more than `max_ws_msg_size`.
    pub max_ws_frame_chain_size: usize,
    /// What may wait for one peer that reads slowly, before it is closed with 1013.
    pub max_backpressure: usize,
    /// A request's line and headers.
    pub max_http_head_size: usize,
    /// Headers of one request.
    pub max_http_header_c: usize,
    /// Connections in all.
    pub fd_alloc_c: usize,
    /// Connections whose TLS handshake is under way, of all workers.
    pub max_tls_handshake_c: usize,
    /// Ring of each worker/app pair; a power of two and a multiple of the page size.
    pub inbound_ring_buf_size: usize,
    /// Ring of each app/worker pair; likewise.
    pub outbound_ring_buf_size: usize,
    /// Payloads of each worker/app pair that cross by pointer; at least `max_ws_msg_size`.
    pub inbound_block_budget: usize,
    /// Payloads of each app that cross by pointer; at least `max_ws_msg_size`.
    pub outbound_block_budget: usize,
    /// Heads and messages that have come in part, of all connections of a worker; at least
    /// `max_ws_msg_size`.
    pub partial_budget: usize,
    /// Read buffer of each worker.
    pub worker_rbuf_size: usize,
    /// Events a worker takes from `epoll_wait` at once.
    pub epoll_buf_elem_c: usize,
    /// Payload of one frame.
    pub max_ws_frame_size: usize,
    /// Frames of one message.
    pub max_ws_fragment_c: usize,
    /// Topics that one client is subscribed to at a time.
    pub max_topics_per_client: usize,
    /// Topics of one app that have subscribers at a time.
    pub max_topics_per_app: usize,
    /// Messages and control frames of one connection per second; `None`: as many as come.
    pub max_ws_msg_rate: Option<NonZeroU64>,
    /// Bytes of one connection per second; likewise.
    pub max_ws_byte_rate: Option<NonZeroU64>,
    /// Connections of one address; likewise.
    pub max_conn_c_per_addr: Option<NonZeroU64>,
    /// Handshakes of one address per second; likewise.
    pub max_handshake_rate_per_addr: Option<NonZeroU64>,
}

/// Bounds of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// For a whole request head, from the accept on; a TLS handshake before it included.
    pub http_head: Duration,
    /// For an app to decide about an upgrade.
    pub upgrade: Duration,
    /// For a peer to close its side, before the upgrade.
    pub shutdown_wait_http: Duration,
    /// For a peer to answer a Close frame and to close its side.
    pub shutdown_wait_ws: Duration,
    /// For the whole of a stop.
    pub stop: Duration,
    /// For a peer with bytes waiting to take any of them.
    pub write_stall: Duration,
    /// For the clients of an app that a reload replaces or removes, before they are closed; zero:
    /// they are at once.
    pub drain: Duration,
    /// For the `init` of an app that a reload loads.
    pub init: Duration,
    /// For a silent peer, before it is sent a ping; `None`: it never is.
    pub ping: Option<Duration>,
    /// For a peer that was sent a ping to send anything at all.
    pub pong: Duration,
}

/// How messages are compressed (RFC 7692).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deflate {
    /// 1 (fast) to 9 (small).
    pub level: u32,
    /// Messages of fewer bytes are sent as they are.
    pub min_size: usize,
    /// Whether a client may keep its compressor's window from message to message.
    pub client_takeover: bool,
    /// Whether we keep ours.
    pub server_takeover: bool,
    /// Connections in all that may have such windows; the others do without.
    pub takeover_c: usize,
    /// Base-2 logarithm of the window of a client's compressor, 9 to 15.
    pub client_window_bits: u8,
    /// The same of ours.
    pub server_window_bits: u8,
}

/// The header in which proxies tell a client's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// None is believed.
    None,
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// What a configuration is checked against, besides itself.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Processors this process may use.
    pub cores: usize,
    /// The limit of open file descriptors (`RLIMIT_NOFILE`, soft) the daemon will run under;
    /// `None` where that is not known, as in `ringsocket check`, whose shell has another limit
    /// than the service.
    pub nofile: Option<u64>,
    /// The folder of apps.
    pub apps_dir: PathBuf,
    /// For a reload: what stays as it is.
    pub fixed: Option<Fixed>,
    /// After a restart: how many workers have left connections. With fewer, some would end, so the
    /// default is no less.
    pub heir_c: usize,
}

impl Surroundings {
    /// Those of this process.
    pub fn here(nofile: Option<u64>, apps_dir: Option<PathBuf>) -> Self {
        Surroundings {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            nofile,
            apps_dir: apps_dir.unwrap_or_else(|| DEFAULT_APPS_DIR.into()),
            fixed: None,
            heir_c: 0,
        }
    }
}

/// Which file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file.
    pub path: PathBuf,
    /// Whether somebody named it: such a file must exist, whereas the default one may be missing.
    pub explicit: bool,
}

impl Default for Source {
    fn default() -> Self {
        Source { path: DEFAULT_PATH.into(), explicit: false }
    }
}

/// A usable configuration and what is to be said about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Warnings only; log them with [`Report::log`].
    pub warnings: Report,
}

/// Reads and checks the configuration; a default file that is missing means the built-in defaults.
///
/// # Errors
/// A report with at least one error, if the file cannot be read or used. The process should then
/// end with `EX_CONFIG` (78).
pub fn load(source: &Source, around: &Surroundings) -> Result<Loaded, Report> {
    let name = source.path.display().to_string();
    match read(&source.path) {
        Ok(bytes) => parse(&name, parse::decode(&name, &bytes)?, around),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !source.explicit => {
            let findings = parse::Findings::without_file("built-in configuration");
            finish(findings, raw::Root::default(), around)
        }
        Err(error) => {
            let mut findings = parse::Findings::without_file(&name);
            let instead = format!("the file is named by --config, or else it is {DEFAULT_PATH}");
            findings.error(&parse::Path::root(), format!("cannot read: {error}"), &instead);
            Err(findings.report)
        }
    }
}

/// Checks the text of a configuration file called `source`.
///
/// # Errors
/// As [`load`].
pub fn parse(source: &str, text: &str, around: &Surroundings) -> Result<Loaded, Report> {
    let (findings, raw) = parse::Findings::parse(source, text);
    finish(findings, raw, around)
}

fn finish(
    mut findings: parse::Findings<'_>,
    raw: raw::Root,
    around: &Surroundings,
) -> Result<Loaded, Report> {
    // Text that is no JSON object was reported; checking the defaults instead would only add noise.
    let config = match findings.report.has_errors() && !findings.is_written(&parse::Path::root()) {
        true => None,
        false => Some(checked::check(raw, &mut findings, around)),
    };
    let mut report = findings.report;
    report.sort();
    match config {
        Some(config) if !report.has_errors() => Ok(Loaded { config, warnings: report }),
        _ => Err(report),
    }
}

/// The file's bytes, one more than [`MAX_FILE_SIZE`] at most.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE_SIZE as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
