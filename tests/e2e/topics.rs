//! Topics: who is subscribed gets what is published, in order, and nobody else does; on every way
//! there is between workers and apps, in each language.

use std::collections::BTreeSet;

use ringsocket_tests::client::{Client, Message};
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::handshake::Request;
use ringsocket_tests::prng::Prng;

const TOPICS: [&str; 4] = ["a", "b/c", "\u{fc}ber", "d"];

/// The app in this language, with this word for `threads`, so many workers, and more keys.
fn start(language: &str, threads: &str, worker_c: usize, keys: &str) -> Daemon {
    let config = format!(
        r#"{{ {keys} "worker_c": {worker_c}, "apps": [{{ "name": "topics", "threads": "{threads}" }}] }}"#
    );
    let builder = Builder::new().sockets_of_one_port(worker_c).config(&config);
    let builder = match language {
        "Rust" => builder.app("topics"),
        "C" => builder.c_app("tests/apps/topics.c", &[], "topics"),
        _ => builder.cpp_app("tests/apps/cpp-topics.cpp", &[], "topics"),
    };
    builder.start()
}

/// All of them.
fn each(check: impl Fn(&str, &str, usize)) {
    for language in ["Rust", "C", "C++"] {
        for threads in ["own", "any"] {
            for worker_c in [1, 3] {
                check(language, threads, worker_c);
            }
        }
    }
}

#[track_caller]
fn ask(client: &mut Client, what: &str) -> String {
    client.text(what).unwrap();
    client.receive_text()
}

#[track_caller]
fn subscribed(daemon: &Daemon, topic: &str) -> Client {
    let mut client = daemon.connect("/topics");
    assert_eq!(ask(&mut client, &format!("sub {topic}")), "ok");
    client
}

/// Whom `verb` leaves out.
fn is_for_sender(verb: &str) -> bool {
    verb == "pub"
}

#[test]
fn random_subscriptions_are_those_of_a_model() {
    each(|language, threads, worker_c| {
        let daemon = start(language, threads, worker_c, "");
        let mut prng = Prng::new(worker_c as u64);
        let mut clients: Vec<_> = (0..12).map(|_| daemon.connect("/topics")).collect();
        let mut model: BTreeSet<(usize, usize)> = BTreeSet::new();
        for step in 0..600 {
            let (one, topic) = (prng.below(12) as usize, prng.below(4) as usize);
            let name = TOPICS[topic];
            match prng.below(16) {
                0 => {
                    // The next connection may get the slot of this one.
                    let new = daemon.connect("/topics");
                    std::mem::replace(&mut clients[one], new).close_cleanly();
                    model.retain(|subscription| subscription.0 != one);
                }
                1..=5 => {
                    assert_eq!(ask(&mut clients[one], &format!("sub {name}")), "ok");
                    model.insert((one, topic));
                }
                6..=8 => {
                    assert_eq!(ask(&mut clients[one], &format!("unsub {name}")), "ok");
                    model.remove(&(one, topic));
                }
                roll => {
                    let verb = ["pub", "others", "many"][roll as usize % 3];
                    clients[one].text(&format!("{verb} {name} {step}")).unwrap();
                    for (index, client) in clients.iter_mut().enumerate() {
                        let is_left_out = index == one && !is_for_sender(verb);
                        if model.contains(&(index, topic)) && !is_left_out {
                            client.expect_text(&step.to_string());
                        }
                    }
                    // What others say next comes after it, also if nobody has got it.
                    assert_eq!(ask(&mut clients[one], "?"), "what?");
                }
            }
        }
        // Nobody has got anything else.
        clients.iter_mut().for_each(|client| assert_eq!(ask(client, "?"), "what?"));
        drop(clients);
        daemon.stop_well();
    });
}

#[test]
fn a_publish_keeps_its_place_among_other_sends() {
    each(|language, threads, worker_c| {
        let daemon = start(language, threads, worker_c, "");
        let mut others: Vec<_> = (0..6).map(|_| subscribed(&daemon, "t")).collect();
        let mut client = subscribed(&daemon, "t");
        for round in 0..50 {
            client.text(&format!("mixed t line {round}")).unwrap();
            let all = ["1", &format!("line {round}"), "2", "back"];
            all.iter().for_each(|text| client.expect_text(text));
            for other in &mut others {
                let all = [&format!("line {round}"), "not to who has left", "back"];
                all.iter().for_each(|text| other.expect_text(text));
            }
        }
        client.close_cleanly();
        drop(others);
        daemon.stop_well();
    });
}

#[test]
fn what_open_publishes_follows_its_return_in_order() {
    each(|language, threads, worker_c| {
        let daemon = start(language, threads, worker_c, "");
        let mut first = subscribed(&daemon, "t");
        for _ in 0..10 {
            let mut client = daemon.connect("/topics?topic=t");
            client.expect_text("after");
            first.expect_text("before");
            first.expect_text("after");
            assert_eq!(ask(&mut client, "?"), "what?");
            assert_eq!(ask(&mut client, "sub t"), "ok");
            client.text("drop t last words").unwrap();
            first.expect_text("last words");
            assert_eq!(
                client.expect_close(4000).as_str(),
                if language == "C" { "" } else { "dropped" }
            );
        }
        drop(first);
        daemon.stop_well();
    });
}

