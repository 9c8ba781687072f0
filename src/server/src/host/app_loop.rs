//! An app's turn: what has come in is handed to its callbacks, and what they have sent goes out.
//!
//! All of it may be called by any one thread, one at a time: the app's own takes turns, and while
//! that sleeps a worker may call the app for its messages (`post`). It never sleeps, except in a
//! send that finds a ring full.

mod batch;
mod restart;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ringsocket_ring::{Collected, Consumer, Probe};

use self::batch::{BATCH_TIME, Batch, News};
use super::api::{AppFault, Instance};
use super::pace::{Pace, Threads};
use super::posted::Call;
use crate::deputy::Sink;
use crate::log;
use crate::message::{ClientId, Outbound, Resumed, Saved};
use crate::sys::heap;
use crate::waker::Waker;

/// What a worker finds in its ring when it takes the app is left to the app's own thread if it takes
/// longer than this, and so is the app until that has come to the end: the worker has other apps'
/// clients, too.
const CATCH_UP_MAX: Duration = Duration::from_millis(5);

/// What a turn has shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// Something was done; there may be more.
    Busy,
    /// There is nothing to do until something comes in, or until this time.
    Idle(Option<Duration>),
    /// All workers are gone, or the app has failed or parked: there will be nothing to do.
    Over,
}

/// An app and its rings.
pub struct AppLoop {
    instance: Instance,
    inbound: Vec<Consumer>,
    name: Arc<str>,
    news: News,
    /// Most records that the next batch takes; adapts to how long the callbacks take.
    batch: usize,
    /// How long the callbacks take.
    pace: Pace,
    /// A worker has left something in its ring for want of time, and the rings have not been empty
    /// since.
    is_handed_back: bool,
    /// Something has been done since its own thread last looked.
    is_used: bool,
    /// Memory that only a burst needed has been given back.
    is_trimmed: bool,
    /// Calls that threads of the app's own have posted, and that are still to be made.
    calls: Collected<Call>,
    /// A callback that a worker has run failed; the app's own thread has to deal with it.
    fault: Option<AppFault>,
    /// Clients that have lived on over a restart, and that `open` is still to be called for.
    reopening: std::vec::IntoIter<Resumed>,
    /// What the app leaves behind when it parks.
    saved: Arc<OnceLock<Saved>>,
    /// When the sleep of the app's own thread ends by itself.
    pub(super) rests_until: Option<Duration>,
}

impl fmt::Debug for AppLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppLoop").field("name", &self.name).finish_non_exhaustive()
    }
}

impl AppLoop {
    /// Joins an app with its inbound rings, one from each worker, by the worker's number.
    pub fn new(mut instance: Instance, inbound: Vec<Consumer>, threads: Threads) -> Self {
        let name = instance.context().facts.name.clone();
        let calls = instance.context().posted.collect();
        let news = News::new(inbound.len());
        let threads = if instance.runs_on_any_thread() { threads } else { Threads::Own };
        Self {
            instance,
            inbound,
            name,
            news,
            batch: 16,
            pace: Pace::new(threads),
            is_handed_back: false,
            is_used: false,
            is_trimmed: true,
            calls,
            fault: None,
            reopening: Vec::new().into_iter(),
            saved: Arc::default(),
            rests_until: None,
        }
    }

    /// Calls the app's `init`.
    ///
    /// # Errors
    /// If it fails. There must be no turn then.
    pub fn init(&mut self) -> Result<(), AppFault> {
        self.instance.init()
    }

    /// The app is not called any more, save that it frees its state: what was posted is discarded
    /// before.
    fn quit(&mut self) {
        self.calls.by_ref().for_each(drop);
        self.instance.quit();
    }

    /// Does what there is to do, within bounds.
    pub fn turn(&mut self) -> Turn {
        match self.try_turn() {
            Ok(Turn::Over) => {
                self.quit();
                Turn::Over
            }
            Ok(turn) => turn,
            Err(fault) => {
                self.fail(fault);
                self.quit();
                Turn::Over
            }
        }
    }

    /// Whether all workers have ended, be it without a word because they had no time left for it.
    fn is_alone(&mut self) -> bool {
        let is_gone = |(ring, ended): (&mut Consumer, &bool)| {
            *ended || ring.is_abandoned() && !ring.refresh()
        };
        self.inbound.iter_mut().zip(&self.news.ended).all(is_gone)
    }

    /// Looks at the inbound rings from outside.
    pub fn probes(&self) -> Vec<Probe> {
        self.inbound.iter().map(Consumer::probe).collect()
    }

    /// Whether workers may call the app while its own thread sleeps.
    pub fn may_be_lent(&self) -> bool {
        self.pace.is_quick() && !self.is_handed_back && self.fault.is_none()
    }

    /// Whether there is something that only the app's own thread can do, or has to know for its
    /// sleep.
    pub fn needs_its_thread(&mut self) -> bool {
        let timer = self.instance.context().timer;
        let has_calls = !self.calls.is_empty() || self.instance.context().posted.has_calls();
        let is_early = |at| self.rests_until.is_none_or(|until| at < until);
        !self.may_be_lent()
            || has_calls
            || timer.is_some_and(is_early)
            || !self.is_trimmed && self.rests_until.is_none()
    }

    /// When `timer` is to be called.
    pub(super) fn timer(&mut self) -> Option<Duration> {
        self.instance.context().timer
    }

    /// How a worker is woken.
    pub(super) fn waker_of(&mut self, worker: usize) -> Arc<Waker> {
        self.instance.context().outlets.waker_of(worker)
    }

