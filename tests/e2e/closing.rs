//! The end of a connection: closing handshakes both ways, violations and their codes, ends without
//! a handshake.

use std::net::Shutdown;

use ringsocket_tests::client::{Message, close_payload};
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::frame::{Frame, LengthForm, opcode};
use ringsocket_tests::sys;

fn echo() -> Daemon {
    Builder::new().app("echo").start()
}

#[test]
fn a_clients_close_is_echoed_with_its_code() {
    let daemon = echo();
    for code in [1000, 1001, 1003, 1008, 1011, 3000, 4999] {
        let mut client = daemon.connect("/echo");
        client.close(code, "bye").unwrap();
        client.expect_close(code);
        client.expect_end().unwrap();
    }
    daemon.stop_well();
}

#[test]
fn a_close_without_a_code_is_echoed_without_one() {
    let daemon = echo();
    let mut client = daemon.connect("/echo");
    client.send(&Frame::new(opcode::CLOSE, b"")).unwrap();
    client.expect_close(1005);
    client.expect_end().unwrap();
    daemon.stop_well();
}

#[test]
fn messages_before_a_close_are_still_answered() {
    let daemon = echo();
    let mut client = daemon.connect("/echo");
    let mut bytes = Vec::new();
    for _ in 0..10 {
        Frame::new(opcode::TEXT, b"last words").write(&mut bytes);
    }
    client.send_raw(&bytes).unwrap();
    for _ in 0..10 {
        client.expect_text("last words");
    }
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn an_app_closes_with_a_code_and_a_reason() {
    let daemon = Builder::new().app("faulty").start();
    let mut client = daemon.connect("/faulty");
    client.text("close 4001 enough of you").unwrap();
    assert_eq!(client.expect_close(4001), "enough of you");
    // Data behind the server's Close is ignored (RFC 6455 section 1.4).
    client.text("too late").unwrap();
    client.close(4001, "").unwrap();
    client.expect_end().unwrap();
    daemon.stop_well();
}

#[test]
fn an_app_cannot_close_with_a_code_that_must_not_be_sent() {
    let daemon = Builder::new().app("faulty").start();
    let mut client = daemon.connect("/faulty");
    for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
        client.text(&format!("close {code}")).unwrap();
        let answer = client.receive_text();
        assert!(answer.starts_with("not closed"), "{code}: {answer}");
    }
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn each_violation_has_its_code() {
    let daemon = echo();
    let text = |payload: &'static [u8]| Frame::new(opcode::TEXT, payload);
    let close = |code: u16| Frame::new(opcode::CLOSE, &[]).with_code(code);
    let long = [b'a'; 126];
    let broken: Vec<(&str, Vec<u8>, u16)> = vec![
        ("unmasked", Frame { mask: None, ..text(b"hi") }.to_bytes(), 1002),
        ("RSV1", Frame { rsv: 4, ..text(b"hi") }.to_bytes(), 1002),
        ("RSV3", Frame { rsv: 1, ..text(b"hi") }.to_bytes(), 1002),
        ("opcode 3", Frame::new(3, b"").to_bytes(), 1002),
        ("opcode 11", Frame::new(11, b"").to_bytes(), 1002),
        ("fragmented ping", Frame::new(opcode::PING, b"").unfinished().to_bytes(), 1002),
        ("long ping", Frame::new(opcode::PING, &long).to_bytes(), 1002),
        ("nothing to continue", Frame::new(opcode::CONTINUATION, b"").to_bytes(), 1002),
        (
            "message in message",
            [text(b"a").unfinished(), text(b"b")].map(|f| f.to_bytes()).concat(),
            1002,
        ),
        ("longer form", Frame { length_form: LengthForm::U16, ..text(b"hi") }.to_bytes(), 1002),
        ("longest form", Frame { length_form: LengthForm::U64, ..text(b"hi") }.to_bytes(), 1002),
        ("half a close code", Frame::new(opcode::CLOSE, b"\x03").to_bytes(), 1002),
        ("close 1005", close(1005), 1002),
        ("close 999", close(999), 1002),
        ("close 1016", close(1016), 1002),
        ("not UTF-8", text(b"\xff").to_bytes(), 1007),
        ("half a character", text(b"\xe2\x82").to_bytes(), 1007),
        ("surrogate", text(b"\xed\xa0\x80").to_bytes(), 1007),
        ("broken fragment", text(b"\xc0").unfinished().to_bytes(), 1007),
    ];
    for (what, bytes, code) in broken {
        let mut client = daemon.connect("/echo");
        client.send_raw(&bytes).unwrap();
        match client.receive() {
            Ok(Message::Close(got, _)) if got == code => {}
            other => panic!("{what}: wanted Close {code}, got {other:?}"),
        }
        client.expect_end().unwrap_or_else(|error| panic!("{what}: {error}"));
    }
    daemon.stop_well();
}

trait WithCode {
    fn with_code(self, code: u16) -> Vec<u8>;
}

impl WithCode for Frame<'_> {
    fn with_code(self, code: u16) -> Vec<u8> {
        Frame { payload: &close_payload(code, ""), ..self }.to_bytes()
    }
}

#[test]
fn unclean_ends_harm_nobody() {
    let daemon = echo();
    let mut witness = daemon.connect("/echo");
    for round in 0..30 {
        let mut client = daemon.connect("/echo");
        match round % 3 {
            0 => sys::set_abort_on_close(client.stream()).unwrap(),
            1 => client.stream().shutdown(Shutdown::Both).unwrap(),
            _ => client.send_raw(&Frame::new(opcode::TEXT, b"cut off").to_bytes()[..8]).unwrap(),
        }
        drop(client);
        witness.text("still there").unwrap();
        witness.expect_text("still there");
    }
    witness.close_cleanly();
    daemon.stop_well();
}

#[test]
fn a_half_closed_stream_without_a_close_frame_is_ended() {
    let daemon = echo();
    let mut client = daemon.connect("/echo");
    client.stream().shutdown(Shutdown::Write).unwrap();
    client.expect_end().unwrap();
    daemon.stop_well();
}
