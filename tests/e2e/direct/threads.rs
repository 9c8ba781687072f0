//! On which thread an app runs: what it says of itself and what the operator says, both count.

use ringsocket_tests::daemon::{Builder, Daemon};

use super::{assert_direct, start, thread_of};

/// All answers must come from the app's own thread, under load as well.
#[track_caller]
fn assert_own_thread(daemon: &Daemon, app: &str) {
    let mut clients: Vec<_> = (0..4).map(|_| daemon.connect(&format!("/{app}"))).collect();
    for _ in 0..200 {
        clients.iter_mut().for_each(|client| client.text("thread").unwrap());
        clients.iter_mut().for_each(|client| client.expect_text(&format!("app {app}")));
    }
}

#[test]
fn an_app_that_asks_for_its_own_thread_gets_it_whatever_the_operator_says() {
    let daemon = start(&["loner", "faulty"], "any", 2, "");
    assert_own_thread(&daemon, "loner");
    assert_direct(&mut daemon.connect("/faulty"));
    daemon.wait_log_line(&["app=loner", "`threads` is \"any\""]);
    let log = daemon.stop_well().log;
    assert!(!log.lines().any(|line| line.contains("app=faulty") && line.contains("`threads`")));
}

#[test]
fn the_operator_may_keep_an_app_on_its_own_thread() {
    let daemon = start(&["faulty"], "own", 2, "");
    assert_own_thread(&daemon, "faulty");
    daemon.stop_well();
}

#[test]
fn a_c_app_runs_on_any_thread_only_if_it_says_that_it_may() {
    let config = r#"{ "worker_c": 2, "apps": [{ "name": "odd", "threads": "any" }] }"#;
    let with = |defines: &[&str]| {
        let builder = Builder::new().config(config).sockets_of_one_port(2);
        builder.c_app("tests/apps/odd.c", defines, "odd").start()
    };
    let daemon = with(&["ODD_THREAD", "ODD_FLAGS=RS_APP_ANY_THREAD"]);
    let mut client = daemon.connect("/odd");
    client.text("?").unwrap();
    // On a busy machine a callback may seem to take too long for a worker.
    let mut direct = 0;
    for asked in 1.. {
        // The name's own line end comes with it, and no more than that.
        let name = thread_of(&mut client);
        assert!(["worker 0\n", "worker 1\n", "app odd\n"].contains(&name.as_str()), "{name:?}");
        direct += usize::from(name.starts_with("worker "));
        if direct == 25 {
            break;
        }
        assert!(asked < 5000, "{direct} of {asked}");
    }
    drop(client);
    daemon.stop_well();
    // A flag that is not known yet means nothing.
    for flags in ["ODD_FLAGS=0", "ODD_FLAGS=RS_APP_UTF8_SENT", "ODD_FLAGS=1024"] {
        let daemon = with(&["ODD_THREAD", flags]);
        let mut client = daemon.connect("/odd");
        for _ in 0..50 {
            assert_eq!(thread_of(&mut client), "app odd\n");
        }
        drop(client);
        daemon.stop_well();
    }
}
