//! A connection: the request head, then frames, then the closing handshake (RFC 6455 sections 4
//! to 7), joined into one object that the caller feeds.
//!
//! Not for: the layout of frames (`frame`, `control`), what makes a message (`message`), or HTTP
//! (`http`). This file only knows what may follow what.
//!
//! Bytes that are answered at all are answered in the `receive` that read them, and no answer is
//! longer than the frame it answers: whatever a peer sends (a flood of pings, say), one `receive`
//! appends no more to `out` than its input was long, plus one Close frame or one error response.

mod frames;
mod head;
mod preamble;

use core::net::SocketAddr;
use std::time::Duration;

use self::frames::Frames;
use self::head::PartialHead;
use crate::close::{self, CloseCode, Violation};
use crate::deflate::{Agreement, Deflater, Inflater, Window};
use crate::frame::Opcode;
use crate::http::Request;
use crate::input::Input;
use crate::message::{Kind, Payload};
use crate::proxy::Preamble;
use crate::response::Response;
use crate::time::Millis;

/// What a peer may take of memory and time.
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
    /// Bytes of payload of a frame; beyond it the connection is closed with 1009.
    pub frame_size: usize,
    /// Frames of a message; beyond it the connection is closed with 1009.
    pub fragment_c: usize,
    /// How long a request head, with a proxy's header before it, may take from
    /// [`Connection::new`] on; after that 408.
    pub head_wait: Duration,
    /// How long the peer may take to answer our Close frame.
    pub close_wait: Duration,
    /// How long an open connection may be silent before it is sent a ping; `None`: for ever.
    pub ping_wait: Option<Duration>,
    /// How long a peer that was sent a ping may stay silent; after that it is closed with 1008.
    pub pong_wait: Duration,
}

/// Where a connection is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Phase {
    /// A proxy's header is awaited ([`crate::proxy`]).
    Preamble,
    /// A request head is awaited.
    Head,
    /// [`Event::Request`] was yielded: the caller has to [`Connection::accept`] or
    /// [`Connection::refuse`] before anything else is read.
    Deciding,
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
    /// ([`crate::upgrade::decide`]) and answers.
    Request(Request<'a>),
    /// A message is complete (RFC 6455 section 5.6).
    Message {
        /// Whether it is text.
        kind: Kind,
        /// Its bytes; UTF-8 if it is text.
        payload: Payload<'a>,
    },
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

/// What a deadline has ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Expired {
    /// The wait for a proxy's header: the connection is to be dropped.
    Preamble,
    /// The wait for a request head: a 408 response is in `out`, to be sent before the end.
    Head,
    /// The wait for the peer's Close frame: the connection is to be dropped.
    Closing,
}

/// One connection of a client. While nothing is under way it owns no memory but itself; a head,
/// frame or message that has come in part lies in a box until it is complete.
#[derive(Debug)]
pub struct Connection {
    phase: Phase,
    deflate: Option<Agreement>,
    /// Counts in the phases Preamble, Head and Closing.
    deadline: Millis,
    under_way: Option<Box<UnderWay>>,
    /// Only where an endpoint takes its compressor's context over.
    windows: Option<Box<Windows>>,
}

/// What both compressors may refer to (RFC 7692 section 7.1.1).
#[derive(Debug)]
struct Windows {
    client: Option<Window>,
    server: Option<Window>,
}

/// What has come in part.
#[derive(Debug)]
enum UnderWay {
    Preamble(Preamble),
    Head(PartialHead),
    Frames(Frames),
}

impl Connection {
    /// A connection that was just accepted: a request head is awaited.
    pub fn new(now: Millis, limits: &Limits) -> Self {
        Self {
            phase: Phase::Head,
            deflate: None,
            deadline: now + limits.head_wait,
            under_way: None,
            windows: None,
        }
    }

