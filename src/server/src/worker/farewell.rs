//! Ends: of connections, however they come about, and of the worker.
//!
//! For each client that an app has heard of, it hears once that the client is gone: when the
//! closing handshake is over, when the connection breaks, or when the server gives it up.
//!
//! A worker stops in steps, each bounded in time: no connection is accepted and no client read any
//! more; apps finish what they have got; every client gets a Close frame with 1001 and may answer;
//! the apps hear that the worker is gone.
//!
//! Beside these steps, connections that were accepted before the stop and are no clients yet may
//! have their request answered for an eighth of the time: 503 for an upgrade and for the health, a
//! page for whoever asks for one. Those that were not accepted wait in the listening socket, which
//! is systemd's, for the next process: so a restart loses neither.

use std::io::{self, IoSlice};

use ringsocket_proto::{CloseCode, Expired, Millis, Phase, Response, response};

use super::net::Net;
use super::peer::{Peer, Stage};
use super::request::http_date;
use super::{Life, Worker, count, origin, uncount};
use crate::log::{self, Level};
use crate::message::Inbound;

impl<N: Net> Worker<N> {
    /// Notes that the app is to hear that the peer is gone, and tells it if there is room.
    pub(super) fn tell_gone(&mut self, slot: u32, code: u16, reason: &str) {
        self.strike(slot);
        let Some(peer) = self.peers.get_mut(slot) else { return };
        if peer.stage == Stage::Asking {
            return self.withdraw(slot);
        }
        if matches!(peer.stage, Stage::Stranger | Stage::Left) {
            return;
        }
        peer.stage = Stage::Left;
        peer.under_way().owed_close = Some((code, reason.to_owned()));
        self.settle_close(slot);
    }

