//! The ticker app from outside, in each language: who comes gets the last ticks, then the same ticks
//! as everybody else, and while nobody is there the market rests.

use std::time::Duration;

use ringsocket_tests::client::Message;
use ringsocket_tests::daemon::{Builder, Daemon};

#[test]
fn in_rust_everybody_gets_the_same_ticks_and_who_sends_is_sent_away() {
    holds(Builder::new().app("ticker").start());
}

#[test]
fn in_c_everybody_gets_the_same_ticks_and_who_sends_is_sent_away() {
    holds(Builder::new().c_app("apps/ticker-c/ticker.c", &[], "ticker").start());
}

#[test]
fn in_cpp_everybody_gets_the_same_ticks_and_who_sends_is_sent_away() {
    holds(Builder::new().cpp_app("apps/ticker-cpp/ticker.cpp", &[], "ticker").start());
}

fn holds(daemon: Daemon) {
    let mut ann = daemon.connect("/ticker");
    let market: serde_json::Value = serde_json::from_str(&ann.receive_text()).unwrap();
    assert_eq!((&market["type"], &market["first"]), (&"market".into(), &0.into()));
    let ticks = market["ticks"].as_array().unwrap();
    assert_eq!((ticks.len(), &ticks[0]), (240, &[10400, 5120, 23875, 1860, 41250][..].into()));
    let symbols = serde_json::json!(["ASH", "BIRCH", "CEDAR", "ELM", "OAK"]);
    assert_eq!(market["symbols"], symbols);
    assert_eq!(market["every_ms"], 250);
    let first = ann.receive_text();
    assert!(first.starts_with(r#"{"type":"tick","number":240,"prices":["#), "{first}");
    is_near(ticks.last().unwrap(), &first);

    let mut ben = daemon.connect("/ticker");
    let market: serde_json::Value = serde_json::from_str(&ben.receive_text()).unwrap();
    let next = market["first"].as_u64().unwrap() + 240;
    let theirs: Vec<String> = (0..3).map(|_| ben.receive_text()).collect();
    assert!(theirs[0].starts_with(&format!(r#"{{"type":"tick","number":{next},"#)), "{theirs:?}");
    // Those that came before Ben, if any, then the same.
    (241..next).for_each(|_| drop(ann.receive_text()));
    let ours: Vec<String> = (0..3).map(|_| ann.receive_text()).collect();
    assert_eq!(ours, theirs);

    ben.text("buy").unwrap();
    let code = loop {
        match ben.receive().unwrap() {
            Message::Text(_) => {}
            Message::Close(code, _) => break code,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(code, 1008);
    ben.answer_close(code);
    ann.close_cleanly();

    // Whoever is first again finds the market where it was, however long that is.
    let last: serde_json::Value = serde_json::from_str(&ours[2]).unwrap();
    let gone = last["number"].as_u64().unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    let mut cay = daemon.connect("/ticker");
    let market: serde_json::Value = serde_json::from_str(&cay.receive_text()).unwrap();
    let number = market["first"].as_u64().unwrap() + 239;
    assert!((gone..gone + 4).contains(&number), "{number}, after {gone}");
    let next = format!(r#"{{"type":"tick","number":{},"prices":["#, number + 1);
    assert!(cay.receive_text().starts_with(&next));
    cay.close_cleanly();
    daemon.stop_well();
}

/// Each price of a tick is near that of the one before: it has moved, but not by a tenth.
fn is_near(before: &serde_json::Value, tick: &str) {
    let tick: serde_json::Value = serde_json::from_str(tick).unwrap();
    let prices = |list: &serde_json::Value| -> Vec<f64> {
        list.as_array().unwrap().iter().map(|price| price.as_f64().unwrap()).collect()
    };
    let (before, after) = (prices(before), prices(&tick["prices"]));
    assert_eq!((before.len(), after.len()), (5, 5));
    for (from, to) in before.iter().zip(&after) {
        assert!((to / from - 1.0).abs() < 0.1, "{before:?}, then {after:?}");
    }
    assert_ne!(before, after);
}
