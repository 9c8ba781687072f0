//! Runs the real daemon for a test: sockets, apps folder, configuration, readiness, log, stop.
//! Two ways in: systemd-socket-activate, as a person without systemd would, and descriptors passed
//! directly, which several sockets need.

mod restart;
mod secure;

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use self::restart::Again;
use crate::client::Client;
use crate::folder::Folder;
use crate::notify::Notify;
use crate::sys::{self, Signal};
use crate::{activation, apps};

/// How long a start, a stop or a log line may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Names a program, with arguments, to run daemons under: one that execs them or, like valgrind,
/// becomes them. So that the same tests say more: see `tests/valgrind/run`.
pub const UNDER: &str = "RINGSOCKET_UNDER";

/// What to run.
#[derive(Debug)]
pub struct Builder {
    folder: Folder,
    config: Option<String>,
    sockets: Vec<(String, TcpListener)>,
    /// What is passed behind the sockets.
    others: Vec<(String, OwnedFd)>,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    /// Runs before the daemon's binary, such as `taskset -c 1`.
    prefix: Vec<String>,
    is_restartable: bool,
}

/// A running daemon.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    addresses: Vec<SocketAddr>,
    notify: Notify,
    log: Log,
    folder: Folder,
    again: Option<Box<Again>>,
}

/// How a daemon ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// All that it wrote to stderr.
    pub log: String,
    /// From the request to stop to the end.
    pub took: Duration,
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// A daemon with one socket, no apps, and no configuration file.
    pub fn new() -> Self {
        let folder = Folder::new();
        std::fs::create_dir(folder.path().join("apps")).expect("creating the apps folder");
        Self {
            folder,
            config: None,
            sockets: Vec::new(),
            others: Vec::new(),
            arguments: Vec::new(),
            environment: Vec::new(),
            prefix: Vec::new(),
            is_restartable: false,
        }
    }

    /// Puts the workspace's app `name` into the apps folder.
    pub fn app(self, name: &str) -> Self {
        self.app_as(name, name)
    }

    /// The same under another name.
    pub fn app_as(self, name: &str, installed: &str) -> Self {
        let to = self.folder.path().join(format!("apps/{installed}.so"));
        std::fs::copy(apps::app(name), to).expect("copying an app");
        self
    }

    /// Compiles a C file of the repository into the apps folder.
    pub fn c_app(self, source: &str, defines: &[&str], installed: &str) -> Self {
        self.c_app_of(&[source], defines, installed)
    }

    /// The same for an app of several files.
    pub fn c_app_of(self, sources: &[&str], defines: &[&str], installed: &str) -> Self {
        let to = self.folder.path().join(format!("apps/{installed}.so"));
        apps::compile_c(sources, defines, &to);
        self
    }

    /// Compiles a C++ file of the repository into the apps folder.
    pub fn cpp_app(self, source: &str, defines: &[&str], installed: &str) -> Self {
        let to = self.folder.path().join(format!("apps/{installed}.so"));
        apps::compile_cpp(&[source], defines, &to);
        self
    }

    /// Writes a file into the test's folder, say a page under `www/`.
    pub fn file(self, name: &str, contents: impl AsRef<[u8]>) -> Self {
        self.folder.write(name, contents);
        self
    }

    /// Runs with this configuration file, in which `{apps}` stands for the apps folder, `{dir}`
    /// for the test's folder and `{port}`, `{port1}`, ... for the ports of the sockets.
    pub fn config(mut self, text: &str) -> Self {
        self.config = Some(text.to_owned());
        self
    }

    /// Adds a listening socket under a name.
    pub fn socket(mut self, name: &str, socket: TcpListener) -> Self {
        self.sockets.push((name.to_owned(), socket));
        self
    }

    /// Passes a descriptor under a name, behind all sockets.
    pub fn descriptor(mut self, name: &str, fd: OwnedFd) -> Self {
        self.others.push((name.to_owned(), fd));
        self
    }

    /// Adds `count` sockets on ports of their own.
    pub fn sockets(mut self, count: usize) -> Self {
        for _ in 0..count {
            let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
            self.sockets.push(("ws".to_owned(), socket));
        }
        self
    }

    /// Adds `count` sockets that share a port, over which the kernel spreads connections by hash.
    /// Of one socket that several workers poll, a single worker may take all.
    pub fn sockets_of_one_port(mut self, count: usize) -> Self {
        let mut port = 0;
        for _ in 0..count {
            let socket = sys::listen_shared(port).expect("a socket of the port");
            port = socket.local_addr().expect("the address of a socket").port();
            self.sockets.push(("ws".to_owned(), socket));
        }
        self
    }

    /// Adds an argument to the daemon's command line.
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Sets an environment variable of the daemon.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs the daemon through another program, which must exec it.
    pub fn prefix(mut self, words: &[&str]) -> Self {
        self.prefix = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// The test's folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Starts it with sockets passed directly and waits for READY=1.
    pub fn start(self) -> Daemon {
        let mut daemon = self.spawn();
        daemon.wait_ready();
        daemon
    }

    /// Starts it with sockets passed directly, ready or not.
    pub fn spawn(mut self) -> Daemon {
        if self.sockets.is_empty() {
            self = self.sockets(1);
        }
        let sockets: Vec<(String, OwnedFd, SocketAddr)> = std::mem::take(&mut self.sockets)
            .into_iter()
            .map(|(name, socket)| {
                let address = socket.local_addr().expect("a bound socket");
                (name, socket.into(), address)
            })
            .collect();
        let addresses = sockets.iter().map(|socket| socket.2).collect();
        let mut fds: Vec<_> = sockets.into_iter().map(|(name, fd, _)| (name, fd)).collect();
        fds.append(&mut self.others);
        let mut words = self.prefix.clone();
        if let Ok(under) = std::env::var(UNDER) {
            words.extend(under.split_whitespace().map(str::to_owned));
        }
        words.push(apps::daemon().display().to_string());
        let mut command = activation::command(Path::new(&words[0]), &fds);
        command.args(&words[1..]);
        let sockets = self.is_restartable.then_some(fds.as_slice());
        self.launch(command, addresses, sockets)
    }

    /// Starts systemd-socket-activate, which starts the daemon at the first connection.
    pub fn activate(self) -> Daemon {
        let address = SocketAddr::from(([127, 0, 0, 1], sys::free_port().expect("a free port")));
        let mut command = Command::new("/usr/bin/systemd-socket-activate");
        command.args(["-l", &address.to_string(), "--fdname=ws", "-E", "NOTIFY_SOCKET"]);
        command.args(self.environment.iter().flat_map(|(name, _)| ["-E", name.as_str()]));
        command.arg(apps::daemon());
        let daemon = self.launch(command, vec![address], None);
        daemon.wait_log("Listening on");
        daemon
    }

    fn launch(
        self,
        mut command: Command,
        addresses: Vec<SocketAddr>,
        sockets: Option<&[(String, OwnedFd)]>,
    ) -> Daemon {
        let folder = self.folder;
        let notify = Notify::bind(&folder.path().join("notify")).expect("a notify socket");
        let apps = folder.path().join("apps");
        if let Some(text) = self.config {
            let text = spread_by_hash(&text);
            let mut text = text
                .replace("{apps}", &apps.display().to_string())
                .replace("{dir}", &folder.path().display().to_string());
            for (i, address) in addresses.iter().enumerate() {
                let name = if i == 0 { "{port}".to_owned() } else { format!("{{port{i}}}") };
                text = text.replace(&name, &address.port().to_string());
            }
            command.arg("--config").arg(folder.write("ringsocket.json", text));
        }
        command.arg("--apps").arg(&apps);
        command
            .args(&self.arguments)
            .envs(self.environment)
            .env("NOTIFY_SOCKET", notify.path())
            .env_remove("JOURNAL_STREAM")
            .env_remove("RUST_BACKTRACE");
        let again = sockets.map(|sockets| Box::new(Again::of(&command, sockets)));
        let (child, log) = run_logged(command);
        Daemon { child, addresses, notify, log, folder, again }
    }
}

