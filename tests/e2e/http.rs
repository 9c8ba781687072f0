//! HTTP beside WebSocket (RFC 9110, RFC 9112): methods, versions, bodies, what follows a head, and
//! what is no HTTP at all.

use std::net::Shutdown;

use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::frame::{Frame, opcode};
use ringsocket_tests::handshake::{Request, Response};

const CONFIG: &str = r#"{
    "ports": [ { "port_number": {port}, "is_unencrypted": true, "www_root": "{dir}/www" } ],
    "apps": [ { "name": "echo", "app_path": "{apps}/echo.so",
                "endpoints": [ { "endpoint_id": 1, "url": "/echo" } ] } ]
}"#;

fn site() -> Daemon {
    Builder::new().app("echo").config(CONFIG).file("www/index.html", "front").start()
}

/// The only answer to these bytes: nothing but the end may follow it.
#[track_caller]
fn only_answer(daemon: &Daemon, bytes: &[u8]) -> Response {
    let has_body = !bytes.starts_with(b"HEAD ");
    Client::refused_raw(daemon.address(), bytes, has_body).expect("one answer and the end")
}

#[test]
fn rfc9110_9_3_2_head_is_answered_as_get_is_without_the_body() {
    let daemon = site();
    let long = "x".repeat(9000);
    for (rest, status) in [
        ("/ HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 200),
        ("/healthz HTTP/1.0\r\n\r\n".to_owned(), 200),
        ("/missing HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 404),
        ("/echo HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 426),
        ("/ HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx".to_owned(), 400),
        (format!("/{long} HTTP/1.1\r\n\r\n"), 414),
        (format!("/ HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n"), 431),
        ("/ HTTP/2.0\r\nHost: a\r\n\r\n".to_owned(), 505),
    ] {
        let get = only_answer(&daemon, format!("GET {rest}").as_bytes());
        let head = only_answer(&daemon, format!("HEAD {rest}").as_bytes());
        let undated = |response: &Response| {
            let headers = response.headers.iter().filter(|(name, _)| name != "Date");
            (response.status, headers.cloned().collect::<Vec<_>>())
        };
        assert_eq!(undated(&head), undated(&get));
        assert_eq!(get.status, status);
        assert!(!get.body.is_empty() && head.body.is_empty());
    }
    daemon.stop_well();
}

#[test]
fn rfc9110_15_5_22_a_plain_get_on_an_endpoint_is_told_what_to_upgrade_to() {
    let daemon = site();
    for bytes in [
        &b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"[..],
        b"GET http://a/echo?x HTTP/1.1\r\nHost: b\r\n\r\n",
        b"GET /echo HTTP/1.0\r\n\r\n",
        // HTTP/1.0 knows no Upgrade (RFC 9110 section 7.8).
        b"GET /echo HTTP/1.0\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
          Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    ] {
        let response = only_answer(&daemon, bytes);
        assert_eq!(response.status, 426);
        assert_eq!(response.value("Upgrade"), Some("websocket"));
        assert_eq!(response.value("Connection"), Some("close, Upgrade"));
    }
    daemon.stop_well();
}

#[test]
fn rfc9112_9_2_what_follows_a_refused_request_is_not_taken_for_another() {
    let daemon = site();
    let second = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    let len = second.len();
    for (first, status) in [
        ("GET /missing HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), 404),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n".to_owned(), 200),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n".to_owned(), 400),
        (format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {len}\r\n\r\n"), 405),
        (format!("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: {len}\r\n\r\n"), 400),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
            501,
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\
             Content-Length: 0\r\n\r\n"
                .to_owned(),
            400,
        ),
    ] {
        let response = only_answer(&daemon, format!("{first}{second}").as_bytes());
        assert_eq!(response.status, status, "{first}");
        // The same if it comes later.
        let mut client = Client::tcp(daemon.address()).unwrap();
        client.send_raw(first.as_bytes()).unwrap();
        assert_eq!(client.response(true).unwrap().status, status, "{first}");
        client.send_raw(second.as_bytes()).unwrap();
        client.stream().shutdown(Shutdown::Write).unwrap();
        client.expect_end().unwrap();
    }
    daemon.stop_well();
}

#[test]
fn rfc9110_10_1_1_who_waits_for_100_gets_the_final_answer() {
    let daemon = site();
    let mut client = Client::tcp(daemon.address()).unwrap();
    let head =
        "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    client.send_raw(head.as_bytes()).unwrap();
    assert_eq!(client.response(true).unwrap().status, 405);
    let request = Request::upgrade("a", "/echo").header("Expect", "100-continue");
    Client::open(daemon.address(), &request).expect("nothing is expected without a body");
    daemon.stop_well();
}

#[test]
fn frames_that_follow_the_head_at_once_are_frames() {
    let daemon = site();
    let head = Request::upgrade("a", "/echo").to_bytes();
    let frames = [
        Frame::new(opcode::TEXT, b"early").to_bytes(),
        Frame::new(opcode::BINARY, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").to_bytes(),
    ];
    let bytes = [&head[..], &frames.concat()].concat();
    for cut in [bytes.len(), head.len(), head.len() - 2, head.len() + 3, head.len() + 9] {
        let mut client = Client::tcp(daemon.address()).unwrap();
        client.send_raw(&bytes[..cut]).unwrap();
        client.send_raw(&bytes[cut..]).unwrap();
        assert_eq!(client.response(true).unwrap().status, 101, "cut at {cut}");
        client.expect_text("early");
        client.expect_binary(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
        client.close_cleanly();
    }
    daemon.stop_well();
}

#[test]
fn rfc9110_9_methods_that_are_not_served() {
    let daemon = site();
    for (line, status) in [
        ("OPTIONS * HTTP/1.1", 405),
        ("OPTIONS /echo HTTP/1.1", 405),
        ("TRACE / HTTP/1.1", 405),
        ("CONNECT example.com:443 HTTP/1.1", 405),
        ("DELETE /healthz HTTP/1.1", 405),
        ("BREW /pot HTTP/1.1", 501),
        ("get / HTTP/1.1", 501),
        ("GET * HTTP/1.1", 400),
        ("GET example.com:443 HTTP/1.1", 400),
    ] {
        let response = only_answer(&daemon, format!("{line}\r\nHost: a\r\n\r\n").as_bytes());
        assert_eq!(response.status, status, "{line}");
        let allow = response.value("Allow");
        assert_eq!(allow, (status == 405).then_some("GET, HEAD"), "{line}");
    }
    daemon.stop_well();
}

#[test]
fn what_is_no_http_1_is_told_so() {
    let config = format!("{{ \"log_level\": \"info\", {}", &CONFIG[1..]);
    let daemon = Builder::new().app("echo").config(&config).file("www/index.html", "front").start();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let response = only_answer(&daemon, preface);
    assert_eq!(response.status, 505);
    assert!(response.text().contains("HTTP/1.1"));
    daemon.wait_log_line(&["info", "refused with 505", "HTTP/1.1", "peer=127.0.0.1:"]);

    let hello = [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], &[7; 506]].concat();
    let response = only_answer(&daemon, &hello);
    assert_eq!(response.status, 400);
    assert!(response.text().contains("TLS"), "{}", response.text());
    daemon.wait_log_line(&["notice", "TLS on a port that is not encrypted", "peer=127.0.0.1:"]);
    daemon.stop_well();
}
