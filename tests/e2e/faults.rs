//! Apps that fail stop alone: their clients get 1011, a log line says why, the others go on.

use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::handshake::Request;

#[track_caller]
fn echo_works(daemon: &Daemon) {
    let mut client = daemon.connect("/echo");
    client.text("unharmed").unwrap();
    client.expect_text("unharmed");
    client.close_cleanly();
}

#[test]
fn a_panic_in_read_stops_that_app_alone() {
    let daemon = Builder::new().app("echo").app("faulty").start();
    let mut bystander = daemon.connect("/echo");
    let other = daemon.connect("/faulty");
    let mut client = daemon.connect("/faulty");
    client.text("panic").unwrap();
    client.expect_closed(1011);
    other.expect_closed(1011);
    daemon.wait_log_line(&["app=faulty", "asked to panic in read"]);
    bystander.text("still here").unwrap();
    bystander.expect_text("still here");
    bystander.close_cleanly();
    // Newcomers are told at once, in HTTP or by a Close, and not left waiting.
    match Client::connect(daemon.address(), "/faulty") {
        Ok(client) => drop(client.expect_closed(1011)),
        Err(error) => assert!(error.to_string().contains("50"), "{error}"),
    }
    echo_works(&daemon);
    daemon.stop_well();
}

#[test]
fn a_panic_in_open_stops_that_app_alone() {
    let daemon = Builder::new().app("echo").app("faulty").start();
    let client = daemon.connect("/faulty?panic");
    client.expect_closed(1011);
    daemon.wait_log_line(&["app=faulty", "asked to panic in open"]);
    echo_works(&daemon);
    daemon.stop_well();
}

#[test]
fn a_fatal_return_of_a_c_app_stops_that_app_alone() {
    let daemon = Builder::new().app("echo").c_app("tests/apps/odd.c", &["ODD_READ"], "odd").start();
    let mut client = daemon.connect("/odd");
    client.text("anything").unwrap();
    client.expect_closed(1011);
    daemon.wait_log("odd");
    echo_works(&daemon);
    daemon.stop_well();
}

#[test]
fn an_app_whose_init_fails_does_not_stop_the_others() {
    let daemon = Builder::new().app("echo").c_app("tests/apps/odd.c", &["ODD_INIT"], "odd").start();
    daemon.wait_log("odd");
    echo_works(&daemon);
    daemon.stop_well();
}

#[test]
fn another_abi_version_is_refused_with_both_versions() {
    let daemon =
        Builder::new().app("echo").c_app("tests/apps/odd.c", &["ODD_ABI=4711"], "odd").start();
    daemon.wait_log_line(&["odd.so", "version 4711", "version 1:"]);
    echo_works(&daemon);
    let request = Request::upgrade("localhost", "/odd");
    let response = Client::refused(daemon.address(), &request).unwrap();
    assert!(matches!(response.status, 404 | 503), "{}", response.text());
    daemon.stop_well();
}

#[test]
fn a_table_that_is_too_small_is_refused() {
    // Shorter than any, and one that cuts a member in two.
    for size in ["ODD_SIZE=16", "ODD_SIZE=67"] {
        let daemon = Builder::new().app("echo").c_app("tests/apps/odd.c", &[size], "odd").start();
        daemon.wait_log_line(&["odd.so", "struct_size"]);
        echo_works(&daemon);
        daemon.stop_well();
    }
}

#[test]
fn a_file_that_is_no_app_does_not_stop_the_others() {
    let daemon = Builder::new().app("echo").file("apps/junk.so", "not ELF").start();
    daemon.wait_log("junk");
    echo_works(&daemon);
    daemon.stop_well();
}

#[test]
fn a_slow_app_does_not_slow_the_others() {
    let daemon = Builder::new().app("echo").app("faulty").start();
    let mut slow = daemon.connect("/faulty");
    slow.text("slow 3000").unwrap();
    daemon.wait_log("going to sleep");
    let start = std::time::Instant::now();
    for _ in 0..100 {
        echo_works(&daemon);
    }
    assert!(start.elapsed().as_millis() < 2500, "{:?}", start.elapsed());
    slow.expect_text("slept");
    slow.close_cleanly();
    daemon.stop_well();
}
