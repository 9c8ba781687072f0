//! A connection: the request head, then frames, then the closing handshake (RFC 6455 sections 4
//! to 7), joined into one object that the caller feeds.
//!
//! Not for: the layout of frames (`frame`, `control`), what makes a message (`message`), or HTTP
//! (`http`). This file only knows what may follow what.
//!
//! Bytes that are answered at all are answered in the `receive` that read them, and no answer is
//! longer than the frame it answers: whatever a peer sends (a flood of pings, say), one `receive`
//! appends no more to `out` than its input was long, plus one Close frame or one error response.

mod decision;
mod frames;
mod head;
mod parked;
mod preamble;

use core::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::frames::Frames;
use self::head::PartialHead;
use crate::close::{self, CloseCode, Violation};
use crate::deflate::{Agreement, Deflater, Inflater, Window};
use crate::frame::{self, Opcode};
use crate::http::Request;
use crate::input::Input;
use crate::message::{Kind, Payload};
use crate::proxy::Preamble;
use crate::response::Response;
use crate::time::Millis;

/// What a peer may take of memory and time. The caller may change it while connections are open: from
/// then on it holds for all that begins, and for every wait; a message that is under way ends under the
/// limits under which it has begun.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Bytes of a request head, with its empty line; beyond it 431, or 414 if the request line
    /// alone is longer.
    pub head_size: usize,
    /// Header fields of a request; beyond it 431.
    pub header_c: usize,
    /// Bytes of a message; beyond it the connection is closed with 1009.
    pub message_size: usize,
    /// Bytes of all frames of a message and of the control frames between them, headers counted;
    /// beyond it the connection is closed with 1009.
    pub chain_size: usize,
    /// Bytes of payload of a frame; beyond it the connection is closed with 1009. As much as
    /// `message_size` means no limit of its own: a compressed message may be a little longer.
    pub frame_size: usize,
    /// Frames of a message; beyond it the connection is closed with 1009.
    pub fragment_c: usize,
    /// How long a request head, with a proxy's header before it, may take from
    /// [`Connection::new`] on; after that 408.
    pub head_wait: Duration,
    /// How long the caller may take to decide about a request, from [`Connection::defer`] on; after
    /// that 504.
    pub upgrade_wait: Duration,
    /// How long the peer may take to answer our Close frame.
    pub close_wait: Duration,
    /// How long an open connection may be silent before it is sent a ping; `None`: for ever.
    pub ping_wait: Option<Duration>,
    /// How long a peer that was sent a ping may stay silent; after that it is closed with 1008. It
    /// need not answer the ping: whatever it sends will do.
    pub pong_wait: Duration,
}

/// The reason in the Close frame for who has not answered a ping.
pub const NO_PONG: &str = "no answer to a ping";

/// Where a connection is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Phase {
    /// A proxy's header is awaited ([`crate::proxy`]).
    Preamble,
    /// A request head is awaited.
    Head,
    /// [`Event::Request`] was yielded: the caller has to [`Connection::accept`] or
    /// [`Connection::refuse`] before anything else is read, or to [`Connection::defer`] that.
    Deciding,
    /// The caller decides later, and nothing is read until then.
    Deferred,
    /// Messages go both ways.
    Open,
    /// We have sent a Close frame and wait for the peer's (RFC 6455 section 7.1.2). Nothing more
    /// may be sent.
    Closing,
    /// Nothing more will come or may be sent. What is in `out` is to be flushed, then the socket
    /// shut down for sending and read to its end (RFC 6455 section 7.1.1).
    Finished,
}

