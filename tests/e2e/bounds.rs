//! Peers that take nothing or send too much: what they cost is bounded, and others do not notice.

use std::time::Duration;

use ringsocket_tests::client::{Client, Message};
use ringsocket_tests::daemon::Builder;
use ringsocket_tests::process;
use ringsocket_tests::sys;

const MIB: u64 = 1 << 20;

/// Reads what had come before the Close frame, and gives its code.
fn code_at_the_end(client: &mut Client) -> u16 {
    loop {
        match client.receive().expect("a Close frame before the end") {
            Message::Binary(_) => {}
            Message::Close(code, _) => return code,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn who_never_reads_is_closed_with_1013_beside_a_broadcast() {
    let daemon = Builder::new().app("broadcast").config(r#"{ "log_level": "info" }"#).start();
    let mut mute = daemon.connect("/broadcast");
    sys::set_receive_buffer(mute.stream(), 65_536).unwrap();
    let mut loud = daemon.connect("/broadcast");
    let before = process::resident(daemon.pid()).unwrap();
    // Far more than the kernel's buffers and max_backpressure together hold.
    let bytes = vec![1; 60_000];
    for _ in 0..1000 {
        loud.binary(&bytes).unwrap();
        loud.expect_binary(&bytes);
    }
    let grown = process::resident_peak(daemon.pid()).unwrap().saturating_sub(before);
    assert!(grown < 16 * MIB, "{} MiB more than before", grown / MIB);
    daemon.wait_log("closed with 1013");
    assert_eq!(code_at_the_end(&mut mute), 1013);
    loud.close_cleanly();
    drop(mute); // it does not answer the Close
    daemon.stop_well();
}

#[test]
fn a_flood_from_the_app_to_a_client_that_reads_too_late_is_bounded() {
    let daemon = Builder::new().app("faulty").start();
    let mut client = daemon.connect("/faulty");
    sys::set_receive_buffer(client.stream(), 65_536).unwrap();
    client.text("flood 2000 50000").unwrap();
    daemon.wait_log("closed with 1013"); // it could otherwise keep pace
    let code = code_at_the_end(&mut client);
    assert_eq!(code, 1013);
    let peak = process::resident_peak(daemon.pid()).unwrap();
    assert!(peak < 200 * MIB, "{} MiB", peak / MIB);
    drop(client); // it does not answer the Close
    daemon.stop_well();
}

#[test]
fn who_was_closed_for_reading_too_slowly_is_not_heard_while_the_close_waits() {
    let daemon = Builder::new().app("faulty").start();
    let mut client = daemon.connect("/faulty");
    sys::set_receive_buffer(client.stream(), 65_536).unwrap();
    client.stream().set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    client.text("flood 2000 50000").unwrap();
    daemon.wait_log("closed with 1013");
    let bytes = vec![1; 50_000];
    let mut sent = 0;
    while client.binary(&bytes).is_ok() {
        sent += bytes.len() as u64;
        assert!(sent < 64 * MIB, "whatever it sends is taken");
    }
    drop(client);
    daemon.stop_well();
}

#[test]
fn an_echo_client_that_only_sends_is_held_back_and_then_dropped() {
    let config = r#"{ "log_level": "info", "write_stall_wait": 1 }"#;
    let daemon = Builder::new().app("echo").config(config).start();
    let mut other = daemon.connect("/echo");
    let mut greedy = daemon.connect("/echo");
    sys::set_receive_buffer(greedy.stream(), 65_536).unwrap();
    let bytes = vec![2; 50_000];
    // It cannot send for ever: what it does not take back is not taken from it, and in the end it
    // is dropped.
    let most = 200 * MIB as usize / bytes.len();
    let sent = (0..most).take_while(|_| greedy.binary(&bytes).is_ok()).count();
    assert!(sent < most, "it was never dropped");
    daemon.wait_log("write_stall_wait");
    let peak = process::resident_peak(daemon.pid()).unwrap();
    assert!(peak < 100 * MIB, "{} MiB", peak / MIB);
    other.text("beside").unwrap();
    other.expect_text("beside");
    other.close_cleanly();
    daemon.stop_well();
}

#[test]
fn a_message_larger_than_max_backpressure_reaches_a_client_that_reads() {
    let daemon = Builder::new().app("echo").start();
    let mut client = daemon.connect("/echo");
    sys::set_receive_buffer(client.stream(), 65_536).unwrap();
    let bytes = vec![3; 12 << 20];
    client.binary(&bytes).unwrap();
    client.expect_binary(&bytes);
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn more_connections_than_allowed_do_not_harm_those_there() {
    let config = r#"{ "fd_alloc_c": 8, "apps": [ { "name": "echo", "app_path": "{apps}/echo.so",
        "endpoints": [ { "endpoint_id": 1, "url": "/echo" } ] } ] }"#;
    let daemon = Builder::new().app("echo").config(config).start();
    let mut inside: Vec<Client> = (0..8).map(|_| daemon.connect("/echo")).collect();
    let mut outside: Vec<Client> = (0..4).map(|_| Client::tcp(daemon.address()).unwrap()).collect();
    for client in &mut inside {
        client.text("inside").unwrap();
        client.expect_text("inside");
    }
    inside.into_iter().for_each(Client::close_cleanly);
    for client in &mut outside {
        assert_eq!(client.response(true).expect("a word to those outside").status, 503);
    }
    drop(outside);
    // Room again.
    let start = std::time::Instant::now();
    while Client::connect(daemon.address(), "/echo").is_err() {
        assert!(start.elapsed() < Duration::from_secs(10), "no room after all left");
    }
    daemon.stop_well();
}

#[test]
fn descriptors_are_given_back() {
    let daemon = Builder::new().app("echo").start();
    daemon.connect("/echo").close_cleanly();
    let before = process::descriptors(daemon.pid()).unwrap();
    for i in 0..200 {
        let mut client = daemon.connect("/echo");
        if i % 2 == 0 {
            client.close_cleanly();
        } else {
            client.send_raw(b"\x81").unwrap();
        }
    }
    let start = std::time::Instant::now();
    while process::descriptors(daemon.pid()).unwrap() > before {
        assert!(start.elapsed() < Duration::from_secs(10), "descriptors leak");
    }
    daemon.stop_well();
}
