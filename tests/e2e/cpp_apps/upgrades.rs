//! Apps in C++ that decide about upgrades, and values that belong to their clients.

use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::handshake::Request;

fn start() -> Daemon {
    Builder::new().cpp_app("tests/apps/cpp-gate.cpp", &[], "gate").start()
}

fn request(query: &str) -> Request {
    let request = Request::upgrade("localhost", &format!("/gate?{query}"));
    request.header("Sec-WebSocket-Protocol", "gate.v1, other")
}

fn ask(daemon: &Daemon, request: &Request) -> Client {
    let mut client = Client::tcp(daemon.address()).unwrap();
    client.send_raw(&request.to_bytes()).unwrap();
    client
}

/// A client that is let in, with the subprotocol that the response names.
fn let_in(daemon: &Daemon, request: &Request) -> (Client, Option<String>) {
    let mut client = ask(daemon, request);
    let response = client.response(true).unwrap();
    assert_eq!(response.status, 101, "{}", response.text());
    let named = response.value("Sec-WebSocket-Protocol").map(str::to_owned);
    (client, named)
}

#[track_caller]
fn says(client: &mut Client, order: &str, want: &str) {
    client.text(order).unwrap();
    client.expect_text(want);
}

/// At the end as many values are destroyed as were made.
#[track_caller]
fn stop(daemon: Daemon, values: usize) {
    let log = daemon.stop_well().log;
    assert!(log.contains(&format!("gate: {values} made, {values} destroyed")), "{log}");
}

#[test]
fn accepted_with_fields_a_subprotocol_and_a_value_of_one_type() {
    let daemon = start();
    let ann = request("").header("Cookie", "surname=name; a; name=Ann; name=B");
    let mut client = ask(&daemon, &ann);
    let response = client.response(true).unwrap();
    assert_eq!((response.status, response.value("X-Gate")), (101, Some("open")));
    assert_eq!(response.value("Sec-WebSocket-Protocol"), Some("other"));
    says(&mut client, "who", "Ann");
    says(&mut client, "change", "Ann!");
    says(&mut client, "other type", "no");
    says(&mut client, "stranger", "told");
    says(&mut client, "rename", "Ben");
    says(&mut client, "who", "Ben");
    client.close_cleanly();
    daemon.wait_log_line(&["Ben has left", "app=gate"]);
    let (mut plain, named) = let_in(&daemon, &request("plain"));
    assert_eq!(named.as_deref(), Some("gate.v1"));
    says(&mut plain, "who", "nobody");
    says(&mut plain, "rename", "Ben");
    says(&mut plain, "detach", "0");
    says(&mut plain, "who", "nobody");
    plain.close_cleanly();
    assert_eq!(let_in(&daemon, &request("none")).1, None);
    // Who does not offer `other` cannot have it.
    let bare = Request::upgrade("localhost", "/gate");
    assert_eq!(Client::refused(daemon.address(), &bare).unwrap().status, 500);
    daemon.wait_log_line(&["cannot be carried out: an argument makes no sense", "app=gate"]);
    stop(daemon, 5); // Ann, the stranger's, Ben twice, and the one of who was not let in
}

#[test]
fn refused_with_status_fields_and_body() {
    let daemon = start();
    let refused = |query| Client::refused(daemon.address(), &request(query)).unwrap();
    let response = refused("refuse");
    assert_eq!((response.status, response.text().as_str()), (401, "127.0.0.1 GET gate.v1 other"));
    assert_eq!(response.value("WWW-Authenticate"), Some("Bearer"));
    assert_eq!(response.value("X-Gate"), Some("shut"));
    let response = refused("json");
    assert_eq!((response.status, response.text().as_str()), (429, "{}"));
    assert_eq!(response.value("Content-Type"), Some("application/json"));
    let response = refused("reject");
    assert_eq!((response.status, response.text().as_str()), (451, "not there"));
    assert_eq!(refused("bad").status, 500);
    // The first decision counts.
    assert_eq!(refused("twice").status, 403);
    let_in(&daemon, &request("plain")).0.close_cleanly();
    stop(daemon, 2);
}

#[test]
fn decided_later_by_another_callback() {
    let daemon = start();
    let mut judge = let_in(&daemon, &request("plain")).0;
    for (order, status) in [("accept", 101), ("refuse", 403)] {
        let mut waiting = ask(&daemon, &request("wait"));
        loop {
            judge.text(order).unwrap();
            if judge.receive_text() == "1" {
                break;
            }
        }
        let response = waiting.response(true).unwrap();
        assert_eq!(response.status, status);
        if status == 101 {
            says(&mut waiting, "who", "late");
            waiting.close_cleanly();
        } else {
            assert_eq!(response.text(), "no");
            daemon.wait_log_line(&["a client was not refused", "must not send this code"]);
        }
    }
    judge.close_cleanly();
    stop(daemon, 2);
}
