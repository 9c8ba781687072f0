//! Records that go on in another process, anywhere in their talk: nobody can tell, no record number
//! comes twice, and no limit begins anew.

use super::*;

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const DATA: u8 = 23;

/// The same records, by way of bytes.
pub(super) fn moved(records: Records) -> Records {
    let before = shown(&records);
    let mut bytes = [0xee; State::LEN_MAX + 3];
    let len = records.into_state().write(&mut bytes);
    assert!(bytes[len..].iter().all(|&byte| byte == 0xee), "it says how much it has written");
    let records = Records::from_state(State::read(&bytes[..len]).unwrap()).unwrap();
    assert_eq!(shown(&records), before);
    records
}

/// All that there is to see of them, but for what is left of a message that is over.
fn shown(records: &Records) -> String {
    let text = format!("{records:?}");
    let (before, after) = text.split_once(" start: [").unwrap();
    before.to_owned() + after.split_once(']').unwrap().1
}

/// Seals so many records of data, one byte each, and moves `records` after each of them.
fn talk(mut records: Records, count: usize, wire: &mut Vec<u8>) -> Records {
    for _ in 0..count {
        records.seal(&[b"x"], wire).unwrap();
        records = moved(records);
    }
    records
}

/// The bytes of each record.
fn split(mut wire: &[u8]) -> Vec<&[u8]> {
    let mut records = Vec::new();
    while let Some(len) = crate::record_len(wire).unwrap() {
        let (record, rest) = wire.split_at(len);
        records.push(record);
        wire = rest;
    }
    records
}

#[test]
fn nonces_go_on_where_they_were() {
    for suite in suites(Version::Tls12).filter(|suite| suite.aead != Aead::ChaCha20Poly1305) {
        let start = 700;
        let (read, write) = (direction(suite, TO_SERVER, 0), direction(suite, TO_CLIENT, start));
        let mut wire = Vec::new();
        let mut server = talk(Records::new(suite, read, write).unwrap(), 5, &mut wire);
        server.seal(&[&[7; 40_000]], &mut wire).unwrap();
        moved(server).close_notify(&mut wire);
        // The explicit part of a nonce is the record's number under the iv, which is 18 here.
        let mask = u64::from_be_bytes([TO_CLIENT + 16; 8]);
        let numbers = split(&wire).into_iter().map(|record| {
            let explicit = record[5..13].try_into().unwrap();
            u64::from_be_bytes(explicit) ^ mask
        });
        assert_eq!(numbers.collect::<Vec<_>>(), (start..start + 5 + 3 + 1).collect::<Vec<_>>());
    }
}

#[test]
fn a_state_holds_the_number_of_the_next_record_each_way() {
    for suite in NUMBERS.map(suite) {
        let (mut server, mut client) = (server(suite), client(suite));
        let (mut down, mut up) = (Vec::new(), Vec::new());
        for round in 0..4_u64 {
            let state = server.into_state();
            assert_eq!((state.reading.sequence, state.writing.sequence), (round, 3 * round));
            server = Records::from_state(state).unwrap();
            client.seal(&[b"up"], &mut up).unwrap();
            open(&mut server, &up);
            up.clear();
            server = talk(server, 3, &mut down);
        }
        // Of a new key of TLS 1.3 nothing has been used.
        if suite.version == Version::Tls13 {
            server.request_key_update(&mut down);
            let state = server.into_state();
            assert_eq!((state.reading.sequence, state.writing.sequence), (4, 0));
        }
        assert_eq!(open(&mut client, &down), (vec![b'x'; 12], None));
    }
}

#[test]
fn a_key_of_tls_1_3_lasts_no_longer_for_being_moved() {
    for suite in suites(Version::Tls13) {
        let limits = Limits { records_per_key: 3, ..Limits::new(suite) };
        let mut wire = Vec::new();
        let mut server = talk(server_with(suite, limits), 10, &mut wire);
        server.seal(&[&[b'x'; 2]], &mut wire).unwrap();
        let key_update = overhead(suite) + 5;
        let lens: Vec<_> = split(&wire).iter().map(|record| record.len()).collect();
        let updates = lens.iter().enumerate().filter(|(_, len)| **len == key_update);
        assert_eq!(updates.map(|(at, _)| at).collect::<Vec<_>>(), [3, 7, 11]);
        assert_eq!(open(&mut client(suite), &wire), (vec![b'x'; 12], None));
    }
}

