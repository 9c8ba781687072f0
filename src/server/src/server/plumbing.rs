//! Laying the pipes: rings between every worker and every app, sockets to workers, endpoints to
//! apps. Nothing runs yet.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ringsocket_proto::deflate::Terms;
use ringsocket_proto::upgrade;
use ringsocket_ring::{Consumer, Producer, ring};

use super::assets::Assets;
use super::estate::{Bequests, Heritage};
use super::loading::Library;
use super::{Fatal, system};
use crate::config::{self, Config, EX_CONFIG};
use crate::counted::counted;
use crate::deputy::Deputy;
use crate::host::api::Instance;
use crate::host::app_loop::AppLoop;
use crate::host::context::{Context, Facts};
use crate::host::outlets::{Outlet, Outlets};
use crate::host::pace::Threads;
use crate::host::post::{Post, Substitute};
use crate::host::topics::TopicLimits;
use crate::log;
use crate::message::TakenUp;
use crate::proxies::Proxies;
use crate::site::{Entrance, Route, Site};
use crate::steering::Plan;
use crate::steering::group::{self, Group};
use crate::steering::pinning::Pinning;
use crate::sys::board::Board;
use crate::sys::clock;
use crate::sys::eventfd::EventFd;
use crate::systemd::sockets::Listener;
use crate::tls;
use crate::waker::Waker;
use crate::worker::addresses::{Addresses, PerAddress};
use crate::worker::allowance::Rates;
use crate::worker::app_set::AppSet;
use crate::worker::net::{Kernel, Listening};
use crate::worker::press::Compression;
use crate::worker::retire::Vacancy;
use crate::worker::to_app::ToApp;
use crate::worker::{Counters, Policy, Shared, Worker};

/// All that is needed to start the threads.
pub(super) struct Plumbing {
    pub(super) shared: Arc<Shared>,
    pub(super) apps: Vec<(Library, PlumbedApp)>,
    pub(super) workers: Vec<PlumbedWorker>,
    /// How many topics apps may have.
    pub(super) topics: Arc<TopicLimits>,
    /// What is served, and under which limits.
    pub(super) rules: Rules,
    /// The apps that could not be loaded, and why.
    pub(super) troubles: Vec<(String, String)>,
}

/// An app, ready to be run on a thread.
pub(super) struct PlumbedApp {
    pub(super) name: Arc<str>,
    pub(super) app: Box<AppLoop>,
    pub(super) post: Arc<Post>,
    /// What it is told of the largest message.
    pub(super) max_message: usize,
    /// What the process before this one has left for it.
    pub(super) taken_up: Option<TakenUp>,
}

/// A worker, ready to be run on a thread.
pub(super) struct PlumbedWorker {
    pub(super) worker: Worker<Kernel>,
    pub(super) waker: Arc<Waker>,
    /// Where it is to run; `None`: anywhere.
    pub(super) pinning: Option<Arc<Pinning>>,
}

/// What workers go by.
#[derive(Clone)]
pub(super) struct Rules {
    pub(super) site: Arc<Site>,
    pub(super) policy: Arc<Policy>,
}

/// A worker's way to an app, and the way back.
pub(super) type Ways = (ToApp, Consumer);

