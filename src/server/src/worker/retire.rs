//! Apps that go while the worker serves: each is told, keeps its clients until they leave or its
//! time is up, and is let go of then.
//! Not for: the end of all apps with the server's (`farewell`).

use std::sync::Arc;
use std::time::Duration;

use ringsocket_proto::{CloseCode, Millis};
use ringsocket_ring::{Consumer, Producer};

use super::net::Net;
use super::to_app::ToApp;
use super::{Life, Worker};
use crate::message::Inbound;
use crate::waker::Waker;

/// An app that is to go.
#[derive(Debug)]
pub struct Departure {
    /// Its number.
    pub app: usize,
    /// How long it may keep its clients.
    pub wait: Duration,
    /// What takes its place when it has gone.
    pub vacancy: Vacancy,
    /// Let go of when this worker has let go of the app.
    pub presence: Arc<()>,
}

/// The place of no app: the ends of rings in which nothing ever lies, as small as they can be. So
/// the number of an app always leads to a ring, and the way of a message asks for nothing more.
#[derive(Debug)]
pub struct Vacancy {
    /// In place of the inbound ring.
    pub producer: Producer,
    /// In place of the outbound ring.
    pub consumer: Consumer,
}

impl Vacancy {
    /// The worker's ends: records for nobody are taken and forgotten.
    pub fn occupy(self, waker: Arc<Waker>) -> (ToApp, Consumer) {
        let mut nobody = ToApp::new(self.producer, 0, waker, None);
        nobody.fail();
        (nobody, self.consumer)
    }
}

/// An app that goes.
#[derive(Debug)]
pub(super) struct Retiree {
    app: usize,
    /// When its clients are closed.
    until: Millis,
    wait: Duration,
    is_told: bool,
    are_closed: bool,
    vacancy: Option<Vacancy>,
    _presence: Arc<()>,
}

impl Retiree {
    /// Its number.
    pub(super) fn app(&self) -> usize {
        self.app
    }
}

impl<N: Net> Worker<N> {
    /// Begins to let go of an app, to which nothing leads any more.
    pub(super) fn begin_to_retire(&mut self, departure: Departure) {
        let Departure { app, wait, vacancy, presence } = departure;
        self.retirees.push(Retiree {
            app,
            until: self.now + wait,
            wait,
            is_told: false,
            are_closed: false,
            vacancy: Some(vacancy),
            _presence: presence,
        });
    }

    /// Leaves an app that goes no more time.
    pub(super) fn hurry_app(&mut self, app: usize) {
        let now = self.now;
        self.retirees
            .iter_mut()
            .filter(|retiree| retiree.app == app)
            .for_each(|retiree| retiree.until = retiree.until.min(now));
    }

    /// When the clients of one of them are to be closed.
    #[cold]
    pub(super) fn next_retirement(&self) -> Option<Millis> {
        let waiting = self.retirees.iter().filter(|retiree| !retiree.are_closed);
        waiting.map(|retiree| retiree.until).min()
    }

    /// Takes the steps of letting go of apps that it is time for. To be called when nothing refers
    /// to what lies in a ring.
    #[inline]
    pub(super) fn retire_by_steps(&mut self) {
        if !self.retirees.is_empty() && self.life == Life::Serving {
            self.retire();
        }
    }

    #[cold]
    fn retire(&mut self) {
        let mut retirees = std::mem::take(&mut self.retirees);
        retirees.retain_mut(|retiree| !self.has_let_go_of(retiree));
        self.retirees = retirees;
    }

    /// Whether this was the last step of an app.
    fn has_let_go_of(&mut self, retiree: &mut Retiree) -> bool {
        let app = retiree.app;
        if !retiree.is_told {
            retiree.is_told =
                self.to_apps[app].push(Inbound::Retire { wait: retiree.wait }).is_ok();
        }
        if !retiree.are_closed && self.now >= retiree.until {
            retiree.are_closed = true;
            self.close_all_of(
                app,
                CloseCode::SERVICE_RESTART,
                "the app has been replaced or removed",
            );
        }
        let is_over = retiree.is_told
            && self.clients[app] == 0
            && self.to_apps[app].push(Inbound::End).is_ok();
        if let Some(vacancy) = retiree.vacancy.take_if(|_| is_over) {
            self.vacate(app, vacancy);
        }
        is_over
    }

    /// Lets go of an app that has no clients any more, and has been told that none will come.
    fn vacate(&mut self, app: usize, vacancy: Vacancy) {
        self.to_apps[app].publish();
        let waker = self.to_apps[app].waker();
        let (nobody, from_nobody) = vacancy.occupy(Arc::clone(&waker));
        self.to_apps.put(app, nobody);
        self.from_apps[app] = from_nobody;
        // It may wait for space in a ring that is abandoned now, or for a worker that it was left to.
        waker.wake();
    }
}

#[cfg(test)]
mod tests;
