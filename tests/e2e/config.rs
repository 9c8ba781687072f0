//! With a configuration file: endpoints, hosts, origins, limits; and the folder of apps without one.

use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::frame::{Frame, opcode};
use ringsocket_tests::handshake::Request;

const CONFIG: &str = r#"{
    // Comments are allowed.
    "worker_c": 2,
    "ports": [ { "port_number": {port}, "is_unencrypted": true } ],
    "apps": [
        { "name": "first", "app_path": "{apps}/echo.so", "endpoints": [
            { "endpoint_id": 1, "url": "/one" },
            { "endpoint_id": 2, "url": "ws://a.example:{port}/two",
              "allowed_origins": [ "https://a.example" ] } ] },
        { "name": "second", "app_path": "{apps}/faulty.so", "endpoints": [
            { "endpoint_id": 7, "url": "ws://b.example:{port}/two" } ] }
    ],
    "max_ws_msg_size": 1000
}"#;

fn configured() -> Daemon {
    Builder::new().app("echo").app("faulty").config(CONFIG).start()
}

fn request(daemon: &Daemon, host: &str, path: &str) -> Request {
    Request::upgrade(&format!("{host}:{}", daemon.address().port()), path)
}

#[track_caller]
fn status(daemon: &Daemon, request: &Request) -> u16 {
    Client::refused(daemon.address(), request).expect("a refusal").status
}

#[test]
fn path_and_host_choose_the_app() {
    let daemon = configured();
    let mut one = daemon.connect("/one");
    one.text("request").unwrap();
    one.expect_text("request");
    one.close_cleanly();
    let mut second =
        Client::open(daemon.address(), &request(&daemon, "B.Example", "/two")).unwrap();
    second.text("request").unwrap();
    let text = second.receive_text();
    assert!(text.starts_with("path=/two ") && text.contains("endpoint=Some(7)"), "{text}");
    second.close_cleanly();
    for (host, path) in [("c.example", "/two"), ("a.example", "/three"), ("b.example.org", "/two")]
    {
        assert_eq!(status(&daemon, &request(&daemon, host, path)), 404, "{host}{path}");
    }
    // Without a port the Host means 80, which is another authority.
    assert_eq!(status(&daemon, &Request::upgrade("b.example", "/two")), 404);
    daemon.stop_well();
}

#[test]
fn only_allowed_origins_are_let_in() {
    let daemon = configured();
    let request = request(&daemon, "a.example", "/two");
    for origin in ["https://a.example", "HTTPS://A.Example"] {
        let client =
            Client::open(daemon.address(), &request.clone().header("Origin", origin)).unwrap();
        client.close_cleanly();
    }
    // No browser, no Origin: nothing to protect against.
    Client::open(daemon.address(), &request).unwrap().close_cleanly();
    let strangers = [
        "https://b.example",
        "http://a.example",
        "https://a.example.evil.example",
        "https://a.example:8443",
        "https://a.exampl",
        "null",
        "",
    ];
    for origin in strangers {
        let request = request.clone().header("Origin", origin);
        assert_eq!(status(&daemon, &request), 403, "{origin}");
    }
    daemon.stop_well();
}

#[test]
fn the_configured_message_size_holds() {
    let daemon = configured();
    let mut client = daemon.connect("/one");
    client.binary(&[7; 1000]).unwrap();
    client.expect_binary(&[7; 1000]);
    // In fragments too: it is the message that counts.
    client.send(&Frame::new(opcode::BINARY, &[7; 600]).unfinished()).unwrap();
    client.send(&Frame::new(opcode::CONTINUATION, &[7; 401])).unwrap();
    client.expect_close(1009);
    client.expect_end().unwrap();
    daemon.stop_well();
}

#[test]
fn without_a_file_each_app_of_the_folder_has_its_path() {
    let daemon = Builder::new()
        .app("echo")
        .app_as("echo", "libother")
        .app("faulty")
        .file("apps/README", "not an app")
        .start();
    for path in ["/echo", "/other", "/faulty"] {
        let mut client = daemon.connect(path);
        client.text("here").unwrap();
        client.expect_text("here");
        client.close_cleanly();
    }
    for path in ["/libother", "/README", "/README.so"] {
        assert_eq!(status(&daemon, &Request::upgrade("localhost", path)), 404, "{path}");
    }
    daemon.stop_well();
}

#[test]
fn a_wrong_file_ends_the_start_with_78_and_the_place() {
    let daemon = Builder::new().app("echo").config("{\n  \"worker_cc\": 1\n}").spawn();
    let ended = daemon.wait();
    assert_eq!(ended.status.code(), Some(78), "{}", ended.log);
    assert!(ended.log.contains("worker_c") && ended.log.contains('2'), "{}", ended.log);
}
