//! Limits that the caller changes while a connection is open.

use super::compressed::{SHARED, compressed};
use super::*;

/// Has all limits of messages be as small as can be.
fn cut_down(limits: &mut Limits) {
    (limits.message_size, limits.chain_size) = (10, 30);
    (limits.frame_size, limits.fragment_c) = (10, 1);
}

#[test]
fn a_message_ends_under_the_limits_under_which_it_has_begun() {
    let mut caller = Caller::open();
    caller.feed(&part(Opcode::Binary, &[1; 20_000]));
    let frame = part(Opcode::Continuation, &[1; 20_000]);
    let (begun, rest) = frame.split_at(5_000);
    caller.feed(begun);
    cut_down(&mut caller.limits);
    caller.feed(rest);
    // Frames that have not begun are of that message, too; and so are control frames between them.
    caller.feed(&whole(Opcode::Ping, b"still there?"));
    caller.feed(&part(Opcode::Continuation, &[1; 20_000]));
    caller.feed(&whole(Opcode::Continuation, &[1; 10_000]));
    assert_eq!(caller.seen, [Seen::Message(Kind::Binary, vec![1; 70_000])]);
    caller.seen.clear();
    caller.out.clear();
    assert_eq!(caller.violation(&whole(Opcode::Binary, &[1; 11])), (1009, Some(1009)));
    // Nor does it get more than it was promised.
    let mut caller = Caller::open();
    caller.feed(&part(Opcode::Binary, &[1; 70_000]));
    caller.limits.message_size *= 2;
    caller.limits.chain_size *= 2;
    assert_eq!(caller.violation(&whole(Opcode::Continuation, b"x")), (1009, Some(1009)));
}

#[test]
fn so_does_what_a_compressed_one_inflates_to() {
    let message = "over and over ".repeat(100);
    let payload = compressed(message.as_bytes());
    let mut frame = whole(Opcode::Text, &payload);
    frame[0] |= 0x40; // RSV1
    let mut caller = Caller::open_with(Some(SHARED));
    let (begun, rest) = frame.split_at(20);
    caller.feed(begun);
    cut_down(&mut caller.limits);
    caller.feed(rest);
    assert_eq!(caller.seen, [text(&message)]);
    caller.seen.clear();
    assert_eq!(caller.violation(&frame), (1009, Some(1009)));
}

#[test]
fn a_wait_that_is_cut_down_can_begin_anew() {
    let mut caller = Caller::open();
    assert_eq!(caller.expire(Millis(61_000)), Some(Expired::Silence));
    caller.limits.pong_wait = Duration::from_secs(1);
    caller.connection.restart_wait(Millis(65_000));
    assert_eq!(caller.deadline(), Some(Millis(66_000)));
    // It is still the answer to the ping that is waited for.
    assert_eq!(caller.expire(Millis(66_000)), Some(Expired::NoPong));
}
