//! One run: workers, apps and clients take their steps in an order that the seed decides.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ringsocket::host::api::Instance;
use ringsocket::host::app_loop::{self, AppLoop};
use ringsocket::host::context::{Context, Facts};
use ringsocket::host::library::Callbacks;
use ringsocket::host::outlets::{Outlet, Outlets};
use ringsocket::site::{Entrance, Route, Site};
use ringsocket::waker::Waker;
use ringsocket::worker::to_app::ToApp;
use ringsocket::worker::{Counters, Policy, Shared, Turn, Worker};
use ringsocket_proto::upgrade::Endpoint;
use ringsocket_ring::ring;

use crate::apps::{BROADCAST, ECHO, SEEN};
use crate::client::{Client, Manner, Plan};
use crate::network::{self, Network, SimNet};
use crate::rng::Rng;

/// Steps after which a run that is not over counts as hung.
const STEPS_MAX: usize = 20_000_000;

/// What is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scenario {
    /// Each client gets its own messages back.
    Echo,
    /// Each client gets everybody's messages.
    Broadcast,
    /// As [`Scenario::Echo`], beside clients of bad manners.
    Hostile,
}

/// What a run has shown. A failed one panics instead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Report {
    /// Messages that the app has read.
    pub messages: usize,
    /// Steps taken.
    pub steps: usize,
}

/// What is outside the app, so that it can go on while the app waits.
struct Outside {
    workers: Vec<Option<Worker<SimNet>>>,
    clients: Vec<Client>,
    network: network::Shared,
    rng: Rng,
    plan: Plan,
    steps: usize,
}

