//! What a publish to a topic with one subscriber costs, among 10,000 clients who all have a topic of
//! their own: as much as a send to one. By turns, in CPU time of the daemon.

use std::time::Duration;

use ringsocket_tests::client::{Client, Message};
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::frame::{Frame, opcode};
use ringsocket_tests::{process, sys};

const CLIENTS: usize = 10_000;
/// Messages in flight.
const WINDOW: usize = 16;
/// Messages of one turn.
const MESSAGES: usize = 8_000;
const TURNS: usize = 9;
/// A publish that looked at every client would cost more than a hundred times as much. What the ratio
/// is (the test prints it, and docs/performance.md has it) a busy machine cannot tell exactly.
const TOLERANCE: f64 = 5.0;

fn start(threads: &str) -> (Daemon, Vec<Client>) {
    // The daemon inherits the limit.
    sys::raise_descriptor_limit().unwrap();
    let config = format!(
        r#"{{ "fd_alloc_c": {}, "worker_c": 2, "ping_wait": 0,
            "apps": [{{ "name": "topics", "threads": "{threads}" }}] }}"#,
        CLIENTS + 100
    );
    let daemon = Builder::new().app("topics").config(&config).sockets_of_one_port(2).start();
    let other = |i| daemon.connect(&format!("/topics?quietly=other-{i}"));
    let others = (1..CLIENTS).map(other).collect();
    (daemon, others)
}

/// CPU time of the daemon for each of so many messages of `byte`, which all come back.
fn cost(daemon: &Daemon, client: &mut Client, byte: u8) -> Duration {
    let payload = [byte; 20];
    let frames = Frame::new(opcode::BINARY, &payload).to_bytes().repeat(WINDOW);
    let before = process::cpu_time(daemon.pid()).unwrap();
    for _ in 0..MESSAGES / WINDOW {
        client.send_raw(&frames).unwrap();
        for _ in 0..WINDOW {
            assert_eq!(client.receive().unwrap(), Message::Binary(payload.to_vec()));
        }
    }
    (process::cpu_time(daemon.pid()).unwrap() - before) / MESSAGES as u32
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

#[test]
fn a_publish_to_one_of_ten_thousand_costs_what_a_send_to_one_costs() {
    let _turn = crate::many_connections();
    for threads in ["own", "any"] {
        let (daemon, others) = start(threads);
        let mut client = daemon.connect("/topics?quietly=measured");
        let (mut sends, mut publishes) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            sends.push(cost(&daemon, &mut client, b's'));
            publishes.push(cost(&daemon, &mut client, b'p'));
        }
        let (send, publish) = (median(sends), median(publishes));
        let ratio = publish.as_secs_f64() / send.as_secs_f64();
        println!("threads {threads}: a send {send:?}, a publish {publish:?}, {ratio:.2} times");
        assert!(ratio < TOLERANCE, "threads {threads}: {ratio:.2}");
        drop((client, others));
        daemon.stop_well();
    }
}
