//! The main thread's job once all is laid out: start threads, keep systemd informed, notice threads
//! that die or hang, and bring everything to an end in time.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::loading::Library;
use super::plumbing::{Door, PlumbedApp, PlumbedWorker, Ways};
use super::reload::Reload;
use super::roster::{Resident, Roster, Standing};
use super::supervised::Supervised;
use super::{EX_SOFTWARE, Fatal};
use crate::config::{Config, Source, Surroundings};
use crate::host::api::AppFault;
use crate::host::thread as app_thread;
use crate::log;
use crate::sys::clock;
use crate::sys::signal::{Signal, Signals};
use crate::systemd::notify;
use crate::systemd::watchdog::{self, Watchdog};
use crate::worker::changes::Orders;
use crate::worker::{Counters, Shared, counters};

/// How often the state is looked at,
const TICK: Duration = Duration::from_secs(1);

/// and how often during a reload.
const RELOAD_TICK: Duration = Duration::from_millis(10);

/// How often a stop looks whether it is over.
const STOP_TICK: Duration = Duration::from_millis(10);

/// Bytes of the reason why an app is not there that the status has room for.
const REASON_MAX: usize = 100;

/// What a reload needs to know.
pub(super) struct Kit {
    pub(super) source: Source,
    pub(super) around: Surroundings,
    /// The configuration as it is in force.
    pub(super) config: Config,
    pub(super) doors: Vec<Door>,
}

/// The threads, and what all of them share.
pub(super) struct Supervisor {
    shared: Arc<Shared>,
    pub(super) roster: Roster,
    pub(super) workers: Vec<Supervised>,
    /// How workers are told what changes, in their order.
    pub(super) orders: Vec<Orders>,
    /// Numbers of apps that workers have heard of: all below this one.
    pub(super) seat_c: usize,
    pub(super) kit: Kit,
    /// Apps that are not served as they should be, and why.
    pub(super) troubles: Vec<(String, String)>,
    pub(super) reload: Option<Reload>,
    /// Apps that have been started in this reload, with the workers' ends of their rings.
    pub(super) arrivals: Vec<(usize, Vec<Ways>)>,
    /// A reload was asked for while one was under way.
    pub(super) is_asked_again: bool,
    /// When to look at the files again, unasked.
    pub(super) look_again: Option<Instant>,
    /// How often in a row that has been done.
    pub(super) look_c: u32,
    /// The thread that looks for a reload, or did so last.
    pub(super) loader: Option<JoinHandle<()>>,
}

impl Supervisor {
    pub(super) fn new(shared: Arc<Shared>, kit: Kit, troubles: Vec<(String, String)>) -> Self {
        Self {
            shared,
            roster: Roster::default(),
            workers: Vec::new(),
            orders: Vec::new(),
            seat_c: 0,
            kit,
            troubles,
            reload: None,
            arrivals: Vec::new(),
            is_asked_again: false,
            look_again: None,
            look_c: 0,
            loader: None,
        }
    }

    /// Starts an app's thread; `ready` hears how its `init` went.
    pub(super) fn start_app(
        &mut self,
        library: Library,
        PlumbedApp { name, app, post }: PlumbedApp,
        standing: Standing,
        ready: impl FnOnce(Result<(), AppFault>) + Send + 'static,
    ) -> io::Result<()> {
        let waker = Arc::clone(post.waker());
        let thread = Supervised::start(format!("app {name}"), waker, move || {
            app_thread::run(app, &post, clock::monotonic, ready);
        })?;
        self.roster.seat(Resident { library, thread, standing });
        Ok(())
    }

    /// Starts a worker's thread.
    pub(super) fn start_worker(
        &mut self,
        PlumbedWorker { mut worker, waker }: PlumbedWorker,
    ) -> io::Result<()> {
        let title = format!("worker {}", self.workers.len());
        self.orders.push(worker.orders());
        self.workers.push(Supervised::start(title, waker, move || {
            if let Err(error) = worker.run() {
                log::error!("a worker cannot go on: {error}");
            }
        })?);
        Ok(())
    }

    /// Watches over all threads until the process is told to stop.
    pub(super) fn watch(&mut self, signals: &Signals) -> Result<(), Fatal> {
        let mut status = self.status();
        tell(notify::ready(&status));
        log::notice!("{status}");
        let mut watchdog =
            watchdog::interval().map(|interval| Watchdog::new(interval, Instant::now()));
        loop {
            let due = watchdog.as_ref().map(Watchdog::due);
            let tick = if self.reload.is_some() { RELOAD_TICK } else { TICK };
            let wait = due.map_or(tick, |due| tick.min(due.duration_since(Instant::now())));
            match signals.wait(wait) {
                Some(Signal::Stop) => return Ok(()),
                Some(Signal::Reload) => self.begin_reload(true),
                Some(Signal::Tell) => self.log_counters(),
                None => {}
            }
            self.go_on_reloading();
            self.look_for_the_dead()?;
            self.roster.clear();
            if let Some(watchdog) = &mut watchdog {
                self.feed(watchdog);
            }
            let now = self.status();
            if now != status {
                tell(notify::status(&now));
                status = now;
            }
        }
    }

