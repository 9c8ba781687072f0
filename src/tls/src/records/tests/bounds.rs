//! How much a peer may send without sending data.

use super::*;

const HANDSHAKE: u8 = 22;
const DATA: u8 = 23;

/// Whether that many may come without data between them, and one more ends the connection.
#[track_caller]
fn bounded(suite: Suite, most: usize, one: impl Fn(&mut Forger) -> Vec<u8>) {
    let (mut server, mut forger) = (server(suite), forger(suite));
    for _ in 0..2 {
        for at in 0..most {
            assert_eq!(open(&mut server, &one(&mut forger)), (Vec::new(), None), "number {at}");
        }
        let data = forger.record(DATA, b"data");
        assert_eq!(open(&mut server, &data), (b"data".to_vec(), None), "and from the start");
    }
    let flood: Vec<u8> = (0..=most).flat_map(|_| one(&mut forger)).collect();
    let (_, end) = open(&mut server, &flood);
    assert!(matches!(end, Some(End::Violation { alert: Alert::UnexpectedMessage, .. })), "{end:?}");
}

#[test]
fn key_updates_without_data_are_bounded() {
    for suite in suites(Version::Tls13) {
        for is_requested in [0, 1] {
            bounded(suite, 32, |forger| {
                let record = forger.record(HANDSHAKE, &[24, 0, 0, 1, is_requested]);
                forger.update();
                record
            });
        }
    }
}

#[test]
fn requests_to_renegotiate_are_bounded() {
    for suite in suites(Version::Tls12) {
        bounded(suite, 4, |forger| forger.record(HANDSHAKE, &client_hello(70)));
    }
}

#[test]
fn empty_records_are_bounded() {
    for suite in NUMBERS.map(suite) {
        bounded(suite, 32, |forger| forger.padded(DATA, &[], 9));
    }
}

#[test]
fn warnings_are_bounded() {
    // user_canceled, whose level means nothing in TLS 1.3.
    for suite in suites(Version::Tls13) {
        for level in [1, 2] {
            bounded(suite, 4, |forger| forger.record(21, &[level, 90]));
        }
    }
    for suite in suites(Version::Tls12) {
        for description in [90, 100, 41] {
            bounded(suite, 4, |forger| forger.record(21, &[1, description]));
        }
    }
}
