//! What cannot be loaded leaves everything as it was, and the reason is told.

use std::fs::OpenOptions;
use std::io::Write;
use std::time::{Duration, Instant};

use ringsocket_tests::daemon::Daemon;
use ringsocket_tests::sys::Signal;

use super::*;

/// A daemon that serves version one.
fn with_one(config: &str) -> Daemon {
    let daemon = builder(config).start();
    install(&daemon, "app", "one", &[]);
    reload(&daemon);
    daemon
}

#[track_caller]
fn status_says(daemon: &Daemon, words: &[&str]) {
    let has_all = |line: &str| words.iter().all(|word| line.contains(word));
    daemon.wait_notice(|line| line.starts_with("STATUS=") && has_all(line));
}

#[test]
fn a_bad_version_leaves_the_old_one_serving() {
    let daemon = with_one(r#"{ "init_wait": 1 }"#);
    let mut client = connect_to(&daemon, "/app", "one");
    for (define, why) in [
        ("VERSION_ABI=99", "version 99"),
        ("VERSION_INIT_FAILS", "`init` callback"),
        ("VERSION_INIT_HANGS=3", "not returned within 1 s"),
    ] {
        install(&daemon, "app", "two", &[define]);
        let said = reload_badly(&daemon);
        assert!(said.contains("app: ") && said.contains(why), "{define}: {said}");
        daemon.wait_log_line(&[why]);
        status_says(&daemon, &["1 app (app)", "app not loaded", why]);
        expect_version(&mut client, "one");
        connect_to(&daemon, "/app", "one").close_cleanly();
    }
    // The thread whose `init` hung has come to its end meanwhile, or does.
    wait_for_app_threads(&daemon, 1);
    install(&daemon, "app", "three", &[]);
    reload(&daemon);
    connect_to(&daemon, "/app", "three").close_cleanly();
    daemon.stop_well();
}

#[test]
fn half_a_file_is_not_loaded() {
    let daemon = with_one("{}");
    let whole = std::fs::read(compile(&daemon, "two", &[])).unwrap();
    let file = daemon.path().join("apps/app.so");
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let said = reload_badly(&daemon);
    assert!(said.contains("not whole"), "{said}");
    status_says(&daemon, &["not whole"]);
    connect_to(&daemon, "/app", "one").close_cleanly();
    // The rest comes, and nobody needs to ask again.
    OpenOptions::new()
        .append(true)
        .open(&file)
        .unwrap()
        .write_all(&whole[whole.len() / 2..])
        .unwrap();
    let start = Instant::now();
    loop {
        let mut client = daemon.connect("/app");
        client.text("version").unwrap();
        if client.receive_text() == "two" {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "log:\n{}", daemon.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    daemon.wait_notice(|line| line.starts_with("STATUS=") && !line.contains("not loaded"));
    daemon.stop_well();
}

#[test]
fn a_file_that_grows_slowly_is_waited_for() {
    let daemon = with_one("{}");
    let whole = std::fs::read(compile(&daemon, "two", &[])).unwrap();
    let file = daemon.path().join("apps/app.so");
    // Of full length from the start, so that only its being written to shows it: zeroes at first.
    std::fs::write(&file, vec![0; whole.len()]).unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut growing = OpenOptions::new().write(true).open(&file).unwrap();
            for piece in whole.chunks(whole.len() / 10 + 1) {
                std::thread::sleep(Duration::from_millis(200));
                growing.write_all(piece).unwrap();
            }
        });
        reload(&daemon);
        assert!(writer.is_finished(), "the reload did not wait");
    });
    connect_to(&daemon, "/app", "two").close_cleanly();
    assert!(!daemon.log().contains("not loaded"), "{}", daemon.log());
    daemon.stop_well();
}

#[test]
fn an_app_that_has_failed_is_started_again() {
    let daemon = builder("{}").app("faulty").app("echo").start();
    let mut client = daemon.connect("/faulty");
    client.text("panic").unwrap();
    client.expect_close(1011);
    client.close(1011, "").unwrap();
    status_says(&daemon, &["1 failed (faulty)"]);
    reload(&daemon);
    let mut client = daemon.connect("/faulty");
    client.text("as new").unwrap();
    client.expect_text("as new");
    client.close_cleanly();
    wait_for_app_threads(&daemon, 2);
    daemon.stop_well();
}

#[test]
fn a_stop_amid_a_reload_comes_at_once() {
    let mut daemon = with_one("{}");
    let client = connect_to(&daemon, "/app", "one");
    install(&daemon, "app", "two", &["VERSION_INIT_HANGS=8"]);
    std::thread::sleep(Duration::from_millis(1100)); // old enough to be looked at at once
    let before = app_threads(&daemon);
    daemon.signal(Signal::Hup);
    wait_for_app_threads(&daemon, before + 1);
    drop(client);
    let ended = daemon.stop_well();
    assert!(ended.took < Duration::from_secs(6), "{:?}", ended.took);
}
