//! One worker that parks, and another that takes up what it has left, over a network made of queues.
//! What is left goes by way of bytes.

mod ends;
mod kept;
mod waning;

use std::sync::Arc;

use super::*;
use crate::message::{ClientId, Inbound, Outbound, Scope};
use crate::worker::Turn;
use crate::worker::parked::Left;
use crate::worker::peer::Owed;
use crate::worker::testing::{AppEnds, Queue, Socket, masked, one_app, policy, request, worker};

/// A worker, and the ends of its app's rings.
struct House {
    worker: Worker<Queue>,
    app: AppEnds,
}

impl House {
    fn new() -> Self {
        Self::with_ring(64 * 1024)
    }

    fn with_ring(size: usize) -> Self {
        let (ways, app) = AppEnds::of(size, 64 * 1024, None);
        Self { worker: worker(one_app(), policy(), vec![ways]), app }
    }

    /// A house with a client, for whom `open` has returned.
    fn with_client() -> (Self, Socket, ClientId) {
        let mut house = Self::new();
        let (client, id) = house.connect();
        house.open(id);
        (house, client, id)
    }

    /// A house whose app has no room for all that its client has sent.
    fn congested() -> (Self, Socket, ClientId) {
        let mut house = Self::with_ring(4096);
        let (client, id) = house.connect();
        house.open(id);
        (0..100).for_each(|at| client.came.borrow_mut().extend(text(&format!("{at:0100}"))));
        for _ in 0..30 {
            house.turn();
        }
        (house, client, id)
    }

    /// A house that takes up what another has left.
    fn heir(left: Left<Socket>) -> (Self, usize) {
        let mut house = Self::new();
        let lost_c = house.worker.take_up(left, Some);
        (house, lost_c)
    }

    fn turn(&mut self) -> Turn {
        self.worker.turn().expect("a turn")
    }

    /// A client that has been let in, and its app told.
    fn connect(&mut self) -> (Socket, ClientId) {
        let socket = self.worker.meet(&request(""));
        let id = ClientId::new(0, self.worker.peers.len() as u32 - 1, 1);
        (socket, id)
    }

    /// The app's `open` returns, in this process or again in the next.
    fn open(&mut self, id: ClientId) {
        self.tell(&Outbound::opened_head(), &[id], &[]);
    }

    fn send(&mut self, id: ClientId, frame: &[u8]) {
        self.tell(&Outbound::send_head(Scope::Listed, 1), &[id], frame);
    }

    fn tell(&mut self, head: &[u8], clients: &[ClientId], payload: &[u8]) {
        let ids: Vec<_> = clients.iter().flat_map(|id| id.to_u64().to_ne_bytes()).collect();
        self.app.write(&[head, &ids, payload]);
        self.app.publish(&self.worker);
        self.turn();
    }

    /// What the app finds in its ring.
    fn records(&mut self) -> Vec<String> {
        self.app.heard(|record| match record {
            Inbound::Open { .. } => "open".to_owned(),
            Inbound::Message { payload, .. } => String::from_utf8_lossy(payload).into_owned(),
            Inbound::Close { code, .. } => format!("close {code}"),
            Inbound::Park => "park".to_owned(),
            Inbound::Upgrade { .. } => "upgrade".to_owned(),
            Inbound::Entered { .. } => "entered".to_owned(),
            other => format!("{other:?}"),
        })
    }

    fn ask_to_park(&mut self) {
        self.worker.shared.parking.store(true, Ordering::Relaxed);
        self.worker.shared.stopping.store(true, Ordering::Relaxed);
    }

    /// Has it come to rest, as far as it can without its app.
    fn park(&mut self) {
        self.ask_to_park();
        self.turn();
        self.turn();
    }

    /// What the worker leaves, by way of bytes, once its app has said that it has parked.
    fn leave(mut self) -> Left<Socket> {
        self.tell(&Outbound::parked_head(), &[], &[]);
        assert_eq!(self.turn(), Turn::Parked);
        let Left { worker, sockets, secrets } = self.worker.leave();
        let bytes = postcard::to_stdvec(&worker).expect("it can be written");
        Left { worker: postcard::from_bytes(&bytes).expect("and read"), sockets, secrets }
    }
}

