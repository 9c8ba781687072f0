//! The order of things: what is started when, what is watched while it runs, and how it stops.
//!
//! Start: signals, configuration, inherited sockets, log, apps (each calls its `init` on its own
//! thread), workers, READY. Stop, on SIGTERM: workers drain and say goodbye to their connections,
//! apps end when all workers have, and whatever has not ended at the deadline ends with the
//! process. On SIGUSR2, which a restart sends, connections are left to the next process instead.

mod assets;
mod ending;
mod estate;
mod in_force;
mod loading;
mod look;
mod ordering;
mod plumbing;
mod relief;
mod reload;
mod roster;
mod status;
mod supervised;
mod supervisor;

use std::fmt;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use self::estate::Heritage;
use self::plumbing::Plumbing;
use self::roster::Standing;
use self::supervisor::{Ending, Kit, Supervisor, tell};
use crate::config::{self, Config, EX_CONFIG, Loaded, Source, Surroundings};
use crate::handover;
use crate::host::api::AppFault;
use crate::log::{self, id::MessageId};
use crate::steering::Plan;
use crate::steering::control::Control;
use crate::sys::board::Board;
use crate::sys::exit::exit_at_once;
use crate::sys::signal::{Signal, Signals, die_of_faults};
use crate::sys::{clock, heap};
use crate::systemd::inherited::{self, Inherited};
use crate::systemd::sockets::{self, Adopted, Listener};
use crate::systemd::{notify, spread};
use crate::worker::Shared;

/// Exit status for a fault of the daemon or of the machine (`EX_OSERR`).
pub const EX_OSERR: u8 = 71;
/// Exit status after a thread has died (`EX_SOFTWARE`).
pub const EX_SOFTWARE: u8 = 70;

/// Why the process has to end.
#[derive(Debug)]
pub struct Fatal {
    status: u8,
    id: MessageId,
    text: String,
}

impl Fatal {
    fn new(status: u8, id: MessageId, text: impl Into<String>) -> Self {
        Self { status, id, text: text.into() }
    }

    /// Says why, and with which status to exit.
    pub fn report(&self) -> ExitCode {
        let mut lines = self.text.lines().peekable();
        while let Some(line) = lines.next() {
            match lines.peek() {
                Some(_) => log::error!("{line}"),
                None => log::error!(id: self.id, "{line}"),
            }
        }
        ExitCode::from(self.status)
    }
}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Fatal {}

/// Serves until the process is told to stop.
///
/// # Errors
/// If it cannot start or go on, with the exit status to use.
pub fn run(source: &Source, apps_dir: Option<PathBuf>) -> Result<(), Fatal> {
    die_of_faults();
    let signals = Signals::block().map_err(|error| system("block signals", &error))?;
    let mut inherited = inherited::take()
        .map_err(|error| Fatal::new(EX_CONFIG, log::id::SOCKETS_UNFIT, error.to_string()))?;
    // Before connections come out of the store: no more are received than may be open.
    let nofile = raise_nofile();
    let heritage = take_up(&mut inherited);
    let (loaded, around) = configure(source, apps_dir, nofile, heritage.as_ref())?;
    let config = loaded.config;
    let adopted = sockets::adopt(inherited, &config.ports, !config.certs.is_empty())
        .map_err(|error| Fatal::new(EX_CONFIG, log::id::SOCKETS_UNFIT, error.to_string()))?;
    let logger = log::start(config.log_level).map_err(|error| system("start a thread", &error))?;
    log_panics();
    loaded.warnings.log();
    warn_about(&adopted, config.worker_c);
    tell(notify::status(&status::loading(config.apps.len())));
    let start = heritage.as_ref().map_or_else(clock::monotonic, |heritage| heritage.start);
    let (doors, control) = (adopted.listeners, adopted.control);
    let steering = Arc::new(Plan::of(&config, &doors));
    let plumbing = lay(&config, &doors, &steering, control.is_some(), heritage, start)?;
    steer(&steering, &doors, control, &plumbing.shared)?;
    let (topics, rules) = (Arc::clone(&plumbing.topics), plumbing.rules.clone());
    let source = source.clone();
    let kit = Kit { source, around, config, doors, topics, rules, steering, start };
    let have_all_ended = serve(plumbing, kit, &signals)?;
    drop(logger);
    if !have_all_ended {
        // An app is in the middle of something: destructors must not run under its feet.
        exit_at_once(0);
    }
    Ok(())
}

/// What the process before this one has left, if it can be used.
fn take_up(inherited: &mut Vec<Inherited>) -> Option<Heritage> {
    let taken = handover::take_up(inherited);
    if let Some(loss) = &taken.loss {
        log::error!(id: log::id::NOT_TAKEN_UP, "{loss}");
    }
    taken.parcel.and_then(Heritage::open)
}

/// The configuration, and the surroundings in which it is read from now on.
fn configure(
    source: &Source,
    apps_dir: Option<PathBuf>,
    nofile: Option<u64>,
    heritage: Option<&Heritage>,
) -> Result<(Loaded, Surroundings), Fatal> {
    let heir_c = heritage.map_or(0, Heritage::worker_c);
    let around = Surroundings { heir_c, ..Surroundings::here(nofile, apps_dir) };
    match config::load(source, &around) {
        Ok(loaded) => {
            let fixed = Some(config::Fixed::of(&loaded.config));
            Ok((loaded, Surroundings { fixed, ..around }))
        }
        Err(report) => {
            report.log();
            let text = "the configuration cannot be used; `ringsocket check` explains it";
            Err(Fatal::new(EX_CONFIG, log::id::CONFIGURATION_REFUSED, text))
        }
    }
}

