//! `Sleeper` with one and with two wakers: whatever was published before a sleep is processed.

use super::*;

/// Sleeps until `count` records have come out of `rings`.
fn read_all(sleeper: &Sleeper, rings: &mut [Consumer], mut count: usize) {
    while count > 0 {
        for consumer in &mut *rings {
            while pop(consumer).is_some() {
                count -= 1;
            }
        }
        if count > 0 {
            sleep_unless(sleeper, || rings.iter_mut().any(Consumer::refresh));
        }
    }
}

fn publish_one(producer: &mut Producer, reader: &Waker) {
    push(producer, 1);
    assert!(producer.publish());
    reader.wake();
}

fn one_waker() {
    let (mut producer, consumer) = small_ring();
    let this = Waker::of_this_thread();
    let reader = this.clone();
    thread::spawn(move || {
        publish_one(&mut producer, &reader);
        publish_one(&mut producer, &reader);
    });
    read_all(&this.sleeper, &mut [consumer], 2);
}

fn two_wakers() {
    let [(producer_1, consumer_1), (producer_2, consumer_2)] = [small_ring(), small_ring()];
    let this = Waker::of_this_thread();
    for mut producer in [producer_1, producer_2] {
        let reader = this.clone();
        thread::spawn(move || publish_one(&mut producer, &reader));
    }
    read_all(&this.sleeper, &mut [consumer_1, consumer_2], 2);
}

#[test]
fn one_waker_always_wakes() {
    holds(None, one_waker);
}

#[test]
fn two_wakers_always_wake() {
    holds(Some(4), two_wakers);
}

// Without the fence in `announce`, the second look may take place before ASLEEP becomes visible:
// the ring still looks empty, the waker still finds AWAKE, and nobody kicks.
#[test]
fn announce_needs_its_fence() {
    fails_without(Site::AnnounceFence, LOST_WAKE_UP, Some(3), one_waker);
    fails_without(Site::AnnounceFence, LOST_WAKE_UP, Some(3), two_wakers);
}

// Without the fence in `rouse`, the waker may look at the state before its tail becomes visible:
// it finds AWAKE, then the sleeper announces, finds the old tail, and sleeps.
#[test]
fn rouse_needs_its_fence() {
    fails_without(Site::RouseFence, LOST_WAKE_UP, Some(3), one_waker);
    fails_without(Site::RouseFence, LOST_WAKE_UP, Some(3), two_wakers);
}
