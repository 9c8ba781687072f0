//! Deadlines over restarts: they go on, and do not begin anew.

use std::time::{Duration, Instant};

use super::*;
use ringsocket_tests::client::Message;

const SECOND: Duration = Duration::from_secs(1);

/// Waits of this many seconds for pings and for their answers, half of which pass before the restart.
const WAIT: u32 = 4;

#[test]
fn the_wait_for_a_ping_and_that_for_its_answer_go_on() {
    let mut house = House::start(r#""ping_wait": 4, "pong_wait": 4,"#);
    let mut clients = house.connect_all("/echo");
    clients.iter_mut().for_each(|client| is_served(client, "hello"));
    let mut start = Instant::now();
    // What begins anew with the process comes half a wait too late.
    let is_in_time = |start: Instant| {
        let waited = start.elapsed();
        let (soonest, latest) = (SECOND * WAIT * 8 / 10, SECOND * WAIT * 14 / 10);
        assert!(waited > soonest && waited < latest, "after {waited:?}");
    };
    std::thread::sleep(SECOND * WAIT / 2); // the silence of these clients
    house.restart(3);
    for client in &mut clients {
        assert_eq!(client.receive().unwrap(), Message::Ping(Vec::new()));
    }
    is_in_time(start);
    start = Instant::now();
    std::thread::sleep(SECOND * WAIT / 2);
    house.restart(3);
    for mut client in clients {
        assert_eq!(client.expect_close(1008), "no answer to a ping");
        client.answer_close(1008);
    }
    is_in_time(start);
    house.daemon.stop_well();
}
