//! One worker whose app goes, and another comes under its number, over a network made of queues.

use ringsocket_ring::ring;

use super::*;
use crate::message::ClientId;
use crate::site::Site;
use crate::worker::changes::{Arrival, Change, Orders};
use crate::worker::testing::{AppEnds, Queue, Socket, one_app, policy, request};

const WAIT: Duration = Duration::from_secs(5);

/// A worker, the main thread's way to it, and the ends of its app.
fn worker() -> (Worker<Queue>, Orders, AppEnds) {
    let (ways, app) = AppEnds::common();
    let mut worker = crate::worker::testing::worker(one_app(), policy(), vec![ways]);
    let orders = worker.orders();
    (worker, orders, app)
}

fn connect(worker: &mut Worker<Queue>) -> Socket {
    worker.meet(&request(""))
}

fn turn(worker: &mut Worker<Queue>) {
    worker.turn().expect("a turn");
}

/// What has been sent to it since.
fn sent(socket: &Socket) -> Vec<u8> {
    socket.sent.take()
}

/// The records that an app finds.
fn records(app: &mut AppEnds) -> Vec<String> {
    app.heard(|record| match record {
        Inbound::Retire { wait } => format!("retire {}", wait.as_secs()),
        Inbound::Open { .. } => "open".to_owned(),
        Inbound::Close { .. } => "close".to_owned(),
        Inbound::End => "end".to_owned(),
        other => format!("{other:?}"),
    })
}

/// A change of nothing but what is served.
fn nothing(site: Arc<Site>) -> Change {
    let (arrivals, departures, hurried) = Default::default();
    Change { arrivals, site, policy: Arc::new(policy()), departures, hurried }
}

/// Has app 0 go. Its presence is held by nobody else once it has gone.
fn dismiss(orders: &Orders) -> Arc<()> {
    let presence = Arc::new(());
    let ((producer, _), (_, consumer)) = (ring(4096).expect("a ring"), ring(4096).expect("a ring"));
    let vacancy = Vacancy { producer, consumer };
    let departure = Departure { app: 0, wait: WAIT, vacancy, presence: Arc::clone(&presence) };
    let site = Arc::new(Site::default());
    let departures = vec![departure];
    orders.give(Change { departures, ..nothing(site) });
    presence
}

#[test]
fn it_goes_when_its_last_client_has_gone_and_its_number_is_used_again() {
    let (mut worker, orders, mut app) = worker();
    let client = connect(&mut worker);
    assert_eq!(records(&mut app), ["open"]);
    let presence = dismiss(&orders);
    turn(&mut worker);
    assert_eq!(records(&mut app), ["retire 5"]);
    assert!(sent(&connect(&mut worker)).starts_with(b"HTTP/1.1 404"));
    assert_eq!(Arc::strong_count(&presence), 2);

    client.has_left.set(true);
    turn(&mut worker);
    assert_eq!(records(&mut app), ["close", "end"]);
    assert!(app.inbound.is_abandoned());
    assert_eq!(Arc::strong_count(&presence), 1);
    worker.net.watched.clear();

    let ((to_app, from_app), mut app) = AppEnds::common();
    let arrivals = vec![Arrival { app: 0, to_app, from_app }];
    orders.give(Change { arrivals, ..nothing(one_app()) });
    assert!(sent(&connect(&mut worker)).starts_with(b"HTTP/1.1 101"));
    assert_eq!(records(&mut app), ["open"]);
}

#[test]
fn clients_are_closed_when_the_time_is_up_or_before_if_they_must() {
    for is_hurried in [false, true] {
        let (mut worker, orders, mut app) = worker();
        let client = connect(&mut worker);
        worker.enrol(0, Some(ClientId::new(0, 0, 1)));
        let presence = dismiss(&orders);
        turn(&mut worker);
        sent(&client);
        if is_hurried {
            let site = Arc::new(Site::default());
            orders.give(Change { hurried: vec![0], ..nothing(site) });
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
        assert_eq!(records(&mut app), ["open", "retire 5", "close", "end"]);
    }
}

#[test]
fn nobody_takes_the_place_of_an_app_that_failed_meanwhile() {
    let (mut worker, orders, mut app) = worker();
    let client = connect(&mut worker);
    let presence = dismiss(&orders);
    worker.to_apps[0].fail();
    app.outbound = ring(4096).expect("a ring").0; // its own end is gone
    turn(&mut worker);
    assert_eq!(Arc::strong_count(&presence), 2, "its client is still there");
    client.has_left.set(true);
    turn(&mut worker);
    assert_eq!(Arc::strong_count(&presence), 1);
    assert_eq!(records(&mut app), ["open"]);
}
