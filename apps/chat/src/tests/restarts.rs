//! Rooms, names and lines through restarts of the server.

use super::*;
use crate::saved;

#[test]
fn rooms_names_and_lines_live_on() {
    let mut host = start();
    let (ann, ben) = (host.open(visit("tea", "Ann")), host.open(visit("tea", "Ann")));
    let cay = host.open(visit("", "Cay"));
    for client in [ann, ben, cay] {
        host.text(client, "before");
    }
    let before = texts(&received(&mut host, ann)[2..]).join(" ");
    assert_eq!(before, "before before");
    host.received(ben);
    for _ in 0..2 {
        host.restart();
        assert!(host.received(ann).is_empty(), "nobody notices");
    }
    host.text(ben, "after");
    let said = received(&mut host, ann).remove(0);
    assert_eq!((&said["name"], &said["text"]), (&json!("Ann 2"), &json!("after")));
    let dee = host.open(visit("tea", "ann"));
    let welcome = received(&mut host, dee).remove(0);
    assert_eq!(welcome["here"], json!(["Ann", "Ann 2", "ann 3"]), "in their order");
    assert_eq!(texts(welcome["lines"].as_array().unwrap()), ["before", "before", "after"]);
    host.leave(cay, 1000, "").unwrap();
    assert!(host.timer().is_some(), "a room is empty");
    assert_eq!(host.log(), []);
}

#[test]
fn who_is_lost_on_the_way_has_left() {
    let mut host = start();
    let (ann, ben) = (host.open(visit("", "Ann")), host.open(visit("", "Ben")));
    let cay = host.open(visit("tea", "Cay"));
    host.text(cay, "alone");
    host.received(ann);
    host.restart_without(&[ben, cay]);
    assert_eq!(received(&mut host, ann), [json!({"type":"left","name":"Ben"})]);
    assert!(host.timer().is_some(), "the tea room is empty");
    let next = host.open(visit("tea", "Cay"));
    let welcome = received(&mut host, next).remove(0);
    assert_eq!((&welcome["here"], &welcome["name"]), (&json!(["Cay"]), &json!("Cay")));
    assert_eq!(texts(welcome["lines"].as_array().unwrap()), ["alone"]);
}

#[test]
fn an_allowance_is_not_filled_by_a_restart() {
    let mut host = start();
    let ann = host.open(visit("", "Ann"));
    let mut sent = 0;
    while host.closed_with(ann).is_none() {
        if sent % 5 == 0 {
            host.restart();
        }
        host.text(ann, "x");
        sent += 1;
        assert!(sent < 1000, "never closed");
    }
    assert_eq!(host.closed_with(ann), Some((1008, "too many lines at once")));
}

#[test]
fn empty_rooms_are_forgotten_when_they_would_have_been() {
    let (mut rooms, now) = (Rooms::default(), Instant::now());
    let ann = ClientId::new(1).unwrap();
    rooms.join(ann, "tea", "Ann").unwrap();
    rooms.say(ann, "tea", "hi".to_owned(), 0).unwrap();
    rooms.leave(ann, "tea", now).unwrap();
    let minute = Duration::from_secs(60);
    let state = saved::write(&rooms, |_| None, now + minute);
    let later = now + 100 * minute;
    let (mut rooms, guests) = saved::read(&state, later).unwrap();
    assert!(guests.is_empty());
    assert_eq!(rooms.forget(later), Some(KEPT_FOR - minute));
}

#[test]
fn a_state_that_cannot_be_read_sends_everybody_to_come_again() {
    let cut = b"{\"chat\":1}\n{\"name\":\"tea\",\"members\":[";
    for state in [None, Some(&b""[..]), Some(b"{\"chat\":2}\n"), Some(b"\xff"), Some(cut)] {
        let mut host = start();
        let (ann, ben) = (host.open(visit("", "Ann")), host.open(visit("tea", "Ben")));
        host.restart_from(state);
        for client in [ann, ben] {
            let closed = Some((1012, "the chat has been restarted"));
            assert_eq!(host.closed_with(client), closed, "{state:?}");
        }
        let next = host.open(visit("", "Ann"));
        assert_eq!(received(&mut host, next)[0]["here"], json!(["Ann"]));
    }
}

#[test]
fn the_most_that_there_can_be_fits_and_members_come_before_lines() {
    /// With as many lines as there can be, which are too many for all of these to be kept.
    const TALKATIVE: usize = 300;
    let mut rooms = Rooms::default();
    let longest = "\"".repeat(24);
    let mut number = u64::MAX;
    for room in 0..ROOMS_MAX {
        let line_c = if room < TALKATIVE { 15 } else { 0 };
        let room = format!("{room:032}");
        for _ in 0..2 {
            number -= 1;
            let client = ClientId::new(number).unwrap();
            rooms.join(client, &room, &longest).unwrap();
            for _ in 0..line_c {
                rooms.say(client, &room, "\"".repeat(LINE_MAX), 0).unwrap();
            }
        }
    }
    let now = Instant::now();
    let state = saved::write(&rooms, |_| None, now);
    assert!(state.len() < ringsocket_app::abi::STATE_MAX_SIZE, "{}", state.len());
    let (rooms, guests) = saved::read(&state, now).unwrap();
    assert_eq!((rooms.iter().count(), guests.len()), (ROOMS_MAX, 2 * ROOMS_MAX));
    let lines = rooms.iter().filter(|(_, room)| !room.history().lines().is_empty()).count();
    assert!((100..TALKATIVE).contains(&lines), "{lines} rooms have kept theirs");
}