/// What happened.
#[derive(PartialEq, Eq, Debug)]
pub enum Event<'a> {
    /// The proxy's header is complete, and says where the connection comes from, if it does. A
    /// request head is awaited; the caller may [`Connection::refuse`] it at once.
    Proxied(Option<SocketAddr>),
    /// What came is no header of a proxy, and the connection is to be dropped without an answer.
    /// The last event.
    BadPreamble {
        /// What is wrong.
        why: &'static str,
    },
    /// A request head is complete and well-formed. The caller decides
    /// ([`crate::upgrade::decide`]) and answers. In a box, so that the many small events of a
    /// connection are not moved about in the size of this one.
    Request(Box<Request<'a>>),
    /// A message is complete (RFC 6455 section 5.6).
    Message {
        /// Whether it is text.
        kind: Kind,
        /// Its bytes; UTF-8 if it is text.
        payload: Payload<'a>,
    },
    /// A ping (RFC 6455 section 5.5.2); its pong is in `out`, unless we have sent a Close frame.
    Ping(&'a [u8]),
    /// A pong (RFC 6455 section 5.5.3), asked for or not.
    Pong(&'a [u8]),
    /// The peer's Close frame; the answer, if one is due, is in `out`. The last event.
    Closed {
        /// Its code, if it had one.
        code: Option<CloseCode>,
        /// Its reason, at most 123 bytes.
        reason: &'a str,
    },
    /// The peer broke the protocol or a limit; a Close frame that says so is in `out`, unless one
    /// was sent before. The last event.
    Violation {
        /// The code.
        code: CloseCode,
        /// What the peer did.
        why: &'static str,
    },
    /// What came is no request that can be answered with an upgrade; the response is in `out`. The
    /// last event.
    BadRequest {
        /// The status of the response.
        status: u16,
        /// What is wrong.
        why: &'static str,
    },
}

/// What has taken too long, and what was done about it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Expired {
    /// To send a proxy's header: the connection is to be dropped. The phase is Finished.
    Preamble,
    /// To send a request head: a 408 response is in `out`, to be sent before the end. The phase is
    /// Finished.
    Head,
    /// The caller, not the peer, to decide: a 504 response is in `out`, to be sent before the end. The
    /// phase is Finished.
    Undecided,
    /// To send anything at all: a ping is in `out`, and the wait for an answer has begun.
    Silence,
    /// To answer the ping: a Close frame with 1008 and [`NO_PONG`] is in `out`. The phase is
    /// Closing.
    NoPong,
    /// To answer our Close frame: the connection is to be dropped. The phase is Finished.
    Closing,
}

/// One connection of a client. While nothing is under way it owns no memory but itself; a head,
/// frame or message that has come in part lies in a box until it is complete.
///
/// Once its upgrade is over it can be written down with serde, and go on elsewhere (`parked`).
#[derive(Debug, Serialize, Deserialize)]
pub struct Connection {
    phase: Phase,
    deflate: Option<Agreement>,
    /// In the phase Open: the last thing that came of the peer came before our ping.
    is_pinged: bool,
    /// When the wait began that is on in this phase: for a header or head, for a decision, for
    /// anything, for a Close frame.
    since: Millis,
    under_way: Option<Box<UnderWay>>,
    /// Only where an endpoint takes its compressor's context over.
    windows: Option<Box<Windows>>,
}

/// What both compressors may refer to (RFC 7692 section 7.1.1).
#[derive(Debug, Serialize, Deserialize)]
struct Windows {
    client: Option<Window>,
    server: Option<Window>,
}

/// What has come in part.
#[derive(Debug, Serialize, Deserialize)]
enum UnderWay {
    // First, as formats without names count the variants that are not skipped.
    Frames(Frames),
    #[serde(skip)]
    Preamble(Preamble),
    #[serde(skip)]
    Head(PartialHead),
}

impl Connection {
    /// A connection that was just accepted: a request head is awaited.
    pub fn new(now: Millis) -> Self {
        Self {
            phase: Phase::Head,
            deflate: None,
            is_pinged: false,
            since: now,
            under_way: None,
            windows: None,
        }
    }

    /// Reads from `input` up to the next event. To be called until it returns `None`: then all of
    /// `input` is read (save in the phases Deciding and Deferred), and more bytes are needed.
    ///
    /// Replies are appended to `out`, in the order in which they are to be sent. After an event that
    /// is the last the phase is Finished, and whatever comes is read and forgotten. Compressed
    /// messages are inflated with `inflater`, which can be that of many connections.
    ///
    /// In the phase Open, any byte ends the silence of the peer, and answers our ping.
    #[inline]
    pub fn receive<'a>(
        &'a mut self,
        input: &'a mut Input<'_>,
        now: Millis,
        limits: &Limits,
        inflater: &'a mut Inflater,
        out: &mut Vec<u8>,
    ) -> Option<Event<'a>> {
        match self.phase {
            Phase::Open if self.under_way.is_none() => {
                // As after every message that came alone.
                if input.is_empty() {
                    return None;
                }
                self.restart_silence(now);
                self.receive_message(input, limits, inflater, out)
            }
            Phase::Open => {
                if !input.is_empty() {
                    self.restart_silence(now);
                }
                self.receive_frames(input, limits, inflater, out)
            }
            Phase::Closing => self.receive_frames(input, limits, inflater, out),
            Phase::Head => self.receive_head(input, limits, out),
            Phase::Preamble => self.receive_preamble(input),
            Phase::Deciding | Phase::Deferred => None,
            Phase::Finished => {
                self.finish();
                input.clear();
                None
            }
        }
    }

    /// How messages may be compressed, if at all.
    #[inline]
    pub fn deflate(&self) -> Option<Agreement> {
        self.deflate
    }

    /// Whether a compressor may refer to earlier messages, for which memory is kept.
    pub fn takes_over(&self) -> bool {
        self.deflate.is_some_and(|agreed| agreed.client_takeover || agreed.server_takeover)
    }

    /// Appends a message as one compressed frame that may refer to earlier ones, where
    /// [`Agreement::server_takeover`] says so. Whatever is appended must be sent, in this order.
    /// Returns whether it did; see [`Deflater::frame`].
    pub fn compress(
        &mut self,
        deflater: &mut Deflater,
        opcode: Opcode,
        payload: &[u8],
        out: &mut Vec<u8>,
    ) -> bool {
        let window = self.windows.as_deref_mut().and_then(|windows| windows.server.as_mut());
        match (self.deflate, window) {
            (Some(Agreement { server_window_bits, .. }), Some(window)) => {
                deflater.frame(opcode, payload, server_window_bits, Some(window), out)
            }
            _ => false,
        }
    }

    /// The peer is sent a message as a compressed frame that refers to no earlier one: later ones may
    /// refer to it, as the peer keeps it too.
    pub fn remember(&mut self, payload: &[u8]) {
        if let Some(window) = self.windows.as_deref_mut().and_then(|all| all.server.as_mut()) {
            window.push(payload);
        }
    }

    /// Starts the closing handshake (RFC 6455 section 7.1.2): appends a Close frame to `out`, and
    /// from then on nothing. A code that must not be sent leaves the frame empty, as does
    /// [`CloseCode::NO_STATUS`]; a reason longer than [`close::MAX_REASON`] is cut.
    ///
    /// Returns whether it did: not unless the phase is [`Phase::Open`].
    pub fn close(&mut self, code: CloseCode, reason: &str, now: Millis, out: &mut Vec<u8>) -> bool {
        if self.phase != Phase::Open {
            return false;
        }
        close::write(Some(code), reason, out);
        self.await_close(now);
        true
    }

    /// We have said goodbye.
    fn await_close(&mut self, now: Millis) {
        self.phase = Phase::Closing;
        self.since = now;
        self.windows = None;
        self.forget_message();
    }

    /// In the phase Open: what the peer is to be silent for, before it is sent a ping, begins now,
    /// and a ping that it was sent counts as answered. For the caller who has not read what the
    /// peer may have sent, or knows by other ways that it is there.
    #[inline]
    pub fn restart_silence(&mut self, now: Millis) {
        if self.phase == Phase::Open {
            self.since = now;
            self.is_pinged = false;
        }
    }

    /// Whatever is waited for in this phase has all of its time again, from now on: for the caller who
    /// has cut it down ([`Limits`]), so that nobody is late for what he was not told.
    pub fn restart_wait(&mut self, now: Millis) {
        self.since = now;
    }

    /// Whether whatever the peer sends now, short of the end of the phase Open, can only put
    /// [`Connection::deadline`] off: it is open, and no answer to a ping is awaited, which may have
    /// more time than silence has.
    #[inline]
    pub fn is_at_ease(&self) -> bool {
        self.phase == Phase::Open && !self.is_pinged
    }

    /// When [`Connection::expire`] has something to do, if the peer does nothing until then.
    #[inline]
    pub fn deadline(&self, limits: &Limits) -> Option<Millis> {
        let wait = match self.phase {
            Phase::Preamble | Phase::Head => limits.head_wait,
            Phase::Open if self.is_pinged => limits.pong_wait,
            Phase::Open => limits.ping_wait?,
            Phase::Closing => limits.close_wait,
            Phase::Deferred => limits.upgrade_wait,
            Phase::Deciding | Phase::Finished => return None,
        };
        Some(self.since + wait)
    }

    /// Deals with what the peer took too long for, if its deadline has come. What is returned says
    /// what the caller has to do.
    ///
    /// The ping is empty (RFC 6455 section 5.5.2 leaves it to us): since any byte answers it, there
    /// is nothing to recognise, and two bytes cost a sleeping phone the least.
    pub fn expire(&mut self, now: Millis, limits: &Limits, out: &mut Vec<u8>) -> Option<Expired> {
        self.deadline(limits).filter(|&deadline| deadline <= now)?;
        Some(match self.phase {
            Phase::Open if !self.is_pinged => {
                frame::write_control(Opcode::Ping, b"", out);
                self.is_pinged = true;
                self.since = now;
                Expired::Silence
            }
            Phase::Open => {
                close::write(Some(CloseCode::POLICY), NO_PONG, out);
                self.await_close(now);
                Expired::NoPong
            }
            Phase::Head => {
                let head_only = matches!(
                    self.under_way.as_deref(),
                    Some(UnderWay::Head(head)) if head.is_head()
                );
                Response::new(408, "The request took too long to arrive.").write(head_only, out);
                self.finish();
                Expired::Head
            }
            Phase::Deferred => {
                // An upgrade, so it is a GET.
                Response::new(504, "The app did not decide in time.").write(false, out);
                self.finish();
                Expired::Undecided
            }
            Phase::Preamble => {
                self.finish();
                Expired::Preamble
            }
            _ => {
                self.finish();
                Expired::Closing
            }
        })
    }

    /// Where the connection is in its life.
    #[inline]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether the connection owns no memory beside itself: true whenever nothing has come in
    /// part, once [`Connection::receive`] has returned `None`, unless a context is taken over.
    pub fn is_idle_on_heap(&self) -> bool {
        self.under_way.is_none() && self.windows.is_none()
    }

    /// Bytes of memory that hold what has come of a head or message that is not complete: what a
    /// caller that limits the sum over all connections adds up.
    pub fn held(&self) -> usize {
        match self.under_way.as_deref() {
            None => 0,
            Some(UnderWay::Preamble(preamble)) => size_of_val(preamble),
            Some(UnderWay::Head(head)) => head.held(),
            Some(UnderWay::Frames(frames)) => frames.held(),
        }
    }

    /// Fails an open connection (RFC 6455 section 7.1.7) whose peer breaks a limit that the caller
    /// keeps: as if [`Event::Violation`] had been yielded.
    pub fn fail_with(&mut self, code: CloseCode, why: &'static str, out: &mut Vec<u8>) {
        self.fail(Violation { code, why }, out);
    }

    /// Fails the connection (RFC 6455 section 7.1.7).
    #[cold]
    fn fail(&mut self, violation: Violation, out: &mut Vec<u8>) -> Event<'static> {
        let Violation { code, why } = violation;
        if self.phase == Phase::Open {
            close::write(Some(code), why, out);
        }
        self.finish();
        Event::Violation { code, why }
    }

    /// Nothing more comes or goes.
    fn finish(&mut self) {
        self.phase = Phase::Finished;
        self.under_way = None;
        self.windows = None;
    }
}

#[cfg(test)]
mod tests;
