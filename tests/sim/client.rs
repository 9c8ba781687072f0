//! A simulated client: connects, sends, and checks every byte that comes back.

use ringsocket_tests::deflate::Deflate;

use crate::apps::{NOISE_C, noise};
use crate::network::Network;
use crate::rng::Rng;

/// RSV1 (RFC 7692 section 6).
const COMPRESSED: u8 = 0x40;

/// What kind of client it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Manner {
    /// Keeps to the protocol and checks what it gets.
    Good,
    /// Breaks the connection at some moment.
    Resets,
    /// Goes without a Close frame at some moment.
    Leaves,
    /// Sends bytes that are no frames.
    Babbles,
    /// Sends and never reads.
    Deaf,
    /// Reads and never sends, not even when it is sent a ping.
    Mute,
}

/// What clients offer about compression, if anything.
const OFFERS: [Option<&str>; 4] = [
    None,
    Some("permessage-deflate"),
    Some("permessage-deflate; server_no_context_takeover; client_no_context_takeover"),
    Some("permessage-deflate; server_max_window_bits=10; client_max_window_bits"),
];

/// Payload of message `seq` of client `sender`; every other one is worth compressing.
fn payload(sender: usize, seq: usize, len: usize) -> Vec<u8> {
    let mut rng = Rng::new((sender << 32 | seq) as u64);
    let mut bytes: Vec<u8> = (0..len.div_ceil(8)).flat_map(|_| rng.next().to_ne_bytes()).collect();
    bytes.truncate(len);
    if seq % 2 == 0 {
        bytes.iter_mut().for_each(|byte| *byte &= 0x0f);
    }
    let head = [(sender as u32).to_ne_bytes(), (seq as u32).to_ne_bytes()].concat();
    [head, bytes].concat()
}

/// How the connection of a good client may end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ends {
    /// As it wants: with 1000, after all that it was to see.
    Own,
    /// So, or before it is let in.
    OwnOrBefore,
    /// The app closes it with 4000 once it has sent back the message of this number.
    ByApp(usize),
    /// So, or the app fails, before or after the upgrade.
    AppFails,
    /// So, or the server stops, before or after the upgrade.
    ServerStops,
}

/// A client.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) index: usize,
    pub(crate) manner: Manner,
    link: usize,
    rng: Rng,
    /// Bytes to be sent.
    outgoing: Vec<u8>,
    /// Bytes that came in and are not dealt with yet.
    incoming: Vec<u8>,
    is_upgraded: bool,
    is_welcome: bool,
    pub(crate) is_over: bool,
    sent_close: bool,
    got_close: Option<u16>,
    ends: Ends,
    /// Messages to send in all, sent, and seen of each sender.
    message_c: usize,
    sent_c: usize,
    seen: Vec<usize>,
    /// Whether it gets everybody's messages, or its own only.
    hears_all: bool,
    window: usize,
    max_size: usize,
    deflate: Option<Deflate>,
}

impl Client {
    pub(crate) fn new(index: usize, manner: Manner, plan: &Plan, network: &mut Network) -> Self {
        let key = "dGhlIHNhbXBsZSBub25jZQ==";
        let mut rng = Rng::new(plan.seed ^ (index as u64 + 1) << 40);
        let offer = OFFERS[rng.below(OFFERS.len())];
        let offer =
            offer.map_or(String::new(), |offer| format!("Sec-WebSocket-Extensions: {offer}\r\n"));
        let head = format!(
            "GET /app HTTP/1.1\r\nHost: sim\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             {offer}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
        );
        let is_good = manner == Manner::Good;
        Self {
            index,
            manner,
            link: network.connect(),
            rng,
            outgoing: head.into_bytes(),
            incoming: Vec::new(),
            is_upgraded: false,
            is_welcome: false,
            is_over: false,
            sent_close: false,
            got_close: None,
            ends: plan.ends,
            message_c: if is_good { plan.message_c } else { usize::MAX },
            sent_c: 0,
            seen: vec![0; plan.client_c],
            hears_all: plan.hears_all,
            window: plan.window,
            max_size: plan.max_size,
            deflate: None,
        }
    }

    /// Whether it may send messages: in a broadcast only once everybody is there.
    pub(crate) fn is_ready(&self) -> bool {
        self.is_welcome
    }

    /// Whether it has seen all that it must see, of `sender_c` senders.
    fn is_satisfied(&self, sender_c: usize) -> bool {
        let senders = if self.hears_all { 0..sender_c } else { self.index..self.index + 1 };
        senders.into_iter().all(|sender| self.seen[sender] == self.message_c)
    }

    pub(crate) fn step(&mut self, network: &mut Network, may_send: bool, sender_c: usize) {
        if self.is_over {
            return;
        }
        if !self.outgoing.is_empty() {
            let count = 1 + self.rng.below(self.outgoing.len());
            let taken = network.client_send(self.link, &self.outgoing[..count]);
            self.outgoing.drain(..taken);
        } else if self.has_a_voice() && may_send {
            self.say(network, sender_c);
        }
        if self.is_listening() {
            self.listen(network);
        }
        self.misbehave(network);
    }

