//! The order of things: what is started when, what is watched while it runs, and how it stops.
//!
//! Start: signals, configuration, inherited sockets, log, apps (each calls its `init` on its own
//! thread), workers, READY. Stop, on SIGTERM: workers drain and say goodbye to their connections,
//! apps end when all workers have, and whatever has not ended at the deadline ends with the
//! process.

mod loading;
mod look;
mod ordering;
mod plumbing;
mod reload;
mod roster;
mod supervised;
mod supervisor;

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use self::plumbing::{Door, Plumbing};
use self::roster::Standing;
use self::supervisor::{Kit, Supervisor};
use crate::config::{self, Config, EX_CONFIG, Source, Surroundings};
use crate::host::api::AppFault;
use crate::log;
use crate::sys::exit::exit_at_once;
use crate::sys::heap;
use crate::sys::signal::{Signal, Signals, die_of_faults};
use crate::systemd::sockets;

/// Exit status for a fault of the daemon or of the machine (`EX_OSERR`).
pub const EX_OSERR: u8 = 71;
/// Exit status after a thread has died (`EX_SOFTWARE`).
pub const EX_SOFTWARE: u8 = 70;

/// Why the process has to end.
#[derive(Debug)]
pub struct Fatal {
    status: u8,
    text: String,
}

impl Fatal {
    fn new(status: u8, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    /// Says why, and with which status to exit.
    pub fn report(&self) -> ExitCode {
        self.text.lines().for_each(|line| log::error!("{line}"));
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
    let around = Surroundings::here(raise_nofile(), apps_dir);
    let loaded = match config::load(source, &around) {
        Ok(loaded) => loaded,
        Err(report) => {
            report.log();
            let text = "the configuration cannot be used; `ringsocket check` explains it";
            return Err(Fatal::new(EX_CONFIG, text));
        }
    };
    let config = loaded.config;
    let adopted =
        sockets::adopt(&config.ports).map_err(|error| Fatal::new(EX_CONFIG, error.to_string()))?;
    let logger = log::start(config.log_level).map_err(|error| system("start a thread", &error))?;
    loaded.warnings.log();
    for warning in &adopted.warnings {
        log::warning!("{warning}");
    }
    log_panics();
    let kit = |config, doors| Kit { source: source.clone(), around, config, doors };
    let have_all_ended = serve(config, adopted.listeners, &signals, kit)?;
    drop(logger);
    if !have_all_ended {
        // An app is in the middle of something: destructors must not run under its feet.
        exit_at_once(0);
    }
    Ok(())
}

/// Serves the sockets. False if threads had to be left behind in the end.
fn serve(
    config: Config,
    listeners: Vec<sockets::Listener>,
    signals: &Signals,
    kit: impl FnOnce(Config, Vec<Door>) -> Kit,
) -> Result<bool, Fatal> {
    let plumbing = Plumbing::lay(&config, listeners)?;
    let stop_wait = config.waits.stop;
    heap::set_bounds();
    let (ready, inits) = mpsc::channel();
    let kit = kit(config, plumbing.doors);
    let mut supervisor = Supervisor::new(plumbing.shared, kit, plumbing.troubles);
    let app_c = plumbing.apps.len();
    supervisor.seat_c = app_c;
    for (library, app) in plumbing.apps {
        let (name, ready) = (Arc::clone(&app.name), ready.clone());
        // Nobody listens if the start was given up.
        let tell = move |result| drop(ready.send((name, result)));
        supervisor
            .start_app(library, app, Standing::Serving, tell)
            .map_err(|error| system("start a thread", &error))?;
    }
    drop(ready);
    if await_inits(app_c, &inits, signals) == Some(Signal::Stop) {
        drop(plumbing.workers); // the apps are alone then, and end
        return Ok(supervisor.stop(signals, stop_wait));
    }
    for worker in plumbing.workers {
        supervisor.start_worker(worker).map_err(|error| system("start a thread", &error))?;
    }
    supervisor.watch(signals)?;
    Ok(supervisor.stop(signals, stop_wait))
}

/// Waits until each app's `init` has returned, or until the process is to stop.
fn await_inits(
    mut app_c: usize,
    inits: &Receiver<(Arc<str>, Result<(), AppFault>)>,
    signals: &Signals,
) -> Option<Signal> {
    while app_c > 0 {
        match inits.recv_timeout(Duration::from_millis(100)) {
            Ok((name, Ok(()))) => {
                log::info!(app: name, "app is ready");
                app_c -= 1;
            }
            Ok((_, Err(_))) => app_c -= 1, // its own thread has said why
            Err(RecvTimeoutError::Timeout) => {
                if signals.wait(Duration::ZERO) == Some(Signal::Stop) {
                    return Some(Signal::Stop);
                }
            }
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
    None
}

fn system(what: &str, error: &std::io::Error) -> Fatal {
    Fatal::new(EX_OSERR, format!("cannot {what}: {error}"))
}

/// Raises the soft limit of open files to the hard one, which is what the administrator meant.
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
        log::error!("thread {name} panicked: {panic}");
    }));
}
