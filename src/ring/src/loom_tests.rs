//! loom explores every interleaving, and every stale value that the orderings allow, of small
//! models made of the real ring and the real handshake. Run them all with `tests/loom`.
//!
//! They are not for arithmetic or for wrapping (`tests/model.rs`): a ring here holds two records.
//!
//! Each model is run as it is, and again with each site left out that it exists to check (a fence,
//! or an Acquire or Release made Relaxed): then loom must find the fault. So the proof that no site
//! can be done without is itself a test.
//!
//! Two kinds of fault are told apart by loom's own words: `Causality violation`, a data race, is
//! what a torn or stale record amounts to; `deadlock` is a lost wake-up.
//!
//! No model joins its threads: loom runs them to their end anyhow, and its `join` (like its
//! `Notify`) writes a line to stderr each time.

mod both;
mod mailbox;
mod positions;
mod right;
mod sleep;
mod space;

use crate::{
    Consumer, Producer, Record, ReserveError, Sleeper, ring,
    sync::{Site, omit},
};
use loom::thread::{self, Thread};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

/// Bytes: two records of 8 bytes each.
const CAPACITY: usize = 32;

/// Explores `model` with all orderings in place. `preemptions` bounds how often a thread is
/// interrupted where it could have gone on; `None` explores everything.
fn holds(preemptions: Option<usize>, model: fn()) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.check(model);
}

/// Explores `model` without `site`, and demands that it fails as `fault` says.
fn fails_without(site: Site, fault: &str, preemptions: Option<usize>, model: fn()) {
    let restore = omit(site);
    let panic = catch_unwind(AssertUnwindSafe(|| holds(preemptions, model)));
    drop(restore);
    let Err(panic) = panic else {
        panic!("the model holds without {site:?}: it does not check it");
    };
    let words = panic.downcast_ref::<String>().map(String::as_str);
    let words = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default();
    assert!(words.contains(fault), "without {site:?}: {words:?} instead of {fault:?}");
}

const RACE: &str = "Causality violation";
const LOST_WAKE_UP: &str = "deadlock";

/// How to wake a thread: the handshake, and loom's `unpark` in place of futex or eventfd. Like them
/// it works before the sleep, too.
#[derive(Clone)]
struct Waker {
    sleeper: Arc<Sleeper>,
    thread: Thread,
}

impl Waker {
    /// For this thread, which sleeps in [`sleep_unless`].
    fn of_this_thread() -> Self {
        Self { sleeper: Arc::default(), thread: thread::current() }
    }

    fn wake(&self) {
        if self.sleeper.rouse() {
            self.thread.unpark();
        }
    }
}

/// This thread sleeps unless the second look finds something.
fn sleep_unless(sleeper: &Sleeper, second_look: impl FnOnce() -> bool) {
    sleeper.announce();
    if !second_look() {
        thread::park();
    }
    sleeper.retract();
}

fn try_push(producer: &mut Producer, value: u64) -> Result<(), ReserveError> {
    let mut reservation = producer.reserve(8)?;
    reservation.copy_from_slice(&value.to_ne_bytes());
    reservation.commit();
    Ok(())
}

fn push(producer: &mut Producer, value: u64) {
    try_push(producer, value).expect("the model leaves room");
}

/// The value of the next record, looked at twice.
fn pop(consumer: &mut Consumer) -> Option<u64> {
    let position = consumer.next()?.0;
    Some(value(consumer.at(position)))
}

fn value(record: Record<'_>) -> u64 {
    u64::from_ne_bytes(record.inline.try_into().expect("8 bytes"))
}

fn small_ring() -> (Producer, Consumer) {
    ring(CAPACITY).expect("heap memory")
}
