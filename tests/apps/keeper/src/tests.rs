//! The app through restarts that `TestHost` plays.

use super::*;
use ringsocket_app::Level;
use ringsocket_app::testing::{Received, TestHost, Visit};

fn ask(host: &mut TestHost<Keeper>, client: ClientId, text: &str) -> Vec<Received> {
    host.text(client, text);
    host.received(client)
}

fn start() -> (TestHost<Keeper>, ClientId, ClientId) {
    let mut host = TestHost::start().unwrap();
    let (ann, ben) = (host.open("/keeper?a=b"), host.open("/keeper"));
    host.text(ben, "one");
    host.text(ben, "join news");
    host.received(ben);
    (host, ann, ben)
}

#[test]
fn counts_and_topics_live_through_restarts() {
    let (mut host, ann, ben) = start();
    host.text(ann, "bye");
    for round in 0..3 {
        host.restart();
        assert_eq!(
            ask(&mut host, ben, "how"),
            if round == 0 { vec!["bye", "restored"] } else { vec!["restored"] }
        );
        assert_eq!(ask(&mut host, ben, "next"), [(4 + 2 * round).to_string().as_str()]);
        host.text(ann, "tell news extra");
        assert_eq!(host.received(ben), ["extra"]);
    }
    let cay = host.open("/keeper");
    assert_eq!(ask(&mut host, cay, "how"), ["opened"]);
    host.leave(ann, 1000, "").unwrap();
    host.restart();
    assert!(!host.is_open(ann));
    assert_eq!(ask(&mut host, cay, "how"), ["restored"]);
    assert_eq!(host.log(), []);
}

#[test]
fn who_is_not_restored_is_opened_again() {
    for wish in ["save nothing", "save panic", "restore nothing"] {
        let (mut host, ann, ben) = start();
        host.text(ann, wish);
        host.restart();
        assert_eq!(ask(&mut host, ann, "how"), ["resumed"], "{wish}");
        assert_eq!(ask(&mut host, ben, "next"), ["1"]);
        host.text(ann, "tell news extra");
        assert_eq!(host.received(ben), ["extra"], "topics live on");
        assert_eq!(host.log().is_empty(), wish == "save nothing", "{wish}");
    }
}

#[test]
fn a_panic_in_restore_stops_the_app() {
    let (mut host, ann, _) = start();
    host.text(ann, "restore panic");
    assert!(host.try_restart().is_err());
    let last = host.log().last().expect("a line");
    assert_eq!(last.level, Level::Error);
    assert!(last.text.starts_with("restore panicked at "), "{}", last.text);
    assert!(host.try_open(Visit::new("/keeper")).is_err());
}
