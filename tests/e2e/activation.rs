//! Starting as systemd starts it: activated by a connection, readiness told, and what it says
//! when it was started by hand.

use ringsocket_tests::daemon::{Builder, run};
use ringsocket_tests::folder::Folder;

#[test]
fn the_connection_that_activates_is_answered() {
    let daemon = Builder::new().app("echo").activate();
    let mut client = daemon.connect("/echo");
    client.text("first").unwrap();
    client.expect_text("first");
    client.close_cleanly();
    daemon.wait_notice(|line| line == "READY=1");
    daemon.stop_well();
}

#[test]
fn the_status_names_apps_workers_and_connections() {
    let daemon = Builder::new().app("echo").start();
    daemon.wait_notice(|line| {
        line.starts_with("STATUS=")
            && ["app", "worker", "connection"].iter().all(|w| line.contains(w))
    });
    daemon.stop_well();
}

#[test]
fn the_stop_is_told_too() {
    let mut daemon = Builder::new().app("echo").start();
    daemon.signal(ringsocket_tests::sys::Signal::Term);
    daemon.wait_notice(|line| line == "STOPPING=1");
    assert_eq!(daemon.wait().status.code(), Some(0));
}

#[test]
fn without_sockets_it_says_how_to_start_it_and_exits_78() {
    let folder = Folder::new();
    let output = run(&["--apps", &folder.path().display().to_string()]);
    assert_eq!(output.status.code(), Some(78));
    let text = String::from_utf8(output.stderr).unwrap();
    for word in ["socket", "systemctl", "systemd-socket-activate"] {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
}

#[test]
fn a_watchdog_is_fed() {
    let daemon = Builder::new().app("echo").environment("WATCHDOG_USEC", "1000000").start();
    daemon.wait_notice(|line| line == "WATCHDOG=1");
    daemon.stop_well();
}
