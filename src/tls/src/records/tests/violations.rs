//! Every breach of the protocol ends the connection, with the alert that the standard names for it,
//! and what came before it is still delivered.

use super::*;
use crate::header::MAX_PLAIN;
use crate::{MAX_RECORD_LEN, record_len};

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const DATA: u8 = 23;

/// The bytes, after a record with data, end the connection with this alert; and the client is told.
#[track_caller]
fn refuses(suite: Suite, alert: Alert, make: impl FnOnce(&mut Forger) -> Vec<u8>) {
    let (mut server, mut forger) = (server(suite), forger(suite));
    let mut bytes = forger.record(DATA, b"before");
    bytes.extend(make(&mut forger));
    bytes.extend(forger.record(DATA, b"after"));
    let (plain, end) = open(&mut server, &bytes);
    assert_eq!(plain, b"before", "{suite:?}");
    let Some(End::Violation { alert: sent, why }) = end else { panic!("{suite:?}: {end:?}") };
    assert_eq!(sent, alert, "{suite:?}: {why}");

    let after = forger.record(DATA, b"after");
    assert_eq!(open(&mut server, &after), (Vec::new(), None), "nothing comes after an end");
    let mut wire = Vec::new();
    server.alert(sent, &mut wire);
    assert_eq!(open(&mut client(suite), &wire), (Vec::new(), Some(End::Aborted(alert as u8))));
}

/// Likewise in each suite of the version.
#[track_caller]
fn each_refuses(version: Version, alert: Alert, make: impl Fn(&mut Forger) -> Vec<u8>) {
    for suite in suites(version) {
        refuses(suite, alert, &make);
    }
}

const VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];

#[test]
fn types_that_no_record_may_have() {
    for content in [0, CHANGE_CIPHER_SPEC, 24, 25, 0xff] {
        for version in VERSIONS {
            each_refuses(version, Alert::UnexpectedMessage, |forger| forger.record(content, &[1]));
            // At once, without the rest of the record.
            each_refuses(version, Alert::UnexpectedMessage, |_| vec![content, 3, 3, 0, 200]);
        }
    }
    // The ChangeCipherSpec of old middleboxes has its place in the handshake alone (section 5).
    each_refuses(Version::Tls13, Alert::UnexpectedMessage, |_| vec![20, 3, 3, 0, 1, 1]);
}

#[test]
fn records_of_tls_1_3_look_like_data() {
    for content in [ALERT, HANDSHAKE] {
        each_refuses(Version::Tls13, Alert::UnexpectedMessage, |forger| {
            forger.sealed([content, 3, 3], &[1, 0, ALERT])
        });
    }
    each_refuses(Version::Tls13, Alert::UnexpectedMessage, |_| vec![21, 3, 3, 0, 2, 2, 40]);
}

#[test]
fn records_without_a_type() {
    for len in [0, 1, 100] {
        let zeroes = vec![0; len];
        each_refuses(Version::Tls13, Alert::UnexpectedMessage, |forger| {
            forger.sealed([DATA, 3, 3], &zeroes)
        });
    }
}

#[test]
fn other_versions() {
    for version in [[3, 2], [3, 4], [2, 3], [0, 0]] {
        each_refuses(Version::Tls12, Alert::ProtocolVersion, |forger| {
            forger.sealed([DATA, version[0], version[1]], b"data")
        });
    }
}

#[test]
fn every_bit_counts() {
    for suite in NUMBERS.map(suite) {
        // A type or length of another value has tests of its own, and so has TLS 1.2's version.
        let first = if suite.version == Version::Tls13 { 1 } else { 5 };
        let len = overhead(suite) + 4;
        for at in (first..len).filter(|at| !(3..5).contains(at)) {
            for bit in 0..8 {
                refuses(suite, Alert::BadRecordMac, |forger| {
                    let mut record = forger.record(DATA, b"data");
                    assert_eq!(record.len(), len);
                    record[at] ^= 1 << bit;
                    record
                });
            }
        }
    }
}

#[test]
fn records_out_of_order() {
    for version in VERSIONS {
        each_refuses(version, Alert::BadRecordMac, |forger| {
            forger.sequence += 1;
            forger.record(DATA, b"one was left out")
        });
        each_refuses(version, Alert::BadRecordMac, |forger| {
            forger.sequence -= 1;
            forger.record(DATA, b"once more")
        });
    }
}

#[test]
fn records_shorter_than_what_seals_them() {
    for suite in NUMBERS.map(suite) {
        let inner_type = usize::from(suite.version == Version::Tls13);
        for len in 0..overhead(suite) - 5 - inner_type {
            refuses(suite, Alert::BadRecordMac, |_| {
                [&[DATA, 3, 3, 0, len as u8], &vec![0; len][..]].concat()
            });
        }
    }
}

