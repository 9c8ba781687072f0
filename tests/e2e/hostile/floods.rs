//! Much of what is small: pings, pongs and Close frames by the hundred thousand, and many connections
//! that close at once.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use ringsocket_tests::client::{Client, close_payload};
use ringsocket_tests::frame::{Frame, opcode};
use ringsocket_tests::sys;

use super::*;

/// Serves the good client for as long as `flood` runs in a thread of its own, and gives its result.
fn beside<T: Send>(target: &mut Target, flood: impl FnOnce() -> T + Send) -> T {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let result = flood();
            is_over.store(true, Ordering::Release);
            result
        });
        while !is_over.load(Ordering::Acquire) && !flood.is_finished() {
            target.serves();
        }
        flood.join().expect("a flood that goes as planned")
    })
}

#[test]
fn every_ping_of_a_flood_is_answered_in_order_beside_others() {
    const PINGS: u32 = 200_000;
    let mut target = Target::start("");
    let mut client = target.daemon.connect("/echo");
    let flood: Vec<u8> =
        (0..PINGS).flat_map(|i| Frame::new(opcode::PING, &i.to_be_bytes()).to_bytes()).collect();
    let mut writer = client.stream().try_clone().unwrap();
    beside(&mut target, || {
        std::thread::scope(|scope| {
            scope.spawn(move || writer.write_all(&flood).expect("sending a flood"));
            for i in 0..PINGS {
                let pong = client.receive().expect("a pong");
                assert_eq!(pong, Message::Pong(i.to_be_bytes().to_vec()));
            }
        });
        client.close_cleanly();
    });
    assert!(target.grown() < 8 * MIB, "{} KiB", target.grown() >> 10);
    target.survived();
}

#[test]
fn who_sends_pings_and_reads_no_pongs_is_held_back_and_dropped() {
    let mut target = Target::start(r#""write_stall_wait": 1,"#);
    let clients: Vec<Client> = (0..4).map(|i| target.witnessed(&format!("flood{i}"))).collect();
    let flood = Frame::new(opcode::PING, &[b'p'; 125]).to_bytes().repeat(1000);
    let most = 500 * MIB as usize / flood.len();
    beside(&mut target, || {
        std::thread::scope(|scope| {
            for client in &clients {
                sys::set_receive_buffer(client.stream(), 65_536).unwrap();
                let (mut stream, flood) = (client.stream(), &flood);
                scope.spawn(move || {
                    let sent = (0..most).take_while(|_| stream.write_all(flood).is_ok()).count();
                    assert!(sent < most, "never held back, never dropped");
                });
            }
        });
    });
    assert!(target.grown() < 16 * MIB, "{} KiB", target.grown() >> 10);
    let codes = target.wait_everybody_left();
    assert!(codes.len() == 4 && codes.values().all(|&code| code == 1013), "{codes:?}");
    let log = target.survived();
    assert!(log.contains("dropped: it took nothing for 1s (write_stall_wait)"), "{log}");
    assert!(!log.contains("max_backpressure"), "it was read though it does not read: {log}");
}

#[test]
fn pongs_that_nobody_asked_for_cost_nothing() {
    let mut target = Target::start("");
    let mut client = target.daemon.connect("/echo");
    let flood = Frame::new(opcode::PONG, &[b'p'; 125]).to_bytes().repeat(1000);
    beside(&mut target, || {
        (0..500).for_each(|_| client.send_raw(&flood).unwrap());
        client.text("after half a million pongs").unwrap();
        client.expect_text("after half a million pongs");
        client.close_cleanly();
    });
    assert!(target.grown() < 4 * MIB, "{} KiB", target.grown() >> 10);
    target.survived();
}

#[test]
fn fragments_without_a_payload_and_without_an_end_are_1009() {
    let mut target = Target::start(r#""max_ws_msg_size": 65536,"#);
    let mut client = target.witnessed("endless");
    client.send(&Frame::new(opcode::TEXT, b"").unfinished()).unwrap();
    let flood = Frame::new(opcode::CONTINUATION, b"").unfinished().to_bytes().repeat(1000);
    beside(&mut target, move || {
        // It is told, and then heard out, though nothing that it says is of interest any more.
        (0..300).for_each(|_| client.send_raw(&flood).unwrap());
        client.expect_close(1009);
        client.expect_end().unwrap();
    });
    assert!(target.grown() < 4 * MIB, "{} KiB", target.grown() >> 10);
    let codes = target.wait_everybody_left();
    assert_eq!(codes["endless"], 1009);
    let log = target.survived();
    assert!(log.contains("closed with 1009"), "{log}");
}

#[test]
fn only_the_first_of_many_close_frames_is_answered() {
    let mut target = Target::start("");
    for (i, count) in [2, 10, 1000].into_iter().enumerate() {
        let mut client = target.witnessed(&format!("many{i}"));
        let first = Frame::new(opcode::CLOSE, b"\x03\xe8").to_bytes();
        let others = Frame::new(opcode::CLOSE, b"\x03\xe9").to_bytes().repeat(count - 1);
        client.send_raw(&[first, others].concat()).unwrap();
        client.expect_close(1000);
        client.expect_end().unwrap();
    }
    // So many that the connection is over long before they are sent.
    let mut client = target.witnessed("flood");
    let flood = Frame::new(opcode::CLOSE, b"\x03\xe8").to_bytes().repeat(10_000);
    beside(&mut target, || {
        let sent = (0..5000).take_while(|_| client.send_raw(&flood).is_ok()).count();
        assert!(sent < 5000, "it was never cut off");
    });
    let codes = target.wait_everybody_left();
    assert!(codes.len() == 4 && codes.values().all(|&code| code == 1000), "{codes:?}");
    target.survived();
}

#[test]
fn many_connections_may_close_at_once() {
    const CLIENTS: usize = 600;
    let mut target = Target::start("");
    let mut clients: Vec<Client> =
        (0..CLIENTS).map(|i| target.witnessed(&format!("client{i}"))).collect();
    let close = Frame::new(opcode::CLOSE, &close_payload(3000, "all of us")).to_bytes();
    clients.iter_mut().for_each(|client| client.send_raw(&close).unwrap());
    target.serves();
    for client in &mut clients {
        client.expect_close(3000);
        client.expect_end().unwrap();
    }
    // The server has closed first: nothing of them is left though none of them has closed.
    target.wait_connections(1);
    let codes = target.wait_everybody_left();
    assert!(codes.len() == CLIENTS && codes.values().all(|&code| code == 3000), "{codes:?}");
    drop(clients);
    target.survived();
}

#[test]
fn many_connections_may_break_off_at_once() {
    const CLIENTS: usize = 600;
    let mut target = Target::start("");
    let clients: Vec<Client> =
        (0..CLIENTS).map(|i| target.witnessed(&format!("client{i}"))).collect();
    drop(clients);
    let codes = target.wait_everybody_left();
    assert!(codes.len() == CLIENTS && codes.values().all(|&code| code == 1006), "{codes:?}");
    target.survived();
}
