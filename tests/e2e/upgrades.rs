//! Apps that decide about upgrades: at once, later, never; and what becomes of those who ask when one
//! of the parties goes.

use std::time::Duration;

use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::{Builder, Daemon, Ended};
use ringsocket_tests::frame::Frame;
use ringsocket_tests::handshake::{Request, Response};

fn request(query: &str) -> Request {
    Request::upgrade("localhost", &format!("/gate{query}"))
}

/// A client that has asked, and what it has to check of the answer.
fn ask(daemon: &Daemon, request: &Request) -> Client {
    let mut client = Client::tcp(daemon.address()).unwrap();
    client.send_raw(&request.to_bytes()).unwrap();
    client
}

#[track_caller]
fn let_in(client: &mut Client, request: &Request) -> Response {
    let response = client.response(true).unwrap();
    assert_eq!(response.status, 101, "{}", response.text());
    response.check_switching(request).unwrap();
    response
}

fn gate(config: &str) -> Daemon {
    Builder::new().app("gate").app("echo").config(config).start()
}

/// Has `judge` wait until so many clients are before the app.
fn wait_for(judge: &mut Client, count: usize) {
    loop {
        judge.text("waiting").unwrap();
        if judge.receive_text() == count.to_string() {
            return;
        }
    }
}

/// What the app says at its end about its values: as many given back as were made.
#[track_caller]
fn expect_values(ended: &Ended, count: usize) {
    let line = format!("gate: values {count} made, {count} given back");
    assert!(ended.log.contains(&line), "no \"{line}\" in {}", ended.log);
}

#[test]
fn accepted_at_once_with_fields_and_a_value() {
    let daemon = gate("{}");
    let request = request("?x=1").header("Cookie", "a=b; name=Ann");
    let request = request.header("Sec-WebSocket-Protocol", "other, gate.v1");
    let mut client = ask(&daemon, &request);
    let response = let_in(&mut client, &request);
    assert_eq!(response.value("Set-Cookie"), Some("seen=1; HttpOnly"));
    assert_eq!(response.value("Sec-WebSocket-Protocol"), Some("gate.v1"));
    client.expect_text("welcome Ann x=1 Some(\"gate.v1\")");
    client.text("who").unwrap();
    client.expect_text("Ann");
    client.text("rename Ben").unwrap();
    client.text("who").unwrap();
    client.expect_text("Ben");
    client.text("counts").unwrap();
    client.expect_text("2 1 1 0");
    client.close_cleanly();
    daemon.wait_log("Ben has left");
    expect_values(&daemon.stop_well(), 2);
}

#[test]
fn the_app_chooses_among_what_is_offered() {
    let daemon = gate("{}");
    for (wish, named) in [("other", Some("other")), ("", None), ("gate.v1", Some("gate.v1"))] {
        let request = request(&format!("?protocol={wish}"));
        let request = request.header("Sec-WebSocket-Protocol", "gate.v1, other");
        let mut client = ask(&daemon, &request);
        let response = let_in(&mut client, &request);
        assert_eq!(response.value("Sec-WebSocket-Protocol"), named);
        client.expect_text(&format!("welcome nobody protocol={wish} {named:?}"));
        client.close_cleanly();
    }
    let refused = Client::refused(daemon.address(), &request("?protocol=unheard-of")).unwrap();
    assert_eq!(refused.status, 500);
    daemon.wait_log_line(&["app=gate", "cannot be carried out"]);
    daemon.stop_well();
}

#[test]
fn refused_with_status_fields_and_body() {
    let daemon = gate("{}");
    for status in [300, 302, 401, 403, 404, 429, 451, 503, 599] {
        let request = request(&format!("?refuse={status}"));
        let request = request.header("Sec-WebSocket-Protocol", "a,b");
        let mut client = ask(&daemon, &request);
        // 599 has no reason phrase, which the reader of the tests wants.
        if status == 599 {
            continue;
        }
        let response = client.response(true).unwrap();
        assert_eq!(response.status, status);
        assert_eq!(response.text(), "not you, who offer [\"a\", \"b\"]\n");
        for (name, value) in [
            ("WWW-Authenticate", "Bearer"),
            ("Location", "https://example.com/"),
            ("Connection", "close"),
            ("Content-Type", "text/plain; charset=utf-8"),
        ] {
            assert_eq!(response.value(name), Some(value));
        }
        assert!(response.value("Date").is_some());
        client.expect_end().unwrap();
    }
    for query in ["?refuse=200", "?refuse=304", "?refuse=426", "?bad"] {
        let response = Client::refused(daemon.address(), &request(query)).unwrap();
        assert_eq!(response.status, 500, "{query}");
    }
    daemon.stop_well();
}

#[test]
fn other_requests_never_reach_the_app() {
    let daemon = gate("{}");
    let get = Client::refused(daemon.address(), &Request::get("localhost", "/gate?panic")).unwrap();
    assert_eq!(get.status, 426);
    let bad = request("?panic").with("Sec-WebSocket-Version", "12");
    assert_eq!(Client::refused(daemon.address(), &bad).unwrap().status, 426);
    daemon.connect("/gate").expect_text("welcome nobody  None");
    daemon.stop_well();
}

