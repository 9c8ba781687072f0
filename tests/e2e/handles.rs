//! Calls that threads of an app post to it, in each language: order, limit, and what becomes of
//! them at the end.

use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::{Builder, Daemon};

const LANGUAGES: [&str; 3] = ["Rust", "C", "C++"];

fn start(language: &str, threads: &str) -> Daemon {
    let config = format!(
        r#"{{ "worker_c": 2, "apps": [{{ "name": "oracle", "threads": "{threads}" }},
            {{ "name": "echo" }}] }}"#
    );
    let builder = Builder::new().app("echo").config(&config);
    let builder = match language {
        "Rust" => builder.app("oracle"),
        "C" => builder.c_app("tests/apps/oracle.c", &[], "oracle"),
        _ => builder.cpp_app("tests/apps/cpp-oracle.cpp", &[], "oracle"),
    };
    builder.start()
}

#[track_caller]
fn count(client: &mut Client, number: usize) {
    client.text(&format!("count {number}")).unwrap();
    (0..number).for_each(|i| client.expect_text(&i.to_string()));
}

#[test]
fn calls_of_a_thread_arrive_in_order_and_wake_the_app() {
    for (language, threads) in LANGUAGES.into_iter().flat_map(|l| [(l, "own"), (l, "any")]) {
        let daemon = start(language, threads);
        let mut client = daemon.connect("/oracle");
        for _ in 0..50 {
            count(&mut client, 1); // the app sleeps in between
        }
        count(&mut client, 10_000);
        client.text("made").unwrap();
        client.expect_text("10051");
        client.close_cleanly();
        daemon.stop_well();
    }
}

#[test]
fn calls_of_several_threads_come_between_messages_that_workers_hand_over() {
    for language in LANGUAGES {
        let daemon = start(language, "any");
        let mut talkers: Vec<_> = (0..4).map(|_| daemon.connect("/oracle")).collect();
        for round in 0..20 {
            for talker in &mut talkers {
                talker.text("count 50").unwrap();
                (0..50).for_each(|i| talker.text(&format!("x{i}")).unwrap());
            }
            for talker in &mut talkers {
                let (mut counted, mut echoed) = (0, 0);
                for _ in 0..100 {
                    let text = talker.receive_text();
                    match text.strip_prefix('x') {
                        Some(number) => {
                            assert_eq!(number, echoed.to_string(), "in round {round}");
                            echoed += 1;
                        }
                        None => {
                            assert_eq!(text, counted.to_string(), "in round {round}");
                            counted += 1;
                        }
                    }
                }
                assert_eq!((counted, echoed), (50, 50));
            }
        }
        talkers.into_iter().for_each(Client::close_cleanly);
        daemon.stop_well();
    }
}

#[test]
fn no_more_than_the_limit_waits_and_nothing_of_it_is_lost() {
    for language in LANGUAGES {
        let daemon = start(language, "own");
        let mut client = daemon.connect("/oracle");
        for round in 1..=3 {
            client.text("fill").unwrap();
            client.expect_text("65536: a limit has been reached");
            count(&mut client, 1); // behind all of them
            client.text("made").unwrap();
            client.expect_text(&(1 + round * 65_537).to_string());
        }
        client.close_cleanly();
        daemon.stop_well();
    }
}

#[test]
fn a_failure_of_a_call_stops_the_app_and_drops_what_is_posted() {
    for language in LANGUAGES {
        let daemon = start(language, "any");
        let mut other = daemon.connect("/echo");
        let mut client = daemon.connect("/oracle");
        client.text("outlive").unwrap();
        count(&mut client, 5);
        client.text("panic").unwrap();
        client.expect_close(1011);
        client.close(1011, "").unwrap();
        daemon.wait_log(match language {
            "Rust" => "a posted call panicked at tests/apps/oracle/src/lib.rs:",
            "C" => "failed by a posted call",
            _ => "`post` threw an exception: by a posted call",
        });
        daemon.wait_log("its `post` callback reported a fatal error");
        daemon.wait_log("oracle: posted ");
        other.text("unharmed").unwrap();
        other.expect_text("unharmed");
        other.close_cleanly();
        daemon.stop_well();
    }
}

#[test]
fn who_posts_to_an_app_that_is_over_is_told() {
    for language in LANGUAGES {
        let daemon = start(language, "own");
        let mut client = daemon.connect("/oracle");
        // What waits while the app is busy is made or dropped, and the daemon ends in time.
        client.text("outlive").unwrap();
        client.text("wait 300").unwrap();
        client.close_cleanly();
        let log = daemon.stop_well().log;
        assert!(log.contains("oracle: posted "), "{log}");
    }
}

#[test]
fn what_a_call_may_not_do_stops_the_app() {
    for (language, order, why) in [
        ("C", "misuse", "rs_to_cur() must not be called from an rs_post callback"),
        ("C", "code", "a callback returned 4000, which is neither"),
        ("C++", "misuse", "`post` threw a Rejection where there is no client: nobody"),
    ] {
        let daemon = start(language, "own");
        let mut client = daemon.connect("/oracle");
        client.text(order).unwrap();
        client.expect_close(1011);
        client.close(1011, "").unwrap();
        daemon.wait_log_line(&[why, "error", "app=oracle"]);
        daemon.wait_log("its `post` callback reported a fatal error");
        daemon.connect("/echo").close_cleanly();
        daemon.stop_well();
    }
}

#[test]
fn a_call_or_a_handle_that_is_none_is_told() {
    for language in ["C", "C++"] {
        let daemon = start(language, "any");
        let mut client = daemon.connect("/oracle");
        client.text("bad").unwrap();
        client.expect_text("told");
        count(&mut client, 3);
        client.close_cleanly();
        daemon.stop_well();
    }
}

#[test]
fn what_is_posted_to_an_app_that_fails_is_dropped_once() {
    for language in ["C", "C++"] {
        let daemon = start(language, "any");
        let mut client = daemon.connect("/oracle");
        client.text("doom").unwrap();
        client.expect_close(1011);
        client.close(1011, "").unwrap();
        daemon.wait_log("oracle: dropped 10 of 10");
        let log = daemon.stop_well().log;
        assert_eq!(log.matches("oracle: dropped").count(), 10, "{log}");
        assert!(!log.contains("called after all"), "{log}");
    }
}
