//! The record layer against itself, against records made by hand (`forger`), and against published
//! vectors. Against another implementation: `tests/rustls` beside `src`.

mod arbitrary;
mod bounds;
mod ending;
mod forger;
mod key_updates;
mod moved;
mod renegotiation;
mod state;
mod vectors;
mod violations;

use forger::Forger;

use super::*;
use crate::{Keys, Secret, Version};

/// A suite of each kind, by number: three of TLS 1.3, then three of TLS 1.2.
const NUMBERS: [u16; 6] = [0x1301, 0x1302, 0x1303, 0xc02f, 0xc030, 0xcca8];

fn suite(number: u16) -> Suite {
    Suite::from_number(number).unwrap()
}

fn suites(version: Version) -> impl Iterator<Item = Suite> {
    NUMBERS.map(suite).into_iter().filter(move |suite| suite.version == version)
}

/// What protects one direction of a test's connection: that with this number.
fn direction(suite: Suite, number: u8, sequence: u64) -> Direction {
    let secret = |len| Secret::new(&vec![number; len]).unwrap();
    let keys = match suite.version {
        Version::Tls13 => Keys::Tls13 { traffic_secret: secret(suite.hash.len()) },
        Version::Tls12 => Keys::Tls12 { key: secret(suite.aead.key_len()), iv: [number + 16; 12] },
    };
    Direction { keys, sequence }
}

const TO_SERVER: u8 = 1;
const TO_CLIENT: u8 = 2;

fn server(suite: Suite) -> Records {
    server_with(suite, Limits::new(suite))
}

fn server_with(suite: Suite, limits: Limits) -> Records {
    let (read, write) = (direction(suite, TO_SERVER, 0), direction(suite, TO_CLIENT, 0));
    Records::with_limits(suite, read, write, limits).unwrap()
}

/// The other end of [`server`], well-behaved.
fn client(suite: Suite) -> Records {
    let (read, write) = (direction(suite, TO_CLIENT, 0), direction(suite, TO_SERVER, 0));
    Records::new(suite, read, write).unwrap()
}

/// The other end of [`server`], of any behaviour.
fn forger(suite: Suite) -> Forger {
    Forger::new(suite, direction(suite, TO_SERVER, 0))
}

/// What `records` opens of these bytes, and how it ends.
fn open(records: &mut Records, bytes: &[u8]) -> (Vec<u8>, Option<End>) {
    let mut bytes = bytes.to_vec();
    let Opened { plain, used, end } = records.open(&mut bytes);
    assert_eq!(used, bytes.len(), "the test gives whole records");
    (bytes[plain].to_vec(), end)
}

/// A ClientHello with a body of so many bytes.
fn client_hello(len: usize) -> Vec<u8> {
    [&[1, 0], &(len as u16).to_be_bytes()[..], &pattern(len)].concat()
}

/// By how much a record is longer than its content: header, nonce, inner type, tag.
fn overhead(suite: Suite) -> usize {
    match (suite.version, suite.aead) {
        (Version::Tls13, _) => 5 + 1 + 16,
        (Version::Tls12, Aead::ChaCha20Poly1305) => 5 + 16,
        (Version::Tls12, _) => 5 + 8 + 16,
    }
}

/// Bytes that tell where they are.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 + at / 251) as u8).collect()
}

#[test]
fn what_is_sealed_is_opened() {
    for suite in NUMBERS.map(suite) {
        let (mut server, mut client) = (server(suite), client(suite));
        for len in [0, 1, 16_383, 16_384, 16_385, 40_000] {
            let plain = pattern(len);
            let mut wire = Vec::new();
            let expected = server.sealed_len(len);
            server.seal(&[&plain[..len / 3], &[], &plain[len / 3..]], &mut wire).unwrap();
            assert_eq!(wire.len(), expected, "{suite:?}, {len} bytes");
            assert_eq!(open(&mut client, &wire), (plain, None), "{suite:?}, {len} bytes");
        }
    }
}

#[test]
fn records_are_as_large_as_may_be() {
    for suite in NUMBERS.map(suite) {
        let mut server = server(suite);
        let mut wire = b"what is there already".to_vec();
        let before = wire.len();
        server.seal(&[&pattern(40_000)], &mut wire).unwrap();
        assert!(wire.starts_with(b"what is there already"));
        let mut lens = Vec::new();
        let mut rest = &wire[before..];
        while let Some(len) = crate::record_len(rest).unwrap() {
            lens.push(len);
            rest = &rest[len..];
        }
        assert_eq!(lens, [16_384, 16_384, 7232].map(|len| len + overhead(suite)));
    }
}

#[test]
fn the_first_plaintext_stays_where_it_is() {
    for suite in NUMBERS.map(suite) {
        let (mut server, mut client) = (server(suite), client(suite));
        let mut wire = Vec::new();
        for part in [&b""[..], b"one", b"", b"two", b"three"] {
            client.seal(&[part], &mut wire).unwrap();
        }
        let first = overhead(suite) - 16 - usize::from(suite.version == Version::Tls13);
        let Opened { plain, used, end } = server.open(&mut wire);
        assert_eq!((plain.clone(), used, end), (first..first + 11, wire.len(), None));
        assert_eq!(&wire[plain], b"onetwothree");
    }
}

#[test]
fn a_part_of_a_record_is_left() {
    for suite in NUMBERS.map(suite) {
        let (mut server, mut client) = (server(suite), client(suite));
        let mut wire = Vec::new();
        client.seal(&[b"whole"], &mut wire).unwrap();
        let whole = wire.len();
        client.seal(&[b"part"], &mut wire).unwrap();
        for cut in whole..wire.len() {
            let mut bytes = wire[..cut].to_vec();
            let from = if cut == whole { 0 } else { whole };
            let opened = server.open(&mut bytes[from..]);
            assert_eq!((opened.used, opened.end), (whole - from, None), "cut at {cut}");
            assert_eq!(opened.plain.len(), if from == 0 { 5 } else { 0 });
            assert_eq!(bytes[whole..], wire[whole..cut], "untouched");
        }
        assert_eq!(open(&mut server, &wire[whole..]), (b"part".to_vec(), None));
    }
}

#[test]
fn secrets_are_not_shown() {
    for suite in NUMBERS.map(suite) {
        let secret = direction(suite, 0xab, 0);
        let shown = format!("{secret:?} {:?}", server(suite)).to_lowercase();
        // 171 and 187 are the bytes of key and iv.
        for word in ["abab", "171", "187", "bbbb", "[1, 1", "[17, 17"] {
            assert!(!shown.contains(word), "{shown}");
        }
    }
}

#[test]
fn keys_must_fit_the_suite() {
    for suite in NUMBERS.map(suite) {
        for other in NUMBERS.map(self::suite) {
            let keys = |number| direction(other, number, 0);
            let fits = suite.version == other.version
                && match suite.version {
                    Version::Tls13 => suite.hash == other.hash,
                    Version::Tls12 => suite.aead.key_len() == other.aead.key_len(),
                };
            assert_eq!(Records::new(suite, keys(1), keys(2)).is_ok(), fits, "{suite:?} {other:?}");
        }
    }
    assert!(Secret::new(&[0; 48]).is_ok());
    assert!(Secret::new(&[0; 49]).is_err());
}
