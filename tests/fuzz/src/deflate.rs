//! The target `deflate`: connections on which permessage-deflate was agreed, in both directions.
//!
//! What a client sends goes through the same conversation as in `frames`, against a model that
//! inflates with another library. What the server compresses is inflated as a client would: by one
//! stream with a window no larger than was agreed on.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::TINFL_FLAG_HAS_MORE_INPUT;
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};
use ringsocket_proto::deflate::{Agreement, Deflater, Inflater};
use ringsocket_proto::frame::{self, Opcode};
use ringsocket_proto::{Connection, Event, Input, Millis};

use crate::client;
use crate::drive::limits;
use crate::frames::converse;
use crate::recipe::{Reader, Recipe};
use crate::squeeze::Squeeze;

/// RSV1 (RFC 7692 section 6).
const COMPRESSED: u8 = 0x40;

/// No message that the server sends is longer; what two of them hold is more than a window.
const LONGEST: usize = 18_000;

/// Bits of the client's and the server's window, and whether each takes its context over.
const AGREEMENTS: [Agreement; 5] = [
    agreement(15, 15, false, false),
    agreement(15, 15, true, true),
    agreement(9, 9, true, true),
    agreement(12, 9, false, true),
    agreement(9, 14, true, false),
];

const fn agreement(client: u8, server: u8, client_takes: bool, server_takes: bool) -> Agreement {
    Agreement {
        client_takeover: client_takes,
        server_takeover: server_takes,
        client_window_bits: client,
        server_window_bits: server,
    }
}

/// Runs one input: with a variant of 8 and more what the server sends, else what it receives, with
/// small limits for a variant below 5.
pub fn check(data: &[u8]) {
    let recipe = Recipe::read(data);
    let agreement = AGREEMENTS[usize::from(recipe.variant % 8) % AGREEMENTS.len()];
    if recipe.variant >= 8 {
        return send(recipe.body, agreement);
    }
    let sizes =
        if recipe.variant < 5 { [1024, 2000, 1024, 9] } else { [70_000, 72_000, 70_000, 1000] };
    let mut squeeze = Squeeze::new(agreement.client_window_bits, agreement.client_takeover);
    let stream = match recipe.is_raw {
        true => recipe.body.to_vec(),
        false => client::stream(recipe.body, sizes[0] + 1, Some(&mut squeeze)),
    };
    converse(&recipe, sizes, &stream, Some(agreement));
}

/// Sends messages, each of which the client must get as it was sent.
fn send(program: &[u8], agreement: Agreement) {
    let mut program = Reader::new(program);
    let mut server = Server::new(agreement, u32::from(program.byte() % 9) + 1);
    let mut client = Client::new(agreement);
    let mut earlier: Vec<Vec<u8>> = Vec::new();
    let mut sent = 0;
    while !program.is_empty() && sent < 40_000 {
        let message = message(&mut program, &earlier);
        sent += message.len() + 1;
        if let Some(frame) = server.compress(&message) {
            let plain = message.len() + if message.len() < 126 { 2 } else { 4 };
            assert!(frame.len() < plain + 6, "a frame of {} B for {plain} B", frame.len());
            assert_eq!(frame[0], 0x80 | COMPRESSED | Opcode::Binary.get());
            let (_, payload) = frame::split(&frame).expect("a whole frame");
            assert_eq!(client.inflate(payload), message);
        }
        earlier.push(message);
    }
}

/// A message: bytes of the program, one byte over and over, a pattern, noise, or what was sent
/// before.
fn message(program: &mut Reader<'_>, earlier: &[Vec<u8>]) -> Vec<u8> {
    let what = program.byte();
    match what % 5 {
        0 => program.bytes(usize::from(what)).to_vec(),
        1 => vec![program.byte(); program.number() % LONGEST],
        2 => (0..program.number() % LONGEST).map(|at| (at ^ (at / 7)) as u8).collect(),
        3 => noise(program.byte()).take(program.number() % LONGEST).collect(),
        _ => {
            let again = earlier.len().checked_sub(1 + usize::from(what / 5) % 4);
            let mut again = again.map(|at| earlier[at].clone()).unwrap_or_default();
            again.extend(program.bytes(4));
            again.truncate(LONGEST);
            again
        }
    }
}

/// Bytes that do not compress.
fn noise(seed: u8) -> impl Iterator<Item = u8> {
    let mut state = u64::from(seed);
    std::iter::repeat_with(move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    })
}

/// The server's end of a connection.
struct Server {
    connection: Connection,
    deflater: Deflater,
    agreement: Agreement,
}

impl Server {
    fn new(agreement: Agreement, level: u32) -> Self {
        let limits = limits([1024, 16, 1000, 1100]);
        let mut connection = Connection::new(Millis(0));
        let (mut inflater, mut out) = (Inflater::default(), Vec::new());
        let mut request = *b"GET / HTTP/1.1\r\nHost:\r\n\r\n";
        let mut input = Input::new(&mut request);
        let event = connection.receive(&mut input, Millis(0), &limits, &mut inflater, &mut out);
        assert!(matches!(event, Some(Event::Request(_))), "a request");
        connection.accept(Some(agreement), Millis(0));
        Self { connection, deflater: Deflater::new(level), agreement }
    }

    /// The frame of a message that shrinks.
    fn compress(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        let Self { connection, deflater, agreement } = self;
        let mut out = Vec::new();
        let has_shrunk = match agreement.server_takeover {
            true => connection.compress(deflater, Opcode::Binary, message, &mut out),
            false => {
                let bits = agreement.server_window_bits;
                deflater.frame(Opcode::Binary, message, bits, None, &mut out)
            }
        };
        assert_eq!(has_shrunk, !out.is_empty());
        has_shrunk.then_some(out)
    }
}

/// The client's end: a stream for all messages, and as much memory as was agreed on. Not by zlib-rs,
/// whose window is always the largest.
struct Client {
    stream: DecompressorOxide,
    window: Vec<u8>,
    at: usize,
    takes_over: bool,
}

impl Client {
    fn new(agreement: Agreement) -> Self {
        Self {
            stream: DecompressorOxide::new(),
            window: vec![0; 1 << agreement.server_window_bits],
            at: 0,
            takes_over: agreement.server_takeover,
        }
    }

    /// RFC 7692 section 7.2.2.
    fn inflate(&mut self, payload: &[u8]) -> Vec<u8> {
        if !self.takes_over {
            self.stream = DecompressorOxide::new();
            // Whoever refers to what is no longer there gets something else than was meant.
            self.window.fill(0xa5);
        }
        let payload = [payload, &[0, 0, 0xff, 0xff]].concat();
        let (mut rest, mut out) = (&payload[..], Vec::new());
        loop {
            let flags = TINFL_FLAG_HAS_MORE_INPUT;
            let Self { stream, window, at, .. } = self;
            let (status, read, written) = decompress(stream, rest, window, *at, flags);
            rest = &rest[read..];
            out.extend_from_slice(&window[*at..*at + written]);
            *at = (*at + written) % window.len();
            match status {
                TINFLStatus::HasMoreOutput => {}
                TINFLStatus::NeedsMoreInput if rest.is_empty() => return out,
                _ => panic!("a compressed frame that no client could read: {status:?}"),
            }
        }
    }
}
