//! The app as its clients see it, on a host without sockets.

mod restarts;

use crate::rooms::{KEPT_FOR, ROOM_MAX, ROOMS_MAX, Rooms};
use crate::{Chat, LINE_MAX, MESSAGE_MAX};
use ringsocket_app::ClientId;
use ringsocket_app::testing::{Answer, TestHost, Visit};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn start() -> TestHost<Chat> {
    TestHost::start().unwrap()
}

fn visit(room: &str, cookie: &str) -> Visit {
    Visit::new(format!("/chat?room={room}")).header("Cookie", format!("a=b; chat_name={cookie}"))
}

fn received(host: &mut TestHost<Chat>, client: ClientId) -> Vec<Value> {
    let received = host.received(client);
    received.iter().map(|message| serde_json::from_str(message.text()).unwrap()).collect()
}

/// The texts of lines, be they in a welcome or said.
fn texts<'a>(lines: impl IntoIterator<Item = &'a Value>) -> Vec<&'a str> {
    lines.into_iter().map(|line| line["text"].as_str().unwrap()).collect()
}

fn name_of(host: &mut TestHost<Chat>, client: ClientId) -> String {
    received(host, client)[0]["name"].as_str().unwrap().to_owned()
}

#[test]
fn two_in_a_room_hear_each_other_and_a_third_elsewhere_does_not() {
    let mut host = start();
    let ann = host.open(visit("tea", "Ann"));
    let cay = host.open(Visit::new("/chat").header("Cookie", "chat_name=Cay"));
    let welcome = json!({"type":"welcome","room":"tea","name":"Ann","here":["Ann"],"lines":[]});
    assert_eq!(received(&mut host, ann), [welcome]);
    assert_eq!(received(&mut host, cay)[0]["room"], "lobby");
    assert!(host.is_subscribed(ann, "tea") && host.is_subscribed(cay, "lobby"));

    let ben = host.open(visit("tea", "Ben"));
    assert_eq!(received(&mut host, ben)[0]["here"], json!(["Ann", "Ben"]));
    assert_eq!(received(&mut host, ann), [json!({"type":"joined","name":"Ben"})]);

    host.text(ann, " \"hi\" ");
    let said = received(&mut host, ann).remove(0);
    let at = &said["at"];
    assert!(at.as_u64().unwrap() > 1_700_000_000_000, "{at}");
    assert_eq!(said, json!({"type":"said","at":at,"name":"Ann","text":"\"hi\""}));
    assert_eq!(received(&mut host, ben), [said]);

    host.leave(ann, 1001, "").unwrap();
    assert_eq!(received(&mut host, ben), [json!({"type":"left","name":"Ann"})]);
    assert!(received(&mut host, cay).is_empty());
    assert_eq!(host.log(), []);
}

#[test]
fn the_name_comes_from_a_cookie_and_one_that_is_taken_gets_a_number() {
    let mut host = start();
    for (room, cookie, name) in [
        ("", "Ann", "Ann"),
        ("", "aNN", "aNN 2"),
        ("", "%CE%91nn", "\u{391}nn 3"),
        ("", "Ann%202", "Ann 2 2"),
        ("tea", "Ann", "Ann"),
        ("", "", "guest"),
        ("", "\"guest\"", "guest 2"),
        ("", "Zo%C3%AB%20%20M", "Zo\u{eb} M"),
        ("", "a%0a%00b%E2%80%AE", "a b"),
    ] {
        let client = host.open(visit(room, cookie));
        assert_eq!(name_of(&mut host, client), name, "{cookie} in {room}");
    }
    let nobody = host.open("/chat?name=Ann");
    assert_eq!(name_of(&mut host, nobody), "guest 3");
}

#[test]
fn names_of_nothing_are_refused() {
    let mut host = start();
    for (room, cookie, why) in [
        ("", "%E2%80%8B", "the name in the cookie chat_name shows nothing\n"),
        ("", "%20", "the name in the cookie chat_name shows nothing\n"),
        ("", "%ff", "the cookie chat_name is not percent-encoded UTF-8\n"),
        ("%00", "Ann", "the name of the room shows nothing\n"),
    ] {
        let client = host.ask(visit(room, cookie));
        let Some(Answer::Refused { status: 400, body, .. }) = host.answer(client) else {
            panic!("{cookie} in {room}: {:?}", host.answer(client));
        };
        assert_eq!(str::from_utf8(body).unwrap(), why);
    }
}