#[test]
fn records_longer_than_may_be() {
    for (version, expansion) in [(Version::Tls13, 256), (Version::Tls12, 2048)] {
        let header = |len: usize| [&[DATA, 3, 3], &(len as u16).to_be_bytes()[..]].concat();
        each_refuses(version, Alert::RecordOverflow, |_| header(MAX_PLAIN + expansion + 1));
        each_refuses(version, Alert::RecordOverflow, |_| header(0xffff));
        for suite in suites(version) {
            let mut longest = header(MAX_PLAIN + expansion);
            let waits = Opened { plain: 0..0, used: 0, end: None };
            assert_eq!(server(suite).open(&mut longest), waits);
        }
        each_refuses(version, Alert::RecordOverflow, |forger| {
            forger.record(DATA, &[7; MAX_PLAIN + 1])
        });
    }
    // Padding counts (section 5.4).
    for padding in [1, 200] {
        each_refuses(Version::Tls13, Alert::RecordOverflow, |forger| {
            forger.padded(DATA, &[7; MAX_PLAIN], padding)
        });
    }
    for suite in NUMBERS.map(suite) {
        let (mut server, mut forger) = (server(suite), forger(suite));
        let largest = pattern(MAX_PLAIN);
        assert_eq!(open(&mut server, &forger.record(DATA, &largest)), (largest, None));
        let padded = forger.padded(DATA, &[7; 100], MAX_PLAIN - 100);
        assert_eq!(open(&mut server, &padded), (vec![7; 100], None));
    }
}

#[test]
fn empty_records_that_are_not_data() {
    for version in VERSIONS {
        for content in [ALERT, HANDSHAKE] {
            for padding in [0, 30] {
                each_refuses(version, Alert::UnexpectedMessage, |forger| {
                    forger.padded(content, &[], padding)
                });
            }
        }
    }
}

#[test]
fn alerts_of_another_length() {
    for version in VERSIONS {
        for alert in [&[1][..], &[1, 0, 0], &[1, 0, 1, 0]] {
            each_refuses(version, Alert::DecodeError, |forger| forger.record(ALERT, alert));
        }
    }
}

#[test]
fn alerts_of_no_level() {
    for level in [0, 3, 0xff] {
        each_refuses(Version::Tls12, Alert::IllegalParameter, |forger| {
            forger.record(ALERT, &[level, 40])
        });
    }
}

#[test]
fn handshake_messages_that_have_no_place() {
    for version in VERSIONS {
        let own = if version == Version::Tls13 { 24 } else { 1 };
        for message in (0..=255).filter(|&message| message != own) {
            each_refuses(version, Alert::UnexpectedMessage, |forger| {
                forger.record(HANDSHAKE, &[message, 0, 0, 1, 0])
            });
        }
    }
}

#[test]
fn records_amid_a_handshake_message() {
    for content in [DATA, ALERT] {
        each_refuses(Version::Tls13, Alert::UnexpectedMessage, |forger| {
            let mut bytes = forger.record(HANDSHAKE, &[24, 0]);
            bytes.extend(forger.record(content, &[1, 0]));
            bytes
        });
        for begun in [&[1, 0][..], &[1, 0, 0, 2, 0]] {
            each_refuses(Version::Tls12, Alert::UnexpectedMessage, |forger| {
                let mut bytes = forger.record(HANDSHAKE, begun);
                bytes.extend(forger.record(content, &[1, 0]));
                bytes
            });
        }
    }
}

#[test]
fn client_hellos_of_an_unheard_of_length() {
    each_refuses(Version::Tls12, Alert::DecodeError, |forger| {
        forger.record(HANDSHAKE, &[1, 1, 0, 1])
    });
}

#[test]
fn more_records_than_numbers() {
    for suite in NUMBERS.map(suite) {
        let read = direction(suite, TO_SERVER, u64::MAX - 1);
        let mut server = Records::new(suite, read, direction(suite, TO_CLIENT, 0)).unwrap();
        let mut forger = Forger::new(suite, direction(suite, TO_SERVER, u64::MAX - 1));
        let last = forger.record(DATA, b"the last");
        assert_eq!(open(&mut server, &last), (b"the last".to_vec(), None));
        let (plain, end) = open(&mut server, &forger.record(DATA, b"one more"));
        assert!(plain.is_empty());
        assert!(matches!(end, Some(End::Violation { alert: Alert::InternalError, .. })));
    }
}

#[test]
fn headers_of_any_record() {
    assert_eq!(record_len(&[22, 3, 1, 2]), Ok(None));
    assert_eq!(record_len(&[22, 3, 1, 2, 0]), Ok(Some(517)));
    assert_eq!(record_len(&[23, 3, 3, 0x48, 0]), Ok(Some(MAX_RECORD_LEN)));
    assert_eq!(MAX_RECORD_LEN, 18_437);
    let alert = |header: &[u8]| record_len(header).unwrap_err().alert;
    assert_eq!(alert(&[23, 3, 3, 0x48, 1]), Alert::RecordOverflow);
    assert_eq!(alert(b"GET / HTTP/1.1\r\n"), Alert::UnexpectedMessage);
    assert_eq!(alert(&[22, 2, 0, 2, 0]), Alert::ProtocolVersion);
    for content in 20..=24 {
        assert_eq!(record_len(&[content, 3, 0, 0, 1]), Ok(Some(6)));
    }
    for content in [19, 25] {
        assert_eq!(alert(&[content, 3, 0, 0, 1]), Alert::UnexpectedMessage);
    }
}
