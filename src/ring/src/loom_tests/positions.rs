//! The positions alone, without sleep: no torn record is seen, no byte is used again while it may
//! be read, blocks and ends go in any order. A thread that finds nothing yields.

use super::*;
use crate::BlockPool;
use loom::cell::UnsafeCell;
use std::{rc::Rc, sync::Mutex};

/// Two batches, the first of two records: all that is seen is whole and in order.
fn publish_and_refresh() {
    let (mut producer, mut consumer) = small_ring();
    thread::spawn(move || {
        push(&mut producer, 1);
        assert!(producer.publish());
        push(&mut producer, 2);
        assert!(producer.publish());
    });
    for expected in [1, 2] {
        while !consumer.refresh() {
            thread::yield_now();
        }
        assert_eq!(pop(&mut consumer), Some(expected));
    }
    assert_eq!(pop(&mut consumer), None);
}

#[test]
fn published_records_are_whole() {
    holds(None, publish_and_refresh);
}

#[test]
fn published_records_need_release_and_acquire() {
    fails_without(Site::Publish, RACE, None, publish_and_refresh);
    fails_without(Site::Refresh, RACE, None, publish_and_refresh);
}

/// Three records through space for two: the third takes the place of the first. `before` is done
/// before each, and in the end `until`, until it is true.
fn reuse(before: fn(&mut Producer), until: fn(&mut Producer) -> bool) {
    let (mut producer, mut consumer) = small_ring();
    thread::spawn(move || {
        for value in 1..=3 {
            before(&mut producer);
            while try_push(&mut producer, value).is_err() {
                thread::yield_now();
            }
            assert!(producer.publish());
        }
        while !until(&mut producer) {
            thread::yield_now();
        }
    });
    for expected in 1..=3 {
        while !consumer.refresh() {
            thread::yield_now();
        }
        assert_eq!(pop(&mut consumer), Some(expected));
        assert!(!consumer.release());
    }
}

fn release_and_reserve() {
    reuse(|_| (), Producer::is_drained);
}

#[test]
fn space_is_reused_only_after_release() {
    holds(None, release_and_reserve);
}

#[test]
fn reuse_of_space_needs_release_and_acquire() {
    fails_without(Site::Release, RACE, Some(3), release_and_reserve);
    fails_without(Site::LoadHead, RACE, Some(3), release_and_reserve);
}

/// As above, by a producer that gives memory back before each record. What was not released stays
/// as it is, and nobody looks any more at what was.
fn release_and_trim() {
    reuse(|producer| _ = producer.trim(), Producer::trim);
}

#[test]
fn memory_is_given_back_only_after_release() {
    holds(Some(3), release_and_trim);
}

#[test]
fn giving_memory_back_needs_release_and_acquire() {
    fails_without(Site::Release, RACE, Some(3), release_and_trim);
    fails_without(Site::LoadHead, RACE, Some(3), release_and_trim);
}

/// A buffer that crossed by pointer is written again after `reclaim`. loom cannot look into a
/// `Vec`, so a cell stands for its bytes (in an `Rc`, as loom's threads are all one to the system).
fn reclaim_after(consume: fn(Consumer, &UnsafeCell<()>) -> Option<Consumer>) {
    let (mut producer, consumer) = small_ring();
    let bytes = Rc::new(UnsafeCell::new(()));
    let kept = Arc::new(Mutex::new(None));
    let mut pool = BlockPool::new(100);
    let block = pool.adopt(vec![7; 100]).expect("within the budget");
    bytes.with_mut(|_| ());
    producer.push_block(b"", block).expect("24 bytes fit");
    assert!(producer.publish());
    thread::spawn({
        let (bytes, kept) = (Rc::clone(&bytes), Arc::clone(&kept));
        move || *kept.lock().expect("never poisoned") = consume(consumer, &bytes)
    });
    loop {
        producer.reclaim(&mut pool);
        if pool.in_use() == 0 {
            break;
        }
        thread::yield_now();
    }
    bytes.with_mut(|_| ());
}

fn reclaim_after_release() {
    reclaim_after(|mut consumer, bytes| {
        let (_, record) = consumer.next().expect("published before this thread began");
        assert_eq!(record.block, Some(&[7; 100][..]));
        bytes.with(|_| ());
        assert!(!consumer.release());
        // Kept until the model ends, so that it is not its drop that the other side goes by.
        Some(consumer)
    });
}

fn reclaim_after_drop() {
    reclaim_after(|mut consumer, bytes| {
        assert!(consumer.next().is_some());
        bytes.with(|_| ());
        None
    });
}

#[test]
fn blocks_are_reclaimed_only_after_release_or_drop() {
    holds(None, reclaim_after_release);
    holds(None, reclaim_after_drop);
}

#[test]
fn reclaiming_blocks_needs_release_and_acquire() {
    fails_without(Site::Release, RACE, None, reclaim_after_release);
    fails_without(Site::LoadHead, RACE, None, reclaim_after_release);
    fails_without(Site::Abandon, RACE, None, reclaim_after_drop);
    fails_without(Site::SeeAbandoned, RACE, None, reclaim_after_drop);
}

/// What was published before the producer went is found by a refresh after that was learnt.
fn last_words() {
    let (mut producer, mut consumer) = small_ring();
    thread::spawn(move || {
        push(&mut producer, 1);
        assert!(producer.publish());
    });
    while !consumer.is_abandoned() {
        thread::yield_now();
    }
    assert_eq!(pop(&mut consumer), Some(1), "last words");
}

#[test]
fn last_words_are_heard() {
    holds(None, last_words);
}

#[test]
fn last_words_need_release_and_acquire() {
    fails_without(Site::Abandon, "last words", None, last_words);
    fails_without(Site::SeeAbandoned, "last words", None, last_words);
}
