//! Unit tests of the two ends on one thread. Random sequences are in `tests/model.rs`, two threads
//! in `tests/stress.rs`, orderings in `loom_tests`.

use super::{Consumer, Producer, ring, ring_from};
use crate::{BlockPool, Record, ReserveError};
use std::sync::Arc;

const CAPACITY: usize = 4096;

fn push(producer: &mut Producer, bytes: &[u8]) -> Result<(), ReserveError> {
    let mut reservation = producer.reserve(bytes.len())?;
    reservation.copy_from_slice(bytes);
    reservation.commit();
    Ok(())
}

#[test]
fn ends_may_move_but_not_be_shared() {
    fn is_send<T: Send>() {}
    is_send::<(Producer, Consumer)>();
    // If they were Sync, two impls would apply, and `_` could not be inferred.
    trait NotSync<A> {
        fn check() {}
    }
    impl<T> NotSync<()> for T {}
    struct IfSync;
    impl<T: Sync> NotSync<IfSync> for T {}
    <Producer as NotSync<_>>::check();
    <Consumer as NotSync<_>>::check();
}

#[test]
fn nothing_is_seen_before_it_is_published() {
    let (mut producer, mut consumer) = ring(CAPACITY).unwrap();
    assert!(!producer.publish());
    push(&mut producer, b"one").unwrap();
    push(&mut producer, b"").unwrap();
    assert!(!consumer.refresh());
    assert!(consumer.next().is_none());
    assert!(producer.publish());
    assert!(!producer.publish());
    assert!(consumer.refresh());
    let (first, record) = consumer.next().unwrap();
    assert_eq!((record.inline, record.block), (&b"one"[..], None));
    let (second, record) = consumer.next().unwrap();
    assert_eq!(record.inline, b"");
    assert!(consumer.next().is_none());
    assert_eq!(consumer.at(first).inline, b"one");
    assert_eq!(consumer.at(second).inline, b"");
}

#[test]
fn dropped_reservation_leaves_no_trace() {
    let (mut producer, mut consumer) = ring(CAPACITY).unwrap();
    producer.reserve(100).unwrap().fill(1);
    assert!(!producer.publish());
    assert!(producer.is_drained());
    push(&mut producer, b"x").unwrap();
    assert!(producer.publish());
    assert_eq!(consumer.next().unwrap().1.inline, b"x");
}

#[test]
fn sizes_are_bounded() {
    let (mut producer, _consumer) = ring(CAPACITY).unwrap();
    assert_eq!((producer.capacity(), producer.max_record()), (4096, 2040));
    assert_eq!(producer.reserve(2041).err(), Some(ReserveError::TooLarge));
    assert_eq!(producer.reserve(usize::MAX).err(), Some(ReserveError::TooLarge));
    let block = Arc::new(vec![0; 100_000]);
    let result = producer.push_block(&[0; 2025], Arc::clone(&block));
    assert_eq!(result, Err(ReserveError::TooLarge));
    producer.push_block(&[0; 2024], block).unwrap();
    producer.reserve(2040).unwrap().commit();
    assert_eq!(producer.reserve(0).err(), Some(ReserveError::Full));
}

#[test]
fn space_comes_back_when_released_not_when_read() {
    let (mut producer, mut consumer) = ring(CAPACITY).unwrap();
    let bytes = [3; 2040];
    push(&mut producer, &bytes).unwrap();
    push(&mut producer, &bytes).unwrap();
    assert!(producer.publish());
    consumer.next().unwrap();
    let (second, _) = consumer.next().unwrap();
    assert_eq!(push(&mut producer, b""), Err(ReserveError::Full));
    assert!(!consumer.release_to(second));
    assert_eq!(consumer.at(second).inline, bytes);
    push(&mut producer, &bytes).unwrap();
    assert_eq!(push(&mut producer, b""), Err(ReserveError::Full));
    assert!(!producer.is_drained());
    assert!(!consumer.release());
    assert!(!producer.is_drained(), "one record is not even published");
    assert!(producer.publish());
    assert_eq!(consumer.next().unwrap().1.inline, bytes);
    assert!(!consumer.release());
    assert!(producer.is_drained());
}

