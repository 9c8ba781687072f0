//! The part of a connection after the upgrade: frames (RFC 6455 sections 5 and 7).
//!
//! The short way, [`Connection::receive_message`], is for what nearly all traffic is: messages of
//! one frame that lie in the input whole. Everything else takes steps, each of which reads one
//! header, one control frame, or as much of a payload as there is.

use serde::{Deserialize, Serialize};

use super::{Connection, Event, Limits, Phase, UnderWay};
use crate::close::{self, Violation};
use crate::control::ControlFrame;
use crate::deflate::Inflater;
use crate::frame::{self, Header, MAX_CLIENT_HEADER, Opcode};
use crate::input::Input;
use crate::mask;
use crate::message::{self, Assembly, Bounds, DataFrame, Fed, Kind, Payload, Size};

/// What of the frames has come in part.
#[derive(Default, Debug, Serialize, Deserialize)]
pub(super) struct Frames {
    /// The message that has begun.
    message: Option<Assembly>,
    /// The frame that has begun.
    frame: Partial,
}

impl Frames {
    pub(super) fn held(&self) -> usize {
        self.message.as_ref().map_or(0, Assembly::held)
    }

    /// See [`Connection::tighten`].
    pub(super) fn tighten(&mut self, bounds: Bounds) -> bool {
        self.message.as_mut().is_none_or(|message| message.tighten(bounds))
    }

    /// Whether it may have come about: what is read back from elsewhere may be anything.
    pub(super) fn is_sound(&self) -> bool {
        let is_frame_sound = match &self.frame {
            Partial::None | Partial::Unwanted(_) => true,
            Partial::Header { len, .. } => *len < MAX_CLIENT_HEADER,
            Partial::Data(frame) => frame.remaining() > 0,
            Partial::Control(frame) => frame.is_sound() && frame.remaining() > 0,
            Partial::Yielded(frame) => frame.is_sound() && frame.remaining() == 0,
        };
        is_frame_sound && self.message.as_ref().is_none_or(Assembly::is_sound)
    }
}

/// A frame that has come in part.
#[derive(Default, Debug, Serialize, Deserialize)]
enum Partial {
    /// None has: the last one is complete.
    #[default]
    None,
    /// Not even its header is complete.
    Header { bytes: [u8; MAX_CLIENT_HEADER], len: usize },
    /// Of a message.
    Data(DataFrame),
    /// A control frame.
    Control(ControlFrame),
    /// A control frame that was complete, and has been yielded.
    Yielded(ControlFrame),
    /// Of a message that nobody waits for any more: so many bytes of it are still to come.
    Unwanted(u64),
}

