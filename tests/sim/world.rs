//! One run: workers, apps and clients take their steps in an order that the seed decides.

mod restart;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ringsocket::host::app_loop::{self, AppLoop};
use ringsocket::host::post::{Bed, Post, Rest};
use ringsocket::message::Saved;
use ringsocket::waker::Waker;
use ringsocket::worker::{Counters, Shared, Turn, Worker};

use self::restart::{Restarts, take_up_in_time};
use crate::apps::SEEN;
use crate::client::{Client, Manner, Plan};
use crate::network::{self, Network, SimNet};
use crate::rng::Rng;
use crate::setup;

/// Steps after which a run that is not over counts as hung.
const STEPS_MAX: usize = 2_000_000;

/// After so many steps that did nothing, it is looked whether anything can happen at all.
const IDLE_STEPS: usize = 40;

/// No good client may wait for a time-out longer than this one, that of a pause in accepting.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scenario {
    /// Each client gets its own messages back.
    Echo,
    /// Each client gets everybody's messages.
    Broadcast,
    /// As [`Scenario::Echo`], beside clients of bad manners.
    Hostile,
    /// The app closes each client after some messages.
    Closing,
    /// The app fails at some moment.
    Failing,
    /// As [`Scenario::Hostile`], and the server stops at some moment.
    Stopping,
    /// As [`Scenario::Echo`], beside clients that say nothing. Much time passes, but only while
    /// every good client has answered all that has reached it: none of them may be closed, even if
    /// the server has not heard it.
    Quiet,
    /// As [`Scenario::Hostile`], and the server is restarted at some moments: clients live on.
    Restarting,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Echo,
        Self::Broadcast,
        Self::Hostile,
        Self::Closing,
        Self::Failing,
        Self::Stopping,
        Self::Quiet,
        Self::Restarting,
    ];

    pub(crate) fn has_bad_clients(self) -> bool {
        matches!(self, Self::Hostile | Self::Stopping | Self::Quiet | Self::Restarting)
    }
}

/// What a run has shown. A failed one panics instead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Report {
    /// Messages that the app has read.
    pub messages: usize,
    /// How many of them it has read while a worker ran it.
    pub direct: usize,
    /// Steps taken.
    pub steps: usize,
    /// Pings that silent clients were sent.
    pub pings: usize,
    /// Clients that were closed for silence.
    pub unanswered: usize,
    /// Clients that another process has taken up.
    pub taken_up: usize,
}

/// A worker and its sleep.
pub(crate) struct WorkerSide {
    /// `None` once it has ended.
    pub(crate) worker: Option<Worker<SimNet>>,
    pub(crate) waker: Arc<Waker>,
    pub(crate) is_asleep: bool,
    /// When its sleep ends by itself.
    pub(crate) until: Option<Duration>,
}

/// What is outside the app, so that it can go on while the app waits.
struct Outside {
    workers: Vec<WorkerSide>,
    clients: Vec<Client>,
    network: network::Shared,
    rng: Rng,
    plan: Plan,
    shared: Arc<Shared>,
    /// When the server is told to stop, in steps, if that is not after the last client has gone.
    stop_at: Option<usize>,
    restarts: Restarts,
    /// Whether time passes by leaps.
    is_quiet: bool,
    steps: usize,
    /// Steps in a row that did nothing.
    idle: usize,
}

/// The app and its sleep.
pub(crate) struct AppSide {
    pub(crate) state: AppState,
    pub(crate) post: Arc<Post>,
    /// What it leaves to another process.
    pub(crate) saved: Arc<OnceLock<Saved>>,
    /// Decides when it wakes without being woken, if it ever does.
    pub(crate) restlessness: Option<Rng>,
}

/// All that a process has, and what its workers share.
pub(crate) type Built = (Vec<WorkerSide>, AppSide, Arc<Shared>);

