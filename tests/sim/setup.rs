//! What a run starts with: workers, app, clients and limits, as the seed decides.

use std::num::NonZeroU64;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ringsocket::deputy::Deputy;
use ringsocket::host::api::Instance;
use ringsocket::host::app_loop::AppLoop;
use ringsocket::host::context::{Context, Facts};
use ringsocket::host::library::Callbacks;
use ringsocket::host::outlets::{Outlet, Outlets};
use ringsocket::host::pace::Threads;
use ringsocket::host::post::{Post, Substitute};
use ringsocket::host::topics::TopicLimits;
use ringsocket::site::{Entrance, Route, Site};
use ringsocket::waker::Waker;
use ringsocket::worker::addresses::{Addresses, PerAddress};
use ringsocket::worker::allowance::Rates;
use ringsocket::worker::app_set::AppSet;
use ringsocket::worker::press::Compression;
use ringsocket::worker::to_app::ToApp;
use ringsocket::worker::{Counters, Policy, Shared, Worker};
use ringsocket_proto::deflate::Terms;
use ringsocket_proto::upgrade::Endpoint;
use ringsocket_ring::{Consumer, ring};

use crate::apps::{BROADCAST, CLOSING, ECHO, LAST, LIVING};
use crate::client::{Client, Ends, Manner, Plan};
use crate::network::{self, Network, SimNet};
use crate::rng::Rng;
use crate::world::{self, AppSide, AppState, Built, Scenario, WorkerSide};

/// How long a client may be silent in [`Scenario::Quiet`], before and after it is sent a ping.
pub(crate) const SILENCE: Duration = Duration::from_secs(1);

/// Bytes of a ring that is often full.
const SMALL_RING: usize = 64 * 1024;

/// Bytes of a ring that takes all that clients can have under way.
const ROOMY_RING: usize = 8 << 20;

/// What the good clients of a run do, and how they may end.
pub(crate) fn plan(scenario: Scenario, seed: u64, rng: &mut Rng) -> Plan {
    let hears_all = scenario == Scenario::Broadcast;
    Plan {
        seed,
        client_c: if hears_all { 2 + rng.below(4) } else { 2 + rng.below(8) },
        message_c: if hears_all { 8 } else { 30 },
        window: 1 + rng.below(4),
        max_size: 65_536,
        hears_all,
        ends: match scenario {
            Scenario::Echo | Scenario::Broadcast | Scenario::Hostile | Scenario::Quiet => Ends::Own,
            Scenario::Closing => Ends::ByApp(LAST),
            Scenario::Failing => Ends::AppFails,
            Scenario::Stopping => Ends::ServerStops,
            Scenario::Restarting => Ends::OwnOrBefore,
        },
    }
}

/// Good clients, and perhaps others.
pub(crate) fn clients(
    scenario: Scenario,
    plan: &Plan,
    network: &mut Network,
    rng: &mut Rng,
) -> Vec<Client> {
    let good = |index| Client::new(index, Manner::Good, plan, network);
    let mut clients: Vec<_> = (0..plan.client_c).map(good).collect();
    if scenario.has_bad_clients() {
        let manners = [Manner::Resets, Manner::Leaves, Manner::Babbles, Manner::Deaf, Manner::Mute];
        let manners = if scenario == Scenario::Quiet { &manners[4..] } else { &manners[..] };
        for index in plan.client_c..plan.client_c + 1 + rng.below(6) {
            let manner = manners[rng.below(manners.len())];
            let plan = Plan { client_c: index + 1, ..plan.clone() };
            clients.push(Client::new(index, manner, &plan, network));
        }
    }
    clients
}

