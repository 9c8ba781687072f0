//! Restarts in which a process is killed at any moment: clients are served on or see an end, nobody gets
//! what is not its next answer, and the next process serves.

use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Duration;

use super::talk::{talk, talk_through};
use super::*;
use ringsocket_tests::prng::Prng;
use ringsocket_tests::sys::Signal;

/// How often each process is killed.
const ROUNDS: usize = 12;

/// How many clients there are meanwhile.
const CLIENT_C: usize = 6;

/// A new client is served, and nothing is left in the store.
fn hold_serving(house: &House) {
    assert!(house.daemon.stored().is_empty(), "{:?}", house.daemon.stored());
    for mut client in house.connect_all("/echo") {
        is_served(&mut client, "still here");
        client.close_cleanly();
    }
}

/// Restarts while clients talk. In the first round a process is killed as soon as something has begun, in the
/// second when it has come to its end, and in the others up to so many microseconds after it began, by
/// turns. All clients together are served on or none. Gives how many were in each round.
fn kill_in_rounds(
    seed: u64,
    most: [u64; 2],
    begin: fn(&mut Daemon),
    end: fn(&mut Daemon),
) -> Vec<usize> {
    let mut house = House::start(r#""worker_c": 2,"#);
    let mut prng = Prng::new(seed);
    let round = |round| {
        let clients: Vec<_> = (0..2).flat_map(|_| house.connect_all("/echo")).collect();
        assert_eq!(clients.len(), CLIENT_C);
        let served = talk_through(clients, |_| {
            begin(&mut house.daemon);
            match round {
                0 => {}
                1 => end(&mut house.daemon),
                // The moment of the kill is the point here; nothing is waited for.
                _ => std::thread::sleep(Duration::from_micros(prng.below(most[round % 2]))),
            }
            house.daemon.signal(Signal::Kill);
            house.daemon.start_again();
            house.daemon.wait_ready();
        });
        hold_serving(&house);
        served.len()
    };
    let served: Vec<_> = (0..ROUNDS).map(round).collect();
    assert!(served.iter().all(|&served_c| served_c == 0 || served_c == CLIENT_C), "{served:?}");
    house.daemon.stop_well();
    served
}

#[test]
fn the_old_process_is_killed_at_any_moment() {
    let left = |daemon: &mut Daemon| daemon.wait_log("left to the next process");
    let served = kill_in_rounds(1, [6000, 60_000], |daemon| daemon.begin_restart(), left);
    assert_eq!(served[1], CLIENT_C, "it had left all");
}

#[test]
fn the_new_process_is_killed_at_any_moment() {
    let begin = |daemon: &mut Daemon| {
        daemon.begin_restart();
        daemon.start_again();
    };
    let served = kill_in_rounds(2, [20_000, 150_000], begin, |daemon| daemon.wait_ready());
    assert_eq!(served[1], 0, "it had taken all up");
}

#[test]
fn what_a_process_was_given_and_has_not_touched_is_the_next_ones() {
    let mut house = House::start("");
    let clients = house.connect_all("/echo");
    let served = talk_through(clients, |_| {
        house.daemon.begin_restart();
        house.daemon.start_idle();
        house.daemon.signal(Signal::Kill);
        house.daemon.start_again();
        house.daemon.wait_ready();
    });
    assert_eq!(served.len(), 3);
    served.into_iter().for_each(Client::close_cleanly);
    hold_serving(&house);
    house.daemon.stop_well();
}

#[test]
fn what_systemd_could_not_be_told_to_forget_is_in_nobodys_way() {
    let mut house = House::start("");
    let mut clients = house.connect_all("/echo");
    for name in ["connections", "secrets", "state"] {
        let spent = std::fs::File::open("/dev/null").unwrap();
        house.daemon.store(&format!("ringsocket-handover-{name}"), spent.into());
    }
    house.restart(3);
    clients.iter_mut().for_each(|client| is_served(client, "stayed"));
    clients.into_iter().for_each(Client::close_cleanly);
    house.daemon.stop_well();
}

#[test]
fn a_hand_over_with_something_foreign_in_it_is_dropped() {
    let mut house = House::start("");
    let clients = house.connect_all("/echo");
    house.daemon.begin_restart();
    house.daemon.wait_log("3 connections left to the next process");
    let foreign = std::fs::File::open("/dev/null").unwrap();
    house.daemon.store("ringsocket-handover-state", foreign.into());
    house.daemon.start_again();
    house.daemon.wait_ready();
    house.daemon.wait_log("has left cannot be used, which loses 3 connections");
    for mut client in clients {
        let is_served = talk(&mut client, &AtomicUsize::new(0), &AtomicBool::new(false));
        assert!(!is_served, "nobody is");
    }
    hold_serving(&house);
    house.daemon.stop_well();
}
