//! What is not WebSocket, over TLS: pages, the health, refusals.

use ringsocket_tests::handshake::{Request, Response};

use super::*;

#[track_caller]
fn ask(house: &House, request: &Request) -> Response {
    let stream = house.connector().connect(house.address()).unwrap();
    let has_body = request.method != "HEAD";
    Client::of(stream).answer(&request.to_bytes(), has_body).unwrap()
}

#[test]
fn pages_health_and_refusals_over_https() {
    let page = "<!doctype html><title>over TLS</title>".repeat(20_000);
    let authority = Authority::new("root");
    let certificate = authority.server(&["localhost"]);
    let config = format!(
        r#"{{ "certs": [ {} ], "ports": [ {{ "port_number": {{port}}, "is_unencrypted": false,
            "www_root": "{{dir}}/www" }}, {{ "port_number": {{port1}}, "is_unencrypted": true }} ] }}"#,
        entry("site", &["localhost"])
    );
    let builder = builder().certificate("site", &certificate).file("www/index.html", &page);
    let daemon = builder.config(&config).start();
    let house = House { authority, certificate, daemon };
    let got = ask(&house, &Request::get("localhost", "/"));
    assert_eq!((got.status, got.text() == page), (200, true));
    let got = ask(&house, &Request::get("localhost", "/healthz"));
    assert_eq!((got.status, got.text().trim_end()), (200, r#"{"status":"ok"}"#));
    let mut head = Request::get("localhost", "/");
    head.method = "HEAD".to_owned();
    assert_eq!(ask(&house, &head).status, 200);
    for (target, status) in [("/nothing", 404), ("/echo", 426)] {
        assert_eq!(ask(&house, &Request::get("localhost", target)).status, status);
    }
    house.daemon.stop_well();
}
