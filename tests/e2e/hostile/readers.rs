//! Slow readers: not those that take nothing, who are dropped, but those that take just enough.

use std::io::Read;

use ringsocket_tests::client::Client;
use ringsocket_tests::frame::{Header, Piece, Scanner};
use ringsocket_tests::sys;

use super::*;

/// Counts the payload bytes of a server's frames, which must all be the same byte.
struct Counter {
    scanner: Scanner,
    bytes: usize,
}

impl Counter {
    fn take(&mut self, mut input: &[u8]) {
        while let Some(piece) = self.scanner.next(&mut input).expect("a frame in good order") {
            match piece {
                Piece::Payload(part) => {
                    assert!(part.iter().all(|&byte| byte == b'.'), "another byte");
                    self.bytes += part.len();
                }
                Piece::Header(Header { fin, opcode, .. }) => assert!(fin && opcode == 2),
                Piece::End => {}
            }
        }
    }
}

#[test]
fn who_reads_a_little_at_a_time_gets_all_of_it_and_delays_nobody() {
    const CLIENTS: usize = 32;
    const SIZE: usize = 700_000;
    let mut target = Target::start("");
    let mut readers: Vec<(Client, Counter)> = (0..CLIENTS)
        .map(|_| {
            let client = target.daemon.connect("/faulty");
            sys::set_receive_buffer(client.stream(), 16_384).unwrap();
            (client, Counter { scanner: Scanner::default(), bytes: 0 })
        })
        .collect();
    for (client, _) in &mut readers {
        client.text(&format!("flood 7 {}", SIZE / 7)).unwrap();
    }
    let start = Instant::now();
    let mut chunk = [0; 1000];
    // A kilobyte of each in turn: every one of them is slow, but goes on.
    while readers.iter().any(|(_, counter)| counter.bytes < SIZE) {
        for (client, counter) in readers.iter_mut().filter(|(_, counter)| counter.bytes < SIZE) {
            client.stream().set_read_timeout(Some(PATIENCE)).unwrap();
            let len = client.stream().read(&mut chunk).expect("more of it");
            assert!(len > 0, "the end after {} bytes", counter.bytes);
            counter.take(&chunk[..len]);
        }
        target.serves();
        assert!(start.elapsed() < 3 * PATIENCE, "it takes for ever");
    }
    // Each may have all of its bytes waiting; there is room for no more.
    let grown = target.grown();
    let most = (CLIENTS * SIZE) as u64 + 24 * MIB;

    assert!(grown < most, "{} MiB", grown / MIB);
    for (client, counter) in readers {
        assert!(counter.bytes == SIZE && counter.scanner.is_between_frames());
        client.close_cleanly();
    }
    target.survived();
}

#[test]
fn who_asks_for_more_than_it_reads_is_closed_with_1013() {
    const CLIENTS: usize = 8;
    let mut target =
        Target::start(r#""max_backpressure": 262144, "outbound_block_budget": 16777216,"#);
    let mut readers: Vec<Client> = (0..CLIENTS)
        .map(|_| {
            let client = target.daemon.connect("/faulty");
            sys::set_receive_buffer(client.stream(), 65_536).unwrap();
            client
        })
        .collect();
    for client in &mut readers {
        client.text("flood 200 100000").unwrap();
        target.serves();
    }
    // The app answers in order: once it has answered this, it has sent all of that to clients that
    // have read nothing of it yet.
    let mut last = target.daemon.connect("/faulty");
    last.text("request").unwrap();
    last.receive_text();
    last.close_cleanly();
    for client in &mut readers {
        assert_eq!(close_code(client), 1013);
        client.close(1013, "").unwrap();
        client.expect_end().unwrap();
        target.serves();
    }
    let grown = target.grown();
    assert!(grown < 32 * MIB, "{} MiB for 20 MB each that were asked for", grown / MIB);
    let log = target.survived();
    assert!(log.contains("closed with 1013: 262144 bytes wait for it (max_backpressure)"), "{log}");
}
