//! Laying the pipes: rings between every worker and every app, sockets to workers, endpoints to
//! apps. Nothing runs yet.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ringsocket_proto::deflate::Terms;
use ringsocket_proto::upgrade;
use ringsocket_ring::{Consumer, Producer, ring};

use super::loading::Library;
use super::{Fatal, system};
use crate::config::{self, Config, EX_CONFIG};
use crate::deputy::Deputy;
use crate::host::api::Instance;
use crate::host::app_loop::AppLoop;
use crate::host::context::{Context, Facts};
use crate::host::outlets::{Outlet, Outlets};
use crate::host::pace::Threads;
use crate::host::post::{Post, Substitute};
use crate::host::topics::TopicLimits;
use crate::log;
use crate::proxies::Proxies;
use crate::site::{Entrance, Route, Site};
use crate::sys::clock;
use crate::sys::eventfd::EventFd;
use crate::systemd::sockets::{Listener, LocalAddr};
use crate::waker::Waker;
use crate::worker::addresses::Addresses;
use crate::worker::allowance::Rates;
use crate::worker::app_set::AppSet;
use crate::worker::net::{Kernel, Listening};
use crate::worker::press::Compression;
use crate::worker::retire::Vacancy;
use crate::worker::to_app::ToApp;
use crate::worker::{Counters, Policy, Shared, Worker};
use crate::www::Pages;

/// All that is needed to start the threads.
pub(super) struct Plumbing {
    pub(super) shared: Arc<Shared>,
    pub(super) apps: Vec<(Library, PlumbedApp)>,
    pub(super) workers: Vec<PlumbedWorker>,
    pub(super) doors: Vec<Door>,
    /// The apps that could not be loaded, and why.
    pub(super) troubles: Vec<(String, String)>,
}

/// An app, ready to be run on a thread.
pub(super) struct PlumbedApp {
    pub(super) name: Arc<str>,
    pub(super) app: Box<AppLoop>,
    pub(super) post: Arc<Post>,
}

/// A worker, ready to be run on a thread.
pub(super) struct PlumbedWorker {
    pub(super) worker: Worker<Kernel>,
    pub(super) waker: Arc<Waker>,
}

/// A listening socket, as far as it matters for what is served.
pub(super) struct Door {
    port: Option<u16>,
    is_tls: bool,
}

/// A worker's way to an app, and the way back.
pub(super) type Ways = (ToApp, Consumer);

impl Plumbing {
    /// Loads the apps and lays all pipes.
    pub(super) fn lay(config: &Config, listeners: Vec<Listener>) -> Result<Self, Fatal> {
        let (libraries, troubles) = load_apps(config)?;
        let door = |listener: &Listener| Door { port: listener.port, is_tls: listener.is_tls };
        let doors: Vec<_> = listeners.iter().map(door).collect();
        let served = libraries.iter().enumerate();
        let site = Arc::new(build_site(config, served, &doors)?);
        let worker_c = config.worker_c;
        let shared = Arc::new(Shared {
            policy: policy(config),
            stopping: false.into(),
            counters: (0..worker_c).map(|_| Counters::default()).collect(),
            addresses: Addresses::new(
                config.limits.fd_alloc_c,
                config.limits.max_conn_c_per_addr,
                config.limits.max_handshake_rate_per_addr,
            ),
        });
        let wakers = (0..worker_c)
            .map(|_| Ok(Arc::new(Waker::eventfd(EventFd::new()?))))
            .collect::<std::io::Result<Vec<_>>>()
            .map_err(|error| system("make an eventfd", &error))?;
        let mut ends: Vec<(Vec<_>, Vec<_>)> = wakers.iter().map(|_| Default::default()).collect();
        let mut apps = Vec::new();
        for (number, library) in libraries.into_iter().enumerate() {
            let (app, ways) = lay_app(config, number, &library, &wakers)?;
            for ((to_app, from_app), (to_apps, from_apps)) in ways.into_iter().zip(&mut ends) {
                to_apps.push(to_app);
                from_apps.push(from_app);
            }
            apps.push((library, app));
        }
        let sockets = share_out(listeners, worker_c);
        let mut workers = Vec::new();
        let start = clock::monotonic();
        for (index, ((waker, ends), sockets)) in
            wakers.into_iter().zip(ends).zip(sockets).enumerate()
        {
            let event_c = config.limits.epoll_buf_elem_c;
            let net = Kernel::new(event_c, &waker, sockets, start)
                .map_err(|error| system("set up epoll", &error))?;
            let (to_apps, from_apps) = ends;
            let (shared, site, own) = (Arc::clone(&shared), Arc::clone(&site), Arc::clone(&waker));
            let worker = Worker::new(index as u8, net, shared, site, own, to_apps, from_apps);
            workers.push(PlumbedWorker { worker, waker });
        }
        Ok(Self { shared, apps, workers, doors, troubles })
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
        return Err(Fatal::new(EX_CONFIG, text));
    }
    if loaded.is_empty() {
        log::warning!("there are no apps: put their .so files into the apps folder and reload");
    }
    Ok((loaded, troubles))
}

