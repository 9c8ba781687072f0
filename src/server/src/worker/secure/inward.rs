//! Records that come in: those of the handshake go to rustls, the others are opened for the protocol.

use std::io;
use std::ops::Range;
use std::time::SystemTime;

use ringsocket_proto::{CloseCode, Phase};
use ringsocket_tls::{Alert, End, MAX_RECORD_LEN, record_len};
use rustls::server::ClientHello;

use super::handshake::{Established, Protection};
use super::{Secured, Stage};
use crate::log::{self, Level};
use crate::worker::net::{Net, Token};
use crate::worker::{Worker, count};

impl<N: Net> Worker<N> {
    /// Receives once from a peer whose connection is encrypted.
    #[inline(never)]
    pub(in crate::worker) fn receive_secured(&mut self, token: Token) {
        if self.secured(token.slot).is_some_and(|tls| tls.is_shaking_hands()) {
            if self.throng.is_tired() {
                return self.queue_for_reading(token);
            }
            self.throng.note_flight();
        }
        if self.receive_buffer.len() < MAX_RECORD_LEN {
            self.receive_buffer = vec![0; MAX_RECORD_LEN].into(); // however small it was asked to be
        }
        let mut buffer = std::mem::take(&mut self.receive_buffer);
        self.receive_records(token, &mut buffer);
        self.receive_buffer = buffer;
        self.flush_early();
        if self.peers.named(token).is_some_and(|peer| peer.flags.readable()) {
            self.queue_for_reading(token);
        }
    }

    pub(super) fn secured(&mut self, slot: u32) -> Option<&mut Secured> {
        self.peers.get_mut(slot)?.tls.as_deref_mut()
    }

