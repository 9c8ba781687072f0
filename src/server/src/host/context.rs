//! What an app may ask for during a callback, in safe terms: `api` translates from C.

use std::ffi::c_int;
use std::sync::Arc;
use std::time::Duration;

use ringsocket_app::abi;
use ringsocket_proto::CloseCode;
use ringsocket_proto::frame::{self, Opcode};

use super::clients::{Client, Clients};
use super::outlets::{LISTED_MAX, Outlets};
use super::posted::Posted;
use super::publish::{send_but, spread};
use super::resume::Writing;
use super::topics::{Topic, TopicLimits, Topics};
use super::upgrades::Upgrades;
use crate::log::{self, Code, Fields, Level};
use crate::message::{ClientId, Outbound, PeerAddress, Scope};

/// What an app may know of the configuration. It holds for as long as the app runs, since the app may
/// have laid out its memory by it; only topics can become more or fewer.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The app's name.
    pub name: Arc<str>,
    /// Largest payload of a message, in bytes, in either direction.
    pub max_message: usize,
    /// Most bytes that one call of `open` may send.
    pub max_kept: usize,
    /// How many topics there may be.
    pub topics: Arc<TopicLimits>,
}

/// A monotonic clock. A simulation has one of its own.
pub type Clock = fn() -> Duration;

/// The state of an app's side of the conversation.
#[derive(Debug)]
pub struct Context {
    pub(super) facts: Facts,
    pub(super) outlets: Outlets,
    pub(super) clients: Clients,
    pub(super) topics: Topics,
    pub(super) upgrades: Upgrades,
    pub(super) clock: Clock,
    /// What threads of the app's own have to say.
    pub(super) posted: Arc<Posted>,
    /// When `timer` is to be called.
    pub(super) timer: Option<Duration>,
    /// `init` or `quit` is running, from which nothing can be sent.
    pub(super) is_mute: bool,
    /// `quit` is running, which may only log.
    pub(super) is_quitting: bool,
    /// What the app sends as text is UTF-8, by its own word.
    pub(super) is_utf8_sent: bool,
    /// The client whose `close` is running: nothing reaches it, but it can be asked about.
    closing: Option<(ClientId, Client)>,
    /// `open` or `restore` is running: what it sends is kept.
    pub(super) is_opening: bool,
    /// `open` is running for a client that has lived on over a restart.
    pub(super) is_resumed: bool,
    /// `save` is running, and has written this.
    pub(super) writing: Option<Writing>,
    kept: Vec<Kept>,
    kept_bytes: usize,
}

/// Something that `open` has sent, until it has returned: only then is the client among those that
/// can be reached, and nothing may reach it before.
#[derive(Debug)]
pub(super) enum Kept {
    Send { is_text: bool, payload: Vec<u8>, scope: Scope, ids: Vec<ClientId> },
    Close { id: ClientId, code: u16, reason: Vec<u8> },
    Subscription { id: ClientId, topic: u64, begins: bool },
    Publish { topic: Topic, is_text: bool, payload: Vec<u8>, except: Vec<ClientId> },
}

/// The error codes of the host's functions.
pub(super) type Outcome = Result<(), c_int>;

impl Context {
    /// An app that has no clients yet.
    pub fn new(facts: Facts, outlets: Outlets, posted: Arc<Posted>, clock: Clock) -> Self {
        let clients = Clients::new(outlets.worker_c());
        let topics = Topics::new(Arc::clone(&facts.topics));
        Self {
            facts,
            outlets,
            clients,
            topics,
            upgrades: Upgrades::default(),
            clock,
            posted,
            timer: None,
            is_mute: false,
            is_quitting: false,
            is_utf8_sent: false,
            closing: None,
            is_opening: false,
            is_resumed: false,
            writing: None,
            kept: Vec::new(),
            kept_bytes: 0,
        }
    }

    /// The app's `open` is about to be called for a client.
    pub fn begin_open(&mut self, id: ClientId, endpoint: u16, address: PeerAddress) {
        self.clients.insert(id, endpoint, address);
        self.is_opening = true;
    }

    /// The app's `open` has returned: what it has sent goes out.
    pub fn end_open(&mut self, id: ClientId) {
        self.tell_opened(id);
        self.release_kept();
    }

    /// Tells the client's worker that it can be reached.
    pub(super) fn tell_opened(&mut self, id: ClientId) {
        match self.outlets.sink_of(id) {
            Some(sink) => sink.opened(id),
            None => self.outlets.tell(id.worker(), &Outbound::opened_head(), &[id], &[]),
        }
    }