    /// A worker that ends before it is told to takes its connections with it, and an app's thread
    /// that ends without a word leaves its clients waiting: the process must not go on as if nothing
    /// had happened.
    fn look_for_the_dead(&self) -> Result<(), Fatal> {
        let worker = self.workers.iter().find(|worker| worker.has_ended());
        let apps = self.roster.residents().map(|resident| &resident.thread);
        match worker.or(apps.into_iter().find(|app| app.has_panicked())) {
            Some(thread) => {
                let text = format!("{} has ended; the lines before this one say why", thread.name);
                Err(Fatal::new(EX_SOFTWARE, text))
            }
            None => Ok(()),
        }
    }

    /// Feeds systemd's watchdog if every thread makes progress, and names those that do not.
    fn feed(&self, watchdog: &mut Watchdog) {
        let now = Instant::now();
        if now < watchdog.due() {
            return;
        }
        let workers = self.workers.iter().map(Supervised::sign);
        let stuck = watchdog.look(now, workers.chain(self.roster.signs()));
        for &thread in &stuck {
            let app = |number| self.roster.get(number).map(|resident| &resident.thread);
            let thread =
                self.workers.get(thread).or_else(|| app(thread.checked_sub(self.workers.len())?));
            let name = thread.map_or("a thread", |thread| &thread.name);
            log::error!("{name} is stuck; the watchdog is not fed");
        }
        if stuck.is_empty() {
            tell(notify::watchdog());
        }
    }

    /// Says what the workers have counted since the start.
    fn log_counters(&self) {
        log::notice!("counters: {}", counters::line(&self.shared.counters));
    }

    pub(super) fn status(&self) -> String {
        let sum = |counter: fn(&Counters) -> usize| -> usize {
            self.shared.counters.iter().map(counter).sum()
        };
        let connections = sum(|counters| counters.connections.load(Ordering::Relaxed));
        let names: Vec<_> =
            self.roster.residents().filter(|one| one.is_well()).map(Resident::name).collect();
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let (app_c, worker_c) = (names.len(), self.workers.len());
        let count = |is: fn(&Resident) -> bool, what: &str| {
            let names: Vec<_> =
                self.roster.residents().filter(|one| is(one)).map(Resident::name).collect();
            match names.len() {
                0 => String::new(),
                count => format!(", {count} {what} ({})", names.join(", ")),
            }
        };
        let failed = count(|one| one.is_serving() && !one.is_well(), "failed");
        let draining = count(Resident::is_draining, "draining");
        let names =
            if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
        let alarms = match counters::alarms(&self.shared.counters) {
            none if none.is_empty() => none,
            alarms => format!("; {alarms}"),
        };
        format!(
            "Serving {connections} connection{}: {app_c} app{}{names}{failed}{draining}, {worker_c} \
             worker{}{}{alarms}",
            plural(connections),
            plural(app_c),
            plural(worker_c),
            self.troubles_line(),
        )
    }

    /// Which apps are not served as they should be, and why, in few words.
    fn troubles_line(&self) -> String {
        let words = |(name, why): &(String, String)| {
            let reason: String = why.chars().take(REASON_MAX).collect();
            let cut = if reason.len() < why.len() { "..." } else { "" };
            format!("{name} not loaded: {reason}{cut}")
        };
        let lines: Vec<_> = self.troubles.iter().map(words).collect();
        if lines.is_empty() { String::new() } else { format!("; {}", lines.join("; ")) }
    }

    /// Has all threads end, and waits for them. False if some did not in time.
    pub(super) fn stop(mut self, signals: &Signals, wait: Duration) -> bool {
        tell(notify::stopping("Stopping: closing connections"));
        log::notice!("stopping");
        // What was about to come does not.
        drop((self.reload.take(), std::mem::take(&mut self.arrivals)));
        self.shared.stopping.store(true, Ordering::Relaxed);
        let apps = || self.roster.residents().map(|resident| &resident.thread);
        self.workers.iter().chain(apps()).for_each(|thread| thread.waker.wake());
        let deadline = Instant::now() + wait;
        // Nobody waits for an `init` that was given up, or is not known to anybody.
        let is_known = |one: &&Resident| one.is_serving() || one.is_draining();
        let are_over = || {
            let apps = self.roster.residents().filter(is_known).map(|resident| &resident.thread);
            self.workers.iter().chain(apps).all(Supervised::has_ended)
        };
        while !are_over() && Instant::now() < deadline {
            if signals.wait(STOP_TICK) == Some(Signal::Tell) {
                self.log_counters();
            }
        }
        self.log_counters();
        let left: Vec<_> =
            self.workers.iter().chain(apps()).filter(|thread| !thread.has_ended()).collect();
        for thread in &left {
            log::warning!("{} did not end in time and is left behind", thread.name);
        }
        log::notice!("stopped");
        left.is_empty() && self.loader.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

/// Reports what systemd could not be told. It is no reason to stop serving.
pub(super) fn tell(result: io::Result<()>) {
    if let Err(error) = result {
        log::debug!("systemd was not notified: {error}");
    }
}