    /// Whether it may say something now.
    fn has_a_voice(&self) -> bool {
        self.is_welcome && !self.sent_close && self.manner != Manner::Mute
    }

    /// Whether it has taken and answered all that it was sent, so that nobody can call it silent.
    pub(crate) fn has_answered(&self, network: &Network) -> bool {
        self.outgoing.is_empty() && self.incoming.is_empty() && network.is_delivered(self.link)
    }

    /// What it has sent arrives now.
    pub(crate) fn hurry(&self, network: &mut Network) {
        network.hurry(self.link);
    }

    fn is_listening(&self) -> bool {
        self.manner != Manner::Deaf || !self.is_welcome
    }

    /// Whether a step would do something, chance aside.
    pub(crate) fn can_act(&self, network: &Network, may_send: bool, sender_c: usize) -> bool {
        if self.is_over {
            return false;
        }
        let has_to_say =
            self.has_a_voice() && may_send && (self.is_satisfied(sender_c) || self.may_say_more());
        let can_send = !self.outgoing.is_empty() && network.client_can_send(self.link);
        let can_receive = self.is_listening() && network.client_can_receive(self.link);
        let is_left = self.manner == Manner::Deaf && network.is_closed(self.link);
        can_send || self.outgoing.is_empty() && has_to_say || can_receive || is_left
    }

    fn may_say_more(&self) -> bool {
        self.sent_c < self.message_c && self.sent_c < self.seen[self.index] + self.window
    }

    fn say(&mut self, network: &mut Network, sender_c: usize) {
        if self.is_satisfied(sender_c) {
            self.frame(8, true, &[&1000u16.to_be_bytes()[..], b"done"].concat());
            self.sent_close = true;
        } else if self.manner == Manner::Babbles && self.rng.once_in(20) {
            let junk: Vec<u8> = (0..50).map(|_| self.rng.next() as u8).collect();
            network.client_send(self.link, &junk);
        } else if self.may_say_more() {
            let size = self.rng.size(self.max_size);
            let payload = payload(self.index, self.sent_c, size);
            self.sent_c += 1;
            if self.manner == Manner::Good && self.rng.once_in(8) {
                let noise = noise();
                (0..NOISE_C).for_each(|_| self.frame(1, true, noise.as_bytes()));
            }
            self.message(&payload);
        }
    }

    /// Sends a message, perhaps in fragments with pings between them, perhaps compressed.
    fn message(&mut self, payload: &[u8]) {
        let is_compressed = self.rng.once_in(2);
        let deflate = self.deflate.as_mut().filter(|_| is_compressed);
        let compressed = deflate.map(|deflate| deflate.compress(payload));
        let mut rest = compressed.as_deref().unwrap_or(payload);
        let mut opcode = if compressed.is_some() { 2 | COMPRESSED } else { 2 };
        while self.rng.once_in(3) {
            let (first, second) = rest.split_at(self.rng.below(rest.len() + 1));
            self.frame(opcode, false, first);
            if self.rng.once_in(2) {
                self.frame(9, true, b"are you there?");
            }
            (rest, opcode) = (second, 0);
        }
        self.frame(opcode, true, rest);
    }

    fn frame(&mut self, opcode: u8, is_final: bool, payload: &[u8]) {
        self.outgoing.push(u8::from(is_final) << 7 | opcode);
        match payload.len() {
            len @ 0..=125 => self.outgoing.push(0x80 | len as u8),
            len @ 126..=65535 => {
                self.outgoing.push(0x80 | 126);
                self.outgoing.extend_from_slice(&(len as u16).to_be_bytes());
            }
            len => {
                self.outgoing.push(0x80 | 127);
                self.outgoing.extend_from_slice(&(len as u64).to_be_bytes());
            }
        }
        let mask = (self.rng.next() as u32).to_be_bytes();
        self.outgoing.extend_from_slice(&mask);
        self.outgoing
            .extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    }

