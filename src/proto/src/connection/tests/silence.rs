//! Silence, pings of ours, and the wait for an answer (RFC 6455 sections 5.5.2 and 5.5.3). The
//! limits are a minute and five seconds.

use super::*;

/// The ping: empty, unmasked.
const PING: &[u8] = &[0x89, 0];

/// A caller whose connection is open and has been sent a ping at 61,000.
fn pinged() -> Caller {
    let mut caller = Caller::open();
    assert_eq!(caller.expire(Millis(60_999)), None);
    assert_eq!(caller.deadline(), Some(Millis(61_000)));
    assert_eq!(caller.expire(Millis(61_000)), Some(Expired::Silence));
    assert_eq!(caller.out, PING);
    assert_eq!(caller.connection.phase(), Phase::Open);
    assert_eq!(caller.deadline(), Some(Millis(66_000)));
    caller.out.clear();
    caller
}

#[test]
fn rfc6455_5_5_2_who_is_silent_is_sent_one_ping() {
    let mut caller = pinged();
    assert_eq!(caller.expire(Millis(65_999)), None);
    assert!(caller.out.is_empty());
}

#[test]
fn rfc6455_5_5_3_a_pong_clears_the_wait_and_silence_begins_anew() {
    let mut caller = pinged();
    caller.feed_at(Millis(65_999), &whole(Opcode::Pong, b""));
    assert_eq!(caller.deadline(), Some(Millis(125_999)));
    assert_eq!(caller.expire(Millis(125_998)), None);
    assert_eq!(caller.expire(Millis(125_999)), Some(Expired::Silence));
    assert_eq!(caller.out, PING);
}

#[test]
fn any_byte_clears_the_wait() {
    let frames = [
        whole(Opcode::Text, b"x"),
        part(Opcode::Binary, b"x"),
        whole(Opcode::Continuation, b"y"),
        whole(Opcode::Ping, b"x"),
        whole(Opcode::Pong, b"another's"),
    ]
    .concat();
    let mut caller = Caller::open();
    let mut now = NOW;
    for byte in frames {
        now.0 += 60_000;
        assert_eq!(caller.expire(now), Some(Expired::Silence));
        now.0 += 4_999;
        assert_eq!(caller.expire(now), None);
        caller.feed_at(now, &[byte]);
        assert_eq!(caller.deadline(), Some(Millis(now.0 + 60_000)));
    }
    assert_eq!(caller.seen.len(), 3);
}

#[test]
fn no_byte_clears_nothing() {
    let mut caller = pinged();
    caller.feed_at(Millis(62_000), b"");
    assert_eq!(caller.deadline(), Some(Millis(66_000)));
}

#[test]
fn who_does_not_answer_a_ping_is_closed_with_1008() {
    let mut caller = pinged();
    // What has begun is forgotten, as with any Close of ours.
    caller.connection.restart_silence(Millis(1000));
    caller.feed(&part(Opcode::Text, b"begun"));
    assert_eq!(caller.expire(Millis(61_000)), Some(Expired::Silence));
    caller.out.clear();
    assert_eq!(caller.expire(Millis(66_000)), Some(Expired::NoPong));
    assert_eq!(sent_code(&caller.out), Some(1008));
    assert_eq!(&caller.out[4..], NO_PONG.as_bytes());
    assert_eq!(caller.connection.phase(), Phase::Closing);
    assert!(caller.connection.is_idle_on_heap());
    // It may still answer the Close, which has a deadline of its own that nothing moves.
    assert_eq!(caller.deadline(), Some(Millis(96_000)));
    caller.feed_at(Millis(70_000), &whole(Opcode::Pong, b""));
    assert_eq!(caller.deadline(), Some(Millis(96_000)));
    assert_eq!(caller.expire(Millis(96_000)), Some(Expired::Closing));
}

#[test]
fn a_caller_that_did_not_listen_excuses_the_peer() {
    let mut caller = pinged();
    caller.connection.restart_silence(Millis(66_000));
    assert_eq!(caller.deadline(), Some(Millis(126_000)));
    assert_eq!(caller.expire(Millis(126_000)), Some(Expired::Silence));
    // Only in the phase Open.
    let mut caller = Caller::new();
    caller.connection.restart_silence(Millis(9_000));
    assert_eq!(caller.deadline(), Some(Millis(11_000)));
    let mut caller = Caller::open();
    caller.close(CloseCode::NORMAL, "");
    caller.connection.restart_silence(Millis(9_000));
    assert_eq!(caller.deadline(), Some(Millis(31_000)));
}

#[test]
fn silence_begins_when_the_upgrade_is_granted() {
    let mut caller = Caller::new();
    let mut bytes = HANDSHAKE.to_vec();
    let mut input = Input::new(&mut bytes);
    let (limits, out) = (&caller.limits, &mut caller.out);
    let event =
        caller.connection.receive(&mut input, Millis(9_000), limits, &mut caller.inflater, out);
    assert!(matches!(event, Some(Event::Request(_))));
    drop(event);
    assert_eq!(caller.deadline(), None);
    caller.connection.accept(None, Millis(9_500));
    assert_eq!(caller.deadline(), Some(Millis(69_500)));
}

#[test]
fn without_a_ping_wait_silence_lasts_for_ever() {
    let mut caller = Caller::open();
    caller.limits.ping_wait = None;
    assert_eq!(caller.deadline(), None);
    assert_eq!(caller.expire(Millis(u64::MAX)), None);
    assert!(caller.out.is_empty());
}