/// A text as a client sends it.
fn text(payload: &str) -> Vec<u8> {
    masked(1, payload.as_bytes())
}

/// A text as it is sent to a client.
fn frame(payload: &str) -> Vec<u8> {
    [&[0x81, payload.len() as u8], payload.as_bytes()].concat()
}

#[test]
fn what_was_under_way_goes_on_both_ways_and_under_the_same_name() {
    let mut house = House::new();
    let (gone, _) = house.connect();
    let (client, id) = house.connect();
    gone.has_left.set(true);
    house.turn();
    house.open(id);
    assert_eq!(house.records(), ["open", "open", "close 1006"]);
    let half = text("half a message");
    client.came.borrow_mut().extend(text("whole").iter().chain(&half[..9]));
    house.turn();
    house.send(id, &frame("first"));
    client.sent.take();
    client.is_stuck.set(true);
    house.ask_to_park();
    house.turn();
    // What comes from here on is the next process's; what the app still sends is not lost.
    client.came.borrow_mut().extend(&half[9..]);
    house.turn();
    assert_eq!(house.records(), ["whole", "park"]);
    house.send(id, &frame("last words"));
    assert!(client.sent.borrow().is_empty());
    let left = house.leave();
    assert_eq!(left.sockets.len(), 1);
    assert_eq!(left.worker.clients_of(0).map(|(id, _)| id).collect::<Vec<_>>(), [id]);

    client.is_stuck.set(false);
    let (mut house, lost_c) = House::heir(left);
    assert_eq!((lost_c, house.worker.counters().connections.load(Ordering::Relaxed)), (0, 1));
    house.worker.net.watched.clear();
    house.worker.note_writable(id.slot());
    house.open(id);
    assert_eq!(client.sent.take(), frame("last words"));
    house.worker.peers.get_mut(id.slot()).expect("it is there").flags.set_readable(true);
    house.worker.queue_for_reading(house.worker.peers.token(id.slot()));
    house.turn();
    assert_eq!(house.records(), ["half a message"]);
    house.send(id, &frame("an answer"));
    assert_eq!(client.sent.take(), frame("an answer"));
    // The name of the one who left is not given again.
    let (_, other) = (house.connect(), house.worker.peers.token(0));
    assert!(other.generation > 1, "{other:?}");
}

#[test]
fn what_the_ring_had_no_room_for_reaches_the_next_app_in_order() {
    let mut house = House::with_ring(4096);
    let (client, id) = house.connect();
    assert_eq!(house.records(), ["open"]);
    house.open(id);
    let messages: Vec<_> = (0..100).map(|at| format!("{at:0100}")).collect();
    let half = messages[99].len() / 2;
    let mut bytes: Vec<_> = messages.iter().flat_map(|message| text(message)).collect();
    let rest = bytes.split_off(bytes.len() - half);
    client.came.borrow_mut().extend(bytes);
    for _ in 0..30 {
        house.turn();
    }
    house.ask_to_park();
    house.turn();
    let mut records = house.records();
    assert!((10..60).contains(&records.len()), "{} records", records.len());
    house.turn();
    records.extend(house.records());
    assert_eq!(records.pop().as_deref(), Some("park"));
    client.came.borrow_mut().extend(rest);

    let (mut house, lost_c) = House::heir(house.leave());
    assert_eq!(lost_c, 0);
    house.open(id);
    for _ in 0..30 {
        house.turn();
    }
    records.extend(house.records());
    assert_eq!(records, messages);
}

