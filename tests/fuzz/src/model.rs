//! A second reader of a client's frames (RFC 6455 section 5, RFC 7692 section 6), which says what must come of a
//! stream. It keeps all it has read and gives nothing away for speed, so that there is little in it
//! that could go wrong.
//! Not for: the words of a violation, or what is kept in memory.

use ringsocket_proto::deflate::Agreement;
use ringsocket_proto::{Expired, Kind, Limits};

use crate::inflate::Inflate;

/// What must be seen, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Effect {
    Message(Kind, Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    /// The client's Close frame, with its code and reason.
    Closed(Option<u16>, Vec<u8>),
    Violation(u16),
    /// The client took too long.
    Expired(Expired),
    /// The server writes a ping.
    SendPing,
    /// The server writes a pong with this payload.
    SendPong(Vec<u8>),
    /// The server writes a Close frame with this code.
    SendClose(Option<u16>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Open,
    /// The server has sent a Close frame.
    Closing,
    Finished,
}

/// A frame whose header is complete.
#[derive(Debug)]
struct Frame {
    is_final: bool,
    is_compressed: bool,
    opcode: u8,
    key: [u8; 4],
    len: u64,
    /// Whether it is read and forgotten.
    is_unwanted: bool,
    payload: Vec<u8>,
}

impl Frame {
    /// Reads what there is of the payload, and says how much that was.
    fn read(&mut self, bytes: &[u8]) -> usize {
        let had = self.payload.len();
        let missing = usize::try_from(self.len).map_or(bytes.len(), |len| len - had);
        let bytes = &bytes[..missing.min(bytes.len())];
        let unmasked = bytes.iter().enumerate().map(|(at, byte)| byte ^ self.key[(had + at) % 4]);
        self.payload.extend(unmasked);
        bytes.len()
    }
}

/// A message that has begun.
#[derive(Debug)]
struct Message {
    kind: Kind,
    is_compressed: bool,
    /// Announced bytes of payload, and of whole frames.
    size: u64,
    chain: u64,
    /// Its frames.
    frame_c: usize,
    payload: Vec<u8>,
}

impl Message {
    /// Whether it can be told before its end that it is no text.
    fn is_plain_text(&self) -> bool {
        self.kind == Kind::Text && !self.is_compressed
    }
}

/// The server's side of an open connection.
#[derive(Debug)]
pub(crate) struct Model<'l> {
    limits: &'l Limits,
    phase: Phase,
    /// The client was sent a ping, and nothing has come since.
    is_pinged: bool,
    /// Where messages may be compressed.
    inflate: Option<Inflate>,
    header: Vec<u8>,
    frame: Option<Frame>,
    message: Option<Message>,
    pub(crate) effects: Vec<Effect>,
}

impl<'l> Model<'l> {
    pub(crate) fn new(limits: &'l Limits, deflate: Option<Agreement>) -> Self {
        let window = |of: Agreement| of.client_takeover.then_some(of.client_window_bits);
        Self {
            inflate: deflate.map(|agreement| Inflate::new(window(agreement))),
            limits,
            is_pinged: false,
            phase: Phase::Open,
            header: Vec::new(),
            frame: None,
            message: None,
            effects: Vec::new(),
        }
    }

    /// Reads bytes, which may end anywhere.
    pub(crate) fn read(&mut self, mut bytes: &[u8]) {
        self.is_pinged &= bytes.is_empty();
        while !bytes.is_empty() && self.phase != Phase::Finished {
            match self.step(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(code) => self.fail(code),
            }
        }
        // A text that no further byte can mend is refused before its frame ends.
        let is_open = self.phase == Phase::Open;
        let text = self.message.as_ref().filter(|message| is_open && message.is_plain_text());
        if let (Some(message), Some(frame)) = (text, &self.frame) {
            if frame.opcode < 8 && is_hopeless(&[&message.payload[..], &frame.payload].concat()) {
                self.fail(1007);
            }
        }
    }

    /// The server begins the closing handshake, if it still can.
    pub(crate) fn close(&mut self, code: u16) {
        if self.phase != Phase::Open {
            return;
        }
        self.phase = Phase::Closing;
        self.effects.push(Effect::SendClose(Some(code)));
        self.message = None;
        if let Some(frame) = &mut self.frame {
            frame.is_unwanted = frame.opcode < 8;
        }
    }

    /// Every deadline passes.
    pub(crate) fn expire(&mut self) {
        let expired = match self.phase {
            Phase::Open if self.is_pinged => Expired::NoPong,
            Phase::Open if self.limits.ping_wait.is_some() => Expired::Silence,
            Phase::Closing => Expired::Closing,
            Phase::Open | Phase::Finished => return,
        };
        self.effects.push(Effect::Expired(expired));
        match expired {
            Expired::Silence => {
                self.is_pinged = true;
                self.effects.push(Effect::SendPing);
            }
            Expired::NoPong => self.close(1008),
            _ => self.phase = Phase::Finished,
        }
    }

    fn fail(&mut self, code: u16) {
        self.effects.push(Effect::Violation(code));
        self.finish(Some(code));
    }

    fn finish(&mut self, code: Option<u16>) {
        if self.phase == Phase::Open {
            self.effects.push(Effect::SendClose(code));
        }
        self.phase = Phase::Finished;
    }

