//! Drives a connection as its worker would, with the client's bytes cut at given places, notes all
//! that happens, and holds it to what must be true whatever was sent.
//! Not for: what a request is answered with (`head`).

use std::iter;
use std::net::SocketAddr;
use std::str;
use std::time::Duration;

use ringsocket_proto::deflate::{Agreement, Inflater};
use ringsocket_proto::{
    CloseCode, Connection, Event, Expired, Input, Kind, Limits, Millis, Phase, Request,
};

use crate::recipe::{Recipe, chunk_len};
use crate::wire::{self, MAX_FRAME, MAX_RESPONSE};

/// What is reserved at once for a message in pieces.
const FIRST_RESERVE: usize = 1024;
/// From here on no longer byte by byte: large messages would take seconds.
const BYTE_BY_BYTE: usize = 400;

const HEAD_WAIT: Duration = Duration::from_secs(10);
const CLOSE_WAIT: Duration = Duration::from_secs(30);

/// Limits with these sizes.
pub(crate) fn limits([head_size, header_c, message_size, chain_size]: [usize; 4]) -> Limits {
    Limits {
        head_size,
        header_c,
        message_size,
        chain_size,
        frame_size: message_size,
        fragment_c: usize::MAX,
        head_wait: HEAD_WAIT,
        upgrade_wait: HEAD_WAIT,
        close_wait: CLOSE_WAIT,
        ping_wait: None,
        pong_wait: CLOSE_WAIT,
    }
}

/// What the server does by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    Close,
    Expire,
}

/// An event that owns what it holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Seen {
    /// A proxy's header, and whom it names.
    Proxied(Option<SocketAddr>),
    BadPreamble(&'static str),
    /// A request, and what it was answered with.
    Request(String),
    Message(Kind, Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Closed(Option<u16>, String),
    Violation(u16, &'static str),
    BadRequest(u16, &'static str),
    Expired(Expired),
}

/// What came of a conversation.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Outcome {
    pub(crate) seen: Vec<Seen>,
    pub(crate) out: Vec<u8>,
    pub(crate) phase: Phase,
    is_idle_on_heap: bool,
}

/// What a request is answered with.
pub(crate) enum Answer {
    /// 101, and how messages may be compressed.
    Accept(Option<Agreement>),
    Refuse,
}

/// Answers a request: appends the response to `out`, and says in words what it was.
pub(crate) type Answerer<'a> = &'a dyn Fn(&Request<'_>, &mut Vec<u8>) -> (String, Answer);

/// A conversation.
pub(crate) struct Script<'s> {
    pub(crate) recipe: &'s Recipe<'s>,
    pub(crate) limits: &'s Limits,
    /// Whether deadlines pass twice, where they pass.
    pub(crate) expires_twice: bool,
    /// Whether a proxy's header is awaited first.
    pub(crate) is_behind_proxy: bool,
    /// What the client sends before anything is looked at: all of it, in one piece.
    pub(crate) before: &'s [u8],
    /// What the client sends.
    pub(crate) bytes: &'s [u8],
    pub(crate) answer: Answerer<'s>,
}

impl Script<'_> {
    /// Holds the conversation in one go, in the recipe's chunks and byte by byte, and panics if
    /// it goes otherwise from one time to another.
    pub(crate) fn outcome(&self) -> Outcome {
        // As in a worker, one inflater for all, whatever became of the connection before.
        let inflater = &mut Inflater::default();
        let whole = self.play(inflater, iter::repeat(usize::MAX));
        let lens = self.recipe.chunks.iter().map(|&byte| chunk_len(byte));
        if lens.clone().sum::<usize>() > 0 {
            assert_same(&whole, &self.play(inflater, lens.cycle()), "in the chunks of the input");
        }
        let each = iter::repeat_n(1, BYTE_BY_BYTE).chain(iter::repeat(251));
        assert_same(&whole, &self.play(inflater, each), "byte by byte");
        whole
    }

    fn play(&self, inflater: &mut Inflater, mut chunks: impl Iterator<Item = usize>) -> Outcome {
        let mut caller = Caller::new(self, inflater);
        if !self.before.is_empty() {
            caller.feed(self.before);
            assert_eq!(caller.connection.phase(), Phase::Open);
            caller.forget();
        }
        let mut from = 0;
        for (at, action) in self.actions() {
            while from < at {
                // After the end all is forgotten, however it comes.
                let is_over = caller.connection.phase() == Phase::Finished;
                let len = chunks.next().filter(|_| !is_over).unwrap_or(usize::MAX);
                let to = from.saturating_add(len).min(at);
                caller.feed(&self.bytes[from..to]);
                from = to;
            }
            match action {
                Some(Action::Close) => caller.close(),
                Some(Action::Expire) => caller.expire(),
                None => {}
            }
        }
        // Once more, so that what the last event had borrowed is let go.
        caller.feed(&[]);
        caller.into_outcome()
    }

    /// What the server does, and after how many bytes; the last entry is the end of the bytes.
    pub(crate) fn actions(&self) -> Vec<(usize, Option<Action>)> {
        let at = |place: usize| place % (self.bytes.len() + 1);
        let close = self.recipe.close_at.map(|place| (at(place), Some(Action::Close)));
        let expire = self.recipe.expire_at.map(|place| (at(place), Some(Action::Expire)));
        // Who is silent for long is sent a ping first.
        let expire = expire.into_iter().chain(expire.filter(|_| self.expires_twice));
        let mut actions: Vec<_> = close.into_iter().chain(expire).collect();
        actions.sort_by_key(|&(at, _)| at);
        actions.push((self.bytes.len(), None));
        actions
    }
}

#[track_caller]
fn assert_same(whole: &Outcome, cut: &Outcome, how: &str) {
    assert_eq!(whole.seen, cut.seen, "events in one go, and {how}");
    assert_eq!(whole.out, cut.out, "answers in one go, and {how}");
    assert_eq!(whole, cut, "the end in one go, and {how}");
}

/// The owner of a connection.
struct Caller<'s> {
    connection: Connection,
    limits: &'s Limits,
    answer: Answerer<'s>,
    inflater: &'s mut Inflater,
    now: Millis,
    /// Bytes fed so far.
    fed: usize,
    seen: Vec<Seen>,
    out: Vec<u8>,
}

