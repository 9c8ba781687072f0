//! Clients that an app decides about, over a network made of queues: what the app hears of them where
//! its ring is full, and where they leave at any time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ringsocket_proto::deflate::Terms;

use super::*;
use crate::message::{Outbound, Scope};
use crate::worker::Policy;
use crate::worker::press::Compression;
use crate::worker::testing::{AppEnds, Queue, Socket, one_app, policy, request, worker};

/// An empty text message, with a mask of zeros.
const MESSAGE: [u8; 6] = [0x81, 0x80, 0, 0, 0, 0];

/// A worker, and the ends of the rings of an app that decides and has a thread of its own.
struct Bench {
    worker: Worker<Queue>,
    app: AppEnds,
}

impl Bench {
    fn new() -> Self {
        let terms = Terms {
            client_takeover: true,
            server_takeover: true,
            client_window_bits: 12,
            server_window_bits: 12,
        };
        let compression = Some(Compression { terms, level: 1, min_size: 64, takeover_c: 1 });
        let policy = Policy { compression, ..policy() };
        let mut site = one_app();
        Arc::get_mut(&mut site).expect("the only one").routes[0].decides = true;
        let (ways, app) = AppEnds::common();
        Self { worker: worker(site, policy, vec![ways]), app }
    }

    fn turn(&mut self) {
        self.worker.turn().expect("a turn");
    }

    /// A client asks, and its first message comes right behind.
    fn ask(&mut self) -> Socket {
        self.ask_with("")
    }

    /// The same with these header lines.
    fn ask_with(&mut self, lines: &str) -> Socket {
        self.worker.meet(&[&request(lines)[..], &MESSAGE].concat())
    }

    /// The client that has the first slot now.
    fn client(&self) -> ClientId {
        self.worker.client_id(0)
    }

    /// It goes without a word.
    fn leave(&mut self, socket: &Socket) {
        socket.has_left.set(true);
        self.turn();
    }

    /// Leaves no room in the app's ring.
    fn fill(&mut self) {
        let client = ClientId::new(0, 9, 9);
        let record = Inbound::Message { client, text: false, payload: &[0; 8] };
        while self.worker.to_apps[0].push(record).is_ok() {}
    }

    /// What the app hears, without what [`fill`](Self::fill) has put there.
    fn heard(&mut self) -> Vec<&'static str> {
        let mut heard = Vec::new();
        loop {
            let more = self.app.heard(|record| match record {
                Inbound::Upgrade { .. } => "upgrade",
                Inbound::Entered { .. } => "entered",
                Inbound::Withdrawn { .. } => "withdrawn",
                Inbound::Message { text: true, .. } => "message",
                Inbound::Close { code: 1006, .. } => "close",
                Inbound::Message { .. } => "",
                other => panic!("{other:?}"),
            });
            if more.is_empty() {
                return heard;
            }
            heard.extend(more.into_iter().filter(|name| !name.is_empty()));
            self.turn();
        }
    }

    /// The app says something about clients, in as many records.
    fn say<const N: usize>(&mut self, client: ClientId, heads: [[u8; 16]; N], payload: &[u8]) {
        for head in heads {
            let id = client.to_u64().to_ne_bytes();
            self.app.write(&[&head, &id, payload]);
        }
        self.app.publish(&self.worker);
        self.turn();
    }

    fn accept(&mut self, client: ClientId) {
        self.say(client, [Outbound::accept_head()], b"X-A: b\r\n");
    }
}

#[track_caller]
fn expect_status(socket: &Socket, status: &str) {
    let sent = String::from_utf8_lossy(&socket.sent.borrow()).into_owned();
    assert!(sent.starts_with(&format!("HTTP/1.1 {status} ")), "{sent:?}");
}

#[test]
fn a_question_for_a_full_ring_is_asked_when_there_is_room() {
    let mut bench = Bench::new();
    bench.fill();
    let socket = bench.ask();
    assert_eq!(bench.heard(), ["upgrade"]);
    assert!(socket.sent.borrow().is_empty());
    bench.accept(bench.client());
    expect_status(&socket, "101");
    assert_eq!(bench.heard(), ["entered", "message"]);
}

#[test]
fn who_leaves_before_there_is_room_for_the_question_is_not_asked_about() {
    let mut bench = Bench::new();
    bench.fill();
    let socket = bench.ask();
    bench.leave(&socket);
    assert!(bench.worker.peers.is_empty());
    assert_eq!(bench.heard(), [""; 0]);
}

#[test]
fn who_gets_504_before_there_is_room_for_the_question_is_not_asked_about() {
    let mut bench = Bench::new();
    bench.fill();
    let socket = bench.ask();
    bench.worker.net.now.0 += Duration::from_secs(1001).as_millis() as u64;
    bench.turn();
    expect_status(&socket, "504");
    assert_eq!(bench.heard(), [""; 0]);
    bench.leave(&socket);
    assert!(bench.worker.peers.is_empty());
}

