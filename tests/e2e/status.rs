//! The line that `systemctl status` shows follows what the daemon does: it starts, serves, reloads, lets
//! its connections go, and is over.

use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::sys::Signal;

use super::dropin::{builder, install, reload};

/// All lines so far, in order.
fn lines(daemon: &Daemon) -> Vec<String> {
    let notices = daemon.notices().into_iter();
    notices.filter_map(|line| Some(line.strip_prefix("STATUS=")?.to_owned())).collect()
}

/// Waits for this line.
#[track_caller]
fn expect(daemon: &Daemon, line: &str) {
    daemon.wait_notice(|notice| notice.strip_prefix("STATUS=") == Some(line));
}

#[test]
fn a_start_tells_what_it_waits_for() {
    let slow = ["VERSION=one", "VERSION_INIT_HANGS=1"];
    let daemon = Builder::new().app("echo").c_app("tests/apps/version.c", &slow, "slow").start();
    let told = lines(&daemon);
    assert_eq!(told[0], "Starting: loading 2 apps");
    assert_eq!(told[1], "Starting: waiting for init of slow");
    assert!(told[2].starts_with("Serving 0 connections: 2 apps (echo, slow)"), "{told:?}");
    daemon.stop_well();
}

#[test]
fn a_reload_tells_what_it_is_at_and_serves_on() {
    let daemon = builder(r#"{ "init_wait": 60 }"#).app("echo").start();
    install(&daemon, "slow", "one", &["VERSION_INIT_HANGS=1"]);
    let before = lines(&daemon).len();
    reload(&daemon);
    let told = lines(&daemon).split_off(before);
    assert!(told[0].starts_with("Reloading: reading the configuration"), "{told:?}");
    assert!(told.iter().any(|line| line == "Reloading: waiting for init of slow"), "{told:?}");
    expect_serving(&daemon, "Serving 0 connections: 2 apps (echo, slow)");
    daemon.stop_well();
}

#[track_caller]
fn expect_serving(daemon: &Daemon, begin: &str) {
    daemon.wait_notice(|line| line.strip_prefix("STATUS=").is_some_and(|it| it.starts_with(begin)));
}

#[test]
fn a_stop_tells_how_many_are_left_and_the_last_line_is_not_theirs() {
    let config = r#"{ "stop_wait": 60, "shutdown_wait_ws": 60 }"#;
    let mut daemon = Builder::new().app("echo").config(config).start();
    let mut clients: Vec<Client> = (0..3).map(|_| daemon.connect("/echo")).collect();
    expect_serving(&daemon, "Serving 3 connections");
    daemon.signal(Signal::Term);
    for left in (1..=3).rev() {
        let plural = if left == 1 { "" } else { "s" };
        expect(&daemon, &format!("Draining {left} connection{plural}"));
        let mut client = clients.pop().expect("one that is left");
        client.expect_close(1001);
        client.close(1001, "").unwrap();
        client.expect_end().unwrap();
    }
    expect(&daemon, "Stopped");
    assert_eq!(daemon.wait().status.code(), Some(0));
}

#[test]
fn a_stop_tells_which_app_it_waits_for() {
    let slow = ["VERSION=one", "VERSION_QUIT_HANGS=1"];
    let mut daemon =
        Builder::new().app("echo").c_app("tests/apps/version.c", &slow, "slow").start();
    daemon.signal(Signal::Term);
    expect(&daemon, "Stopping: waiting for app slow");
    expect(&daemon, "Stopped");
    assert_eq!(daemon.wait().status.code(), Some(0));
}
