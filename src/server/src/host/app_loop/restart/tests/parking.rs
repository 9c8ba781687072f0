//! The end of an app whose process goes.

use super::*;
use crate::message::{TopicRow, TopicTable};

#[test]
fn an_app_parks_once_every_worker_has_said_so() {
    let mut stage = stage(2);
    let saved = stage.app.saved();
    let (ann, ben) = (ClientId::new(0, 1, 1), ClientId::new(1, 2, 1));
    stage.open(ann);
    stage.open(ben);
    stage.say(ann, "sub news");
    stage.tell(0, Inbound::Park);
    assert!(!stage.settle());
    assert_eq!(saved.get(), None, "the other worker still serves");
    stage.say(ben, "sub news");
    let handle = HANDLE.with_borrow(Clone::clone).expect("made by init");
    stage.tell(1, Inbound::Park);
    handle.post(|_, _| hear("posted".to_owned())).expect("room");
    heard();
    stage.told(0);
    stage.told(1);
    assert!(stage.settle());
    assert_eq!(heard(), ["read 1.2 sub news", "posted", "save", "quit"]);
    assert_eq!(stage.told(0), ["farewell", "parked"]);
    assert_eq!(stage.told(1), ["topic 1 2 true", "farewell", "parked"]);
    let Some(Saved { state, clients, topics: TopicTable { topics } }) = saved.get() else {
        panic!()
    };
    assert_eq!(clients.len(), 2);
    assert_eq!(state.as_deref(), Some(&b"state"[..]));
    let [TopicRow { name, clients }] = &topics[..] else { panic!("{topics:?}") };
    let mut clients = clients.clone();
    clients.sort();
    assert_eq!((&name[..], &clients[..]), (&b"news"[..], &[ann, ben][..]));
    assert!(handle.post(|_, _| hear("late".to_owned())).is_err());
    drop(stage);
    assert!(heard().is_empty());
}

#[test]
fn a_worker_that_is_gone_is_not_waited_for() {
    let mut stage = stage(2);
    stage.tell(1, Inbound::End);
    assert!(!stage.settle());
    stage.tell(0, Inbound::Park);
    assert!(stage.settle());
    assert_eq!(heard(), ["save", "quit"]);
}

#[test]
fn a_worker_that_parks_and_ends_does_not_stand_for_another() {
    let mut stage = stage(2);
    stage.tell(0, Inbound::Park);
    stage.tell(0, Inbound::End);
    assert!(!stage.settle());
    assert!(heard().is_empty());
}

#[test]
fn an_app_that_does_not_save_leaves_its_topics_and_no_state() {
    for mood in ["forget", "panic", "much"] {
        let mut stage = stage(1);
        let saved = stage.app.saved();
        let ann = ClientId::new(0, 1, 1);
        stage.open(ann);
        stage.say(ann, "sub news");
        stage.say(ann, mood);
        stage.tell(0, Inbound::Park);
        assert!(stage.settle());
        assert_eq!(stage.told(0).last().map(String::as_str), Some("parked"), "{mood}");
        let saved = saved.get().expect("something is left");
        assert_eq!(saved.state, None, "{mood}");
        assert_eq!(saved.topics.topics.len(), 1, "{mood}");
        assert_eq!(heard().last().map(String::as_str), Some("quit"), "{mood}");
    }
}

#[test]
fn an_app_that_fails_before_it_parks_leaves_nothing() {
    let mut stage = stage(1);
    let saved = stage.app.saved();
    let handle = HANDLE.with_borrow(Clone::clone).expect("made by init");
    handle.post(|_, _| panic!("as wished")).expect("room");
    stage.tell(0, Inbound::Park);
    assert!(stage.settle());
    assert_eq!(saved.get(), None);
    assert_eq!(stage.told(0), ["fault"]);
    assert_eq!(heard(), ["quit"]);
}