impl Plumbing {
    /// Loads the apps and lays all pipes. In `tickets` are terms of TLS whose session tickets stay good.
    /// Moments of workers count from `start`.
    pub(super) fn lay(
        config: &Config,
        listeners: &[Listener],
        steering: &Plan,
        board: Option<Board>,
        tickets: Option<&tls::Terms>,
        start: Duration,
    ) -> Result<Self, Fatal> {
        let (libraries, mut troubles) = load_apps(config)?;
        let assets = Assets::read(config, listeners, tickets).map_err(|lines| {
            Fatal::new(EX_CONFIG, log::id::CONFIGURATION_REFUSED, lines.join("\n"))
        })?;
        troubles.extend(assets.troubles.iter().cloned());
        let served = libraries.iter().enumerate();
        let site = Arc::new(build_site(config, &assets, served, listeners));
        let worker_c = config.worker_c;
        let shared = Arc::new(Shared {
            stopping: false.into(),
            parking: false.into(),
            waned_c: 0.into(),
            counters: (0..worker_c).map(|_| Counters::default()).collect(),
            addresses: Addresses::new(config.limits.fd_alloc_c),
            board,
        });
        let topics = Arc::new(TopicLimits::new(0, 0));
        set_topics(&topics, config);
        let policy = Arc::new(policy(config));
        let wakers = (0..worker_c)
            .map(|_| Ok(Arc::new(Waker::eventfd(EventFd::new()?))))
            .collect::<std::io::Result<Vec<_>>>()
            .map_err(|error| system("make an eventfd", &error))?;
        let mut ends: Vec<Vec<Ways>> = wakers.iter().map(|_| Vec::new()).collect();
        let mut apps = Vec::new();
        for (number, library) in libraries.into_iter().enumerate() {
            let (app, ways) = lay_app(config, &topics, number, &library, &wakers)?;
            ends.iter_mut().zip(ways).for_each(|(ends, ways)| ends.push(ways));
            apps.push((library, app));
        }
        let (sockets, pinning) = (share_out(listeners, worker_c), steering.pinning());
        let mut workers = Vec::new();
        for (index, ((waker, ends), sockets)) in
            wakers.into_iter().zip(ends).zip(sockets).enumerate()
        {
            let event_c = config.limits.epoll_buf_elem_c;
            let net = Kernel::new(event_c, &waker, sockets, start)
                .map_err(|error| system("set up epoll", &error))?;
            let (shared, site, own) = (Arc::clone(&shared), Arc::clone(&site), Arc::clone(&waker));
            let policy = Arc::clone(&policy);
            let worker = Worker::new(index as u8, net, shared, site, policy, own, ends);
            workers.push(PlumbedWorker { worker, waker, pinning: pinning.clone() });
        }
        let rules = Rules { site, policy };
        Ok(Self { shared, apps, workers, topics, rules, troubles })
    }

    /// Has apps and workers take up what the process before this one has left for them.
    pub(super) fn take_up(&mut self, mut heritage: Heritage) {
        let in_all = heritage.connection_c();
        let names: Vec<_> = self.apps.iter().map(|(_, app)| &*app.name).collect();
        let Bequests { numbers, mut taken_up } =
            heritage.bequeath(&names, self.workers.len(), &self.rules.site);
        for (number, (_, app)) in self.apps.iter_mut().enumerate() {
            app.taken_up = taken_up.remove(&number);
        }
        let (mut lost_c, worker_c) = (0, self.workers.len());
        for left in heritage.workers {
            let index = usize::from(left.worker.index);
            let worker = &mut self.workers[index % worker_c].worker;
            lost_c += if index < worker_c {
                worker.take_up(left, |number| numbers.get(&number).copied())
            } else {
                worker.see_off(left) // their names are those of a worker that is no more
            };
        }
        let taken_c = counted(in_all - lost_c, "connection");
        log::notice!(id: log::id::TAKEN_UP, "took up {taken_c} of the process before");
        if lost_c > 0 {
            let lost_c = counted(lost_c, "connection");
            log::warning!(
                id: log::id::NOT_TAKEN_UP,
                "{lost_c} could not be taken up and are closed: their app or worker is no more"
            );
        }
    }
}

/// The apps that are loaded, and names and reasons of those that cannot be.
type Loaded = (Vec<Library>, Vec<(String, String)>);

/// Loads every app that can be loaded; says why the others cannot.
fn load_apps(config: &Config) -> Result<Loaded, Fatal> {
    let (mut loaded, mut troubles) = (Vec::new(), Vec::new());
    for app in &config.apps {
        match Library::load(app) {
            Ok(library) => loaded.push(library),
            Err(error) => troubles.push((app.name.clone(), error.to_string())),
        }
    }
    if loaded.is_empty() && !config.apps.is_empty() {
        let text = "none of the apps could be loaded; the lines before this one say why";
        return Err(Fatal::new(EX_CONFIG, log::id::NO_APP_LOADED, text));
    }
    if loaded.is_empty() {
        log::warning!(
            id: log::id::NO_APPS,
            "there are no apps: put their .so files into the apps folder and reload"
        );
    }
    Ok((loaded, troubles))
}

