//! A restart in the midst of it all: the workers and the app come to rest, what they leave goes by way of
//! bytes, and others take it up.
//! Not for: how it gets from one process to the next (`handover`), which has tests of its own.

use std::collections::HashMap;

use ringsocket::message::{Opening, Resumed, Saved, TakenUp};
use ringsocket::worker::parked::{Left, ParkedWorker};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::*;
use crate::network::Socket;

/// What is to come of restarts, and what is under way.
#[derive(Default)]
pub(super) struct Restarts {
    /// When the next begins, in steps.
    pub(super) at: Option<usize>,
    is_under_way: bool,
    /// All workers have waned, and been told.
    have_waned: bool,
    /// What workers have left in it.
    left: Vec<Left<Socket>>,
    /// How many connections have been taken up.
    pub(super) taken_up: usize,
}

impl Outside {
    /// Begins a restart if it is time for one.
    pub(super) fn restart_in_time(&mut self) {
        if self.restarts.at.is_some_and(|at| self.steps >= at) {
            self.restarts.at = None;
            self.restarts.is_under_way = true;
            self.shared.parking.store(true, Ordering::Relaxed);
            self.stop();
        }
        self.wake_the_waned();
    }

    /// As the main thread does, when it finds that all workers have waned.
    fn wake_the_waned(&mut self) {
        let have_all = self.shared.waned_c.load(Ordering::Acquire) == self.workers.len();
        if self.restarts.is_under_way && !self.restarts.have_waned && have_all {
            self.restarts.have_waned = true;
            self.workers.iter().for_each(|side| side.waker.wake());
        }
    }

    pub(super) fn is_restarting(&self) -> bool {
        self.restarts.is_under_way
    }

    /// A worker has come to rest.
    pub(super) fn park(&mut self, index: usize) {
        let mut worker = self.workers[index].worker.take().expect("it has taken a turn");
        self.restarts.left.push(worker.leave());
        self.network.borrow_mut().forget_worker(index);
    }

    fn have_parked(&self) -> bool {
        self.is_restarting() && self.workers.iter().all(|side| side.worker.is_none())
    }
}

/// Goes on with others, as `build` makes them, if the workers and the app have come to rest.
pub(super) fn take_up_in_time(rng: &mut Rng, build: impl Fn(&mut Rng) -> Built) {
    if !(is_app_over() && with_outside(|outside| outside.have_parked())) {
        return;
    }
    let gone = APP.take().expect("the app that has parked");
    let saved: Saved = by_bytes(gone.saved.get().expect("what it has left"));
    let (mut workers, mut app, shared) = build(rng);
    let left = with_outside(|outside| std::mem::take(&mut outside.restarts.left));
    let taken_up = take_up(left, saved, &mut workers);
    with_outside(|outside| {
        outside.restarts.taken_up += taken_up.clients.len();
        (outside.restarts.is_under_way, outside.restarts.have_waned) = (false, false);
        outside.restarts.at = (!rng.once_in(4)).then(|| outside.steps + 1 + rng.below(1500));
        outside.workers = workers;
        outside.shared = shared;
    });
    APP_WAKER.set(Some(Arc::clone(app.post.waker())));
    let AppState::Awake(next) = &mut app.state else { unreachable!("it begins awake") };
    next.init().expect("the apps' init does not fail");
    IS_APPS_STEP.set(true);
    next.restore(taken_up);
    IS_APPS_STEP.set(false);
    APP.set(Some(app));
}

/// Has workers take up what others have left; gives what is the app's.
fn take_up(left: Vec<Left<Socket>>, saved: Saved, workers: &mut [WorkerSide]) -> TakenUp {
    let endpoints: HashMap<_, _> = saved.clients.iter().copied().collect();
    let mut clients = Vec::new();
    for Left { worker, sockets, secrets } in left {
        let worker: ParkedWorker = by_bytes(&worker);
        for (client, address) in worker.clients_of(0) {
            let Some(&endpoint) = endpoints.get(&client) else { continue };
            let mut opening = Vec::new();
            let texts: [&[u8]; 4] = [b"/app", b"", b"", b""];
            Opening::write(address, texts, None, std::iter::empty(), &mut opening);
            clients.push(Resumed { client, endpoint, opening: opening.into() });
        }
        let heir = workers[usize::from(worker.index)].worker.as_mut().expect("a new one");
        let lost_c = heir.take_up(Left { worker, sockets, secrets }, Some);
        assert_eq!(lost_c, 0, "connections that could not be taken up");
    }
    TakenUp { saved, clients }
}

/// What is read where this has been written.
fn by_bytes<T: Serialize + DeserializeOwned>(what: &T) -> T {
    let bytes = postcard::to_stdvec(what).expect("it can be written");
    postcard::from_bytes(&bytes).expect("and read")
}