    /// Reads from `input` up to the next event. To be called until it returns `None`: then all of
    /// `input` is read (save in the phase Deciding), and more bytes are needed.
    ///
    /// Replies are appended to `out`, in the order in which they are to be sent. After an event that
    /// is the last the phase is Finished, and whatever comes is read and forgotten. `_now` is not
    /// needed yet: timers that incoming bytes reset will use it. Compressed messages are inflated
    /// with `inflater`, which can be that of many connections.
    #[inline]
    pub fn receive<'a>(
        &'a mut self,
        input: &'a mut Input<'_>,
        _now: Millis,
        limits: &Limits,
        inflater: &'a mut Inflater,
        out: &mut Vec<u8>,
    ) -> Option<Event<'a>> {
        match self.phase {
            Phase::Open if self.under_way.is_none() => {
                if input.is_empty() {
                    return None; // as after every message that came alone
                }
                self.receive_message(input, limits, inflater, out)
            }
            Phase::Open | Phase::Closing => self.receive_frames(input, limits, inflater, out),
            Phase::Head => self.receive_head(input, limits, out),
            Phase::Preamble => self.receive_preamble(input),
            Phase::Deciding => None,
            Phase::Finished => {
                self.finish();
                input.clear();
                None
            }
        }
    }

    /// Answers [`Event::Request`]: the caller has written a 101 response
    /// ([`crate::upgrade::write_switching_protocols`]), and frames follow, compressed as agreed.
    pub fn accept(&mut self, deflate: Option<Agreement>) {
        self.leave_deciding(Phase::Open);
        self.deflate = deflate;
        self.windows = deflate.and_then(|agreement| {
            let Agreement { client_takeover, server_takeover, .. } = agreement;
            let windows = Windows {
                client: client_takeover.then(|| Window::new(agreement.client_window_bits)),
                server: server_takeover.then(|| Window::new(agreement.server_window_bits)),
            };
            (client_takeover || server_takeover).then(|| Box::new(windows))
        });
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

    /// Answers [`Event::Request`], or goes before it after [`Event::Proxied`]: the caller has
    /// written another response, with `Connection: close`.
    pub fn refuse(&mut self) {
        if self.phase == Phase::Head {
            self.phase = Phase::Deciding;
        }
        self.leave_deciding(Phase::Finished);
    }

    fn leave_deciding(&mut self, phase: Phase) {
        debug_assert_eq!(self.phase, Phase::Deciding, "there is no request to answer");
        self.phase = phase;
        self.under_way = None;
    }

    /// Starts the closing handshake (RFC 6455 section 7.1.2): appends a Close frame to `out`, and
    /// from then on nothing. A code that must not be sent leaves the frame empty, as does
    /// [`CloseCode::NO_STATUS`]; a reason longer than [`close::MAX_REASON`] is cut.
    ///
    /// Returns whether it did: not unless the phase is [`Phase::Open`].
    pub fn close(
        &mut self,
        code: CloseCode,
        reason: &str,
        now: Millis,
        limits: &Limits,
        out: &mut Vec<u8>,
    ) -> bool {
        if self.phase != Phase::Open {
            return false;
        }
        close::write(Some(code), reason, out);
        self.phase = Phase::Closing;
        self.deadline = now + limits.close_wait;
        self.windows = None;
        self.forget_message();
        true
    }

    /// When [`Connection::expire`] has something to do, if the peer does nothing until then.
    pub fn deadline(&self) -> Option<Millis> {
        let has_one = matches!(self.phase, Phase::Preamble | Phase::Head | Phase::Closing);
        has_one.then_some(self.deadline)
    }

    /// Ends what the peer took too long for, if its deadline has come. What is returned says what
    /// the caller has to do; the phase is Finished then.
    pub fn expire(&mut self, now: Millis, out: &mut Vec<u8>) -> Option<Expired> {
        self.deadline().filter(|&deadline| deadline <= now)?;
        let expired = match self.phase {
            Phase::Preamble => Expired::Preamble,
            Phase::Head => {
                let head_only = matches!(
                    self.under_way.as_deref(),
                    Some(UnderWay::Head(head)) if head.is_head()
                );
                Response::new(408, "The request took too long to arrive.").write(head_only, out);
                Expired::Head
            }
            _ => Expired::Closing,
        };
        self.finish();
        Some(expired)
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