    /// Sends what was kept, and keeps nothing from now on.
    pub(super) fn release_kept(&mut self) {
        self.is_opening = false;
        self.kept_bytes = 0;
        for kept in std::mem::take(&mut self.kept) {
            match kept {
                Kept::Send { is_text, payload, scope, ids } => {
                    self.send_now(is_text, &payload, scope, &ids);
                }
                Kept::Close { id, code, reason } => self.close_now(id, code, &reason),
                Kept::Subscription { id, topic, begins } => {
                    self.tell_subscription_now(id, topic, begins);
                }
                Kept::Publish { topic, is_text, payload, except } => {
                    spread(&mut self.outlets, &topic, is_text, &payload, &except);
                }
            }
        }
    }

    /// Forgets what was kept, and keeps nothing from now on.
    pub(super) fn drop_kept(&mut self) {
        self.is_opening = false;
        self.kept_bytes = 0;
        self.kept = Vec::new();
    }

    /// The app's `close` is about to be called for a client, which nothing reaches from now on.
    pub fn begin_close(&mut self, id: ClientId) {
        self.closing = self.clients.remove(id).map(|client| (id, client));
        self.topics.leave(id);
    }

    /// The app's `close` has returned: nobody asks about the client any more.
    pub fn end_close(&mut self, id: ClientId) {
        self.closing = None;
        self.upgrades.detach(id);
    }

    /// A client that the app may ask about: one whose `open` has begun and whose `close` has not
    /// returned.
    pub(super) fn known(&self, id: ClientId) -> Option<&Client> {
        let closing = self.closing.as_ref().filter(|(closing, _)| *closing == id);
        self.clients.get(id).or(closing.map(|(_, client)| client))
    }

    /// Keeps what `open` sends, `bytes` in size.
    pub(super) fn keep(&mut self, kept: Kept, bytes: usize) -> Outcome {
        if !self.has_room_to_keep(bytes) {
            return Err(abi::E_SIZE);
        }
        self.kept_bytes += bytes + size_of::<Kept>();
        self.kept.push(kept);
        Ok(())
    }

    pub(super) fn has_room_to_keep(&self, bytes: usize) -> bool {
        self.kept_bytes + bytes + size_of::<Kept>() <= self.facts.max_kept
    }

    /// Sends one message.
    ///
    /// # Errors
    /// The codes of the header, here and below.
    // Always, as it is most of what an app calls the server for.
    #[inline(always)]
    pub fn send(
        &mut self,
        is_text: bool,
        payload: &[u8],
        scope: Scope,
        ids: &[ClientId],
    ) -> Outcome {
        self.check_message(is_text, payload)?;
        if self.is_opening {
            let (bytes, ids) = (payload.len() + size_of_val(ids), ids.to_vec());
            return self.keep(Kept::Send { is_text, payload: payload.to_vec(), scope, ids }, bytes);
        }
        self.send_now(is_text, payload, scope, ids);
        Ok(())
    }

    /// Whether a message may be sent now.
    #[inline]
    pub(super) fn check_message(&self, is_text: bool, payload: &[u8]) -> Outcome {
        if self.is_mute {
            return Err(abi::E_CALL);
        }
        if payload.len() > self.facts.max_message {
            return Err(abi::E_SIZE);
        }
        if is_text && !self.is_utf8_sent && simdutf8::basic::from_utf8(payload).is_err() {
            return Err(abi::E_ARG); // the peer would have to fail the connection (RFC 6455, 8.1)
        }
        Ok(())
    }

    #[inline]
    fn send_now(&mut self, is_text: bool, payload: &[u8], scope: Scope, ids: &[ClientId]) {
        let (header, header_len) = frame::header(opcode(is_text), payload.len() as u64);
        let header = &header[..header_len];
        if let Some(stand) = &mut self.outlets.stand {
            stand.sink().send(header, payload, scope, ids);
            let is_for_others = match (scope, ids) {
                (Scope::Listed, [id]) => id.worker() != stand.worker,
                _ => self.outlets.worker_c() > 1,
            };
            if !is_for_others {
                return;
            }
        }
        self.send_by_rings(header, payload, scope, ids);
    }

    /// Sends a frame through the rings, which is all there is unless a worker runs the callback.
    fn send_by_rings(&mut self, header: &[u8], payload: &[u8], scope: Scope, ids: &[ClientId]) {
        let frame = self.outlets.frame(header, payload);
        match (scope, ids) {
            (Scope::Listed, [id]) => {
                if self.clients.get(*id).is_some() {
                    let head = Outbound::send_head(scope, 1);
                    self.outlets.send(id.worker(), &head, ids, &frame);
                }
            }
            (Scope::Listed, _) => self.send_listed(ids.iter().copied(), &frame),
            (Scope::AllExcept, _) if ids.len() > LISTED_MAX => {
                let excepted: std::collections::HashSet<_> = ids.iter().collect();
                let others: Vec<_> =
                    self.clients.ids().filter(|id| !excepted.contains(id)).collect();
                self.send_listed(others.into_iter(), &frame);
            }
            (Scope::All | Scope::AllExcept | Scope::Subscribers(_), _) => {
                for worker in self.outlets.reached_by_rings() {
                    send_but(&mut self.outlets, worker, scope, ids, &frame);
                }
            }
        }
        self.outlets.done(frame);
    }

