//! Decisions about upgrades that an app makes in a callback which a worker runs.

use std::cell::{Cell, RefCell};
use std::sync::atomic::AtomicBool;

use super::*;

/// So many can be connected in the tests.
const CLIENT_C: u32 = 50;

thread_local! {
    static SOCKETS: RefCell<Vec<Socket>> = const { RefCell::new(Vec::new()) };
    /// How many of these had their answer when the app returned.
    static ANSWERED_C: Cell<u32> = const { Cell::new(0) };
}

/// As many as can be ask an app, which then is called by the worker, once.
fn decide_about_all(decide: fn(ClientId, &mut dyn Sink)) -> Bench {
    let may_be_called = Arc::new(AtomicBool::new(false));
    let is_called = Arc::clone(&may_be_called);
    let mut bench = Bench::new(move |call| match call {
        Call::Take => is_called.swap(false, Ordering::Relaxed),
        Call::CatchUp(sink) => {
            (0..CLIENT_C).for_each(|slot| decide(ClientId::new(0, slot, 1), sink));
            let is_answered = |socket: &&Socket| !socket.sent.borrow().is_empty();
            let count = |sockets: &Vec<_>| sockets.iter().filter(is_answered).count();
            ANSWERED_C.set(SOCKETS.with_borrow(count) as u32);
            false
        }
        Call::Read(..) => panic!("nobody has sent anything"),
    });
    let site = Arc::get_mut(&mut bench.worker.site).expect("the only worker");
    site.routes[0].decides = true;
    for _ in 0..CLIENT_C {
        let socket = bench.worker.net.arrive(&request(""));
        SOCKETS.with_borrow_mut(|sockets| sockets.push(socket));
    }
    (0..3).for_each(|_| bench.turn());
    may_be_called.store(true, Ordering::Relaxed);
    assert!(bench.worker.to_apps[0].push(Inbound::Drain).is_ok());
    bench.turn();
    bench
}

/// By the time the app returned, no more was left to be written than a callback may leave.
#[track_caller]
fn expect_most_to_be_answered(size: usize) {
    let left = (CLIENT_C - ANSWERED_C.get()) as usize;
    assert!(left * size <= FLOOD_AT, "{left} have not been answered");
}

#[test]
fn refusals_of_one_callback_do_not_fill_the_memory() {
    const SIZE: usize = 400_000;
    decide_about_all(|client, sink| {
        let response = [b"HTTP/1.1 403 Forbidden\r\n\r\n", &vec![b'x'; SIZE][..]].concat();
        sink.refuse(client, 403, &response);
    });
    for socket in SOCKETS.take() {
        assert!(socket.sent.borrow().starts_with(b"HTTP/1.1 403 "));
        assert!(socket.sent.borrow().len() > SIZE);
    }
    expect_most_to_be_answered(SIZE);
}

#[test]
fn nor_do_the_header_fields_of_the_accepted() {
    const SIZE: usize = 400_000;
    let mut bench = decide_about_all(|client, sink| {
        let line = [b"X-A: ", &vec![b'x'; SIZE][..], b"\r\n"].concat();
        sink.accept(client, &line);
    });
    for socket in SOCKETS.take() {
        assert!(socket.sent.borrow().starts_with(b"HTTP/1.1 101 "));
        assert!(socket.sent.borrow().ends_with(b"x\r\n\r\n"));
    }
    expect_most_to_be_answered(SIZE);
    // All of them have entered, as the app hears when it has dealt with what came before.
    let heard = bench.app.heard(|record| matches!(record, Inbound::Entered { .. }));
    let entered = heard.iter().filter(|has_entered| **has_entered).count() as u32;
    assert_eq!(entered, CLIENT_C);
}