    fn receive_records(&mut self, token: Token, buffer: &mut [u8]) {
        let slot = token.slot;
        let Some(peer) = self.peers.get_mut(slot) else { return };
        let (Some(socket), Some(tls)) = (&peer.socket, &mut peer.tls) else { return };
        if let Some(end) = tls.end.take() {
            peer.flags.set_readable(false);
            return self.end_records(slot, *end);
        }
        let kept = tls.partial.len();
        buffer[..kept].copy_from_slice(&tls.partial);
        match self.net.receive(socket, &mut buffer[kept..]) {
            Ok(0) => {
                peer.flags.set_readable(false);
                self.end_of_stream(slot);
            }
            Ok(count) => {
                tls.partial = Box::default();
                peer.flags.set_readable(kept + count == buffer.len() || peer.flags.hangup());
                let is_preamble = peer.connection.phase() == Phase::Preamble;
                if peer.allowance.is_some() {
                    self.count_bytes(slot, count);
                }
                let came = &mut buffer[..kept + count];
                if is_preamble {
                    self.take_preamble(token, came);
                } else {
                    self.take_records(token, came);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                peer.flags.set_readable(false)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => self.lose(slot, &error),
        }
    }

    /// Reads a header of the PROXY protocol, which comes before TLS, and then goes on with that.
    fn take_preamble(&mut self, token: Token, bytes: &mut [u8]) {
        self.digest(token.slot, bytes);
        let Some(peer) = self.peers.named(token) else { return };
        if let (Phase::Head, Some(tls)) = (peer.connection.phase(), &mut peer.tls) {
            let mut rest = std::mem::take(&mut tls.partial);
            self.take_records(token, &mut rest);
        }
    }

    /// Deals with what has come: records of the handshake, and then all others.
    fn take_records(&mut self, token: Token, bytes: &mut [u8]) {
        let slot = token.slot;
        let Some(begin) = self.shake_hands(token, bytes) else { return };
        let Some(tls) = self.secured(slot) else { return };
        let Stage::Established(layer) = &mut tls.stage else {
            tls.partial = bytes[begin..].into();
            return self.weigh(slot);
        };
        let opened = layer.open(&mut bytes[begin..]);
        let (owes_reply, is_wearing_out) = (layer.owes_reply(), layer.is_wearing_out());
        if opened.end.is_none() {
            tls.partial = bytes[begin + opened.used..].into();
        }
        let has_ended = opened.end.is_some();
        tls.end = opened.end.map(Box::new);
        if owes_reply {
            self.touch(slot);
        }
        if is_wearing_out {
            self.retire_keys(slot);
        }
        let Range { start, end } = opened.plain;
        if start < end {
            self.digest(slot, &mut bytes[begin + start..begin + end]);
        } else {
            self.note_part(slot);
        }
        // It ends when all that came before is dealt with, for which room may lack now.
        if has_ended {
            if let Some(peer) = self.peers.named(token) {
                peer.flags.set_readable(true);
            }
        }
    }

    /// The keys of TLS 1.2 cannot be changed: whoever has used them up is to connect again.
    #[cold]
    fn retire_keys(&mut self, slot: u32) {
        if self.peers.get_mut(slot).is_none_or(|peer| peer.connection.phase() != Phase::Open) {
            return;
        }
        let (peer, client) = (self.address(slot), self.client_id(slot).to_u64());
        log::limited!(
            Level::Info,
            worker: self.index,
            client: client,
            peer: peer,
            "closed with 1012: its TLS 1.2 keys are worn out; TLS 1.3 would go on"
        );
        self.close(slot, CloseCode::SERVICE_RESTART, "TLS keys are worn out, connect again");
    }

    /// Part of a record has come: that is a sign of life, and held until the rest comes.
    fn note_part(&mut self, slot: u32) {
        self.weigh(slot);
        let Some(peer) = self.peers.get_mut(slot) else { return };
        if peer.connection.phase() == Phase::Open {
            peer.connection.restart_silence(self.now);
            self.remind(slot);
        }
    }

    /// Has the peer be flushed in this turn, even if there are no frames for it.
    fn touch(&mut self, slot: u32) {
        if let Some(peer) = self.peers.get_mut(slot) {
            self.gather.touch(slot, &mut peer.chain);
        }
    }

    /// Gives rustls the whole records at the front of `bytes`, until the handshake is over. Says how
    /// many bytes they were; `None` if the handshake has failed.
    fn shake_hands(&mut self, token: Token, bytes: &[u8]) -> Option<usize> {
        let mut used = 0;
        while self.secured(token.slot)?.is_shaking_hands() {
            let len = match record_len(&bytes[used..]) {
                Ok(Some(len)) if len <= bytes.len() - used => len,
                Ok(_) => {
                    self.enter_throng(token)?;
                    break;
                }
                Err(_) => {
                    self.refuse_garbage(token.slot, &bytes[used..]);
                    return None;
                }
            };
            self.enter_throng(token)?;
            self.take_handshake_record(token.slot, &bytes[used..used + len])?;
            used += len;
        }
        Some(used)
    }

    /// Counts a handshake that begins; the oldest goes if there are too many. `None` if it was this.
    fn enter_throng(&mut self, token: Token) -> Option<()> {
        let tls = self.secured(token.slot)?;
        if !matches!(tls.stage, Stage::Silent) {
            return Some(());
        }
        tls.stage = Stage::Handshake(Box::default());
        self.throng.enter(token);
        while let Some(token) = self.surplus() {
            count(&self.counters().tls_crowded);
            let peer = self.address(token.slot);
            log::limited!(
                Level::Notice,
                id: log::id::TLS_CROWDED,
                worker: self.index,
                peer: peer,
                "dropped: its TLS handshake was the oldest of too many (max_tls_handshake_c)"
            );
            self.drop_connection(token.slot, CloseCode::ABNORMAL.get(), "");
        }
        self.secured(token.slot).map(|_| ())
    }

    /// The oldest handshake, if there are too many.
    fn surplus(&mut self) -> Option<Token> {
        let peers = &mut self.peers;
        self.throng.surplus(self.policy.max_handshakes, |token| {
            let tls = peers.named(token).and_then(|peer| peer.tls.as_deref());
            tls.is_some_and(Secured::is_in_throng)
        })
    }

    /// Goes on with a handshake. `None` if it has failed.
    fn take_handshake_record(&mut self, slot: u32, record: &[u8]) -> Option<()> {
        let terms = &self.site.tls;
        let peer = self.peers.get_mut(slot)?;
        let entrance = peer.entrance;
        let tls = peer.tls.as_deref_mut()?;
        let Stage::Handshake(handshake) = &mut tls.stage else { return None };
        let Secured { sealed, .. } = tls;
        let protection = if terms.own_records() { Protection::Own } else { Protection::Rustls };
        let choose = |hello: &ClientHello<'_>| Some((terms.choose(entrance, hello)?, protection));
        let since_1970 = self.net.wall_clock().duration_since(SystemTime::UNIX_EPOCH);
        let now = since_1970.map_or(0, |time| time.as_secs());
        let result = handshake.take(record, choose, now, sealed);
        match result {
            Ok(None) => {}
            Ok(Some(Established { layer, identity })) => {
                tls.stage = Stage::Established(layer);
                tls.identity = Some(Box::new(identity));
                self.throng.leave();
                count(&self.counters().tls_handshakes);
            }
            Err(failure) => {
                tls.stage = Stage::Failed;
                self.throng.leave();
                let why = failure.to_string();
                self.fail_handshake(slot, &why);
                return None;
            }
        }
        self.touch(slot);
        Some(())
    }

    /// What came is no TLS. Who speaks plain HTTP is told so in its own tongue.
    fn refuse_garbage(&mut self, slot: u32, bytes: &[u8]) {
        let Some(tls) = self.secured(slot) else { return };
        let was_in_throng = tls.is_in_throng();
        let is_first = matches!(tls.stage, Stage::Silent);
        tls.stage = Stage::Failed;
        let is_http = is_first && METHODS.iter().any(|method| bytes.starts_with(method));
        if is_http {
            tls.sealed.extend_from_slice(PLAIN_HTTP);
        } else {
            tls.sealed.extend_from_slice(&Alert::UnexpectedMessage.plain_record());
        }
        if was_in_throng {
            self.throng.leave();
        }
        self.fail_handshake(slot, if is_http { IS_PLAIN } else { "what came is no TLS" });
    }

    /// Sends the last words of a handshake that has failed, and drops the connection.
    fn fail_handshake(&mut self, slot: u32, why: &str) {
        count(&self.counters().tls_failed);
        let peer = self.address(slot);
        log::limited!(
            Level::Info,
            worker: self.index,
            peer: peer,
            "dropped: its TLS handshake has failed: {why}"
        );
        self.say_last_words(slot);
        self.drop_connection(slot, CloseCode::ABNORMAL.get(), "");
    }

    /// The handshake has taken too long.
    pub(in crate::worker) fn give_up_handshake(&mut self, slot: u32) {
        count(&self.counters().tls_failed);
        let peer = self.address(slot);
        log::debug!(worker: self.index, peer: peer, "dropped: its TLS handshake took too long");
        self.drop_connection(slot, CloseCode::ABNORMAL.get(), "");
    }

    /// The connection is about to be closed: says so, and lets go of its keys.
    pub(in crate::worker) fn take_leave(&mut self, slot: u32) {
        self.say_goodbye(slot);
        let Some(peer) = self.peers.get_mut(slot) else { return };
        if peer.tls.take().is_some_and(|tls| tls.is_in_throng()) {
            self.throng.leave();
        }
    }

    /// The peer's side has ended, and all that came before has been dealt with.
    fn end_records(&mut self, slot: u32, end: End) {
        match end {
            End::Closed => self.end_of_stream(slot),
            End::Aborted(alert) => {
                let why = format!("the peer has sent a TLS alert ({alert})");
                self.lose(slot, &io::Error::other(why));
            }
            End::Violation { alert, why } => {
                count(&self.counters().violations);
                let (peer, client) = (self.address(slot), self.client_id(slot).to_u64());
                log::limited!(
                    Level::Info,
                    worker: self.index,
                    client: client,
                    peer: peer,
                    "dropped: it broke TLS: {why}"
                );
                self.say_alert(slot, alert);
                self.drop_connection(slot, CloseCode::ABNORMAL.get(), "");
            }
        }
    }
}

/// How requests begin: enough of it to be told from other noise.
const METHODS: [&[u8]; 5] = [b"GET /", b"HEAD ", b"POST ", b"OPTIO", b"CONNE"];

const IS_PLAIN: &str = "it speaks plain HTTP; whoever connects should use wss:// or https://";

const PLAIN_HTTP: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\
    Content-Length: 65\r\nConnection: close\r\n\r\n\
    This port is encrypted: use wss:// or https:// instead of http.\r\n";
