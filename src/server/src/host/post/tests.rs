//! The app's own thread and two deputies in orders that a real run meets seldom; each test plays
//! all of them on one thread.

mod calls;

use std::cell::Cell;
use std::error::Error;

use ringsocket_app::{App, Context as Cx};
use ringsocket_ring::{Producer, ring};

use super::*;
use crate::host::api::Instance;
use crate::host::app_loop::Turn;
use crate::host::context::{Context, Facts};
use crate::host::library::Callbacks;
use crate::host::outlets::{Outlet, Outlets};
use crate::host::pace::Threads;
use crate::host::topics::TopicLimits;
use crate::message::{Inbound, Scope};

const RING: usize = 64 * 1024;

struct Quiet;

impl App for Quiet {
    fn init(_: &mut Cx<'_>) -> Result<Self, Box<dyn Error>> {
        Ok(Self)
    }
}

static QUIET: ringsocket_app::abi::App = ringsocket_app::__private::vtable::<Quiet>();

thread_local! {
    static TICKS: Cell<u64> = const { Cell::new(0) };
}

/// A millisecond passes from one look to the next.
fn ticking() -> Duration {
    TICKS.set(TICKS.get() + 1);
    Duration::from_millis(TICKS.get())
}

/// A worker to whose clients nothing is sent.
struct Nobody;

impl Sink for Nobody {
    fn send(&mut self, _: &[u8], _: &[u8], _: Scope, _: &[ClientId]) {}

    fn close(&mut self, _: ClientId, _: u16, _: &[u8]) {}

    fn opened(&mut self, _: ClientId) {}

    fn accept(&mut self, _: ClientId, _: &[u8]) {}

    fn refuse(&mut self, _: ClientId, _: u16, _: &[u8]) {}

    fn subscription(&mut self, _: ClientId, _: u64, _: bool) {}

    fn meanwhile(&mut self) {}
}

/// What is around a post.
struct Place {
    post: Arc<Post>,
    deputies: Vec<Substitute>,
    /// The workers' ends of the inbound rings.
    rings: Vec<Producer>,
}

/// A post, and its app in the hands of its own thread.
fn place(worker_c: usize) -> (Place, Box<AppLoop>) {
    place_of(&QUIET, worker_c)
}

/// The same of this app.
fn place_of(app: &'static ringsocket_app::abi::App, worker_c: usize) -> (Place, Box<AppLoop>) {
    let waker = Arc::new(Waker::simulated(|| {}));
    let (mut rings, mut inbound, mut outlets) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..worker_c {
        let (producer, consumer) = ring(RING).expect("a ring");
        rings.push(producer);
        inbound.push(consumer);
        let (producer, _) = ring(RING).expect("a ring");
        outlets.push(Outlet::new(producer, Arc::new(Waker::simulated(|| {})), 1));
    }
    let probes = inbound.iter().map(ringsocket_ring::Consumer::probe).collect();
    let post = Arc::new(Post::new(probes, Arc::clone(&waker)));
    let topics = Arc::new(TopicLimits::new(0, 0));
    let facts = Facts { name: "quiet".into(), max_message: 1000, max_kept: 1000, topics };
    let context =
        Context::new(facts, Outlets::new(outlets, 0, waker), Arc::clone(post.posted()), ticking);
    let mut app =
        AppLoop::new(Instance::new(Callbacks::linked(app), context), inbound, Threads::Any);
    app.init().expect("it starts");
    let deputies = (0..worker_c).map(|index| Substitute::new(Arc::clone(&post), index)).collect();
    (Place { post, deputies, rings }, Box::new(app))
}

impl Place {
    /// A worker publishes a record, and wakes the app's thread if that sleeps.
    fn publish(&mut self, worker: usize) {
        self.tell(worker, Inbound::Close { client: ClientId::new(0, 0, 1), code: 0, reason: b"" });
    }

    fn tell(&mut self, worker: usize, record: Inbound<'_>) {
        let (head, _) = record.encode();
        let mut space = self.rings[worker].reserve(head.len()).expect("space");
        space.copy_from_slice(&head);
        space.commit();
        assert!(self.rings[worker].publish());
        self.post.waker().wake();
    }

    fn is_asleep(&self) -> bool {
        self.post.waker().sleeper().is_asleep()
    }
}