thread_local! {
    static OUTSIDE: RefCell<Option<Outside>> = const { RefCell::new(None) };
    static NOW: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

pub(crate) fn now() -> Duration {
    NOW.get()
}

/// One step of something outside the app.
fn step_outside() {
    OUTSIDE.with_borrow_mut(|outside| {
        if let Some(outside) = outside {
            outside.step();
        }
    });
}

impl Outside {
    fn step(&mut self) {
        self.steps += 1;
        assert!(self.steps < STEPS_MAX, "hung: {:?}", self.clients);
        if self.rng.once_in(200) {
            NOW.set(now() + Duration::from_millis(self.rng.below(5) as u64));
        }
        match self.rng.below(4) {
            0 => {
                let worker = self.rng.below(self.workers.len());
                self.turn(worker);
            }
            1 => self.network.borrow_mut().step(),
            _ => {
                let is_good = |client: &&Client| client.manner == Manner::Good;
                let everybody = self.clients.iter().filter(is_good).all(Client::is_ready);
                let may_send = everybody || !self.plan.hears_all;
                let index = self.rng.below(self.clients.len());
                let mut network = self.network.borrow_mut();
                self.clients[index].step(&mut network, may_send, self.plan.client_c);
            }
        }
    }

    fn turn(&mut self, index: usize) {
        if let Some(worker) = &mut self.workers[index] {
            if worker.turn().expect("the simulation does not fail") == Turn::Over {
                self.workers[index] = None;
            }
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
    let mut rng = Rng::new(seed);
    let hears_all = scenario == Scenario::Broadcast;
    let good_c = if hears_all { 2 + rng.below(4) } else { 2 + rng.below(8) };
    let plan = Plan {
        seed,
        client_c: good_c,
        message_c: if hears_all { 8 } else { 30 },
        window: 1 + rng.below(4),
        max_size: 65_536,
        hears_all,
    };
    let worker_c = 1 + rng.below(3);
    let network = Network::new(worker_c, rng.next());
    let (workers, mut app, shared) = build(worker_c, &network, &mut rng, scenario);
    let mut clients: Vec<_> = (0..good_c)
        .map(|index| Client::new(index, Manner::Good, &plan, &mut network.borrow_mut()))
        .collect();
    if scenario == Scenario::Hostile {
        let manners = [Manner::Resets, Manner::Leaves, Manner::Babbles, Manner::Deaf];
        for index in good_c..good_c + 1 + rng.below(6) {
            let manner = manners[rng.below(manners.len())];
            let plan = Plan { client_c: index + 1, ..plan.clone() };
            clients.push(Client::new(index, manner, &plan, &mut network.borrow_mut()));
        }
    }
    let network = Rc::clone(&network);
    OUTSIDE.set(Some(Outside { workers, clients, network, rng: rng.clone(), plan, steps: 0 }));

    app.init().expect("the apps' init does not fail");
    let mut app_turn = |rng: &mut Rng| match rng.once_in(5) {
        true => app.turn(),
        false => app_loop::Turn::Busy,
    };
    while !with_outside(|outside| outside.is_over()) {
        step_outside();
        app_turn(&mut rng);
    }
    shared.stopping.store(true, Ordering::Relaxed);
    let mut is_app_over = false;
    while !(is_app_over && with_outside(|outside| outside.workers.iter().all(Option::is_none))) {
        step_outside();
        is_app_over = is_app_over || app_turn(&mut rng) == app_loop::Turn::Over;
    }
    let outside = OUTSIDE.take().expect("a run is on");
    drop(outside.workers);
    assert_eq!(outside.network.borrow().open_c(), 0, "connections left open");
    for counters in &shared.counters {
        assert_eq!(counters.connections.load(Ordering::Relaxed), 0, "connections still counted");
    }
    let seen = SEEN.take();
    assert_eq!(seen.open_c(), 0, "clients whose end the app has not heard of");
    Report { messages: seen.messages, steps: outside.steps }
}

/// Workers and an app with small rings, so that everything that can be full often is.
fn build(
    worker_c: usize,
    network: &network::Shared,
    rng: &mut Rng,
    scenario: Scenario,
) -> (Vec<Option<Worker<SimNet>>>, AppLoop, Arc<Shared>) {
    let mut site = Site::default();
    site.endpoints.push(Endpoint {
        path: "/app".into(),
        authority: None,
        allowed_origins: Vec::new(),
        subprotocols: Vec::new(),
    });
    site.routes.push(Route { app: 0, endpoint_id: 1, pages: None });
    site.entrances.push(Entrance { default_port: 80, pages: None });
    let shared = Arc::new(Shared {
        site,
        policy: policy(scenario),
        stopping: false.into(),
        counters: (0..worker_c).map(|_| Counters::default()).collect(),
    });
    let app_waker = Arc::new(Waker::simulated(step_outside));
    let (mut workers, mut inbound, mut outlets) = (Vec::new(), Vec::new(), Vec::new());
    for index in 0..worker_c {
        let waker = Arc::new(Waker::simulated(|| {}));
        let make = || ring(64 * 1024).expect("memory for a ring");
        let (producer, consumer) = make();
        let to_app = ToApp::new(producer, 70_000 + rng.below(100_000), Arc::clone(&app_waker));
        inbound.push(consumer);
        let (producer, consumer) = make();
        outlets.push(Outlet::new(producer, Arc::clone(&waker)));
        let net = SimNet { worker: index, network: Rc::clone(network), is_listening: false };
        let (to_apps, from_apps) = (vec![to_app], vec![consumer]);
        let shared = Arc::clone(&shared);
        workers.push(Some(Worker::new(index as u8, net, shared, waker, to_apps, from_apps)));
    }
    let outlets = Outlets::new(outlets, 70_000 + rng.below(100_000), app_waker);
    let facts = Facts { name: "sim".into(), max_message: 70_000, max_kept: 1_000_000 };
    let app = if scenario == Scenario::Broadcast { &BROADCAST } else { &ECHO };
    let context = Context::new(facts, outlets, now);
    let app = AppLoop::new(Instance::new(Callbacks::linked(app), context), inbound);
    (workers, app, shared)
}

fn policy(scenario: Scenario) -> Policy {
    let wait = Duration::from_secs(30);
    Policy {
        protocol: ringsocket_proto::Limits {
            head_size: 8192,
            header_c: 64,
            message_size: 70_000,
            chain_size: 80_000,
            head_wait: wait,
            close_wait: wait,
        },
        // Good clients must not be given up for reading slowly: enough for what they have under way.
        max_backpressure: if scenario == Scenario::Hostile { 600_000 } else { 4_000_000 },
        partial_budget: 1_000_000,
        write_stall: wait,
        shutdown_wait_http: wait,
        shutdown_wait_ws: wait,
        stop: Duration::from_secs(20),
        max_connections: 100,
        receive_buffer: 32 * 1024,
    }
}
