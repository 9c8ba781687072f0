//! The direct way between a worker's clients and an app whose thread sleeps: the worker calls the
//! app itself, and gathers what it sends at once.
//!
//! A *session* lasts from the first message of a turn until the worker has read what it reads in
//! that turn. Before the session nothing of the app may be left in its rings, so that the direct way
//! overtakes nothing.
//! Not for: what the app's side does meanwhile (`host::post`).

use std::borrow::Cow;

use ringsocket_proto::{CloseCode, Kind, Payload};

use super::deliver::{Crowd, Reach};
use super::gather::Source;
use super::loans::{LEND_MIN, Lent, Loans};
use super::net::Net;
use super::to_app::Congested;
use super::{Life, Worker};
use crate::deputy::{Deputy, Sink};
use crate::message::{ClientId, Scope};

/// Once so many bytes have been gathered in a session, they are written: they are still in the
/// cache, and the first clients need not wait for the last.
const FLUSH_AT: usize = 64 * 1024;

/// So many are written even in the middle of a callback, which else could fill the memory.
const FLOOD_AT: usize = 4 * 1024 * 1024;

/// Likewise for links in the chains of connections: a message for all takes one for each.
const FLOOD_LINKS: usize = 256 * 1024;

impl<N: Net> Worker<N> {
    /// Hands a message to its app: by a call, if its thread sleeps, and otherwise through the ring.
    /// If the app sends it on, it may be lent.
    pub(super) fn hand_message<'a>(
        &mut self,
        app: u16,
        client: ClientId,
        kind: Kind,
        payload: Payload<'a>,
        loans: &mut Loans<'a>,
    ) -> Result<(), Congested<Payload<'a>>> {
        let app = usize::from(app);
        if self.to_apps[app].is_congested() {
            return Err(Congested(payload));
        }
        let is_text = kind == Kind::Text;
        let is_in_session = if self.to_apps[app].is_in_session() {
            self.catch_up(app, loans)
        } else {
            self.to_apps[app].may_be_called() && self.begin_session(app, loans)
        };
        if !is_in_session {
            return self.to_apps[app].push_message(client, is_text, payload);
        }
        let (is_on, lends) = self.with_deputy(app, loans, &payload, |deputy, sink| {
            deputy.read(client, is_text, &payload, sink)
        });
        if !is_on {
            self.end_session(app);
        }
        self.to_apps[app].note_read(payload.len(), || self.net.now());
        if lends {
            self.keep_lent(payload, loans);
        }
        Ok(())
    }

    /// Keeps a payload that was lent during a callback which has returned.
    #[cold]
    fn keep_lent<'a>(&mut self, payload: Payload<'a>, loans: &mut Loans<'a>) {
        loans.push(match payload {
            Payload::Borrowed(bytes) | Payload::Inflated(bytes) => Cow::Borrowed(bytes),
            Payload::Owned(buffer) => Cow::Owned(buffer),
        });
        if loans.owned() > FLUSH_AT {
            self.flush_loans(loans);
        }
    }

    /// Writes what has been gathered, after which nothing is lent any more.
    pub(super) fn flush_loans(&mut self, loans: &mut Loans<'_>) {
        self.flush_gathered(loans.with(&[]));
        loans.clear();
    }

    /// Writes what has been gathered in a session, if it has become much. To be called between two
    /// peers: each is written to once, as every call wakes its peer.
    #[inline]
    pub(super) fn flush_early(&mut self) {
        if self.gather.scratch.len() > FLUSH_AT {
            self.flush_gathered(Lent::default());
        }
    }

    /// Has the app called for what is in its ring by now, or wakes its thread. Once per turn and
    /// app, when reading is done.
    pub(super) fn publish(&mut self, app: usize) {
        let to_app = &mut self.to_apps[app];
        if to_app.is_in_session() {
            self.catch_up(app, &mut Loans::default());
            self.end_session(app);
        } else if to_app.is_left() && self.life != Life::Serving {
            to_app.decline();
        } else if (to_app.is_left() || to_app.has_unpublished())
            && self.begin_session(app, &mut Loans::default())
        {
            self.end_session(app);
        }
        self.to_apps[app].publish();
    }

    /// Takes the app's run right, if it is to be had. True if the app can be called.
    fn begin_session(&mut self, app: usize, loans: &mut Loans<'_>) -> bool {
        // Where a turn's share of the ring has been gathered already, the rest is for the next turn.
        if self.life != Life::Serving
            || self.mail.contains(app)
            || !self.to_apps[app].begin_session()
        {
            return false;
        }
        // What its own thread has sent comes first.
        if self.from_apps[app].refresh() {
            if let Some(news) = self.deliver_from(app) {
                self.heed(app, news);
            }
            if self.from_apps[app].refresh() || self.to_apps[app].has_failed() {
                self.end_session(app);
                return false;
            }
        }
        // So does what its thread has not read, which may be there although it was published in an
        // earlier turn: the thread may have left the app, but not looked for the last time.
        let _ = self.to_apps[app].publish_for_session();
        self.to_apps[app].is_read() || self.read_ring(app, loans)
    }

    /// Calls the app for what this worker has put into its ring in this session. False if the session
    /// is over.
    fn catch_up(&mut self, app: usize, loans: &mut Loans<'_>) -> bool {
        !self.to_apps[app].publish_for_session() || self.read_ring(app, loans)
    }

    fn read_ring(&mut self, app: usize, loans: &mut Loans<'_>) -> bool {
        let (is_on, _) = self.with_deputy(app, loans, &[], |deputy, sink| deputy.catch_up(sink));
        if !is_on {
            self.end_session(app);
        }
        is_on
    }

    fn end_session(&mut self, app: usize) {
        self.to_apps[app].end_session();
    }

    /// Has `call` use the app's deputy with this worker as the sink. Also says whether `payload` has
    /// been lent by then.
    #[inline]
    fn with_deputy(
        &mut self,
        app: usize,
        loans: &mut Loans<'_>,
        payload: &[u8],
        call: impl FnOnce(&mut dyn Deputy, &mut dyn Sink) -> bool,
    ) -> (bool, bool) {
        let Some(mut deputy) = self.to_apps[app].deputy.take() else { return (false, false) };
        let mut sink = Direct { worker: self, app, loans, payload, lends: false };
        let is_on = call(&mut *deputy, &mut sink);
        let lends = sink.lends;
        self.to_apps[app].deputy = Some(deputy);
        (is_on, lends)
    }
}

