//! The main thread's job once all is laid out: start threads, keep systemd informed, notice threads
//! that die or hang, and bring everything to an end in time.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::plumbing::{PlumbedApp, PlumbedWorker};
use super::{EX_SOFTWARE, Fatal};
use crate::host::api::AppFault;
use crate::host::thread as app_thread;
use crate::log;
use crate::sys::clock;
use crate::sys::signal::{Signal, Signals};
use crate::systemd::notify;
use crate::systemd::watchdog::{self, Sign, Watchdog};
use crate::waker::Waker;
use crate::worker::{Counters, Shared, counters};

/// Apps in C run on these threads, and their authors are used to what the C library gives a thread:
/// a smaller stack would run over in what works elsewhere. Costs nothing until it is used.
const STACK_SIZE: usize = 8 << 20;

/// How often the state is looked at.
const TICK: Duration = Duration::from_secs(1);

/// How often a stop looks whether it is over.
const STOP_TICK: Duration = Duration::from_millis(10);

/// A thread under supervision.
struct Supervised {
    name: String,
    waker: Arc<Waker>,
    /// Whether it has panicked.
    panicked: Arc<AtomicBool>,
    handle: JoinHandle<()>,
}

impl Supervised {
    fn start(
        name: String,
        waker: Arc<Waker>,
        body: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let panicked = Arc::new(AtomicBool::new(false));
        let witness = Witness(Arc::clone(&panicked));
        let thread = thread::Builder::new().name(name.clone()).stack_size(STACK_SIZE);
        let handle = thread.spawn(move || {
            let _witness = witness;
            body();
        })?;
        Ok(Self { name, waker, panicked, handle })
    }

    fn has_panicked(&self) -> bool {
        self.panicked.load(Ordering::Relaxed)
    }
}

/// Notes, as the last act of a thread, whether it ends in a panic.
struct Witness(Arc<AtomicBool>);

impl Drop for Witness {
    fn drop(&mut self) {
        self.0.store(thread::panicking(), Ordering::Relaxed);
    }
}

/// The threads, and what all of them share.
pub(super) struct Supervisor {
    shared: Arc<Shared>,
    apps: Vec<Supervised>,
    workers: Vec<Supervised>,
}

impl Supervisor {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, apps: Vec::new(), workers: Vec::new() }
    }

    /// Starts an app's thread; `ready` hears how its `init` went.
    pub(super) fn start_app(
        &mut self,
        PlumbedApp { name, app, post }: PlumbedApp,
        ready: Sender<(Arc<str>, Result<(), AppFault>)>,
    ) -> io::Result<()> {
        let title = format!("app {name}");
        let waker = Arc::clone(post.waker());
        self.apps.push(Supervised::start(title, waker, move || {
            app_thread::run(app, &post, clock::monotonic, move |result| {
                let _ = ready.send((name, result)); // nobody listens if the start was given up
            });
        })?);
        Ok(())
    }

    /// Starts a worker's thread.
    pub(super) fn start_worker(
        &mut self,
        PlumbedWorker { worker, waker }: PlumbedWorker,
    ) -> io::Result<()> {
        let title = format!("worker {}", self.workers.len());
        let apps: Vec<_> = self.apps.iter().map(|app| Arc::clone(&app.waker)).collect();
        self.workers.push(Supervised::start(title, waker, move || {
            if let Err(error) = worker.run() {
                log::error!("a worker cannot go on: {error}");
            }
            // Its rings are abandoned now: an app that waits for space in them must look again.
            apps.iter().for_each(|app| app.wake());
        })?);
        Ok(())
    }

    /// Watches over all threads until the process is told to stop.
    pub(super) fn watch(&self, signals: &Signals) -> Result<(), Fatal> {
        let mut status = self.status();
        tell(notify::ready(&status));
        log::notice!("{status}");
        let mut watchdog =
            watchdog::interval().map(|interval| Watchdog::new(interval, Instant::now()));
        loop {
            let due = watchdog.as_ref().map(Watchdog::due);
            let wait = due.map_or(TICK, |due| TICK.min(due.duration_since(Instant::now())));
            match signals.wait(wait) {
                Some(Signal::Stop) => return Ok(()),
                Some(Signal::Reload) => {
                    log::warning!("there is no reload yet: use `systemctl restart ringsocket`");
                }
                Some(Signal::Tell) => self.log_counters(),
                None => {}
            }
            self.look_for_the_dead()?;
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
        let worker = self.workers.iter().find(|worker| worker.handle.is_finished());
        let app = self.apps.iter().find(|app| app.has_panicked());
        match worker.or(app) {
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
        let threads: Vec<_> = self.workers.iter().chain(&self.apps).collect();
        let signs = threads.iter().map(|thread| Sign {
            turns: thread.waker.turns(),
            asleep: thread.waker.sleeper().is_asleep() || thread.handle.is_finished(),
        });
        let stuck = watchdog.look(now, signs);
        for &thread in &stuck {
            let name = &threads[thread].name;
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

    fn status(&self) -> String {
        let sum = |counter: fn(&Counters) -> usize| -> usize {
            self.shared.counters.iter().map(counter).sum()
        };
        let connections = sum(|counters| counters.connections.load(Ordering::Relaxed));
        let running = self.apps.iter().filter(|app| !app.handle.is_finished());
        let names: Vec<_> = running.map(|app| app.name.trim_start_matches("app ")).collect();
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let (app_c, worker_c) = (names.len(), self.workers.len());
        let failed = match self.apps.len() - app_c {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        let names =
            if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
        let alarms = match counters::alarms(&self.shared.counters) {
            none if none.is_empty() => none,
            alarms => format!("; {alarms}"),
        };
        format!(
            "Serving {connections} connection{}: {app_c} app{}{names}{failed}, {worker_c} \
             worker{}{alarms}",
            plural(connections),
            plural(app_c),
            plural(worker_c),
        )
    }

    /// Has all threads end, and waits for them. False if some did not in time.
    pub(super) fn stop(self, signals: &Signals, wait: Duration) -> bool {
        tell(notify::stopping("Stopping: closing connections"));
        log::notice!("stopping");
        self.shared.stopping.store(true, Ordering::Relaxed);
        self.workers.iter().chain(&self.apps).for_each(|thread| thread.waker.wake());
        let deadline = Instant::now() + wait;
        let is_over = |threads: &[Supervised]| threads.iter().all(|t| t.handle.is_finished());
        while !(is_over(&self.workers) && is_over(&self.apps)) && Instant::now() < deadline {
            if signals.wait(STOP_TICK) == Some(Signal::Tell) {
                self.log_counters();
            }
        }
        self.log_counters();
        let threads = self.workers.iter().chain(&self.apps);
        let left: Vec<_> = threads.filter(|thread| !thread.handle.is_finished()).collect();
        for thread in &left {
            log::warning!("{} did not end in time and is left behind", thread.name);
        }
        log::notice!("stopped");
        left.is_empty()
    }
}

/// Reports what systemd could not be told. It is no reason to stop serving.
fn tell(result: io::Result<()>) {
    if let Err(error) = result {
        log::debug!("systemd was not notified: {error}");
    }
}