#[test]
fn records_are_aligned_and_whole_across_the_end_and_across_usize() {
    for start in [0, 0usize.wrapping_sub(3 * CAPACITY), isize::MAX as usize - 7 - CAPACITY] {
        let (mut producer, mut consumer) = ring_from(CAPACITY, start).unwrap();
        for round in 0..100_u8 {
            let bytes = vec![round; 1 + usize::from(round) * 17 % 2040];
            let mut reservation = producer.reserve(bytes.len()).unwrap();
            assert_eq!(reservation.as_ptr() as usize % 8, 0);
            reservation.copy_from_slice(&bytes);
            reservation.commit();
            producer.push_block(&bytes[..1], Arc::new(bytes.clone())).unwrap();
            assert!(producer.publish());
            assert_eq!(consumer.next().unwrap().1.inline, bytes);
            let (position, record) = consumer.next().unwrap();
            assert_eq!((record.inline, record.block), (&bytes[..1], Some(&bytes[..])));
            assert_eq!(consumer.at(position), Record { inline: &bytes[..1], block: Some(&bytes) });
            assert!(!consumer.release());
            producer.reclaim(&mut BlockPool::new(0));
        }
    }
}

#[test]
fn wish_is_granted_once() {
    let (mut producer, mut consumer) = ring(CAPACITY).unwrap();
    assert!(producer.want_space(CAPACITY));
    for _ in 0..4 {
        push(&mut producer, &[0; 1016]).unwrap();
    }
    assert!(producer.publish());
    assert!(!producer.want_space(1025), "rounded up to 1032");
    consumer.next().unwrap();
    assert!(!consumer.release(), "1024 are free");
    consumer.next().unwrap();
    assert!(consumer.release());
    consumer.next().unwrap();
    assert!(!consumer.release());
    assert!(producer.want_space(3072));
    assert!(!producer.want_space(usize::MAX), "clamped to the capacity");
    assert!(!producer.want_space(3080));
    assert!(producer.want_space(8), "met: the wish before it is forgotten too");
    consumer.next().unwrap();
    assert!(!consumer.release());
    assert!(!consumer.release(), "nothing to release");
}

#[test]
fn space_for_is_what_a_record_takes() {
    for len in [0, 1, 8, 9, 500] {
        let (mut producer, _consumer) = ring(CAPACITY).unwrap();
        producer.reserve(len).unwrap().commit();
        assert!(producer.want_space(CAPACITY - Producer::space_for(len)));
        assert!(!producer.want_space(CAPACITY - Producer::space_for(len) + 1));
        let (mut producer, _consumer) = ring(CAPACITY).unwrap();
        producer.push_block(&vec![0; len], Arc::default()).unwrap();
        assert!(producer.want_space(CAPACITY - Producer::space_for_block(len)));
        assert!(!producer.want_space(CAPACITY - Producer::space_for_block(len) + 1));
    }
}