/// What the app's own thread is at.
pub(crate) enum AppState {
    Awake(Box<AppLoop>),
    /// It has found nothing to do.
    Idle(Box<AppLoop>),
    /// It has left the app, and has yet to look whether something has come in since.
    LyingDown(Bed),
    Asleep(Bed),
    Over,
}

thread_local! {
    static OUTSIDE: RefCell<Option<Outside>> = const { RefCell::new(None) };
    static APP: RefCell<Option<AppSide>> = const { RefCell::new(None) };
    /// The waker of an app that sleeps in the middle of its turn.
    static APP_WAKER: RefCell<Option<Arc<Waker>>> = const { RefCell::new(None) };
    /// The app's own thread takes a step.
    static IS_APPS_STEP: Cell<bool> = const { Cell::new(false) };
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    /// The rings outwards take all that can be under way, so that the app never waits: then it may
    /// move in the middle of a worker's turn.
    static IS_ROOMY: Cell<bool> = const { Cell::new(false) };
    /// The last worker that would have slept, and for how long.
    static ASLEEP: Cell<Option<(usize, Option<Duration>)>> = const { Cell::new(None) };
    /// What [`is_woken`] says.
    static IS_SPURIOUS: Cell<bool> = const { Cell::new(false) };
}

pub(crate) fn now() -> Duration {
    NOW.get()
}

/// A worker would sleep now.
pub(crate) fn fall_asleep(worker: usize, timeout: Option<Duration>) {
    ASLEEP.set(Some((worker, timeout)));
}

/// Whether the sleep of the worker whose turn it is ends at once: something has woken it, or for no
/// reason.
pub(crate) fn is_woken() -> bool {
    IS_SPURIOUS.get()
}

/// The app takes a turn in the middle of a worker's.
pub(crate) fn step_app_amid_a_turn() {
    if IS_ROOMY.get() {
        step_app();
    }
}

/// The app takes a turn, unless it sleeps or is in the middle of one. False if nothing was done.
fn step_app() -> bool {
    APP.with(|side| {
        // Whoever finds it borrowed is called by the app itself, in its sleep.
        let Ok(mut side) = side.try_borrow_mut() else { return false };
        let Some(side) = side.as_mut() else { return false };
        IS_APPS_STEP.set(true);
        let has_done = side.step();
        IS_APPS_STEP.set(false);
        has_done
    })
}

/// Whether the app is run by a worker, and not by its own thread.
pub(crate) fn is_run_by_worker() -> bool {
    !IS_APPS_STEP.get()
}

impl AppSide {
    /// What `host::thread` does, with a sleep that does not block.
    fn step(&mut self) -> bool {
        let is_asleep = self.post.waker().sleeper().is_asleep() && !self.is_restless();
        let (state, has_done) = match std::mem::replace(&mut self.state, AppState::Over) {
            AppState::Over => return false,
            AppState::Asleep(bed) if is_asleep => (AppState::Asleep(bed), false),
            AppState::Asleep(bed) => {
                self.post.waker().sleeper().retract();
                (self.post.rise(bed).into(), true)
            }
            AppState::Awake(mut app) if self.post.waker().take_shedding() => {
                app.shed();
                (AppState::Awake(app), true)
            }
            AppState::Awake(mut app) => match app.turn() {
                app_loop::Turn::Busy if self.post.is_asked_for(&app) => {
                    (self.post.cede(app, Some(now())).into(), true)
                }
                app_loop::Turn::Busy => (AppState::Awake(app), true),
                app_loop::Turn::Over => (AppState::Over, true),
                app_loop::Turn::Idle(_) => (AppState::Idle(app), true),
            },
            AppState::Idle(app) => (AppState::LyingDown(self.post.leave(app, Some(now()))), true),
            AppState::LyingDown(bed) => (self.post.lie_down(bed).into(), true),
        };
        self.state = state;
        has_done
    }

    /// Whether it wakes by itself, as it would for a timer. Where it does now and then, some messages
    /// go the direct way and some do not; where it never does, a wake-up that is lost shows.
    fn is_restless(&mut self) -> bool {
        self.restlessness.as_mut().is_some_and(|rng| rng.once_in(10))
    }

