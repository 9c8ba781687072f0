//! The chat app from outside: two people in a room hear each other, a third in another does not.

use ringsocket_tests::daemon::Builder;

#[test]
fn two_clients_chat_and_a_third_elsewhere_hears_nothing() {
    let daemon = Builder::new().app("chat").start();
    let mut ann = daemon.connect("/chat?room=tea&name=Ann");
    ann.expect_text(r#"{"type":"welcome","room":"tea","name":"Ann","here":["Ann"]}"#);
    let mut cay = daemon.connect("/chat?room=coffee&name=Cay");
    cay.expect_text(r#"{"type":"welcome","room":"coffee","name":"Cay","here":["Cay"]}"#);
    let mut ben = daemon.connect("/chat?room=tea&name=Ben");
    ben.expect_text(r#"{"type":"welcome","room":"tea","name":"Ben","here":["Ann","Ben"]}"#);
    ann.expect_text(r#"{"type":"joined","name":"Ben"}"#);
    for name in ["Ann", "Ben"] {
        let speaker = if name == "Ann" { &mut ann } else { &mut ben };
        speaker.text(&format!("hello from {name}")).unwrap();
        let said = format!(r#"{{"type":"said","name":"{name}","text":"hello from {name}"}}"#);
        ann.expect_text(&said);
        ben.expect_text(&said);
    }
    ben.close_cleanly();
    ann.expect_text(r#"{"type":"left","name":"Ben"}"#);
    // Nothing of all this reached the other room: the next thing there is its own.
    cay.text("alone").unwrap();
    cay.expect_text(r#"{"type":"said","name":"Cay","text":"alone"}"#);
    cay.close_cleanly();
    ann.close_cleanly();
    daemon.stop_well();
}
