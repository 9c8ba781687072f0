//! What RFC 6455 demands of whole connections, by section, where no unit test of `ringsocket-proto` can
//! show it: it takes TCP, an app, or both. `tests/rfc6455.md` says which sentence is proven where.

use std::io::Read;
use std::time::{Duration, Instant};

use ringsocket_tests::client::{Client, Message, close_payload};
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::frame::{Frame, opcode};
use ringsocket_tests::handshake::Request;
use ringsocket_tests::process;

const PATIENCE: Duration = Duration::from_secs(20);

/// The codes that may stand in a Close frame: all that are assigned, and the ends of both ranges for
/// libraries and applications.
const CODES: [u16; 16] = [
    1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999,
];

fn with_apps(names: &[&str]) -> Daemon {
    names.iter().fold(Builder::new(), |builder, name| builder.app(name)).start()
}

/// All bytes up to the end of the stream, which the server has to bring about.
#[track_caller]
fn rest(client: Client) -> Vec<u8> {
    let (mut stream, mut bytes) = client.into_stream();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.read_to_end(&mut bytes).expect("the end of the stream");
    bytes
}

fn server_frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    Frame { mask: None, ..Frame::new(opcode, payload) }.to_bytes()
}

#[test]
fn rfc6455_4_2_1_nothing_is_processed_after_a_handshake_that_is_refused() {
    let daemon = with_apps(&["echo"]);
    let good = Request::upgrade("localhost", "/echo");
    let frame = Frame::new(opcode::TEXT, b"hello").to_bytes();
    for (bad, status) in [
        (good.clone().with("Sec-WebSocket-Version", "8"), 426),
        (good.clone().with("Sec-WebSocket-Key", "short"), 400),
        (good.clone().without("Host"), 400),
        (Request { target: "/nowhere".into(), ..good.clone() }, 404),
    ] {
        let mut client = Client::tcp(daemon.address()).unwrap();
        client.send_raw(&[bad.to_bytes(), good.to_bytes(), frame.clone()].concat()).unwrap();
        assert_eq!(client.response(true).unwrap().status, status);
        assert_eq!(rest(client), b"", "something follows the {status}");
    }
    daemon.stop_well();
}

#[test]
fn rfc6455_5_1_and_6_1_what_the_server_sends_byte_by_byte() {
    let daemon = with_apps(&["echo"]);
    let mut client = daemon.connect("/echo");
    let (mut sent, mut wanted) = (Vec::new(), Vec::new());
    for len in [0, 1, 125, 126, 65_535, 65_536, 200_000] {
        let payload = vec![b'x'; len];
        for opcode in [opcode::TEXT, opcode::BINARY] {
            Frame::new(opcode, &payload).write(&mut sent);
            // No mask, no reserved bit, FIN, the opcode that came, the shortest length.
            wanted.extend(server_frame(opcode, &payload));
        }
    }
    client.send_raw(&sent).unwrap();
    let (mut stream, mut got) = client.into_stream();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    got.resize(wanted.len(), 0);
    stream.read_exact(&mut got).unwrap();
    assert!(got == wanted, "other bytes than the frames that are due");
    drop(stream);
    daemon.stop_well();
}

#[test]
fn rfc6455_5_5_1_nothing_follows_the_servers_close_frame() {
    let daemon = with_apps(&["faulty"]);
    let mut other = daemon.connect("/faulty");
    let mut client = daemon.connect("/faulty");
    client.text("afterword 4000").unwrap();
    assert_eq!(client.expect_close(4000), "the last word");
    // What it sends now is not answered, and what others send does not reach it.
    client.ping(b"there?").unwrap();
    client.text("echo").unwrap();
    other.text("others hello everybody").unwrap();
    other.text("done").unwrap();
    other.expect_text("done");
    client.close(4000, "").unwrap();
    assert_eq!(rest(client), b"", "after the Close frame");
    other.close_cleanly();
    daemon.stop_well();
}

