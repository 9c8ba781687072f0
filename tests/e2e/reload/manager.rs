//! What the service manager sees of a reload, and what it asks for.

use std::time::{Duration, Instant};

use ringsocket_tests::sys::Signal;

use super::*;

/// Microseconds of CLOCK_MONOTONIC, by another way than the daemon's.
fn uptime() -> u64 {
    let text = std::fs::read_to_string("/proc/uptime").expect("proc(5)");
    let seconds: f64 = text.split(' ').next().and_then(|text| text.parse().ok()).expect("seconds");
    (seconds * 1e6) as u64
}

#[test]
fn a_reload_begins_with_reloading_and_its_time_and_ends_with_ready() {
    let daemon = builder("{}").app("echo").start();
    for text in [r#"{ "max_backpressure": 10000 }"#, "{ nonsense"] {
        let count = daemon.notices().len();
        configure(&daemon, text);
        let before = uptime();
        if text.contains("nonsense") {
            reload_badly(&daemon);
        } else {
            reload(&daemon);
        }
        let after = uptime();
        let notices = daemon.notices().split_off(count);
        let lines: Vec<_> = notices.iter().filter(|line| !line.starts_with("STATUS=")).collect();
        assert_eq!((lines.len(), lines[0].as_str()), (3, "RELOADING=1"), "{notices:?}");
        let at = lines[1].strip_prefix("MONOTONIC_USEC=").expect("in the same datagram");
        let at: u64 = at.parse().expect("a number");
        // /proc/uptime counts hundredths of a second, and the time of sleep (CLOCK_BOOTTIME).
        assert!(at <= after + 10_000 && at + 1_000_000 > before, "{before} {at} {after}");
        assert_eq!(lines[2], "READY=1");
    }
    daemon.stop_well();
}

#[test]
fn the_watchdog_is_fed_while_a_reload_waits() {
    let daemon = builder(r#"{ "init_wait": 60 }"#)
        .app("echo")
        .environment("WATCHDOG_USEC", "1000000")
        .start();
    let mut client = daemon.connect("/echo");
    install(&daemon, "slow", "one", &["VERSION_INIT_HANGS=5"]);
    let count = daemon.notices().len();
    reload(&daemon);
    let notices = daemon.notices().split_off(count);
    let at = |wanted| notices.iter().position(|line| line == wanted).expect("a notice");
    let meanwhile = &notices[at("RELOADING=1")..at("READY=1")];
    let fed = meanwhile.iter().filter(|line| *line == "WATCHDOG=1").count();
    assert!(fed >= 5, "{fed} times in 5 s: {notices:?}");
    assert!(!daemon.log().contains("stuck"), "{}", daemon.log());
    echoes(&mut client, "well fed");
    connect_to(&daemon, "/slow", "one").close_cleanly();
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn a_reload_that_is_asked_for_during_the_start_follows_it() {
    let slow = ["VERSION=one", "VERSION_INIT_HANGS=4"];
    let mut daemon = builder("{}").c_app("tests/apps/version.c", &slow, "app").app("echo").spawn();
    let start = Instant::now();
    // The thread of an app stands for the signals' being heeded.
    wait_for_app_threads(&daemon, 2);
    std::fs::write(daemon.path().join("ringsocket.json"), r#"{ "health_path": "/up" }"#).unwrap();
    daemon.signal(Signal::Hup);
    assert!(start.elapsed() < Duration::from_secs(3), "too late: {:?}", start.elapsed());
    daemon.wait_ready();
    daemon.wait_notice(|line| line == "RELOADING=1");
    daemon.wait_log("reloaded: ");
    assert_eq!(get(&daemon, "/up").status, 200);
    let notices = daemon.notices();
    let at = |wanted| notices.iter().position(|line| line == wanted).expect("a notice");
    assert!(at("READY=1") < at("RELOADING=1"), "{notices:?}");
    assert_eq!(app_threads(&daemon), 2);
    daemon.stop_well();
}
