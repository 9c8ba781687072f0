//! Connections that come straight to a worker, over a network made of queues: who is let in, who is
//! answered with 429, who is dropped.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::*;
use crate::config::ForwardedHeader;
use crate::proxies::Proxies;
use crate::site::{Entrance, Site};
use crate::worker::testing::{Queue, Socket, policy};

/// A worker that trusts 10.0.0.0/8, with a plain entrance (0) and one for proxies only (1).
fn worker(connections: u64, handshakes: u64) -> Worker<Queue> {
    let trusted = ["10.0.0.0/8".parse().unwrap()];
    let proxies = Proxies::new(&trusted, ForwardedHeader::XForwardedFor);
    let entrance = |proxy_protocol| Entrance { is_tls: false, pages: None, proxy_protocol };
    let entrances = vec![entrance(false), entrance(true)];
    let (connections, handshakes) = (NonZeroU64::new(connections), NonZeroU64::new(handshakes));
    let site = Site { proxies, entrances, ..Site::default() };
    let per_address = PerAddress { connections, handshakes };
    let policy = Policy { per_address, ..policy() };
    let mut worker = crate::worker::testing::worker(Arc::new(site), policy, Vec::new());
    worker.net.now = Millis(1);
    worker
}

/// Connects from an address (`None`: a unix socket).
fn connect(worker: &mut Worker<Queue>, from: Option<&str>, entrance: u16) -> Socket {
    let inet = |text: &str| PeerAddress::inet(SocketAddr::new(text.parse().unwrap(), 4711));
    let (socket, address) = (Socket::default(), from.map_or(PeerAddress::Unix, inet));
    worker.net.waiting.push_back(Accepted { socket: Rc::clone(&socket), address, entrance });
    worker.turn().unwrap();
    socket
}

/// The other end leaves.
fn leave(worker: &mut Worker<Queue>, socket: &Socket) {
    socket.has_left.set(true);
    worker.turn().unwrap();
    worker.net.watched.retain(|(watched, _)| !Rc::ptr_eq(watched, socket));
    worker.turn().unwrap();
    assert_eq!(Rc::strong_count(socket), 1, "closed");
}

/// Whether the worker keeps the connection; if not, it must have been answered with 429.
fn is_let_in(socket: &Socket) -> bool {
    let sent = String::from_utf8(socket.sent.borrow().clone()).unwrap();
    let is_open = Rc::strong_count(socket) > 1;
    assert_eq!(sent.is_empty(), is_open);
    if !is_open {
        assert!(sent.starts_with("HTTP/1.1 429 Too Many Requests\r\n"), "{sent}");
        assert!(sent.contains("\r\nRetry-After: 1\r\n"), "{sent}");
    }
    is_open
}

fn crowded(worker: &Worker<Queue>) -> usize {
    worker.counters().crowded.load(Ordering::Relaxed)
}

#[test]
fn an_address_gets_429_for_the_connection_after_its_last() {
    let mut worker = worker(2, 0);
    let first = connect(&mut worker, Some("192.0.2.7"), 0);
    let second = connect(&mut worker, Some("::ffff:192.0.2.7"), 0);
    assert!(is_let_in(&first) && is_let_in(&second));
    for _ in 0..3 {
        assert!(!is_let_in(&connect(&mut worker, Some("192.0.2.7"), 0)));
    }
    assert_eq!(crowded(&worker), 3);
    let other = connect(&mut worker, Some("192.0.2.8"), 0);
    assert!(is_let_in(&other));
    leave(&mut worker, &first);
    let third = connect(&mut worker, Some("192.0.2.7"), 0);
    assert!(is_let_in(&third));
    assert!(!is_let_in(&connect(&mut worker, Some("192.0.2.7"), 0)));
    [second, other, third].iter().for_each(|socket| leave(&mut worker, socket));
    assert!(worker.shared.addresses.is_empty());
}

#[test]
fn an_address_gets_429_for_the_handshake_after_its_last_in_a_second() {
    let mut worker = worker(0, 5);
    let admitted = |worker: &mut Worker<Queue>, count: usize| {
        (0..count).filter(|_| is_let_in(&connect(worker, Some("2001:db8::7"), 0))).count()
    };
    assert_eq!(admitted(&mut worker, 8), 5);
    worker.net.now = Millis(401);
    assert_eq!(admitted(&mut worker, 8), 2);
    assert!(!is_let_in(&connect(&mut worker, Some("2001:db8::ffff"), 0)), "of the same /64");
    assert!(is_let_in(&connect(&mut worker, Some("2001:db8:0:1::7"), 0)));
}

#[test]
fn this_machine_unix_sockets_and_trusted_proxies_have_no_limit() {
    let mut worker = worker(1, 1);
    for from in [None, Some("127.0.0.1"), Some("::1"), Some("127.9.9.9"), Some("10.1.2.3")] {
        let sockets: Vec<_> = (0..5).map(|_| connect(&mut worker, from, 0)).collect();
        assert!(sockets.iter().all(is_let_in), "{from:?}");
    }
    assert_eq!(crowded(&worker), 0);
}

#[test]
fn a_full_server_answers_503_and_counts_nobody_it_has_not_let_in() {
    let mut worker = worker(40, 0);
    let sockets: Vec<_> = (0..50).map(|_| connect(&mut worker, None, 0)).collect();
    assert!(sockets.iter().all(is_let_in));
    let late = connect(&mut worker, Some("192.0.2.7"), 0);
    let sent = String::from_utf8(late.sent.borrow().clone()).unwrap();
    assert!(sent.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{sent}");
    assert!(sent.contains("\r\nRetry-After: 1\r\n"), "{sent}");
    assert!(worker.shared.addresses.is_empty());
}

#[test]
fn a_connection_counts_for_one_address_whoever_is_trusted_meanwhile() {
    let mut worker = worker(1, 0);
    let socket = connect(&mut worker, Some("192.0.2.7"), 0);
    assert!(!is_let_in(&connect(&mut worker, Some("192.0.2.7"), 0)));
    let trusted = ["192.0.2.0/24".parse().unwrap()];
    let proxies = Proxies::new(&trusted, ForwardedHeader::XForwardedFor);
    worker.site = Arc::new(Site { proxies, ..Site::default() });
    let request = b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.9\r\n\r\n";
    socket.came.borrow_mut().extend(request);
    worker.turn().unwrap();
    assert!(!worker.shared.addresses.is_empty());
    leave(&mut worker, &socket);
    assert!(worker.shared.addresses.is_empty());
}

#[test]
fn a_port_for_proxies_drops_others_before_anything_is_read() {
    let mut worker = worker(1, 1);
    let stranger = connect(&mut worker, Some("192.0.2.7"), 1);
    assert_eq!(Rc::strong_count(&stranger), 1, "closed");
    assert!(stranger.sent.borrow().is_empty() && !stranger.is_read.get());
    assert_eq!(worker.counters().unproxied.load(Ordering::Relaxed), 1);
    for from in [Some("10.1.2.3"), Some("::ffff:10.1.2.3"), None] {
        assert!(is_let_in(&connect(&mut worker, from, 1)), "{from:?}");
    }
}