#[test]
fn accepted_later_with_what_came_early() {
    let daemon = gate("{}");
    let mut judge = daemon.connect("/gate");
    judge.expect_text("welcome nobody  None");
    let request = request("?wait");
    let mut early = request.to_bytes();
    early.extend(Frame::new(1, b"early").to_bytes());
    let mut client = Client::tcp(daemon.address()).unwrap();
    client.send_raw(&early).unwrap();
    wait_for(&mut judge, 1);
    client.text("later").unwrap(); // lies in the kernel
    judge.text("accept").unwrap();
    judge.expect_text("Ok(())");
    let_in(&mut client, &request);
    for text in ["welcome late wait None", "early", "later"] {
        client.expect_text(text);
    }
    client.close_cleanly();
    judge.close_cleanly();
    expect_values(&daemon.stop_well(), 2);
}

#[test]
fn refused_later() {
    let daemon = gate("{}");
    let mut judge = daemon.connect("/gate");
    judge.expect_text("welcome nobody  None");
    let mut client = ask(&daemon, &request("?wait"));
    wait_for(&mut judge, 1);
    judge.text("refuse").unwrap();
    judge.expect_text("Ok(())");
    let response = client.response(true).unwrap();
    assert_eq!((response.status, response.value("Content-Length")), (401, Some("0")));
    client.expect_end().unwrap();
    daemon.stop_well();
}

#[test]
fn who_is_never_decided_about_gets_504() {
    let daemon = gate(r#"{ "upgrade_wait": 1 }"#);
    let mut judge = daemon.connect("/gate");
    judge.expect_text("welcome nobody  None");
    let mut client = ask(&daemon, &request("?wait"));
    assert_eq!(client.response(true).unwrap().status, 504);
    client.expect_end().unwrap();
    daemon.wait_log_line(&["504", "upgrade_wait"]);
    judge.text("accept").unwrap();
    judge.expect_text("Err(NoClient)");
    judge.close_cleanly();
    let ended = daemon.stop_well();
    expect_values(&ended, 2);
    assert!(ended.log.contains("undecided 1"), "{}", ended.log);
}

#[test]
fn who_leaves_before_the_answer_is_never_opened() {
    let daemon = gate(r#"{ "log_level": "debug" }"#);
    let mut judge = daemon.connect("/gate");
    judge.expect_text("welcome nobody  None");
    let client = ask(&daemon, &request("?wait"));
    wait_for(&mut judge, 1);
    drop(client);
    daemon.wait_log("left before its app had decided");
    judge.text("accept").unwrap();
    judge.expect_text("Err(NoClient)");
    judge.text("counts").unwrap();
    judge.expect_text("2 1 1 0");
    expect_values(&daemon.stop_well(), 2);
}

#[test]
fn an_app_that_fails_leaves_nobody_waiting() {
    for panics_in_upgrade in [true, false] {
        let daemon = gate("{}");
        let mut judge = daemon.connect("/gate");
        judge.expect_text("welcome nobody  None");
        let mut client = ask(&daemon, &request("?wait"));
        wait_for(&mut judge, 1);
        let mut last = if panics_in_upgrade {
            ask(&daemon, &request("?panic"))
        } else {
            judge.text("panic").unwrap();
            ask(&daemon, &request("?never"))
        };
        assert_eq!(client.response(true).unwrap().status, 503);
        assert_eq!(last.response(true).unwrap().status, 503);
        judge.expect_close(1011);
        let mut other = daemon.connect("/echo");
        other.text("unharmed").unwrap();
        other.expect_text("unharmed");
        expect_values(&daemon.stop_well(), 1);
    }
}

#[test]
fn a_stop_leaves_nobody_waiting() {
    let mut daemon = gate("{}");
    let mut judge = daemon.connect("/gate");
    judge.expect_text("welcome nobody  None");
    let mut client = ask(&daemon, &request("?wait"));
    wait_for(&mut judge, 1);
    daemon.signal(ringsocket_tests::sys::Signal::Term);
    assert_eq!(client.response(true).unwrap().status, 503);
    judge.expect_close(1001);
    expect_values(&daemon.wait(), 1);
}

#[test]
fn a_thousand_wait_and_are_all_let_in() {
    const COUNT: usize = 1000;
    let daemon = gate(r#"{ "worker_c": 2, "upgrade_wait": 60 }"#);
    let mut judge = daemon.connect("/gate");
    judge.set_patience(Duration::from_secs(60));
    judge.expect_text("welcome nobody  None");
    let request = request("?wait");
    let mut clients: Vec<_> = (0..COUNT).map(|_| ask(&daemon, &request)).collect();
    wait_for(&mut judge, COUNT);
    // Some have left by then, seen or unseen.
    clients.truncate(COUNT - 100);
    judge.text("accept").unwrap();
    for _ in 0..COUNT {
        let result = judge.receive_text();
        assert!(["Ok(())", "Err(NoClient)"].contains(&&*result), "{result}");
    }
    for client in &mut clients {
        let_in(client, &request);
        client.expect_text("welcome late wait None");
    }
    clients.into_iter().for_each(drop);
    drop(judge);
    expect_values(&daemon.stop_well(), COUNT + 1);
}
