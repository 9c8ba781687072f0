//! Two real threads, two rings, real sleep: every record comes back whole and in order.
//!
//! loom proves the orderings on small models; this is for what loom does not see, the mapping and
//! the processor. A wake-up that was lost shows as a thread that sleeps for too long.
#![cfg(not(loom))]

use ringsocket_ring::{BlockPool, Consumer, Producer, Record, ReserveError, Sleeper, ring};
use std::{
    sync::Arc,
    thread::{self, Thread},
    time::{Duration, Instant},
};

const CAPACITY: usize = 16 << 10;
const RECORDS: u64 = if cfg!(miri) { 300 } else { 300_000 };
/// Payloads from this size on cross by pointer.
const BY_POINTER: usize = 1 << 10;
const BUDGET: usize = 16 << 10;
/// No sleep is ever this long, unless its wake-up was lost.
const TOO_LONG: Duration = Duration::from_secs(20);

/// xorshift64*: a stream of lengths and bytes that both sides can make anew.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
}

/// Payload number `number`: most are short, some are longer than what crosses inline.
fn payload(number: u64, to: &mut Vec<u8>) {
    let mut random = Random::new(number);
    let longest = if random.next() % 8 == 0 { 3000 } else { 100 };
    let len = (random.next() % longest) as usize;
    to.clear();
    while to.len() < len {
        to.extend_from_slice(&random.next().to_le_bytes());
    }
    to.truncate(len);
}

/// FNV-1a over whole payloads, so that one wrong byte anywhere shows at the end, too.
fn checksum(sum: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(sum, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3))
}

#[derive(Clone)]
struct Waker {
    sleeper: Arc<Sleeper>,
    thread: Thread,
}

impl Waker {
    fn of_this_thread() -> Self {
        Self { sleeper: Arc::default(), thread: thread::current() }
    }

    fn wake(&self) {
        if self.sleeper.rouse() {
            self.thread.unpark();
        }
    }

    fn sleep_unless(&self, second_look: impl FnOnce() -> bool) {
        self.sleeper.announce();
        if !second_look() {
            let since = Instant::now();
            thread::park_timeout(TOO_LONG);
            assert!(since.elapsed() < TOO_LONG, "a wake-up was lost");
        }
        self.sleeper.retract();
    }
}

/// The writing side of one direction.
struct Sender {
    producer: Producer,
    pool: BlockPool,
    /// What `send` found full last: the pool, not the ring.
    is_pool_full: bool,
}

impl Sender {
    fn new(producer: Producer) -> Self {
        Self { producer, pool: BlockPool::new(BUDGET), is_pool_full: false }
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), ReserveError> {
        if bytes.len() < BY_POINTER {
            let mut reservation = self.producer.reserve(bytes.len())?;
            reservation.copy_from_slice(bytes);
            reservation.commit();
            return Ok(());
        }
        self.producer.reclaim(&mut self.pool);
        let taken = self.pool.take(bytes.len());
        self.is_pool_full = taken.is_err();
        let mut buffer = taken?;
        buffer.extend_from_slice(bytes);
        let block = self.pool.seal(buffer);
        self.producer.push_block(&bytes[..8], block)
    }

    fn want_space(&mut self) -> bool {
        if self.is_pool_full {
            self.producer.want_blocks()
        } else {
            self.producer.want_space(CAPACITY / 2)
        }
    }
}

fn whole(record: Record<'_>) -> &[u8] {
    let bytes = record.block.unwrap_or(record.inline);
    assert!(bytes.starts_with(&record.inline[..record.inline.len().min(8)]));
    bytes
}

/// Sends each record back as it came; waits where there is no space for the answer.
fn echo(this: &Waker, peer: &Waker, mut inbound: Consumer, outbound: Producer) {
    let mut outbound = Sender::new(outbound);
    let mut count = 0;
    while count < RECORDS {
        while let Some((position, _)) = inbound.next() {
            while outbound.send(whole(inbound.at(position))).is_err() {
                if outbound.producer.publish() {
                    peer.wake();
                }
                this.sleep_unless(|| outbound.want_space());
            }
            count += 1;
            if count % 64 == 0 && inbound.release() {
                peer.wake();
            }
            if count % 1024 == 0 {
                // In the middle of things, which only costs time: the other side reads on.
                outbound.producer.trim();
            }
        }
        // Both are carried out.
        if inbound.release() | outbound.producer.publish() {
            peer.wake();
        }
        if count < RECORDS {
            this.sleep_unless(|| inbound.refresh());
        }
    }
}

#[test]
fn every_record_comes_back_whole_and_in_order() {
    let (to_echo, at_echo) = ring(CAPACITY).unwrap();
    let (to_here, mut inbound) = ring(CAPACITY).unwrap();
    let here = Waker::of_this_thread();
    let (hand_over, handed_over) = std::sync::mpsc::channel();
    let echo_thread = thread::spawn({
        let here = here.clone();
        move || {
            let this = Waker::of_this_thread();
            hand_over.send(this.clone()).unwrap();
            echo(&this, &here, at_echo, to_here);
        }
    });
    let peer = handed_over.recv().unwrap();

    let mut outbound = Sender::new(to_echo);
    let (mut sent, mut heard) = (0, 0);
    let (mut sum_sent, mut sum_heard) = (0, 0);
    let (mut next, mut expected) = (Vec::new(), Vec::new());
    payload(0, &mut next);
    let mut batches = Random::new(7);
    while heard < RECORDS {
        // Batches of any size, from one record to as many as fit.
        let batch = 1 + batches.next() % 200;
        let until = RECORDS.min(sent + batch);
        let mut is_full = false;
        while sent < until && !is_full {
            is_full = outbound.send(&next).is_err();
            if !is_full {
                sum_sent = checksum(sum_sent, &next);
                sent += 1;
                payload(sent, &mut next);
            }
        }
        let is_published = outbound.producer.publish();
        while let Some((_, record)) = inbound.next() {
            let bytes = whole(record);
            payload(heard, &mut expected);
            assert_eq!(bytes, expected, "record {heard}");
            sum_heard = checksum(sum_heard, bytes);
            heard += 1;
        }
        if is_published | inbound.release() {
            peer.wake();
        }
        if heard < RECORDS && (is_full || sent == RECORDS) {
            here.sleep_unless(|| inbound.refresh() || is_full && outbound.want_space());
        }
    }
    assert_eq!(sum_heard, sum_sent);
    echo_thread.join().unwrap();
    assert!(outbound.producer.is_drained() && outbound.producer.is_abandoned());
    outbound.producer.reclaim(&mut outbound.pool);
    assert_eq!(outbound.pool.in_use(), 0);
}
