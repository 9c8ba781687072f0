//! How connections end: close frames of either side, violations, deadlines.

use super::*;

#[test]
fn rfc6455_5_5_1_a_close_is_answered_with_its_code() {
    for (frame, code, reason, answer) in [
        (close_frame(1000, b""), Some(1000), "", &[0x88, 2, 3, 0xe8][..]),
        (close_frame(4999, "ü".as_bytes()), Some(4999), "ü", &[0x88, 2, 0x13, 0x87]),
        (whole(Opcode::Close, b""), None, "", &[0x88, 0]),
    ] {
        let mut caller = Caller::open();
        caller.feed(&[frame, whole(Opcode::Ping, b"late")].concat());
        assert_eq!(caller.seen, [Seen::Closed(code, reason.to_owned())]);
        assert_eq!(caller.out, answer);
        assert_eq!(caller.connection.phase(), Phase::Finished);
        assert_eq!(caller.deadline(), None);
    }
}

#[test]
fn rfc6455_5_5_1_bad_close_frames() {
    for (payload, code) in [
        (&[3][..], 1002),
        (&[3, 0xed], 1002),
        (&[0, 0], 1002),
        (&[0x03, 0xe8, 0xc3], 1007),
        (&[0x03, 0xe8, 0xed, 0xa0, 0x80], 1007),
    ] {
        let frame = whole(Opcode::Close, payload);
        assert_eq!(Caller::open().violation(&frame), (code, Some(code)), "{payload:?}");
        let mut in_pieces = Caller::open();
        in_pieces.feed(&frame[..6]);
        assert_eq!(in_pieces.violation(&frame[6..]), (code, Some(code)), "{payload:?}");
    }
}

#[test]
fn rfc6455_7_1_2_our_close_comes_first() {
    let mut caller = Caller::open();
    assert!(caller.close(CloseCode::GOING_AWAY, "bye"));
    assert_eq!(caller.out, b"\x88\x05\x03\xe9bye");
    assert_eq!(caller.connection.phase(), Phase::Closing);
    assert_eq!(caller.deadline(), Some(Millis(31_000)));
    assert!(!caller.close(CloseCode::NORMAL, ""));
    caller.out.clear();
    // RFC 6455 section 1.4: data are discarded; nothing more is sent.
    let frames = [
        whole(Opcode::Text, b"\xff"),
        whole(Opcode::Ping, b"x"),
        part(Opcode::Binary, &[0; 80_000]),
        whole(Opcode::Binary, b""),
        close_frame(1001, b"too"),
    ];
    caller.feed(&frames.concat());
    assert_eq!(caller.seen, [Seen::Closed(Some(1001), "too".to_owned())]);
    assert!(caller.out.is_empty());
    assert_eq!(caller.connection.phase(), Phase::Finished);
}

#[test]
fn rfc6455_7_1_2_our_close_ends_a_message_that_is_under_way() {
    let frames = [part(Opcode::Text, b"abc"), whole(Opcode::Continuation, b"defghi")].concat();
    for cut in 0..=frames.len() {
        let mut caller = Caller::open();
        caller.feed(&frames[..cut]);
        assert!(caller.close(CloseCode::NO_STATUS, "not sent"));
        assert_eq!(caller.out, [0x88, 0]);
        caller.seen.clear();
        caller.feed(&frames[cut..]);
        assert!(caller.connection.is_idle_on_heap());
        caller.feed(&close_frame(1000, b""));
        assert_eq!(caller.seen, [Seen::Closed(Some(1000), String::new())], "cut at {cut}");
        assert_eq!(caller.out, [0x88, 0]);
    }
}

#[test]
fn the_peers_close_frame_leaves_no_memory_behind() {
    let begun = [whole(Opcode::Text, b"x"), part(Opcode::Text, &[b'y'; 5000])].concat();
    let close = close_frame(1000, b"bye");
    for cut in 0..close.len() {
        let mut caller = Caller::open_with(Some(compressed::TAKEOVER));
        caller.feed(&begun);
        caller.feed(&close[..cut]);
        assert!(caller.connection.held() >= 5000 && caller.connection.windows.is_some());
        let mut rest = close[cut..].to_vec();
        // Only up to the event: whoever is at the end need not come back for more.
        let seen = caller.next(NOW, &mut Input::new(&mut rest));
        assert_eq!(seen, Some(Seen::Closed(Some(1000), "bye".to_owned())), "cut at {cut}");
        assert_eq!(caller.connection.held(), 0);
        assert!(caller.connection.windows.is_none());
    }
}

#[test]
fn rfc6455_7_1_7_a_violation_after_our_close_sends_none() {
    let mut caller = Caller::open();
    caller.close(CloseCode::NORMAL, "");
    caller.out.clear();
    assert_eq!(caller.violation(&[0x81, 0x00]), (1002, None));
    let mut caller = Caller::open();
    caller.close(CloseCode::NORMAL, "");
    caller.out.clear();
    assert_eq!(caller.violation(&whole(Opcode::Close, b"x")), (1002, None));
}

#[test]
fn a_caller_fails_a_connection_as_a_violation_does() {
    let mut caller = Caller::open();
    caller.feed(&part(Opcode::Text, b"begun"));
    caller.connection.fail_with(CloseCode::POLICY, "too many", &mut caller.out);
    assert_eq!(caller.out, b"\x88\x0a\x03\xf0too many");
    assert_eq!(caller.connection.phase(), Phase::Finished);
    assert!(caller.connection.is_idle_on_heap());
}

#[test]
fn what_comes_after_the_end_is_forgotten() {
    let mut caller = Caller::open();
    caller.violation(&[0xff]);
    let (seen, out) = (caller.seen.len(), caller.out.len());
    caller.feed(&whole(Opcode::Text, b"x"));
    assert!(!caller.close(CloseCode::NORMAL, ""));
    assert_eq!((caller.seen.len(), caller.out.len()), (seen, out));
}

#[test]
fn rfc6455_7_1_1_a_peer_that_does_not_answer_our_close_is_dropped() {
    let mut caller = Caller::open();
    caller.close(CloseCode::NORMAL, "");
    caller.out.clear();
    assert_eq!(caller.expire(Millis(30_999)), None);
    assert_eq!(caller.expire(Millis(31_000)), Some(Expired::Closing));
    assert!(caller.out.is_empty());
    assert_eq!(caller.connection.phase(), Phase::Finished);
}
