//! Exceptions out of callbacks: the log has what they say, the app stops, and nobody else notices.

use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::handshake::Request;

/// An app that throws `what` in `callback`, beside one that echoes.
fn start(callback: &str, what: &str) -> Daemon {
    let define = format!("THROW_{callback}={what}");
    let app = ("tests/apps/cpp-throws.cpp", [define.as_str()]);
    Builder::new().app("echo").cpp_app(app.0, &app.1, "throws").start()
}

/// Has it thrown: `line` stands in the log, the app is stopped, its clients get 1011, others go on.
#[track_caller]
fn stops(callback: &str, what: &str, line: &str) {
    let daemon = start(callback, what);
    let mut bystander = daemon.connect("/echo");
    let mut clients: Vec<Client> = Vec::new();
    if callback == "UPGRADE" {
        let request = Request::upgrade("localhost", "/throws");
        assert_eq!(Client::refused(daemon.address(), &request).unwrap().status, 503);
    } else if !matches!(callback, "INIT" | "TIMER") {
        clients =
            (0..2).filter_map(|_| Client::connect(daemon.address(), "/throws").ok()).collect();
        let client = clients.first_mut().expect("the first client is let in");
        match callback {
            "READ" => client.text("throw").unwrap(),
            "CLOSE" => drop(clients.remove(0)),
            _ => {}
        }
    }
    let name = callback.to_lowercase();
    daemon.wait_log_line(&[&format!("`{name}` threw {line}"), "error", "app=throws"]);
    daemon.wait_log_line(&[&format!("its `{name}` callback reported a fatal error"), "throws"]);
    for mut client in clients {
        client.expect_close(1011);
    }
    bystander.text("unharmed").unwrap();
    bystander.expect_text("unharmed");
    bystander.close_cleanly();
    daemon.stop_well();
}

#[test]
fn an_exception_in_any_callback_stops_that_app_alone() {
    for callback in ["INIT", "UPGRADE", "OPEN", "READ", "CLOSE", "TIMER"] {
        let text = format!("thrown in {callback}");
        stops(
            callback,
            &format!("std::runtime_error(\"{text}\")"),
            &format!("an exception: {text}"),
        );
    }
}

#[test]
fn what_is_no_exception_is_caught_too() {
    stops("READ", "42", "something that is no std::exception");
    stops("TIMER", "\"words\"", "something that is no std::exception");
}

#[test]
fn a_text_of_any_length_and_bytes_is_logged() {
    let long = "std::runtime_error(std::string(5000, 'a') + '\\xff')";
    stops("READ", long, &format!("an exception: {}", "a".repeat(900)));
    stops("READ", "std::runtime_error(\"\\xff?\")", "an exception: \u{fffd}?");
}

#[test]
fn a_rejection_closes_one_client_and_only_where_there_is_one() {
    let daemon = start("READ", "Rejection(4005, \"no\")");
    let mut other = daemon.connect("/throws");
    let mut client = daemon.connect("/throws");
    client.text("anything").unwrap();
    assert_eq!(client.expect_closed(4005), "no");
    other.ping(b"here").unwrap();
    other.binary(b"not text").unwrap();
    // The server answers the ping, and the app takes text only.
    assert!(matches!(
        other.receive().unwrap(),
        ringsocket_tests::client::Message::Pong(bytes) if bytes == b"here"
    ));
    other.expect_closed(4901);
    daemon.stop_well();
    stops("UPGRADE", "Rejection(4005)", "a Rejection of a code or reason that must not be");
    stops("CLOSE", "Rejection(4005, \"no\")", "a Rejection where there is no client: no");
    stops("READ", "Rejection(1006, \"odd\")", "a Rejection of a code or reason that must not be");
    let long = "Rejection(4000, std::string(124, 'a'))";
    stops("OPEN", long, "a Rejection of a code or reason that must not be sent: aaaa");
}
