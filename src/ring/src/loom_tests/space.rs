//! `want_space` and `release`: a producer that sleeps until there is space is woken.

use super::*;

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

#[test]
fn space_always_wakes() {
    holds(None, asks_once);
    holds(None, asks_twice);
}

// Without the fence in `want_space`, the head may be looked at before the wish becomes visible:
// the ring still looks full, the consumer finds no wish, and nobody kicks. `announce` comes too
// early to stand in for it.
#[test]
fn want_space_needs_its_fence() {
    fails_without(Site::WantSpaceFence, LOST_WAKE_UP, None, asks_once);
}

// Without the fence in `release`, the wish may be looked at before the head becomes visible.
#[test]
fn release_needs_its_fence() {
    fails_without(Site::ReleaseFence, LOST_WAKE_UP, None, asks_once);
    fails_without(Site::ReleaseFence, LOST_WAKE_UP, Some(4), asks_twice);
}