    fn is_awake(&self) -> bool {
        match self.state {
            AppState::Awake(_) | AppState::Idle(_) | AppState::LyingDown(_) => true,
            AppState::Asleep(_) => !self.post.waker().sleeper().is_asleep(),
            AppState::Over => false,
        }
    }
}

impl From<Rest> for AppState {
    fn from(rest: Rest) -> Self {
        match rest {
            Rest::Awake(app) => Self::Awake(app),
            Rest::Asleep(bed) => Self::Asleep(bed),
        }
    }
}

fn is_app_over() -> bool {
    APP.with_borrow(|side| side.as_ref().is_some_and(|side| matches!(side.state, AppState::Over)))
}

/// The app sleeps in the middle of its turn: the others go on until one of them wakes it.
pub(crate) fn until_the_app_is_woken() {
    assert!(!IS_ROOMY.get(), "a ring that has room for everything was full");
    let waker = APP_WAKER.with_borrow(Clone::clone).expect("a run is on");
    while waker.sleeper().is_asleep() {
        with_outside(Outside::step);
    }
}

impl Outside {
    fn step(&mut self) {
        self.steps += 1;
        assert!(self.steps < STEPS_MAX, "hung: {:?}", self.clients);
        if self.rng.once_in(200) {
            NOW.set(now() + Duration::from_millis(self.rng.below(5) as u64));
        }
        if self.rng.once_in(500) {
            self.run_short_of_memory();
        }
        if self.stop_at.is_some_and(|at| self.steps >= at) {
            self.stop();
        }
        self.restart_in_time();
        if self.is_quiet && self.rng.once_in(10) {
            self.leap();
        }
        let has_done = match self.rng.below(4) {
            0 => {
                let worker = self.rng.below(self.workers.len());
                self.turn(worker)
            }
            1 => {
                let mut network = self.network.borrow_mut();
                network.step();
                network.is_moving()
            }
            _ => self.step_client(),
        };
        self.idle = if has_done { 0 } else { self.idle + 1 };
        if self.idle > IDLE_STEPS {
            self.look_for_a_stall();
        }
    }

    /// Has a worker or the app give memory back, whatever it is at.
    fn run_short_of_memory(&mut self) {
        match self.rng.below(self.workers.len() + 1) {
            0 => APP_WAKER.with_borrow(|waker| waker.iter().for_each(|waker| waker.ask_to_shed())),
            worker => self.workers[worker - 1].waker.ask_to_shed(),
        }
    }

    fn stop(&mut self) {
        self.stop_at = None;
        self.shared.stopping.store(true, Ordering::Relaxed);
        self.workers.iter().for_each(|side| side.waker.wake());
    }

    fn may_send(&self) -> bool {
        let mut good = self.clients.iter().filter(|client| client.manner == Manner::Good);
        !self.plan.hears_all || good.all(Client::is_ready)
    }

    fn step_client(&mut self) -> bool {
        let may_send = self.may_send();
        let index = self.rng.below(self.clients.len());
        let mut network = self.network.borrow_mut();
        let client = &mut self.clients[index];
        let could = client.can_act(&network, may_send, self.plan.client_c);
        client.step(&mut network, may_send, self.plan.client_c);
        could
    }

    /// Time for a silence passes, if no good client owes an answer.
    fn leap(&mut self) {
        let mut network = self.network.borrow_mut();
        let good = || self.clients.iter().filter(|client| client.manner == Manner::Good);
        if good().all(|client| client.is_over || client.has_answered(&network)) {
            good().for_each(|client| client.hurry(&mut network));
            NOW.set(now() + setup::SILENCE);
        }
    }

