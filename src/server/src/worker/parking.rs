//! A worker comes to rest, so that its connections can go on in the next process.
//!
//! First it *wanes*: nobody is accepted any more (whoever waits in the listening socket is the next
//! process's), handshakes get a little time to come to their end, and clients are served as ever. When all
//! workers have waned, it *parks*: nobody is read, each app is told that nothing follows, makes an end of
//! what it has got, and answers when it has. What it has sent by then is gathered as always. Then all
//! there is of a connection lies with its peer, and in the kernel.
//!
//! An app parks when all workers have told it, so the clients of one that had stopped reading before the
//! others would wait for nothing.
//!
//! Not for: what is handed over (`parked`), nor for a stop that ends all connections (`farewell`).

use std::sync::atomic::Ordering;
use std::time::Duration;

use ringsocket_proto::{CloseCode, Millis, Phase};

use super::net::{Net, Token};
use super::peer::{Owed, Stage};
use super::{Life, Worker};
use crate::log;
use crate::message::Inbound;

/// How long handshakes have to come to their end.
const GRACE: Duration = Duration::from_millis(250);

impl<N: Net> Worker<N> {
    /// Whether the server has been told to hand its connections over.
    pub(super) fn is_to_park(&self) -> bool {
        self.is_to_stop() && self.shared.parking.load(Ordering::Relaxed)
    }

    /// Whether nobody is read any more, as everything is to come to rest.
    #[inline]
    pub(super) fn is_parking(&self) -> bool {
        matches!(self.life, Life::Parking { .. } | Life::Parked)
    }

    pub(super) fn begin_to_wane(&mut self) {
        if self.accept_again.take().is_none() {
            self.net.listen(false);
        }
        self.stop_began = self.now;
        let leavers = self.bound_to_leave();
        let wait = if leavers.is_empty() {
            self.strangers = self.strangers();
            if self.strangers.is_empty() { Duration::ZERO } else { GRACE }
        } else {
            self.longest_to_wane() // they come back all at once otherwise
        };
        let until = self.now + wait;
        let spread = |(at, token): (usize, Token)| {
            let share = wait.as_millis() as u64 * at as u64 / leavers.len() as u64;
            (Millis(self.now.0 + share), token)
        };
        self.leavers = leavers.iter().copied().enumerate().map(spread).collect();
        self.life = Life::Waning { until };
    }

    /// The connections that can go on in no other process, in an order that says nothing about them.
    fn bound_to_leave(&mut self) -> Vec<Token> {
        let mut leavers = Vec::new();
        for slot in self.peers.in_use() {
            let token = self.peers.token(slot);
            let Some(peer) = self.peers.get_mut(slot) else { continue };
            if peer.tls.as_ref().is_some_and(|tls| tls.is_bound_to_process()) {
                leavers.push(token);
            }
        }
        leavers.sort_unstable_by_key(|token| token.slot.wrapping_mul(0x9E37_79B9).reverse_bits());
        leavers
    }

    /// How long those have to go who cannot stay.
    fn longest_to_wane(&self) -> Duration {
        self.policy.stop / 8
    }

    /// Who may become a client yet, or is owed a response.
    fn strangers(&mut self) -> Vec<Token> {
        let slots = self.peers.in_use().into_iter();
        let tokens: Vec<_> = slots.map(|slot| self.peers.token(slot)).collect();
        tokens.into_iter().filter(|&token| self.is_stranger(token)).collect()
    }

    fn is_stranger(&mut self, token: Token) -> bool {
        self.peers.named(token).is_some_and(|peer| {
            let is_answered = peer.connection.phase() == Phase::Finished
                && peer.chain.is_empty()
                && !peer.has_backlog();
            let is_unknown = matches!(peer.stage, Stage::Stranger | Stage::Asking);
            peer.socket.is_some() && is_unknown && !is_answered
        })
    }

    /// Whether those that the worker has waned for have all become clients, or gone.
    fn has_no_more_strangers(&mut self) -> bool {
        let mut strangers = std::mem::take(&mut self.strangers);
        let were_there = !strangers.is_empty();
        strangers.retain(|&token| self.is_stranger(token));
        self.strangers = strangers;
        were_there && self.strangers.is_empty()
    }

