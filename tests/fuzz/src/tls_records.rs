//! The target `tls_records`: records of TLS after the handshake, whatever is in them, however they
//! are cut, and whatever the server sends meanwhile.
//!
//! The input is a program (`program`) of records that are sealed with the right keys (`forger`), since
//! without them no fuzzer gets past the first tag. A second reader (`model`) says what must come of
//! them; and a well-behaved peer reads what the server has sent.

mod forger;
mod model;
pub mod program;

use ringsocket_tls::{
    Aead, Alert, Direction, End, Keys, Limits, Opened, Records, Secret, State, Suite, Version,
};

use forger::Forger;
use model::{Model, Verdict};
use program::{Act, Item, Program};

/// Cipher suites by number, one for each way to seal.
const SUITES: [u16; 6] = [0x1301, 0x1302, 0x1303, 0xc02b, 0xc02c, 0xcca9];
/// Records for which a key of the server lasts; 0: as the suite says.
const RECORDS_PER_KEY: [u64; 4] = [0, 1, 3, 20];

/// Runs one input.
pub fn check(data: &[u8]) {
    let program = Program::read(data);
    let number = SUITES[usize::from(program.suite) % SUITES.len()];
    let suite = Suite::from_number(number).expect("a suite of the list");
    let mut limits = Limits::new(suite);
    if program.variant & 4 != 0 {
        (limits.empty_records, limits.warnings) = (2, 1);
        (limits.key_updates, limits.renegotiations) = (2, 1);
    }
    match RECORDS_PER_KEY[usize::from(program.variant) % 4] {
        0 => {}
        count => limits.records_per_key = count,
    }
    let script = Script::write(&program, suite, limits);
    let whole = script.run(&[]);
    let cut = script.run(program.chunks);
    assert!(whole == cut, "what comes of it whole, and in pieces, differs");
    assert!(whole.plain == script.model.plain, "what must be read is not what is");
    match (&script.model.verdict, whole.end) {
        (Some(Verdict::Ends(expected)), Some(End::Violation { alert, .. })) => {
            assert_eq!(*expected, model::Ending::Violation(alert));
        }
        (Some(Verdict::Ends(expected)), Some(End::Aborted(alert))) => {
            assert_eq!(*expected, model::Ending::Aborted(alert));
        }
        (Some(Verdict::Ends(expected)), Some(End::Closed)) => {
            assert_eq!(*expected, model::Ending::Closed);
        }
        (None, None) | (Some(Verdict::Garbage), None | Some(End::Violation { .. })) => {}
        (expected, end) => panic!("{expected:?} must come of it, and {end:?} came"),
    }
    script.hear(&whole);
}

/// What protects one direction.
fn direction(suite: Suite, number: u8) -> Direction {
    let secret = |len| Secret::new(&vec![number; len]).expect("a short secret");
    let keys = match (suite.version, suite.aead) {
        (Version::Tls13, Aead::Aes256Gcm) => Keys::Tls13 { traffic_secret: secret(48) },
        (Version::Tls13, _) => Keys::Tls13 { traffic_secret: secret(32) },
        (Version::Tls12, Aead::Aes128Gcm) => Keys::Tls12 { key: secret(16), iv: [number; 12] },
        (Version::Tls12, _) => Keys::Tls12 { key: secret(32), iv: [number; 12] },
    };
    Direction { keys, sequence: 0 }
}

const TO_SERVER: u8 = 1;
const TO_CLIENT: u8 = 2;

/// A program as bytes, what the server does at which of them, and what must come of it.
struct Script {
    suite: Suite,
    limits: Limits,
    stream: Vec<u8>,
    acts: Vec<(usize, Act)>,
    model: Model,
}

/// What came of a run.
#[derive(PartialEq, Eq)]
struct Outcome {
    plain: Vec<u8>,
    end: Option<End>,
    /// What the server has sent, and the data in it.
    out: Vec<u8>,
    sealed: Vec<u8>,
    /// Whether it has said that nothing more follows.
    has_closed: Option<Alert>,
}

impl Script {
    fn write(program: &Program<'_>, suite: Suite, limits: Limits) -> Self {
        let mut forger = Forger::new(suite, TO_SERVER);
        let mut model = Model::new(suite.version, limits);
        let (mut stream, mut acts) = (Vec::new(), Vec::new());
        for item in &program.items {
            match item {
                Item::Record { content, plain, padding } => {
                    model.record(forger.generation, *content, plain, *padding);
                    stream.extend(forger.record(*content, plain, *padding));
                }
                Item::KeyUpdate { is_requested } => {
                    let plain = [24, 0, 0, 1, u8::from(*is_requested)];
                    model.record(forger.generation, 22, &plain, 0);
                    stream.extend(forger.record(22, &plain, 0));
                    forger.update();
                }
                Item::Damaged { at } => {
                    let mut record = forger.record(23, b"damaged", 0);
                    let at = 5 + at % (record.len() - 5);
                    record[at] ^= 0x10;
                    model.damaged();
                    stream.extend(record);
                }
                Item::Raw(bytes) => {
                    model.garbage(bytes);
                    stream.extend_from_slice(bytes);
                }
                Item::Act(act) => acts.push((stream.len(), *act)),
            }
        }
        Self { suite, limits, stream, acts, model }
    }

