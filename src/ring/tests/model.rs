//! Random sequences of everything that both ends can do, against a model made of `VecDeque`s that
//! keeps whole records and counts bytes by itself.
//!
//! One thread only: what two threads do to each other is for `tests/stress.rs` and loom.
#![cfg(not(loom))]

use proptest::{collection::vec, prelude::*};
use ringsocket_ring::{BlockPool, Consumer, Position, Producer, Record, ReserveError, ring};
use std::{collections::VecDeque, sync::Arc};

/// Two pages, so that one can be given back while the other is in use.
const CAPACITY: usize = 8192;
const MAX_RECORD: usize = CAPACITY / 2 - 8;
const CASES: u32 = if cfg!(miri) { 4 } else { 400 };
const BUDGET: usize = 100_000;

#[derive(Clone, Debug)]
enum Operation {
    Push(usize),
    PushAbandoned(usize),
    PushBlock { inline: usize, block: usize },
    Publish,
    Read(usize),
    LookAgain(usize),
    Release,
    ReleaseTo(usize),
    WantSpace(usize),
    WantBlocks,
    Reclaim,
    Trim,
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation::*;
    let len = || prop_oneof![4 => 0..40_usize, 4 => 0..600_usize, 2 => 0..=MAX_RECORD + 20];
    prop_oneof![
        8 => len().prop_map(Push),
        1 => len().prop_map(PushAbandoned),
        3 => (len(), 0..30_000_usize).prop_map(|(inline, block)| PushBlock { inline, block }),
        5 => Just(Publish),
        5 => (1..8_usize).prop_map(Read),
        3 => any::<usize>().prop_map(LookAgain),
        3 => Just(Release),
        2 => any::<usize>().prop_map(ReleaseTo),
        2 => (0..CAPACITY + 100).prop_map(WantSpace),
        2 => Just(WantBlocks),
        3 => Just(Reclaim),
        2 => Just(Trim),
    ]
}

/// A record as the model keeps it.
#[derive(Debug)]
struct Expected {
    inline: Vec<u8>,
    block: Option<Vec<u8>>,
    /// What the block counts in the pool.
    counted: usize,
    position: Option<Position>,
}

impl Expected {
    fn size(&self) -> usize {
        let header = if self.block.is_some() { 24 } else { 8 };
        header + self.inline.len().div_ceil(8) * 8
    }

    fn assert_is(&self, record: Record<'_>) {
        assert_eq!(record.inline, self.inline);
        assert_eq!(record.block, self.block.as_deref());
        assert_eq!(record.inline.as_ptr() as usize % 8, 0);
    }
}

struct Pair {
    producer: Producer,
    consumer: Consumer,
    pool: BlockPool,
    /// From old to new: read but not released, published but not read, committed only.
    read: VecDeque<Expected>,
    published: VecDeque<Expected>,
    committed: VecDeque<Expected>,
    /// Bytes ever committed, and ever released.
    written: usize,
    released: usize,
    /// How many bytes must have been released for the wish that is registered to be met.
    wish: Option<usize>,
    /// What the pool counts, and how much of that the next `reclaim` gives back.
    in_use: usize,
    reclaimable: usize,
    /// How many blocks those are.
    reclaimable_c: usize,
    /// Differs from payload to payload.
    fill: u8,
}

impl Pair {
    fn new() -> Self {
        let (producer, consumer) = ring(CAPACITY).unwrap();
        assert_eq!(producer.max_record(), MAX_RECORD);
        Self {
            producer,
            consumer,
            pool: BlockPool::new(BUDGET),
            read: VecDeque::new(),
            published: VecDeque::new(),
            committed: VecDeque::new(),
            written: 0,
            released: 0,
            wish: None,
            in_use: 0,
            reclaimable: 0,
            reclaimable_c: 0,
            fill: 0,
        }
    }

    fn run(&mut self, operation: Operation) {
        match operation {
            Operation::Push(len) => self.push(len, true),
            Operation::PushAbandoned(len) => self.push(len, false),
            Operation::PushBlock { inline, block } => self.push_block(inline, block),
            Operation::Publish => self.publish(),
            Operation::Read(count) => self.read(count),
            Operation::LookAgain(pick) => self.look_again(pick),
            Operation::Release => self.release(None),
            Operation::ReleaseTo(pick) => self.release(Some(pick)),
            Operation::WantSpace(bytes) => self.want_space(bytes),
            Operation::WantBlocks => self.want_blocks(),
            Operation::Reclaim => self.reclaim(),
            // What was not released is looked at again later.
            Operation::Trim => assert_eq!(self.producer.trim(), self.written == self.released),
        }
        assert_eq!(self.pool.in_use(), self.in_use);
        assert_eq!(self.producer.is_drained(), self.written == self.released);
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        self.fill = self.fill.wrapping_add(1);
        (0..len).map(|index| self.fill.wrapping_add(index as u8)).collect()
    }

    /// What the model says to a record.
    fn verdict(&self, expected: &Expected) -> Result<(), ReserveError> {
        if expected.size() > CAPACITY / 2 {
            Err(ReserveError::TooLarge)
        } else if self.written + expected.size() > self.released + CAPACITY {
            Err(ReserveError::Full)
        } else {
            Ok(())
        }
    }

    fn committed(&mut self, expected: Expected) {
        self.written += expected.size();
        self.committed.push_back(expected);
    }

