//! A worker and an app as the server runs them: two rings, two sleepers, each thread the producer
//! of one ring and the consumer of the other, and nobody yields: whoever has nothing to do sleeps.

use super::*;

/// Consumes what is there, answers each record, sleeps when there is nothing, until `count` records
/// were answered. Waits for outbound space, as an app thread may.
fn app(app: &Sleeper, worker: &Waker, mut inbound: Consumer, mut outbound: Producer, count: u64) {
    let mut answered = 0;
    while answered < count {
        while let Some(value) = pop(&mut inbound) {
            // Released first: it holds no more than the answer does, and frees the worker's ring.
            if inbound.release() {
                worker.wake();
            }
            while try_push(&mut outbound, value + 100).is_err() {
                // What the worker cannot see it never releases.
                if outbound.publish() {
                    worker.wake();
                }
                sleep_unless(app, || outbound.want_space(Producer::space_for(8)));
            }
            answered += 1;
        }
        if outbound.publish() {
            worker.wake();
        }
        if answered < count {
            sleep_unless(app, || inbound.refresh());
        }
    }
}

/// Sends `count` records as space allows, and reads their answers, in order. Never waits for space
/// alone: it goes on reading.
fn worker(
    worker: &Sleeper,
    app: &Waker,
    mut inbound: Producer,
    mut outbound: Consumer,
    count: u64,
) {
    let (mut sent, mut heard) = (0, 0);
    while heard < count {
        while sent < count && try_push(&mut inbound, sent).is_ok() {
            sent += 1;
        }
        if inbound.publish() {
            app.wake();
        }
        while let Some(value) = pop(&mut outbound) {
            assert_eq!(value, heard + 100);
            heard += 1;
        }
        if outbound.release() {
            app.wake();
        }
        if heard < count {
            sleep_unless(worker, || {
                let is_space = sent < count && inbound.want_space(Producer::space_for(8));
                outbound.refresh() || is_space
            });
        }
    }
}

fn round_trips(count: u64) {
    let [(to_app, at_app), (to_worker, at_worker)] = [small_ring(), small_ring()];
    let this = Waker::of_this_thread();
    let app_sleeper = Arc::<Sleeper>::default();
    let app_thread = thread::spawn({
        let (app_sleeper, worker) = (Arc::clone(&app_sleeper), this.clone());
        move || app(&app_sleeper, &worker, at_app, to_worker, count)
    });
    let app = Waker { sleeper: app_sleeper, thread: app_thread.thread().clone() };
    worker(&this.sleeper, &app, to_app, at_worker, count);
}

#[test]
fn one_round_trip() {
    holds(None, || round_trips(1));
}

#[test]
fn more_round_trips_than_there_is_space() {
    holds(Some(4), || round_trips(3));
}

// Every ordering and fence at once: what each does is said where it is tested alone.
#[test]
fn round_trips_need_every_site() {
    for site in [Site::Publish, Site::Refresh] {
        fails_without(site, RACE, Some(3), || round_trips(1));
    }
    for site in [Site::AnnounceFence, Site::RouseFence] {
        fails_without(site, LOST_WAKE_UP, Some(3), || round_trips(1));
    }
    for site in [Site::Release, Site::LoadHead] {
        fails_without(site, RACE, Some(2), || round_trips(3));
    }
}