#[test]
fn what_is_written_down_is_what_the_next_version_reads() {
    // Whoever finds that this has changed raises `handover::FORMAT`, and then this.
    const LAYOUT: (usize, u32) = (345, 3_092_981_892);
    let mut house = House::with_ring(4096);
    let (gone, _) = house.connect();
    let (client, id) = house.connect();
    let (busy, _) = house.connect();
    house.open(id);
    client.is_stuck.set(true);
    client.came.borrow_mut().extend(&text("half a message")[..9]);
    house.turn();
    house.send(id, &frame("not taken"));
    busy.came.borrow_mut().extend((0..60).flat_map(|_| text(&"x".repeat(100))));
    (0..30).for_each(|_| _ = house.turn());
    house.ask_to_park();
    house.turn();
    while !house.records().contains(&"park".to_owned()) {
        house.turn();
    }
    gone.is_reset.set(true);
    house.send(ClientId::new(0, 0, 1), &frame("in vain"));
    house.tell(&Outbound::parked_head(), &[], &[]);
    assert_eq!(house.turn(), Turn::Parked);
    let bytes = postcard::to_stdvec(&house.worker.leave().worker).expect("it can be written");
    let mut sum = flate2::Crc::new();
    sum.update(&bytes);
    assert_eq!((bytes.len(), sum.sum()), LAYOUT);
}

#[test]
fn what_an_app_was_owed_that_was_given_up_does_not_reach_the_next() {
    let (mut house, _client, _) = House::congested();
    house.ask_to_park();
    house.turn();
    house.worker.net.now = house.worker.net.now + house.worker.policy.stop;
    house.turn();
    house.turn();
    let (mut house, lost_c) = House::heir(house.worker.leave());
    for _ in 0..5 {
        house.turn();
    }
    assert_eq!((lost_c, house.records()), (0, Vec::new()));
    assert_eq!(house.worker.clients, [0]);
}

#[test]
fn an_app_that_fails_while_its_worker_parks_keeps_nobody_awake() {
    let (mut house, _client, _) = House::congested();
    house.ask_to_park();
    house.turn();
    assert!(house.worker.is_parking());
    house.worker.undrained = vec![true]; // as if there were another app
    house.worker.to_apps[0].fail();
    assert!(!house.worker.to_apps[0].waiting.is_empty(), "it waits");
    assert!(!house.worker.has_news(), "nothing can be done");
}

#[test]
fn who_was_let_in_while_the_ring_was_full_enters_before_all_comes_to_rest() {
    let mut house = House::with_ring(4096);
    let site = Arc::get_mut(&mut house.worker.site).expect("nobody else has it");
    site.routes[0].decides = true;
    let (client, id) = house.connect();
    assert_eq!(house.records(), ["upgrade"]);
    let other = Inbound::Message { client: ClientId::new(0, 9, 9), text: false, payload: b"." };
    while house.worker.to_apps[0].push(other).is_ok() {}
    house.tell(&Outbound::accept_head(), &[id], b"");
    assert!(client.sent.take().starts_with(b"HTTP/1.1 101 "));
    client.came.borrow_mut().extend(text("hello"));
    house.park();
    assert!(house.records().iter().all(|record| record == "."), "there was no room");
    house.turn();
    assert_eq!(house.records(), ["entered", "park"]);
    house.open(id);
    let (mut house, lost_c) = House::heir(house.leave());
    assert_eq!(lost_c, 0);
    house.open(id);
    house.worker.net.watched.clear();
    house.worker.peers.get_mut(id.slot()).expect("it is there").flags.set_readable(true);
    house.worker.queue_for_reading(house.worker.peers.token(id.slot()));
    (0..3).for_each(|_| _ = house.turn());
    assert_eq!(house.records(), ["hello"]);
}

#[test]
fn who_was_let_in_before_its_app_could_hear_is_no_client_of_the_next() {
    let mut house = House::new();
    let (_client, id) = house.connect();
    house.park();
    house.records();
    house.worker.peers.get_mut(id.slot()).expect("it is there").under_way().owed =
        Some(Owed::Entered);
    let (mut house, _) = House::heir(house.leave());
    house.turn();
    house.turn();
    assert_eq!(house.records(), Vec::<String>::new());
    assert!(house.worker.peers.is_empty());
}
