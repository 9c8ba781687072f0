//! `RunRight`: an app that sleeps, and workers that run it meanwhile.

use super::*;
use crate::{Probe, RunRight};
use loom::cell::UnsafeCell;

/// What is run: it counts the records of each worker, which must come in order.
struct App {
    inbound: Vec<Consumer>,
    counts: Vec<u64>,
    /// Touched by whoever runs the app, so that loom sees two at a time.
    touched: UnsafeCell<()>,
}

impl App {
    fn read(&mut self, worker: usize) {
        while let Some(value) = pop(&mut self.inbound[worker]) {
            assert_eq!(value, self.counts[worker]);
            self.counts[worker] += 1;
        }
        let _ = self.inbound[worker].release(); // the ring is never full
        // After the fence in there, which would do instead of the box's own orderings.
        self.touched.with_mut(|_| ());
    }

    fn is_done(&self, each: u64) -> bool {
        self.counts.iter().all(|&count| count == each)
    }
}

/// Where the app is left.
struct Post {
    right: RunRight<App>,
    probes: Vec<Probe>,
}

impl Post {
    fn has_news(&self) -> bool {
        self.probes.iter().any(Probe::has_news)
    }
}

/// The app's own thread, until all is done.
fn own_thread(post: &Post, sleeper: &Sleeper, mut app: Box<App>, each: u64) {
    loop {
        (0..app.inbound.len()).for_each(|worker| app.read(worker));
        if app.is_done(each) {
            return;
        }
        post.right.leave(app);
        sleeper.announce();
        let is_needed = post.has_news() || post.right.is_recalled();
        let found = if is_needed { post.right.take() } else { None };
        if found.is_none() {
            thread::park();
        }
        sleeper.retract();
        app = found.unwrap_or_else(|| regain(post, sleeper));
    }
}

fn regain(post: &Post, sleeper: &Sleeper) -> Box<App> {
    loop {
        post.right.want();
        sleeper.announce();
        let found = post.right.take();
        if found.is_none() {
            thread::park();
        }
        sleeper.retract();
        if let Some(app) = found {
            post.right.has_got();
            return app;
        }
    }
}

/// A worker sends its records one by one and runs the app itself where it can.
fn worker(number: usize, post: &Post, app_thread: &Waker, mut ring: Producer, each: u64) {
    for value in 0..each {
        push(&mut ring, value);
        let _ = ring.publish();
        let Some(mut app) = post.right.take_unless_reserved() else {
            app_thread.wake();
            continue;
        };
        app.read(number);
        let is_done = app.is_done(each);
        if is_done {
            post.right.recall(); // only the app's own thread can end it
        }
        post.right.leave(app);
        if is_done || post.right.is_wanted() || post.has_news() {
            app_thread.wake();
        }
    }
}

fn deputies(worker_c: usize, each: u64) {
    let (producers, inbound): (Vec<_>, Vec<_>) = (0..worker_c).map(|_| small_ring()).unzip();
    let probes = inbound.iter().map(Consumer::probe).collect();
    let post = Arc::new(Post { right: RunRight::new(), probes });
    let counts = vec![0; worker_c];
    let app = Box::new(App { inbound, counts, touched: UnsafeCell::new(()) });
    let this = Waker::of_this_thread();
    for (number, ring) in producers.into_iter().enumerate() {
        let (post, app_thread) = (Arc::clone(&post), this.clone());
        thread::spawn(move || worker(number, &post, &app_thread, ring, each));
    }
    own_thread(&post, &this.sleeper, app, each);
}

#[test]
fn a_worker_runs_the_app_while_it_sleeps() {
    holds(Some(4), || deputies(1, 2));
}

#[test]
fn two_workers_take_turns_with_the_app() {
    holds(Some(3), || deputies(2, 1));
}

#[test]
fn the_box_needs_both_orderings() {
    for site in [Site::Leave, Site::Take] {
        fails_without(site, RACE, Some(3), || deputies(2, 1));
    }
}

#[test]
fn nothing_is_left_lying_thanks_to_the_fences() {
    for site in [Site::LeaveFence, Site::RouseFence] {
        fails_without(site, LOST_WAKE_UP, Some(3), || deputies(2, 1));
    }
}