/// Workers and an app with small rings, so that everything that can be full often is.
pub(crate) fn build(
    worker_c: usize,
    network: &network::Shared,
    rng: &mut Rng,
    scenario: Scenario,
    is_roomy: bool,
    has_deputies: bool,
) -> Built {
    let mut site = Site::default();
    site.endpoints.push(Endpoint {
        path: "/app".into(),
        authority: None,
        is_tls: None,
        allowed_origins: Vec::new(),
        subprotocols: Vec::new(),
    });
    site.routes.push(Route { app: 0, endpoint_id: 1, decides: false, pages: None });
    site.entrances.push(Entrance { is_tls: false, pages: None, proxy_protocol: false });
    let site = Arc::new(site);
    let policy = Arc::new(policy(scenario));
    let shared = Arc::new(Shared {
        board: None,
        stopping: false.into(),
        parking: false.into(),
        waned_c: 0.into(),
        counters: (0..worker_c).map(|_| Counters::default()).collect(),
        addresses: Addresses::new(100),
    });
    let app_waker = Arc::new(Waker::simulated(world::until_the_app_is_woken));
    let budget = if is_roomy { 16 << 20 } else { 70_000 + rng.below(100_000) };
    let outward = if is_roomy { ROOMY_RING } else { SMALL_RING };
    let mut producers = Vec::new();
    let (mut sides, mut inbound, mut outlets) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..worker_c {
        let waker = Arc::new(Waker::simulated(|| {}));
        let (producer, consumer) = ring(SMALL_RING).expect("memory for a ring");
        producers.push(producer);
        inbound.push(consumer);
        let (producer, consumer) = ring(outward).expect("memory for a ring");
        outlets.push(Outlet::new(producer, Arc::clone(&waker), AppSet::bit(0)));
        sides.push((waker, consumer));
    }
    let probes = inbound.iter().map(Consumer::probe).collect();
    let post = Arc::new(Post::new(probes, Arc::clone(&app_waker)));
    let mut workers = Vec::new();
    for (index, (producer, (waker, consumer))) in producers.into_iter().zip(sides).enumerate() {
        let deputy = || Box::new(Substitute::new(Arc::clone(&post), index)) as Box<dyn Deputy>;
        let budget = 70_000 + rng.below(100_000);
        let deputy = has_deputies.then(deputy);
        let to_app = ToApp::new(producer, budget, Arc::clone(&app_waker), deputy);
        let (network, own) = (Rc::clone(network), Arc::clone(&waker));
        let net = SimNet { worker: index, network, waker: own };
        let (shared, own, ways) =
            (Arc::clone(&shared), Arc::clone(&waker), vec![(to_app, consumer)]);
        let (site, policy) = (Arc::clone(&site), Arc::clone(&policy));
        let worker = Worker::new(index as u8, net, shared, site, policy, own, ways);
        workers.push(WorkerSide { worker: Some(worker), waker, is_asleep: false, until: None });
    }
    let outlets = Outlets::new(outlets, budget, app_waker);
    let topics = Arc::new(TopicLimits::new(4, 100));
    let facts = Facts { name: "sim".into(), max_message: 70_000, max_kept: 1_000_000, topics };
    let app = match scenario {
        Scenario::Broadcast => &BROADCAST,
        Scenario::Closing => &CLOSING,
        Scenario::Restarting => &LIVING,
        _ => &ECHO,
    };
    let context = Context::new(facts, outlets, Arc::clone(post.posted()), world::now);
    let instance = Instance::new(Callbacks::linked(app), context);
    let app = Box::new(AppLoop::new(instance, inbound, Threads::Any));
    let saved = app.saved();
    let restlessness = rng.once_in(2).then(|| Rng::new(rng.next()));
    (workers, AppSide { state: AppState::Awake(app), post, saved, restlessness }, shared)
}

fn policy(scenario: Scenario) -> Policy {
    // Time passes by leaps where it is about silence: nothing else must have a limit then.
    let is_quiet = scenario == Scenario::Quiet;
    let wait = Duration::from_secs(if is_quiet { 1_000_000 } else { 30 });
    let silence = if is_quiet { SILENCE } else { wait };
    Policy {
        protocol: ringsocket_proto::Limits {
            head_size: 8192,
            header_c: 64,
            message_size: 70_000,
            chain_size: 80_000,
            head_wait: wait,
            upgrade_wait: wait,
            close_wait: wait,
            frame_size: 70_000,
            fragment_c: 1000,
            ping_wait: Some(silence),
            pong_wait: silence,
        },
        rates: Rates::default(),
        // Enough for everybody: counted all the same, so that a count that is lost shows.
        per_address: PerAddress {
            connections: NonZeroU64::new(1000),
            handshakes: NonZeroU64::new(1_000_000),
        },
        // Good clients must not be given up for reading slowly: enough for what they have under way.
        max_backpressure: if scenario.has_bad_clients() { 600_000 } else { 4_000_000 },
        partial_budget: 1_000_000,
        block_budget: 100_000,
        write_stall: wait,
        shutdown_wait_http: wait,
        shutdown_wait_ws: wait,
        stop: Duration::from_secs(20),
        max_connections: 100,
        max_handshakes: 4,
        receive_buffer: 32 * 1024,
        compression: Some(compression()),
    }
}

/// Contexts may be taken over, but only by some of the clients.
fn compression() -> Compression {
    Compression {
        terms: Terms {
            client_takeover: true,
            server_takeover: true,
            client_window_bits: 12,
            server_window_bits: 15,
        },
        level: 1,
        min_size: 64,
        takeover_c: 4,
    }
}