impl Daemon {
    /// The address of the first socket.
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// The addresses of all sockets.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The test's folder: `apps/`, `ringsocket.json`, ...
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A WebSocket client of the first socket.
    #[track_caller]
    pub fn connect(&self, target: &str) -> Client {
        match Client::connect(self.address(), target) {
            Ok(client) => client,
            Err(error) => panic!("no WebSocket at {target}: {error}; log:\n{}", self.log()),
        }
    }

    /// What it wrote to stderr so far.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// What it told the service manager so far.
    pub fn notices(&self) -> Vec<String> {
        self.notify.lines()
    }

    /// Waits until the log contains `text`.
    #[track_caller]
    pub fn wait_log(&self, text: &str) {
        let found = self.log.wait(PATIENCE, |log| log.contains(text));
        assert!(found, "no {text:?} in the log:\n{}", self.log());
    }

    /// Waits until one line of the log contains all of `words`, and gives that line.
    #[track_caller]
    pub fn wait_log_line(&self, words: &[&str]) -> String {
        let find = |log: &str| {
            let has_all = |line: &&str| words.iter().all(|word| line.contains(word));
            log.lines().find(has_all).map(str::to_owned)
        };
        let found = self.log.wait(PATIENCE, |log| find(log).is_some());
        assert!(found, "no line with {words:?} in the log:\n{}", self.log());
        find(&self.log()).expect("a log only grows")
    }

