//! `Mailbox`: two threads post, and one that sleeps in between collects.

use super::*;
use crate::Mailbox;
use crate::sync::{AtomicUsize, Ordering};
use loom::cell::UnsafeCell;

/// A letter: who wrote it, its number, and something that loom watches.
type Letter = (usize, u64, UnsafeCell<()>);

fn letters_between_threads(each: u64) {
    let mailbox = Arc::new(Mailbox::<Letter>::new(8));
    let collector = Waker::of_this_thread();
    for writer in 0..2 {
        let (mailbox, collector) = (Arc::clone(&mailbox), collector.clone());
        thread::spawn(move || {
            for number in 0..each {
                let letter: Letter = (writer, number, UnsafeCell::new(()));
                letter.2.with_mut(|_| ());
                assert!(mailbox.post(letter).is_ok());
                collector.wake();
            }
        });
    }
    let mut next = [0; 2];
    while next != [each; 2] {
        for (writer, number, touched) in mailbox.collect() {
            touched.with_mut(|_| ());
            assert_eq!(number, next[writer], "in order");
            next[writer] += 1;
        }
        if next != [each; 2] {
            sleep_unless(&collector.sleeper, || mailbox.has_mail());
        }
    }
}

#[test]
fn letters_arrive_whole_in_order_and_wake() {
    holds(Some(2), || letters_between_threads(2));
}

#[test]
fn the_fences_and_orderings_are_needed() {
    fails_without(Site::Post, RACE, Some(3), || letters_between_threads(1));
    fails_without(Site::Collect, RACE, Some(3), || letters_between_threads(1));
    fails_without(Site::AnnounceFence, LOST_WAKE_UP, Some(3), || letters_between_threads(1));
    fails_without(Site::RouseFence, LOST_WAKE_UP, Some(3), || letters_between_threads(1));
}

/// Marks in a sum that one side has added its own.
const SIDE: usize = 100;

/// Who closes and who posts agree about each letter: it is read, or comes back.
fn letters_at_the_end() {
    let mailbox = Arc::new(Mailbox::<u64>::new(8));
    let (theirs, sum) = (Arc::clone(&mailbox), Arc::new(AtomicUsize::new(0)));
    let their_sum = Arc::clone(&sum);
    let add = |sum: &AtomicUsize, letters: usize| {
        let other = sum.fetch_add(SIDE + letters, Ordering::AcqRel);
        assert!(other < SIDE || other - SIDE + letters == 2, "{other} and {letters}");
    };
    thread::spawn(move || {
        let returned = (0..2).filter(|&number| theirs.post(number).is_err()).count();
        add(&their_sum, returned);
    });
    let read = mailbox.collect().count() + mailbox.close().count();
    add(&sum, read);
}

#[test]
fn none_is_lost_at_the_end() {
    holds(None, letters_at_the_end);
}
