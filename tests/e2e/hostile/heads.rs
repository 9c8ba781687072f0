//! Request heads that come slowly, or never to an end.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use ringsocket_tests::client::{Client, Message};
use ringsocket_tests::frame::{Frame, opcode};
use ringsocket_tests::handshake::Request;

use super::*;

/// Whether anything can be read, or the stream has ended.
fn has_news(client: &Client) -> bool {
    client.stream().set_nonblocking(true).unwrap();
    let seen = client.stream().peek(&mut [0]);
    client.stream().set_nonblocking(false).unwrap();
    match seen {
        Err(error) if error.kind() == ErrorKind::WouldBlock => false,
        other => other.map(|_| true).expect("an answer, or nothing yet"),
    }
}

#[test]
fn a_head_that_drips_for_ever_is_408_at_http_head_wait_and_dropped_later() {
    const CLIENTS: usize = 50;
    let mut target = Target::start(r#""http_head_wait": 1, "shutdown_wait_http": 1,"#);
    let start = Instant::now();
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| target.tcp()).collect();
    let head = Request::get("localhost", "/echo").header("X", &"x".repeat(8000)).to_bytes();
    let mut dripping = head.iter();
    while !clients.iter().all(has_news) {
        let byte = dripping.next().expect("an answer long before the head's end");
        for client in &mut clients {
            client.send_raw(&[*byte]).unwrap();
        }
        target.serves();
        std::thread::sleep(Duration::from_millis(5)); // the pace of these clients
        assert!(start.elapsed() < Duration::from_secs(4), "no answer at the deadline");
    }
    // Bytes that come do not move the deadline, and nobody was answered before it.
    assert!(start.elapsed() >= Duration::from_secs(1), "answered after {:?}", start.elapsed());
    for client in &mut clients {
        let response = client.response(true).expect("an answer at the deadline");
        assert_eq!(response.status, 408, "{}", response.text());
        assert_eq!(client.receive().expect("the end behind the answer"), Message::End);
    }
    // They neither go nor fall silent, and are dropped for it.
    while clients.iter_mut().any(|client| client.send_raw(b"x").is_ok()) {
        target.serves();
        std::thread::sleep(Duration::from_millis(5)); // as above
        assert!(start.elapsed() < PATIENCE, "it goes on reading what it has no use for");
    }
    target.wait_connections(1);
    target.survived();
}

#[test]
fn a_whole_conversation_may_come_byte_by_byte() {
    let mut target = Target::start("");
    let mut client = target.tcp();
    let request = Request::upgrade("localhost", "/echo");
    let drip = |client: &mut Client, bytes: &[u8]| {
        bytes.iter().for_each(|byte| client.send_raw(&[*byte]).unwrap());
    };
    drip(&mut client, &request.to_bytes());
    client.response(true).unwrap().check_switching(&request).unwrap();
    // Each form of the length.
    for len in [0, 125, 126, 300, 65_536] {
        let bytes = vec![len as u8; len];
        drip(&mut client, &Frame::new(opcode::BINARY, &bytes).to_bytes());
        client.expect_binary(&bytes);
        target.serves();
    }
    // A text in fragments that cut its characters, with control frames between them.
    let text = "drüben 🙂";
    for (i, byte) in text.bytes().enumerate() {
        let kind = if i == 0 { opcode::TEXT } else { opcode::CONTINUATION };
        let payload = [byte];
        drip(&mut client, &Frame::new(kind, &payload).unfinished().to_bytes());
        drip(&mut client, &Frame::new(opcode::PING, &payload).to_bytes());
        assert_eq!(client.receive().unwrap(), Message::Pong(payload.to_vec()));
    }
    drip(&mut client, &Frame::new(opcode::CONTINUATION, b"").to_bytes());
    client.expect_text(text);
    drip(&mut client, &Frame::new(opcode::CLOSE, b"\x03\xe8bye").to_bytes());
    client.expect_close(1000);
    client.expect_end().unwrap();
    target.survived();
}
