//! Seeds of the target `frames`: programs (see `client`) with every kind of frame, alone and in
//! the orders that mean something.

use crate::recipe::Recipe;

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
/// Without FIN.
const TEXT_PART: u8 = 0x01;
const BINARY_PART: u8 = 0x02;
const PART: u8 = 0x00;
const LAST: u8 = 0x80;

/// A frame with this payload.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let len = u8::try_from(payload.len()).expect("a short payload");
    assert!(len < 126, "a short payload");
    [&[first, len, 0x37], payload].concat()
}

/// A frame of one byte over and over; `length` is an index of the lengths of `client`.
fn filler(first: u8, length: u8) -> Vec<u8> {
    vec![first, 126 + length, 0x21, b'x']
}

/// A frame that breaks rule number `oddity` of `client`.
fn odd(first: u8, oddity: u8, payload: &[u8]) -> Vec<u8> {
    [&[first, 224 + oddity, 0x3d, payload.len() as u8], payload].concat()
}

fn close(code: u16, reason: &str) -> Vec<u8> {
    frame(CLOSE, &[&code.to_be_bytes(), reason.as_bytes()].concat())
}

/// Name, recipe without a body, and the frames.
type Plan = (&'static str, Recipe<'static>, Vec<Vec<u8>>);

fn plain() -> Vec<Plan> {
    let plan = |name, chunks, frames| (name, Recipe { chunks, ..Recipe::default() }, frames);
    let text = "κόσμε 🙂".as_bytes();
    vec![
        plan("text", &[], vec![frame(TEXT, text)]),
        plan("text-in-pieces", &[3, 1], vec![frame(TEXT, text), frame(TEXT, b"")]),
        plan("binary", &[7], vec![frame(BINARY, &[0, 255]), frame(BINARY, &[])]),
        plan("ping", &[1], vec![frame(PING, b"are you there?"), frame(PING, b"")]),
        plan("pong", &[5], vec![frame(PONG, b"unasked"), frame(PONG, b"")]),
        plan(
            "fragments",
            &[9, 2],
            vec![
                frame(TEXT_PART, &text[..4]),
                frame(PING, b"between"),
                frame(PART, &text[4..13]),
                frame(PONG, b"between"),
                frame(LAST, &text[13..]),
                frame(BINARY_PART, b"a"),
                frame(PART, b""),
                frame(LAST, b""),
            ],
        ),
        plan("close", &[2], vec![close(1000, "done"), frame(TEXT, b"late")]),
        plan("close-empty", &[], vec![frame(CLOSE, b"")]),
        plan("close-in-message", &[], vec![frame(TEXT_PART, b"a"), close(4999, "")]),
        plan("close-half-a-code", &[], vec![frame(CLOSE, &[3])]),
        plan("close-reserved-code", &[], vec![close(1005, "")]),
        plan("close-bad-reason", &[1], vec![frame(CLOSE, &[3, 0xe8, 0xff])]),
        plan("length-126", &[200, 1], vec![filler(BINARY, 2), filler(TEXT, 1)]),
        plan("length-65536", &[255], vec![filler(BINARY, 13), filler(TEXT, 12)]),
        plan("too-big", &[255, 9], vec![filler(TEXT_PART, 14), frame(LAST, b"x")]),
        plan("bad-utf8", &[1], vec![frame(TEXT, b"ab\xed\xa0\x80cd")]),
        plan("cut-character", &[2], vec![frame(TEXT_PART, &text[..1]), frame(LAST, b"x")]),
        plan("stray-continuation", &[], vec![frame(LAST, b"x")]),
        plan("nested-message", &[], vec![frame(TEXT_PART, b"a"), frame(TEXT, b"b")]),
        plan("fragmented-ping", &[], vec![frame(0x09, b"x")]),
        plan("long-ping", &[], vec![filler(PING, 2)]),
        plan("reserved-opcode", &[], vec![frame(0x83, b"x"), frame(0x8b, b"x")]),
    ]
}

/// A message with pings within it, the last of this length: frames of 1921 bytes and that, against
/// a limit of 2000.
fn chain(last: usize) -> Vec<Vec<u8>> {
    let pings = std::iter::repeat_n(frame(PING, &[b'p'; 100]), 18);
    let last = frame(PING, &vec![b'p'; last]);
    [frame(TEXT_PART, b"x")].into_iter().chain(pings).chain([last]).collect()
}

/// What is broken, and what the server does by itself.
fn others() -> Vec<Plan> {
    let default = Recipe::default();
    let limit = |variant| Recipe { variant, chunks: &[50], ..Recipe::default() };
    let close_at = |at| Recipe { close_at: Some(at), chunks: &[4], ..Recipe::default() };
    let talk = vec![
        frame(TEXT_PART, b"half"),
        frame(PING, b"?"),
        frame(LAST, b"done"),
        close(1001, "bye"),
    ];
    vec![
        ("reserved-bit", default.clone(), vec![odd(0xc1, 0, b"x")]),
        ("unmasked", default.clone(), vec![odd(TEXT, 1, b"x")]),
        ("long-16", default.clone(), vec![odd(TEXT, 2, b"x")]),
        ("long-64", default.clone(), vec![odd(TEXT, 3, b"x")]),
        ("top-bit", default.clone(), vec![odd(TEXT, 4, b"x")]),
        ("endless", default.clone(), vec![odd(BINARY, 5, b"x")]),
        ("short", default.clone(), vec![odd(BINARY, 6, b"x"), filler(PING, 1)]),
        ("bytes", default, vec![odd(0, 7, b"\x81\x82"), odd(0, 7, b"\0\0\0\0hi")]),
        ("message-limit", limit(1), vec![filler(TEXT, 6), filler(TEXT, 7)]),
        ("chain-fits", limit(2), chain(79)),
        ("chain-limit", limit(2), chain(80)),
        ("large-frame", limit(2), vec![frame(TEXT, &[b'x'; 100]), frame(TEXT, &[b'x'; 101])]),
        (
            "many-frames",
            limit(3),
            vec![frame(TEXT_PART, b"a"), frame(PART, b"b"), frame(PART, b"c"), frame(LAST, b"d")],
        ),
        ("silence", Recipe { expire_at: Some(5), ..limit(4) }, talk.clone()),
        ("no-pong", Recipe { expire_at: Some(30), ..limit(12) }, talk.clone()),
        ("server-closes", close_at(9), talk.clone()),
        ("server-closes-first", close_at(0), talk.clone()),
        ("server-waits-in-vain", Recipe { expire_at: Some(30), ..close_at(20) }, talk),
    ]
}

pub(super) fn all() -> Vec<(&'static str, Vec<u8>)> {
    let plans = plain().into_iter().chain(others());
    let programs = plans.map(|(name, recipe, frames)| {
        let body = frames.concat();
        (name, Recipe { body: &body, ..recipe }.write())
    });
    let raw = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x88\x80\0\0\0\0";
    let raw = Recipe { is_raw: true, chunks: &[6], body: raw, ..Recipe::default() };
    programs.chain([("raw-hello", raw.write())]).collect()
}
