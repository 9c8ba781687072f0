//! `want_space`, `want_blocks` and `release`: a producer that sleeps until there is space, or until
//! its pool has a block again, is woken.

use super::*;
use crate::BlockPool;

/// Three records into space for two. The producer sleeps when there is none; the consumer reads the
/// two that were there from the start, and is gone.
fn wait_for_space(push_when_there_is_space: fn(&Sleeper, &mut Producer, u64)) {
    let (mut producer, mut consumer) = small_ring();
    push(&mut producer, 1);
    push(&mut producer, 2);
    assert!(producer.publish());
    let this = Waker::of_this_thread();
    let writer = this.clone();
    thread::spawn(move || {
        for expected in 1..=2 {
            assert_eq!(pop(&mut consumer), Some(expected));
            if consumer.release() {
                writer.wake();
            }
        }
    });
    push_when_there_is_space(&this.sleeper, &mut producer, 3);
    assert!(producer.publish());
}

/// Asks for space only after it has announced its sleep, as the least that is allowed.
fn asks_once() {
    wait_for_space(|sleeper, producer, value| {
        while try_push(producer, value).is_err() {
            sleep_unless(sleeper, || producer.want_space(Producer::space_for(8)));
        }
    });
}

/// Asks before it announces, too, and for more than it needs: the wish may be met, and taken back,
/// between the two, and is then made anew.
fn asks_twice() {
    wait_for_space(|sleeper, producer, value| {
        while try_push(producer, value).is_err() {
            if !producer.want_space(CAPACITY) {
                sleep_unless(sleeper, || producer.want_space(Producer::space_for(8)));
            }
        }
    });
}

/// Two blocks are all that the pool admits, and the producer sleeps until it gets one back.
fn asks_for_blocks() {
    let (mut producer, mut consumer) = ring(2 * CAPACITY).expect("heap memory");
    let mut pool = BlockPool::new(2);
    for _ in 0..2 {
        let block = pool.adopt(vec![1]).expect("within the budget");
        producer.push_block(b"", block).expect("twice 24 bytes fit");
    }
    assert!(producer.publish());
    let this = Waker::of_this_thread();
    let writer = this.clone();
    thread::spawn(move || {
        while consumer.next().is_some() {
            if consumer.release() {
                writer.wake();
            }
        }
    });
    while pool.take(1).is_err() {
        sleep_unless(&this.sleeper, || producer.want_blocks());
        producer.reclaim(&mut pool);
    }
}

#[test]
fn blocks_always_wake() {
    holds(None, asks_for_blocks);
}

#[test]
fn space_always_wakes() {
    holds(None, asks_once);
    holds(None, asks_twice);
}

// Without the fence in `want_space` (and `want_blocks`), the head may be looked at before the wish
// becomes visible: the ring still looks full, the consumer finds no wish, and nobody kicks.
// `announce` comes too early to stand in for it.
#[test]
fn want_space_needs_its_fence() {
    fails_without(Site::WantSpaceFence, LOST_WAKE_UP, None, asks_once);
    fails_without(Site::WantSpaceFence, LOST_WAKE_UP, None, asks_for_blocks);
}

// Without the fence in `release`, the wish may be looked at before the head becomes visible.
#[test]
fn release_needs_its_fence() {
    fails_without(Site::ReleaseFence, LOST_WAKE_UP, None, asks_once);
    fails_without(Site::ReleaseFence, LOST_WAKE_UP, None, asks_for_blocks);
    fails_without(Site::ReleaseFence, LOST_WAKE_UP, Some(4), asks_twice);
}
