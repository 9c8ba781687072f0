//! Callbacks that send more than there is room for while a worker runs them.

use std::thread;
use std::time::Instant;

use ringsocket_tests::client::{Client, Message, PATIENCE};
use ringsocket_tests::process;
use ringsocket_tests::sys;

use super::{one_of_each, start, worker_of};

const MIB: u64 = 1 << 20;

/// Rings as small as they can be, and little memory for large messages.
const NARROW: &str = r#""max_backpressure": 268435456, "inbound_ring_buf_size": 65536,
    "outbound_ring_buf_size": 65536, "outbound_block_budget": 1048576, "max_ws_msg_size": 1048576,"#;

/// Reads the texts of a `flood-others`.
#[track_caller]
fn read_flood(client: &mut Client, count: usize, size: usize) {
    for number in 0..count {
        let text = client.receive_text();
        let end = text.trim_start_matches('.');
        assert_eq!((text.len(), end), (size, number.to_string().as_str()));
    }
}

#[test]
fn a_flood_to_the_own_client_is_bounded_and_the_slow_one_is_closed_with_1013() {
    let daemon = start(&["faulty"], "any", 1, "");
    let mut client = daemon.connect("/faulty");
    assert_eq!(worker_of(&mut client), 0);
    let mut bystander = daemon.connect("/faulty");
    sys::set_receive_buffer(client.stream(), 65_536).unwrap();
    let before = process::resident(daemon.pid()).unwrap();
    client.text("flood 4000 50000").unwrap();
    daemon.wait_log("closed with 1013"); // it could otherwise keep pace
    let code = loop {
        match client.receive().expect("a Close frame before the end") {
            Message::Binary(bytes) => assert_eq!(bytes.len(), 50_000),
            Message::Close(code, _) => break code,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(code, 1013);
    let grown = process::resident_peak(daemon.pid()).unwrap().saturating_sub(before);
    assert!(grown < 16 * MIB, "{} MiB more than before", grown / MIB);
    bystander.text("unharmed").unwrap();
    bystander.expect_text("unharmed");
    drop((client, bystander));
    daemon.stop_well();
}

#[test]
fn a_flood_to_clients_of_a_worker_that_is_busy_arrives_whole() {
    for (count, size) in [(600, 5000), (30, 300_000)] {
        let daemon = start(&["faulty", "other"], "any", 2, NARROW);
        let mut clients = one_of_each(&daemon, "/faulty", 2);
        let mut busy = one_of_each(&daemon, "/other", 2).pop().unwrap();
        busy.text("slow 500").unwrap();
        daemon.wait_log("going to sleep");
        let [sender, receiver] = &mut clients[..] else { unreachable!("two workers") };
        sender.text(&format!("flood-others {count} {size}")).unwrap();
        read_flood(receiver, count, size);
        sender.expect_text("flooded");
        busy.expect_text("slept");
        drop((clients, busy));
        daemon.stop_well();
    }
}

#[test]
fn two_apps_that_flood_each_others_workers_do_not_wait_for_each_other() {
    for (count, size) in [(400, 5000), (20, 300_000)] {
        let daemon = start(&["faulty", "other"], "any", 2, NARROW);
        let mut one = one_of_each(&daemon, "/faulty", 2);
        let mut two = one_of_each(&daemon, "/other", 2);
        two.reverse();
        let began = Instant::now();
        for _ in 0..10 {
            thread::scope(|scope| {
                for pair in [&mut one, &mut two] {
                    let [sender, receiver] = &mut pair[..] else { unreachable!("two workers") };
                    sender.text(&format!("flood-others {count} {size}")).unwrap();
                    scope.spawn(move || {
                        read_flood(receiver, count, size);
                        sender.expect_text("flooded");
                    });
                }
            });
        }
        assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
        drop((one, two));
        daemon.stop_well();
    }
}
