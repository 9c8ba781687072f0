//! The app as its clients see it, on a host without sockets.

use crate::{Chat, LINE_MAX, ROOM_MAX};
use ringsocket_app::ClientId;
use ringsocket_app::testing::{TestHost, Visit};

fn start() -> TestHost<Chat> {
    TestHost::start().unwrap()
}

fn received(host: &mut TestHost<Chat>, client: ClientId) -> Vec<String> {
    host.received(client).iter().map(|message| message.text().to_owned()).collect()
}

#[test]
fn two_in_a_room_hear_each_other_and_a_third_elsewhere_does_not() {
    let mut host = start();
    let ann = host.open("/chat?room=tea&name=Ann");
    let cay = host.open("/chat?name=Cay");
    let welcome = r#"{"type":"welcome","room":"tea","name":"Ann","here":["Ann"]}"#;
    assert_eq!(received(&mut host, ann), [welcome]);
    let welcome = r#"{"type":"welcome","room":"lobby","name":"Cay","here":["Cay"]}"#;
    assert_eq!(received(&mut host, cay), [welcome]);

    let ben = host.open("/chat?name=Ben&room=tea");
    let welcome = r#"{"type":"welcome","room":"tea","name":"Ben","here":["Ann","Ben"]}"#;
    assert_eq!(received(&mut host, ben), [welcome]);
    assert_eq!(received(&mut host, ann), [r#"{"type":"joined","name":"Ben"}"#]);

    host.text(ann, " \"hi\" ");
    let said = r#"{"type":"said","name":"Ann","text":"\"hi\""}"#;
    assert_eq!(received(&mut host, ann), [said]);
    assert_eq!(received(&mut host, ben), [said]);

    host.leave(ann, 1001, "").unwrap();
    assert_eq!(received(&mut host, ben), [r#"{"type":"left","name":"Ann"}"#]);
    assert!(received(&mut host, cay).is_empty());
}

#[test]
fn a_name_that_is_taken_gets_a_number_in_that_room_only() {
    let mut host = start();
    let mut name = |target: &str| {
        let client = host.open(target);
        let welcome = received(&mut host, client).remove(0);
        welcome.split('"').nth(11).unwrap().to_owned()
    };
    assert_eq!(name("/chat?name=Ann"), "Ann");
    assert_eq!(name("/chat?name=aNN"), "aNN 2");
    assert_eq!(name("/chat?name=Ann+2"), "Ann 2 2");
    assert_eq!(name("/chat?name=Ann"), "Ann 3");
    assert_eq!(name("/chat?name=Ann&room=tea"), "Ann");
    assert_eq!(name("/chat"), "guest");
    assert_eq!(name("/chat?name=%E2%80%8B&room="), "guest 2");
}

#[test]
fn names_and_lines_cannot_break_out_of_their_json() {
    let mut host = start();
    let visit = Visit::new("/chat?room=%22%5C%00x&name=%22%7D%0a%3Cb%3E%ff");
    let odd = host.open(visit);
    let welcome = "{\"type\":\"welcome\",\"room\":\"\\\"\\\\ x\",\"name\":\"\\\"} <b>\u{fffd}\",\
                   \"here\":[\"\\\"} <b>\u{fffd}\"]}";
    assert_eq!(received(&mut host, odd), [welcome]);
    host.text(odd, "\"},{\"type\":\"left\"\u{0}");
    let said = received(&mut host, odd).remove(0);
    assert!(said.ends_with("\"text\":\"\\\"},{\\\"type\\\":\\\"left\\\"\"}"), "{said}");
}

#[test]
fn a_line_that_is_too_long_is_refused_and_an_empty_one_ignored() {
    let mut host = start();
    let (ann, ben) = (host.open("/chat"), host.open("/chat"));
    host.received(ann);
    host.received(ben);
    for line in ["", " \n ", "\u{200b}"] {
        host.text(ann, line);
    }
    host.text(ann, &"ż".repeat(LINE_MAX + 1));
    host.text(ann, &"x".repeat(1 << 20));
    let refused = r#"{"type":"refused","text":"a line has at most 2000 characters"}"#;
    assert_eq!(received(&mut host, ann), [refused, refused]);
    assert!(received(&mut host, ben).is_empty());
    host.text(ann, &"\u{1f600}".repeat(LINE_MAX));
    assert_eq!(received(&mut host, ben).len(), 1);
}

#[test]
fn who_floods_is_closed_and_the_others_are_told_once() {
    let mut host = start();
    let (ann, ben) = (host.open("/chat?name=Ann"), host.open("/chat?name=Ben"));
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
    assert_eq!(heard.last().unwrap(), r#"{"type":"left","name":"Ann"}"#);
    assert_eq!(heard.len(), sent, "all lines but the last, and one that Ann left");
    // What was still under way.
    host.text(ann, "x");
    host.binary(ann, b"x");
    host.leave(ann, 1008, "").unwrap();
    assert!(received(&mut host, ben).is_empty());
}

#[test]
fn binary_data_is_not_for_chatting() {
    let mut host = start();
    let (ann, ben) = (host.open("/chat?name=Ann"), host.open("/chat?name=Ben"));
    host.received(ben);
    host.linger();
    host.binary(ann, b"hi");
    assert_eq!(host.closed_with(ann), Some((1003, "lines are text")));
    host.text(ann, "still under way");
    assert_eq!(received(&mut host, ben), [r#"{"type":"left","name":"Ann"}"#]);
    assert_eq!(host.log(), []);
}

#[test]
fn a_full_room_lets_nobody_in_and_its_end_leaves_nothing_behind() {
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
fn rooms_end_with_their_last_member() {
    use crate::allowance::Allowance;
    let mut rooms = crate::rooms::Rooms::default();
    let [ann, ben] = [1, 2].map(|number| ClientId::new(number).unwrap());
    let allowance = || Allowance::new(std::time::Instant::now());
    rooms.join(ann, "tea", "Ann", allowance()).unwrap();
    rooms.join(ben, "tea", "Ben", allowance()).unwrap();
    assert_eq!(rooms.leave(ann), Some(("Ann".to_owned(), &[ben][..])));
    assert_eq!(rooms.leave(ann), None);
    assert_eq!(rooms.room_of(ann), []);
    assert_eq!(rooms.leave(ben), Some(("Ben".to_owned(), &[][..])));
    assert!(rooms.is_empty());
}