    /// A worker begins to call the app.
    pub fn begin_session(&mut self) {
        self.is_used = true;
        self.is_trimmed = false;
        self.pace.begin_session();
    }

    /// It has finished.
    pub fn end_session(&mut self) {
        let clock = self.instance.context().clock;
        self.pace.end_session(clock);
        let outlets = &mut self.instance.context().outlets;
        outlets.publish();
        outlets.reclaim();
    }

    /// On a worker's thread: hands over all that has come in from that worker. False if the worker
    /// must give the app back at once.
    pub fn catch_up(&mut self, worker: usize, sink: &mut dyn Sink) -> bool {
        let clock = self.instance.context().clock;
        let mut until = None;
        while self.may_be_lent() && self.inbound[worker].refresh() {
            let now = clock();
            if now > *until.get_or_insert(now.saturating_add(CATCH_UP_MAX)) {
                self.is_handed_back = true;
                return false;
            }
            let (inbound, news) = (&mut self.inbound, &mut self.news);
            let (batch, pace) = (&mut self.batch, &mut self.pace);
            let took = self.instance.stand_in(worker, sink, |instance| {
                Batch { instance, inbound, news, size: batch, pace }.take(worker)
            });
            self.fault = took.err();
            // To park is for its own thread.
            self.is_handed_back |= self.news.is_to_park;
            self.pace.begin_session();
        }
        self.may_be_lent()
    }

    /// On a worker's thread: calls the app for a message of that worker's client, to whose inbound
    /// ring it has caught up. False as above.
    #[inline]
    pub fn read_at_once(
        &mut self,
        worker: usize,
        client: ClientId,
        is_text: bool,
        payload: &[u8],
        sink: &mut dyn Sink,
    ) -> bool {
        let clock = self.instance.context().clock;
        let start = self.pace.is_to_be_timed().then(clock);
        let result = self
            .instance
            .stand_in(worker, sink, |instance| instance.read(client, is_text, payload));
        if let Err(fault) = result {
            self.fault = Some(fault);
            return false;
        }
        start.is_none_or(|start| self.pace.note_call(start, clock()))
    }

    /// Notes whether anything has been done since the last time. If not, and not for the first time,
    /// memory that only a burst needed is given back, as far as workers are done with it. Says when
    /// to look again, if at all.
    pub fn trim(&mut self, wait: Duration) -> Option<Duration> {
        if std::mem::take(&mut self.is_used) {
            self.is_trimmed = false;
        } else if !self.is_trimmed {
            self.is_trimmed = self.shed();
        }
        let now = (self.instance.context().clock)();
        (!self.is_trimmed).then(|| now.saturating_add(wait))
    }

    /// Gives memory back that only a burst needed. False if workers still use some of it, or another
    /// thread is at it.
    pub fn shed(&mut self) -> bool {
        let context = self.instance.context();
        let is_all_back = context.outlets.trim();
        context.topics.trim();
        context.upgrades.trim();
        heap::trim() & is_all_back
    }

    /// Tells every worker that the app has failed, which makes them close its clients.
    pub fn fail(&mut self, fault: AppFault) {
        self.instance.context().close_posted();
        log::error!(
            id: log::id::APP_STOPPED,
            app: self.name,
            "app stopped: {fault}; its clients are closed with 1011"
        );
        let outlets = &mut self.instance.context().outlets;
        for worker in 0..outlets.worker_c() {
            outlets.tell(worker, &Outbound::fault_head(), &[], &[]);
        }
        outlets.publish();
    }

    fn try_turn(&mut self) -> Result<Turn, AppFault> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        if !self.reopening.as_slice().is_empty() {
            return self.reopen_some().map(|()| Turn::Busy);
        }
        let mut is_busy = false;
        for worker in 0..self.inbound.len() {
            let (instance, inbound, news) = (&mut self.instance, &mut self.inbound, &mut self.news);
            let (size, pace) = (&mut self.batch, &mut self.pace);
            is_busy |= Batch { instance, inbound, news, size, pace }.take(worker)?;
        }
        if self.news.is_to_park {
            return self.park().map(|()| Turn::Over);
        }
        is_busy |= self.run_posted()?;
        let timer = self.run_timer()?;
        if self.is_alone() {
            return Ok(Turn::Over);
        }
        self.is_used |= is_busy;
        self.is_handed_back = self.is_handed_back && self.inbound.iter_mut().any(Consumer::refresh);
        Ok(if is_busy { Turn::Busy } else { Turn::Idle(timer) })
    }

    /// Makes the calls that threads of the app's own have posted. False if there were none.
    fn run_posted(&mut self) -> Result<bool, AppFault> {
        if self.calls.is_empty() {
            let posted = &self.instance.context().posted;
            if !posted.has_calls() {
                return Ok(false);
            }
            self.calls = posted.collect();
        }
        let now = self.instance.context().clock;
        let until = now() + BATCH_TIME;
        let mut result = Ok(());
        for call in self.calls.by_ref() {
            result = self.instance.posted(call);
            if result.is_err() || now() > until {
                break;
            }
        }
        let outlets = &mut self.instance.context().outlets;
        outlets.publish();
        outlets.reclaim();
        result.map(|()| true)
    }

    /// Calls `timer` if it is due; says when it will be.
    fn run_timer(&mut self) -> Result<Option<Duration>, AppFault> {
        let context = self.instance.context();
        if let Some(at) = context.timer {
            if at <= (context.clock)() {
                context.timer = None;
                let result = self.instance.timer();
                self.instance.context().outlets.publish();
                result?;
            }
        }
        Ok(self.instance.context().timer)
    }
}