fn policy(config: &Config) -> Policy {
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
        max_backpressure: limits.max_backpressure,
        partial_budget: limits.partial_budget,
        write_stall: waits.write_stall,
        shutdown_wait_http: waits.shutdown_wait_http,
        shutdown_wait_ws: waits.shutdown_wait_ws,
        stop: waits.stop,
        max_connections: limits.fd_alloc_c,
        receive_buffer: limits.worker_rbuf_size,
        compression: config.deflate.map(compression),
    }
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

/// What is served by these apps, each with its number.
pub(super) fn build_site<'a>(
    config: &Config,
    served: impl ExactSizeIterator<Item = (usize, &'a Library)>,
    doors: &[Door],
) -> Result<Site, Fatal> {
    let folders = load_folders(config)?;
    let pages_of = |root: &Option<PathBuf>| folders.get(root.as_deref()?).cloned();
    let mut site = Site {
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
            default_port: if door.is_tls { 443 } else { 80 },
            pages: port.and_then(|port| pages_of(&port.www_root)),
            proxy_protocol: port.is_some_and(|port| port.proxy_protocol),
        });
    }
    Ok(site)
}

/// The folders of pages, each read once, by path.
type Folders<'a> = HashMap<&'a Path, Arc<Pages>>;

fn load_folders(config: &Config) -> Result<Folders<'_>, Fatal> {
    let mut folders = Folders::new();
    for root in config.www_roots() {
        let (pages, warnings) = Pages::load(root).map_err(|error| {
            Fatal::new(EX_CONFIG, format!("www_root {}: {error}", root.display()))
        })?;
        warnings.iter().for_each(|warning| log::warning!("{warning}"));
        folders.insert(root, Arc::new(pages));
    }
    Ok(folders)
}

/// Two rings between an app of this number and each worker. The worker's ends are in the order of
/// the workers.
pub(super) fn lay_app(
    config: &Config,
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
        topics: TopicLimits {
            per_client: limits.max_topics_per_client,
            per_app: limits.max_topics_per_app,
        },
    };
    let context = Context::new(facts, outlets, Arc::clone(post.posted()), clock::monotonic);
    let instance = Instance::new(*callbacks, context);
    let app = Box::new(AppLoop::new(instance, inbound, app.threads));
    Ok((PlumbedApp { name, app, post }, ways))
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
/// a listening socket that nobody polls would strand its clients.
fn share_out(listeners: Vec<Listener>, worker_c: usize) -> Vec<Vec<Listening>> {
    type Socket = (usize, Arc<OwnedFd>);
    let mut groups: Vec<(LocalAddr, Vec<Socket>)> = Vec::new();
    for (entrance, listener) in listeners.into_iter().enumerate() {
        let socket = (entrance, Arc::new(listener.fd));
        match groups.iter_mut().find(|(address, _)| *address == listener.local) {
            Some((_, sockets)) => sockets.push(socket),
            None => groups.push((listener.local, vec![socket])),
        }
    }
    let mut shares: Vec<Vec<Listening>> = (0..worker_c).map(|_| Vec::new()).collect();
    for (_, sockets) in &groups {
        for turn in 0..worker_c.max(sockets.len()) {
            let (entrance, socket) = &sockets[turn % sockets.len()];
            shares[turn % worker_c].push(Listening {
                socket: Arc::clone(socket),
                entrance: *entrance as u16,
                is_shared: worker_c > sockets.len(),
            });
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use std::net::TcpListener;

    fn listener(address: &str) -> Listener {
        let local = LocalAddr::Inet(address.parse().expect("an address"));
        let fd = TcpListener::bind("127.0.0.1:0").expect("a socket").into();
        Listener { fd, name: String::new(), local, port: None, is_tls: false }
    }

    #[test]
    fn every_socket_has_a_worker_and_every_worker_a_socket_of_each_address() {
        for worker_c in 1..6 {
            for (first, second) in [(1, 1), (1, 3), (2, 5), (4, 4)] {
                let one = (0..first).map(|_| listener("127.0.0.1:1"));
                let other = (0..second).map(|_| listener("127.0.0.1:2"));
                let shares = share_out(one.chain(other).collect(), worker_c);
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
