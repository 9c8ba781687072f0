//! The bytes of a state: they stay as they are, and others are refused.

use proptest::prelude::*;

use super::*;

/// Version, AEAD and hash of each suite in [`NUMBERS`].
const SUITE_BYTES: [&str; 6] = [
    "0304 0001 04",
    "0304 0002 05",
    "0304 001d 04",
    "0303 0001 04",
    "0303 0002 05",
    "0303 001d 04",
];

/// The secret after the one whose bytes are all 1: HKDF-Expand-Label with "traffic upd" (section 7.2).
const UPDATED_256: &str = "22cff25ff3df5a42c557732456754d4f80372ad4d6071f71f4e24d001f66b073";
const UPDATED_384: &str = "ecd9ff702dbd111e5d256bd3fa9173136f4ed3bf1952d112fe8229f25b4f4315\
     09f89ab593be98cecae429e590b4d6cb";

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// Amid everything: an empty record, a warning, an answer owed, and a message that has begun.
fn busy(suite: Suite) -> Records {
    let (read, write) = (direction(suite, TO_SERVER, 3), direction(suite, TO_CLIENT, 0x0102_0304));
    let limits = Limits { records_per_key: 0x0a0b_0c0d, ..Limits::new(suite) };
    let mut server = Records::with_limits(suite, read, write, limits).unwrap();
    let mut forger = Forger::new(suite, direction(suite, TO_SERVER, 3));
    let (warning, begun): (_, [&[u8]; 2]) = match suite.version {
        Version::Tls13 => ([1, 90], [&[24, 0, 0, 1, 1], &[24, 0, 0]]),
        Version::Tls12 => ([1, 100], [&[1, 0, 0, 2, 7, 7, 1, 0, 0x12], &[0x34, 9, 9]]),
    };
    for (content, plain) in [(23, &[][..]), (23, &[]), (21, &warning), (22, begun[0])] {
        assert_eq!(open(&mut server, &forger.record(content, plain)), (Vec::new(), None));
    }
    if suite.version == Version::Tls13 {
        forger.update();
    }
    assert_eq!(open(&mut server, &forger.record(22, begun[1])), (Vec::new(), None));
    server
}

fn written(records: Records) -> Vec<u8> {
    let state = records.into_state();
    let mut bytes = vec![0; state.len()];
    assert_eq!(state.write(&mut bytes), bytes.len());
    bytes
}

/// Whoever has to change this reads in a new process what an old one wrote: raise the version of what
/// these bytes are handed over in, and go on reading the one before.
#[test]
fn the_bytes_stay_as_they_are() {
    for (number, suite_bytes) in NUMBERS.into_iter().zip(SUITE_BYTES) {
        let suite = suite(number);
        let limits = "000000000a0b0c0d 20 04 20 04";
        let (flags, counts, message) = match suite.version {
            Version::Tls13 => ("02", "02 01 01 00", "03 18000000 00000000"),
            Version::Tls12 => ("04", "02 01 00 02", "00 00000000 00001232"),
        };
        let secrets = match (suite.version, suite.aead) {
            (Version::Tls13, Aead::Aes256Gcm) => [UPDATED_384.to_owned(), "02".repeat(48)],
            (Version::Tls13, _) => [UPDATED_256.to_owned(), "02".repeat(32)],
            (Version::Tls12, aead) => {
                let len = aead.key_len();
                ["01".repeat(len) + &"11".repeat(12), "02".repeat(len) + &"12".repeat(12)]
            }
        };
        let (read, write) = match suite.version {
            Version::Tls13 => ("0000000000000001", "0000000001020304"),
            Version::Tls12 => ("0000000000000008", "0000000001020304"),
        };
        let [for_read, for_write] = secrets;
        let expected =
            [suite_bytes, flags, limits, counts, message, read, &for_read, write, &for_write];
        let expected = hex(&expected.concat());
        assert_eq!(written(busy(suite)), expected, "{number:04x}");
        assert!(expected.len() <= State::LEN_MAX);
    }
    let longest = NUMBERS.map(|number| written(server(suite(number))).len()).into_iter().max();
    assert_eq!(longest, Some(State::LEN_MAX));
}

/// Whether these bytes are refused after they were changed so.
#[track_caller]
fn refused(bytes: &[u8], change: impl FnOnce(&mut Vec<u8>)) {
    let mut changed = bytes.to_vec();
    change(&mut changed);
    assert_ne!(changed, bytes, "there is nothing to refuse");
    assert_eq!(State::read(&changed).err(), Some(BadState), "{changed:02x?}");
}

