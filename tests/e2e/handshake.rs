//! The opening handshake: what is let in, and each refusal with its status and a body that says why.

use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::handshake::{Request, Response};

fn echo() -> Daemon {
    Builder::new().app("echo").start()
}

fn request() -> Request {
    Request::upgrade("localhost", "/echo")
}

#[track_caller]
fn refused(daemon: &Daemon, request: &Request, status: u16) -> Response {
    let response = Client::refused(daemon.address(), request).expect("a refusal");
    assert_eq!(response.status, status, "{}", response.text());
    let options = response.value("Connection").unwrap_or_default();
    assert!(options.split(", ").any(|option| option == "close"), "Connection: {options}");
    assert!(response.value("Content-Type").unwrap_or_default().starts_with("text/plain"));
    let body = response.text();
    assert!(request.method == "HEAD" || body.trim().len() > 10, "no reason given: {body:?}");
    response
}

#[test]
fn variants_that_are_let_in() {
    let daemon = echo();
    let many = (0..40).fold(request(), |r, i| r.header(&format!("X-{i}"), "v"));
    let variants = [
        request(),
        request().with("Connection", "keep-alive, upgrade"),
        request().with("Upgrade", "WebSocket"),
        request().with("Sec-WebSocket-Key", "AQIDBAUGBwgJCgsMDQ4PEA=="),
        request().header("Origin", "https://anywhere.example"),
        request().header("Sec-WebSocket-Protocol", "chat, superchat"),
        request().header("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"),
        Request { target: "/echo?and=a&query".into(), ..request() },
        many,
    ];
    for request in variants {
        let mut client = Client::open(daemon.address(), &request)
            .unwrap_or_else(|error| panic!("{request:?}: {error}"));
        client.text("in").unwrap();
        client.expect_text("in");
        client.close_cleanly();
    }
    daemon.stop_well();
}

#[test]
fn malformed_is_400() {
    let daemon = echo();
    refused(&daemon, &request().without("Host"), 400);
    refused(&daemon, &request().without("Sec-WebSocket-Key"), 400);
    refused(&daemon, &request().with("Sec-WebSocket-Key", "c2hvcnQ="), 400);
    refused(&daemon, &request().with("Sec-WebSocket-Key", "not base64 at all!!!!!!="), 400);
    refused(&daemon, &request().header("Host", "twice.example"), 400);
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..],
        b"GET  /echo HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /echo HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET /echo HTTP/1.1\r\nHo st: a\r\n\r\n",
        b"GET /echo\r\n\r\n",
    ] {
        let response = Client::refused_raw(daemon.address(), bytes, true).expect("a refusal");
        assert_eq!(response.status, 400, "{:?}", String::from_utf8_lossy(bytes));
    }
    daemon.stop_well();
}

#[test]
fn an_unknown_path_is_404_and_no_prefix_of_a_known_one_is_known() {
    let daemon = echo();
    for path in ["/", "/ech", "/echo/", "/echos", "/Echo", "/%65cho", "//echo", "/echo/../echo"] {
        let response = refused(&daemon, &Request { target: path.into(), ..request() }, 404);
        assert!(!response.text().contains("101"));
    }
    daemon.stop_well();
}

#[test]
fn other_methods_are_405_with_allow() {
    let daemon = echo();
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let request = Request { method: method.into(), ..request() };
        let response = refused(&daemon, &request, 405);
        assert!(response.value("Allow").is_some_and(|allow| allow.contains("GET")));
    }
    daemon.stop_well();
}

#[test]
fn no_upgrade_or_another_version_is_426() {
    let daemon = echo();
    let response = refused(&daemon, &Request::get("localhost", "/echo"), 426);
    assert_eq!(response.value("Upgrade"), Some("websocket"));
    for version in ["8", "12", "14", "0"] {
        let response = refused(&daemon, &request().with("Sec-WebSocket-Version", version), 426);
        assert_eq!(response.value("Sec-WebSocket-Version"), Some("13"));
    }
    daemon.stop_well();
}

#[test]
fn too_much_head_is_431() {
    let daemon = echo();
    refused(&daemon, &request().header("X-Long", &"x".repeat(9000)), 431);
    let many = (0..70).fold(request(), |r, i| r.header(&format!("X-{i}"), "v"));
    refused(&daemon, &many, 431);
    daemon.stop_well();
}

#[test]
fn another_http_version_is_505() {
    let daemon = echo();
    refused(&daemon, &Request { version: "HTTP/2.0".into(), ..request() }, 505);
    daemon.stop_well();
}

#[test]
fn an_endless_head_is_cut_off() {
    let daemon = echo();
    let mut client = Client::tcp(daemon.address()).unwrap();
    client.send_raw(b"GET /echo HTTP/1.1\r\nHost: localhost\r\n").unwrap();
    let line = [b"X: ", &[b'x'; 200][..], b"\r\n"].concat();
    // The server may end the connection while this still sends.
    for _ in 0..100 {
        if client.send_raw(&line).is_err() {
            break;
        }
    }
    let response = client.response(true).expect("an answer before the end");
    assert_eq!(response.status, 431);
    drop(client);
    daemon.stop_well();
}

#[test]
fn a_head_that_does_not_come_is_408() {
    let config = r#"{ "http_head_wait": 1,
        "apps": [{ "name": "echo", "app_path": "{apps}/echo.so",
                   "endpoints": [{ "endpoint_id": 1, "url": "/echo" }] }] }"#;
    let daemon = Builder::new().app("echo").config(config).start();
    let mut client = Client::tcp(daemon.address()).unwrap();
    client.send_raw(b"GET /echo HTTP/1.1\r\nHost: loc").unwrap();
    assert_eq!(client.response(true).expect("an answer at the deadline").status, 408);
    client.stream().shutdown(std::net::Shutdown::Write).unwrap();
    client.expect_end().unwrap();
    daemon.stop_well();
}
