//! What changes while a worker runs: apps that come, what is served where, and limits.
//! Not for: apps that go (`retire`), what other limits mean for whom (`policy`), or deciding any of this
//! (the main thread).
//!
//! The main thread never takes anything out of a worker's hands: it sends a [`Change`], and the
//! worker acts on it at the start of a turn. Where there is none, a turn costs one load for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};

use ringsocket_ring::Consumer;

use super::net::Net;
use super::retire::Departure;
use super::to_app::ToApp;
use super::topics::Topics;
use super::{Life, Policy, Worker};
use crate::site::Site;
use crate::waker::Waker;

/// What a worker is to change, all in one turn.
#[derive(Debug)]
pub struct Change {
    /// Apps that come: from now on there are rings to and from them. In the order of their numbers.
    pub arrivals: Vec<Arrival>,
    /// What is served from now on. It leads to no app that departs.
    pub site: Arc<Site>,
    /// Limits and times from now on.
    pub policy: Arc<Policy>,
    /// Apps that go, once their clients have gone.
    pub departures: Vec<Departure>,
    /// Apps that are to have gone at once: their clients are closed now.
    pub hurried: Vec<usize>,
}

/// An app that comes.
#[derive(Debug)]
pub struct Arrival {
    /// Its number: the next one, or that of an app which has gone.
    pub app: usize,
    /// The way to it.
    pub to_app: ToApp,
    /// The way back.
    pub from_app: Consumer,
}

/// The main thread's end of the way to a worker.
#[derive(Debug)]
pub struct Orders {
    sender: Sender<Change>,
    is_due: Arc<AtomicBool>,
    waker: Arc<Waker>,
}

impl Orders {
    /// Has the worker act on a change in its next turn. Never waits. A worker that stops drops what
    /// it has not taken.
    pub fn give(&self, change: Change) {
        let _ = self.sender.send(change); // a worker that has ended needs none
        self.is_due.store(true, Ordering::Release);
        self.waker.wake();
    }
}

/// The worker's end.
#[derive(Debug)]
pub(super) struct Changes {
    receiver: Receiver<Change>,
    is_due: Arc<AtomicBool>,
}

impl Default for Changes {
    /// From where none ever comes.
    fn default() -> Self {
        Self { receiver: mpsc::channel().1, is_due: Arc::default() }
    }
}

impl Changes {
    /// Whether there is one.
    #[inline]
    pub(super) fn are_due(&self) -> bool {
        self.is_due.load(Ordering::Relaxed)
    }
}

impl<N: Net> Worker<N> {
    /// The way by which the main thread tells the worker what changes. Asked for once, before the
    /// first turn.
    pub fn orders(&mut self) -> Orders {
        let (sender, receiver) = mpsc::channel();
        let is_due = Arc::new(AtomicBool::new(false));
        self.changes = Changes { receiver, is_due: Arc::clone(&is_due) };
        Orders { sender, is_due, waker: Arc::clone(&self.waker) }
    }

    /// Whether there is a change that the worker would take. One that stops changes nothing more.
    #[inline]
    pub(super) fn has_changes(&self) -> bool {
        self.changes.are_due() && self.life == Life::Serving
    }

    /// Acts on all changes that have come.
    #[cold]
    pub(super) fn take_changes(&mut self) {
        // Whoever sends another from here on says so again.
        self.changes.is_due.swap(false, Ordering::Acquire);
        while let Ok(change) = self.changes.receiver.try_recv() {
            change.arrivals.into_iter().for_each(|arrival| self.welcome_app(arrival));
            self.site = change.site;
            self.adopt(change.policy);
            change.departures.into_iter().for_each(|departure| self.begin_to_retire(departure));
            change.hurried.into_iter().for_each(|app| self.hurry_app(app));
        }
    }

    /// Gives an app its place.
    fn welcome_app(&mut self, Arrival { app, to_app, from_app }: Arrival) {
        self.to_apps.put(app, to_app);
        if app == self.from_apps.len() {
            self.from_apps.push(from_app);
            self.members.push(Vec::new());
            self.topics.push(Topics::default());
            self.clients.push(0);
            self.unasked.push(false);
            self.undrained.push(false);
        } else {
            self.from_apps[app] = from_app;
        }
    }

    /// Ends: all rings are let go of, and then those who may wait for one look again.
    pub(super) fn let_go(self) {
        let Self { mut to_apps, from_apps, changes, .. } = self;
        let late: Vec<_> = changes.receiver.try_iter().collect();
        let arrivals = late.iter().flat_map(|change| &change.arrivals);
        let mut wakers: Vec<_> = arrivals.map(|arrival| arrival.to_app.waker()).collect();
        wakers.extend(to_apps.iter_mut().map(|to_app| to_app.waker()));
        drop((to_apps, from_apps, changes, late));
        wakers.iter().for_each(|waker| waker.wake());
    }
}
