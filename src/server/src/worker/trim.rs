//! Memory that only a burst needed is given back once the worker has been idle for a while, or at once
//! where memory is short.
//! Not for: buffers of single connections, which go as soon as they are empty ([`super::peer`]).

use std::time::Duration;

use ringsocket_proto::deflate::Inflater;

use super::Worker;
use super::counters::count;
use super::net::Net;
use super::press::Press;
use super::topics::Topics;

/// After so long without anything to do.
const TRIM_AFTER: Duration = Duration::from_secs(1);

impl<N: Net> Worker<N> {
    /// At the start of a turn: gives memory back if this is what the worker was woken for, and
    /// otherwise puts that off. So an idle worker is woken for it once, and again only as long as
    /// an app still uses some of the memory.
    pub(super) fn trim_when_idle(&mut self) {
        if self.waker.take_shedding() {
            self.shed();
        }
        let is_due = self.trim_at.is_some_and(|at| at <= self.now);
        let is_idle =
            is_due && self.ready.is_empty() && !self.gather.has_touched() && !self.waker.has_mail();
        self.trim_at = if is_idle && self.trim() { None } else { Some(self.now + TRIM_AFTER) };
    }

    /// Memory is short: what can be given back now is, however busy the worker is. The rest follows
    /// when it is idle.
    #[cold]
    fn shed(&mut self) {
        self.trim();
        count(&self.counters().sheds);
    }

    /// For the start of a turn. False if there is more to give back: memory that an app still uses, or
    /// that another thread is just giving back.
    fn trim(&mut self) -> bool {
        if !self.gather.has_touched() {
            self.gather.trim();
        }
        self.send_buffer = Vec::new();
        self.records = Vec::new();
        self.opening = Vec::new();
        self.inflater = Inflater::default();
        self.press.iter_mut().for_each(Press::trim);
        self.topics.iter_mut().for_each(Topics::trim);
        let is_all = self.to_apps.iter_mut().fold(true, |all, to_app| to_app.trim() & all);
        self.net.trim() && is_all
    }
}
