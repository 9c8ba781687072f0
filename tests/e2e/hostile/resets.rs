//! Resets (RST) in every state of a connection. A reset throws away what was sent but not yet read, so
//! a server may meet it anywhere: at accept, in the middle of a head or of a frame, while it sends,
//! while it waits.

use std::io::Read;
use std::net::Shutdown;

use ringsocket_tests::client::Client;
use ringsocket_tests::frame::{Frame, opcode};
use ringsocket_tests::handshake::Request;
use ringsocket_tests::sys;

use super::*;

const ROUNDS: usize = 25;

/// Ends the connection with a reset.
fn reset(client: Client) {
    sys::set_abort_on_close(client.stream()).unwrap();
    drop(client);
}

#[test]
fn before_and_in_the_head() {
    let mut target = Target::start("");
    let head = Request::upgrade("localhost", "/witness?never-opened").to_bytes();
    for round in 0..ROUNDS {
        for cut in [0, 1, 3, head.len() / 2, head.len() - 1] {
            let mut client = target.tcp();
            client.send_raw(&head[..cut]).unwrap();
            if round % 2 == 0 {
                target.serves(); // in half of the rounds the bytes are read before the reset
            }
            reset(client);
        }
        target.serves();
    }
    assert!(target.wait_everybody_left().is_empty());
    target.survived();
}

#[test]
fn between_the_head_and_its_answer() {
    let mut target = Target::start("");
    for round in 0..4 * ROUNDS {
        let mut client = target.tcp();
        let request = Request::upgrade("localhost", &format!("/witness?round{round}"));
        client.send_raw(&request.to_bytes()).unwrap();
        reset(client);
    }
    // Some have reached the app and some have not; who has opened has left.
    let codes = target.wait_everybody_left();
    assert!(codes.values().all(|&code| code == 1006), "{codes:?}");
    target.survived();
}

#[test]
fn after_a_refusal() {
    let mut target = Target::start("");
    for _ in 0..ROUNDS {
        let mut client = target.tcp();
        client.send_raw(&Request::upgrade("localhost", "/nowhere").to_bytes()).unwrap();
        assert_eq!(client.stream().peek(&mut [0]).unwrap(), 1); // the answer is there
        reset(client);
        target.serves();
    }
    target.survived();
}

#[test]
fn in_an_open_connection() {
    let mut target = Target::start("");
    let text = Frame::new(opcode::TEXT, &[b'a'; 1000]).to_bytes();
    let begun = Frame::new(opcode::BINARY, b"begun").unfinished().to_bytes();
    let large = Frame::new(opcode::BINARY, &vec![7; 500_000]).to_bytes();
    let states: [(&str, &[u8]); 6] = [
        ("idle", b""),
        ("in-a-header", &text[..3]),
        ("in-a-payload", &text[..500]),
        ("between-fragments", &begun),
        ("after-a-message", &text),
        ("in-a-large-message", &large[..300_000]),
    ];
    for round in 0..ROUNDS {
        for (state, bytes) in states {
            let mut client = target.witnessed(&format!("{state}{round}"));
            client.send_raw(bytes).unwrap();
            if round % 2 == 0 {
                target.serves();
            }
            reset(client);
        }
    }
    let codes = target.wait_everybody_left();
    assert_eq!(codes.len(), ROUNDS * states.len());
    assert!(codes.values().all(|&code| code == 1006), "{codes:?}");
    let log = target.survived();
    assert!(log.contains("connection lost"), "{log}");
}

#[test]
fn in_the_closing_handshake() {
    let mut target = Target::start("");
    for round in 0..ROUNDS {
        // After our Close frame, read or not.
        let mut ours = target.witnessed(&format!("ours{round}"));
        ours.close(1000, "").unwrap();
        if round % 2 == 0 {
            ours.expect_close(1000);
        }
        reset(ours);
        // After the server's, which nobody answers.
        let mut theirs = target.daemon.connect("/faulty");
        theirs.text("close 4000").unwrap();
        if round % 2 == 0 {
            theirs.expect_close(4000);
        }
        reset(theirs);
        // After the Close frame that a violation brings.
        let mut broken = target.witnessed(&format!("broken{round}"));
        broken.send_raw(&[0x83, 0x80, 0, 0, 0, 0]).unwrap();
        if round % 2 == 0 {
            broken.expect_close(1002);
        }
        reset(broken);
        target.serves();
    }
    // Who was heard is told by its own word; a reset may overtake it if it was not yet read.
    let codes = target.wait_everybody_left();
    assert_eq!(codes.len(), 2 * ROUNDS);
    for (name, code) in codes {
        let round: usize = name.trim_start_matches(char::is_alphabetic).parse().unwrap();
        let want = if name.starts_with("ours") { 1000 } else { 1002 };
        assert!(code == want || (round % 2 == 1 && code == 1006), "{name}: {code}");
    }
    target.survived();
}

#[test]
fn while_the_server_sends() {
    let mut target = Target::start("");
    for round in 0..ROUNDS {
        let mut client = target.daemon.connect("/faulty");
        // More than the kernel's buffers take, so that the server is in the middle of it.
        client.text("flood 4 3000000").unwrap();
        let mut stream = client.stream();
        let mut some = vec![0; 10_000];
        stream.read_exact(&mut some).unwrap();
        if round % 2 == 0 {
            client.stream().shutdown(Shutdown::Write).unwrap(); // a FIN, and then the reset
        }
        reset(client);
        target.serves();
    }
    target.survived();
}