#[test]
fn a_key_of_tls_1_2_ends_as_if_it_had_stayed() {
    for suite in suites(Version::Tls12) {
        let limits = Limits { records_per_key: 3, ..Limits::new(suite) };
        let mut wire = Vec::new();
        let mut server = talk(server_with(suite, limits), 3, &mut wire);
        assert!(server.is_wearing_out());
        assert_eq!(server.seal(&[b"x"], &mut wire), Err(Exhausted));
        server.close_notify(&mut wire);
        let mut server = moved(server);
        let len = wire.len();
        server.close_notify(&mut wire);
        assert_eq!(wire.len(), len, "it has been said");
        assert_eq!(open(&mut client(suite), &wire), (b"xxx".to_vec(), Some(End::Closed)));
    }
    // 2^24 records of AES-GCM, of which one is left.
    for suite in suites(Version::Tls12).filter(|suite| suite.aead != Aead::ChaCha20Poly1305) {
        let write = direction(suite, TO_CLIENT, (1 << 24) - 1);
        let server = Records::new(suite, direction(suite, TO_SERVER, 0), write).unwrap();
        let mut server = talk(server, 1, &mut Vec::new());
        assert_eq!(server.seal(&[b"x"], &mut Vec::new()), Err(Exhausted));
    }
}

#[test]
fn numbers_may_be_at_their_very_end() {
    let last = u64::MAX - 2;
    for suite in NUMBERS.map(suite) {
        let write = |sequence| direction(suite, TO_CLIENT, sequence);
        let at = |number| Records::new(suite, direction(suite, TO_SERVER, u64::MAX), write(number));
        assert!(at(last + 1).is_err());
        let mut server = moved(at(last).unwrap());
        server.close_notify(&mut Vec::new());
        let state = moved(server).into_state();
        assert_eq!((state.reading.sequence, state.writing.sequence), (u64::MAX, last + 1));
    }
}

#[test]
fn answers_that_are_owed_are_given_elsewhere() {
    for suite in NUMBERS.map(suite) {
        let (mut server, mut forger) = (server(suite), forger(suite));
        let message = match suite.version {
            Version::Tls13 => vec![24, 0, 0, 1, 1],
            Version::Tls12 => client_hello(9),
        };
        for piece in message.chunks(2) {
            assert_eq!(open(&mut server, &forger.record(HANDSHAKE, piece)), (Vec::new(), None));
            server = moved(server);
        }
        if suite.version == Version::Tls13 {
            forger.update();
        }
        assert!(server.owes_reply());
        let data = forger.record(DATA, b"data");
        assert_eq!(open(&mut server, &data), (b"data".to_vec(), None));
        let (mut server, mut answer) = (moved(server), Vec::new());
        server.reply(&mut answer);
        let mut server = moved(server);
        assert!(!answer.is_empty() && !server.owes_reply());
        server.seal(&[b"more"], &mut answer).unwrap();
        assert_eq!(open(&mut client(suite), &answer), (b"more".to_vec(), None));
    }
}

#[test]
fn an_end_stays_an_end() {
    for suite in NUMBERS.map(suite) {
        let amid: &[u8] = match suite.version {
            Version::Tls13 => &[24, 0, 0, 9],
            Version::Tls12 => &[1, 0xff, 0, 0],
        };
        for (content, plain) in [(ALERT, &[1, 0][..]), (ALERT, &[2, 40]), (HANDSHAKE, amid)] {
            let (mut server, mut forger) = (server(suite), forger(suite));
            assert!(open(&mut server, &forger.record(content, plain)).1.is_some());
            let mut server = moved(server);
            let data = forger.record(DATA, b"data");
            assert_eq!(open(&mut server, &data), (Vec::new(), None), "nothing is read");
            let mut wire = Vec::new();
            server.seal(&[b"our side goes on"], &mut wire).unwrap();
            server.alert(Alert::InternalError, &mut wire);
            let (mut server, len) = (moved(server), wire.len());
            server.close_notify(&mut wire);
            server.reply(&mut wire);
            assert_eq!(server.seal(&[b"no more"], &mut wire), Err(Exhausted));
            assert_eq!(wire.len(), len);
            let end = Some(End::Aborted(Alert::InternalError as u8));
            assert_eq!(open(&mut client(suite), &wire), (b"our side goes on".to_vec(), end));
        }
    }
}

#[test]
fn what_a_peer_may_send_without_data_is_counted_on() {
    for suite in NUMBERS.map(suite) {
        let warning = if suite.version == Version::Tls13 { [1, 90] } else { [1, 100] };
        let floods = [(DATA, vec![], 32), (ALERT, warning.to_vec(), 4)];
        let more = match suite.version {
            Version::Tls13 => (HANDSHAKE, vec![24, 0, 0, 1, 0], 32),
            Version::Tls12 => (HANDSHAKE, client_hello(3), 4),
        };
        for (content, plain, most) in floods.into_iter().chain([more]) {
            let (mut server, mut forger) = (server(suite), forger(suite));
            for at in 0..=most {
                let (_, end) = open(&mut server, &forger.record(content, &plain));
                assert_eq!(end.is_some(), at == most, "{suite:?}: {plain:?}, number {at}");
                if suite.version == Version::Tls13 && content == HANDSHAKE {
                    forger.update();
                }
                server = moved(server);
            }
        }
    }
}
