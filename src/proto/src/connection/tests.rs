//! A connection as its caller drives it: whole conversations, section by section.

mod changed;
mod closing;
mod compressed;
mod cuts;
mod decision;
mod heads;
mod parked;
mod preamble;
mod silence;
mod sizes;

use std::time::Duration;

use super::*;
use crate::frame::Opcode;
use crate::upgrade;
use crate::{frame, mask};

const NOW: Millis = Millis(1000);

fn limits() -> Limits {
    Limits {
        head_size: 1024,
        header_c: 16,
        message_size: 70_000,
        chain_size: 72_000,
        head_wait: Duration::from_secs(10),
        upgrade_wait: Duration::from_secs(7),
        close_wait: Duration::from_secs(30),
        frame_size: 70_000,
        fragment_c: 20_000,
        ping_wait: Some(Duration::from_secs(60)),
        pong_wait: Duration::from_secs(5),
    }
}

const HANDSHAKE: &[u8] = b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

/// An event that owns what it holds.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Seen {
    Proxied(Option<SocketAddr>),
    BadPreamble(&'static str),
    Request(String),
    Message(Kind, Vec<u8>),
    Pong(Vec<u8>),
    Closed(Option<u16>, String),
    Violation(u16, &'static str),
    BadRequest(u16),
}

/// A caller that grants every upgrade.
struct Caller {
    connection: Connection,
    limits: Limits,
    seen: Vec<Seen>,
    out: Vec<u8>,
    inflater: Inflater,
    /// What it agrees to.
    deflate: Option<Agreement>,
    /// Pings that were yielded.
    pings: Vec<Vec<u8>>,
    /// How many messages were borrowed from the input.
    borrowed: usize,
}

impl Caller {
    fn new() -> Self {
        let limits = limits();
        let connection = Connection::new(NOW);
        let (seen, out, inflater, pings) = Default::default();
        Self { connection, limits, seen, out, inflater, deflate: None, pings, borrowed: 0 }
    }

    /// A caller whose connection is open.
    fn open() -> Self {
        Self::open_with(None)
    }

    fn open_with(deflate: Option<Agreement>) -> Self {
        let mut caller = Self { deflate, ..Self::new() };
        caller.feed(HANDSHAKE);
        assert_eq!(caller.connection.phase(), Phase::Open);
        caller.seen.clear();
        caller.out.clear();
        caller
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.feed_at(NOW, bytes);
    }

    fn feed_at(&mut self, now: Millis, bytes: &[u8]) {
        let mut bytes = bytes.to_vec();
        let mut input = Input::new(&mut bytes);
        while let Some(seen) = self.next(now, &mut input) {
            self.seen.push(seen);
        }
        assert!(input.is_empty());
    }

    fn next(&mut self, now: Millis, input: &mut Input<'_>) -> Option<Seen> {
        let out = &mut self.out;
        let (limits, inflater) = (&self.limits, &mut self.inflater);
        let mut event = self.connection.receive(input, now, limits, inflater, out)?;
        while let Event::Ping(payload) = event {
            self.pings.push(payload.to_vec());
            event = self.connection.receive(input, now, limits, inflater, out)?;
        }
        Some(match event {
            Event::Proxied(source) => Seen::Proxied(source),
            Event::BadPreamble { why } => Seen::BadPreamble(why),
            Event::Request(request) => {
                upgrade::write_switching_protocols(&request, None, None, out);
                let path = request.path().to_owned();
                drop(request);
                self.connection.accept(self.deflate, NOW);
                Seen::Request(path)
            }
            Event::Message { kind, payload } => {
                self.borrowed += usize::from(matches!(payload, Payload::Borrowed(_)));
                Seen::Message(kind, payload.into_vec())
            }
            Event::Ping(_) => unreachable!("taken above"),
            Event::Pong(payload) => Seen::Pong(payload.to_vec()),
            Event::Closed { code, reason } => {
                Seen::Closed(code.map(CloseCode::get), reason.to_owned())
            }
            Event::Violation { code, why } => Seen::Violation(code.get(), why),
            Event::BadRequest { status, .. } => Seen::BadRequest(status),
        })
    }

    fn close(&mut self, code: CloseCode, reason: &str) -> bool {
        self.connection.close(code, reason, NOW, &mut self.out)
    }

    fn deadline(&self) -> Option<Millis> {
        self.connection.deadline(&self.limits)
    }

    fn expire(&mut self, now: Millis) -> Option<Expired> {
        self.connection.expire(now, &self.limits, &mut self.out)
    }

    /// Feeds bytes that must end the connection, and says with which code, and which was sent.
    fn violation(&mut self, bytes: &[u8]) -> (u16, Option<u16>) {
        self.feed(bytes);
        assert_eq!(self.connection.phase(), Phase::Finished);
        assert!(self.connection.is_idle_on_heap());
        let Some(&Seen::Violation(code, _)) = self.seen.last() else {
            panic!("no violation: {:?}", self.seen);
        };
        (code, sent_code(&self.out))
    }
}

/// The code in the Close frame that is all of `out`.
fn sent_code(out: &[u8]) -> Option<u16> {
    match *out {
        [] => None,
        [0x88, len, high, low, ref reason @ ..] if usize::from(len) == 2 + reason.len() => {
            Some(u16::from_be_bytes([high, low]))
        }
        _ => panic!("not one Close frame: {out:?}"),
    }
}

/// A frame as a client sends it.
fn client_frame(is_final: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let (header, len) = frame::header(opcode, payload.len() as u64);
    let mut bytes = header[..len].to_vec();
    if !is_final {
        bytes[0] &= 0x7f;
    }
    bytes[1] |= 0x80;
    let key = [0x37, 0xfa, 0x21, 0x3d];
    bytes.extend(key);
    let start = bytes.len();
    bytes.extend_from_slice(payload);
    mask::apply(key, &mut bytes[start..]);
    bytes
}

fn whole(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    client_frame(true, opcode, payload)
}

fn part(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    client_frame(false, opcode, payload)
}

fn close_frame(code: u16, reason: &[u8]) -> Vec<u8> {
    whole(Opcode::Close, &[&code.to_be_bytes(), reason].concat())
}

fn text(payload: &str) -> Seen {
    Seen::Message(Kind::Text, payload.as_bytes().to_vec())
}

#[test]
fn a_connection_is_small_and_a_quiet_one_owns_nothing() {
    assert!(size_of::<Connection>() <= 32, "{}", size_of::<Connection>());
    let mut caller = Caller::new();
    assert!(caller.connection.is_idle_on_heap());
    caller.feed(&HANDSHAKE[..50]);
    assert!(!caller.connection.is_idle_on_heap());
    caller.feed(&HANDSHAKE[50..]);
    assert!(caller.connection.is_idle_on_heap());
    let message = [
        part(Opcode::Text, b"a"),
        whole(Opcode::Ping, b"b"),
        whole(Opcode::Pong, b"c"),
        whole(Opcode::Continuation, b"d"),
        whole(Opcode::Pong, b"e"),
        whole(Opcode::Binary, &[7; 300]),
    ]
    .concat();
    for cut in 0..message.len() {
        caller.feed(&message[..cut]);
        caller.feed(&message[cut..]);
        assert!(caller.connection.is_idle_on_heap(), "cut at {cut}");
    }
}

#[test]
fn rfc6455_5_7_examples() {
    let mut caller = Caller::open();
    caller.feed(&[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    assert_eq!(caller.seen, [text("Hello")]);
    caller.feed(&[0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    assert_eq!(caller.seen[1], Seen::Pong(b"Hello".to_vec()));
    // The server's side of them.
    caller.feed(&whole(Opcode::Ping, b"Hello"));
    assert_eq!(caller.out, [0x8a, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
    assert_eq!(frame::header(Opcode::Text, 5), ([0x81, 0x05, 0, 0, 0, 0, 0, 0, 0, 0], 2));
    let header = [0x82, 0x7e, 0x01, 0x00, 0, 0, 0, 0, 0, 0];
    assert_eq!(frame::header(Opcode::Binary, 256), (header, 4));
    let header = [0x82, 0x7f, 0, 0, 0, 0, 0, 0x01, 0, 0];
    assert_eq!(frame::header(Opcode::Binary, 65536), (header, 10));
}

#[test]
fn messages_that_lie_in_the_input_whole_are_not_copied() {
    let mut caller = Caller::open();
    let frames = [
        whole(Opcode::Text, "é".as_bytes()),
        whole(Opcode::Binary, &[0xff; 70_000]),
        whole(Opcode::Ping, b""),
        whole(Opcode::Text, b""),
    ];
    caller.feed(&frames.concat());
    let expected = [text("é"), Seen::Message(Kind::Binary, vec![0xff; 70_000]), text("")];
    assert_eq!(caller.seen, expected);
    assert_eq!(caller.borrowed, 3);
}

#[test]
fn rfc6455_5_1_unmasked_frames_are_1002() {
    assert_eq!(Caller::open().violation(&[0x81, 0x01, b'x']), (1002, Some(1002)));
}

#[test]
fn rfc6455_5_2_reserved_bits_and_opcodes_are_1002() {
    for first in [0xc1, 0xa1, 0x91, 0x83, 0x87, 0x8b, 0x8f] {
        let bytes = [first, 0x80, 0, 0, 0, 0];
        assert_eq!(Caller::open().violation(&bytes), (1002, Some(1002)), "{first:x}");
    }
}

#[test]
fn rfc6455_5_4_fragments_make_one_message() {
    let mut caller = Caller::open();
    caller.feed(&part(Opcode::Text, b"Hel"));
    caller.feed(&part(Opcode::Continuation, b""));
    caller.feed(&whole(Opcode::Continuation, b"lo"));
    assert_eq!(caller.seen, [text("Hello")]);
    caller.feed(&[part(Opcode::Binary, b""), whole(Opcode::Continuation, b"")].concat());
    assert_eq!(caller.seen[1], Seen::Message(Kind::Binary, Vec::new()));
}

#[test]
fn rfc6455_5_4_fragments_of_two_messages_do_not_mix() {
    let mixed = [part(Opcode::Text, b"a"), whole(Opcode::Text, b"b")].concat();
    assert_eq!(Caller::open().violation(&mixed), (1002, Some(1002)));
    let mixed = [part(Opcode::Text, b"a"), part(Opcode::Binary, b"b")].concat();
    assert_eq!(Caller::open().violation(&mixed), (1002, Some(1002)));
    let lonely = whole(Opcode::Continuation, b"b");
    assert_eq!(Caller::open().violation(&lonely), (1002, Some(1002)));
    let ended = [part(Opcode::Text, b"a"), whole(Opcode::Continuation, b"b")].concat();
    assert_eq!(Caller::open().violation(&[ended, lonely].concat()), (1002, Some(1002)));
}

#[test]
fn rfc6455_5_5_control_frames_are_short_and_whole() {
    assert_eq!(Caller::open().violation(&whole(Opcode::Ping, &[0; 126])), (1002, Some(1002)));
    assert_eq!(Caller::open().violation(&part(Opcode::Ping, b"")), (1002, Some(1002)));
    let mut caller = Caller::open();
    caller.feed(&whole(Opcode::Ping, &[7; 125]));
    assert_eq!(caller.out, [&[0x8a, 125][..], &[7; 125]].concat());
}

#[test]
fn rfc6455_5_5_2_pings_are_answered_in_order_and_between_fragments() {
    let mut caller = Caller::open();
    let frames = [
        whole(Opcode::Ping, b"1"),
        part(Opcode::Text, b"a"),
        whole(Opcode::Ping, b"2"),
        whole(Opcode::Continuation, b"b"),
        whole(Opcode::Ping, b"3"),
    ]
    .concat();
    caller.feed(&frames);
    assert_eq!(caller.seen, [text("ab")]);
    assert_eq!(caller.out, b"\x8a\x011\x8a\x012\x8a\x013");
    assert_eq!(caller.pings, [b"1", b"2", b"3"]);
    // After our Close they are yielded, but not answered.
    caller.close(CloseCode::NORMAL, "");
    caller.out.clear();
    caller.feed(&frames[..7]);
    assert_eq!((caller.pings.len(), caller.out.len()), (4, 0));
}

#[test]
fn rfc6455_5_5_3_pongs_are_yielded_and_not_answered() {
    let mut caller = Caller::open();
    caller.feed(&[part(Opcode::Binary, b""), whole(Opcode::Pong, b"x")].concat());
    assert_eq!(caller.seen, [Seen::Pong(b"x".to_vec())]);
    assert!(caller.out.is_empty());
}

#[test]
fn one_receive_answers_with_no_more_than_its_input() {
    let mut caller = Caller::open();
    let flood = whole(Opcode::Ping, b"").repeat(10_000);
    caller.feed(&flood);
    assert_eq!((caller.out.len(), caller.pings.len()), (20_000, 10_000));
    assert!(caller.out.len() <= flood.len());
}

#[test]
fn rfc6455_8_1_texts_that_are_not_utf8_are_1007() {
    assert_eq!(Caller::open().violation(&whole(Opcode::Text, b"a\xff")), (1007, Some(1007)));
    let cut_off = [part(Opcode::Text, b"\xc3"), whole(Opcode::Continuation, b"")].concat();
    assert_eq!(Caller::open().violation(&cut_off), (1007, Some(1007)));
    let mut caller = Caller::open();
    caller.feed(&[part(Opcode::Text, b"\xc3"), whole(Opcode::Continuation, b"\xa9")].concat());
    assert_eq!(caller.seen, [text("é")]);
}

#[test]
fn rfc6455_8_1_the_fault_is_found_before_the_frame_is_complete() {
    let frame = whole(Opcode::Text, &[&[b'x'; 10], &b"\xf4\x90"[..], &[b'x'; 100]].concat());
    let mut caller = Caller::open();
    caller.feed(&frame[..6 + 11]);
    assert!(caller.seen.is_empty());
    assert_eq!(caller.violation(&frame[6 + 11..6 + 12]), (1007, Some(1007)));
}

#[test]
fn rfc6455_7_4_1_messages_over_the_limit_are_1009_with_their_header() {
    let header = |len: u64| {
        let (bytes, _) = frame::header(Opcode::Binary, len);
        [&[bytes[0], bytes[1] | 0x80][..], &bytes[2..], &[0; 4]].concat()
    };
    assert_eq!(Caller::open().violation(&header(70_001)), (1009, Some(1009)));
    assert_eq!(Caller::open().violation(&header(u64::MAX >> 1)), (1009, Some(1009)));
    let mut caller = Caller::open();
    caller.feed(&header(70_000));
    assert_eq!(caller.connection.phase(), Phase::Open);
    // Just as much if it is there whole.
    let too_big = whole(Opcode::Binary, &[0; 70_001]);
    assert_eq!(Caller::open().violation(&too_big), (1009, Some(1009)));
    let mut caller = Caller::open();
    caller.limits.chain_size = 25;
    caller.feed(&whole(Opcode::Binary, &[0; 19]));
    assert_eq!(caller.violation(&whole(Opcode::Binary, &[0; 20])), (1009, Some(1009)));
    // Fragments count together.
    let mut caller = Caller::open();
    caller.feed(&part(Opcode::Binary, &[0; 40_000]));
    let next = whole(Opcode::Continuation, &[0; 30_001]);
    assert_eq!(caller.violation(&next[..8]), (1009, Some(1009)));
}

#[test]
fn chains_of_small_frames_are_1009_once_they_are_too_large() {
    // 72,000 bytes of empty fragments of 6 bytes.
    let mut caller = Caller::open();
    caller.feed(&part(Opcode::Text, b""));
    caller.feed(&part(Opcode::Continuation, b"").repeat(11_999));
    assert_eq!(caller.connection.phase(), Phase::Open);
    let next = part(Opcode::Continuation, b"");
    assert_eq!(caller.violation(&next), (1009, Some(1009)));
    // Control frames count while a message is under way, but not a Close frame.
    let mut caller = Caller::open();
    caller.feed(&part(Opcode::Text, b""));
    caller.feed(&whole(Opcode::Pong, b"").repeat(11_999));
    caller.feed(&close_frame(1000, b""));
    assert_eq!(caller.seen.last(), Some(&Seen::Closed(Some(1000), String::new())));
    let mut caller = Caller::open();
    caller.feed(&part(Opcode::Text, b""));
    caller.feed(&whole(Opcode::Pong, b"").repeat(11_999));
    assert_eq!(caller.violation(&whole(Opcode::Pong, b"")), (1009, Some(1009)));
    // Without one they do not.
    let mut caller = Caller::open();
    caller.feed(&whole(Opcode::Pong, b"").repeat(20_000));
    assert_eq!(caller.seen.len(), 20_000);
}
