//! KeyUpdate (section 4.6.3), from either side and at the end of a key's life.

use super::*;

const HANDSHAKE: u8 = 22;
const DATA: u8 = 23;

#[test]
fn a_key_update_is_followed() {
    for suite in suites(Version::Tls13) {
        for is_requested in [0, 1] {
            let (mut server, mut forger) = (server(suite), forger(suite));
            let mut bytes = forger.record(DATA, b"before, ");
            bytes.extend(forger.record(HANDSHAKE, &[24, 0, 0, 1, is_requested]));
            forger.update();
            bytes.extend(forger.record(DATA, b"after"));
            assert_eq!(open(&mut server, &bytes), (b"before, after".to_vec(), None));
            assert_eq!(server.owes_reply(), is_requested == 1);
        }
    }
}

#[test]
fn a_key_update_may_come_in_pieces() {
    let message = [24, 0, 0, 1, 1];
    for suite in suites(Version::Tls13) {
        for cuts in 0..16 {
            let (mut server, mut forger) = (server(suite), forger(suite));
            let mut bytes = Vec::new();
            let mut piece = Vec::new();
            for (at, byte) in message.into_iter().enumerate() {
                piece.push(byte);
                if at == 4 || cuts & 1 << at != 0 {
                    bytes.extend(forger.record(HANDSHAKE, &piece));
                    piece.clear();
                }
            }
            assert_eq!(open(&mut server, &bytes), (Vec::new(), None), "cut as {cuts:04b}");
            assert!(server.owes_reply());
            forger.update();
            let data = forger.record(DATA, b"data");
            assert_eq!(open(&mut server, &data), (b"data".to_vec(), None));
        }
    }
}

#[test]
fn one_answer_for_several_requests() {
    for suite in suites(Version::Tls13) {
        for is_with_data in [false, true] {
            let (mut server, mut client) = (server(suite), client(suite));
            let mut wire = Vec::new();
            for _ in 0..3 {
                client.request_key_update(&mut wire);
            }
            assert_eq!(open(&mut server, &wire), (Vec::new(), None));
            assert!(server.owes_reply());
            let mut answer = Vec::new();
            let expected = server.sealed_len(4 * usize::from(is_with_data));
            match is_with_data {
                true => server.seal(&[b"data"], &mut answer).unwrap(),
                false => server.reply(&mut answer),
            }
            assert_eq!(answer.len(), expected);
            assert!(!server.owes_reply());
            let len = answer.len();
            server.reply(&mut answer);
            assert_eq!(answer.len(), len, "it is answered");

            let plain = if is_with_data { b"data".to_vec() } else { Vec::new() };
            assert_eq!(open(&mut client, &answer), (plain, None));
            assert!(!client.owes_reply(), "the answer asks for none");
            let mut wire = Vec::new();
            server.seal(&[b"more"], &mut wire).unwrap();
            assert_eq!(open(&mut client, &wire), (b"more".to_vec(), None));
        }
    }
}

#[test]
fn key_updates_of_both_sides_cross() {
    for suite in suites(Version::Tls13) {
        let (mut server, mut client) = (server(suite), client(suite));
        for round in 0..5 {
            let (mut down, mut up) = (Vec::new(), Vec::new());
            server.request_key_update(&mut down);
            client.request_key_update(&mut up);
            client.seal(&[&[round]], &mut up).unwrap();
            assert_eq!(open(&mut server, &up), (vec![round], None));
            server.seal(&[&[round + 100]], &mut down).unwrap();
            assert_eq!(open(&mut client, &down), (vec![round + 100], None));
        }
    }
}

#[test]
fn malformed_key_updates() {
    let lengths = [[0, 0, 0], [0, 0, 2], [0, 1, 1], [1, 0, 1]];
    let lengths = lengths.map(|[a, b, c]| (vec![24, a, b, c, 0], Alert::DecodeError));
    let values = [2, 0xff].map(|value| (vec![24, 0, 0, 1, value], Alert::IllegalParameter));
    // What comes after a KeyUpdate in its record would be under other keys (section 5.1).
    let tails = [&[0][..], &[24, 0, 0, 1, 0]]
        .map(|tail| ([&[24, 0, 0, 1, 0], tail].concat(), Alert::UnexpectedMessage));
    for (message, alert) in lengths.into_iter().chain(values).chain(tails) {
        for suite in suites(Version::Tls13) {
            let (mut server, mut forger) = (server(suite), forger(suite));
            let (_, end) = open(&mut server, &forger.record(HANDSHAKE, &message));
            let Some(End::Violation { alert: sent, .. }) = end else {
                panic!("{message:?}: {end:?}")
            };
            assert_eq!(sent, alert, "{message:?}");
            assert!(!server.owes_reply());
        }
    }
}

#[test]
fn a_key_that_is_worn_out_is_changed() {
    for suite in suites(Version::Tls13) {
        let limits = Limits { records_per_key: 3, ..Limits::new(suite) };
        let (mut server, mut client) = (server_with(suite, limits), client(suite));
        let mut key_update_c = 0;
        for len in [1, 20_000, 100_000, 5] {
            let (plain, mut wire) = (pattern(len), Vec::new());
            let expected = server.sealed_len(len);
            server.seal(&[&plain], &mut wire).unwrap();
            assert_eq!(wire.len(), expected);
            let record_c = len.div_ceil(16_384);
            let other = wire.len() - len - record_c * overhead(suite);
            key_update_c += other / (overhead(suite) + 5);
            assert_eq!(open(&mut client, &wire), (plain, None));
            assert!(!client.owes_reply(), "the other direction has keys of its own");
        }
        // 11 records of data; before the 4th, 7th and 10th of them.
        assert_eq!(key_update_c, 3);
    }
}

#[test]
fn keys_of_aes_gcm_last_for_2_to_the_24_records() {
    for suite in suites(Version::Tls13) {
        let near = (1 << 24) - 1;
        let mut server =
            Records::new(suite, direction(suite, TO_SERVER, 0), direction(suite, TO_CLIENT, near))
                .unwrap();
        let mut wire = Vec::new();
        server.seal(&[b"the last"], &mut wire).unwrap();
        assert_eq!(wire.len(), overhead(suite) + 8);
        wire.clear();
        server.seal(&[b"and more"], &mut wire).unwrap();
        let key_update = if suite.aead == Aead::ChaCha20Poly1305 { 0 } else { overhead(suite) + 5 };
        assert_eq!(wire.len(), key_update + overhead(suite) + 8);
    }
}