#[test]
fn names_and_lines_cannot_break_out_of_their_json() {
    let mut host = start();
    let odd = host.open(visit("%22%5C%00x", "%22%7D%0a%3Cb%3E"));
    let welcome = received(&mut host, odd).remove(0);
    assert_eq!((&welcome["room"], &welcome["name"]), (&json!("\"\\ x"), &json!("\"} <b>")));
    host.text(odd, "\"},{\"type\":\"left\"\u{0}\u{2028}</script>");
    let said = received(&mut host, odd);
    assert_eq!(texts(&said), ["\"},{\"type\":\"left\"\u{2028}</script>"]);
}

#[test]
fn newcomers_get_the_last_lines_of_their_room() {
    let mut host = start();
    let (ann, cay) = (host.open(visit("tea", "Ann")), host.open(visit("milk", "Cay")));
    for number in 1..=5 {
        host.text(ann, &number.to_string());
    }
    host.text(cay, "elsewhere");
    let said = received(&mut host, ann).split_off(1);
    host.leave(ann, 1000, "").unwrap();
    let wait = host.timer().expect("the end of an empty room is awaited");
    assert!(wait <= KEPT_FOR && wait > KEPT_FOR - Duration::from_secs(60), "{wait:?}");
    host.fire_timer().unwrap();
    assert!(host.timer().is_some(), "that was too early");

    let ben = host.open(visit("tea", "Ben"));
    let welcome = received(&mut host, ben).remove(0);
    let lines = welcome["lines"].as_array().unwrap();
    assert_eq!(texts(lines), ["1", "2", "3", "4", "5"]);
    assert!(lines.iter().zip(&said).all(|(line, said)| line["at"] == said["at"]));
    assert_eq!(lines[0]["name"], "Ann");
}

#[test]
fn a_line_that_is_too_long_is_refused_and_an_empty_one_ignored() {
    let mut host = start();
    let (ann, ben) = (host.open(visit("", "Ann")), host.open(visit("", "Ben")));
    host.received(ann);
    host.received(ben);
    for line in ["", " \n ", "\u{200b}", &"ż".repeat(LINE_MAX + 1)] {
        host.text(ann, line);
    }
    let refused = json!({"type":"refused","text":"a line has at most 2000 characters"});
    assert_eq!(received(&mut host, ann), std::slice::from_ref(&refused));
    assert!(received(&mut host, ben).is_empty());
    host.text(ann, &"\u{1f600}".repeat(LINE_MAX));
    assert_eq!(received(&mut host, ben).len(), 1);
    host.text(ben, &"x".repeat(1 << 20));
    assert_eq!(received(&mut host, ben).pop(), Some(refused));
}

#[test]
fn who_floods_is_closed_and_the_others_are_told_once() {
    let mut host = start();
    let (ann, ben) = (host.open(visit("", "Ann")), host.open(visit("", "Ben")));
    host.received(ben);
    host.linger();
    let mut sent = 0;
    while host.closed_with(ann).is_none() {
        host.text(ann, "x");
        sent += 1;
        assert!(sent < 1000, "never closed");
    }
    assert_eq!(host.closed_with(ann), Some((1008, "too many lines at once")));
    let heard = received(&mut host, ben);
    assert_eq!(heard[sent - 1], json!({"type":"left","name":"Ann"}));
    assert_eq!(heard.len(), sent, "all lines but the last, and one that Ann left");
    assert!(!host.is_subscribed(ann, "lobby"));
    // What was still under way.
    host.text(ann, "x");
    host.binary(ann, b"x");
    host.leave(ann, 1008, "").unwrap();
    assert!(received(&mut host, ben).is_empty());
}

#[test]
fn binary_data_is_not_for_chatting() {
    let mut host = start();
    let (ann, ben) = (host.open(visit("", "Ann")), host.open(visit("", "Ben")));
    host.received(ben);
    host.linger();
    host.binary(ann, b"hi");
    assert_eq!(host.closed_with(ann), Some((1003, "lines are text")));
    host.text(ann, "still under way");
    assert_eq!(received(&mut host, ben), [json!({"type":"left","name":"Ann"})]);
    assert_eq!(host.log(), []);
}