#[test]
fn other_bytes_are_refused() {
    for suite in NUMBERS.map(suite) {
        let bytes = written(busy(suite));
        assert!(State::read(&bytes).is_ok());
        for len in 0..bytes.len() {
            refused(&bytes, |bytes| bytes.truncate(len));
        }
        refused(&bytes, |bytes| bytes.push(0));
        for version in [[3, 0], [3, 2], [3, 5], [0, 4], [0xfe, 0xfd]] {
            refused(&bytes, |bytes| bytes[..2].copy_from_slice(&version));
        }
        for aead in [[0, 0], [0, 3], [1, 1], [0, 30]] {
            refused(&bytes, |bytes| bytes[2..4].copy_from_slice(&aead));
        }
        for hash in [0, 1, 6] {
            refused(&bytes, |bytes| bytes[4] = hash);
        }
        // A flag that is not known; an answer that this version does not give, or that is owed after
        // the end.
        for flag in [0x10, 0x80, 6 - bytes[5], 8] {
            refused(&bytes, |bytes| bytes[5] |= flag);
        }
        // More empty records, warnings, KeyUpdates or requests than may be.
        for (at, most) in [(18, 32), (19, 4), (20, 32), (21, 4)] {
            refused(&bytes, |bytes| bytes[at] = most + 1);
        }
        // A message that has begun otherwise than one can.
        refused(&bytes, |bytes| bytes[22] = 5);
        refused(&bytes, |bytes| bytes[26] = 1);
        let amid: &[[u8; 9]] = match suite.version {
            Version::Tls13 => &[
                [1, 20, 0, 0, 0, 0, 0, 0, 0],
                [4, 24, 0, 0, 2, 0, 0, 0, 0],
                [0, 0, 0, 0, 0, 0, 0, 0, 1],
            ],
            Version::Tls12 => &[
                [1, 24, 0, 0, 0, 0, 0, 0, 0],
                [4, 1, 0, 0, 2, 0, 0, 0, 0],
                [1, 1, 0, 0, 0, 0, 0, 0, 1],
                [0, 0, 0, 0, 0, 0, 1, 0, 1],
            ],
        };
        for message in amid {
            refused(&bytes, |bytes| bytes[22..31].copy_from_slice(message));
        }
        // A record to send that has no number, and one to read that has.
        let (read_at, write_at) = (31, 31 + 8 + (bytes.len() - 31 - 16) / 2);
        refused(&bytes, |bytes| bytes[write_at..write_at + 8].fill(0xff));
        let mut worn_out = bytes.clone();
        worn_out[read_at..read_at + 8].fill(0xff);
        assert!(State::read(&worn_out).is_ok());
    }
}

#[test]
fn no_answer_is_owed_by_a_key_that_is_worn_out() {
    for suite in suites(Version::Tls12) {
        let bytes = written(busy(suite));
        refused(&bytes, |bytes| bytes[6..14].copy_from_slice(&0x0102_0304_u64.to_be_bytes()));
    }
}

#[test]
fn a_state_shows_no_secrets() {
    for suite in NUMBERS.map(suite) {
        let (read, write) = (direction(suite, 0xab, 0), direction(suite, 0xab, 0));
        let shown = format!("{:?}", Records::new(suite, read, write).unwrap().into_state());
        for word in ["abab", "171", "187", "bbbb"] {
            assert!(!shown.to_lowercase().contains(word), "{shown}");
        }
    }
}

#[test]
#[should_panic(expected = "range end index")]
fn there_must_be_room_for_it() {
    let state = server(suite(0x1302)).into_state();
    let mut room = vec![0; state.len() - 1];
    state.write(&mut room);
}

proptest! {
    /// Whatever is read is written as it was, and can be used.
    #[test]
    fn any_bytes_are_borne(
        number in 0..NUMBERS.len(),
        flips in prop::collection::vec((0..State::LEN_MAX, any::<u8>()), 0..6),
        noise in prop::collection::vec(any::<u8>(), 0..200),
        is_noise in prop::bool::weighted(0.1),
    ) {
        let mut bytes = if is_noise { noise } else { written(busy(suite(NUMBERS[number]))) };
        for (at, byte) in flips {
            if let Some(old) = bytes.get_mut(at) {
                *old = byte;
            }
        }
        if let Ok(state) = State::read(&bytes) {
            let mut records = Records::from_state(state).unwrap();
            let mut wire = Vec::new();
            records.open(&mut [23, 3, 3, 0, 30].into_iter().chain([7; 30]).collect::<Vec<_>>());
            let _ = records.seal(&[&[7; 20_000]], &mut wire);
            records.reply(&mut wire);
            records.request_key_update(&mut wire);
            records.close_notify(&mut wire);
            let mut again = Records::from_state(State::read(&bytes).unwrap()).unwrap();
            prop_assert_eq!(written(again), bytes.clone());
            again = Records::from_state(State::read(&bytes).unwrap()).unwrap();
            prop_assert!(again.sealed_len(100) >= 100);
        }
    }
}
