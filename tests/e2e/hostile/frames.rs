//! Every frame header that RFC 6455 section 5.2 forbids, at the real server.

use ringsocket_tests::client::Client;
use ringsocket_tests::frame::{Frame, LengthForm, opcode};

use super::*;

const MAX_MESSAGE: u64 = 16 << 20;

/// Sends bytes to the witness under a name, and checks that a Close frame with this code is all
/// that comes back.
#[track_caller]
fn refused(target: &Target, name: &str, bytes: &[u8], code: u16) {
    let mut client = target.witnessed(name);
    client.send_raw(bytes).unwrap();
    match client.receive() {
        Ok(Message::Close(got, _)) if got == code => {}
        other => panic!("{name}: wanted Close {code}, got {other:?}"),
    }
    client.expect_end().unwrap_or_else(|error| panic!("{name}: {error}"));
}

/// The witness has heard of each end, with the code that its client was sent.
#[track_caller]
fn witness_agrees(target: &mut Target, want: &[(String, u16)]) {
    let codes = target.wait_everybody_left();
    for (name, code) in want {
        assert_eq!(codes.get(name), Some(code), "{name}");
    }
    assert_eq!(codes.len(), want.len());
}

#[test]
fn every_reserved_bit_and_opcode_is_1002() {
    let mut target = Target::start("");
    let mut sent = Vec::new();
    for (rsv, opcode) in (0..8).flat_map(|rsv| (0..16).map(move |opcode| (rsv, opcode))) {
        if rsv == 0 && matches!(opcode, 0..=2 | 8..=10) {
            continue;
        }
        for fin in [true, false] {
            let name = format!("rsv{rsv}-opcode{opcode}-{fin}");
            let frame = Frame { fin, rsv, ..Frame::new(opcode, b"hi") };
            refused(&target, &name, &frame.to_bytes(), 1002);
            sent.push((name, 1002));
        }
        target.serves();
    }
    assert_eq!(sent.len(), 2 * (8 * 16 - 6));
    witness_agrees(&mut target, &sent);
    let log = target.survived();
    assert!(log.contains("closed with 1002: a frame has a reserved opcode"), "{log}");
}

#[test]
fn every_kind_of_frame_without_a_mask_is_1002() {
    let mut target = Target::start("");
    let mut sent = Vec::new();
    let long = vec![b'a'; 70_000];
    for opcode in [opcode::TEXT, opcode::BINARY, opcode::CLOSE, opcode::PING, opcode::PONG] {
        for len in [0, 2, 126, 70_000] {
            if len > 125 && opcode & 8 != 0 {
                continue;
            }
            let name = format!("unmasked-{opcode}-{len}");
            let frame = Frame { mask: None, ..Frame::new(opcode, &long[..len]) };
            refused(&target, &name, &frame.to_bytes(), 1002);
            sent.push((name, 1002));
        }
    }
    // In the middle of a message too.
    let begun = Frame::new(opcode::TEXT, b"a").unfinished().to_bytes();
    let unmasked = Frame { mask: None, ..Frame::new(opcode::CONTINUATION, b"b") }.to_bytes();
    refused(&target, "continued", &[begun, unmasked].concat(), 1002);
    sent.push(("continued".into(), 1002));
    witness_agrees(&mut target, &sent);
    let log = target.survived();
    assert!(log.contains("closed with 1002: a frame is not masked"), "{log}");
}

#[test]
fn lengths_that_lie_are_refused_with_their_header() {
    let mut target = Target::start("");
    let mut sent = Vec::new();
    let forms = [(LengthForm::U16, 0..=125), (LengthForm::U64, 0..=65_535)];
    for (length_form, short) in forms {
        for declared in [*short.start(), 1, *short.end()] {
            for opcode in [opcode::TEXT, opcode::BINARY, opcode::PING, opcode::CLOSE] {
                let frame = Frame { length_form, ..Frame::new(opcode, b"") };
                let frame = Frame { declared: Some(declared), ..frame };
                let name = format!("{length_form:?}-{declared}-{opcode}");
                refused(&target, &name, &frame.to_bytes(), 1002);
                sent.push((name, 1002));
            }
        }
    }
    // From the largest message on, up to the end of 63 bits, and beyond.
    let most = i64::MAX as u64;
    for (declared, code) in [
        (MAX_MESSAGE + 1, 1009),
        (u64::from(u32::MAX), 1009),
        (1 << 32, 1009),
        (most - 13, 1009),
        (most, 1009),
        (most + 1, 1002),
        (u64::MAX, 1002),
    ] {
        for (kind, begun) in [
            ("whole", Frame::new(opcode::BINARY, b"").to_bytes()),
            ("after-some", Frame::new(opcode::BINARY, b"some").unfinished().to_bytes()),
        ] {
            let opcode = if kind == "whole" { opcode::BINARY } else { opcode::CONTINUATION };
            let frame = Frame { declared: Some(declared), ..Frame::new(opcode, b"") };
            let name = format!("{kind}-{declared}");
            let bytes =
                if kind == "whole" { frame.to_bytes() } else { [begun, frame.to_bytes()].concat() };
            refused(&target, &name, &bytes, code);
            sent.push((name, code));
        }
    }
    // A control frame of 126 bytes and more.
    for declared in [126, 65_536, most] {
        let name = format!("ping-{declared}");
        let frame = Frame { declared: Some(declared), ..Frame::new(opcode::PING, b"") };
        refused(&target, &name, &frame.to_bytes(), 1002);
        sent.push((name, 1002));
    }
    witness_agrees(&mut target, &sent);
    target.survived();
}

#[test]
fn a_length_alone_costs_no_memory() {
    const CLIENTS: usize = 300;
    let mut target = Target::start("");
    let declared = Some(MAX_MESSAGE);
    let frame = Frame { declared, ..Frame::new(opcode::BINARY, b"only the start") }.to_bytes();
    let mut clients: Vec<Client> =
        (0..CLIENTS).map(|i| target.witnessed(&format!("liar{i}"))).collect();
    for client in &mut clients {
        client.send_raw(&frame).unwrap();
        target.serves();
    }
    let grown = target.grown();
    assert!(grown < 8 * MIB, "{} KiB for {CLIENTS} messages that did not come", grown >> 10);
    drop(clients);
    let codes = target.wait_everybody_left();
    assert!(codes.len() == CLIENTS && codes.values().all(|&code| code == 1006), "{codes:?}");
    let log = target.survived();
    assert!(!log.contains("partial_budget"), "what was only announced was weighed: {log}");
}
