//! Connections on which permessage-deflate was agreed (RFC 7692).

use super::*;
use crate::deflate::MAX_BITS;

/// What is agreed on by default: nobody takes a context over.
pub(super) const SHARED: Agreement = Agreement {
    client_takeover: false,
    server_takeover: false,
    client_window_bits: MAX_BITS,
    server_window_bits: MAX_BITS,
};

/// Both do.
pub(super) const TAKEOVER: Agreement =
    Agreement { client_takeover: true, server_takeover: true, ..SHARED };

/// The payload of a compressed message; as short as it may be if it does not shrink.
pub(super) fn compressed(message: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    if Deflater::new(6).frame(Opcode::Text, message, MAX_BITS, None, &mut frame) {
        let (_, payload) = frame::split(&frame).expect("a whole frame");
        return payload.to_vec();
    }
    // One block that is not compressed (RFC 7692 section 7.2.3.3).
    let len = message.len() as u16;
    [&[0][..], &len.to_le_bytes(), &(!len).to_le_bytes(), message, &[0]].concat()
}

/// A frame with RSV1 set.
fn marked(mut frame: Vec<u8>) -> Vec<u8> {
    frame[0] |= 0x40;
    frame
}

#[test]
fn rfc7692_6_messages_arrive_inflated_whole_or_in_fragments() {
    let message = "déjà vu ".repeat(40);
    let payload = compressed(message.as_bytes());
    let (one, two) = payload.split_at(payload.len() / 2);
    let fragments = [
        marked(part(Opcode::Text, one)),
        whole(Opcode::Ping, b"between"),
        whole(Opcode::Continuation, two),
    ];
    for agreement in [SHARED, TAKEOVER] {
        let mut caller = Caller::open_with(Some(agreement));
        caller.feed(&marked(whole(Opcode::Text, &payload)));
        caller.feed(&fragments.concat());
        caller.feed(&whole(Opcode::Text, b"as it is"));
        assert_eq!(caller.seen, [text(&message), text(&message), text("as it is")]);
        assert_eq!(caller.connection.is_idle_on_heap(), agreement == SHARED);
    }
}

#[test]
fn rfc7692_6_1_rsv1_is_1002_where_nothing_was_agreed_or_not_first() {
    let frame = marked(whole(Opcode::Text, &compressed(b"x")));
    assert_eq!(Caller::open().violation(&frame), (1002, Some(1002)));
    let second = [part(Opcode::Text, b"x"), marked(whole(Opcode::Continuation, b"y"))].concat();
    assert_eq!(Caller::open_with(Some(SHARED)).violation(&second), (1002, Some(1002)));
    let ping = marked(whole(Opcode::Ping, b""));
    assert_eq!(Caller::open_with(Some(SHARED)).violation(&ping), (1002, Some(1002)));
}

#[test]
fn rfc6455_8_1_what_a_text_inflates_to_must_be_utf8() {
    let bad = marked(whole(Opcode::Text, &compressed(&[0xff; 50])));
    assert_eq!(Caller::open_with(Some(SHARED)).violation(&bad), (1007, Some(1007)));
    let binary = marked(whole(Opcode::Binary, &compressed(&[0xff; 50])));
    let mut caller = Caller::open_with(Some(SHARED));
    caller.feed(&binary);
    assert_eq!(caller.seen, [Seen::Message(Kind::Binary, vec![0xff; 50])]);
}

#[test]
fn the_limit_of_a_message_holds_for_what_it_inflates_to() {
    let fits = marked(whole(Opcode::Binary, &compressed(&[0; 70_000])));
    let mut caller = Caller::open_with(Some(SHARED));
    caller.feed(&fits);
    assert_eq!(caller.seen, [Seen::Message(Kind::Binary, vec![0; 70_000])]);
    // As large as it may be, and larger when compressed: five bytes for each of the blocks.
    let stored = |block: &[u8]| {
        let len = block.len() as u16;
        [&[0][..], &len.to_le_bytes(), &(!len).to_le_bytes(), block].concat()
    };
    let message: Vec<u8> = (0..70_000u64).map(|at| ((at * at) >> 7) as u8).collect();
    let longer = [stored(&message[..65_000]), stored(&message[65_000..]), vec![0]].concat();
    assert!(longer.len() > 70_000);
    let mut caller = Caller::open_with(Some(SHARED));
    caller.feed(&marked(whole(Opcode::Binary, &longer)));
    assert_eq!(caller.seen, [Seen::Message(Kind::Binary, message)]);
    let bomb = marked(whole(Opcode::Binary, &compressed(&[0; 70_001])));
    assert!(bomb.len() < 200);
    assert_eq!(Caller::open_with(Some(SHARED)).violation(&bomb), (1009, Some(1009)));
}

#[test]
fn rfc7692_7_1_1_contexts_are_taken_over_as_agreed() {
    let refers = marked(whole(Opcode::Text, &[0xf2, 0x00, 0x11, 0, 0])); // section 7.2.3.2
    let hello = marked(whole(Opcode::Text, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]));
    let mut caller = Caller::open_with(Some(TAKEOVER));
    caller.feed(&[&hello[..], &whole(Opcode::Text, b"as it is"), &refers].concat());
    assert_eq!(caller.seen, [text("Hello"), text("as it is"), text("Hello")]);
    let mut caller = Caller::open_with(Some(SHARED));
    caller.feed(&hello);
    assert_eq!(caller.violation(&refers), (1007, Some(1007)));
}

#[test]
fn a_peer_stays_in_step_when_messages_are_sent_as_they_are() {
    let mut caller = Caller::open_with(Some(TAKEOVER));
    let (mut deflater, mut inflater) = (Deflater::new(6), Inflater::default());
    // The client's end of the same connection, whose window is what it has inflated.
    let mut window = Window::new(MAX_BITS);
    let (mut as_they_are, mut smaller) = (0, usize::MAX);
    for message in [
        &b"the quick brown fox jumps over the lazy dog ".repeat(2)[..],
        b"7f3Kq0", // does not shrink
        &b"the quick brown fox jumps over the lazy dog ".repeat(2),
        &[&b"7f3Kq0 "[..], &b"the quick brown fox".repeat(2)].concat(),
    ] {
        let mut out = Vec::new();
        if !caller.connection.compress(&mut deflater, Opcode::Text, message, &mut out) {
            as_they_are += 1;
            assert!(out.is_empty());
            continue;
        }
        smaller = smaller.min(out.len());
        let (_, payload) = frame::split(&out).expect("a whole frame");
        inflater.inflate(payload, Some(&mut window), 1000).expect("in step");
        assert_eq!(inflater.output(), message);
    }
    assert_eq!(as_they_are, 1);
    assert!(smaller < 20, "nothing referred to what came before: {smaller}");
    // Without takeover, this is not how messages are compressed.
    let mut shared = Caller::open_with(Some(SHARED));
    assert!(!shared.connection.compress(
        &mut deflater,
        Opcode::Text,
        &[b'x'; 500],
        &mut Vec::new()
    ));
}