    fn push(&mut self, len: usize, is_meant: bool) {
        let inline = self.bytes(len);
        let expected = Expected { inline, block: None, counted: 0, position: None };
        let verdict = self.verdict(&expected);
        let result = self.producer.reserve(len).map(|mut reservation| {
            assert_eq!(reservation.len(), len);
            reservation.copy_from_slice(&expected.inline);
            if is_meant {
                reservation.commit();
            }
        });
        assert_eq!(result, verdict);
        if verdict.is_ok() && is_meant {
            self.committed(expected);
        }
    }

    fn push_block(&mut self, inline: usize, len: usize) {
        let Ok(mut buffer) = self.pool.take(len) else {
            // Nothing that fits holds more than a quarter over what was asked for.
            assert!(self.in_use > 0 && self.in_use + len + len / 4 > BUDGET);
            return;
        };
        let counted = buffer.capacity();
        assert!(buffer.is_empty() && counted >= len);
        assert!(self.in_use == 0 || self.in_use + counted <= BUDGET);
        let payload = self.bytes(len);
        buffer.extend_from_slice(&payload);
        let block = self.pool.seal(buffer);
        self.in_use += counted;

        let inline = self.bytes(inline);
        let expected = Expected { inline, block: Some(payload), counted, position: None };
        let verdict = self.verdict(&expected);
        // By turns a clone and the last handle.
        let kept = (self.fill % 4 < 2).then(|| Arc::clone(&block));
        assert_eq!(self.producer.push_block(&expected.inline, block), verdict);
        match (verdict, &kept) {
            (Ok(()), _) => self.committed(expected),
            (Err(_), Some(_)) => self.in_use -= counted,
            (Err(_), None) => {
                self.reclaimable += counted;
                self.reclaimable_c += 1;
            }
        }
        kept.into_iter().for_each(|block| self.pool.put_back(block));
    }

    fn publish(&mut self) {
        assert_eq!(self.producer.publish(), !self.committed.is_empty());
        self.published.append(&mut self.committed);
    }

    fn read(&mut self, count: usize) {
        for _ in 0..count {
            let Some((position, record)) = self.consumer.next() else {
                assert!(self.published.is_empty());
                return;
            };
            let mut expected = self.published.pop_front().expect("as many as were published");
            expected.assert_is(record);
            expected.position = Some(position);
            self.read.push_back(expected);
        }
        assert_eq!(self.consumer.refresh(), !self.published.is_empty());
    }

    /// One of the records that were read and not released.
    fn pick(&self, pick: usize) -> Option<(usize, Position)> {
        let index = pick.checked_rem(self.read.len())?;
        Some((index, self.read[index].position.expect("it was read")))
    }

    fn look_again(&self, pick: usize) {
        if let Some((index, position)) = self.pick(pick) {
            self.read[index].assert_is(self.consumer.at(position));
        }
    }

    fn release(&mut self, to: Option<usize>) {
        let (count, result) = match to.map(|pick| self.pick(pick)) {
            None => (self.read.len(), self.consumer.release()),
            Some(None) => return,
            Some(Some((index, position))) => (index, self.consumer.release_to(position)),
        };
        for expected in self.read.drain(..count) {
            self.released += expected.size();
            self.reclaimable += expected.counted;
            self.reclaimable_c += usize::from(expected.block.is_some());
        }
        let is_granted = count > 0 && self.wish.is_some_and(|goal| self.released >= goal);
        assert_eq!(result, is_granted);
        if is_granted {
            self.wish = None;
        }
    }

    fn want_space(&mut self, bytes: usize) {
        let goal = (self.written + bytes.min(CAPACITY)).saturating_sub(CAPACITY);
        let is_free = self.released >= goal;
        assert_eq!(self.producer.want_space(bytes), is_free);
        self.wish = (!is_free).then_some(goal);
    }

    fn want_blocks(&mut self) {
        let is_free = self.reclaimable_c > 0;
        assert_eq!(self.producer.want_blocks(), is_free);
        // How many bytes will have been released with each block.
        let mut end = self.released;
        let mut ends = Vec::new();
        for record in [&self.read, &self.published, &self.committed].into_iter().flatten() {
            end += record.size();
            ends.extend(record.block.is_some().then_some(end));
        }
        if is_free {
            self.wish = None;
        } else if !ends.is_empty() {
            self.wish = Some(ends[ends.len() / 2]);
        }
    }

    fn reclaim(&mut self) {
        self.reclaimable_c = 0;
        self.producer.reclaim(&mut self.pool);
        self.in_use -= std::mem::take(&mut self.reclaimable);
    }

    /// Drops one end; what is left goes on alone.
    fn end(mut self, is_producer_first: bool) {
        if is_producer_first {
            drop(self.producer);
            for expected in &self.read {
                expected.assert_is(self.consumer.at(expected.position.expect("it was read")));
            }
            for expected in &self.published {
                expected.assert_is(self.consumer.next().expect("it was published").1);
            }
            assert!(self.consumer.next().is_none());
        } else {
            drop(self.consumer);
            self.producer.reclaim(&mut self.pool);
            assert_eq!(self.pool.in_use(), 0);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: CASES,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn ring_does_what_the_model_does(
        operations in vec(operation(), 1..300),
        is_producer_first in any::<bool>(),
    ) {
        let mut pair = Pair::new();
        operations.into_iter().for_each(|operation| pair.run(operation));
        pair.end(is_producer_first);
    }
}
