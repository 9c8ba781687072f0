//! Files served to browsers from `www_root`: what is served, and that nothing outside is.

use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::handshake::{Request, Response};

const CONFIG: &str = r#"{
    "ports": [ { "port_number": {port}, "is_unencrypted": true, "www_root": "{dir}/www" } ],
    "apps": [ { "name": "echo", "app_path": "{apps}/echo.so",
                "endpoints": [ { "endpoint_id": 1, "url": "/echo" } ] } ]
}"#;

fn site() -> Daemon {
    let builder = Builder::new()
        .app("echo")
        .config(CONFIG)
        .file("www/index.html", "<!doctype html><title>front</title>")
        .file("www/style.css", "body {}")
        .file("www/sub/index.html", "sub")
        .file("www/.hidden", "SECRET")
        .file("www/notes.unknown", "odd")
        .file("SECRET", "SECRET");
    std::os::unix::fs::symlink("../SECRET", builder.path().join("www/link.html")).unwrap();
    builder.start()
}

fn get(daemon: &Daemon, target: &str) -> Response {
    let request = Request::get("localhost", target);
    Client::refused(daemon.address(), &request).unwrap_or_else(|e| panic!("{target}: {e}"))
}

#[test]
fn pages_have_their_type_and_length() {
    let daemon = site();
    for (target, kind, body) in [
        ("/", "text/html", "<!doctype html><title>front</title>"),
        ("/index.html", "text/html", "<!doctype html><title>front</title>"),
        ("/index.html?a=b", "text/html", "<!doctype html><title>front</title>"),
        ("/style.css", "text/css", "body {}"),
    ] {
        let response = get(&daemon, target);
        assert_eq!((response.status, response.text().as_str()), (200, body), "{target}");
        let got = response.value("Content-Type").unwrap_or_default();
        assert!(got.starts_with(kind), "{target}: {got}");
    }
    daemon.stop_well();
}

#[test]
fn head_has_the_length_and_no_body() {
    let daemon = site();
    let request = Request { method: "HEAD".into(), ..Request::get("localhost", "/style.css") };
    let response = Client::refused(daemon.address(), &request).unwrap();
    assert_eq!((response.status, response.value("Content-Length")), (200, Some("7")));
    daemon.stop_well();
}

#[test]
fn no_path_leaves_the_folder() {
    let daemon = site();
    let tricks = [
        "/../SECRET",
        "/..%2fSECRET",
        "/%2e%2e/SECRET",
        "/%2e%2e%2fSECRET",
        "/%252e%252e/SECRET",
        "/sub/../../SECRET",
        "/sub/%2e%2e/%2e%2e/SECRET",
        "/..\\SECRET",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/./../SECRET",
        "/.hidden",
        "/%2ehidden",
        "/link.html",
        "/index.html%00.css",
        "/index.html/",
        "/missing.html",
        "/sub/..",
        "/notes.unknown/../../SECRET",
        "http://localhost/../SECRET",
    ];
    for target in tricks {
        let response = get(&daemon, target);
        assert!((400..500).contains(&response.status), "{target}: {}", response.status);
        let text = response.text();
        assert!(!text.contains("SECRET") && !text.contains("root:"), "{target}: {text}");
    }
    daemon.stop_well();
}

#[test]
fn the_endpoint_beside_the_pages_still_upgrades() {
    let daemon = site();
    let mut client = daemon.connect("/echo");
    client.text("beside").unwrap();
    client.expect_text("beside");
    client.close_cleanly();
    assert_eq!(get(&daemon, "/echo").status, 426);
    daemon.stop_well();
}

#[test]
fn without_www_root_there_are_no_pages() {
    let daemon = Builder::new().app("echo").file("www/index.html", "front").start();
    assert_eq!(get(&daemon, "/index.html").status, 404);
    daemon.stop_well();
}