/// Limits and times of connections, as the configuration has them.
pub(super) fn policy(config: &Config) -> Policy {
    let (limits, waits) = (&config.limits, &config.waits);
    Policy {
        protocol: ringsocket_proto::Limits {
            head_size: limits.max_http_head_size,
            header_c: limits.max_http_header_c,
            message_size: limits.max_ws_msg_size,
            chain_size: limits.max_ws_frame_chain_size,
            head_wait: waits.http_head,
            upgrade_wait: waits.upgrade,
            close_wait: waits.shutdown_wait_ws,
            frame_size: limits.max_ws_frame_size,
            fragment_c: limits.max_ws_fragment_c,
            ping_wait: waits.ping,
            pong_wait: waits.pong,
        },
        rates: Rates { messages: limits.max_ws_msg_rate, bytes: limits.max_ws_byte_rate },
        per_address: PerAddress {
            connections: limits.max_conn_c_per_addr,
            handshakes: limits.max_handshake_rate_per_addr,
        },
        max_backpressure: limits.max_backpressure,
        partial_budget: limits.partial_budget,
        block_budget: limits.inbound_block_budget,
        write_stall: waits.write_stall,
        shutdown_wait_http: waits.shutdown_wait_http,
        shutdown_wait_ws: waits.shutdown_wait_ws,
        stop: waits.stop,
        max_connections: limits.fd_alloc_c,
        max_handshakes: limits.max_tls_handshake_c.div_ceil(config.worker_c),
        receive_buffer: limits.worker_rbuf_size,
        compression: config.deflate.map(compression),
    }
}

/// Lets apps have as many topics as the configuration says.
pub(super) fn set_topics(topics: &TopicLimits, config: &Config) {
    topics.set(config.limits.max_topics_per_client, config.limits.max_topics_per_app);
}

fn compression(deflate: config::Deflate) -> Compression {
    let config::Deflate { client_takeover, server_takeover, .. } = deflate;
    let config::Deflate { client_window_bits, server_window_bits, .. } = deflate;
    Compression {
        terms: Terms { client_takeover, server_takeover, client_window_bits, server_window_bits },
        level: deflate.level,
        min_size: deflate.min_size,
        takeover_c: deflate.takeover_c,
    }
}

/// What is served by these apps, each with its number, at these doors.
pub(super) fn build_site<'a>(
    config: &Config,
    assets: &Assets,
    served: impl ExactSizeIterator<Item = (usize, &'a Library)>,
    doors: &[Listener],
) -> Site {
    let pages_of = |root: &Option<PathBuf>| assets.pages(root.as_deref()?);
    let mut site = Site {
        tls: Arc::clone(&assets.tls),
        health_path: config.health_path.clone(),
        lacks_app: served.len() < config.apps.len(),
        proxies: Proxies::new(&config.trusted_proxies, config.forwarded_header),
        ..Site::default()
    };
    for (number, app) in served {
        for endpoint in &app.config.endpoints {
            let authority = endpoint.url.authority.as_ref();
            site.endpoints.push(upgrade::Endpoint {
                path: endpoint.url.path.clone(),
                authority: authority
                    .map(|(host, port)| upgrade::Authority { host: host.clone(), port: *port }),
                is_tls: endpoint.url.encrypted,
                allowed_origins: endpoint.allowed_origins.clone(),
                subprotocols: app.subprotocols.clone(),
            });
            site.routes.push(Route {
                app: number as u16,
                endpoint_id: endpoint.endpoint_id,
                decides: app.callbacks.decide_upgrades(),
                pages: pages_of(&endpoint.www_root),
            });
        }
    }
    for door in doors {
        let port = config.ports.iter().find(|port| Some(port.port_number) == door.port);
        site.entrances.push(Entrance {
            is_tls: door.is_tls,
            pages: port.and_then(|port| pages_of(&port.www_root)),
            proxy_protocol: port.is_some_and(|port| port.proxy_protocol),
        });
    }
    site.unreachable().for_each(|why| log::warning!("{why}"));
    site
}