impl<'s> Caller<'s> {
    fn new(script: &Script<'s>, inflater: &'s mut Inflater) -> Self {
        let (limits, answer, now) = (script.limits, script.answer, Millis(1000));
        let connection = match script.is_behind_proxy {
            true => Connection::behind_proxy(now),
            false => Connection::new(now),
        };
        let (seen, out) = Default::default();
        Self { connection, limits, answer, inflater, now, fed: 0, seen, out }
    }

    /// Forgets what was said so far.
    fn forget(&mut self) {
        self.seen.clear();
        self.out.clear();
    }

    fn feed(&mut self, bytes: &[u8]) {
        let (sent, phase) = (self.out.len(), self.connection.phase());
        let mut bytes = bytes.to_vec();
        let len = bytes.len();
        self.fed += len;
        let mut input = Input::new(&mut bytes);
        while let Some(seen) = self.next(&mut input) {
            assert_ne!(phase, Phase::Finished, "{seen:?} after the end");
            if let Some(last) = self.seen.last() {
                assert!(!is_last(last), "{seen:?} follows {last:?}");
            }
            self.seen.push(seen);
        }
        assert!(input.is_empty(), "bytes are left over");
        self.hold(sent, phase, len);
    }

    /// Holds a receive of `len` bytes, in this phase, to what is said of memory and answers.
    fn hold(&self, sent: usize, phase: Phase, len: usize) {
        let answered = self.out.len() - sent;
        match phase {
            Phase::Closing | Phase::Finished => assert_eq!(answered, 0, "words after the last"),
            // A control frame that came in pieces is answered with its last one.
            Phase::Open => assert!(answered <= len + 2 * MAX_FRAME, "{answered} B for {len} B"),
            Phase::Preamble | Phase::Head | Phase::Deciding | Phase::Deferred => {
                assert!(answered <= len + 2 * MAX_FRAME + MAX_RESPONSE, "{answered} B for {len} B");
            }
        }
        // Buffers grow to twice what has come, which the limits bound.
        let largest = match self.connection.phase() {
            Phase::Preamble | Phase::Head => self.limits.head_size,
            _ => self.limits.chain_size,
        };
        let bound = FIRST_RESERVE.max(2 * self.fed.min(largest));
        let held = self.connection.held();
        assert!(held <= bound, "{held} B are held after {} B", self.fed);
        assert!(held == 0 || !self.connection.is_idle_on_heap(), "idle, but {held} B are held");
        if self.connection.phase() == Phase::Finished && len == 0 {
            assert!(self.connection.is_idle_on_heap(), "memory after the end");
        }
    }