#[test]
fn a_client_that_is_gone_is_subscribed_to_nothing() {
    each(|language, threads, worker_c| {
        let daemon = start(language, threads, worker_c, "");
        let mut watcher = subscribed(&daemon, "goodbyes");
        for round in 0..20 {
            let leaver = subscribed(&daemon, "goodbyes");
            if round % 2 == 0 {
                leaver.close_cleanly()
            } else {
                drop(leaver)
            }
            watcher.expect_text("gone");
        }
        assert_eq!(ask(&mut watcher, "?"), "what?");
        drop(watcher);
        daemon.stop_well();
    });
}

/// What `open` has done for it comes to nothing, and takes no place of anybody's.
#[test]
fn who_has_left_before_its_open_is_subscribed_to_nothing() {
    each(|language, threads, worker_c| {
        let daemon = start(language, threads, worker_c, r#""max_topics_per_app": 2,"#);
        let mut watcher = subscribed(&daemon, "goodbyes");
        for round in 0..30 {
            let target = format!("/topics?quietly=of-{round}");
            let request = Request::upgrade(&daemon.address().to_string(), &target);
            let mut leaver = Client::tcp(daemon.address()).unwrap();
            leaver.send_raw(&request.to_bytes()).unwrap();
            drop(leaver);
            watcher.expect_text("gone");
        }
        assert_eq!(ask(&mut watcher, "sub last"), "ok", "there is room for a second topic");
        drop(watcher);
        daemon.stop_well();
    });
}

#[test]
fn topics_are_limited_per_client_and_per_app() {
    let full = "a limit has been reached";
    for language in ["Rust", "C", "C++"] {
        let keys = r#""max_topics_per_client": 2, "max_topics_per_app": 3,"#;
        let daemon = start(language, "any", 2, keys);
        let (mut one, mut other) = (subscribed(&daemon, "a"), subscribed(&daemon, "c"));
        assert_eq!(ask(&mut one, "sub b"), "ok");
        assert_eq!(ask(&mut one, "sub b"), "ok", "which it is already");
        assert_eq!(ask(&mut one, "sub c"), full, "two are enough");
        assert_eq!(ask(&mut other, "sub d"), full, "there are three");
        assert_eq!(ask(&mut other, "sub a"), "ok", "there is that one already");
        assert_eq!(ask(&mut one, "unsub b"), "ok");
        assert_eq!(ask(&mut one, "sub d"), "ok");
        one.close_cleanly();
        drop(other);
        daemon.stop_well();
    }
    let daemon = start("Rust", "any", 1, r#""max_topics_per_client": 0,"#);
    assert_eq!(ask(&mut daemon.connect("/topics"), "sub a"), full);
    daemon.stop_well();
}

#[test]
fn a_publish_is_compressed_once_for_each_worker() {
    let daemon = start("Rust", "own", 1, "");
    let extensions = "Sec-WebSocket-Extensions";
    let request = Request::upgrade(&daemon.address().to_string(), "/topics");
    let request = request.header(extensions, "permessage-deflate");
    let connect = || Client::open(daemon.address(), &request).expect("an upgrade");
    let mut clients: Vec<_> = (0..50).map(|_| connect()).collect();
    let (subscribers, others) = clients.split_at_mut(40);
    subscribers.iter_mut().for_each(|client| assert_eq!(ask(client, "sub t"), "ok"));
    let text = "lorem ipsum ".repeat(200);
    others[0].text(&format!("pub t {text}")).unwrap();
    for client in subscribers {
        client.expect_text(&text);
        assert_eq!(client.deflate().received.len(), 1);
    }
    others.iter_mut().for_each(|client| assert_eq!(ask(client, "?"), "what?"));
    drop(clients);
    let log = daemon.stop_well().log;
    assert!(log.contains("compressed 1"), "{log}");
}

/// By pointer through the rings, and as parts of one call.
#[test]
fn large_messages_reach_all_subscribers() {
    each(|language, threads, worker_c| {
        let daemon = start(language, threads, worker_c, "");
        let mut clients: Vec<_> = (0..9).map(|_| subscribed(&daemon, "t")).collect();
        for round in 0..5 {
            let text = round.to_string().repeat(60_000);
            clients[round].text(&format!("pub t {text}")).unwrap();
            for client in &mut clients {
                assert_eq!(client.receive().unwrap(), Message::Text(text.clone()));
            }
        }
        drop(clients);
        daemon.stop_well();
    });
}

#[test]
fn mistakes_in_cpp_are_told_and_logged() {
    let daemon = start("C++", "own", 1, "");
    let mut client = daemon.connect("/topics");
    assert_eq!(ask(&mut client, "mistakes"), "it is too large");
    daemon.wait_log_line(&["a client was not subscribed: it is too large (client ", "app=topics"]);
    daemon.wait_log_line(&["a message was not sent: it is too large (15 bytes)", "app=topics"]);
    client.close_cleanly();
    // Nobody hears of a client that has left.
    assert_eq!(daemon.stop_well().log.matches("was not subscribed").count(), 1);
}
