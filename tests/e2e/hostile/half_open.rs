//! Peers that are half there: gone without a word (no FIN, no RST), or with their own direction of the
//! stream shut down, in every state of a connection.

use std::net::Shutdown;

use ringsocket_tests::client::Client;
use ringsocket_tests::frame::{Frame, opcode};
use ringsocket_tests::handshake::Request;
use ringsocket_tests::sys;

use super::*;

/// All waits as short as they can be.
const SHORT: &str = r#""http_head_wait": 1, "shutdown_wait_http": 1, "shutdown_wait_ws": 1,
    "write_stall_wait": 1,"#;

/// From now on the client is gone as if its power had failed.
fn vanish(client: &Client) {
    sys::set_deaf(client.stream()).unwrap();
    // Nor does its own end send anything when the test gives it up.
    sys::set_abort_on_close(client.stream()).unwrap();
}

#[test]
fn who_vanishes_in_the_head_is_given_up_after_both_waits() {
    let mut target = Target::start(SHORT);
    let mut gone: Vec<Client> = (0..20).map(|_| target.tcp()).collect();
    for (i, client) in gone.iter_mut().enumerate() {
        let head = Request::upgrade("localhost", "/echo").to_bytes();
        // Some of them before the first byte.
        client.send_raw(&head[..i * head.len() / 20]).unwrap();
        vanish(client);
    }
    target.wait_connections(1);
    drop(gone);
    target.survived();
}

#[test]
fn who_vanishes_after_the_server_has_closed_is_dropped_at_shutdown_wait_ws() {
    let mut target = Target::start(SHORT);
    let start = Instant::now();
    let mut gone: Vec<Client> = (0..20).map(|_| target.daemon.connect("/faulty")).collect();
    for client in &mut gone {
        client.text("close 4000 go").unwrap();
        vanish(client);
    }
    target.wait_connections(1);
    assert!(start.elapsed() >= Duration::from_secs(1), "dropped after {:?}", start.elapsed());
    drop(gone);
    target.survived();
}

#[test]
fn who_vanishes_while_the_server_sends_is_dropped_at_write_stall_wait() {
    let mut target = Target::start(SHORT);
    let mut gone: Vec<Client> = (0..4).map(|_| target.daemon.connect("/faulty")).collect();
    for client in &mut gone {
        // More than the kernel's buffers take.
        client.text("flood 1 12000000").unwrap();
        assert_eq!(client.stream().peek(&mut [0]).unwrap(), 1);
        vanish(client);
        target.serves();
    }
    target.wait_connections(1);
    drop(gone);
    let log = target.survived();
    assert!(log.contains("dropped: it took nothing for 1s (write_stall_wait)"), "{log}");
}

#[test]
fn who_vanishes_after_its_close_frame_is_over_at_once() {
    // With the long waits of the defaults: none of them is used.
    let mut target = Target::start("");
    let start = Instant::now();
    let mut gone: Vec<Client> = (0..20).map(|i| target.witnessed(&format!("gone{i}"))).collect();
    for client in &mut gone {
        client.close(1001, "").unwrap();
        vanish(client);
    }
    let codes = target.wait_everybody_left();
    assert!(codes.len() == 20 && codes.values().all(|&code| code == 1001), "{codes:?}");
    target.wait_connections(1);
    assert!(start.elapsed() < Duration::from_secs(10), "it took {:?}", start.elapsed());
    drop(gone);
    target.survived();
}

#[test]
fn a_violation_of_a_peer_that_vanishes_ends_at_shutdown_wait_ws() {
    let mut target = Target::start(SHORT);
    let mut gone: Vec<Client> = (0..20).map(|i| target.witnessed(&format!("gone{i}"))).collect();
    for client in &mut gone {
        client.send_raw(&[0xff, 0xff]).unwrap();
        vanish(client);
    }
    let codes = target.wait_everybody_left();
    assert!(codes.len() == 20 && codes.values().all(|&code| code == 1002), "{codes:?}");
    target.wait_connections(1);
    drop(gone);
    target.survived();
}

/// What a client has sent when it shuts its direction down, and the code that the app is told, if
/// the client has got so far as to have one.
fn states() -> Vec<(&'static str, Vec<u8>, Option<u16>)> {
    let text = Frame::new(opcode::TEXT, &[b'a'; 1000]).to_bytes();
    let begun = Frame::new(opcode::TEXT, b"begun").unfinished().to_bytes();
    let mut pieces = vec![
        ("open", Vec::new(), Some(1006)),
        ("in-a-header", text[..3].to_vec(), Some(1006)),
        ("in-a-payload", text[..500].to_vec(), Some(1006)),
        ("between-fragments", begun.clone(), Some(1006)),
        ("in-a-fragment", [begun, text[..500].to_vec()].concat(), Some(1002)),
        ("after-a-message", text, Some(1006)),
        ("after-close", Frame::new(opcode::CLOSE, b"\x03\xe8").to_bytes(), Some(1000)),
        ("after-a-violation", vec![0x83, 0x80], Some(1002)),
    ];
    pieces.insert(0, ("head", Vec::new(), None));
    pieces
}

#[test]
fn a_direction_may_be_shut_down_in_every_state() {
    // With the long waits of the defaults: a stream that has ended is waited for by nobody.
    let mut target = Target::start("");
    let head = Request::upgrade("localhost", "/witness?half").to_bytes();
    let mut clients = Vec::new();
    for cut in [0, 1, head.len() / 2, head.len() - 1] {
        let mut client = target.tcp();
        client.send_raw(&head[..cut]).unwrap();
        client.stream().shutdown(Shutdown::Write).unwrap();
        client.expect_end().unwrap_or_else(|error| panic!("{cut} bytes of a head: {error}"));
        clients.push(client);
    }
    let states = states();
    for (name, bytes, _) in states.iter().filter(|state| state.2.is_some()) {
        let mut client = target.witnessed(name);
        client.send_raw(bytes).unwrap();
        client.stream().shutdown(Shutdown::Write).unwrap();
        // Whatever the server says, it ends the stream in good order.
        while client.receive().unwrap_or_else(|error| panic!("{name}: {error}")) != Message::End {}
        target.serves();
        clients.push(client);
    }
    target.wait_connections(1);
    let codes = target.wait_everybody_left();
    for (name, _, code) in states {
        assert_eq!(codes.get(name).copied(), code, "{name}");
    }
    drop(clients);
    target.survived();
}
