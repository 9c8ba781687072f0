//! Restarts in the midst of reloads, and right after them: whatever becomes of the reload, nobody is lost.

use std::time::Duration;

use super::talk::talk_through;
use super::*;
use ringsocket_tests::prng::Prng;
use ringsocket_tests::sys::Signal;

const ROUNDS: usize = 12;

/// The longest that a restart comes after a reload has begun, in microseconds: a reload takes less.
const MOST: u64 = 60_000;

#[test]
fn restarts_at_any_moment_of_a_reload() {
    let mut house = House::start(r#""worker_c": 2,"#);
    let mut prng = Prng::new(3);
    let mut clients: Vec<_> = (0..2).flat_map(|_| house.connect_all("/echo")).collect();
    let client_c = clients.len();
    for round in 0..ROUNDS {
        // Another app under a name that has no clients, so that there is one to load and one to send home.
        let [new, name] =
            ["witness.new", "apps/witness.so"].map(|name| house.daemon.path().join(name));
        std::fs::copy(ringsocket_tests::apps::app(["topics", "witness"][round % 2]), &new).unwrap();
        std::fs::rename(new, name).unwrap();
        clients = talk_through(clients, |_| {
            house.daemon.signal(Signal::Hup);
            // The moment is the point here; nothing is waited for.
            std::thread::sleep(Duration::from_micros(prng.below(MOST)));
            house.restart(client_c);
        });
        assert_eq!(clients.len(), client_c, "still served in round {round}");
    }
    clients.into_iter().for_each(Client::close_cleanly);
    house.daemon.stop_well();
}

#[test]
fn restarts_right_after_a_reload_and_right_after_a_start() {
    let mut house = House::start("");
    let mut clients = house.connect_all("/keeper");
    clients.iter_mut().for_each(|client| is_served(client, "one"));
    // Whatever becomes of the reload that is under way.
    house.daemon.signal(Signal::Hup);
    house.restart(3);
    for _ in 0..3 {
        house.restart(3);
    }
    house.daemon.reload();
    house.restart(3);
    for mut client in clients {
        assert_eq!(ask(&mut client, "next"), "2");
        client.close_cleanly();
    }
    house.daemon.stop_well();
}