/// Two rings between an app of this number and each worker. The worker's ends are in the order of
/// the workers.
pub(super) fn lay_app(
    config: &Config,
    topics: &Arc<TopicLimits>,
    number: usize,
    library: &Library,
    workers: &[Arc<Waker>],
) -> Result<(PlumbedApp, Vec<Ways>), Fatal> {
    let limits = &config.limits;
    let Library { config: app, callbacks, .. } = library;
    let waker = Arc::new(Waker::futex());
    let (mut producers, mut inbound, mut outlets) = (Vec::new(), Vec::new(), Vec::new());
    for worker in workers {
        let (producer, consumer) = make_ring(limits.inbound_ring_buf_size)?;
        inbound.push(consumer);
        let (outward, from_app) = make_ring(limits.outbound_ring_buf_size)?;
        outlets.push(Outlet::new(outward, Arc::clone(worker), AppSet::bit(number)));
        producers.push((producer, from_app));
    }
    let probes = inbound.iter().map(Consumer::probe).collect();
    let post = Arc::new(Post::new(probes, Arc::clone(&waker)));
    let is_lent = callbacks.run_on_any_thread() && app.threads != Threads::Own;
    let ways = producers.into_iter().enumerate().map(|(worker, (producer, from_app))| {
        let deputy = || Box::new(Substitute::new(Arc::clone(&post), worker)) as Box<dyn Deputy>;
        let budget = limits.inbound_block_budget;
        let to_app = ToApp::new(producer, budget, Arc::clone(&waker), is_lent.then(deputy));
        (to_app, from_app)
    });
    let ways = ways.collect();
    let outlets = Outlets::new(outlets, limits.outbound_block_budget, waker);
    let name: Arc<str> = app.name.as_str().into();
    let facts = Facts {
        name: Arc::clone(&name),
        max_message: limits.max_ws_msg_size,
        max_kept: limits.outbound_block_budget,
        topics: Arc::clone(topics),
    };
    let context = Context::new(facts, outlets, Arc::clone(post.posted()), clock::monotonic);
    let instance = Instance::new(*callbacks, context);
    let app = Box::new(AppLoop::new(instance, inbound, app.threads));
    let (max_message, taken_up) = (limits.max_ws_msg_size, None);
    Ok((PlumbedApp { name, app, post, max_message, taken_up }, ways))
}

/// What takes the place of an app that goes, at a worker.
pub(super) fn lay_vacancy() -> Result<Vacancy, Fatal> {
    // The smallest ring is a page, of which some machines have large ones.
    let size = rustix::param::page_size().max(4096);
    let ((producer, _), (_, consumer)) = (make_ring(size)?, make_ring(size)?);
    Ok(Vacancy { producer, consumer })
}

fn make_ring(size: usize) -> Result<(Producer, Consumer), Fatal> {
    ring(size).map_err(|error| system("map memory for a ring", &error))
}

/// Gives every worker a socket of each address, and every socket a worker, whatever the numbers:
/// a listening socket that nobody polls would strand its clients. Where there are enough, the socket
/// with the number `i` in its group is that of worker `i`, as `steering` has it.
fn share_out(listeners: &[Listener], worker_c: usize) -> Vec<Vec<Listening>> {
    let mut shares: Vec<Vec<Listening>> = (0..worker_c).map(|_| Vec::new()).collect();
    for Group { members, .. } in group::all(listeners) {
        for turn in 0..worker_c.max(members.len()) {
            let entrance = members[turn % members.len()];
            shares[turn % worker_c].push(Listening {
                socket: Arc::clone(&listeners[entrance].fd),
                entrance: entrance as u16,
                is_shared: worker_c > members.len(),
            });
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::systemd::sockets::LocalAddr;
    use std::collections::HashMap;
    use std::net::TcpListener;
    use std::os::fd::OwnedFd;

    fn listener(address: &str) -> Listener {
        let local = LocalAddr::Inet(address.parse().expect("an address"));
        let fd: OwnedFd = TcpListener::bind("127.0.0.1:0").expect("a socket").into();
        let fd = Arc::new(fd);
        Listener { fd, name: String::new(), local, port: None, is_tls: false }
    }

    #[test]
    fn every_socket_has_a_worker_and_every_worker_a_socket_of_each_address() {
        for worker_c in 1..6 {
            for (first, second) in [(1, 1), (1, 3), (2, 5), (4, 4)] {
                let one = (0..first).map(|_| listener("127.0.0.1:1"));
                let other = (0..second).map(|_| listener("127.0.0.1:2"));
                let listeners: Vec<_> = one.chain(other).collect();
                let shares = share_out(&listeners, worker_c);
                let mut pollers = HashMap::new();
                for (worker, share) in shares.iter().enumerate() {
                    let of_first = |l: &&Listening| usize::from(l.entrance) < first;
                    assert!(share.iter().any(|l| of_first(&l)), "worker {worker}");
                    assert!(share.iter().any(|l| !of_first(&l)), "worker {worker}");
                    share.iter().for_each(|l| *pollers.entry(l.entrance).or_insert(0) += 1);
                }
                assert_eq!(pollers.len(), first + second, "{worker_c} workers");
                for listening in shares.iter().flatten() {
                    assert!(listening.is_shared || pollers[&listening.entrance] == 1);
                }
            }
        }
    }
}