#[test]
fn blocks_return_when_released() {
    let mut pool = BlockPool::new(100_000);
    let (mut producer, mut consumer) = ring(CAPACITY).unwrap();
    for byte in [1, 2] {
        let block = pool.adopt(vec![byte; 30_000]).unwrap();
        producer.push_block(&[byte], block).unwrap();
    }
    assert!(producer.publish());
    producer.reclaim(&mut pool);
    assert_eq!(pool.in_use(), 60_000);
    assert_eq!(consumer.next().unwrap().1.block, Some(&[1; 30_000][..]));
    producer.reclaim(&mut pool);
    assert_eq!(pool.in_use(), 60_000);
    assert!(!consumer.release());
    producer.reclaim(&mut pool);
    assert_eq!(pool.in_use(), 30_000);
    assert_eq!(consumer.next().unwrap().1.block, Some(&[2; 30_000][..]));
    assert!(!consumer.release());
    producer.reclaim(&mut pool);
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn blocks_are_asked_for() {
    let mut pool = BlockPool::new(1000);
    let (mut producer, mut consumer) = ring(CAPACITY).unwrap();
    assert!(!producer.want_blocks(), "none are in flight");
    for byte in 0..4 {
        let block = pool.adopt(vec![byte; 100]).unwrap();
        producer.push_block(&[byte], block).unwrap();
    }
    assert!(producer.publish());
    assert!(!producer.want_blocks());
    for is_third in [false, false, true, false] {
        consumer.next().unwrap();
        assert_eq!(consumer.release(), is_third);
    }
    assert!(producer.want_blocks(), "they can be reclaimed");
    producer.reclaim(&mut pool);
    assert_eq!(pool.in_use(), 0);

    let block = pool.adopt(vec![0; 100]).unwrap();
    producer.push_block(b"", block).unwrap();
    assert!(producer.publish());
    assert!(!producer.want_blocks());
    drop(consumer);
    assert!(producer.want_blocks(), "nobody can be looking at it");
}

#[test]
fn block_in_two_rings_returns_with_the_second() {
    let mut pool = BlockPool::new(1000);
    let (mut left, mut from_left) = ring(CAPACITY).unwrap();
    let (mut right, mut from_right) = ring(CAPACITY).unwrap();
    let block = pool.adopt(vec![5; 900]).unwrap();
    for producer in [&mut left, &mut right] {
        producer.push_block(b"", Arc::clone(&block)).unwrap();
        assert!(producer.publish());
    }
    pool.put_back(block);
    from_left.next().unwrap();
    assert!(!from_left.release());
    left.reclaim(&mut pool);
    assert_eq!(pool.in_use(), 900);
    assert_eq!(from_right.next().unwrap().1.block, Some(&[5; 900][..]));
    assert!(!from_right.release());
    right.reclaim(&mut pool);
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn refused_block_is_not_lost_to_the_pool() {
    let mut pool = BlockPool::new(1000);
    let (mut producer, _consumer) = ring(CAPACITY).unwrap();
    push(&mut producer, &[0; 2040]).unwrap();
    push(&mut producer, &[0; 2040]).unwrap();
    let block = pool.adopt(vec![5; 900]).unwrap();
    assert_eq!(producer.push_block(b"", Arc::clone(&block)), Err(ReserveError::Full));
    producer.reclaim(&mut pool);
    assert_eq!(pool.in_use(), 900, "its owner may try again");
    assert_eq!(producer.push_block(b"", block), Err(ReserveError::Full));
    producer.reclaim(&mut pool);
    assert_eq!(pool.in_use(), 0);
}

#[test]
fn producer_may_go_while_its_block_is_looked_at() {
    let (mut producer, mut consumer) = ring(CAPACITY).unwrap();
    let mut block = Arc::new(vec![9; 50_000]);
    producer.push_block(b"inline", Arc::clone(&block)).unwrap();
    assert!(producer.publish());
    producer.push_block(b"never published", Arc::default()).unwrap();
    assert!(!consumer.is_abandoned());
    let (position, record) = consumer.next().unwrap();
    drop(producer);
    assert_eq!((record.inline, record.block), (&b"inline"[..], Some(&[9; 50_000][..])));
    assert!(consumer.is_abandoned());
    assert!(Arc::get_mut(&mut block).is_none(), "still kept for the consumer");
    assert_eq!(consumer.at(position).block, Some(&[9; 50_000][..]));
    assert!(consumer.next().is_none());
    assert!(!consumer.release());
    drop(consumer);
    assert!(Arc::get_mut(&mut block).is_some(), "freed with the ring");
}

#[test]
fn consumer_may_go_while_blocks_are_in_flight() {
    let mut pool = BlockPool::new(10_000);
    let (mut producer, mut consumer) = ring(CAPACITY).unwrap();
    for _ in 0..3 {
        let block = pool.adopt(vec![1; 1000]).unwrap();
        producer.push_block(b"", block).unwrap();
        assert!(producer.publish());
    }
    consumer.next().unwrap();
    assert!(!producer.is_abandoned());
    drop(consumer);
    assert!(producer.is_abandoned());
    let block = pool.adopt(vec![1; 1000]).unwrap();
    producer.push_block(b"", block).unwrap();
    producer.reclaim(&mut pool);
    assert_eq!(pool.in_use(), 0);
}

#[test]
#[should_panic(expected = "not released")]
fn released_position_is_refused() {
    let (mut producer, mut consumer) = ring(CAPACITY).unwrap();
    push(&mut producer, b"x").unwrap();
    assert!(producer.publish());
    let (position, _) = consumer.next().unwrap();
    assert!(!consumer.release());
    consumer.at(position);
}

#[test]
#[should_panic(expected = "not released")]
fn position_of_another_ring_is_refused() {
    let [(_p1, one), (_p2, two)] = [ring(CAPACITY), ring(CAPACITY)].map(|ring| {
        let (mut producer, mut consumer) = ring.unwrap();
        push(&mut producer, b"x").unwrap();
        assert!(producer.publish());
        let position = consumer.next().unwrap().0;
        (producer, (consumer, position))
    });
    assert_eq!(one.0.at(one.1).inline, b"x");
    two.0.at(one.1);
}
