//! Limits and times.

use std::time::{Duration, Instant};

use ringsocket_tests::frame::{Frame, opcode};

use super::*;

#[test]
fn messages_become_smaller_but_none_that_has_begun() {
    let daemon = builder("{}").app("echo").start();
    let (mut client, mut busy) = (daemon.connect("/echo"), daemon.connect("/echo"));
    busy.send(&Frame::new(opcode::BINARY, &[1; 5000]).unfinished()).unwrap();
    busy.ping(b"").unwrap();
    assert_eq!(busy.receive().unwrap(), Message::Pong(Vec::new()));
    change(&daemon, r#"{ "max_ws_msg_size": 1000, "max_ws_fragment_c": 1 }"#);
    busy.send(&Frame::new(opcode::CONTINUATION, &[1; 5000])).unwrap();
    busy.expect_binary(&[1; 10_000]);
    client.binary(&[1; 1000]).unwrap();
    client.expect_binary(&[1; 1000]);
    client.binary(&[1; 1001]).unwrap();
    client.expect_close(1009);
    busy.binary(&[1; 1001]).unwrap();
    busy.expect_close(1009);
    drop((client, busy));
    // And as large as they were, as the app was told.
    change(&daemon, "{}");
    let mut client = daemon.connect("/echo");
    client.binary(&[1; 1_000_000]).unwrap();
    client.expect_binary(&[1; 1_000_000]);
    client.close_cleanly();
    daemon.stop_well();
}

/// An app may have memory for no larger message than it was told of.
#[test]
fn messages_become_larger_once_no_app_runs_that_was_told_otherwise() {
    let small = r#"{ "max_ws_msg_size": 1000 }"#;
    let daemon = builder(small).c_app("tests/apps/version.c", &["VERSION=one"], "app").start();
    let mut old = connect_to(&daemon, "/app", "one");
    change(&daemon, r#"{ "max_ws_msg_size": 5000 }"#);
    daemon.wait_log("`max_ws_msg_size` (5000) stays 1000 for as long as this app runs");
    let mut client = connect_to(&daemon, "/app", "one");
    client.binary(&[1; 1001]).unwrap();
    client.expect_close(1009);
    drop(client);
    install(&daemon, "app", "two", &[]);
    reload(&daemon);
    old.expect_text("draining 60000000");
    let mut new = connect_to(&daemon, "/app", "two");
    new.binary(&[1; 1000]).unwrap();
    new.expect_binary(&[1; 1000]);
    old.close_cleanly();
    daemon.wait_log("messages of 5000 bytes can be taken now");
    new.binary(&[1; 5000]).unwrap();
    new.expect_binary(&[1; 5000]);
    new.close_cleanly();
    daemon.stop_well();
}

#[test]
fn who_was_left_alone_is_sent_pings() {
    let daemon = builder(r#"{ "ping_wait": 0 }"#).app("echo").start();
    let mut silent = daemon.connect("/echo");
    let mut mute = daemon.connect("/echo");
    echoes(&mut silent, "here");
    let start = Instant::now();
    change(&daemon, r#"{ "ping_wait": 2, "pong_wait": 60 }"#);
    for client in [&mut silent, &mut mute] {
        expect_ping(client);
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    }
    silent.send(&Frame::new(opcode::PONG, b"")).unwrap();
    change(&daemon, r#"{ "ping_wait": 1000, "pong_wait": 1 }"#);
    mute.expect_close(1008);
    echoes(&mut silent, "still here");
    silent.close_cleanly();
    daemon.stop_well();
}

#[test]
fn fewer_connections_let_those_stay_that_are_there() {
    let daemon = builder(r#"{ "fd_alloc_c": 10, "worker_c": 1 }"#).app("echo").start();
    let mut clients: Vec<_> = (0..4).map(|_| daemon.connect("/echo")).collect();
    change(&daemon, r#"{ "fd_alloc_c": 3, "worker_c": 1 }"#);
    clients.iter_mut().for_each(|client| echoes(client, "a place"));
    // Whoever is one too many is answered at once, without being asked.
    let refused = || {
        let mut client = Client::tcp(daemon.address()).unwrap();
        client.response(true).is_ok_and(|response| response.status == 503)
    };
    assert!(refused());
    clients.pop().expect("a client").close_cleanly();
    assert!(refused());
    clients.pop().expect("a client").close_cleanly();
    clients.push(daemon.connect("/echo"));
    // More than there was memory for at the start.
    change(&daemon, r#"{ "fd_alloc_c": 200, "worker_c": 1 }"#);
    clients.extend((0..100).map(|_| daemon.connect("/echo")));
    clients.iter_mut().for_each(|client| echoes(client, "a place"));
    clients.into_iter().for_each(Client::close_cleanly);
    daemon.stop_well();
}

#[test]
fn rates_and_frames_have_limits_for_those_who_are_there() {
    let daemon = builder("{}").app("echo").start();
    let (mut quick, mut long) = (daemon.connect("/echo"), daemon.connect("/echo"));
    (0..200).for_each(|_| quick.text("x").unwrap());
    (0..200).for_each(|_| quick.expect_text("x"));
    change(&daemon, r#"{ "max_ws_msg_rate": 10, "max_ws_frame_size": 100 }"#);
    (0..10).for_each(|_| echoes(&mut quick, "x"));
    (0..100).for_each(|_| {
        let _ = quick.text("x"); // the end may come in between
    });
    let is_over = (0..100).any(|_| matches!(quick.receive(), Ok(Message::Close(1008, _))));
    assert!(is_over, "no limit");
    long.binary(&[1; 101]).unwrap();
    long.expect_close(1009);
    daemon.stop_well();
}

#[test]
fn topics_have_limits_in_apps_that_run() {
    let daemon = builder("{}").app("topics").start();
    let mut client = daemon.connect("/topics");
    let mut subscribe = |topic: &str| {
        client.text(&format!("sub {topic}")).unwrap();
        client.receive_text()
    };
    let ok = subscribe("a");
    assert_eq!(subscribe("b"), ok);
    change(&daemon, r#"{ "max_topics_per_client": 2 }"#);
    assert_ne!(subscribe("c"), ok);
    change(&daemon, r#"{ "max_topics_per_client": 3 }"#);
    assert_eq!(subscribe("c"), ok);
    daemon.stop_well();
}

#[test]
fn the_time_for_a_stop_is_that_of_the_last_configuration() {
    let daemon = builder(r#"{ "stop_wait": 60 }"#).app("echo").start();
    let mute = daemon.connect("/echo"); // answers no Close frame
    change(&daemon, r#"{ "stop_wait": 2 }"#);
    let ended = daemon.stop_well();
    assert!(ended.took < Duration::from_secs(15), "{:?}", ended.took);
    drop(mute);
}

#[test]
fn compression_is_for_who_comes_after_it() {
    let daemon = builder(r#"{ "deflate_level": 0 }"#).app("echo").start();
    let offer = |daemon: &Daemon| {
        let host = daemon.address().to_string();
        let request = Request::upgrade(&host, "/echo");
        let request = request.header("Sec-WebSocket-Extensions", "permessage-deflate");
        Client::open(daemon.address(), &request).expect("an upgrade")
    };
    let text = "again and again ".repeat(100);
    let mut plain = offer(&daemon);
    change(&daemon, r#"{ "deflate_takeover": "both" }"#);
    let mut pressed = offer(&daemon);
    for count in 1..=3 {
        pressed.compressed_text(&text).unwrap();
        pressed.expect_text(&text);
        assert_eq!(pressed.deflate().received.len(), count);
        echoes(&mut plain, &text);
    }
    // It keeps what was agreed on: what it compresses is inflated, by what it said before.
    change(&daemon, r#"{ "deflate_level": 0 }"#);
    for _ in 0..3 {
        pressed.compressed_text(&text).unwrap();
        pressed.expect_text(&text);
        assert_eq!(pressed.deflate().received.len(), 3, "it need not be compressed");
    }
    change(&daemon, "{}");
    pressed.compressed_text(&text).unwrap();
    pressed.expect_text(&text);
    assert_eq!(pressed.deflate().received.len(), 4);
    [plain, pressed].into_iter().for_each(Client::close_cleanly);
    daemon.stop_well();
}
