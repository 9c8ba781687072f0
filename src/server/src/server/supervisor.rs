//! The main thread's job once all is laid out: start threads, keep systemd informed, notice threads
//! that die or hang, and bring everything to an end in time.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::loading::Library;
use super::plumbing::{PlumbedApp, PlumbedWorker, Rules, Ways};
use super::relief::Relief;
use super::reload::Reload;
use super::roster::{Resident, Roster, Standing};
use super::status::Status;
use super::supervised::Supervised;
use super::{EX_SOFTWARE, Fatal};
use crate::config::{Config, Source, Surroundings};
use crate::host::api::AppFault;
use crate::host::thread as app_thread;
use crate::host::topics::TopicLimits;
use crate::log;
use crate::steering::Plan;
use crate::sys::clock;
use crate::sys::signal::{Signal, Signals};
use crate::systemd::notify;
use crate::systemd::sockets::Listener;
use crate::systemd::watchdog::{self, Watchdog};
use crate::worker::changes::Orders;
use crate::worker::parked::Left;
use crate::worker::{Counters, Shared, counters};

/// How often the state is looked at,
const TICK: Duration = Duration::from_secs(1);

/// and how often during a reload, or while memory is given back.
const SHORT_TICK: Duration = Duration::from_millis(10);

/// How the process is to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ending {
    /// With all connections.
    Stop,
    /// Without them: the next process takes them up.
    Park,
}

/// What a reload needs to know.
pub(super) struct Kit {
    pub(super) source: Source,
    pub(super) around: Surroundings,
    /// The configuration as it is in force.
    pub(super) config: Config,
    /// The sockets, as they are served.
    pub(super) doors: Vec<Listener>,
    /// How many topics apps may have.
    pub(super) topics: Arc<TopicLimits>,
    /// What workers go by.
    pub(super) rules: Rules,
    /// The moment, by the monotonic clock, from which workers count.
    pub(super) start: Duration,
    /// Which connections they are given.
    pub(super) steering: Arc<Plan>,
}

/// The threads, and what all of them share.
pub(super) struct Supervisor {
    pub(super) shared: Arc<Shared>,
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
    pub(super) relief: Relief,
    /// The thread that looks for a reload, or did so last.
    pub(super) loader: Option<JoinHandle<()>>,
    /// What workers leave when they park.
    pub(super) left: (Sender<Left<OwnedFd>>, Receiver<Left<OwnedFd>>),
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
            relief: Relief::begin(),
            loader: None,
            left: mpsc::channel(),
        }
    }

    /// Starts an app's thread; `ready` hears how its `init` went.
    pub(super) fn start_app(
        &mut self,
        library: Library,
        PlumbedApp { name, app, post, max_message, taken_up }: PlumbedApp,
        standing: Standing,
        ready: impl FnOnce(Result<(), AppFault>) + Send + 'static,
    ) -> io::Result<()> {
        let (waker, saved) = (Arc::clone(post.waker()), app.saved());
        let thread = Supervised::start(format!("app {name}"), waker, move || {
            app_thread::run(app, &post, clock::monotonic, taken_up, ready);
        })?;
        self.roster.seat(Resident { library, thread, standing, max_message, saved });
        Ok(())
    }

    /// Starts a worker's thread.
    pub(super) fn start_worker(
        &mut self,
        PlumbedWorker { mut worker, waker, pinning }: PlumbedWorker,
    ) -> io::Result<()> {
        let number = self.workers.len();
        let title = format!("worker {number}");
        self.orders.push(worker.orders());
        let sender = self.left.0.clone();
        self.workers.push(Supervised::start(title, waker, move || {
            pinning.inspect(|pinning| pinning.pin(number));
            match worker.run() {
                Ok(left) => left.into_iter().for_each(|left| drop(sender.send(left))),
                Err(error) => {
                    log::error!(id: log::id::SYSTEM_REFUSED, "a worker cannot go on: {error}");
                }
            }
        })?);
        Ok(())
    }

    /// Watches over all threads until the process is told to end. Says how.
    /// A reload that has been asked for already comes first.
    pub(super) fn watch(&mut self, signals: &Signals, is_asked: bool) -> Result<Ending, Fatal> {
        let line = self.serving();
        tell(notify::ready(&line));
        log::notice!(id: log::id::SERVING, "{line}");
        let mut status = Status::told(line);
        if is_asked {
            self.begin_reload(true);
        }
        let mut watchdog =
            watchdog::interval().map(|interval| Watchdog::new(interval, Instant::now()));
        loop {
            let due = watchdog.as_ref().map(Watchdog::due);
            let is_hurried = self.reload.is_some() || self.relief.is_under_way();
            let tick = if is_hurried { SHORT_TICK } else { TICK };
            let wait = due.map_or(tick, |due| tick.min(due.duration_since(Instant::now())));
            match signals.wait(wait) {
                Some(Signal::Stop) => return Ok(Ending::Stop),
                Some(Signal::Park) => return Ok(Ending::Park),
                Some(Signal::Reload) => self.begin_reload(true),
                Some(Signal::Tell) => self.log_counters(),
                None => {}
            }
            self.go_on_reloading();
            self.look_for_the_dead()?;
            self.roster.clear();
            self.let_messages_grow();
            self.relieve();
            self.watch_steering();
            if let Some(watchdog) = &mut watchdog {
                self.feed(watchdog);
            }
            status.update(self.status());
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
                Err(Fatal::new(EX_SOFTWARE, log::id::THREAD_ENDED, text))
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
            log::error!(id: log::id::THREAD_STUCK, "{name} is stuck; the watchdog is not fed");
        }
        if stuck.is_empty() {
            tell(notify::watchdog());
        }
    }

    /// Has connections spread otherwise if they pile up at one worker.
    fn watch_steering(&self) {
        let open = |counters: &Counters| counters.connections.load(Ordering::Relaxed);
        let open: Vec<_> = self.shared.counters.iter().map(open).collect();
        self.kit.steering.watch(&self.kit.doors, &open);
    }

    /// Says what the workers have counted since the start.
    pub(super) fn log_counters(&self) {
        log::notice!("counters: {}", counters::line(&self.shared.counters));
        if self.workers.len() > 1 {
            log::notice!("workers: {}", counters::by_worker(&self.shared.counters));
        }
    }
}

/// Reports what systemd could not be told. It is no reason to stop serving.
pub(super) fn tell(result: io::Result<()>) {
    if let Err(error) = result {
        log::debug!("systemd was not notified: {error}");
    }
}
