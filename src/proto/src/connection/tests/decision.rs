//! Requests that are answered later than they were read.

use super::*;
use crate::upgrade::Handshake;

/// A connection that has been asked for an upgrade, what its 101 needs, and what came behind the
/// request.
fn deferred(behind: &[u8]) -> (Connection, Handshake, Vec<u8>) {
    let (mut connection, mut out) = (Connection::new(NOW), Vec::new());
    let mut bytes = [HANDSHAKE, behind].concat();
    // In two pieces, so that there is something to forget.
    let (first, second) = bytes.split_at_mut(9);
    let mut inflater = Inflater::default();
    let mut input = Input::new(first);
    assert_eq!(connection.receive(&mut input, NOW, &limits(), &mut inflater, &mut out), None);
    let mut input = Input::new(second);
    let event = connection.receive(&mut input, NOW, &limits(), &mut inflater, &mut out);
    let Some(Event::Request(request)) = event else { panic!("{event:?}") };
    let handshake = Handshake::new(&request, None);
    drop(request);
    connection.defer(Millis(5000));
    let early = input.remaining().to_vec();
    assert_eq!(early, behind);
    assert!(connection.is_idle_on_heap());
    assert_eq!((connection.phase(), connection.held()), (Phase::Deferred, 0));
    (connection, handshake, early)
}

#[test]
fn a_101_may_come_later_and_with_more_fields() {
    let ping = client_frame(true, Opcode::Ping, b"hi");
    let (mut connection, handshake, mut early) = deferred(&ping);
    let (mut out, mut inflater) = (Vec::new(), Inflater::default());
    // Nothing is read before.
    let mut input = Input::new(&mut early);
    assert_eq!(connection.receive(&mut input, NOW, &limits(), &mut inflater, &mut out), None);
    assert_eq!(input.len(), ping.len());
    handshake.write(b"Set-Cookie: a=b\r\n", &mut out);
    let expected = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
        Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
        Set-Cookie: a=b\r\n\r\n";
    assert_eq!(String::from_utf8_lossy(&out), expected);
    connection.accept(handshake.deflate(), Millis(6000));
    out.clear();
    let event = connection.receive(&mut input, NOW, &limits(), &mut inflater, &mut out);
    assert_eq!(event, Some(Event::Ping(b"hi")));
}

#[test]
fn rfc9110_15_6_5_no_decision_is_504() {
    let (mut connection, _, _) = deferred(b"");
    let mut out = Vec::new();
    assert_eq!(connection.deadline(&limits()), Some(Millis(12_000)));
    assert_eq!(connection.expire(Millis(11_999), &limits(), &mut out), None);
    assert_eq!(connection.expire(Millis(12_000), &limits(), &mut out), Some(Expired::Undecided));
    assert!(out.starts_with(b"HTTP/1.1 504 Gateway Timeout\r\nConnection: close\r\n"));
    assert_eq!((connection.phase(), connection.deadline(&limits())), (Phase::Finished, None));
}

#[test]
fn a_refusal_may_come_later() {
    let (mut connection, _, _) = deferred(b"");
    connection.refuse();
    assert_eq!(connection.phase(), Phase::Finished);
}
