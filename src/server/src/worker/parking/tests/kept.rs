//! What lives on of a connection beside what is said: its name, which nobody else gets, the time that it
//! has, how much it may send, and how far its end has come.

use std::collections::HashSet;
use std::num::NonZeroU64;
use std::sync::Arc;

use super::*;

impl House {
    /// A house that goes on where this one has come to rest, at the same time.
    fn next(mut self) -> Self {
        let now = self.worker.net.now;
        self.park();
        self.records();
        let mut heir = House::new();
        heir.worker.net.now = now;
        assert_eq!(heir.worker.take_up(self.leave(), Some), 0);
        heir
    }

    fn pass(&mut self, wait: Duration) {
        self.worker.net.now = self.worker.net.now + wait;
        self.turn();
        self.turn(); // what was due in the first has gone out in the second
    }
}

#[test]
fn no_name_is_given_again_in_any_later_process() {
    let mut house = House::new();
    let (stayer, _) = house.connect();
    let mut names = HashSet::from([house.worker.client_id(0)]);
    for _ in 0..3 {
        // One in a place where somebody was before, and one where nobody was.
        let newcomers = [house.connect().0, house.connect().0];
        for slot in 1..3 {
            assert!(names.insert(house.worker.client_id(slot)), "{slot} of {names:?}");
        }
        newcomers.iter().for_each(|client| client.has_left.set(true));
        house.turn();
        assert_eq!(house.worker.peers.in_use(), [0]);
        house = house.next();
        assert!(names.contains(&house.worker.client_id(0)));
    }
    drop(stayer);
}

#[test]
fn who_takes_nothing_and_who_is_only_heard_out_have_no_more_time_than_they_had() {
    for takes_nothing in [true, false] {
        let (mut house, client, id) = House::with_client();
        if takes_nothing {
            client.is_stuck.set(true);
            house.send(id, &frame("in vain"));
        } else {
            client.came.borrow_mut().extend([0x83, 0x80, 0, 0, 0, 0]); // an opcode that there is not
            house.turn();
        }
        let wait = policy().write_stall;
        assert_eq!(wait, policy().shutdown_wait_ws);
        house.pass(wait / 2);
        let mut house = house.next();
        house.pass(wait / 2 - Duration::from_millis(1));
        assert_eq!(house.worker.peers.len(), 1, "it has a millisecond left");
        house.pass(Duration::from_secs(1)); // reminders are rounded
        let closed: &[&str] = if takes_nothing { &["close 1013"] } else { &[] };
        assert_eq!(house.records(), closed);
        assert!(house.worker.peers.is_empty());
    }
}

#[test]
fn who_has_sent_its_share_of_a_second_may_not_send_it_again() {
    let mut house = House::new();
    let policy = Arc::get_mut(&mut house.worker.policy).expect("nobody else has it");
    policy.rates.messages = NonZeroU64::new(10);
    let (client, id) = house.connect();
    house.open(id);
    client.came.borrow_mut().extend(text("x").repeat(10));
    house.turn();
    let mut house = house.next();
    client.sent.take();
    client.came.borrow_mut().extend(text("x"));
    house.turn();
    assert_eq!(client.sent.take()[2..4], 1008_u16.to_be_bytes());
}

#[test]
fn who_has_said_goodbye_is_gone_with_the_answer() {
    let (mut house, client, id) = House::with_client();
    client.sent.take();
    client.is_stuck.set(true);
    client.came.borrow_mut().extend(masked(8, &1000_u16.to_be_bytes()));
    house.turn();
    let mut house = house.next();
    client.is_stuck.set(false);
    house.worker.note_writable(id.slot());
    house.turn();
    assert_eq!(client.sent.take(), [0x88, 2, 0x03, 0xe8]);
    assert!(house.worker.peers.is_empty(), "nothing more can come of it");
}

#[test]
fn what_the_worker_itself_says_comes_behind_the_frames_that_wait() {
    let (mut house, client, id) = House::with_client();
    client.sent.take();
    client.is_stuck.set(true);
    house.send(id, &frame("first"));
    let mut house = house.next();
    client.came.borrow_mut().extend(masked(9, b"ping"));
    house.turn(); // before its app has opened it again
    client.is_stuck.set(false);
    house.worker.note_writable(id.slot());
    house.turn();
    assert_eq!(client.sent.take(), [&frame("first")[..], &[0x8a, 4], b"ping"].concat());
}