    fn next(&mut self, input: &mut Input<'_>) -> Option<Seen> {
        let out = &mut self.out;
        let (now, inflater) = (self.now, &mut *self.inflater);
        let event = self.connection.receive(input, now, self.limits, inflater, out)?;
        Some(match event {
            Event::Request(request) => {
                let (words, answer) = (self.answer)(&request, out);
                drop(request);
                assert_eq!(self.connection.phase(), Phase::Deciding);
                match answer {
                    Answer::Accept(deflate) => self.connection.accept(deflate, self.now),
                    Answer::Refuse => self.connection.refuse(),
                }
                Seen::Request(words)
            }
            Event::Message { kind, payload } => {
                assert!(payload.len() <= self.limits.message_size, "{} B", payload.len());
                if kind == Kind::Text {
                    str::from_utf8(&payload).expect("a text in UTF-8");
                }
                Seen::Message(kind, payload.into_vec())
            }
            Event::Ping(payload) => {
                assert!(payload.len() <= 125);
                Seen::Ping(payload.to_vec())
            }
            Event::Pong(payload) => {
                assert!(payload.len() <= 125);
                Seen::Pong(payload.to_vec())
            }
            Event::Closed { code, reason } => {
                assert!(code.is_some() || reason.is_empty());
                assert!(reason.len() <= 123 && code.is_none_or(|c| wire::is_sendable(c.get())));
                Seen::Closed(code.map(CloseCode::get), reason.to_owned())
            }
            Event::Violation { code, why } => Seen::Violation(code.get(), why),
            Event::BadRequest { status, why } => Seen::BadRequest(status, why),
            Event::Proxied(source) => Seen::Proxied(source),
            Event::BadPreamble { why } => Seen::BadPreamble(why),
        })
    }

    fn close(&mut self) {
        let was_open = self.connection.phase() == Phase::Open;
        let (code, reason) = (CloseCode::GOING_AWAY, "the fuzzer goes");
        let closed = self.connection.close(code, reason, self.now, &mut self.out);
        assert_eq!(closed, was_open);
        if closed {
            assert_eq!(self.connection.held(), 0, "nobody waits for a message any more");
        }
    }

    fn expire(&mut self) {
        assert_eq!(
            self.connection.expire(self.now, self.limits, &mut self.out),
            None,
            "before its time"
        );
        self.now = self.now + HEAD_WAIT.max(CLOSE_WAIT);
        if let Some(expired) = self.connection.expire(self.now, self.limits, &mut self.out) {
            self.seen.push(Seen::Expired(expired));
        }
        assert_eq!(self.connection.expire(self.now, self.limits, &mut self.out), None, "twice");
    }

    fn into_outcome(self) -> Outcome {
        let (phase, is_idle_on_heap) = (self.connection.phase(), self.connection.is_idle_on_heap());
        Outcome { seen: self.seen, out: self.out, phase, is_idle_on_heap }
    }
}

/// Whether nothing may happen after this.
fn is_last(seen: &Seen) -> bool {
    match seen {
        Seen::Closed(..) | Seen::Violation(..) | Seen::BadRequest(..) | Seen::BadPreamble(_) => {
            true
        }
        Seen::Expired(expired) => !matches!(expired, Expired::Silence | Expired::NoPong),
        Seen::Proxied(_) | Seen::Request(_) | Seen::Message(..) | Seen::Ping(_) | Seen::Pong(_) => {
            false
        }
    }
}