/// A worker as the app sees it that it calls.
struct Direct<'w, 'b, N: Net> {
    worker: &'w mut Worker<N>,
    /// Number of the app.
    app: usize,
    /// What earlier callbacks have sent on.
    loans: &'w mut Loans<'b>,
    /// What this callback gets.
    payload: &'w [u8],
    /// This is lent, too.
    lends: bool,
}

impl<N: Net> Direct<'_, '_, N> {
    /// Puts a frame where it stays until the next flush.
    #[inline]
    fn place(&mut self, header: &[u8], payload: &[u8]) -> Source {
        let scratch = &mut self.worker.gather.scratch;
        let start = scratch.len() as u32;
        match header {
            // As of most small messages: copied without a call.
            &[opcode, len] => scratch.extend_from_slice(&[opcode, len]),
            _ => scratch.extend_from_slice(header),
        }
        if payload.len() >= LEND_MIN && std::ptr::eq(payload, self.payload) {
            self.lends = true;
            let (header_len, index) = (header.len() as u8, self.loans.len() as u32);
            return Source::Lent { start, header_len, index };
        }
        scratch.extend_from_slice(payload);
        Source::Scratch { start, len: scratch.len() as u32 - start }
    }

    /// Writes what has been gathered, if one callback sends so much.
    #[inline]
    fn flush_flood(&mut self) {
        let gather = &self.worker.gather;
        if gather.scratch.len() > FLOOD_AT || gather.link_c() > FLOOD_LINKS {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.worker.flush_gathered(self.loans.with(self.payload));
        self.loans.clear();
        self.lends = false;
    }
}

impl<N: Net> Sink for Direct<'_, '_, N> {
    fn send(&mut self, header: &[u8], payload: &[u8], scope: Scope, ids: &[ClientId]) {
        let source = self.place(header, payload);
        let Self { worker, app, .. } = self;
        let mut load = worker.press.as_mut().and_then(|press| press.load(header, payload, source));
        let mut reach = Reach {
            peers: &mut worker.peers,
            gather: &mut worker.gather,
            app: *app as u16,
            source,
            load: load.as_mut(),
        };
        let own = usize::from(worker.index);
        let ids = ids.iter().copied().filter(|id| id.worker() == own);
        if scope == Scope::Listed {
            reach.listed(ids);
        } else {
            let (members, topics) = (&worker.members[*app][..], &worker.topics[*app]);
            reach.crowd(scope, ids, Crowd { members, topics, exception: &mut worker.exception });
        }
        if let Some(press) = &mut worker.press {
            worker.pressed += std::mem::take(&mut press.strained);
        }
        self.flush_flood();
    }

    fn close(&mut self, client: ClientId, code: u16, reason: &[u8]) {
        if let Some(code) = CloseCode::sendable(code) {
            let reason = String::from_utf8_lossy(reason);
            self.worker.close_for(self.app, client, code, &reason);
        }
    }

    fn opened(&mut self, client: ClientId) {
        self.worker.enrol(self.app, Some(client));
    }

    fn accept(&mut self, client: ClientId, lines: &[u8]) {
        self.worker.let_in(self.app, Some(client), lines);
        self.flush_flood();
    }

    fn refuse(&mut self, client: ClientId, status: u16, response: &[u8]) {
        self.worker.turn_down(self.app, Some(client), status, response);
        self.flush_flood();
    }

    fn subscription(&mut self, client: ClientId, topic: u64, begins: bool) {
        self.worker.set_subscription(self.app, Some(client), topic, begins);
    }

    fn meanwhile(&mut self) {
        self.worker.waker.note_turn(); // it is not this one that is stuck
        self.worker.deliver();
        self.flush();
        self.worker.release_rings();
    }
}

#[cfg(test)]
mod tests;