#[test]
fn an_entry_for_a_full_ring_comes_before_all_else_of_the_client() {
    for leaves in [false, true] {
        let mut bench = Bench::new();
        let socket = bench.ask();
        assert_eq!(bench.heard(), ["upgrade"]);
        bench.fill();
        bench.accept(bench.client());
        expect_status(&socket, "101");
        if leaves {
            bench.leave(&socket);
            assert_eq!(bench.heard(), ["entered", "message", "close"]);
            assert!(bench.worker.peers.is_empty());
        } else {
            socket.came.borrow_mut().extend(MESSAGE);
            bench.turn();
            assert_eq!(bench.heard(), ["entered", "message", "message"]);
        }
    }
}

#[test]
fn who_leaves_between_the_answer_and_open_is_closed_after_it() {
    let mut bench = Bench::new();
    let socket = bench.ask();
    let client = bench.client();
    bench.accept(client);
    bench.leave(&socket);
    assert_eq!(bench.heard(), ["upgrade", "entered", "message", "close"]);
    assert!(bench.worker.peers.is_empty());
    // What `open` has done comes too late, also if the slot has another client by then.
    let other = bench.ask();
    assert_eq!(bench.heard(), ["upgrade"]);
    bench.accept(bench.client());
    let (opened, subscribed) = (Outbound::opened_head(), Outbound::subscription_head(7, true));
    bench.say(client, [opened, subscribed], b"");
    assert!(bench.worker.topics[0].subscribers(7).is_empty() && bench.worker.members[0].is_empty());
    other.sent.take();
    let published = Outbound::send_head(Scope::Subscribers(7), 0);
    bench.say(client, [published], b"");
    assert!(other.sent.borrow().is_empty());
    bench.say(bench.client(), [opened, subscribed], b"");
    assert_eq!(bench.worker.topics[0].subscribers(7).len(), 1);
    bench.leave(&other);
    assert!(bench.worker.topics[0].subscribers(7).is_empty());
}

#[test]
fn a_withdrawal_for_a_full_ring_keeps_the_slot_until_the_app_has_heard() {
    let mut bench = Bench::new();
    let socket = bench.ask();
    assert_eq!(bench.heard(), ["upgrade"]);
    let client = bench.client();
    bench.fill();
    bench.leave(&socket);
    assert!(!bench.worker.peers.is_empty());
    bench.accept(client); // decided too late
    assert_eq!(bench.heard(), ["withdrawn"]);
    assert!(bench.worker.peers.is_empty() && socket.sent.borrow().is_empty());
    let other = bench.ask();
    assert_eq!((bench.client().slot(), bench.heard()), (client.slot(), vec!["upgrade"]));
    bench.accept(client);
    assert!(other.sent.borrow().is_empty(), "it was about another");
}

#[test]
fn who_is_refused_is_not_withdrawn_and_not_opened() {
    let mut bench = Bench::new();
    let socket = bench.ask();
    assert_eq!(bench.heard(), ["upgrade"]);
    let client = bench.client();
    let response = b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    bench.say(client, [Outbound::refuse_head(403)], response);
    expect_status(&socket, "403");
    bench.accept(client);
    let close = Outbound::close_head(4000);
    bench.say(client, [Outbound::opened_head(), Outbound::subscription_head(7, true), close], b"");
    assert_eq!(socket.sent.borrow().iter().filter(|byte| **byte == b'\n').count(), 5);
    assert!(bench.worker.topics[0].subscribers(7).is_empty());
    bench.leave(&socket);
    assert!(bench.worker.peers.is_empty());
    assert_eq!(bench.heard(), [""; 0]);
}

#[test]
fn what_a_waiting_client_holds_is_counted_once() {
    let mut bench = Bench::new();
    let socket = bench.ask();
    let held = bench.worker.held;
    assert!(held >= MESSAGE.len());
    bench.fill();
    bench.accept(bench.client());
    bench.worker.weigh(0);
    assert_eq!(bench.worker.held, held);
    bench.leave(&socket);
    assert_eq!(bench.heard(), ["upgrade", "entered", "message", "close"]);
    assert_eq!(bench.worker.held, 0);
}

#[test]
fn no_more_contexts_are_promised_than_may_be_kept() {
    const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    let kept = |bench: &Bench| bench.worker.counters().takeovers.load(Ordering::Relaxed);
    let mut bench = Bench::new();
    for leaves_early in [true, false, true] {
        let first = bench.ask_with(OFFER);
        let first_id = bench.client();
        let second = bench.ask_with(OFFER);
        let second_id = bench.worker.client_id(1);
        assert_eq!((bench.heard(), kept(&bench)), (vec!["upgrade"; 2], 1));
        bench.accept(second_id);
        let response = String::from_utf8_lossy(&second.sent.borrow()).into_owned();
        assert!(response.contains("server_no_context_takeover"), "{response}");
        if !leaves_early {
            bench.accept(first_id);
            let response = String::from_utf8_lossy(&first.sent.borrow()).into_owned();
            assert!(response.contains("permessage-deflate"), "{response}");
            assert!(!response.contains("server_no_context_takeover"), "{response}");
        }
        bench.leave(&second);
        assert_eq!(kept(&bench), 1);
        bench.leave(&first);
        assert_eq!(kept(&bench), 0);
        bench.heard();
        assert!(bench.worker.peers.is_empty());
    }
}
