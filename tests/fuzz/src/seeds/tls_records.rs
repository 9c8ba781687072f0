//! Seeds of the target `tls_records`: talks that go well, and each way to break one.

/// Operations, as `program` reads them.
const DATA: u8 = 0;
const RECORD: u8 = 1;
const HANDSHAKE: u8 = 2;
const ALERT: u8 = 3;
const KEY_UPDATE: u8 = 4;
const RAW: u8 = 5;
const DAMAGED: u8 = 6;
const SEAL: u8 = 7;
const REPLY: u8 = 8;
const REQUEST: u8 = 9;
const CLOSE: u8 = 10;
const END: u8 = 11;
const MOVE: u8 = 12;

/// Suites.
const TLS13: [u8; 3] = [0, 1, 2];
const TLS12: [u8; 3] = [3, 4, 5];
/// Of TLS 1.3's and of TLS 1.2's, where one will do.
const GCM13: u8 = TLS13[0];
const GCM12: u8 = TLS12[0];
const CHACHA12: u8 = TLS12[2];

/// Name, suite, variant, chunks, and operations.
type Row = (&'static str, u8, u8, &'static [u8], &'static [&'static [u8]]);

const ROWS: [Row; 29] = [
    ("nothing", GCM13, 0, &[], &[]),
    ("echo-aes-128", TLS13[0], 0, &[0], &[&[DATA, 0, 20], &[SEAL, 0, 20], &[ALERT, 1, 0]]),
    ("echo-aes-256", TLS13[1], 0, &[9], &[&[DATA, 0, 20], &[SEAL, 0, 20], &[CLOSE]]),
    ("echo-chacha", TLS13[2], 0, &[99], &[&[DATA, 1, 20], &[SEAL, 1, 20], &[CLOSE]]),
    ("echo-aes-128-1.2", TLS12[0], 0, &[7], &[&[DATA, 0, 20], &[SEAL, 0, 20], &[ALERT, 1, 0]]),
    ("echo-aes-256-1.2", TLS12[1], 0, &[8, 1], &[&[DATA, 0, 2], &[SEAL, 0, 2], &[CLOSE]]),
    ("echo-chacha-1.2", TLS12[2], 0, &[], &[&[DATA, 0, 3], &[SEAL, 0x90, 0], &[CLOSE]]),
    ("largest", GCM13, 0, &[255], &[&[DATA, 0x40, 0], &[SEAL, 0x40, 0], &[SEAL, 0x40, 1]]),
    ("too-large", GCM13, 0, &[], &[&[DATA, 0, 1], &[DATA, 0x40, 1]]),
    ("too-large-1.2", CHACHA12, 0, &[], &[&[DATA, 0, 1], &[DATA, 0x40, 1]]),
    (
        "key-updates",
        GCM13,
        0,
        &[30],
        &[
            &[KEY_UPDATE, 1],
            &[DATA, 0, 9],
            &[KEY_UPDATE, 0],
            &[SEAL, 0, 9],
            &[REQUEST],
            &[DATA, 0, 1],
        ],
    ),
    (
        "key-update-answered",
        GCM13,
        0,
        &[],
        &[&[KEY_UPDATE, 1], &[KEY_UPDATE, 1], &[REPLY], &[CLOSE]],
    ),
    (
        "key-update-in-pieces",
        GCM13,
        0,
        &[3],
        &[&[HANDSHAKE, 2, 24, 0], &[HANDSHAKE, 2, 0, 1], &[HANDSHAKE, 1, 1], &[DATA, 0, 1]],
    ),
    ("key-update-amid", GCM13, 0, &[], &[&[HANDSHAKE, 2, 24, 0], &[DATA, 0, 1]]),
    ("key-update-and-more", GCM13, 0, &[], &[&[HANDSHAKE, 6, 24, 0, 0, 1, 0, 24]]),
    ("key-update-unknown", GCM13, 0, &[], &[&[HANDSHAKE, 5, 24, 0, 0, 1, 2]]),
    ("key-update-flood", GCM13, 4, &[], &[&[KEY_UPDATE, 1], &[KEY_UPDATE, 1], &[KEY_UPDATE, 1]]),
    ("worn-out", GCM13, 1, &[], &[&[SEAL, 0x90, 0], &[SEAL, 0, 1], &[END, 3]]),
    ("worn-out-1.2", GCM12, 2, &[], &[&[SEAL, 0x40, 1], &[SEAL, 0, 1], &[SEAL, 0, 1], &[CLOSE]]),
    (
        "renegotiation",
        GCM12,
        0,
        &[2],
        &[&[HANDSHAKE, 3, 1, 0, 0], &[HANDSHAKE, 4, 3, 7, 7, 7], &[REPLY], &[DATA, 0, 1]],
    ),
    ("renegotiations", GCM12, 4, &[], &[&[HANDSHAKE, 8, 1, 0, 0, 0, 1, 0, 0, 0], &[SEAL, 0, 1]]),
    (
        "moved",
        GCM13,
        2,
        &[5],
        &[
            &[DATA, 0, 9],
            &[HANDSHAKE, 2, 24, 0],
            &[MOVE, 0, 4],
            &[HANDSHAKE, 3, 0, 1, 1],
            &[KEY_UPDATE, 1],
            &[MOVE, 35, 7],
            &[SEAL, 0x90, 0],
            &[MOVE, 255, 0],
            &[DATA, 0, 1],
            &[CLOSE],
            &[MOVE, 5, 9],
        ],
    ),
    (
        "moved-1.2",
        GCM12,
        3,
        &[9],
        &[
            &[HANDSHAKE, 4, 1, 0, 0, 9],
            &[MOVE, 14, 0],
            &[HANDSHAKE, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[MOVE, 90, 1],
            &[SEAL, 0, 1],
            &[DATA, 0, 1],
        ],
    ),
    (
        "moved-after-all",
        CHACHA12,
        0,
        &[],
        &[&[ALERT, 2, 40], &[MOVE, 5, 1], &[END, 3], &[MOVE, 5, 8]],
    ),
    ("padding", GCM13, 0, &[], &[&[RECORD, 23, 200, 3, 1, 2, 3], &[RECORD, 0, 9, 2, 23, 0]]),
    ("change-cipher-spec", GCM13, 0, &[], &[&[DATA, 0, 1], &[RAW, 6, 20, 3, 3, 0, 1, 1]]),
    (
        "warnings",
        CHACHA12,
        4,
        &[],
        &[&[ALERT, 1, 90], &[DATA, 0, 1], &[ALERT, 1, 90], &[ALERT, 1, 9]],
    ),
    ("aborted", GCM12, 0, &[4], &[&[DATA, 0, 1], &[ALERT, 2, 40], &[DATA, 0, 1]]),
    ("damaged", GCM12, 0, &[], &[&[DATA, 0, 1], &[DATA, 0, 0], &[DAMAGED, 0, 9], &[DATA, 0, 1]]),
];

pub(super) fn all() -> Vec<(&'static str, Vec<u8>)> {
    ROWS.into_iter()
        .map(|(name, suite, variant, chunks, operations)| {
            (name, [&[suite, variant, chunks.len() as u8], chunks, &operations.concat()].concat())
        })
        .collect()
}
