//! The ticker app from outside: who comes gets the last ticks, then the same ticks as everybody else.

use ringsocket_tests::client::Message;
use ringsocket_tests::daemon::Builder;

#[test]
fn everybody_gets_the_same_ticks_and_who_sends_is_sent_away() {
    let daemon = Builder::new().app("ticker").start();
    let mut ann = daemon.connect("/ticker");
    let market: serde_json::Value = serde_json::from_str(&ann.receive_text()).unwrap();
    assert_eq!((&market["type"], &market["first"]), (&"market".into(), &0.into()));
    assert_eq!(market["ticks"].as_array().unwrap().len(), 240);
    let first = ann.receive_text();
    assert!(first.starts_with(r#"{"type":"tick","number":240,"prices":["#), "{first}");

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
    ann.close_cleanly();
    daemon.stop_well();
}