    /// A worker takes its turn, if anything wakes it or, rarely, if nothing does.
    fn turn(&mut self, index: usize) -> bool {
        let is_spurious = self.idle == 0 && self.rng.once_in(100);
        let side = &mut self.workers[index];
        let Some(worker) = &mut side.worker else { return false };
        let is_due = side.until.is_some_and(|at| at <= now());
        let is_woken = !side.waker.sleeper().is_asleep() || is_due || is_spurious;
        if side.is_asleep && !is_woken && !self.network.borrow().has_event(index) {
            return false;
        }
        IS_SPURIOUS.set(is_spurious || side.is_asleep && is_woken);
        side.is_asleep = false;
        match worker.turn() {
            Ok(Turn::GoOn) => {}
            Ok(Turn::Parked) => self.park(index),
            Ok(Turn::Over) => {
                side.worker = None;
                self.network.borrow_mut().end_worker(index);
            }
            Err(error) => {
                let asleep = ASLEEP.take();
                assert!(asleep.is_some_and(|(worker, _)| worker == index), "{error}");
                // The turn came back awake, but is still in its sleep, as it has said before.
                side.waker.sleeper().announce();
                side.is_asleep = true;
                side.until = asleep.and_then(|(_, timeout)| timeout).map(|wait| now() + wait);
                return false;
            }
        }
        true
    }

    /// Nothing has happened for a while. If nothing can happen, time passes until something does;
    /// if that would have a good client wait, it was forgotten.
    fn look_for_a_stall(&mut self) {
        self.idle = 0;
        let may_send = self.may_send();
        let is_worker_awake = |(index, side): (usize, &WorkerSide)| {
            side.worker.is_some()
                && (!side.is_asleep
                    || !side.waker.sleeper().is_asleep()
                    || side.until.is_some_and(|at| at <= now())
                    || self.network.borrow().has_event(index))
        };
        let can_act =
            |client: &Client| client.can_act(&self.network.borrow(), may_send, self.plan.client_c);
        let is_app_awake = APP.with(|side| match side.try_borrow() {
            // In the middle of a turn: then it sleeps there.
            Err(_) => false,
            Ok(side) => side.as_ref().is_some_and(AppSide::is_awake),
        });
        if is_app_awake
            || self.network.borrow().is_moving()
            || self.workers.iter().enumerate().any(is_worker_awake)
            || self.clients.iter().any(can_act)
        {
            return;
        }
        self.pass_time();
    }

    /// Everybody sleeps: time passes until somebody wakes.
    fn pass_time(&mut self) {
        let asleep = self.workers.iter().filter(|side| side.worker.is_some());
        let next = asleep.filter_map(|side| side.until).min();
        let mut left: Vec<_> = self.clients.iter_mut().filter(|client| !client.is_over).collect();
        let waits = left.iter().any(|client| client.manner == Manner::Good);
        let limit = if waits { now() + PATIENCE } else { Duration::MAX };
        match next.filter(|&at| at <= limit) {
            Some(at) => NOW.set(at),
            // Nothing has a time limit that only a bad client waits for.
            None if !waits && !left.is_empty() => {
                let mut network = self.network.borrow_mut();
                left.iter_mut().for_each(|client| client.give_up(&mut network));
            }
            None => panic!("stalled: {:?}", self.clients),
        }
    }

    fn is_over(&self) -> bool {
        self.clients.iter().all(|client| client.is_over)
    }
}

fn with_outside<R>(look: impl FnOnce(&mut Outside) -> R) -> R {
    OUTSIDE.with_borrow_mut(|outside| look(outside.as_mut().expect("a run is on")))
}

/// Runs a scenario to its end.
///
/// # Panics
/// If anything is lost, doubled, changed or out of order, or if the run hangs. The message names
/// the seed.
pub fn run(scenario: Scenario, seed: u64) -> Report {
    let guard = Announce { scenario, seed };
    let report = run_quietly(scenario, seed);
    std::mem::forget(guard);
    report
}

/// Says how to repeat a run that has panicked.
struct Announce {
    scenario: Scenario,
    seed: u64,
}

