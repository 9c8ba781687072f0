//! Who cannot go on, or is about to end: clients that are lost meanwhile, those of apps and workers that
//! are no more, and those whose last words are on the way.

use super::*;

#[test]
fn who_was_lost_meanwhile_is_told_to_the_next_app() {
    let mut house = House::new();
    let (client, id) = house.connect();
    house.records();
    house.open(id);
    house.park();
    assert_eq!(house.records(), ["park"]);
    client.is_reset.set(true);
    house.send(id, &frame("it does not arrive"));
    let left = house.leave();
    assert!(left.sockets.is_empty());
    assert_eq!(left.worker.clients_of(0).count(), 1, "its app has yet to hear");
    let (mut house, lost_c) = House::heir(left);
    house.turn();
    house.turn();
    assert_eq!((lost_c, house.records()), (0, vec!["close 1006".to_owned()]));
    assert!(house.worker.peers.is_empty());
}

#[test]
fn an_app_that_does_not_come_to_an_end_loses_its_clients_and_nobody_waits_longer() {
    let (mut house, client, _) = House::with_client();
    house.ask_to_park();
    house.turn();
    client.sent.take();
    house.worker.net.now = house.worker.net.now + house.worker.policy.stop / 2;
    house.turn();
    assert_eq!(house.turn(), Turn::Parked);
    assert_eq!(client.sent.take()[..4], [0x88, 26, 0x03, 0xf4], "1012");
    let left = house.worker.leave();
    let (house, lost_c) = House::heir(left);
    assert_eq!(lost_c, 0, "it had been closed before");
    assert_eq!(house.worker.clients, [0]);
}

#[test]
fn clients_of_an_app_or_a_worker_that_is_no_more_are_closed_with_1012() {
    for has_worker in [true, false] {
        let (mut house, client, _) = House::with_client();
        house.park();
        let left = house.leave();
        client.sent.take();
        let mut house = House::new();
        let worker = &mut house.worker;
        let lost_c = if has_worker { worker.take_up(left, |_| None) } else { worker.see_off(left) };
        house.turn();
        assert_eq!(lost_c, 1);
        assert_eq!(client.sent.take()[2..4], 1012_u16.to_be_bytes());
        client.came.borrow_mut().extend([0x88, 0x80, 0, 0, 0, 0]);
        house.turn();
        house.turn();
        assert!(house.records().is_empty(), "no app has heard of it");
        client.has_left.set(true);
        house.turn();
        assert!(house.worker.peers.is_empty());
    }
}

#[test]
fn clients_are_closed_even_if_there_is_no_app_at_all_any_more() {
    let (mut house, client, id) = House::with_client();
    house.park();
    let left = house.leave();
    client.sent.take();
    let mut worker = worker(one_app(), policy(), Vec::new());
    assert_eq!(worker.take_up(left, |_| None), 1);
    worker.turn().expect("a turn");
    assert_eq!(client.sent.take()[2..4], 1012_u16.to_be_bytes());
    client.came.borrow_mut().extend([0x88, 0x80, 0, 0, 0, 0]);
    worker.peers.get_mut(id.slot()).expect("it is there").flags.set_readable(true);
    worker.queue_for_reading(worker.peers.token(id.slot()));
    worker.turn().expect("a turn");
    assert_eq!(worker.leave().sockets.len(), 0);
}

#[test]
fn who_was_asked_about_and_never_let_in_is_not_told_to_the_next_app() {
    let mut house = House::with_ring(4096);
    let (_client, id) = house.connect();
    house.records();
    house.park();
    assert_eq!(house.records(), ["park"]);
    let peer = house.worker.peers.get_mut(id.slot()).expect("it is there");
    peer.stage = Stage::Stranger;
    peer.under_way().owes_withdrawal = true;
    let left = house.leave();
    let (mut house, lost_c) = House::heir(left);
    house.turn();
    house.turn();
    assert_eq!((lost_c, house.records()), (0, Vec::new()));
}

/// A house whose clients may send less, which takes up one of another that may have sent more.
fn stricter(left: Left<Socket>, id: ClientId) -> House {
    let mut house = House::new();
    Arc::get_mut(&mut house.worker.policy).expect("its own").protocol.message_size = 50;
    assert_eq!(house.worker.take_up(left, Some), 0);
    house.open(id);
    house
}

/// Its client is closed with 1009, and nothing of it reaches the app.
fn expect_too_big(mut house: House, client: &Socket) {
    house.turn();
    assert_eq!(client.sent.take()[2..4], 1009_u16.to_be_bytes());
    client.came.borrow_mut().extend([&[b'y'; 20][..], &[0x88, 0x80, 0, 0, 0, 0]].concat());
    client.has_left.set(true);
    (0..3).for_each(|_| _ = house.turn());
    let records = house.records();
    assert!(records.iter().all(|record| record.starts_with("close")), "{records:?}");
}

#[test]
fn a_message_that_has_begun_and_is_larger_than_the_next_process_allows_is_not_waited_for() {
    let fragment = [&[0x01], &masked(1, &[b'x'; 60])[1..]].concat();
    for came in [&text(&"x".repeat(100))[..90], &fragment] {
        let (mut house, client, id) = House::with_client();
        client.came.borrow_mut().extend(came);
        house.turn();
        house.park();
        let left = house.leave();
        client.sent.take();
        expect_too_big(stricter(left, id), &client);
    }
}

#[test]
fn a_message_that_is_owed_and_larger_than_the_next_process_allows_reaches_no_app() {
    let (mut house, client, id) = House::congested();
    house.park();
    house.worker.undrained.fill(false); // as if it had come to its end without reading
    house.turn();
    let left = house.worker.leave();
    assert!(matches!(left.worker.peers[0].owed, Some(Owed::Message(..))));
    client.sent.take();
    expect_too_big(stricter(left, id), &client);
}

#[test]
fn an_opening_that_does_not_fit_into_a_smaller_ring_ends_its_connection() {
    for (len, lost_c) in [(1900, 0), (2100, 1)] {
        let (mut house, client, _) = House::with_client();
        house.park();
        let mut left = house.leave();
        client.sent.take();
        left.worker.peers[0].owed = Some(Owed::Open { endpoint: 0, opening: vec![b'x'; len] });
        let mut house = House::with_ring(4096);
        assert_eq!(house.worker.take_up(left, Some), lost_c);
        house.turn();
        let sent = client.sent.take();
        assert_eq!(sent.get(2..4).is_some_and(|code| code == 1012_u16.to_be_bytes()), lost_c == 1);
    }
}

#[test]
fn last_words_that_a_client_has_yet_to_take_go_along() {
    let (mut house, client, id) = House::with_client();
    client.sent.take();
    client.is_stuck.set(true);
    house.send(id, &frame("before"));
    client.came.borrow_mut().extend([0x83, 0x80, 0, 0, 0, 0]); // an opcode that there is not
    house.turn();
    house.park();
    assert_eq!(house.records(), ["open", "close 1002", "park"]);
    let (mut heir, lost_c) = House::heir(house.leave());
    assert_eq!(lost_c, 0, "it had been told before");
    client.is_stuck.set(false);
    heir.worker.note_writable(id.slot());
    heir.turn();
    let sent = client.sent.take();
    let close = sent.strip_prefix(&frame("before")[..]).expect("first what came first");
    assert_eq!((close[0], &close[2..4]), (0x88, &1002_u16.to_be_bytes()[..]));
    client.has_left.set(true);
    heir.turn();
    heir.turn();
    assert!(heir.worker.peers.is_empty() && heir.records().is_empty());
}