#[test]
fn rfc6455_5_5_1_the_answer_to_a_close_frame_is_the_last() {
    let daemon = with_apps(&["faulty"]);
    let mut other = daemon.connect("/faulty");
    for round in 0..50 {
        let mut client = daemon.connect("/faulty");
        let close = Frame::new(opcode::CLOSE, &close_payload(3000 + round, "bye")).to_bytes();
        let late = Frame::new(opcode::PING, b"late").to_bytes();
        other.text("others hello everybody").unwrap();
        client.send_raw(&[close, late].concat()).unwrap();
        let bytes = rest(client);
        let last = server_frame(opcode::CLOSE, &close_payload(3000 + round, ""));
        assert!(bytes.ends_with(&last), "{bytes:?}");
        let before = &bytes[..bytes.len() - last.len()];
        let greeting = server_frame(opcode::TEXT, b"hello everybody");
        assert!(before.is_empty() || before == greeting, "{before:?}");
    }
    other.close_cleanly();
    daemon.stop_well();
}

/// Waits until the daemon has so many descriptors open.
#[track_caller]
fn wait_descriptors(daemon: &Daemon, count: usize) {
    let start = Instant::now();
    while process::descriptors(daemon.pid()).unwrap() != count {
        assert!(start.elapsed() < PATIENCE, "{:?}", process::descriptors(daemon.pid()));
    }
}

#[test]
fn rfc6455_7_1_1_the_server_closes_tcp_first_and_at_once() {
    let daemon = with_apps(&["faulty"]);
    daemon.connect("/faulty").close_cleanly();
    let before = process::descriptors(daemon.pid()).unwrap();
    let start = Instant::now();
    // Whoever begins: the client keeps its end open, and the server's is gone.
    let mut client = daemon.connect("/faulty");
    client.close(1000, "").unwrap();
    wait_descriptors(&daemon, before);
    client.expect_close(1000);
    client.expect_end().unwrap();
    let mut other = daemon.connect("/faulty");
    other.text("close 4000 go").unwrap();
    other.expect_close(4000);
    other.close(4000, "").unwrap();
    wait_descriptors(&daemon, before);
    other.expect_end().unwrap();
    assert!(start.elapsed() < Duration::from_secs(10), "only after {:?}", start.elapsed());
    drop((client, other));
    daemon.stop_well();
}

#[test]
fn rfc6455_7_1_1_a_peer_that_stays_is_dropped_at_shutdown_wait_ws() {
    const WAIT: Duration = Duration::from_secs(2);
    let config = r#"{ "shutdown_wait_ws": 2, "apps": [
        { "name": "faulty", "app_path": "{apps}/faulty.so",
          "endpoints": [ { "endpoint_id": 1, "url": "/faulty" } ] } ] }"#;
    let daemon = Builder::new().app("faulty").config(config).start();
    daemon.connect("/faulty").close_cleanly();
    // Not what is open for a moment only: libc reads files of its own when threads first allocate.
    let count = |_| {
        std::thread::sleep(Duration::from_millis(20));
        process::descriptors(daemon.pid()).unwrap()
    };
    let before = (0..10).map(count).min().unwrap();
    for violates in [false, true] {
        let start = Instant::now();
        let mut client = daemon.connect("/faulty");
        if violates {
            client.send_raw(&[0xff]).unwrap();
            client.expect_close(1002);
        } else {
            client.text("close 4000").unwrap();
            client.expect_close(4000);
        }
        // It neither answers nor goes.
        wait_descriptors(&daemon, before);
        assert!(start.elapsed() >= WAIT, "violates: {violates}: after {:?}", start.elapsed());
        assert!(start.elapsed() < 4 * WAIT, "violates: {violates}: after {:?}", start.elapsed());
        client.expect_end().unwrap();
    }
    daemon.stop_well();
}

/// Reasons of all kinds of length, the longest in characters of one byte and of several.
fn reasons() -> Vec<String> {
    let longest = ["x".repeat(123), "é".repeat(61) + "x", "€".repeat(41)];
    assert!(longest.iter().all(|reason| reason.len() == 123));
    ["", "x", "a reason"].map(str::to_owned).into_iter().chain(longest).collect()
}

#[test]
fn rfc6455_5_5_1_codes_and_reasons_of_an_app_reach_the_client() {
    let daemon = with_apps(&["faulty"]);
    for reason in reasons() {
        for code in CODES {
            let mut client = daemon.connect("/faulty");
            client.text(&format!("close {code} {reason}")).unwrap();
            if code == 1010 {
                // That one is for clients (section 7.4.1).
                assert!(client.receive_text().starts_with("not closed"));
                continue;
            }
            assert_eq!(client.expect_close(code), reason);
            client.close(code, "").unwrap();
            client.expect_end().unwrap();
        }
    }
    let mut client = daemon.connect("/faulty");
    client.text(&format!("close 4000 {}", "x".repeat(124))).unwrap();
    assert!(client.receive_text().starts_with("not closed"), "a reason of 124 bytes");
    client.close_cleanly();
    daemon.stop_well();
}