    /// Sends a frame to clients one by one named, with as few records as can be.
    fn send_listed(
        &mut self,
        ids: impl Iterator<Item = ClientId> + Clone,
        frame: &super::outlets::Frame<'_>,
    ) {
        for worker in self.outlets.reached_by_rings() {
            let mut listed = Listed::default();
            for id in ids.clone().filter(|id| id.worker() == worker) {
                if self.clients.get(id).is_none() {
                    continue;
                }
                listed.push(id);
                if listed.ids().len() == LISTED_MAX {
                    let head = Outbound::send_head(Scope::Listed, LISTED_MAX);
                    self.outlets.send(worker, &head, listed.ids(), frame);
                    listed = Listed::default();
                }
            }
            if !listed.ids().is_empty() {
                let head = Outbound::send_head(Scope::Listed, listed.ids().len());
                self.outlets.send(worker, &head, listed.ids(), frame);
            }
        }
    }

    /// Starts the closing handshake with a client.
    pub fn close(&mut self, id: ClientId, code: u16, reason: &[u8]) -> Outcome {
        if self.is_mute {
            return Err(abi::E_CALL);
        }
        if self.clients.get(id).is_none() {
            return Err(abi::E_CLIENT);
        }
        // 1010 is for clients (RFC 6455, 7.4.1).
        if code == 1010 || CloseCode::sendable(code).is_none() {
            return Err(abi::E_CODE);
        }
        if reason.len() > abi::CLOSE_REASON_MAX_SIZE {
            return Err(abi::E_SIZE);
        }
        if std::str::from_utf8(reason).is_err() {
            return Err(abi::E_ARG);
        }
        if self.is_opening {
            let reason = reason.to_vec();
            return self.keep(Kept::Close { id, code, reason }, abi::CLOSE_REASON_MAX_SIZE);
        }
        self.close_now(id, code, reason);
        Ok(())
    }

    fn close_now(&mut self, id: ClientId, code: u16, reason: &[u8]) {
        match self.outlets.sink_of(id) {
            Some(sink) => sink.close(id, code, reason),
            None => self.outlets.tell(id.worker(), &Outbound::close_head(code), &[id], reason),
        }
    }

    /// Who a client is.
    pub fn client_info(&self, id: ClientId) -> Result<abi::ClientInfo, c_int> {
        let client = self.known(id).or_else(|| self.upgrades.client(id));
        let client = client.filter(|_| !self.is_quitting).ok_or(abi::E_CLIENT)?;
        let mut info = abi::ClientInfo { endpoint_id: client.endpoint, ..Default::default() };
        match client.address {
            PeerAddress::V4(ip, port) => {
                (info.family, info.port) = (abi::FAMILY_IPV4, port);
                info.ip[..4].copy_from_slice(&ip.octets());
            }
            PeerAddress::V6(ip, port) => {
                (info.family, info.port) = (abi::FAMILY_IPV6, port);
                info.ip = ip.octets();
            }
            PeerAddress::Unix => {}
        }
        Ok(info)
    }

    /// Has `timer` called once, so many microseconds from now; 0 for never.
    pub fn set_timer(&mut self, microseconds: u64) -> Outcome {
        if self.is_quitting {
            return Err(abi::E_CALL);
        }
        let wait = Duration::from_micros(microseconds);
        self.timer = (microseconds > 0).then(|| (self.clock)().saturating_add(wait));
        Ok(())
    }

    /// A way in for threads of the app's own.
    pub(super) fn posted(&self) -> Option<Arc<Posted>> {
        (!self.is_quitting).then(|| Arc::clone(&self.posted))
    }

    /// Nothing is to be called any more save `quit`, whose state threads must not find in use.
    pub(super) fn close_posted(&self) {
        self.posted.close();
    }

    /// Writes a line to the log.
    pub fn log(&self, level: c_int, code: Option<Code<'_>>, text: &str) {
        let fields = Fields { app: Some(&self.facts.name), code, ..Fields::default() };
        log::write(Level::from_syslog(level), fields, format_args!("{text}"));
    }
}

pub(super) fn opcode(is_text: bool) -> Opcode {
    if is_text { Opcode::Text } else { Opcode::Binary }
}

/// Up to [`LISTED_MAX`] ids, without a trip to the heap.
pub(super) struct Listed {
    ids: [ClientId; LISTED_MAX],
    len: usize,
}

impl Default for Listed {
    fn default() -> Self {
        Self { ids: [ClientId::from_u64(0); LISTED_MAX], len: 0 }
    }
}

impl Listed {
    pub(super) fn push(&mut self, id: ClientId) {
        self.ids[self.len] = id;
        self.len += 1;
    }

    pub(super) fn ids(&self) -> &[ClientId] {
        &self.ids[..self.len]
    }
}
