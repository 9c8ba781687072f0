//! Small versions of the soaks, for every run of the tests: many connections, random sizes, each
//! byte verified; and many connections that send nothing. Apart from `e2e`, so that their load does
//! not disturb its time limits.

mod secure;
mod silent;
mod topics;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringsocket_tests::soak::restart::{self, Own};
use ringsocket_tests::soak::scenario::{self, Scale};

const MIB: u64 = 1 << 20;

/// For tests that open ten thousand connections: two at a time would be more than a process may have.
static MANY_CONNECTIONS: Mutex<()> = Mutex::new(());

/// Waits for one's turn to open as many.
fn many_connections() -> MutexGuard<'static, ()> {
    // Whoever panicked with it in hand has let go of its connections.
    MANY_CONNECTIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn scale(connections: usize, messages: u32, window: u32) -> Scale {
    Scale { connections, messages, largest: 65_536, window, seed: 7, workers: Some(2) }
}

#[test]
fn every_echoed_byte_comes_back_in_order() {
    let report = scenario::echo(&scale(200, 30, 3)).unwrap();
    assert_eq!(report.delivered, 6000);
}

#[test]
fn small_messages_many_in_flight() {
    let report = scenario::echo(&Scale { largest: 300, ..scale(64, 1000, 16) }).unwrap();
    assert_eq!(report.delivered, 64_000);
}

#[test]
fn everybody_gets_every_broadcast_message_in_one_order() {
    let report = scenario::broadcast(&scale(200, 50, 8)).unwrap();
    assert_eq!(report.delivered, 10_000);
}

#[test]
fn in_every_way_to_send_messages_reach_whom_they_are_for() {
    let scale = Scale { workers: Some(4), ..scale(200, 0, 8) };
    let (report, ways) = scenario::stress(&scale, Duration::from_secs(10)).unwrap();
    assert!(ways.iter().all(|count| *count > 0), "{ways:?}");
    assert!(report.delivered > 1000, "{report}");
}

#[test]
fn bad_clients_cost_the_good_ones_nothing() {
    let (report, ends) = scenario::beside(&scale(20, 100, 3)).unwrap();
    assert_eq!((report.delivered, ends.len()), (2000, 3));
    assert!(report.resident_peak < 300 * MIB, "{} MiB", report.resident_peak / MIB);
}

#[test]
fn restarts_under_load_lose_nothing() {
    let _turn = many_connections();
    let mut daemon = Own::start(300);
    let report = restart::run(&mut daemon, 300, 10).unwrap_or_else(|error| panic!("{error}"));
    daemon.stop();
    println!("{report}");
    assert_eq!(report.restarts.len(), 10);
    // Twice for each restart, and twice to the app that counts.
    assert!(report.messages >= 300 * 20 + 300, "{report}");
}
