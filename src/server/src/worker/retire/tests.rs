//! One worker whose app goes, and another comes under its number, over a network made of queues.

use std::net::SocketAddr;
use std::rc::Rc;

use ringsocket_ring::ring;

use super::*;
use crate::message::{ClientId, PeerAddress};
use crate::site::Site;
use crate::waker::Waker;
use crate::worker::changes::{Arrival, Change, Orders};
use crate::worker::net::Accepted;
use crate::worker::testing::{Queue, Socket, alone, one_app, policy};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

const WAIT: Duration = Duration::from_secs(5);

/// The ends of rings: those of a worker, and those of its app.
fn ends() -> ((ToApp, Consumer), (Consumer, Producer)) {
    let (producer, inbound) = ring(64 * 1024).expect("a ring");
    let (outbound, from_app) = ring(64 * 1024).expect("a ring");
    let waker = Arc::new(Waker::simulated(|| {}));
    ((ToApp::new(producer, 64 * 1024, waker, None), from_app), (inbound, outbound))
}

/// A worker, the main thread's way to it, and the ends of its app.
fn worker() -> (Worker<Queue>, Orders, (Consumer, Producer)) {
    let ((to_app, from_app), of_app) = ends();
    let waker = Arc::new(Waker::simulated(|| {}));
    let (shared, site, net) = (alone(policy()), one_app(), Queue::default());
    let mut worker = Worker::new(0, net, shared, site, waker, vec![to_app], vec![from_app]);
    let orders = worker.orders();
    (worker, orders, of_app)
}

fn connect(worker: &mut Worker<Queue>) -> Socket {
    let socket = Socket::default();
    let address = PeerAddress::inet(SocketAddr::from(([127, 0, 0, 1], 4711)));
    let accepted = Accepted { socket: Rc::clone(&socket), address, entrance: 0 };
    worker.net.waiting.push_back(accepted);
    socket.came.borrow_mut().extend(REQUEST);
    turn(worker);
    turn(worker);
    socket
}

fn turn(worker: &mut Worker<Queue>) {
    worker.turn().expect("a turn");
}

/// What has been sent to it since.
fn sent(socket: &Socket) -> Vec<u8> {
    socket.sent.take()
}

/// The records that an app finds.
fn records(inbound: &mut Consumer) -> Vec<String> {
    let mut names = Vec::new();
    while let Some((_, record)) = inbound.next() {
        let record = Inbound::decode(record.inline, record.block).expect("a record");
        names.push(match record {
            Inbound::Retire { wait } => format!("retire {}", wait.as_secs()),
            Inbound::Open { .. } => "open".to_owned(),
            Inbound::Close { .. } => "close".to_owned(),
            Inbound::End => "end".to_owned(),
            other => format!("{other:?}"),
        });
    }
    let _ = inbound.release();
    names
}

/// Has app 0 go. Its presence is held by nobody else once it has gone.
fn dismiss(orders: &Orders) -> Arc<()> {
    let presence = Arc::new(());
    let ((producer, _), (_, consumer)) = (ring(4096).expect("a ring"), ring(4096).expect("a ring"));
    let vacancy = Vacancy { producer, consumer };
    let departure = Departure { app: 0, wait: WAIT, vacancy, presence: Arc::clone(&presence) };
    let site = Arc::new(Site::default());
    let departures = vec![departure];
    orders.give(Change { arrivals: Vec::new(), site, departures, hurried: Vec::new() });
    presence
}

#[test]
fn it_goes_when_its_last_client_has_gone_and_its_number_is_used_again() {
    let (mut worker, orders, (mut inbound, _outbound)) = worker();
    let client = connect(&mut worker);
    assert_eq!(records(&mut inbound), ["open"]);
    let presence = dismiss(&orders);
    turn(&mut worker);
    assert_eq!(records(&mut inbound), ["retire 5"]);
    assert!(sent(&connect(&mut worker)).starts_with(b"HTTP/1.1 404"));
    assert_eq!(Arc::strong_count(&presence), 2);

    client.has_left.set(true);
    turn(&mut worker);
    assert_eq!(records(&mut inbound), ["close", "end"]);
    assert!(inbound.is_abandoned());
    assert_eq!(Arc::strong_count(&presence), 1);
    worker.net.watched.clear();

    let ((to_app, from_app), (mut inbound, _outbound)) = ends();
    let arrivals = vec![Arrival { app: 0, to_app, from_app }];
    let (departures, hurried) = (Vec::new(), Vec::new());
    orders.give(Change { arrivals, site: one_app(), departures, hurried });
    assert!(sent(&connect(&mut worker)).starts_with(b"HTTP/1.1 101"));
    assert_eq!(records(&mut inbound), ["open"]);
}

#[test]
fn clients_are_closed_when_the_time_is_up_or_before_if_they_must() {
    for is_hurried in [false, true] {
        let (mut worker, orders, (mut inbound, _outbound)) = worker();
        let client = connect(&mut worker);
        worker.enrol(0, Some(ClientId::new(0, 0, 1)));
        let presence = dismiss(&orders);
        turn(&mut worker);
        sent(&client);
        if is_hurried {
            let (arrivals, departures) = (Vec::new(), Vec::new());
            let site = Arc::new(Site::default());
            orders.give(Change { arrivals, site, departures, hurried: vec![0] });
        } else {
            worker.net.now = worker.net.now + (WAIT - Duration::from_millis(1));
            turn(&mut worker);
            turn(&mut worker);
            assert_eq!(sent(&client), b"", "it is not time");
            let wait = worker.net.waited.expect("it is woken");
            assert!(wait <= Duration::from_millis(2), "{wait:?}");
            worker.net.now = worker.net.now + Duration::from_millis(1);
        }
        turn(&mut worker);
        turn(&mut worker);
        let frame = sent(&client);
        assert_eq!((frame[0], &frame[2..4]), (0x88, &1012_u16.to_be_bytes()[..]));
        assert_eq!(Arc::strong_count(&presence), 2, "it may answer");
        client.has_left.set(true);
        turn(&mut worker);
        assert_eq!(Arc::strong_count(&presence), 1);
        assert_eq!(records(&mut inbound), ["open", "retire 5", "close", "end"]);
    }
}

#[test]
fn nobody_takes_the_place_of_an_app_that_failed_meanwhile() {
    let (mut worker, orders, (mut inbound, outbound)) = worker();
    let client = connect(&mut worker);
    let presence = dismiss(&orders);
    worker.to_apps[0].fail();
    drop(outbound);
    turn(&mut worker);
    assert_eq!(Arc::strong_count(&presence), 2, "its client is still there");
    client.has_left.set(true);
    turn(&mut worker);
    assert_eq!(Arc::strong_count(&presence), 1);
    assert_eq!(records(&mut inbound), ["open"]);
}