    fn listen(&mut self, network: &mut Network) {
        let mut buffer = vec![0; 1 + self.rng.below(30_000)];
        let Some(count) = network.client_receive(self.link, &mut buffer) else {
            self.is_over = true;
            network.client_finish(self.link);
            match self.manner {
                Manner::Good => self.check_end(),
                Manner::Mute if self.ends == Ends::Own => assert_eq!(self.got_close, Some(1008)),
                _ => {}
            }
            return;
        };
        self.incoming.extend_from_slice(&buffer[..count]);
        if !self.is_upgraded {
            let end = self.incoming.windows(4).position(|window| window == b"\r\n\r\n");
            let Some(end) = end else { return };
            let head = String::from_utf8_lossy(&self.incoming[..end]).into_owned();
            if head.starts_with("HTTP/1.1 503 ") && self.may_be_refused() {
                self.is_over = true;
                return network.client_finish(self.link);
            }
            assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
            self.incoming.drain(..end + 4);
            self.is_upgraded = true;
            let agreed = head.split_once("Sec-WebSocket-Extensions: ");
            self.deflate = agreed.map(|(_, rest)| {
                let agreed = rest.split("\r\n").next().unwrap_or_default();
                Deflate::new(agreed).expect("what was offered")
            });
        }
        while let Some((opcode, payload)) = self.next_frame() {
            assert_eq!(self.got_close, None, "client {}: a frame after Close", self.index);
            match opcode {
                // What it sent may have been frames by chance.
                1 | 2 | 9 | 10 if self.manner == Manner::Babbles && self.is_welcome => {}
                1 if self.is_welcome => assert!(payload == noise().as_bytes(), "other noise"),
                1 => {
                    assert_eq!(payload, b"welcome");
                    self.is_welcome = true;
                }
                2 => self.check(&payload),
                8 => self.closed(&payload),
                9 if self.manner == Manner::Mute => {}
                9 if self.sent_close => {}
                9 => self.frame(10, true, &payload),
                10 => assert_eq!(payload, b"are you there?"),
                _ => panic!("opcode {opcode}"),
            }
        }
    }

    fn may_be_refused(&self) -> bool {
        matches!(self.ends, Ends::AppFails | Ends::ServerStops)
    }

    /// A Close frame has come, which is answered unless it is an answer itself.
    fn closed(&mut self, payload: &[u8]) {
        self.got_close = Some(u16::from_be_bytes([payload[0], payload[1]]));
        if !self.sent_close {
            self.frame(8, true, &payload[..2]);
            self.sent_close = true;
        }
    }

    /// The stream has ended: it must have ended as it may.
    fn check_end(&self) {
        assert!(self.incoming.is_empty(), "client {}: ended within a frame", self.index);
        let (end, index) = (self.got_close, self.index);
        let is_right = match self.ends {
            Ends::Own => end == Some(1000),
            Ends::OwnOrBefore => end == Some(1000) || !self.is_upgraded,
            Ends::ByApp(last) => end == Some(4000) && self.seen[self.index] == last + 1,
            Ends::AppFails => matches!(end, Some(1000 | 1011)) || !self.is_upgraded,
            Ends::ServerStops => matches!(end, Some(1000 | 1001)) || !self.is_upgraded,
        };
        assert!(is_right, "client {index}: ended with {end:?}; {self:?}");
    }

    fn next_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let bytes = &self.incoming;
        let (&first, &second) = (bytes.first()?, bytes.get(1)?);
        let is_compressed = first & COMPRESSED != 0;
        assert_eq!(first & 0xb0, 0x80, "client {}: FIN without RSV2 and RSV3", self.index);
        let (start, len) = match second {
            0..=125 => (2, usize::from(second)),
            126 => (4, u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?).into()),
            127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize),
            _ => panic!("masked"),
        };
        let payload = bytes.get(start..start + len)?.to_vec();
        self.incoming.drain(..start + len);
        let opcode = first & 0x0f;
        if !is_compressed {
            return Some((opcode, payload));
        }
        let deflate = self.deflate.as_mut().filter(|_| opcode < 8).expect("compression agreed on");
        Some((opcode, deflate.inflate(&payload).expect("a stream in step")))
    }

    /// A message must be the next one of its sender, with every byte as it was sent.
    fn check(&mut self, bytes: &[u8]) {
        let number =
            |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("4")) as usize;
        let (sender, seq) = (number(0), number(4));
        assert!(self.hears_all || sender == self.index, "another's message");
        assert_eq!(seq, self.seen[sender], "client {} hears {sender} in order", self.index);
        assert!(
            bytes == payload(sender, seq, bytes.len() - 8),
            "message {seq} of {sender} changed"
        );
        self.seen[sender] += 1;
    }

    /// Breaks the connection.
    pub(crate) fn give_up(&mut self, network: &mut Network) {
        network.client_reset(self.link);
        self.is_over = true;
    }

    fn misbehave(&mut self, network: &mut Network) {
        let is_time = self.is_welcome && self.rng.once_in(60);
        match self.manner {
            Manner::Resets if is_time => network.client_reset(self.link),
            Manner::Leaves if is_time => network.client_finish(self.link),
            Manner::Deaf if network.is_closed(self.link) => {}
            Manner::Deaf if is_time && self.rng.once_in(8) => network.client_reset(self.link),
            Manner::Babbles if self.got_close.is_some() => network.client_finish(self.link),
            _ => return,
        }
        self.is_over = true;
    }
}

/// What all clients of a run have in common.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) client_c: usize,
    pub(crate) message_c: usize,
    pub(crate) window: usize,
    pub(crate) max_size: usize,
    pub(crate) hears_all: bool,
    pub(crate) ends: Ends,
}
