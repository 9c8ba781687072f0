//! Seeds of the target `deflate`: compressed messages, whole and in fragments, good and malformed,
//! and messages for the server to compress.

use crate::recipe::Recipe;

/// First bytes of frames with RSV1, without FIN too.
const TEXT: u8 = 0xc1;
const BINARY: u8 = 0xc2;
const TEXT_PART: u8 = 0x41;
const BINARY_PART: u8 = 0x42;

/// A frame with these bytes as they are.
fn given(first: u8, payload: &[u8]) -> Vec<u8> {
    let len = u8::try_from(payload.len()).expect("a short payload");
    assert!(len < 126, "a short payload");
    [&[first, len, 0x37], payload].concat()
}

/// A message that the client compresses; how it ends: 0 to 2.
fn squeezed(first: u8, end: u8, message: &[u8]) -> Vec<u8> {
    let len = u8::try_from(message.len()).expect("a short message");
    [&[first, 240 + 2 * end, 0x21, len], message].concat()
}

/// One byte over and over, compressed; `length` is an index of the lengths of `client`.
fn bomb(first: u8, length: u8) -> Vec<u8> {
    vec![first, 241, 0x3d, length, 0]
}

/// Name, variant, chunk lengths and frames.
type Plan = (&'static str, u8, &'static [u8], Vec<Vec<u8>>);

fn received() -> Vec<Plan> {
    let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]; // RFC 7692 section 7.2.3.1
    let again = [0xf2, 0x00, 0x11, 0x00, 0x00];
    let stored = [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
    let last = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
    let two = [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
    let words = "wörter, wörter, wörter und mehr wörter".as_bytes();
    let talk = |end| vec![squeezed(TEXT, end, words), squeezed(BINARY, end, words)];
    vec![
        ("hello", 0, &[], vec![given(TEXT, &hello)]),
        ("hello-again", 1, &[3], vec![given(TEXT, &hello), given(TEXT, &again)]),
        ("again-without-takeover", 0, &[], vec![given(TEXT, &hello), given(TEXT, &again)]),
        ("stored", 0, &[1], vec![given(TEXT, &stored)]),
        ("last-block", 1, &[], vec![given(TEXT, &last), given(TEXT, &again)]),
        ("two-blocks", 0, &[4, 1], vec![given(BINARY, &two)]),
        ("nothing", 1, &[], vec![given(TEXT, &[]), given(BINARY, &[0]), given(0x81, b"")]),
        ("flushed", 1, &[9], talk(0)),
        ("last-blocks", 1, &[], talk(1)),
        ("blocks", 2, &[20], talk(2)),
        ("fragments", 1, &[5], vec![squeezed(TEXT_PART, 0, words), squeezed(TEXT, 0, words)]),
        ("mixed", 2, &[7], [talk(0), vec![given(0x81, words)], talk(0)].concat()),
        (
            "ping-between",
            0,
            &[],
            vec![given(BINARY_PART, &hello[..3]), given(0x89, b"?"), given(0x80, &hello[3..])],
        ),
        ("not-first", 0, &[], vec![given(TEXT_PART, &hello[..3]), given(0xc0, &hello[3..])]),
        ("control", 0, &[], vec![given(0xc9, b"")]),
        ("no-text", 0, &[2], vec![squeezed(TEXT, 0, &[0xff; 30])]),
        ("malformed", 0, &[], vec![given(BINARY, &[0x07])]),
        ("too-far-back", 2, &[], vec![given(BINARY, &again)]),
        ("fits", 3, &[255], vec![bomb(BINARY, 9), bomb(BINARY, 8)]),
        ("bomb", 4, &[255], vec![bomb(BINARY, 10)]),
        ("fits-large", 6, &[255], vec![bomb(BINARY, 14)]),
        ("bomb-large", 7, &[255], vec![bomb(BINARY, 15)]),
    ]
}

/// Name, agreement and messages of the server.
fn sent() -> Vec<(&'static str, u8, Vec<u8>)> {
    let words = b"the quick brown fox, the quick brown fox";
    let given = [&[words.len() as u8][..], words].concat();
    let program = |parts: &[&[u8]]| [&[5][..], &parts.concat()].concat();
    let zeroes = [1, 0, 0x40, 0x00];
    let large = [2, 0x80, 0x00];
    let noise = [3, 1, 0x90, 0x00];
    let again = [4, b'a', b'b', b'c', b'd'];
    vec![
        ("send-words", 8, program(&[&given, &again, &again])),
        ("send-with-takeover", 9, program(&[&given, &again, &zeroes, &again, &large, &again])),
        ("send-in-small-windows", 10, program(&[&large, &again, &given, &large, &zeroes])),
        ("send-in-one-small-window", 11, program(&[&zeroes, &given, &again, &large, &large])),
        ("send-alone", 12, program(&[&large, &large, &given])),
        ("send-as-it-is", 9, program(&[&[3, 7, 0, 100], &again, &given, &again, &again])),
        ("send-noise", 8, program(&[&noise, &large, &noise, &given, &noise])),
    ]
}

pub(super) fn all() -> Vec<(&'static str, Vec<u8>)> {
    let received = received().into_iter().map(|(name, variant, chunks, frames)| {
        let body = frames.concat();
        (name, Recipe { variant, chunks, body: &body, ..Recipe::default() }.write())
    });
    let sent = sent().into_iter().map(|(name, variant, body)| {
        (name, Recipe { variant, body: &body, ..Recipe::default() }.write())
    });
    received.chain(sent).collect()
}
