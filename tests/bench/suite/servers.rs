//! The servers that are compared: floors, ways to run the daemon, and peers. To add a way to run the
//! daemon, add it to `VARIANTS`.

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use ringsocket_tests::certificates::Site;
use ringsocket_tests::daemon::{Builder, Daemon};

use super::Bench;
use crate::url::Url;

/// The name of whatever a table's other servers are compared with.
pub(crate) const FLOOR: &str = "floor";

/// The name of the daemon whose app may run on any thread.
pub(crate) const ANY_THREAD: &str = "RingSocket";

/// The name of the daemon whose app always runs on its own thread.
pub(crate) const OWN_THREAD: &str = "RingSocket, own thread";

/// The name of the daemon whose records rustls keeps.
pub(crate) const RUSTLS_RECORDS: &str = "rustls records";

/// Echo servers made with other crates (tests/bench/peers).
pub(super) const PEERS: [&str; 4] =
    ["sockudo-ws", "tungstenite", "fastwebsockets", "tokio-websockets"];

/// Connections that the daemon is set up for, if no scenario needs more.
const LEAST_CAPACITY: usize = 2000;

/// A way to run the daemon for echoes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Variant {
    /// What it is called in tables.
    pub(super) name: &'static str,
    /// The echo app.
    pub(super) app: Source,
    /// More keys of the configuration, each with a comma after it.
    pub(super) config: &'static str,
}

/// Where an app comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    /// The workspace's crate of that name.
    Rust(&'static str),
    /// A C file of the repository.
    C(&'static str),
}

/// All ways to run the daemon.
pub(super) const VARIANTS: [Variant; 2] = [
    Variant { name: ANY_THREAD, app: Source::Rust("echo"), config: "" },
    Variant { name: OWN_THREAD, app: Source::C("apps/echo-c/echo.c"), config: "" },
];

/// A server that runs.
pub(super) struct Running {
    process: Process,
    address: SocketAddr,
}

enum Process {
    Daemon(Daemon),
    Other(Child),
}

impl Bench {
    /// A floor, with the arguments of `ringsocket-bench floor`.
    pub(super) fn floor(&self, arguments: &[&str]) -> io::Result<Running> {
        let own = std::env::current_exe()?;
        self.start(&own, &[&["floor"], arguments].concat())
    }

    /// An echo server of another crate.
    pub(super) fn peer(&self, name: &str) -> io::Result<Running> {
        self.start(&self.peer_path(name), &[])
    }

    /// The daemon with an echo app at `/echo`.
    pub(super) fn echo(&self, variant: Variant) -> Running {
        let builder = match variant.app {
            Source::Rust(name) => Builder::new().app_as(name, "echo"),
            Source::C(path) => Builder::new().c_app(path, &[], "echo"),
        };
        self.daemon(builder, variant.config)
    }

    /// The floor of TLS, for messages that come in with so many bytes.
    pub(super) fn secure_floor(&self, site: &Site, incoming: usize) -> io::Result<Running> {
        let (key, chain) = (site.key(), site.chain());
        let (key, chain) = (key.display().to_string(), chain.display().to_string());
        let incoming = incoming.to_string();
        self.floor(&["tls", "--key", &key, "--chain", &chain, "--incoming", &incoming])
    }

    /// The daemon with an echo app at `/echo` on a TLS port.
    pub(super) fn secure_echo(&self, site: &Site, config: &str) -> Running {
        let certs = format!(
            r#""certs": [ {{ "hostnames": ["localhost"], "privkey_path": "{}",
                 "pubchain_path": "{}" }} ],"#,
            site.key().display(),
            site.chain().display(),
        );
        let builder = Builder::new().app("echo").secure_sockets(1);
        self.daemon(builder, &format!("{certs} {config}"))
    }

    /// The daemon with one worker and the apps of `builder`, each at `/NAME`. `config` has more keys,
    /// each with a comma after it.
    pub(super) fn daemon(&self, builder: Builder, config: &str) -> Running {
        let most = self.plan.connections.iter().fold(self.crowd, |most, &other| most.max(other));
        let config = format!(
            r#"{{ {config} "worker_c": 1, "fd_alloc_c": {}, "log_level": "warning" }}"#,
            most.max(LEAST_CAPACITY)
        );
        let core = self.plan.server_core.to_string();
        let daemon = builder.config(&config).prefix(&["taskset", "-c", &core]).start();
        Running { address: daemon.address(), process: Process::Daemon(daemon) }
    }

    /// Starts a program that prints its port and ends with its input, on the servers' core.
    fn start(&self, program: &Path, arguments: &[&str]) -> io::Result<Running> {
        let mut child = Command::new("taskset")
            .args(["-c", &self.plan.server_core.to_string()])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line)?;
        let port: u16 =
            line.trim().parse().map_err(|_| io::Error::other("it did not print its port"))?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Ok(Running { process: Process::Other(child), address })
    }
}

impl Running {
    /// Its process: `taskset` becomes the program that it starts.
    pub(super) fn pid(&self) -> u32 {
        match &self.process {
            Process::Daemon(daemon) => daemon.pid(),
            Process::Other(child) => child.id(),
        }
    }

    /// An endpoint of it.
    pub(super) fn url(&self, target: &str) -> Url {
        Url::new(self.address, target)
    }

    /// Stops it; an error if it did not end well.
    pub(super) fn stop(self) -> io::Result<()> {
        let (status, log) = match self.process {
            Process::Daemon(daemon) => {
                let ended = daemon.stop();
                (ended.status, ended.log)
            }
            Process::Other(mut child) => {
                drop(child.stdin.take());
                (child.wait()?, String::new())
            }
        };
        if status.success() {
            Ok(())
        } else {
            Err(io::Error::other(format!("it ended with {status}\n{log}")))
        }
    }
}
