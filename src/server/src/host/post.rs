//! Where an app is left by its own thread while that sleeps, and how workers run it meanwhile.
//! Not for: the order of leaving and taking (`ringsocket_ring::RunRight`).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ringsocket_ring::{Probe, RunRight};

use super::app_loop::AppLoop;
use super::posted::Posted;
use crate::deputy::{Deputy, Sink};
use crate::message::ClientId;
use crate::waker::Waker;

/// The place of one app.
#[derive(Debug)]
pub struct Post {
    right: RunRight<AppLoop>,
    /// Its inbound rings.
    probes: Vec<Probe>,
    waker: Arc<Waker>,
    /// What threads of its own have for it.
    posted: Arc<Posted>,
}

impl Post {
    /// The place of an app with these inbound rings, whose thread is woken so. The app itself is in
    /// the hands of its thread.
    pub fn new(probes: Vec<Probe>, waker: Arc<Waker>) -> Self {
        let posted = Arc::new(Posted::new(Arc::clone(&waker)));
        Self { right: RunRight::new(), probes, waker, posted }
    }

    /// How the app's own thread is woken.
    pub fn waker(&self) -> &Arc<Waker> {
        &self.waker
    }

    /// Where threads of the app's own reach it.
    pub fn posted(&self) -> &Arc<Posted> {
        &self.posted
    }

    fn has_news(&self) -> bool {
        self.probes.iter().any(Probe::has_news) || self.is_abandoned()
    }

    /// Whether all workers are gone.
    fn is_abandoned(&self) -> bool {
        self.probes.iter().all(Probe::is_abandoned)
    }

    /// For the app's own thread, before a sleep that is to last until `until`: leaves the app here if
    /// a worker may run it. To be followed by [`lie_down`](Self::lie_down).
    pub fn leave(&self, mut app: Box<AppLoop>, until: Option<Duration>) -> Bed {
        if !app.may_be_lent() {
            return Bed { kept: Some(app) };
        }
        app.rests_until = until;
        self.right.leave(app);
        Bed { kept: None }
    }

    /// For the app's own thread: announces the sleep, unless something has come in meanwhile.
    pub fn lie_down(&self, bed: Bed) -> Rest {
        self.waker.sleeper().announce();
        // The second look: whoever published before the announcement did not wake us.
        let has_calls = self.posted.has_calls();
        let is_to_shed = self.waker.is_to_shed();
        if !self.has_news() && !self.right.is_recalled() && !has_calls && !is_to_shed {
            return Rest::Asleep(bed);
        }
        match bed.kept.or_else(|| self.right.take()) {
            Some(app) => self.get_up(app),
            // Whoever was faster looks at the rings, and leaves the calls to this thread.
            None if has_calls => self.rise(Bed { kept: None }),
            // Whoever was faster looks again, too.
            None => Rest::Asleep(Bed { kept: None }),
        }
    }

    /// For the app's own thread in the midst of its work: whether the one worker there is would go
    /// on with it. Where there are several, more than one processor is wanted for it anyway.
    pub fn is_asked_for(&self, app: &AppLoop) -> bool {
        self.has_one_worker() && app.may_be_lent() && self.right.was_asked()
    }

    fn has_one_worker(&self) -> bool {
        self.probes.len() == 1
    }

    /// For the app's own thread: leaves the app to the worker that has asked, whatever is still to
    /// be done, and announces a sleep.
    pub fn cede(&self, mut app: Box<AppLoop>, until: Option<Duration>) -> Rest {
        app.rests_until = until;
        let worker = app.waker_of(0);
        self.right.leave(app);
        self.waker.sleeper().announce();
        worker.wake();
        // A worker that declines says so; one that has ended says nothing.
        let is_declined = self.right.is_recalled() || self.is_abandoned();
        match is_declined.then(|| self.right.take()).flatten() {
            Some(app) => self.get_up(app),
            None => Rest::Asleep(Bed { kept: None }),
        }
    }

    /// For the app's own thread after its sleep: takes the app back, or announces another sleep,
    /// since a worker has it.
    pub fn rise(&self, bed: Bed) -> Rest {
        if let Some(app) = bed.kept.or_else(|| self.right.take()) {
            return self.get_up(app);
        }
        self.right.want();
        self.waker.sleeper().announce();
        match self.right.take() {
            Some(app) => self.get_up(app),
            None => Rest::Asleep(Bed { kept: None }),
        }
    }

    fn get_up(&self, app: Box<AppLoop>) -> Rest {
        self.waker.sleeper().retract();
        self.right.has_got();
        Rest::Awake(app)
    }
}

/// Whether an app's own thread is to sleep.
#[derive(Debug)]
pub enum Rest {
    /// No: it has the app, and there may be something to do.
    Awake(Box<AppLoop>),
    /// Yes, as it has announced, and then to [rise](Post::rise).
    Asleep(Bed),
}

/// What a sleeping thread has kept to itself.
#[derive(Debug)]
pub struct Bed {
    kept: Option<Box<AppLoop>>,
}

/// One worker as the deputy of one app's thread.
pub struct Substitute {
    post: Arc<Post>,
    worker: usize,
    /// While it holds the run right.
    app: Option<Box<AppLoop>>,
}

impl Substitute {
    /// For the worker of this number.
    pub fn new(post: Arc<Post>, worker: usize) -> Self {
        Self { post, worker, app: None }
    }
}

impl fmt::Debug for Substitute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Substitute").field("holds", &self.app.is_some()).finish_non_exhaustive()
    }
}

impl Deputy for Substitute {
    #[inline]
    fn take(&mut self) -> bool {
        self.app = self.post.right.take_unless_reserved();
        match &mut self.app {
            // A deputy before us may have left it to its own thread.
            Some(app) if app.may_be_lent() => {
                self.post.right.was_asked();
                app.begin_session();
                true
            }
            Some(_) => {
                self.give_back();
                false
            }
            None => false,
        }
    }

    fn ask(&mut self) -> bool {
        let is_alone = self.post.has_one_worker();
        if is_alone {
            self.post.right.ask();
        }
        is_alone
    }

    fn is_left(&self) -> bool {
        self.post.right.is_left() && !self.post.right.is_reserved()
    }

    fn decline(&mut self) {
        self.post.right.was_asked(); // forgotten: this worker may have asked since the app was left
        if let Some(app) = self.post.right.take() {
            self.post.right.recall();
            self.post.right.leave(app);
            self.post.waker.wake();
        }
    }

    fn catch_up(&mut self, sink: &mut dyn Sink) -> bool {
        self.app.as_mut().is_some_and(|app| app.catch_up(self.worker, sink))
    }

    #[inline]
    fn read(
        &mut self,
        client: ClientId,
        is_text: bool,
        payload: &[u8],
        sink: &mut dyn Sink,
    ) -> bool {
        let app = self.app.as_mut();
        app.is_some_and(|app| app.read_at_once(self.worker, client, is_text, payload, sink))
    }

    fn give_back(&mut self) {
        let Some(mut app) = self.app.take() else { return };
        app.end_session();
        let is_for_its_thread = app.needs_its_thread();
        if is_for_its_thread {
            self.post.right.recall();
        }
        self.post.right.leave(app);
        let is_wanted = self.post.right.is_wanted() || self.post.waker.is_to_shed();
        if is_for_its_thread || is_wanted || self.post.has_news() {
            self.post.waker.wake();
        }
    }
}

#[cfg(test)]
mod tests;
