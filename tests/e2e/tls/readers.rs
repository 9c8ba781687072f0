//! Clients with TLS that read slowly, or not at all: what waits for them is bounded as it is for plain
//! ones, records and all.

use ringsocket_tests::client::Message;
use ringsocket_tests::{process, sys};

use super::*;

const MIB: u64 = 1 << 20;

#[test]
fn who_reads_a_little_at_a_time_gets_all_of_it() {
    const SIZE: usize = 1_000_000;
    // More than the kernel's buffers take, and behind all that a ping would be late.
    let house = House::start(r#""ping_wait": 0, "max_backpressure": 8388608,"#);
    for version in versions() {
        let connector = house.offer().version(version).to("localhost");
        let mut slow: Vec<Client> = (0..8)
            .map(|_| {
                let client = house.web_socket(&connector, "/faulty");
                // Not less than a segment of loopback's: TCP would wait for its timers.
                sys::set_receive_buffer(client.stream(), 65_536).unwrap();
                client
            })
            .collect();
        for client in &mut slow {
            client.text(&format!("flood 7 {SIZE}")).unwrap();
        }
        for _ in 0..7 {
            for client in &mut slow {
                client.expect_binary(&vec![b'.'; SIZE]);
                house.serves();
            }
        }
        slow.into_iter().for_each(Client::close_cleanly);
    }
    house.daemon.stop_well();
}

#[test]
fn who_asks_for_more_than_it_reads_is_closed_with_1013() {
    let house = House::start(r#""max_backpressure": 262144, "outbound_block_budget": 16777216,"#);
    let before = process::resident(house.daemon.pid()).unwrap();
    for version in versions() {
        let connector = house.offer().version(version).to("localhost");
        let mut clients: Vec<Client> = (0..4)
            .map(|_| {
                let client = house.web_socket(&connector, "/faulty");
                sys::set_receive_buffer(client.stream(), 65_536).unwrap();
                client
            })
            .collect();
        for client in &mut clients {
            client.text("flood 200 100000").unwrap();
            house.serves();
        }
        // The app answers in order: it has sent all of that once it has answered this.
        let mut last = house.connect("/faulty");
        last.text("request").unwrap();
        last.receive_text();
        last.close_cleanly();
        for mut client in clients {
            let code = loop {
                match client.receive().expect("a Close frame before the end") {
                    Message::Close(code, _) => break code,
                    Message::End => panic!("the end without a Close frame"),
                    _ => {}
                }
            };
            assert_eq!(code, 1013);
            client.answer_close(1013);
        }
    }
    let grown = process::resident_peak(house.daemon.pid()).unwrap().saturating_sub(before);
    assert!(grown < 48 * MIB, "{} MiB for 20 MB each that were asked for", grown / MIB);
    let log = house.daemon.stop_well().log;
    assert!(log.contains("closed with 1013: 262144 bytes wait for it (max_backpressure)"), "{log}");
}

#[test]
fn who_takes_nothing_is_dropped_at_write_stall_wait() {
    let house = House::start(r#""write_stall_wait": 1, "shutdown_wait_ws": 1,"#);
    let mut stuck = house.connect("/faulty");
    sys::set_receive_buffer(stuck.stream(), 16_384).unwrap();
    // More than the kernel's buffers take.
    stuck.text("flood 1 12000000").unwrap();
    house.serves();
    house.daemon.wait_log("dropped: it took nothing for 1s (write_stall_wait)");
    house.serves();
    house.daemon.stop_well();
}
