//! The target `handover`: the state that one process leaves for the next, read by one of another
//! version, or after something went wrong with it. What is accepted is what it says it is; nothing
//! is read beyond its end, and nothing makes the process fail.
//! Not for: what is in the state.

use flate2::Crc;
use ringsocket::handover::{Broken, FORMAT, read};

/// Bytes before the state, of which the last four are the checksum.
const HEADING: usize = 36;

/// Runs one input: a byte that says whether its checksum is made right, and the bytes to read.
pub fn check(data: &[u8]) {
    let Some((&mode, body)) = data.split_first() else { return };
    let mut bytes = body.to_vec();
    if mode & 1 == 1 && bytes.len() >= HEADING {
        // No fuzzer finds a checksum by itself.
        let sum = checksum(&bytes);
        bytes[HEADING - 4..HEADING].copy_from_slice(&sum.to_le_bytes());
    }
    let expected = is_whole(&bytes);
    match read(&bytes) {
        Ok((heading, state)) => {
            assert!(expected, "this is not what a process leaves");
            assert_eq!(state, &bytes[HEADING..]);
            assert_eq!(heading.connection_c.to_le_bytes(), bytes[12..16]);
            assert_eq!(heading.id.to_le_bytes(), bytes[16..24]);
        }
        Err(error) => {
            assert!(!expected, "{error}");
            if let Broken::Version(version) = error {
                assert_eq!(version.to_le_bytes(), bytes[8..12]);
            }
            assert!(!error.to_string().is_empty());
        }
    }
}

fn is_whole(bytes: &[u8]) -> bool {
    bytes.len() >= HEADING
        && &bytes[..8] == b"RINGSOCK"
        && bytes[8..12] == FORMAT.to_le_bytes()
        && bytes[24..32] == (bytes.len() as u64 - HEADING as u64).to_le_bytes()
        && bytes[32..HEADING] == checksum(bytes).to_le_bytes()
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(&bytes[..HEADING - 4]);
    crc.update(&bytes[HEADING..]);
    crc.sum()
}