/// How a step ended. What it holds lies in the input.
enum Step<'b> {
    /// Another can be taken.
    Next,
    /// The input is used up.
    NeedMore,
    Message(Kind, Payload<'b>),
    /// A message that is to be inflated to at most so many bytes.
    Compressed(Kind, Payload<'b>, usize),
    /// A control frame that lay in the input whole.
    Control(Opcode, &'b [u8]),
    /// A control frame that lies in [`Partial::Yielded`].
    Kept,
}

impl Connection {
    /// The short way; with nothing under way, in the phase Open.
    #[inline]
    pub(super) fn receive_message<'a>(
        &'a mut self,
        input: &'a mut Input<'_>,
        limits: &Limits,
        inflater: &'a mut Inflater,
        out: &mut Vec<u8>,
    ) -> Option<Event<'a>> {
        if let Some(header) = frame::parse_whole_message(input.remaining()) {
            if Size::default().add_data(&header, &Bounds::of(limits)).is_ok() {
                let frame = input.take(header.len + header.payload_len as usize);
                let payload = &mut frame[header.len..];
                let kind = if header.opcode == Opcode::Text { Kind::Text } else { Kind::Binary };
                return Some(match message::unmask(kind, header.key, payload) {
                    Ok(()) => Event::Message { kind, payload: Payload::Borrowed(payload) },
                    Err(violation) => self.fail(violation, out),
                });
            }
        }
        self.receive_frames(input, limits, inflater, out)
    }

    /// The message that compressed bytes stand for.
    fn inflate<'a>(
        &mut self,
        kind: Kind,
        compressed: &[u8],
        most: usize,
        inflater: &'a mut Inflater,
        out: &mut Vec<u8>,
    ) -> Event<'a> {
        let window = self.windows.as_deref_mut().and_then(|windows| windows.client.as_mut());
        match message::inflate(kind, compressed, inflater, window, most) {
            Ok(payload) => Event::Message { kind, payload },
            Err(violation) => self.fail(violation, out),
        }
    }

    /// The long way; in the phases Open and Closing.
    pub(super) fn receive_frames<'a>(
        &'a mut self,
        input: &'a mut Input<'_>,
        limits: &Limits,
        inflater: &'a mut Inflater,
        out: &mut Vec<u8>,
    ) -> Option<Event<'a>> {
        loop {
            match self.step(input, limits) {
                Ok(Step::Next) => {}
                Ok(Step::NeedMore) => return None,
                Ok(Step::Message(kind, payload)) => {
                    return Some(Event::Message { kind, payload });
                }
                Ok(Step::Compressed(kind, compressed, most)) => {
                    return Some(self.inflate(kind, &compressed, most, inflater, out));
                }
                Ok(Step::Control(opcode, payload)) => {
                    self.forget_before_end(opcode);
                    return Some(answer_control(&mut self.phase, opcode, payload, out));
                }
                Ok(Step::Kept) => return self.answer_kept(out),
                Err(violation) => return Some(self.fail(violation, out)),
            }
        }
    }

    /// A message that is not complete will never be: we have said goodbye.
    pub(super) fn forget_message(&mut self) {
        if let Some(frames) = self.frames() {
            frames.message = None;
            if let Partial::Data(frame) = &frames.frame {
                frames.frame = Partial::Unwanted(frame.remaining() as u64);
            }
        }
        self.tidy();
    }

    /// With the peer's Close frame go a message that is under way and the windows: the caller may not
    /// come back, or late, if the peer sends nothing more.
    fn forget_before_end(&mut self, opcode: Opcode) {
        if opcode == Opcode::Close {
            self.windows = None;
            self.forget_message();
        }
    }

    fn frames(&mut self) -> Option<&mut Frames> {
        match self.under_way.as_deref_mut() {
            Some(UnderWay::Frames(frames)) => Some(frames),
            _ => None,
        }
    }

    /// Notes what has come of a frame, in a box that is made if there was none.
    fn keep(&mut self, frame: Partial) {
        match self.frames() {
            Some(frames) => frames.frame = frame,
            None => {
                let frames = Frames { message: None, frame };
                self.under_way = Some(Box::new(UnderWay::Frames(frames)));
            }
        }
    }

    /// Frees the box if nothing is under way.
    fn tidy(&mut self) {
        let is_over = |f: &mut Frames| f.message.is_none() && matches!(f.frame, Partial::None);
        if self.frames().is_some_and(is_over) {
            self.under_way = None;
        }
    }

    /// The frame that was under way is complete.
    fn end_frame(&mut self) {
        if let Some(frames) = self.frames() {
            frames.frame = Partial::None;
        }
        self.tidy();
    }

    fn step<'b>(&mut self, input: &mut Input<'b>, limits: &Limits) -> Result<Step<'b>, Violation> {
        let Some(frames) = self.frames() else { return self.begin_frame(input, limits) };
        match &mut frames.frame {
            Partial::None | Partial::Header { .. } => self.begin_frame(input, limits),
            Partial::Yielded(_) => {
                self.end_frame();
                Ok(Step::Next)
            }
            Partial::Unwanted(remaining) => {
                let count = usize::try_from(*remaining).unwrap_or(usize::MAX);
                *remaining -= input.take_up_to(count).len() as u64;
                if *remaining > 0 {
                    return Ok(Step::NeedMore);
                }
                self.end_frame();
                Ok(Step::Next)
            }
            Partial::Data(frame) => {
                let piece = input.take_up_to(frame.remaining());
                let fed = frame.feed(&mut frames.message, piece)?;
                if matches!(fed, Fed::NeedMore) {
                    return Ok(Step::NeedMore);
                }
                self.end_frame();
                Ok(match fed {
                    Fed::Message(kind, buffer) => Step::Message(kind, Payload::Owned(buffer)),
                    Fed::Compressed(kind, buffer, most) => {
                        Step::Compressed(kind, Payload::Owned(buffer), most)
                    }
                    _ => Step::Next,
                })
            }
            Partial::Control(frame) => {
                if !frame.feed(input.take_up_to(frame.remaining())) {
                    return Ok(Step::NeedMore);
                }
                if let Partial::Control(frame) = std::mem::take(&mut frames.frame) {
                    frames.frame = Partial::Yielded(frame);
                }
                Ok(Step::Kept)
            }
        }
    }

    /// Reads the next header and decides what to do with its frame.
    fn begin_frame<'b>(
        &mut self,
        input: &mut Input<'b>,
        limits: &Limits,
    ) -> Result<Step<'b>, Violation> {
        let Some(header) = self.read_header(input)? else { return Ok(Step::NeedMore) };
        if header.opcode.is_control() {
            return self.begin_control(&header, input);
        }
        if self.phase == Phase::Closing {
            // RFC 6455 section 1.4: data that come after our Close frame are discarded.
            self.keep(Partial::Unwanted(header.payload_len));
            return Ok(Step::Next);
        }
        let message = self.frames().and_then(|frames| frames.message.as_mut());
        let begins = message::begins(header.opcode, message.is_some())?;
        let (mut size, bounds) = match message {
            Some(message) => (message.size, message.bounds),
            None => (Size::default(), Bounds::of(limits)),
        };
        size.add_data(&header, &bounds)?;
        let is_there = header.payload_len <= input.len() as u64;
        if let (Some(kind), true, true) = (begins, header.is_final, is_there) {
            let payload = input.take(header.payload_len as usize);
            if header.is_compressed {
                mask::apply(header.key, payload);
                return Ok(Step::Compressed(kind, Payload::Borrowed(payload), bounds.message_size));
            }
            message::unmask(kind, header.key, payload)?;
            return Ok(Step::Message(kind, Payload::Borrowed(payload)));
        }
        self.keep(Partial::Data(DataFrame::new(&header)));
        if let Some(frames) = self.frames() {
            if let Some(kind) = begins {
                frames.message = Some(Assembly::new(kind, header.is_compressed, bounds));
            }
            if let Some(message) = &mut frames.message {
                message.size = size;
            }
        }
        Ok(Step::Next)
    }

    fn begin_control<'b>(
        &mut self,
        header: &Header,
        input: &mut Input<'b>,
    ) -> Result<Step<'b>, Violation> {
        // RFC 6455 section 5.4: control frames may lie between fragments. There they count, so
        // that no message lasts for ever; but the end is always welcome.
        let message = self.frames().and_then(|frames| frames.message.as_mut());
        if let (Some(message), false) = (message, header.opcode == Opcode::Close) {
            message.size.add_frame(header, &message.bounds)?;
        }
        if header.payload_len > input.len() as u64 {
            self.keep(Partial::Control(ControlFrame::new(header)));
            return Ok(Step::Next);
        }
        let payload = input.take(header.payload_len as usize);
        mask::apply(header.key, payload);
        Ok(Step::Control(header.opcode, payload))
    }

    /// Reads a header; keeps what there is of it if it is not complete.
    fn read_header(&mut self, input: &mut Input<'_>) -> Result<Option<Header>, Violation> {
        let may_compress = self.deflate.is_some();
        let (mut bytes, had) = match self.frames() {
            Some(Frames { frame: Partial::Header { bytes, len }, .. }) => (*bytes, *len),
            _ => match frame::parse(input.remaining(), may_compress)? {
                Some(header) => {
                    input.take(header.len);
                    return Ok(Some(header));
                }
                None => ([0; MAX_CLIENT_HEADER], 0),
            },
        };
        let news = input.remaining();
        let len = had + news.len().min(MAX_CLIENT_HEADER - had);
        bytes[had..len].copy_from_slice(&news[..len - had]);
        let header = frame::parse(&bytes[..len], may_compress)?;
        match header {
            Some(header) => {
                input.take(header.len - had);
                self.end_frame();
            }
            None => {
                input.take(len - had);
                if len > 0 {
                    self.keep(Partial::Header { bytes, len });
                }
            }
        }
        Ok(header)
    }

    /// A control frame that came in pieces is complete.
    fn answer_kept(&mut self, out: &mut Vec<u8>) -> Option<Event<'_>> {
        if let Some(Frames { frame: Partial::Yielded(frame), .. }) = self.frames() {
            let opcode = frame.opcode;
            self.forget_before_end(opcode);
        }
        match self.under_way.as_deref() {
            Some(UnderWay::Frames(Frames { frame: Partial::Yielded(frame), .. })) => {
                Some(answer_control(&mut self.phase, frame.opcode, frame.payload(), out))
            }
            _ => None,
        }
    }
}

/// What a control frame with this payload means. RFC 6455 section 5.5.3: a ping is answered by a
/// pong with the same payload, and section 5.5.1: a Close frame by one with the same code, unless
/// ours was first.
fn answer_control<'x>(
    phase: &mut Phase,
    opcode: Opcode,
    payload: &'x [u8],
    out: &mut Vec<u8>,
) -> Event<'x> {
    if opcode == Opcode::Pong {
        return Event::Pong(payload);
    }
    if opcode == Opcode::Ping {
        if *phase == Phase::Open {
            frame::write_control(Opcode::Pong, payload, out);
        }
        return Event::Ping(payload);
    }
    let was_open = std::mem::replace(phase, Phase::Finished) == Phase::Open;
    let (answer, event) = match close::parse(payload) {
        Ok((code, reason)) => ((code, ""), Event::Closed { code, reason }),
        Err(Violation { code, why }) => ((Some(code), why), Event::Violation { code, why }),
    };
    if was_open {
        close::write(answer.0, answer.1, out);
    }
    event
}
