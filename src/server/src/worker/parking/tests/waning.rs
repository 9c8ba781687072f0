//! Before it parks: who is waited for, how long, and that clients are served meanwhile.

use super::*;
use crate::worker::Counters;
use crate::worker::changes::Change;

/// What a client has to say to be let in, in two parts.
fn cut_request() -> (Vec<u8>, Vec<u8>) {
    let mut soon = request("");
    let later = soon.split_off(40);
    (soon, later)
}

#[test]
fn handshakes_have_a_little_time() {
    let mut house = House::new();
    house.worker.meet(&cut_request().0);
    house.ask_to_park();
    house.turn();
    house.worker.net.now = house.worker.net.now + GRACE / 2;
    house.turn();
    assert!(house.records().is_empty(), "it wanes");
    house.worker.net.now = house.worker.net.now + GRACE / 2;
    house.turn();
    house.turn();
    assert_eq!(house.records(), ["park"]);
    assert_eq!(house.leave().sockets.len(), 0);
}

#[test]
fn nobody_is_waited_for_who_has_come_in_or_left() {
    let mut house = House::new();
    let (soon, later) = cut_request();
    let [late, gone] = [(); 2].map(|()| house.worker.meet(&soon));
    house.ask_to_park();
    house.turn();
    late.came.borrow_mut().extend(later);
    house.turn();
    house.turn();
    assert_eq!(house.records(), ["open"]);
    assert!(late.sent.take().starts_with(b"HTTP/1.1 101"));
    gone.has_left.set(true);
    house.turn();
    house.turn();
    assert_eq!(house.records(), ["park"]);
    house.open(ClientId::new(0, 0, 1));
    assert_eq!(house.leave().sockets.len(), 1);
}

#[test]
fn who_has_its_answer_is_not_waited_for() {
    let mut house = House::new();
    let visitor = house.worker.meet(b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n");
    house.turn();
    assert!(visitor.sent.take().starts_with(b"HTTP/1.1 404"));
    house.park();
    assert_eq!(house.records(), ["park"]);
}

#[test]
fn a_worker_that_has_waned_serves_until_the_others_have() {
    for is_in_time in [true, false] {
        let (mut house, client, _) = House::with_client();
        let shared = Arc::get_mut(&mut house.worker.shared).expect("nobody else has it");
        shared.counters.push(Counters::default());
        house.park();
        client.came.borrow_mut().extend(text("served"));
        house.turn();
        assert_eq!(house.records(), ["open", "served"]);
        assert!(!house.worker.has_news());
        if is_in_time {
            house.worker.shared.waned_c.fetch_add(1, Ordering::AcqRel);
            assert!(house.worker.has_news());
        } else {
            house.worker.net.now = house.worker.net.now + house.worker.policy.stop / 8;
        }
        house.turn();
        house.turn();
        assert_eq!(house.records(), ["park"]);
        assert_eq!(house.leave().sockets.len(), 1);
    }
}

#[test]
fn a_change_that_comes_amid_a_turn_just_before_the_stop_is_made_before() {
    let mut house = House::new();
    let (orders, site) = (house.worker.orders(), one_app());
    let (arrivals, departures, hurried) = Default::default();
    let (site_then, policy) = (Arc::clone(&site), Arc::new(policy()));
    orders.give(Change { arrivals, site: site_then, policy, departures, hurried });
    house.ask_to_park();
    house.worker.take_step_of_stopping();
    assert!(house.worker.has_news());
    house.turn();
    assert!(Arc::ptr_eq(&house.worker.site, &site), "other workers may have taken it");
    house.turn();
    house.turn();
    assert_eq!(house.records(), ["park"]);
}