#[test]
fn a_full_room_lets_nobody_in() {
    let mut host = start();
    let crowd: Vec<ClientId> = (0..ROOM_MAX).map(|_| host.open("/chat?room=full")).collect();
    host.received(crowd[0]);
    let late = host.open("/chat?room=full");
    assert_eq!(host.closed_with(late), Some((1013, "the room is full")));
    assert!(received(&mut host, crowd[0]).is_empty(), "nobody hears of who did not get in");
    let elsewhere = host.open("/chat?room=other");
    assert!(host.is_open(elsewhere));
    host.leave(crowd[7], 1000, "").unwrap();
    let next = host.open("/chat?room=full");
    assert!(host.is_open(next));
}

#[test]
fn everybody_is_sent_to_the_new_app_and_the_rooms_are_gone() {
    let mut host = start();
    let (ann, ben) = (host.open(visit("", "Ann")), host.open(visit("", "Ben")));
    host.text(ann, "see you there");
    host.linger();
    host.drain(Duration::from_secs(60)).unwrap();
    for client in [ann, ben] {
        assert_eq!(host.closed_with(client), Some((1012, "the chat is being replaced")));
        host.leave(client, 1012, "").unwrap();
    }
    assert_eq!(host.timer(), None, "no room is left to be forgotten");
}

#[test]
fn limits_of_the_server_are_told_and_not_run_into() {
    let error = TestHost::<Chat>::start_with(MESSAGE_MAX - 1).err().unwrap();
    assert!(error.contains("max_ws_msg_size of 262144"), "{error}");
    let mut host = TestHost::<Chat>::start_with(MESSAGE_MAX).unwrap();
    host.limit_topics(1, 1);
    let (ann, ben) = (host.open(visit("a", "Ann")), host.open(visit("b", "Ben")));
    assert!(host.is_open(ann));
    assert_eq!(host.closed_with(ben), Some((1013, "there are too many rooms")));
    assert_eq!(host.log(), []);
}

#[test]
fn the_largest_welcome_is_smaller_than_the_largest_message() {
    let mut host = TestHost::<Chat>::start_with(MESSAGE_MAX).unwrap();
    let name = "%22".repeat(24);
    let mut last = host.open(visit("", &name));
    for _ in 1..ROOM_MAX {
        host.text(last, &"\"".repeat(LINE_MAX));
        last = host.open(visit("", &name));
    }
    let welcome = host.received(last).remove(0);
    assert!(welcome.text().len() > MESSAGE_MAX / 2, "this is not the largest");
    assert_eq!(host.log(), []);
}

#[test]
fn rooms_are_forgotten_when_their_time_is_up_or_their_place_is_needed() {
    let mut rooms = Rooms::default();
    let start = Instant::now();
    let client = |number: usize| ClientId::new(number as u64 + 1).unwrap();
    for number in 0..ROOMS_MAX {
        let name = number.to_string();
        assert_eq!(rooms.join(client(number), &name, "Ann").unwrap(), "Ann");
        rooms.say(client(number), &name, "hi".to_owned(), 0).unwrap();
    }
    let late = client(ROOMS_MAX);
    assert_eq!(rooms.join(late, "one more", "Ann"), Err("there are too many rooms"));
    let later = start + Duration::from_secs(1);
    assert_eq!(rooms.leave(client(7), "7", later).as_deref(), Some("Ann"));
    assert_eq!(rooms.leave(client(7), "7", later), None);
    rooms.leave(client(3), "3", start).unwrap();
    rooms.join(late, "one more", "Ann").unwrap();
    assert!(rooms.get("3").is_none() && rooms.get("7").is_some(), "the older one makes place");

    assert_eq!(rooms.forget(start + KEPT_FOR), Some(Duration::from_secs(1)));
    assert!(rooms.get("7").is_some());
    assert_eq!(rooms.forget(later + KEPT_FOR), None);
    assert!(rooms.get("7").is_none() && rooms.get("8").is_some());

    rooms.leave(client(8), "8", start).unwrap();
    rooms.join(client(8), "8", "Ann").unwrap();
    assert_eq!(rooms.forget(later + KEPT_FOR), None);
    assert!(rooms.get("8").is_some(), "somebody is there again");

    rooms.leave(late, "one more", start).unwrap();
    assert!(rooms.get("one more").is_none(), "nothing was said there");
    assert_eq!(rooms.clients().count(), ROOMS_MAX - 2);
}