    /// Gives the stream to a server in chunks of these lengths, or as whole as the acts allow.
    fn run(&self, chunks: &[u8]) -> Outcome {
        let (read, write) = (direction(self.suite, TO_SERVER), direction(self.suite, TO_CLIENT));
        let records = Records::with_limits(self.suite, read, write, self.limits);
        let mut server = Server::new(records.expect("keys of the suite"), self.suite.version);
        let mut lens = chunks.iter().map(|&len| 1 + usize::from(len)).cycle();
        let end = (self.stream.len(), None);
        let acts = self.acts.iter().map(|&(at, act)| (at, Some(act)));
        let mut from = 0;
        for (to, act) in acts.chain([end]) {
            while from < to {
                let len = lens.next().unwrap_or(usize::MAX).min(to - from);
                server.receive(&self.stream[from..from + len]);
                from += len;
            }
            if let Some(act) = act {
                server = server.act(act);
            }
        }
        server.outcome
    }

    /// A well-behaved peer reads what the server has sent.
    fn hear(&self, outcome: &Outcome) {
        let (read, write) = (direction(self.suite, TO_CLIENT), direction(self.suite, TO_SERVER));
        let limits = Limits { warnings: u8::MAX, key_updates: u8::MAX, ..Limits::new(self.suite) };
        let client = Records::with_limits(self.suite, read, write, limits);
        let mut out = outcome.out.clone();
        let opened = client.expect("keys of the suite").open(&mut out);
        assert!(out[opened.plain] == outcome.sealed, "what is heard is not what was said");
        assert_eq!(opened.used, out.len(), "whole records");
        let expected = outcome.has_closed.map(|alert| match alert {
            Alert::CloseNotify => End::Closed,
            alert => End::Aborted(alert as u8),
        });
        assert_eq!(opened.end, expected);
    }
}

/// The server, and what it has of a record that is not whole.
struct Server {
    records: Records,
    version: Version,
    held: Vec<u8>,
    outcome: Outcome,
}

impl Server {
    fn new(records: Records, version: Version) -> Self {
        let (plain, out, sealed) = (Vec::new(), Vec::new(), Vec::new());
        let outcome = Outcome { plain, end: None, out, sealed, has_closed: None };
        Self { records, version, held: Vec::new(), outcome }
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
        let Opened { plain, used, end } = self.records.open(&mut self.held);
        assert!(plain.start <= plain.end && plain.end <= used && used <= self.held.len());
        let has_ended = self.outcome.end.is_some();
        assert!(!has_ended || (plain.is_empty() && end.is_none() && used == self.held.len()));
        self.outcome.plain.extend_from_slice(&self.held[plain]);
        self.outcome.end = self.outcome.end.or(end);
        self.held.drain(..used);
    }

    fn act(mut self, act: Act) -> Self {
        let Outcome { out, sealed, has_closed, .. } = &mut self.outcome;
        let before = out.len();
        match act {
            Act::Seal(len) => {
                let plain: Vec<u8> = (0..len).map(|at| (at + before) as u8).collect();
                let expected = self.records.sealed_len(len);
                let (first, second) = plain.split_at(len / 3);
                match self.records.seal(&[first, &[], second], out) {
                    Ok(()) => {
                        assert_eq!(out.len() - before, expected);
                        assert!(!self.records.owes_reply());
                        sealed.extend(plain);
                    }
                    Err(_) => {
                        assert_eq!(out.len(), before, "all or nothing");
                        assert!(has_closed.is_some() || self.version == Version::Tls12);
                    }
                }
            }
            Act::Reply => {
                let owes_reply = self.records.owes_reply();
                self.records.reply(out);
                assert_eq!(out.len() > before, owes_reply);
                assert!(!self.records.owes_reply());
            }
            Act::Move(at, byte) => self.records = moved(self.records, at, byte),
            Act::RequestKeyUpdate => self.records.request_key_update(out),
            Act::End(alert) => {
                self.records.alert(alert, out);
                assert_eq!(out.len() > before, has_closed.is_none());
                *has_closed = has_closed.or(Some(alert));
            }
        }
        self
    }
}

/// The same records by way of bytes, which are read once more with this byte in this place.
fn moved(records: Records, at: usize, byte: u8) -> Records {
    let state = records.into_state();
    let mut bytes = vec![0; state.len()];
    assert_eq!(state.write(&mut bytes), bytes.len());
    let mut changed = bytes.clone();
    changed.get_mut(at).into_iter().for_each(|there| *there = byte);
    if let Ok(state) = State::read(&changed) {
        let mut again = vec![0; state.len()];
        state.write(&mut again);
        assert!(again == changed, "what is read is not what is written");
        use_up(State::read(&changed).expect("what was read before"));
    }
    Records::from_state(State::read(&bytes).expect("a state")).expect("a sound one")
}

/// Does all that can be done with records, whatever state they are in.
fn use_up(state: State) {
    let mut records = Records::from_state(state).expect("what is read is sound");
    let mut out = Vec::new();
    records.open(&mut [23, 3, 3, 0, 17].into_iter().chain([0; 17]).collect::<Vec<_>>());
    // It may be about to change its key with every record, or after its last.
    let _ = records.seal(&[&[0; 50]], &mut out);
    records.reply(&mut out);
    records.request_key_update(&mut out);
    records.close_notify(&mut out);
}