    /// Waits for a notice to the service manager that `wanted` likes.
    #[track_caller]
    pub fn wait_notice(&self, wanted: impl Fn(&str) -> bool) {
        let found = self.notify.wait(PATIENCE, |lines| lines.iter().any(|line| wanted(line)));
        assert!(found, "notices: {:?}; log:\n{}", self.notices(), self.log());
    }

    /// Waits for READY=1.
    #[track_caller]
    pub fn wait_ready(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        let ready = |lines: &[String]| lines.iter().any(|line| line == "READY=1");
        while !self.notify.wait(Duration::from_millis(50), ready) {
            let status = self.child.try_wait().expect("waiting for a child");
            assert!(
                status.is_none() && Instant::now() < deadline,
                "not ready ({status:?}); log:\n{}",
                self.log()
            );
        }
    }

    /// Sends SIGTERM and waits for the end.
    #[track_caller]
    pub fn stop(mut self) -> Ended {
        let start = Instant::now();
        self.signal(Signal::Term);
        self.end(start)
    }

    /// The same, and holds that it ended with exit status 0.
    #[track_caller]
    pub fn stop_well(self) -> Ended {
        let ended = self.stop();
        assert_eq!(ended.status.code(), Some(0), "{}; log:\n{}", ended.status, ended.log);
        ended
    }

    /// Waits for the end without asking for it.
    #[track_caller]
    pub fn wait(mut self) -> Ended {
        self.end(Instant::now())
    }

    /// Sends a signal.
    #[track_caller]
    pub fn signal(&mut self, signal: Signal) {
        sys::signal(self.child.id(), signal).expect("signalling the daemon");
    }

    #[track_caller]
    fn end(&mut self, start: Instant) -> Ended {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("waiting for a child") {
                break status;
            }
            assert!(Instant::now() < deadline, "it does not end; log:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        };
        let took = start.elapsed();
        self.log.finish();
        Ended { status, log: self.log(), took }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            eprintln!("log of the daemon:\n{}", self.log());
        }
    }
}

/// Starts a daemon and collects what it writes to stderr.
fn run_logged(mut command: Command) -> (Child, Log) {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("starting the daemon");
    let log = Log::collect(child.stderr.take().expect("a pipe"));
    (child, log)
}

/// Runs the daemon's binary with arguments and without sockets until it ends, for `check` and for
/// usage errors.
pub fn run(arguments: &[&str]) -> std::process::Output {
    Command::new(apps::daemon())
        .args(arguments)
        .env_remove("LISTEN_FDS")
        .env_remove("LISTEN_PID")
        .env_remove("NOTIFY_SOCKET")
        .env_remove("JOURNAL_STREAM")
        .stdin(Stdio::null())
        .output()
        .expect("running the daemon")
}

/// Collects a pipe's lines in a thread of its own, so that the writer never blocks.
#[derive(Debug)]
struct Log {
    text: Arc<(Mutex<String>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Log {
    fn collect(pipe: ChildStderr) -> Self {
        let text = Arc::new((Mutex::new(String::new()), Condvar::new()));
        let thread = std::thread::spawn({
            let text = Arc::clone(&text);
            move || {
                let mut pipe = BufReader::new(pipe);
                let mut line = Vec::new();
                while pipe.read_until(b'\n', &mut line).is_ok_and(|len| len > 0) {
                    let mut guard = text.0.lock().expect("readers do not panic");
                    guard.push_str(&String::from_utf8_lossy(&line));
                    text.1.notify_all();
                    line.clear();
                }
            }
        });
        Self { text, thread: Some(thread) }
    }

    fn text(&self) -> String {
        self.text.0.lock().expect("the collector does not panic").clone()
    }

    fn wait(&self, patience: Duration, wanted: impl Fn(&str) -> bool) -> bool {
        let deadline = Instant::now() + patience;
        let mut guard = self.text.0.lock().expect("the collector does not panic");
        while !wanted(&guard) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            guard = self.text.1.wait_timeout(guard, left).expect("no panic in it").0;
        }
        true
    }

    /// Reads to the end of the pipe, once the writer is gone.
    fn finish(&mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the collector does not panic");
        }
    }
}

/// The same configuration, in which connections are spread over workers by a hash, unless it says where
/// workers run: else all those of one thread of a test would go to the worker of its CPU.
fn spread_by_hash(text: &str) -> String {
    match text.split_once('{') {
        Some((before, rest)) if rest.contains("\"worker_c\"") && !rest.contains("worker_cpus") => {
            format!("{before}{{ \"worker_cpus\": \"none\", {rest}")
        }
        _ => text.to_owned(),
    }
}
