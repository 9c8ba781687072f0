//! The chat app from outside: names come in cookies, rooms are apart from each other, and newcomers
//! are told what was said.

use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::handshake::Request;
use serde_json::{Value, json};

fn request(daemon: &Daemon, room: &str, cookie: &str) -> Request {
    let target = format!("/chat?room={room}");
    let request = Request::upgrade(&daemon.address().to_string(), &target);
    request.header("Cookie", &format!("theme=dark; chat_name={cookie}"))
}

fn enter(daemon: &Daemon, room: &str, cookie: &str) -> Client {
    Client::open(daemon.address(), &request(daemon, room, cookie)).unwrap()
}

fn told(client: &mut Client) -> Value {
    serde_json::from_str(&client.receive_text()).unwrap()
}

/// The next thing is this line.
fn expect_said(client: &mut Client, name: &str, text: &str) -> Value {
    let said = told(client);
    assert_eq!(said, json!({"type":"said","at":said["at"],"name":name,"text":text}));
    said["at"].clone()
}

#[test]
fn two_clients_chat_and_a_third_elsewhere_hears_nothing() {
    let daemon = Builder::new().app("chat").config(r#"{ "worker_c": 2 }"#).start();
    let mut ann = enter(&daemon, "tea", "Ann");
    let welcome = json!({"type":"welcome","room":"tea","name":"Ann","here":["Ann"],"lines":[]});
    assert_eq!(told(&mut ann), welcome);
    let mut cay = enter(&daemon, "coffee", "Cay");
    assert_eq!(told(&mut cay)["here"], json!(["Cay"]));
    let mut ben = enter(&daemon, "tea", "Ben%20%C3%89");
    assert_eq!(told(&mut ben)["here"], json!(["Ann", "Ben É"]));
    assert_eq!(told(&mut ann), json!({"type":"joined","name":"Ben É"}));
    ann.text("hello from Ann").unwrap();
    let first = expect_said(&mut ann, "Ann", "hello from Ann");
    assert_eq!(expect_said(&mut ben, "Ann", "hello from Ann"), first);
    ben.text("hello from Ben").unwrap();
    let second = expect_said(&mut ben, "Ben É", "hello from Ben");
    assert_eq!(expect_said(&mut ann, "Ben É", "hello from Ben"), second);
    ben.close_cleanly();
    assert_eq!(told(&mut ann), json!({"type":"left","name":"Ben É"}));
    // Nothing of all this reached the other room: the next thing there is its own.
    cay.text("alone").unwrap();
    expect_said(&mut cay, "Cay", "alone");
    ann.close_cleanly();

    // The room is empty now, and remembers.
    let mut dan = enter(&daemon, "tea", "Dan");
    let lines = json!([
        {"at": first, "name": "Ann", "text": "hello from Ann"},
        {"at": second, "name": "Ben É", "text": "hello from Ben"},
    ]);
    assert_eq!(told(&mut dan)["lines"], lines);
    dan.close_cleanly();
    cay.close_cleanly();
    daemon.stop_well();
}

#[test]
fn a_name_that_shows_nothing_is_refused_with_a_reason() {
    let daemon = Builder::new().app("chat").start();
    let request = request(&daemon, "tea", "%E2%80%8B");
    let response = Client::refused(daemon.address(), &request).unwrap();
    assert_eq!(response.status, 400);
    assert_eq!(response.text(), "the name in the cookie chat_name shows nothing\n");
    assert_eq!(response.value("content-type"), Some("text/plain; charset=utf-8"));
    daemon.stop_well();
}
