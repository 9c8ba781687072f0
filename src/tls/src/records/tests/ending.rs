//! The ends of a connection: `close_notify` and alerts both ways, and a key of TLS 1.2 that is worn
//! out.

use super::*;

const ALERT: u8 = 21;
const DATA: u8 = 23;

#[test]
fn close_notify_is_the_last_that_is_read() {
    for suite in NUMBERS.map(suite) {
        for level in [1, 2] {
            let (mut server, mut forger) = (server(suite), forger(suite));
            let mut bytes = forger.record(DATA, b"last words");
            bytes.extend(forger.record(ALERT, &[level, 0]));
            bytes.extend(forger.record(DATA, b"to be ignored (section 6.1)"));
            bytes.extend(b"and so is this, whatever it be");
            assert_eq!(open(&mut server, &bytes), (b"last words".to_vec(), Some(End::Closed)));
            assert_eq!(open(&mut server, b"more"), (Vec::new(), None));
            // The other direction goes on.
            let mut wire = Vec::new();
            server.seal(&[b"data"], &mut wire).unwrap();
            assert_eq!(open(&mut client(suite), &wire), (b"data".to_vec(), None));
        }
    }
}

#[test]
fn their_alert_ends_the_connection() {
    for suite in NUMBERS.map(suite) {
        for description in (1..=255).filter(|&number| number != 90) {
            // In TLS 1.3 all of them are fatal, unknown ones too, whatever they say (section 6).
            let levels = if suite.version == Version::Tls13 { &[0, 1, 2, 255][..] } else { &[2] };
            for &level in levels {
                let (mut server, mut forger) = (server(suite), forger(suite));
                let bytes = forger.record(ALERT, &[level, description]);
                assert_eq!(
                    open(&mut server, &bytes),
                    (Vec::new(), Some(End::Aborted(description)))
                );
            }
        }
    }
}

#[test]
fn one_alert_is_the_last_that_is_sent() {
    for suite in NUMBERS.map(suite) {
        for is_closing in [true, false] {
            let (mut server, mut client) = (server(suite), client(suite));
            let mut wire = Vec::new();
            match is_closing {
                true => server.close_notify(&mut wire),
                false => server.alert(Alert::InternalError, &mut wire),
            }
            assert_eq!(wire.len(), overhead(suite) + 2);
            server.close_notify(&mut wire);
            server.alert(Alert::DecodeError, &mut wire);
            server.request_key_update(&mut wire);
            server.reply(&mut wire);
            assert_eq!(server.seal(&[b"data"], &mut wire), Err(Exhausted));
            assert_eq!(wire.len(), overhead(suite) + 2, "nothing more");
            let end = if is_closing { End::Closed } else { End::Aborted(80) };
            assert_eq!(open(&mut client, &wire), (Vec::new(), Some(end)));
        }
    }
}

#[test]
fn what_is_owed_falls_to_the_end() {
    for suite in NUMBERS.map(suite) {
        let ask: &[u8] = match suite.version {
            Version::Tls13 => &[24, 0, 0, 1, 1],
            Version::Tls12 => &[1, 0, 0, 0],
        };
        let (mut server, mut forger) = (server(suite), forger(suite));
        open(&mut server, &forger.record(22, ask));
        assert!(server.owes_reply());
        let mut wire = Vec::new();
        server.close_notify(&mut wire);
        assert!(!server.owes_reply());
        if suite.version == Version::Tls13 {
            forger.update();
        }
        assert_eq!(open(&mut server, &forger.record(22, ask)), (Vec::new(), None));
        assert!(!server.owes_reply(), "nothing can be answered any more");
        server.reply(&mut wire);
        assert_eq!(open(&mut client(suite), &wire), (Vec::new(), Some(End::Closed)));
        assert_eq!(wire.len(), overhead(suite) + 2);
    }
}

#[test]
fn a_key_of_tls_1_2_ends_with_an_alert() {
    for suite in suites(Version::Tls12) {
        let limits = Limits { records_per_key: 4, ..Limits::new(suite) };
        let (mut server, mut client, mut forger) =
            (server_with(suite, limits), client(suite), forger(suite));
        let mut wire = Vec::new();
        server.seal(&[b"1"], &mut wire).unwrap();
        // Four records at once would be one too many, and nothing of them is sent.
        assert_eq!(server.seal(&[&pattern(50_000)], &mut wire), Err(Exhausted));
        assert_eq!(wire.len(), overhead(suite) + 1);
        server.seal(&[&pattern(32_768)], &mut wire).unwrap();
        assert_eq!(open(&mut client, &wire).0.len(), 32_769);
        wire.clear();
        // An answer that is owed takes the place of the last.
        open(&mut server, &forger.record(22, &[1, 0, 0, 0]));
        assert_eq!(server.seal(&[b"4"], &mut wire), Err(Exhausted));
        server.reply(&mut wire);
        assert_eq!(server.seal(&[b"4"], &mut wire), Err(Exhausted));
        open(&mut server, &forger.record(22, &[1, 0, 0, 0]));
        assert!(!server.owes_reply());
        server.close_notify(&mut wire);
        assert_eq!(open(&mut client, &wire), (Vec::new(), Some(End::Closed)));
        assert_eq!(wire.len(), 2 * (overhead(suite) + 2));
    }
}

#[test]
fn keys_of_tls_1_2_last_for_2_to_the_24_records() {
    for suite in suites(Version::Tls12) {
        let near = (1 << 24) - 1;
        let write = direction(suite, TO_CLIENT, near);
        let mut server = Records::new(suite, direction(suite, TO_SERVER, 0), write).unwrap();
        let mut wire = Vec::new();
        server.seal(&[b"the last"], &mut wire).unwrap();
        let more = server.seal(&[b"more"], &mut wire);
        assert_eq!(more.is_err(), suite.aead != Aead::ChaCha20Poly1305);
    }
}

#[test]
fn numbers_do_not_wrap() {
    for suite in NUMBERS.map(suite) {
        let end_at = |sequence| {
            let write = direction(suite, TO_CLIENT, sequence);
            Records::new(suite, direction(suite, TO_SERVER, 0), write)
        };
        assert!(end_at(u64::MAX).is_err());
        assert!(end_at(u64::MAX - 1).is_err());
        let mut server = end_at(u64::MAX - 2).unwrap();
        let mut wire = Vec::new();
        let sealed = server.seal(&[b"data"], &mut wire);
        assert_eq!(sealed.is_ok(), suite.version == Version::Tls13, "a new key, or none");
        server.close_notify(&mut wire);
        let read = direction(suite, TO_CLIENT, u64::MAX - 2);
        let mut client = Records::new(suite, read, direction(suite, TO_SERVER, 0)).unwrap();
        let plain = if sealed.is_ok() { b"data".to_vec() } else { Vec::new() };
        assert_eq!(open(&mut client, &wire), (plain, Some(End::Closed)));
    }
}

#[test]
fn tls_12_says_in_time_that_its_key_wears_out_and_tls_13_need_not() {
    for version in [Version::Tls12, Version::Tls13] {
        for suite in suites(version) {
            let limits = Limits { records_per_key: (1 << 16) + 2, ..Limits::new(suite) };
            let mut server = server_with(suite, limits);
            for records in 0..4 {
                let is_near = version == Version::Tls12 && records > 2;
                assert_eq!(server.is_wearing_out(), is_near, "{suite:?} {records}");
                server.seal(&[b"data"], &mut Vec::new()).unwrap();
            }
        }
    }
}