    /// Reads a byte of a header, or all there is of a payload. How many bytes that was; or the code
    /// of a violation.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, u16> {
        let count = match &mut self.frame {
            Some(frame) => frame.read(bytes),
            None => {
                self.header.push(bytes[0]);
                if let Some(mut frame) = header(&self.header, self.inflate.is_some())? {
                    frame.is_unwanted = self.admit(&frame)?;
                    self.header.clear();
                    self.frame = Some(frame);
                }
                1
            }
        };
        let is_complete = |frame: &mut Frame| frame.payload.len() as u64 == frame.len;
        match self.frame.take_if(is_complete) {
            Some(frame) if !frame.is_unwanted => self.end(frame)?,
            _ => {}
        }
        Ok(count)
    }

    /// RFC 6455 section 5.4 and the limits. Whether the frame is to be read and forgotten.
    fn admit(&mut self, frame: &Frame) -> Result<bool, u16> {
        let header_len = self.header.len() as u64;
        if frame.opcode < 8 {
            if self.phase == Phase::Closing {
                return Ok(true);
            }
            match (frame.opcode, &self.message) {
                (0, Some(_)) => {}
                (1 | 2, None) => {
                    let kind = if frame.opcode == 1 { Kind::Text } else { Kind::Binary };
                    let (is_compressed, payload) = (frame.is_compressed, Vec::new());
                    self.message = Some(Message {
                        kind,
                        is_compressed,
                        size: 0,
                        chain: 0,
                        frame_c: 0,
                        payload,
                    });
                }
                _ => return Err(1002),
            }
        }
        let Some(message) = &mut self.message else { return Ok(false) };
        if frame.opcode < 8 {
            message.size += frame.len;
            message.frame_c += 1;
        }
        if frame.opcode != 8 {
            message.chain = message.chain.saturating_add(frame.len + header_len);
        }
        let limits = self.limits;
        // What does not compress becomes longer; what it inflates to is judged at its end.
        let most = if message.is_compressed { limits.chain_size } else { limits.message_size };
        let has_limit = frame.opcode < 8 && limits.frame_size < limits.message_size;
        let fits = message.size <= most as u64
            && message.chain <= limits.chain_size as u64
            && message.frame_c <= limits.fragment_c
            && !(has_limit && frame.len > limits.frame_size as u64);
        if fits { Ok(false) } else { Err(1009) }
    }

    /// A frame is complete.
    fn end(&mut self, frame: Frame) -> Result<(), u16> {
        match frame.opcode {
            8 => return self.end_close(&frame.payload),
            9 => {
                if self.phase == Phase::Open {
                    self.effects.push(Effect::SendPong(frame.payload.clone()));
                }
                self.effects.push(Effect::Ping(frame.payload));
            }
            10 => self.effects.push(Effect::Pong(frame.payload)),
            _ => {
                let message = self.message.as_mut().expect("a data frame is part of a message");
                message.payload.extend(frame.payload);
                if message.is_plain_text() && is_hopeless(&message.payload) {
                    return Err(1007);
                }
                if let Some(message) = self.message.take_if(|_| frame.is_final) {
                    return self.end_message(message);
                }
            }
        }
        Ok(())
    }

    /// A message is complete.
    fn end_message(&mut self, message: Message) -> Result<(), u16> {
        let payload = match &mut self.inflate {
            Some(inflate) if message.is_compressed => {
                inflate.message(&message.payload, self.limits.message_size)?
            }
            _ => message.payload,
        };
        if message.kind == Kind::Text && std::str::from_utf8(&payload).is_err() {
            return Err(1007);
        }
        self.effects.push(Effect::Message(message.kind, payload));
        Ok(())
    }

    /// RFC 6455 sections 5.5.1 and 7.4.
    fn end_close(&mut self, payload: &[u8]) -> Result<(), u16> {
        let (code, reason) = match payload {
            [] => (None, &[][..]),
            [_] => return Err(1002),
            [high, low, reason @ ..] => (Some(u16::from_be_bytes([*high, *low])), reason),
        };
        if code.is_some_and(|code| !crate::wire::is_sendable(code)) {
            return Err(1002);
        }
        if std::str::from_utf8(reason).is_err() {
            return Err(1007);
        }
        self.effects.push(Effect::Closed(code, reason.to_vec()));
        self.finish(code);
        Ok(())
    }
}

/// Whether nothing that follows could make a text of this.
fn is_hopeless(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_err_and(|error| error.error_len().is_some())
}

/// RFC 6455 section 5.2: the header that these bytes are; `None` if they are only the start of one.
fn header(bytes: &[u8], may_compress: bool) -> Result<Option<Frame>, u16> {
    let is_compressed = may_compress && bytes[0] & 0x40 != 0 && matches!(bytes[0] & 0x0f, 1 | 2);
    let first = if is_compressed { bytes[0] & !0x40 } else { bytes[0] };
    let (is_final, opcode) = (first & 0x80 != 0, first & 0x0f);
    if first & 0x70 != 0 || !matches!(opcode, 0..=2 | 8..=10) || (opcode >= 8 && !is_final) {
        return Err(1002);
    }
    let Some(&second) = bytes.get(1) else { return Ok(None) };
    if second & 0x80 == 0 || (opcode >= 8 && second & 0x7f > 125) {
        return Err(1002);
    }
    let (least, len_bytes) = match second & 0x7f {
        126 => (126, bytes.get(2..4)),
        127 => (65_536, bytes.get(2..10)),
        _ => (0, Some(&[][..])),
    };
    let Some(len_bytes) = len_bytes else { return Ok(None) };
    let len = match len_bytes {
        [] => u64::from(second & 0x7f),
        _ => len_bytes.iter().fold(0, |len, &byte| len << 8 | u64::from(byte)),
    };
    if len < least || len >> 63 != 0 {
        return Err(1002);
    }
    let Some(key) = bytes.get(2 + len_bytes.len()..6 + len_bytes.len()) else { return Ok(None) };
    let key = key.try_into().expect("four bytes");
    let payload = Vec::new();
    Ok(Some(Frame { is_final, is_compressed, opcode, key, len, is_unwanted: false, payload }))
}
