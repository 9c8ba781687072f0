//! The order of callbacks that an app sees: for each client open, its messages, close, once each.

use ringsocket_tests::client::{Client, PATIENCE};
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::sys;

/// The witness's lines about `name`, once there are `count` of them.
#[track_caller]
fn lines(daemon: &Daemon, name: &str, count: usize) -> Vec<String> {
    let mut asker = daemon.connect("/witness?asker");
    let start = std::time::Instant::now();
    loop {
        asker.text("report").unwrap();
        let report = asker.receive_text();
        assert!(!report.contains("AGAIN") && !report.contains("STRANGER"), "{report}");
        let of_name = |line: &&str| line.split(' ').nth(1) == Some(name);
        let lines: Vec<String> = report.lines().filter(of_name).map(str::to_owned).collect();
        if lines.len() >= count {
            asker.close_cleanly();
            return lines;
        }
        assert!(start.elapsed() < PATIENCE, "only {lines:?}");
    }
}

#[test]
fn open_then_messages_then_close() {
    let daemon = Builder::new().app("witness").start();
    let mut anna = daemon.connect("/witness?anna");
    anna.text("one").unwrap();
    anna.binary(&[0; 40_000]).unwrap();
    anna.text("three").unwrap();
    anna.close(1001, "going").unwrap();
    anna.expect_close(1001);
    anna.expect_end().unwrap();
    assert_eq!(
        lines(&daemon, "anna", 5),
        [
            "open anna",
            "read anna one",
            "read anna 40000 bytes",
            "read anna three",
            "close anna 1001 going"
        ]
    );
    daemon.stop_well();
}

#[test]
fn a_lost_connection_is_closed_with_1006_and_a_bare_close_with_1005() {
    let daemon = Builder::new().app("witness").start();
    let lost = daemon.connect("/witness?lost");
    sys::set_abort_on_close(lost.stream()).unwrap();
    drop(lost);
    assert_eq!(lines(&daemon, "lost", 2), ["open lost", "close lost 1006 "]);
    let mut bare = daemon.connect("/witness?bare");
    bare.send(&ringsocket_tests::frame::Frame::new(8, b"")).unwrap();
    bare.expect_close(1005);
    assert_eq!(lines(&daemon, "bare", 2), ["open bare", "close bare 1005 "]);
    daemon.stop_well();
}

#[test]
fn a_violation_is_closed_with_its_code_after_the_messages_before_it() {
    let daemon = Builder::new().app("witness").start();
    let mut bad = daemon.connect("/witness?bad");
    bad.text("good so far").unwrap();
    bad.send_raw(&[0xff; 20]).unwrap();
    bad.expect_close(1002);
    let lines = lines(&daemon, "bad", 3);
    assert_eq!(lines[..2], ["open bad", "read bad good so far"]);
    assert!(lines[2].starts_with("close bad 1002"), "{lines:?}");
    daemon.stop_well();
}

#[test]
fn a_refused_request_reaches_no_app() {
    let daemon = Builder::new().app("witness").start();
    let request = ringsocket_tests::handshake::Request::get("localhost", "/witness?plain");
    assert_eq!(Client::refused(daemon.address(), &request).unwrap().status, 426);
    assert_eq!(lines(&daemon, "plain", 0), [""; 0]);
    daemon.stop_well();
}

#[test]
fn a_slot_used_again_is_a_new_client() {
    let daemon = Builder::new().app("witness").start();
    for i in 0..200 {
        let mut client = daemon.connect(&format!("/witness?n{i}"));
        client.text("here").unwrap();
        client.close_cleanly();
    }
    for i in [0, 100, 199] {
        let name = format!("n{i}");
        let want =
            [format!("open {name}"), format!("read {name} here"), format!("close {name} 1000 ")];
        assert_eq!(lines(&daemon, &name, 3), want);
    }
    daemon.stop_well();
}