    /// Takes leave of those who cannot stay, each at its time.
    pub(super) fn wane(&mut self, until: Millis) {
        while self.leavers.front().is_some_and(|&(at, _)| at <= self.now) {
            let Some((_, token)) = self.leavers.pop_front() else { break };
            if self.peers.named(token).is_some() {
                self.close(token.slot, CloseCode::SERVICE_RESTART, RESTARTING);
            }
        }
        if self.now >= until || self.has_no_more_strangers() {
            self.shared.waned_c.fetch_add(1, Ordering::AcqRel);
            let until = self.stop_began + self.longest_to_wane().max(GRACE);
            self.life = Life::Waned { until };
            self.park_with_the_others(until);
        }
    }

    /// Whether no worker has a reason left to go on reading. If not, the main thread wakes those that have
    /// waned when it is so.
    pub(super) fn have_all_waned(&self) -> bool {
        self.shared.waned_c.load(Ordering::Acquire) >= self.shared.counters.len()
    }

    /// Parks, unless another worker has not waned, for which it does not wait forever.
    pub(super) fn park_with_the_others(&mut self, until: Millis) {
        if self.have_all_waned() || self.now >= until {
            self.begin_to_park();
        }
    }

    fn begin_to_park(&mut self) {
        self.refuse_undecided(None);
        let departing: Vec<_> = self.retirees.iter().map(|retiree| retiree.app()).collect();
        for app in departing {
            // The next process has the app that came in its place.
            self.close_all_of(app, CloseCode::SERVICE_RESTART, RESTARTING);
        }
        self.undrained = self.to_apps.iter().map(|to_app| !to_app.has_failed()).collect();
        self.unasked.clone_from(&self.undrained);
        self.life = Life::Parking { until: self.stop_time(4) };
    }

    /// Tells the apps that nothing follows, and waits until they have come to their end and what they
    /// have sent is written, or kept.
    pub(super) fn park(&mut self, until: Millis) {
        for app in 0..self.unasked.len() {
            if self.unasked[app] && self.tell_who_entered(app) && self.to_apps[app].park().is_ok() {
                self.unasked[app] = false;
            }
        }
        if self.now >= until {
            self.give_up_on_busy_apps();
        }
        let has_come_to_rest = !self.undrained.contains(&true)
            && self.mail.is_empty()
            && self.delivered.is_empty()
            && self.gather.is_empty();
        if has_come_to_rest {
            self.life = Life::Parked;
        }
    }

    /// Tells an app whom it has let in, as far as its ring had no room for that: another process would have
    /// no app that knows of them. False if there is still no room.
    fn tell_who_entered(&mut self, app: usize) -> bool {
        for at in 0..self.to_apps[app].waiting.len() {
            let token = self.to_apps[app].waiting[at];
            let client = self.client_id(token.slot);
            let under_way = self.peers.named(token).and_then(|peer| peer.under_way.as_mut());
            let Some(under_way) = under_way else { continue };
            if matches!(under_way.owed, Some(Owed::Entered)) {
                if self.to_apps[app].push(Inbound::Entered { client }).is_err() {
                    return false;
                }
                under_way.owed = None;
            }
        }
        true
    }

    /// Who waits for an app that does not come to its end cannot go on: what is in the app's hands is
    /// lost with it.
    #[cold]
    fn give_up_on_busy_apps(&mut self) {
        for app in 0..self.undrained.len() {
            if std::mem::take(&mut self.undrained[app]) {
                log::warning!(
                    id: log::id::NOT_TAKEN_UP,
                    worker: self.index,
                    "an app did not come to an end in time: its clients are closed with 1012"
                );
                self.unasked[app] = false;
                self.to_apps[app].fail();
                self.close_all_of(app, CloseCode::SERVICE_RESTART, RESTARTING);
            }
        }
    }
}

/// The reason in the Close frame for who cannot go on.
pub(super) const RESTARTING: &str = "the server is restarting";

#[cfg(test)]
mod tests;
