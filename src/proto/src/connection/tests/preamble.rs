//! A connection behind a proxy, before its request head.

use super::*;

const LINE: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 12345 80\r\n";

fn behind_proxy() -> Caller {
    let mut caller = Caller::new();
    caller.connection = Connection::behind_proxy(NOW);
    caller
}

#[test]
fn the_proxys_header_comes_before_the_request_however_they_are_cut() {
    let bytes = [LINE, HANDSHAKE, &whole(Opcode::Text, b"early")].concat();
    let expected = [
        Seen::Proxied(Some("192.0.2.7:12345".parse().unwrap())),
        Seen::Request("/x".to_owned()),
        text("early"),
    ];
    for piece_len in 1..=bytes.len() {
        let mut caller = behind_proxy();
        bytes.chunks(piece_len).for_each(|piece| caller.feed(piece));
        assert_eq!(caller.seen, expected, "{piece_len}");
    }
}

#[test]
fn a_header_in_part_is_weighed_and_given_back() {
    let mut caller = behind_proxy();
    caller.feed(b"");
    assert!(caller.connection.is_idle_on_heap());
    caller.feed(&LINE[..20]);
    assert!(caller.connection.held() >= 20);
    assert_eq!(caller.connection.phase(), Phase::Preamble);
    caller.feed(&LINE[20..]);
    assert!(caller.connection.is_idle_on_heap());
    assert_eq!((caller.connection.phase(), caller.connection.held()), (Phase::Head, 0));
}

#[test]
fn whoever_sends_none_is_not_answered() {
    for bytes in [HANDSHAKE, b"PROXY TCP4 192.0.2.7\r\n"] {
        let mut caller = behind_proxy();
        caller.feed(bytes);
        assert!(matches!(caller.seen[..], [Seen::BadPreamble(_)]), "{:?}", caller.seen);
        assert_eq!(caller.connection.phase(), Phase::Finished);
        assert!(caller.out.is_empty() && caller.connection.is_idle_on_heap());
    }
}

#[test]
fn header_and_request_share_one_deadline() {
    let mut late = behind_proxy();
    late.feed(&LINE[..20]);
    assert_eq!(late.deadline(), Some(Millis(11_000)));
    assert_eq!(late.expire(Millis(10_999)), None);
    assert_eq!(late.expire(Millis(11_000)), Some(Expired::Preamble));
    assert!(late.out.is_empty() && late.connection.is_idle_on_heap());
    assert_eq!(late.connection.phase(), Phase::Finished);
    let mut later = behind_proxy();
    later.feed(LINE);
    assert_eq!(later.deadline(), Some(Millis(11_000)));
    assert_eq!(later.expire(Millis(11_000)), Some(Expired::Head));
}

#[test]
fn the_caller_may_refuse_whom_the_proxy_names_before_the_request() {
    let mut bytes = [LINE, HANDSHAKE].concat();
    let mut connection = Connection::behind_proxy(NOW);
    let (mut input, mut out) = (Input::new(&mut bytes), Vec::new());
    let mut inflater = Inflater::default();
    let event = connection.receive(&mut input, NOW, &limits(), &mut inflater, &mut out);
    assert!(matches!(event, Some(Event::Proxied(Some(_)))));
    connection.refuse();
    assert_eq!(connection.receive(&mut input, NOW, &limits(), &mut inflater, &mut out), None);
    assert_eq!(connection.phase(), Phase::Finished);
    assert!(input.is_empty() && out.is_empty());
}
