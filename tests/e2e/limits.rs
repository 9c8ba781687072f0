//! Limits of what one client may send: frames, their number, messages and bytes per second.

use std::time::Duration;

use ringsocket_tests::client::{Client, Message};
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::frame::{Frame, opcode};

fn echo(keys: &str) -> Daemon {
    let config = format!(r#"{{ "worker_c": 1, "log_level": "info", {keys} }}"#);
    Builder::new().app("echo").config(&config).start()
}

#[test]
fn rfc6455_10_4_frames_over_their_limits_are_1009() {
    let daemon = echo(r#""max_ws_frame_size": 1000, "max_ws_fragment_c": 3"#);
    let mut client = daemon.connect("/echo");
    let part = Frame::new(opcode::BINARY, &[1; 1000]).unfinished();
    let next = Frame::new(opcode::CONTINUATION, &[1; 1000]);
    let ping = Frame::new(opcode::PING, b"");
    for frame in [&part, &ping, &next.clone().unfinished(), &ping, &next] {
        client.send(frame).unwrap();
    }
    for want in [Message::Pong(Vec::new()), Message::Pong(Vec::new())] {
        assert_eq!(client.receive().unwrap(), want);
    }
    client.expect_binary(&[1; 3000]);
    let mut large = daemon.connect("/echo");
    large.binary(&[1; 1001]).unwrap();
    assert_eq!(large.expect_close(1009), "a frame is larger than the limit");
    for frame in [&part, &next.clone().unfinished(), &next.clone().unfinished(), &next] {
        client.send(frame).unwrap();
    }
    assert_eq!(client.expect_close(1009), "a message has more frames than the limit");
    drop((large, client));
    daemon.stop_well();
}

/// Sends frames until the connection is closed, and gives the reason in the Close frame.
fn flood(client: &mut Client, frame: &Frame<'_>, count: usize) -> String {
    // The end may come while this is being sent.
    let _ = client.send_raw(&frame.to_bytes().repeat(count));
    for _ in 0..count {
        match client.receive().expect("a Close frame before the end") {
            Message::Text(_) | Message::Binary(_) | Message::Pong(_) => {}
            Message::Close(1008, reason) => return reason,
            other => panic!("{other:?}"),
        }
    }
    panic!("{count} frames were answered");
}

#[test]
fn messages_and_control_frames_of_each_kind_have_a_rate() {
    let daemon = echo(r#""max_ws_msg_rate": 100"#);
    let kinds =
        [(opcode::TEXT, "x"), (opcode::BINARY, ""), (opcode::PING, ""), (opcode::PONG, "x")];
    for (kind, payload) in kinds {
        let mut client = daemon.connect("/echo");
        // A second's worth at once is no flood.
        let frame = Frame::new(opcode::TEXT, b"burst");
        client.send_raw(&frame.to_bytes().repeat(100)).unwrap();
        (0..100).for_each(|_| client.expect_text("burst"));
        let reason = flood(&mut client, &Frame::new(kind, payload.as_bytes()), 1000);
        assert_eq!(reason, "you send too many messages", "opcode {kind}");
        client.expect_end().unwrap();
    }
    daemon.wait_log(
        "closed with 1008: it sends more messages per second than it may (max_ws_msg_rate)",
    );
    daemon.stop_well();
}

#[test]
fn bytes_have_a_rate_and_the_app_hears_of_the_end() {
    let config = r#"{ "log_level": "info", "max_ws_byte_rate": 20000 }"#;
    let daemon = Builder::new().app("witness").config(config).start();
    let mut witness = daemon.connect("/witness");
    let mut client = daemon.connect("/witness");
    let reason = flood(&mut client, &Frame::new(opcode::BINARY, &[1; 1000]), 100);
    assert_eq!(reason, "you send too many bytes");
    client.expect_end().unwrap();
    drop(client);
    daemon.wait_log(
        "closed with 1008: it sends more bytes per second than it may (max_ws_byte_rate)",
    );
    witness.text("report").unwrap();
    let report = witness.receive_text();
    assert!(report.contains("1008 you send too many bytes"), "{report}");
    witness.close_cleanly();
    daemon.stop_well();
}

#[test]
fn who_is_on_the_way_out_is_not_closed_again_for_what_still_comes() {
    let keys = r#""max_ws_byte_rate": 20000, "max_ws_msg_rate": 10, "log_level": "info""#;
    let config = format!(r#"{{ "worker_c": 1, {keys} }}"#);
    let daemon = Builder::new().app("echo").app("faulty").config(&config).start();
    let mut rude = daemon.connect("/echo");
    rude.send_raw(b"\x81\x01x").unwrap(); // not masked
    rude.expect_close(1002);
    let mut told = daemon.connect("/faulty");
    told.text("close 4000").unwrap();
    assert!(matches!(told.receive().unwrap(), Message::Close(4000, _)));
    // Neither has taken notice.
    let ping = Frame::new(opcode::PING, b"").to_bytes();
    for client in [&mut rude, &mut told] {
        client.send_raw(&ping.repeat(100)).unwrap();
        client.send_raw(&Frame::new(opcode::BINARY, &[1; 50_000]).to_bytes()).unwrap();
    }
    told.close(4000, "").unwrap();
    told.expect_end().unwrap();
    drop((rude, told));
    let log = daemon.stop_well().log;
    assert!(log.contains("violations 1,") && log.contains("too fast 0,"), "{log}");
    assert!(!log.contains("closed with 1008: "), "{log}"); // the configuration is warned of
}

#[test]
fn who_keeps_to_the_rate_is_not_closed_for_what_nobody_read() {
    // 320 messages in four seconds: the app sleeps and its ring is full, so that they are read all
    // at once.
    let config = r#"{ "worker_c": 1, "inbound_ring_buf_size": 65536, "max_ws_byte_rate": 500000,
        "max_ws_msg_rate": 100 }"#;
    let daemon = Builder::new().app("faulty").config(config).start();
    let mut slow = daemon.connect("/faulty");
    let mut steady = daemon.connect("/faulty");
    let mut filler: Vec<_> = (0..40).map(|_| daemon.connect("/faulty")).collect();
    slow.text("slow 5000").unwrap();
    daemon.wait_log("going to sleep");
    let block = Frame::new(opcode::BINARY, &[1; 10_000]).to_bytes();
    filler.iter_mut().for_each(|client| client.send_raw(&block).unwrap());
    for _ in 0..80 {
        (0..4).for_each(|_| steady.text("x").unwrap());
        std::thread::sleep(Duration::from_millis(50)); // the pace of this client
    }
    (0..320).for_each(|_| steady.expect_text("x"));
    drop((slow, filler));
    steady.close_cleanly();
    daemon.stop_well();
}
