//! Topics of the SDK against `TestHost`: what a context asks for, and what authors can test with.
#![forbid(unsafe_code)]

use ringsocket_app::testing::TestHost;
use ringsocket_app::{App, ClientId, Close, Context, Error, Level, Message};

struct Rooms;

impl App for Rooms {
    fn init(cx: &mut Context<'_>) -> Result<Self, Box<dyn std::error::Error>> {
        let anybody = ClientId::new(1).ok_or("1 is a number")?;
        assert_eq!(cx.try_subscribe(anybody, "too early"), Err(Error::NotHere));
        assert_eq!(cx.to_topic("too early").try_send("hi"), Err(Error::NotHere));
        Ok(Self)
    }

    fn open(&mut self, cx: &mut Context<'_>, client: ClientId) {
        cx.publish("lobby", "somebody comes");
        cx.subscribe(client, "lobby");
    }

    fn read(&mut self, cx: &mut Context<'_>, client: ClientId, message: Message<'_>) {
        let Some(text) = message.as_text() else {
            return cx.to_topic(b"\xff\0").binary(message.as_bytes());
        };
        match text.split(' ').collect::<Vec<_>>()[..] {
            ["sub", topic] => {
                let result = cx.try_subscribe(client, topic);
                cx.to(client).text(format_args!("{result:?}"));
            }
            ["sub-bytes"] => cx.subscribe(client, b"\xff\0"),
            ["sub-long"] => cx.subscribe(client, "x".repeat(256)),
            ["unsub", topic] => cx.unsubscribe(client, topic),
            ["others", topic] => cx.to_topic(topic).except(client).text("hi"),
            ["none", topic] => cx.to_topic(topic).except_many(&[client]).send("hi"),
            ["big"] => cx.publish("lobby", &vec![0; 2000][..]),
            ["nameless"] => cx.publish("", "hi"),
            _ => unreachable!("{text}"),
        }
    }

    fn close(&mut self, cx: &mut Context<'_>, client: ClientId, _: Close<'_>) {
        assert_eq!(cx.try_subscribe(client, "lobby"), Err(Error::NoClient));
        cx.subscribe(client, "lobby"); // which is no error
        cx.publish("lobby", "somebody goes");
    }
}

fn two() -> (TestHost<Rooms>, ClientId, ClientId) {
    let mut host = TestHost::<Rooms>::start_with(1000).unwrap();
    let (ann, ben) = (host.open("/"), host.open("/"));
    assert_eq!(host.received(ann), ["somebody comes"]);
    assert!(host.received(ben).is_empty(), "it was not subscribed yet");
    (host, ann, ben)
}

#[test]
fn subscribers_get_what_is_published_until_they_leave() {
    let (mut host, ann, ben) = two();
    host.text(ben, "others lobby");
    assert_eq!(host.received(ann), ["hi"]);
    host.text(ben, "none lobby");
    assert_eq!(host.received(ann), ["hi"]);
    assert!(host.received(ben).is_empty());
    host.text(ben, "unsub lobby");
    host.text(ben, "unsub lobby");
    assert!(host.is_subscribed(ann, "lobby") && !host.is_subscribed(ben, "lobby"));
    host.leave(ann, 1000, "").unwrap();
    assert!(!host.is_subscribed(ann, "lobby"));
    assert!(host.received(ben).is_empty());
    assert!(host.log().is_empty(), "{:?}", host.log());
}

#[test]
fn names_are_any_bytes() {
    let (mut host, ann, ben) = two();
    host.text(ben, "sub-bytes");
    host.binary(ann, b"\x01");
    assert_eq!(host.received(ben), [&b"\x01"[..]]);
    assert!(host.received(ann).is_empty());
    host.text(ann, "sub ");
    assert_eq!(host.received(ann), ["Err(TopicName)"]);
}

#[test]
fn limits_are_told() {
    let (mut host, ann, ben) = two();
    host.limit_topics(2, 2);
    for (topic, result) in [("a", "Ok(())"), ("a", "Ok(())"), ("b", "Err(Limit)")] {
        host.text(ann, &format!("sub {topic}"));
        assert_eq!(host.received(ann), [result]);
    }
    host.text(ben, "sub b");
    assert_eq!(host.received(ben), ["Err(Limit)"], "of the app");
}

#[test]
fn faults_are_logged_with_their_place() {
    let (mut host, ann, _) = two();
    for order in ["sub-long", "big", "nameless"] {
        host.text(ann, order);
    }
    let name = "the name of a topic must have 1 to 255 bytes";
    let lines = [
        format!("client {ann} was not subscribed: {name}"),
        "a message of 2000 bytes was not sent: larger than allowed".to_owned(),
        format!("a message of 2 bytes was not sent: {name}"),
    ];
    for (line, text) in host.log().iter().zip(&lines) {
        assert_eq!((line.level, &line.text), (Level::Error, text));
        assert_eq!(line.file.as_deref(), Some("src/app/tests/topics.rs"));
    }
    assert_eq!(host.log().len(), lines.len());
}