    /// The peer's stream has ended.
    pub(super) fn end_of_stream(&mut self, slot: u32) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        peer.flags.set_ended(true);
        let is_over = peer.connection.phase() == Phase::Finished;
        let is_sent = peer.chain.is_empty() && !peer.has_backlog();
        if !is_over || is_sent {
            self.drop_connection(slot, CloseCode::ABNORMAL.get(), "");
        }
    }

    /// The connection has broken.
    pub(super) fn lose(&mut self, slot: u32, error: &io::Error) {
        let peer = self.address(slot);
        log::debug!(worker: self.index, peer: peer, "connection lost: {error}");
        self.drop_connection(slot, CloseCode::ABNORMAL.get(), "");
    }

    /// All that was to be sent has been sent: now the connection ends.
    ///
    /// After both Close frames it is closed at once (RFC 6455, 7.1.1), or over TLS when the client has
    /// said its goodbye as well. A peer that may be in the middle of sending, such as one that broke the
    /// protocol, is first told that nothing more comes, and heard out for a while: closing under unread
    /// bytes would have the kernel send a reset, which can overtake the Close frame or the response that
    /// says why.
    pub(super) fn finish(&mut self, slot: u32) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        if peer.socket.is_none() {
            return;
        }
        // Over TLS a client may yet say that it goes, which would meet a closed socket.
        let may_say_goodbye = peer.tls.is_some() && peer.has_app();
        let has_parted = peer.flags.parted() && !peer.flags.readable() && !may_say_goodbye;
        if peer.flags.ended() || has_parted {
            return self.drop_connection(slot, CloseCode::ABNORMAL.get(), "");
        }
        if !peer.flags.finished() {
            peer.flags.set_finished(true);
            if peer.tls.is_some() {
                self.say_goodbye(slot);
            }
            let Some(peer) = self.peers.get_mut(slot) else { return };
            let Some(socket) = &peer.socket else { return };
            self.net.finish(socket);
            let policy = &self.policy;
            let wait =
                if peer.has_app() { policy.shutdown_wait_ws } else { policy.shutdown_wait_http };
            peer.under_way().deadline = Some(self.now + wait);
            self.remind(slot);
            if self.life != Life::Serving {
                self.hurry(slot);
            }
        }
    }

    /// Who has been told everything and is only heard out does not hold up a stop for long.
    fn hurry(&mut self, slot: u32) {
        let soon = self.now + self.policy.stop / 8;
        let Some(peer) = self.peers.get_mut(slot) else { return };
        if peer.flags.finished() && peer.deadline().is_some_and(|at| at > soon) {
            peer.under_way().deadline = Some(soon);
            self.remind(slot);
        }
    }

    /// Closes the connection at once. Its slot stays until its app has heard.
    pub(super) fn drop_connection(&mut self, slot: u32, code: u16, reason: &str) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        if peer.tls.is_some() {
            self.take_leave(slot);
        }
        let Some(peer) = self.peers.get_mut(slot) else { return };
        if peer.socket.take().is_none() {
            return;
        }
        self.held -= std::mem::take(&mut peer.held) as usize;
        if let Some(under_way) = &mut peer.under_way {
            under_way.backlog = Default::default();
            under_way.deadline = None;
        }
        let takes_over = peer.connection.takes_over();
        origin::release(&self.shared, peer);
        uncount(&self.counters().connections);
        self.show_connections();
        if takes_over {
            uncount(&self.counters().takeovers);
        }
        self.tell_gone(slot, code, reason);
        self.remove_if_over(slot);
    }

    /// Frees the slot of a connection that is closed and of which the app knows.
    pub(super) fn remove_if_over(&mut self, slot: u32) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        peer.tidy();
        if peer.socket.is_none() && !peer.is_in_debt() {
            if let Some(peer) = self.peers.remove(slot) {
                self.held -= peer.held as usize;
                if peer.flags.counted() {
                    self.clients[usize::from(peer.app)] -= 1;
                }
            }
        }
    }

    /// A deadline has passed.
    pub(super) fn expire(&mut self, slot: u32) {
        self.hear_out(slot);
        let Some(peer) = self.peers.get_mut(slot) else { return };
        let start = self.gather.scratch.len();
        let limits = &self.policy.protocol;
        match peer.connection.expire(self.now, limits, &mut self.gather.scratch) {
            Some(Expired::Preamble) => self.drop_unproxied(slot, "it took too long to arrive"),
            Some(Expired::Head) if peer.is_shaking_hands() => {
                self.gather.scratch.truncate(start); // it could not read that
                self.give_up_handshake(slot);
            }
            Some(Expired::Head) => {
                response::insert_date(&mut self.gather.scratch, start, &http_date(&self.net));
                self.gather.push_scratch(slot, &mut peer.chain, start);
                count(&self.counters().refused);
            }
            Some(Expired::Undecided) => {
                self.date_response(start);
                self.end_undecided(slot, start);
                self.note_undecided(slot);
            }
            Some(Expired::Silence) => {
                self.gather.push_scratch(slot, &mut peer.chain, start);
                count(&self.counters().pings);
            }
            Some(Expired::NoPong) => {
                self.gather.push_scratch(slot, &mut peer.chain, start);
                self.note_unanswered(slot);
            }
            // Its Close still waits behind what is going out, for which it has `write_stall`.
            Some(Expired::Closing) if peer.has_backlog() && peer.stage != Stage::Left => {}
            Some(Expired::Closing) => {
                self.drop_connection(slot, CloseCode::ABNORMAL.get(), "");
            }
            None if peer.deadline().is_some_and(|at| at <= self.now) => {
                if peer.has_backlog() {
                    self.drop_stalled(slot);
                } else {
                    self.drop_connection(slot, CloseCode::ABNORMAL.get(), "");
                }
            }
            None => {}
        }
    }

    /// The peer has taken nothing of what waits for it for too long. A Close frame would wait too.
    fn drop_stalled(&mut self, slot: u32) {
        count(&self.counters().too_slow);
        let (peer, client) = (self.address(slot), self.client_id(slot).to_u64());
        let stall = self.policy.write_stall;
        log::limited!(
            Level::Notice,
            worker: self.index,
            client: client,
            peer: peer,
            "dropped: it took nothing for {stall:?} (write_stall_wait)"
        );
        self.drop_connection(slot, CloseCode::TRY_AGAIN_LATER.get(), "you read too slowly");
    }

    /// A request was answered with an error, or with a page that had no body to send.
    pub(super) fn note_refusal(&mut self, slot: u32, status: u16) {
        if status >= 400 {
            count(&self.counters().refused);
        }
        let peer = self.address(slot);
        log::debug!(worker: self.index, peer: peer, "request answered with {status}");
    }

    /// A peer broke the protocol; its Close frame is on the way.
    pub(super) fn note_violation(&mut self, slot: u32, code: u16, why: &'static str) {
        count(&self.counters().violations);
        let (peer, client) = (self.address(slot), self.client_id(slot).to_u64());
        log::limited!(
            Level::Info,
            worker: self.index,
            client: client,
            peer: peer,
            "closed with {code}: {why}"
        );
        self.tell_gone(slot, code, why);
    }

    /// Answers a connection for which there is no place: one attempt, and it is closed.
    pub(super) fn turn_away(&mut self, mut peer: Peer<N::Socket>, why: &Response) {
        origin::release(&self.shared, &mut peer);
        if peer.tls.is_some() {
            return; // it could not read a response before a handshake, which there is no place for
        }
        let mut response = Vec::new();
        why.write(false, &mut response);
        response::insert_date(&mut response, 0, &http_date(&self.net));
        if let Some(socket) = &peer.socket {
            // What has come is read, as closing under unread bytes would send a reset, which can
            // overtake the response.
            let _ = self.net.receive(socket, &mut self.receive_buffer);
            // A new connection has room for these few bytes; if not, it learns of its end anyway.
            let _ = self.net.send(socket, &[IoSlice::new(&response)]);
            self.net.finish(socket);
        }
    }

    /// Takes the steps of stopping that it is time for.
    #[inline]
    pub(super) fn stop_by_steps(&mut self) {
        if !matches!(self.life, Life::Serving) || self.is_to_stop() {
            self.go_on_stopping();
        }
    }

    #[cold]
    fn go_on_stopping(&mut self) {
        loop {
            let before = self.life;
            self.take_step_of_stopping();
            if self.life == before {
                return;
            }
        }
    }

    pub(super) fn take_step_of_stopping(&mut self) {
        if self.dismissal.is_some_and(|at| at <= self.now) {
            self.dismissal = None;
            self.dismiss_strangers();
        }
        match self.life {
            // They were made before the stop: other workers may have taken them.
            Life::Serving if self.is_to_stop() && self.has_changes() => {}
            Life::Serving if self.is_to_park() => self.begin_to_wane(),
            Life::Serving if self.is_to_stop() => self.begin_to_drain(),
            Life::Waning { until } => self.wane(until),
            Life::Waned { until } => self.park_with_the_others(until),
            Life::Parking { until } => self.park(until),
            Life::Draining { until } => {
                if !self.undrained.contains(&true) || self.now >= until {
                    self.begin_to_close();
                } else {
                    self.ask_to_drain();
                }
            }
            Life::Closing { until } => {
                if self.peers.is_empty() || self.now >= until {
                    self.begin_to_end();
                }
            }
            Life::Ending { until } => self.end(self.now >= until),
            Life::Serving | Life::Parked | Life::Over => {}
        }
    }

    fn begin_to_drain(&mut self) {
        if self.accept_again.take().is_none() {
            self.net.listen(false);
        }
        self.undrained = self.to_apps.iter().map(|to_app| !to_app.has_failed()).collect();
        self.unasked.clone_from(&self.undrained);
        self.stop_began = self.now;
        self.refuse_undecided(None);
        self.life = Life::Draining { until: self.stop_time(4) };
        self.dismissal = Some(self.stop_time(1));
    }

    /// Drops whoever is no client and waits for nothing from us.
    fn dismiss_strangers(&mut self) {
        for slot in self.peers.in_use() {
            // Who is in the middle of getting a response may have it.
            let is_idle = |peer: &mut Peer<N::Socket>| {
                !peer.has_app() && peer.chain.is_empty() && !peer.has_backlog()
            };
            if self.peers.get_mut(slot).is_some_and(is_idle) {
                self.drop_connection(slot, CloseCode::GOING_AWAY.get(), "");
            }
        }
    }

    /// When so many eighths of the time for stopping have passed.
    pub(super) fn stop_time(&self, eighths: u32) -> Millis {
        self.stop_began + self.policy.stop * eighths / 8
    }

    /// Asks the apps that have not been asked yet, and that no peer still has something for.
    fn ask_to_drain(&mut self) {
        for (to_app, unasked) in self.to_apps.iter_mut().zip(&mut self.unasked) {
            if *unasked && to_app.waiting.is_empty() && to_app.push(Inbound::Drain).is_ok() {
                *unasked = false;
            }
        }
    }

    fn begin_to_close(&mut self) {
        self.undrained.fill(false);
        self.life = Life::Closing { until: self.stop_time(6) };
        for slot in self.peers.in_use() {
            self.close(slot, CloseCode::GOING_AWAY, "the server is stopping");
            self.hurry(slot);
            self.queue_for_reading(self.peers.token(slot));
        }
    }

    fn begin_to_end(&mut self) {
        self.life = Life::Ending { until: self.stop_time(7) };
        for slot in self.peers.in_use() {
            self.drop_connection(slot, CloseCode::GOING_AWAY.get(), "the server is stopping");
        }
        self.unasked.fill(true);
    }

    /// Tells the apps that this worker is gone, as soon as there is room, or never if it is too
    /// late.
    fn end(&mut self, is_late: bool) {
        for (to_app, untold) in self.to_apps.iter_mut().zip(&mut self.unasked) {
            if *untold && to_app.waiting.is_empty() && to_app.push(Inbound::End).is_ok() {
                *untold = false;
            }
        }
        if is_late || !self.unasked.contains(&true) {
            self.life = Life::Over;
        }
    }
}
