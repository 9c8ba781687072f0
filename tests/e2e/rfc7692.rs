//! What RFC 7692 demands of whole connections: what a client that inflates by itself gets to see of the
//! server's compression. `tests/rfc7692.md` says which sentence is proven where.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_HAS_MORE_INPUT;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};
use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::frame::{Frame, opcode};
use ringsocket_tests::handshake::Request;

const PATIENCE: Duration = Duration::from_secs(20);

/// The first byte of a whole text frame, as it is and compressed.
const PLAIN: u8 = 0x81;
const COMPRESSED: u8 = 0xc1;

/// A server of the echo app with these keys in its configuration.
fn echo(keys: &str) -> Daemon {
    let config = format!(
        r#"{{ {keys} "apps": [ {{ "name": "echo", "app_path": "{{apps}}/echo.so",
            "endpoints": [ {{ "endpoint_id": 1, "url": "/echo" }} ] }} ] }}"#
    );
    Builder::new().app("echo").config(&config).start()
}

/// A connection, and what the server said about extensions.
fn connect(daemon: &Daemon, offer: &str) -> (TcpStream, Option<String>) {
    let mut request = Request::upgrade("localhost", "/echo");
    if !offer.is_empty() {
        request = request.header("Sec-WebSocket-Extensions", offer);
    }
    let mut client = Client::tcp(daemon.address()).unwrap();
    client.send_raw(&request.to_bytes()).unwrap();
    let response = client.response(true).unwrap();
    assert_eq!(response.status, 101, "{}", response.text());
    let (stream, unread) = client.into_stream();
    assert!(unread.is_empty());
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    (stream, response.value("Sec-WebSocket-Extensions").map(str::to_owned))
}

/// Has a text echoed: the first byte and the payload of the frame that comes back.
fn echoed(stream: &mut TcpStream, text: &[u8]) -> (u8, Vec<u8>) {
    stream.write_all(&Frame::new(opcode::TEXT, text).to_bytes()).unwrap();
    next_frame(stream)
}

fn next_frame(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let mut head = [0; 2];
    stream.read_exact(&mut head).unwrap();
    let mut len = vec![0; [2, 8][usize::from(head[1] == 127)]];
    let len = match head[1] {
        short @ ..=125 => usize::from(short),
        126 | 127 => {
            stream.read_exact(&mut len).unwrap();
            len.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte))
        }
        _ => panic!("a masked frame"),
    };
    let mut payload = vec![0; len];
    stream.read_exact(&mut payload).unwrap();
    (head[0], payload)
}

/// A client's decompressor, with a window of some size and nothing beside it.
struct Inflater {
    decompressor: DecompressorOxide,
    window: Vec<u8>,
    at: usize,
}

impl Inflater {
    fn new(bits: u8) -> Self {
        Self { decompressor: DecompressorOxide::new(), window: vec![0; 1 << bits], at: 0 }
    }

    /// The message, or `None` if it refers to what this window does not have.
    fn inflate(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        let stream = [payload, &[0, 0, 0xff, 0xff]].concat();
        let (mut rest, mut message) = (&stream[..], Vec::new());
        loop {
            let flags = TINFL_FLAG_HAS_MORE_INPUT;
            let (status, taken, given) =
                decompress(&mut self.decompressor, rest, &mut self.window, self.at, flags);
            rest = &rest[taken..];
            message.extend_from_slice(&self.window[self.at..self.at + given]);
            self.at = (self.at + given) % self.window.len();
            match status {
                TINFLStatus::HasMoreOutput => {}
                TINFLStatus::NeedsMoreInput => return Some(message),
                _ => return None,
            }
        }
    }
}

/// Text that compresses somewhat, and nothing in it a second time at any distance.
fn prose(len: usize) -> Vec<u8> {
    let words = (1u64..).map(|i| format!("{:x} ", i.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
    words.flat_map(String::into_bytes).take(len).collect()
}

#[test]
fn rfc7692_5_what_is_agreed_on_is_named_and_used() {
    let daemon = echo("");
    let (short, long) = (b"short".to_vec(), prose(5000));
    for offer in ["", "permessage-bzip2", "permessage-deflate; server_max_window_bits=8"] {
        let (mut stream, answer) = connect(&daemon, offer);
        assert_eq!(answer, None, "{offer}");
        assert!(echoed(&mut stream, &long) == (PLAIN, long.clone()), "{offer}");
    }
    let offers = "permessage-deflate; unknown, permessage-deflate; client_max_window_bits";
    let (mut stream, answer) = connect(&daemon, offers);
    // No context is taken over by default.
    let agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    assert_eq!(answer.as_deref(), Some(agreed));
    assert_eq!(echoed(&mut stream, &short), (PLAIN, short));
    let (first, payload) = echoed(&mut stream, &long);
    assert!(first == COMPRESSED && payload.len() < long.len());
    assert!(Inflater::new(15).inflate(&payload).as_ref() == Some(&long));
    // Control frames never are.
    stream.write_all(&Frame::new(opcode::PING, &[b'p'; 125]).to_bytes()).unwrap();
    assert_eq!(next_frame(&mut stream), (0x8a, vec![b'p'; 125]));
    stream.write_all(&Frame::new(opcode::CLOSE, b"\x03\xe8").to_bytes()).unwrap();
    assert_eq!(next_frame(&mut stream), (0x88, vec![3, 0xe8]));
    drop(stream);
    daemon.stop_well();
}

#[test]
fn rfc7692_7_2_1_messages_refer_to_earlier_ones_only_as_agreed() {
    let daemon = echo(r#""deflate_takeover": "both","#);
    let text = prose(5000);
    for (offer, takes_over) in [
        ("permessage-deflate", true),
        ("permessage-deflate; client_no_context_takeover", true),
        ("permessage-deflate; server_no_context_takeover", false),
    ] {
        let (mut stream, answer) = connect(&daemon, offer);
        assert_eq!(answer.as_deref(), Some(offer));
        let (_, first) = echoed(&mut stream, &text);
        let (_, second) = echoed(&mut stream, &text);
        assert_eq!(second.len() < first.len() / 10, takes_over, "{offer}: {}", second.len());
        // With what came before it, or without.
        let mut kept = Inflater::new(15);
        assert!(kept.inflate(&first).as_ref() == Some(&text), "{offer}");
        assert!(kept.inflate(&second).as_ref() == Some(&text), "{offer}");
        let alone = Inflater::new(15).inflate(&second);
        assert_eq!(alone.as_ref() == Some(&text), !takes_over, "{offer}");
    }
    daemon.stop_well();
}

#[test]
fn rfc7692_7_2_1_the_agreed_window_is_kept_to() {
    let daemon = echo(r#""deflate_takeover": "server", "deflate_level": 9,"#);
    for bits in 9..=15 {
        let offer = format!("permessage-deflate; server_max_window_bits={bits}");
        let (mut stream, answer) = connect(&daemon, &offer);
        let agreed = format!(
            "permessage-deflate; client_no_context_takeover; server_max_window_bits={bits}"
        );
        assert_eq!(answer, Some(agreed));
        let mut inflater = Inflater::new(bits);
        // What comes again, within a message or in a later one, comes from every distance.
        for len in [100, 300, 700, 1500, 3000, 6000, 12_000, 24_000, 5000, 300] {
            let text = prose(len).repeat(2);
            let (first, payload) = echoed(&mut stream, &text);
            let message =
                if first == COMPRESSED { inflater.inflate(&payload) } else { Some(payload) };
            assert!(message.as_ref() == Some(&text), "{bits} bits, 2 x {len} bytes");
        }
    }
    daemon.stop_well();
}