/// The line that the witness has about the end of a client.
#[track_caller]
fn witnessed_end(reporter: &mut Client, name: &str) -> String {
    let start = Instant::now();
    loop {
        reporter.text("report").unwrap();
        let report = reporter.receive_text();
        let line = report.lines().find(|line| line.starts_with(&format!("close {name} ")));
        if let Some(line) = line {
            return line.to_owned();
        }
        assert!(start.elapsed() < PATIENCE, "nothing about the end of {name}: {report}");
    }
}

#[test]
fn rfc6455_5_5_1_codes_and_reasons_of_a_client_reach_the_app() {
    let daemon = with_apps(&["witness"]);
    let mut reporter = daemon.connect("/witness?reporter");
    for (i, reason) in reasons().into_iter().enumerate() {
        for code in CODES {
            let name = format!("client-{i}-{code}");
            let mut client = daemon.connect(&format!("/witness?{name}"));
            client.close(code, &reason).unwrap();
            client.expect_close(code);
            client.expect_end().unwrap();
            let want = format!("close {name} {code} {reason}");
            assert_eq!(witnessed_end(&mut reporter, &name), want);
        }
    }
    reporter.close_cleanly();
    daemon.stop_well();
}

#[test]
fn rfc6455_7_1_5_ends_without_a_code_are_told_as_1005_and_1006_but_never_sent() {
    let daemon = with_apps(&["witness"]);
    let mut reporter = daemon.connect("/witness?reporter");
    let mut client = daemon.connect("/witness?codeless");
    client.send(&Frame::new(opcode::CLOSE, b"")).unwrap();
    assert_eq!(rest(client), [0x88, 0]);
    assert_eq!(witnessed_end(&mut reporter, "codeless"), "close codeless 1005 ");
    drop(daemon.connect("/witness?dropped"));
    assert_eq!(witnessed_end(&mut reporter, "dropped"), "close dropped 1006 ");
    for reserved in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, u16::MAX] {
        let mut client = daemon.connect(&format!("/witness?reserved{reserved}"));
        client.close(reserved, "").unwrap();
        let bytes = rest(client);
        assert_eq!(bytes[2..4], 1002u16.to_be_bytes(), "answer to {reserved}");
        let line = witnessed_end(&mut reporter, &format!("reserved{reserved}"));
        assert!(line.starts_with(&format!("close reserved{reserved} 1002 ")), "{line}");
    }
    reporter.close_cleanly();
    daemon.stop_well();
}

#[test]
fn rfc6455_7_1_7_nothing_is_processed_after_a_violation() {
    let daemon = with_apps(&["echo"]);
    let before = Frame::new(opcode::TEXT, b"before").to_bytes();
    for (violation, code) in [
        (vec![0x83, 0x80, 0, 0, 0, 0], 1002),
        (Frame { mask: None, ..Frame::new(opcode::TEXT, b"x") }.to_bytes(), 1002),
        (Frame::new(opcode::TEXT, b"\xff").to_bytes(), 1007),
        (Frame { declared: Some(1 << 40), ..Frame::new(opcode::TEXT, b"") }.to_bytes(), 1009),
    ] {
        let mut client = daemon.connect("/echo");
        let after = [
            Frame::new(opcode::TEXT, b"after").to_bytes(),
            Frame::new(opcode::PING, b"after").to_bytes(),
            Frame::new(opcode::CLOSE, &close_payload(1000, "")).to_bytes(),
        ];
        client.send_raw(&[before.clone(), violation, after.concat()].concat()).unwrap();
        // An app's answer to what came before may be too late for the Close frame.
        match client.receive().unwrap() {
            Message::Text(text) => {
                assert_eq!(text, "before");
                client.expect_close(code);
            }
            Message::Close(got, _) => assert_eq!(got, code),
            other => panic!("{other:?}"),
        }
        assert_eq!(rest(client), b"", "after Close {code}");
    }
    daemon.stop_well();
}