#[track_caller]
fn asleep(rest: Rest) -> Bed {
    match rest {
        Rest::Asleep(bed) => bed,
        Rest::Awake(_) => panic!("awake"),
    }
}

#[track_caller]
fn awake(rest: Rest) -> Box<AppLoop> {
    match rest {
        Rest::Awake(app) => app,
        Rest::Asleep(_) => panic!("asleep"),
    }
}

/// The app is left with a time at which its thread wakes, so that this is no reason to wake it.
const LATER: Option<Duration> = Some(Duration::from_secs(1));

#[test]
fn whoever_gives_the_app_back_wakes_its_thread_for_what_another_worker_has_published() {
    let (mut place, app) = place(2);
    let bed = place.post.leave(app, LATER);
    assert!(place.deputies[0].take());
    place.publish(1); // nobody is woken, since nobody sleeps yet
    let bed = asleep(place.post.lie_down(bed)); // the app is not there to be taken
    assert!(place.is_asleep());
    place.deputies[0].give_back();
    assert!(!place.is_asleep());
    let mut app = awake(place.post.rise(bed));
    assert_eq!(app.turn(), Turn::Busy);
}

#[test]
fn nobody_is_woken_for_nothing() {
    let (mut place, app) = place(2);
    asleep(place.post.lie_down(place.post.leave(app, LATER)));
    for deputy in &mut place.deputies {
        assert!(deputy.take());
        deputy.give_back();
    }
    assert!(place.is_asleep());
}

#[test]
fn an_app_that_its_thread_waits_for_is_not_taken_again() {
    let (mut place, app) = place(2);
    let bed = asleep(place.post.lie_down(place.post.leave(app, LATER)));
    assert!(place.deputies[0].take());
    // Its timer is due, say.
    place.post.waker().sleeper().retract();
    let bed = asleep(place.post.rise(bed));
    place.deputies[0].give_back();
    assert!(!place.is_asleep(), "woken, but it takes a while");
    assert!(place.deputies.iter_mut().all(|deputy| !deputy.take()));
    assert!(place.deputies.iter().all(|deputy| !deputy.is_left()), "nobody is to rely on it");
    let app = awake(place.post.rise(bed));
    asleep(place.post.lie_down(place.post.leave(app, LATER)));
    assert!(place.deputies[1].take());
}

#[test]
fn a_worker_that_declines_has_not_asked() {
    let (mut place, app) = place(1);
    let deputy = &mut place.deputies[0];
    assert!(deputy.ask());
    assert!(place.post.is_asked_for(&app));
    assert!(deputy.ask(), "asked again just before the app is left");
    let bed = asleep(place.post.cede(app, LATER));
    place.deputies[0].decline();
    assert!(!place.is_asleep());
    let app = awake(place.post.rise(bed));
    assert!(!place.post.is_asked_for(&app), "nobody would come for it");
}

#[test]
fn what_takes_long_to_catch_up_with_is_for_the_own_thread() {
    let (mut place, app) = place(2);
    (0..1000).for_each(|_| place.publish(0));
    let bed = place.post.leave(app, LATER);
    assert!(place.deputies[0].take());
    assert!(!place.deputies[0].catch_up(&mut Nobody));
    place.deputies[0].give_back();
    assert!(place.deputies.iter_mut().all(|deputy| !deputy.take()), "reserved");
    let mut app = awake(place.post.lie_down(bed));
    while app.turn() == Turn::Busy {}
    place.post.leave(app, LATER);
    assert!(place.deputies[0].take());
    assert!(place.deputies[0].catch_up(&mut Nobody), "it has been read");
}

#[test]
fn an_app_parks_on_its_own_thread_whoever_hears_of_it() {
    let (mut place, app) = place(2);
    let saved = app.saved();
    let bed = place.post.leave(app, LATER);
    for (worker, may_go_on) in [(0, true), (1, false)] {
        assert!(place.deputies[worker].take());
        place.tell(worker, Inbound::Park);
        assert_eq!(place.deputies[worker].catch_up(&mut Nobody), may_go_on);
        place.deputies[worker].give_back();
    }
    assert!(place.deputies.iter_mut().all(|deputy| !deputy.take()), "it is for its own thread");
    assert_eq!(saved.get(), None);
    let mut app = awake(place.post.lie_down(bed));
    assert_eq!(app.turn(), Turn::Over);
    assert!(saved.get().is_some());
}
