//! The secrets in memory that the next process maps, and the word by which one process alone reads
//! them: the parent module says why.
//! Not for: making such memory (`sys::shared_memory`).
//!
//! Words of 64 bits: the claim; which hand-over this is; bytes of the secrets; their CRC-32, which
//! must stay here, as it tells of them; then the secrets.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use super::Secrets;
use super::state::{Broken, checksum};
use crate::sys::shared_memory::{SharedMemory, WORD};

/// The claim before the secrets are whole: what new memory is.
const NOTHING: u64 = 0;
/// The claim once they are,
const WHOLE: u64 = u64::from_le_bytes(*b"WHOLE\0\0\0");
/// and once somebody has begun to read them.
const TAKEN: u64 = u64::from_le_bytes(*b"TAKEN\0\0\0");

/// Words before the secrets.
const HEADING: usize = 4;

/// New shared memory with the secrets.
pub(super) fn write(id: u64, secrets: &[u8]) -> io::Result<OwnedFd> {
    let (fd, memory) = SharedMemory::create(HEADING + secrets.len().div_ceil(WORD))?;
    let words = memory.words();
    words[1].store(id, Ordering::Relaxed);
    words[2].store(secrets.len() as u64, Ordering::Relaxed);
    words[3].store(sum(id, secrets), Ordering::Relaxed);
    for (word, bytes) in words[HEADING..].iter().zip(secrets.chunks(WORD)) {
        let mut filled = [0; WORD];
        filled[..bytes.len()].copy_from_slice(bytes);
        word.store(u64::from_ne_bytes(filled), Ordering::Relaxed);
    }
    words[0].store(WHOLE, Ordering::Release);
    Ok(fd)
}

fn sum(id: u64, secrets: &[u8]) -> u64 {
    checksum(&[&id.to_le_bytes(), &(secrets.len() as u64).to_le_bytes(), secrets]).into()
}

/// Takes the secrets, and which hand-over they are of. Whatever comes of it, nobody else can take
/// them afterwards, and nothing of them is left there.
pub(super) fn take(fd: OwnedFd) -> Result<(u64, Secrets), Broken> {
    let memory = SharedMemory::open(fd).map_err(|error| Broken::Failed("map secrets", error))?;
    let (claim, words) = memory.words().split_first().ok_or(Broken::Length)?;
    let taken = match claim.swap(TAKEN, Ordering::AcqRel) {
        // Whoever has taken them may be reading them.
        TAKEN => return Err(Broken::TakenBefore),
        WHOLE => copy(words),
        NOTHING => Err(Broken::Unfinished),
        _ => Err(Broken::Unknown),
    };
    wipe(words);
    taken
}

fn copy(words: &[AtomicU64]) -> Result<(u64, Secrets), Broken> {
    let (heading, rest) = words.split_at_checked(HEADING - 1).ok_or(Broken::Length)?;
    let [id, len, stated] = [0, 1, 2].map(|at| heading[at].load(Ordering::Relaxed));
    let len = usize::try_from(len).map_err(|_| Broken::Length)?;
    // The mapping may be longer by what fills its last page.
    if len > rest.len() * WORD {
        return Err(Broken::Length);
    }
    let mut secrets = Secrets::with_capacity(len.next_multiple_of(WORD));
    for (at, word) in rest[..len.div_ceil(WORD)].iter().enumerate() {
        let bytes = word.load(Ordering::Relaxed).to_ne_bytes();
        secrets.extend(&bytes[..WORD.min(len - at * WORD)]);
    }
    if sum(id, secrets.as_bytes()) != stated {
        return Err(Broken::Checksum);
    }
    Ok((id, secrets))
}

/// Other processes could see these stores, so the compiler cannot leave them out.
fn wipe(words: &[AtomicU64]) {
    words.iter().for_each(|word| word.store(0, Ordering::Relaxed));
    fence(Ordering::SeqCst);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_any_length_are_taken_once_and_wiped() {
        for len in [0, 1, 7, 8, 9, 4096, 100_000] {
            let secrets: Vec<u8> = (0..len).map(|at| at as u8 | 1).collect();
            let fd = write(7, &secrets).expect("memory");
            let (id, taken) = take(fd.try_clone().unwrap()).expect("secrets");
            assert_eq!((id, taken.as_bytes()), (7, &*secrets));
            let memory = SharedMemory::open(&fd).unwrap();
            let left = memory.words().iter().map(|word| word.load(Ordering::Relaxed));
            assert!(left.skip(1).all(|word| word == 0), "{len}");
            assert!(matches!(take(fd), Err(Broken::TakenBefore)), "{len}");
        }
    }

    #[test]
    fn of_many_that_want_them_at_once_one_gets_them() {
        for _ in 0..50 {
            let fd = write(7, &[7; 1000]).expect("memory");
            let start = std::sync::Barrier::new(8);
            let taken: usize = std::thread::scope(|scope| {
                let taker = || {
                    let fd = fd.try_clone().unwrap();
                    start.wait();
                    take(fd).is_ok()
                };
                let takers: Vec<_> = (0..8).map(|_| scope.spawn(taker)).collect();
                takers.into_iter().map(|taker| usize::from(taker.join().unwrap())).sum()
            });
            assert_eq!(taken, 1);
        }
    }

    #[test]
    fn any_bit_that_is_wrong_is_noticed_and_all_is_wiped() {
        let secrets = b"top secret";
        for at in 0..HEADING + 2 {
            for bit in 0..64 {
                let fd = write(7, secrets).expect("memory");
                let memory = SharedMemory::open(&fd).unwrap();
                memory.words()[at].fetch_xor(1 << bit, Ordering::Relaxed);
                // Behind the secrets, up to the next word, is nothing.
                let is_filling = at == HEADING + 1 && bit >= 16;
                let taken = take(fd.try_clone().unwrap());
                assert_eq!(taken.is_ok(), is_filling, "word {at}, bit {bit}");
                if at > 0 {
                    let left = memory.words().iter().map(|word| word.load(Ordering::Relaxed));
                    assert!(left.skip(1).all(|word| word == 0), "word {at}, bit {bit}");
                }
                assert!(matches!(take(fd), Err(Broken::TakenBefore)));
            }
        }
    }

    #[test]
    fn memory_that_is_not_written_yet_has_no_secrets() {
        let (fd, memory) = SharedMemory::create(100).expect("memory");
        memory.words()[50].store(7, Ordering::Relaxed);
        assert!(matches!(take(fd), Err(Broken::Unfinished)));
        assert_eq!(memory.words()[50].load(Ordering::Relaxed), 0);
        let null = std::fs::File::open("/dev/null").expect("/dev/null");
        assert!(matches!(take(null.into()), Err(Broken::Failed(..))));
    }
}
