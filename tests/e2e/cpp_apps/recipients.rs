//! The context: whom an app reaches, what it is told of clients and of the server, its timer, and
//! its log.

use std::io::ErrorKind;
use std::time::Duration;

use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::handshake::Request;

fn start() -> Daemon {
    let config = r#"{ "worker_c": 2, "apps": [ { "name": "typed", "app_path": "{apps}/typed.so",
        "endpoints": [ { "endpoint_id": 7, "url": "/typed" } ] } ] }"#;
    let builder = Builder::new().cpp_app("tests/apps/cpp-typed.cpp", &[], "typed");
    builder.config(config).sockets(2).start()
}

/// A client of this worker's socket that has got its greeting.
fn greeted(daemon: &Daemon, worker: usize) -> Client {
    let mut client = Client::connect(daemon.addresses()[worker], "/typed").unwrap();
    client.receive_text();
    client
}

#[track_caller]
fn says(client: &mut Client, command: &str, want: &str) {
    client.text(&format!("!{command}")).unwrap();
    client.expect_text(want);
}

#[test]
fn open_sees_the_request_and_may_turn_it_away() {
    let daemon = start();
    let target = "/typed?a=%z&room=caf%C3%A9+bar";
    let request =
        Request::upgrade("localhost", target).header("X-Name", "Ann").header("X-Name", "B");
    let request = request.header("Sec-WebSocket-Protocol", "other, typed.v1, typed.v2");
    let mut client = Client::open(daemon.address(), &request).unwrap();
    client.expect_text("/typed|a=%z&room=caf%C3%A9+bar|typed.v1|Ann|none|café bar|2");
    client.close_cleanly();
    let client = daemon.connect("/typed?x&away");
    assert_eq!(client.expect_closed(4123), "not today");
    greeted(&daemon, 1).close_cleanly();
    daemon.stop_well();
}

#[test]
fn messages_reach_those_who_are_named() {
    let daemon = start();
    let mut clients: Vec<Client> = (0..4).map(|i| greeted(&daemon, i % 2)).collect();
    let received = [
        ("all", "to all", [0, 1, 2, 3].as_slice()),
        ("others", "to others", &[0, 1, 3]),
        ("but two", "to all but two", &[1, 3]),
        ("two", "to two", &[0, 2]),
    ];
    for (command, text, receivers) in received {
        clients[2].text(&format!("!{command}")).unwrap();
        receivers.iter().for_each(|i| clients[*i].expect_text(text));
    }
    clients[2].text("!list").unwrap();
    [0, 2].into_iter().for_each(|i| clients[i].expect_binary(&[9]));
    // Nobody got anything else.
    for mut client in clients {
        client.text("?").unwrap();
        client.expect_text("text");
        client.close_cleanly();
    }
    daemon.stop_well();
}

#[test]
fn mistakes_are_told_and_logged_with_their_place() {
    let daemon = start();
    let mut client = greeted(&daemon, 0);
    says(&mut client, "info", "127.0.0.1 7");
    says(&mut client, "nobody", "unknown the client has left");
    says(&mut client, "big", "it is too large");
    says(&mut client, "bad", "an argument makes no sense, such as text that is not UTF-8");
    daemon.wait_log_line(&["a message was not sent", "not UTF-8 (1 bytes)", "app=typed"]);
    daemon.wait_log_line(&["a client was not closed", "must not send this code (code 1005)"]);
    // The constructor cannot send.
    daemon.wait_log_line(&["a message was not sent", "not allowed in this callback (8 bytes)"]);
    daemon.wait_log_line(&["made typed of 2 workers, messages of 16777216, level 5"]);
    client.text("!log").unwrap();
    let line = daemon.wait_log_line(&["warning", "client one"]);
    assert!(line.contains("app=typed"), "{line}");
    assert!(!daemon.log().contains("not seen"));
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn a_timer_is_set_replaced_and_cancelled() {
    let daemon = start();
    let mut client = greeted(&daemon, 0);
    client.text("!timer").unwrap();
    client.expect_text("time");
    // One wish has replaced the other, and the one that is taken back never comes.
    client.text("!no timer").unwrap();
    client.set_patience(Duration::from_millis(100));
    let error = client.receive().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    drop(client);
    daemon.stop_well();
}

#[test]
fn close_is_told_the_code_and_may_ask_who_it_was() {
    let daemon = start();
    let mut client = daemon.connect("/typed?name");
    client.receive_text();
    client.close(3456, "had enough").unwrap();
    client.expect_close(3456);
    daemon.wait_log_line(&["gone: 3456 'had enough' of name, port some", "app=typed"]);
    let mut client = greeted(&daemon, 1);
    client.text("!close").unwrap();
    assert_eq!(client.expect_closed(4001), "as you wish");
    let mut client = greeted(&daemon, 1);
    client.text("!what").unwrap();
    assert_eq!(client.expect_closed(4003), "what?");
    daemon.stop_well();
}