/// Says what is odd about the sockets.
fn warn_about(adopted: &Adopted, worker_c: usize) {
    for warning in &adopted.warnings {
        log::warning!(id: log::id::PORT_WITHOUT_SOCKET, "{warning}");
    }
    for warning in spread::uneven(&adopted.listeners, worker_c) {
        log::warning!(id: log::id::SOCKETS_UNEVEN, "{warning}");
    }
}

/// Lays all pipes, and has what there is of the process before this one taken up. `has_control`: somebody
/// may come to look how many connections each worker has.
fn lay(
    config: &Config,
    doors: &[Listener],
    steering: &Plan,
    has_control: bool,
    heritage: Option<Heritage>,
    start: Duration,
) -> Result<Plumbing, Fatal> {
    let board = has_control.then(Board::new).transpose();
    let board = board.map_err(|error| system("map memory", &error))?;
    let tickets = heritage.as_ref().and_then(Heritage::tickets);
    let mut plumbing = Plumbing::lay(config, doors, steering, board, tickets.as_ref(), start)?;
    if let Some(heritage) = heritage {
        tell(notify::status(&status::taking_up(heritage.connection_c())));
        plumbing.take_up(heritage);
    }
    Ok(plumbing)
}

/// Has the kernel choose the workers of connections, and `ringsocket-steering.service` do so where it
/// comes to the `control` socket.
fn steer(
    steering: &Arc<Plan>,
    doors: &[Listener],
    control: Option<OwnedFd>,
    shared: &Arc<Shared>,
) -> Result<(), Fatal> {
    steering.enforce(doors);
    if let Some(socket) = control {
        Control::new(Arc::clone(steering), doors.to_vec(), Arc::clone(shared))
            .start(socket)
            .map_err(|error| system("start a thread", &error))?;
    }
    Ok(())
}

/// Serves the sockets. False if threads had to be left behind in the end.
fn serve(plumbing: Plumbing, kit: Kit, signals: &Signals) -> Result<bool, Fatal> {
    heap::set_bounds();
    let (ready, inits) = mpsc::channel();
    let mut supervisor = Supervisor::new(plumbing.shared, kit, plumbing.troubles);
    supervisor.seat_c = plumbing.apps.len();
    let mut waiting = Vec::new();
    for (library, app) in plumbing.apps {
        let (name, ready) = (Arc::clone(&app.name), ready.clone());
        waiting.push(Arc::clone(&name));
        // Nobody listens if the start was given up.
        let tell = move |result| drop(ready.send((name, result)));
        supervisor
            .start_app(library, app, Standing::Serving, tell)
            .map_err(|error| system("start a thread", &error))?;
    }
    drop(ready);
    let asked = await_inits(waiting, &inits, signals);
    // In any case: they may have connections of the process before to take leave of, or to leave.
    for worker in plumbing.workers {
        supervisor.start_worker(worker).map_err(|error| system("start a thread", &error))?;
    }
    let ending = match asked {
        Some(Signal::Stop) => Ending::Stop,
        Some(Signal::Park) => Ending::Park,
        asked => supervisor.watch(signals, asked == Some(Signal::Reload))?,
    };
    Ok(match ending {
        Ending::Stop => supervisor.stop(signals),
        Ending::Park => supervisor.park(signals),
    })
}

/// Waits until each app's `init` has returned, or until the process is to end. Says what it has been
/// asked for meanwhile that is to be done.
fn await_inits(
    mut waiting: Vec<Arc<str>>,
    inits: &Receiver<(Arc<str>, Result<(), AppFault>)>,
    signals: &Signals,
) -> Option<Signal> {
    let (mut reload, mut is_told) = (None, false);
    while !waiting.is_empty() {
        match inits.recv_timeout(Duration::from_millis(100)) {
            Ok((name, result)) => {
                if result.is_ok() {
                    log::info!(app: name, "app is ready"); // if not, its own thread has said why
                }
                waiting.retain(|one| *one != name);
                is_told = false;
            }
            Err(RecvTimeoutError::Timeout) => {
                if !std::mem::replace(&mut is_told, true) {
                    let names = waiting.iter().map(|name| &**name);
                    tell(notify::status(&status::waiting_for_init("Starting", names)));
                }
                match signals.wait(Duration::ZERO) {
                    Some(signal @ (Signal::Stop | Signal::Park)) => return Some(signal),
                    Some(signal @ Signal::Reload) => reload = Some(signal),
                    Some(Signal::Tell) | None => {}
                }
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    reload
}

fn system(what: &str, error: &std::io::Error) -> Fatal {
    Fatal::new(EX_OSERR, log::id::SYSTEM_REFUSED, format!("cannot {what}: {error}"))
}

/// Raises the soft limit of open files to the hard one, which is what the administrator meant. Says
/// what it is then.
fn raise_nofile() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            return limit.maximum;
        }
    }
    limit.current
}

/// Has a panic appear in the log like any other line, wherever stderr goes.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("unnamed");
        log::error!(id: log::id::THREAD_PANICKED, "thread {name} panicked: {panic}");
    }));
}
