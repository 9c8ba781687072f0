//! Seeds of the target `handover`: states as a process leaves them, and with one thing wrong.

use ringsocket::handover::FORMAT;

/// All of them.
pub(super) fn all() -> Vec<(&'static str, Vec<u8>)> {
    let (newer, state) = (FORMAT + 1, b"some state".as_slice());
    let heading = |version: u32, connection_c: u32, len: u64| {
        let mut bytes = b"RINGSOCK".to_vec();
        bytes.extend(version.to_le_bytes());
        bytes.extend(connection_c.to_le_bytes());
        bytes.extend(0x0123_4567_89ab_cdef_u64.to_le_bytes());
        bytes.extend(len.to_le_bytes());
        bytes.extend([0; 4]);
        bytes
    };
    let of = |mode: u8, heading: Vec<u8>, state: &[u8]| [&[mode], &heading[..], state].concat();
    let whole = of(1, heading(FORMAT, 3, 10), state);
    vec![
        ("whole", whole.clone()),
        ("without-state", of(1, heading(FORMAT, 0, 0), b"")),
        ("many-connections", of(1, heading(FORMAT, u32::MAX, 10), state)),
        ("wrong-checksum", of(0, heading(FORMAT, 3, 10), state)),
        ("newer", of(1, heading(newer, 3, 10), state)),
        ("version-0", of(1, heading(0, 3, 10), state)),
        ("longer-than-it-says", of(1, heading(FORMAT, 3, 9), state)),
        ("shorter-than-it-says", of(1, heading(FORMAT, 3, 11), state)),
        ("endless", of(1, heading(FORMAT, 3, u64::MAX), state)),
        ("cut-in-the-heading", whole[..30].to_vec()),
        ("other-magic", [&[1], &b"RINGSOCX"[..], &whole[9..]].concat()),
        ("empty", vec![0]),
    ]
}
