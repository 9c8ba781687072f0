//! Limits of single frames and of their number (RFC 6455 section 10.4).

use super::*;

#[test]
fn rfc6455_10_4_frames_over_the_limit_are_1009_with_their_header() {
    let caller = || {
        let mut caller = Caller::open();
        caller.limits.frame_size = 300;
        caller
    };
    let (fits, larger) = (whole(Opcode::Binary, &[0; 300]), whole(Opcode::Binary, &[0; 301]));
    let mut one = caller();
    one.feed(&fits);
    assert_eq!((one.seen.len(), one.borrowed), (1, 1));
    assert_eq!(caller().violation(&larger), (1009, Some(1009)));
    assert_eq!(caller().violation(&larger[..8]), (1009, Some(1009)));
    // A message may be larger than its frames.
    let mut parts = caller();
    parts.feed(&part(Opcode::Binary, &[0; 300]));
    parts.feed(&part(Opcode::Continuation, &[0; 300]));
    assert_eq!(parts.connection.phase(), Phase::Open);
    let next = whole(Opcode::Continuation, &[0; 301]);
    assert_eq!(parts.violation(&next[..8]), (1009, Some(1009)));
}

#[test]
fn rfc6455_10_4_messages_of_too_many_frames_are_1009() {
    let begun = || {
        let mut caller = Caller::open();
        caller.limits.fragment_c = 3;
        caller.feed(&part(Opcode::Text, b"a"));
        // Control frames between them do not count.
        caller.feed(&whole(Opcode::Ping, b"").repeat(9));
        caller.feed(&part(Opcode::Continuation, b"b"));
        caller
    };
    let mut caller = begun();
    caller.feed(&whole(Opcode::Continuation, b"c"));
    assert_eq!(caller.seen, [text("abc")]);
    // Each message has as many.
    caller.feed(&part(Opcode::Text, b"d"));
    caller.feed(&whole(Opcode::Continuation, b"e"));
    assert_eq!(caller.seen[1], text("de"));
    let mut caller = begun();
    caller.feed(&part(Opcode::Continuation, b"c"));
    caller.out.clear();
    let next = whole(Opcode::Continuation, b"");
    assert_eq!(caller.violation(&next[..6]), (1009, Some(1009)));
    let mut caller = Caller::open();
    caller.limits.fragment_c = 1;
    caller.feed(&[whole(Opcode::Text, b"a"), part(Opcode::Text, b"b")].concat());
    assert_eq!(caller.seen, [text("a")]);
    assert_eq!(caller.violation(&whole(Opcode::Continuation, b"c")), (1009, Some(1009)));
}
