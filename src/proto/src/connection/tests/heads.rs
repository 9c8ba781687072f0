//! A connection before its first frame.

use super::*;

#[test]
fn rfc9112_3_bad_requests_are_answered_and_end_the_connection() {
    for (head, status) in [
        (&b"\x16\x03\x01"[..], 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (&[b'x'; 1025], 414),
    ] {
        let mut caller = Caller::new();
        caller.feed(head);
        assert_eq!(caller.seen, [Seen::BadRequest(status)]);
        assert!(caller.out.starts_with(format!("HTTP/1.1 {status} ").as_bytes()));
        assert_eq!(caller.connection.phase(), Phase::Finished);
        assert!(caller.connection.is_idle_on_heap());
    }
}

#[test]
fn rfc9110_9_3_2_the_answer_to_a_bad_head_request_has_no_body() {
    let long = [b"HEAD /", &[b'x'; 1025][..]].concat();
    for head in [
        &b"HEAD / HTTP/1.1\r\n\r\n"[..],
        b"\r\nHEAD / HTTP/3.0\r\nHost: a\r\n\r\n",
        b"HEAD / HTTP/1.1\r\nHost: a\0",
        &long,
    ] {
        for cut in 0..head.len() {
            let mut caller = Caller::new();
            caller.feed(&head[..cut]);
            caller.feed(&head[cut..]);
            assert!(matches!(caller.seen[..], [Seen::BadRequest(_)]), "{:?}", caller.seen);
            assert!(caller.out.ends_with(b"\r\n\r\n"), "cut at {cut}");
        }
    }
    let mut caller = Caller::new();
    caller.feed(b"HEAD / HT");
    assert_eq!(caller.expire(Millis(99_999)), Some(Expired::Head));
    assert!(caller.out.starts_with(b"HTTP/1.1 408 ") && caller.out.ends_with(b"\r\n\r\n"));
    for other in [
        &b"HEADS / HTTP/1.1\r\n\r\n"[..],
        b"HE\r\nAD / HTTP/1.1\r\n\r\n",
        b"\nHEAD / HTTP/1.1\r\n\r\n", // refused before it can be told
        b"\rHEAD / HTTP/1.1\r\n\r\n",
    ] {
        for cut in 0..other.len() {
            let mut caller = Caller::new();
            caller.feed(&other[..cut]);
            caller.feed(&other[cut..]);
            assert!(caller.out.ends_with(b".\n"), "cut at {cut}");
        }
    }
}

#[test]
fn frames_may_follow_the_head_in_the_same_input() {
    let mut caller = Caller::new();
    caller.feed(&[HANDSHAKE, &whole(Opcode::Text, b"early")].concat());
    assert_eq!(caller.seen, [Seen::Request("/x".to_owned()), text("early")]);
}

#[test]
fn nothing_is_read_before_the_caller_has_decided() {
    let mut bytes = [HANDSHAKE, b"rest"].concat();
    let (mut connection, mut out) = (Connection::new(NOW), Vec::new());
    let mut inflater = Inflater::default();
    let mut input = Input::new(&mut bytes);
    let event = connection.receive(&mut input, NOW, &limits(), &mut inflater, &mut out);
    assert!(matches!(event, Some(Event::Request(_))));
    assert_eq!(connection.phase(), Phase::Deciding);
    assert_eq!(connection.deadline(&limits()), None);
    assert!(connection.receive(&mut input, NOW, &limits(), &mut inflater, &mut out).is_none());
    assert!(!connection.close(CloseCode::NORMAL, "", NOW, &mut out));
    assert_eq!(input.remaining(), b"rest");
    connection.refuse();
    assert!(connection.receive(&mut input, NOW, &limits(), &mut inflater, &mut out).is_none());
    assert_eq!(connection.phase(), Phase::Finished);
    assert!(input.is_empty() && out.is_empty());
}

#[test]
fn rfc9110_15_5_9_a_late_head_is_408() {
    let mut caller = Caller::new();
    assert_eq!(caller.deadline(), Some(Millis(11_000)));
    caller.feed(b"GET / HT");
    assert_eq!(caller.expire(Millis(10_999)), None);
    assert!(caller.out.is_empty());
    assert_eq!(caller.expire(Millis(11_000)), Some(Expired::Head));
    assert!(caller.out.starts_with(b"HTTP/1.1 408 Request Timeout\r\n"));
    assert_eq!(caller.connection.phase(), Phase::Finished);
    assert!(caller.connection.is_idle_on_heap());
    assert_eq!(caller.expire(Millis(99_999)), None);
}