impl Drop for Announce {
    fn drop(&mut self) {
        eprintln!("failed: scenario {:?}, seed {}", self.scenario, self.seed);
    }
}

fn run_quietly(scenario: Scenario, seed: u64) -> Report {
    NOW.set(Duration::ZERO);
    SEEN.take();
    drop((APP.take(), OUTSIDE.take(), ASLEEP.take()));
    let mut rng = Rng::new(seed);
    let is_roomy = rng.once_in(2);
    IS_ROOMY.set(is_roomy);
    let plan = setup::plan(scenario, seed, &mut rng);
    let worker_c = 1 + rng.below(3);
    let network = Network::new(worker_c, rng.next());
    // A worker that runs the app cannot wait for the others here, as only one thing happens at a
    // time: so there are no others, or their rings are roomy.
    let has_deputies = (is_roomy || worker_c == 1) && !rng.once_in(3);
    let of_network = Rc::clone(&network);
    let build =
        |rng: &mut Rng| setup::build(worker_c, &of_network, rng, scenario, is_roomy, has_deputies);
    let (workers, mut app, shared) = build(&mut rng);
    APP_WAKER.set(Some(Arc::clone(app.post.waker())));
    let clients = setup::clients(scenario, &plan, &mut network.borrow_mut(), &mut rng);
    let stop_at = (scenario == Scenario::Stopping).then(|| 1 + rng.below(4000));
    if scenario == Scenario::Failing {
        let fails_after = Some(rng.below(plan.client_c * plan.message_c));
        SEEN.with_borrow_mut(|seen| seen.fails_after = fails_after);
    }
    let (steps, idle, mut restarts) = (0, 0, Restarts::default());
    if scenario == Scenario::Restarting {
        restarts.at = Some(1 + rng.below(1500));
    }
    let outside = rng.clone();
    OUTSIDE.set(Some(Outside {
        workers,
        clients,
        network,
        rng: outside,
        plan,
        shared,
        stop_at,
        restarts,
        is_quiet: scenario == Scenario::Quiet,
        steps,
        idle,
    }));
    let AppState::Awake(first) = &mut app.state else { unreachable!("it begins awake") };
    first.init().expect("the apps' init does not fail");
    APP.set(Some(app));

    // A slow app is one for which everybody else waits, asleep.
    let pace = [5, 5, 300][rng.below(3)];
    let mut step = || {
        with_outside(Outside::step);
        if rng.once_in(pace) && step_app() {
            with_outside(|outside| outside.idle = 0);
        }
        take_up_in_time(&mut rng, build);
    };
    while with_outside(|outside| outside.is_restarting() || !outside.is_over()) {
        step();
    }
    with_outside(|outside| {
        outside.restarts.at = None;
        outside.stop();
    });
    let have_ended =
        |outside: &mut Outside| outside.workers.iter().all(|side| side.worker.is_none());
    while !(is_app_over() && with_outside(have_ended)) {
        step();
    }
    let outside = OUTSIDE.take().expect("a run is on");
    let shared = &outside.shared;
    assert_eq!(outside.network.borrow().open_c(), 0, "connections left open");
    for counters in &shared.counters {
        assert_eq!(counters.connections.load(Ordering::Relaxed), 0, "connections still counted");
    }
    assert!(shared.addresses.is_empty(), "connections still counted for an address");
    let seen = SEEN.take();
    if scenario != Scenario::Failing {
        assert_eq!(seen.open_c(), 0, "clients whose end the app has not heard of");
    }
    let sum = |of: fn(&Counters) -> &AtomicUsize| {
        shared.counters.iter().map(|counters| of(counters).load(Ordering::Relaxed)).sum()
    };
    Report {
        messages: seen.messages,
        direct: seen.direct,
        steps: outside.steps,
        pings: sum(|counters| &counters.pings),
        unanswered: sum(|counters| &counters.unanswered),
        taken_up: outside.restarts.taken_up,
    }
}
