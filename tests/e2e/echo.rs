//! Messages come back whole: all sizes, fragments, pings in between; the same for the C app.

use ringsocket_tests::client::{Client, Message};
use ringsocket_tests::daemon::Builder;
use ringsocket_tests::frame::{Frame, opcode};
use ringsocket_tests::prng::Prng;

/// Around every border: of the length forms, of copying or passing by pointer, of buffers and
/// rings; the last is the largest message allowed by default.
const SIZES: [usize; 17] = [
    0,
    1,
    125,
    126,
    127,
    4096,
    16_383,
    16_384,
    16_385,
    65_535,
    65_536,
    65_537,
    262_143,
    262_145,
    1 << 20,
    (1 << 20) + 1,
    16 << 20,
];

fn random(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    Prng::new(len as u64).fill(&mut bytes);
    bytes
}

/// Text of exactly `len` bytes, with characters of one to four bytes.
fn text(len: usize) -> String {
    let mut text = String::with_capacity(len);
    let mut prng = Prng::new(len as u64);
    while text.len() < len {
        let char = ['a', 'é', '€', '𝄞'][prng.below(4) as usize];
        text.push(if text.len() + char.len_utf8() <= len { char } else { '.' });
    }
    text
}

fn all_sizes(client: &mut Client) {
    for size in SIZES {
        let bytes = random(size);
        client.binary(&bytes).unwrap();
        client.expect_binary(&bytes);
        let text = text(size);
        client.text(&text).unwrap();
        client.expect_text(&text);
    }
}

#[test]
fn binary_and_text_of_every_size() {
    let daemon = Builder::new().app("echo").start();
    let mut client = daemon.connect("/echo");
    all_sizes(&mut client);
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn the_c_app_echoes_every_size() {
    let daemon = Builder::new().c_app("apps/echo-c/echo.c", &[], "echo-c").start();
    let mut client = daemon.connect("/echo-c");
    all_sizes(&mut client);
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn the_cpp_app_echoes_every_size() {
    let daemon = Builder::new().cpp_app("apps/echo-cpp/echo.cpp", &[], "echo-cpp").start();
    let mut client = daemon.connect("/echo-cpp");
    all_sizes(&mut client);
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn one_byte_over_the_largest_size_is_refused() {
    let daemon = Builder::new().app("echo").start();
    let mut client = daemon.connect("/echo");
    let declared = Some((16 << 20) + 1);
    client.send(&Frame { declared, ..Frame::new(opcode::BINARY, b"only the start") }).unwrap();
    client.expect_close(1009);
    client.expect_end().unwrap();
    daemon.stop_well();
}

#[test]
fn fragments_with_pings_between_them() {
    let daemon = Builder::new().app("echo").start();
    let mut client = daemon.connect("/echo");
    let whole = text(100_000);
    let bytes = whole.as_bytes();
    // The second cut is within a character or not; either must do.
    let cuts = [0, 1, 4242, 4242, 65_000, bytes.len()];
    for (i, cut) in cuts.windows(2).enumerate() {
        let kind = if i == 0 { opcode::TEXT } else { opcode::CONTINUATION };
        let is_last = i == cuts.len() - 2;
        let frame = Frame { fin: is_last, ..Frame::new(kind, &bytes[cut[0]..cut[1]]) };
        client.send(&frame).unwrap();
        if !is_last {
            let payload = [i as u8; 125];
            client.ping(&payload).unwrap();
            assert_eq!(client.receive().unwrap(), Message::Pong(payload.to_vec()));
        }
    }
    client.expect_text(&whole);
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn a_byte_at_a_time() {
    let daemon = Builder::new().app("echo").start();
    let mut client = daemon.connect("/echo");
    for byte in Frame::new(opcode::TEXT, "schön langsam".as_bytes()).to_bytes() {
        client.send_raw(&[byte]).unwrap();
    }
    client.expect_text("schön langsam");
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn many_in_one_write_come_back_in_order() {
    let daemon = Builder::new().app("echo").start();
    let mut client = daemon.connect("/echo");
    let texts: Vec<String> = (0..1000).map(|i| format!("number {i}")).collect();
    let mut bytes = Vec::new();
    for text in &texts {
        Frame::new(opcode::TEXT, text.as_bytes()).write(&mut bytes);
    }
    client.send_raw(&bytes).unwrap();
    for text in &texts {
        client.expect_text(text);
    }
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn frames_in_the_same_packet_as_the_request() {
    let daemon = Builder::new().app("echo").start();
    let request = ringsocket_tests::handshake::Request::upgrade("localhost", "/echo");
    let mut bytes = request.to_bytes();
    Frame::new(opcode::TEXT, b"early").write(&mut bytes);
    let mut client = Client::tcp(daemon.address()).unwrap();
    client.send_raw(&bytes).unwrap();
    client.response(true).unwrap().check_switching(&request).unwrap();
    client.expect_text("early");
    client.close_cleanly();
    daemon.stop_well();
}
