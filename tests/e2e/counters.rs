//! What the operator is told of what the workers have counted: on SIGUSR1, at the end, and in the
//! status.

use std::time::{Duration, Instant};

use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::handshake::Request;
use ringsocket_tests::sys::Signal;

const FOUR: &str = r#"{ "fd_alloc_c": 4, "worker_c": 2, "apps": [ { "name": "echo",
    "app_path": "{apps}/echo.so", "endpoints": [ { "endpoint_id": 1, "url": "/echo" } ] } ] }"#;

const PATIENCE: Duration = Duration::from_secs(20);

/// The last line of counters.
fn told(log: &str) -> Option<&str> {
    log.lines().rfind(|line| line.contains("counters: "))
}

/// The line of counters that comes when it is asked for.
fn ask(daemon: &mut Daemon) -> String {
    let lines = |daemon: &Daemon| daemon.log().matches("counters: ").count();
    let (before, start) = (lines(daemon), Instant::now());
    daemon.signal(Signal::Usr1);
    while lines(daemon) == before {
        assert!(start.elapsed() < PATIENCE, "SIGUSR1 goes unheard");
        std::thread::yield_now();
    }
    told(&daemon.log()).expect("there is one more").to_owned()
}

/// The manual names every counter of the line in italics, and so says what it counts.
fn assert_explained(line: &str) {
    let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/ringsocket.8");
    let manual = std::fs::read_to_string(manual).expect("the manual");
    let (_, counters) = line.split_once("counters: ").expect("the line of counters");
    for counter in counters.split(", ") {
        let name = counter.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end();
        let is_named = manual.lines().any(|line| {
            let roman = line.strip_prefix(".IR ").and_then(|text| text.rsplit_once(' '));
            line.strip_prefix(".I ").or(roman.map(|(text, _)| text)) == Some(name)
        });
        assert!(is_named, "ringsocket(8) does not say what \"{name}\" counts");
    }
}

#[test]
fn counters_are_told_on_sigusr1_at_the_end_and_in_the_status() {
    let mut daemon = Builder::new().app("echo").config(FOUR).start();
    let first = ask(&mut daemon);
    assert_explained(&first);
    assert!(first.starts_with("notice: counters: open 0, accepted 0, turned away 0"), "{first}");

    let missing = Request::upgrade("localhost", "/missing");
    assert_eq!(Client::refused(daemon.address(), &missing).unwrap().status, 404);
    let health = Request::get("localhost", "/healthz");
    assert_eq!(Client::refused(daemon.address(), &health).unwrap().status, 200);
    let mut rude = daemon.connect("/echo");
    rude.send_raw(b"\x81\x01x").unwrap(); // not masked
    rude.expect_close(1002);
    drop(rude);
    // The last to be counted is that the rude one is gone.
    let calm =
        "open 0, accepted 3, turned away 0, refused 1, undecided 0, violations 1, too slow 0";
    let start = Instant::now();
    while !ask(&mut daemon).contains(calm) {
        assert!(start.elapsed() < PATIENCE, "never {calm}");
    }

    let inside: Vec<Client> = (0..4).map(|_| daemon.connect("/echo")).collect();
    let mut outside = Client::tcp(daemon.address()).unwrap();
    assert_eq!(outside.response(true).unwrap().status, 503);
    daemon.wait_notice(|line| {
        line.starts_with("STATUS=Serving 4") && line.ends_with("; turned away 1")
    });
    inside.into_iter().for_each(Client::close_cleanly);
    let ended = daemon.stop_well();
    let all = "open 0, accepted 7, turned away 1, refused 1, undecided 0, violations 1, too slow 0";
    assert!(told(&ended.log).is_some_and(|line| line.contains(all)), "{}", ended.log);
}
