//! The traffic against frames made by hand: what is right ends well, and each thing that may go wrong
//! is seen.

use super::ask::Ask;
use super::*;

const SIZE: usize = 40;

/// Three clients; seat 0 has asked for a message to all, then for one to all but itself.
fn started() -> Stress {
    let mut all = Stress::new(1, SIZE, 3, 2, Duration::ZERO);
    for way in [3, 4] {
        all.lanes[0].asks.push_back(Ask::new(way, 0, 3, Vec::new(), SIZE));
        all.started += 1;
        all.refill(0, &mut Vec::new());
    }
    all
}

/// The app's answer to an ask of seat 0.
fn answer(all: &Stress, id: u64, number: u32, way: u8) -> Vec<u8> {
    let mut payload = vec![1];
    payload.extend_from_slice(&id.to_be_bytes());
    payload.extend_from_slice(&0_u32.to_be_bytes());
    payload.extend_from_slice(&number.to_be_bytes());
    payload.push(way);
    payload.extend_from_slice(&(SIZE as u32).to_be_bytes());
    payload.extend_from_slice(all.content.bytes(spec(id, SIZE)));
    Frame { mask: None, ..Frame::new(opcode::BINARY, &payload) }.to_bytes()
}

fn report(seat: usize, own: u64, all: u64, stray: u64) -> Vec<u8> {
    let text = format!(
        r#"{{"seat":{seat},"sent":{own},"returned":{own},"waiting":0,"all":{{"clients":3,"sent":{all},
        "returned":{all},"waiting":0,"gone":0}},"errors":{{"lost":0,"stray":{stray},"size":0,
        "content":0}}}}"#
    );
    Frame { mask: None, ..Frame::new(opcode::TEXT, text.as_bytes()) }.to_bytes()
}

/// Everything has arrived and gone back, and all reports are asked for.
fn delivered() -> Stress {
    let mut all = started();
    let (first, second) = (answer(&all, 7, 0, 3), answer(&all, 9, 1, 4));
    all.received(0, &first).unwrap();
    for token in [1, 2] {
        for byte in [&first[..], &second].concat() {
            all.received(token, &[byte]).unwrap();
        }
    }
    assert_eq!((all.delivered(), all.complete), (5, 2));
    while let Some(token) = all.woken() {
        let mut out = Vec::new();
        (0..4).for_each(|_| all.refill(token, &mut out));
        assert!(!out.is_empty());
    }
    all
}

#[test]
fn done_when_all_that_is_asked_for_came_and_all_reports_agree() {
    let mut all = delivered();
    for (token, own) in [(2, 2), (0, 1), (1, 2)] {
        assert!(!all.is_done());
        all.received(token, &report(token, own, 5, 0)).unwrap();
    }
    assert_eq!(all.woken(), Some(0));
    all.refill(0, &mut Vec::new());
    all.received(0, &report(0, 1, 5, 0)).unwrap();
    assert!(all.is_done());
}

#[test]
fn a_report_that_differs_is_seen() {
    for wrong in [report(1, 1, 5, 0), report(1, 2, 5, 1), report(2, 2, 5, 0)] {
        assert!(delivered().received(1, &wrong).unwrap_err().contains("the app says"));
    }
    let mut all = delivered();
    for (token, own) in [(2, 2), (0, 1), (1, 2)] {
        all.received(token, &report(token, own, 5, 0)).unwrap();
    }
    let unasked = all.received(1, &report(1, 2, 5, 0)).unwrap_err();
    assert!(unasked.contains("the app says"), "{unasked}");
    assert_eq!(all.woken(), Some(0));
    all.refill(0, &mut Vec::new());
    let wrong = all.received(0, &report(0, 1, 6, 0)).unwrap_err();
    assert!(wrong.contains("of all"), "{wrong}");
}

#[test]
fn what_is_missing_keeps_the_run_from_ending() {
    let mut all = started();
    let (first, second) = (answer(&all, 7, 0, 3), answer(&all, 9, 1, 4));
    all.received(1, &[&first[..], &second].concat()).unwrap();
    all.received(2, &second).unwrap();
    all.received(0, &first).unwrap();
    // The first one, at seat 2.
    assert_eq!((all.woken(), all.complete), (None, 0));
    // It is too late for it now.
    assert!(all.received(2, &first).unwrap_err().contains("comes after"));
}

#[test]
fn a_wrong_recipient_a_repetition_another_order_and_a_changed_byte_are_seen() {
    let check = |first: (u64, u32, u8), second: (u64, u32, u8), token: usize, want: &str| {
        let mut all = started();
        let first = answer(&all, first.0, first.1, first.2);
        let second = answer(&all, second.0, second.1, second.2);
        all.received(1, &first).unwrap();
        let error = all.received(token, &second).unwrap_err();
        assert!(error.contains(want), "{want}: {error}");
    };
    check((7, 0, 3), (9, 1, 4), 0, "not for this seat");
    check((7, 0, 3), (7, 0, 3), 1, "comes after");
    check((7, 0, 3), (8, 0, 3), 1, "been here before");
    check((7, 0, 3), (8, 0, 3), 2, "others got it as");
    check((9, 1, 4), (8, 0, 3), 1, "comes after");
    check((7, 1, 4), (8, 0, 3), 2, "out of order");
    check((7, 0, 3), (8, 1, 3), 1, "wanted way");
    check((7, 0, 3), (8, 2, 3), 1, "no such ask");
    let mut all = started();
    for (at, want) in [(12, "seat that nobody has"), (40, "wrong bytes"), (1, "bytes of kind")] {
        let mut frame = answer(&all, 7, 0, 3);
        if at == 1 {
            *frame.last_mut().unwrap() = 0;
            frame[1] -= 1;
            frame.pop();
        } else {
            frame[at] ^= 1;
        }
        let error = all.received(0, &frame).unwrap_err();
        assert!(error.contains(want), "{want}: {error}");
        all = started();
    }
}

#[test]
fn an_ask_for_nobody_is_complete_once_it_is_sent() {
    let mut all = Stress::new(1, SIZE, 3, 2, Duration::ZERO);
    all.lanes[0].asks.push_back(Ask::new(2, 0, 3, Vec::new(), SIZE));
    all.started += 1;
    assert_eq!(all.woken(), None);
    all.refill(0, &mut Vec::new());
    assert_eq!(all.complete, 1);
    assert_eq!(all.woken(), Some(0));
}
