//! The health endpoint: what it says while the server serves, when an app has failed, and while it
//! stops; and what else those get who came before a stop and ask after it.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::handshake::{Request, Response};
use ringsocket_tests::sys::Signal;

/// One worker, so that connections are accepted in the order in which they come.
const CONFIG: &str = r#"{ "worker_c": 1, "health_path": "/up.html", "stop_wait": 24,
    "ports": [ { "port_number": {port}, "is_unencrypted": true, "www_root": "{dir}/www" } ],
    "apps": [ { "name": "faulty", "app_path": "{apps}/faulty.so",
                "endpoints": [ { "endpoint_id": 1, "url": "/faulty" } ] } ] }"#;

fn with_pages() -> Builder {
    let builder = Builder::new().app("faulty").config(CONFIG);
    builder.file("www/index.html", "front").file("www/up.html", "a page")
}

#[track_caller]
fn answer(daemon: &Daemon, request: &Request) -> Response {
    Client::refused(daemon.address(), request).expect("an answer")
}

#[track_caller]
fn is_health(response: &Response, status: u16, word: &str) {
    let body = format!("{{\"status\":\"{word}\"}}\n");
    assert_eq!((response.status, response.text()), (status, body.clone()));
    assert_eq!(response.value("Content-Type"), Some("application/json"));
    assert_eq!(response.value("Cache-Control"), Some("no-store"));
    assert_eq!(response.value("Content-Length"), Some(body.len().to_string().as_str()));
}

#[test]
fn it_is_told_on_every_host_and_port() {
    let daemon = Builder::new().app("echo").sockets(2).start();
    for &address in daemon.addresses() {
        for host in ["localhost", "example.com", "[::1]:99"] {
            let response = Client::refused(address, &Request::get(host, "/healthz?x")).unwrap();
            is_health(&response, 200, "ok");
        }
    }
    is_health(&answer(&daemon, &Request::get("a", "http://b/healthz")), 200, "ok");
    let old = Request { version: "HTTP/1.0".into(), ..Request::get("", "/healthz") };
    is_health(&answer(&daemon, &old.without("Host")), 200, "ok");
    let head = Request { method: "HEAD".into(), ..Request::get("a", "/healthz") };
    let response = answer(&daemon, &head);
    assert_eq!((response.status, response.value("Content-Length")), (200, Some("16")));
    assert_eq!(response.value("Content-Type"), Some("application/json"));
    for path in ["/health", "/healthz/", "/Healthz", "/%68ealthz"] {
        assert_eq!(answer(&daemon, &Request::get("a", path)).status, 404, "{path}");
    }
    daemon.stop_well();
}

#[test]
fn it_goes_before_pages_and_is_no_endpoint() {
    let daemon = with_pages().start();
    is_health(&answer(&daemon, &Request::get("a", "/up.html")), 200, "ok");
    assert_eq!(answer(&daemon, &Request::upgrade("a", "/up.html")).status, 404);
    let post = Request { method: "POST".into(), ..Request::get("a", "/up.html") };
    assert_eq!(answer(&daemon, &post).status, 405);
    assert_eq!(answer(&daemon, &Request::get("a", "/healthz")).status, 404);
    daemon.stop_well();
}

#[test]
fn an_empty_path_turns_it_off() {
    let daemon = Builder::new().app("echo").config(r#"{ "health_path": "" }"#).start();
    for path in ["/healthz", "/"] {
        assert_eq!(answer(&daemon, &Request::get("a", path)).status, 404, "{path}");
    }
    daemon.stop_well();
}

#[test]
fn a_failed_app_degrades_it_and_no_more() {
    let daemon = Builder::new().app("echo").app("faulty").start();
    let health = Request::get("localhost", "/healthz");
    is_health(&answer(&daemon, &health), 200, "ok");
    let mut client = daemon.connect("/faulty");
    client.text("panic").unwrap();
    client.expect_closed(1011);
    // Each worker hears of the failure by itself.
    let start = Instant::now();
    while answer(&daemon, &health).text().contains("ok") {
        assert!(start.elapsed() < Duration::from_secs(20), "the failure does not show");
    }
    is_health(&answer(&daemon, &health), 200, "degraded");
    daemon.stop_well();
}

#[test]
fn so_does_an_app_that_cannot_be_loaded() {
    let builder = Builder::new().app("echo").c_app("tests/apps/odd.c", &["ODD_ABI=99"], "odd");
    let daemon = builder.start();
    is_health(&answer(&daemon, &Request::get("localhost", "/healthz")), 200, "degraded");
    daemon.stop_well();
}

/// Has the daemon stop while its app works, and gives a connection that came too late to be
/// accepted: it has sent a request for `/faulty`.
fn stop_amid_work(daemon: &mut Daemon) -> Client {
    let mut client = daemon.connect("/faulty");
    client.text("slow 5000").unwrap();
    daemon.wait_log("going to sleep");
    daemon.signal(Signal::Term);
    daemon.wait_notice(|line| line == "STOPPING=1");
    // The worker hears of the stop a moment after systemd does.
    loop {
        let mut late = Client::tcp(daemon.address()).unwrap();
        late.set_patience(Duration::from_millis(300));
        late.send_raw(&Request::get("a", "/faulty").to_bytes()).unwrap();
        match late.response(true) {
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return late;
            }
            answer => drop(answer.expect("an answer or none yet")),
        }
    }
}

#[test]
fn who_came_before_a_stop_is_answered_and_who_comes_after_it_by_the_next_process() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let same = socket.try_clone().unwrap();
    let mut daemon = with_pages().socket("ws", socket).start();
    let mut early: Vec<_> = (0..5).map(|_| Client::tcp(daemon.address()).unwrap()).collect();
    early[4].send_raw(b"GET /up.html HTTP/1.1\r\n").unwrap();
    // Accepted in order: once this one has its answer, they are the server's.
    assert_eq!(answer(&daemon, &Request::get("a", "/")).status, 200);
    let mut late = stop_amid_work(&mut daemon);

    let mut ask = |index: usize, bytes: &[u8]| {
        early[index].send_raw(bytes).unwrap();
        let has_body = !bytes.starts_with(b"HEAD");
        early[index].response(has_body).expect("an answer amid the stop")
    };
    is_health(&ask(0, &Request::get("a", "/up.html").to_bytes()), 503, "stopping");
    let head = Request { method: "HEAD".into(), ..Request::get("a", "/up.html") };
    assert_eq!(ask(1, &head.to_bytes()).status, 503);
    assert_eq!(ask(2, &Request::upgrade("a", "/faulty").to_bytes()).status, 503);
    assert_eq!(ask(3, &Request::get("a", "/").to_bytes()).text(), "front");
    is_health(&ask(4, b"Host: a\r\n\r\n"), 503, "stopping");
    drop(early);
    assert_eq!(daemon.wait().status.code(), Some(0));

    let next = with_pages().socket("ws", same).start();
    late.set_patience(Duration::from_secs(20));
    assert_eq!(late.response(true).expect("the next process answers").status, 426);
    next.stop_well();
}

#[test]
fn silent_strangers_do_not_hold_up_a_stop_for_long() {
    let daemon = with_pages().start();
    let silent: Vec<_> = (0..3).map(|_| Client::tcp(daemon.address()).unwrap()).collect();
    assert_eq!(answer(&daemon, &Request::get("a", "/")).status, 200);
    let ended = daemon.stop_well();
    // An eighth of 24 s.
    let (least, most) = (Duration::from_millis(2900), Duration::from_secs(12));
    assert!(least < ended.took && ended.took < most, "{:?}", ended.took);
    drop(silent);
}
