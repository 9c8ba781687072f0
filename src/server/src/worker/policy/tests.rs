//! One worker whose limits change while it has clients, over a network made of queues.

use std::num::NonZeroU64;
use std::rc::Rc;

use super::*;
use crate::message::{ClientId, Inbound, Outbound, Scope};
use crate::worker::changes::{Change, Orders};
use crate::worker::testing::{AppEnds, Queue, Socket, one_app, policy, request, worker};

/// A worker, the main thread's way to it, and the ends of its app.
struct Bench {
    worker: Worker<Queue>,
    orders: Orders,
    app: AppEnds,
    client_c: u32,
}

impl Bench {
    fn new(policy: Policy) -> Self {
        let (ways, app) = AppEnds::common();
        let mut worker = worker(one_app(), policy, vec![ways]);
        worker.net.now = Millis(1);
        let orders = worker.orders();
        Self { worker, orders, app, client_c: 0 }
    }

    fn turn(&mut self) {
        self.worker.turn().expect("a turn");
    }

    /// Lets time pass.
    fn pass(&mut self, wait: Duration) {
        self.worker.net.now = self.worker.net.now + wait;
        self.turn();
        self.turn(); // what was due in the first is written in the second at the latest
    }

    /// Has it keep to another policy.
    fn change(&mut self, policy: Policy) {
        let (arrivals, departures, hurried) = Default::default();
        let policy = Arc::new(policy);
        self.orders.give(Change { arrivals, site: one_app(), policy, departures, hurried });
        self.turn();
    }

    /// What a connection gets for a request.
    fn try_to_connect(&mut self) -> (Socket, Vec<u8>) {
        let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
        let socket = self.worker.meet(&request(offer));
        let answer = socket.sent.take();
        (socket, answer)
    }

    /// Connects a client, for whom `open` has returned.
    fn connect(&mut self) -> Socket {
        let (socket, answer) = self.try_to_connect();
        assert!(answer.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&answer));
        self.worker.enrol(0, Some(ClientId::new(0, self.client_c, 1)));
        self.client_c += 1;
        self.heard();
        socket
    }

    /// Sizes of the messages that have come to the app.
    fn heard(&mut self) -> Vec<usize> {
        let size = |record: Inbound<'_>| match record {
            Inbound::Message { payload, .. } => Some(payload.len()),
            _ => None,
        };
        self.app.heard(size).into_iter().flatten().collect()
    }

    /// The app sends so many bytes to all.
    fn send(&mut self, len: usize) {
        let header = [&[0x81, 126][..], &(len as u16).to_be_bytes()].concat();
        let payload = vec![b'a'; len];
        self.app.write(&[&Outbound::send_head(Scope::All, 0), &header, &payload]);
        self.app.publish(&self.worker);
        self.turn();
    }
}

/// The header of a client's frame, whose mask changes nothing.
fn header(len: u16) -> Vec<u8> {
    let short = [0x82, 0x80 | len.min(126) as u8];
    let long = len.to_be_bytes();
    [&short[..], if len < 126 { &[] } else { &long }, &[0; 4]].concat()
}

fn send(socket: &Socket, bytes: &[u8]) {
    socket.came.borrow_mut().extend(bytes);
}

/// The code of a Close frame, which is the last that was sent.
fn close_code(socket: &Socket) -> Option<u16> {
    let sent = socket.sent.take();
    let at = sent.iter().rposition(|&byte| byte == 0x88)?;
    Some(u16::from_be_bytes(*sent.get(at + 2..)?.first_chunk()?))
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn rate(rate: u64) -> Rates {
    Rates { messages: NonZeroU64::new(rate), bytes: None }
}

#[test]
fn a_message_that_has_begun_may_be_as_large_as_it_was_promised() {
    let mut bench = Bench::new(policy());
    let client = bench.connect();
    send(&client, &[&header(1000)[..], &[7; 400]].concat());
    bench.turn();
    let protocol = Limits { message_size: 100, ..policy().protocol };
    bench.change(Policy { protocol, receive_buffer: 64, ..policy() });
    send(&client, &[7; 600]);
    (0..20).for_each(|_| bench.turn());
    assert_eq!(bench.heard(), [1000]);
    send(&client, &[&header(100)[..], &[7; 100]].concat());
    (0..20).for_each(|_| bench.turn());
    assert_eq!((bench.heard(), close_code(&client)), (vec![100], None));
    send(&client, &header(101));
    bench.turn();
    assert_eq!(close_code(&client), Some(1009));
}

#[test]
fn who_was_never_to_be_pinged_is_and_nobody_is_late_for_what_was_not_said() {
    let mut bench = Bench::new(policy());
    let client = bench.connect();
    bench.pass(seconds(500));
    let limits = |ping: u64, pong: u64| Policy {
        protocol: Limits {
            ping_wait: (ping > 0).then(|| seconds(ping)),
            pong_wait: seconds(pong),
            ..policy().protocol
        },
        ..policy()
    };
    bench.change(limits(600, 50));
    bench.pass(seconds(99));
    assert_eq!(client.sent.take(), b"");
    bench.change(limits(300, 50));
    bench.pass(seconds(1));
    assert_eq!(client.sent.take(), [0x89, 0], "a ping: it is silent for long enough");
    bench.pass(seconds(40));
    bench.change(limits(300, 5));
    bench.pass(seconds(4));
    assert_eq!(close_code(&client), None, "it has 5 s from when they were said");
    bench.pass(seconds(2));
    assert_eq!(close_code(&client), Some(1008));
    // And back: whoever comes is left alone for ever.
    bench.change(limits(0, 5));
    let client = bench.connect();
    bench.pass(seconds(100_000));
    assert_eq!(client.sent.take(), b"");
}

#[test]
fn who_is_one_too_many_stays_and_the_next_waits_until_there_are_fewer() {
    let mut bench = Bench::new(policy());
    let clients: Vec<_> = (0..4).map(|_| bench.connect()).collect();
    let most = |max_connections| Policy { max_connections, ..policy() };
    bench.change(most(2));
    assert!(bench.try_to_connect().1.starts_with(b"HTTP/1.1 503 "));
    for left in [3, 2, 1] {
        let client = &clients[left];
        client.has_left.set(true);
        bench.turn();
        bench.worker.net.watched.retain(|(socket, _)| !Rc::ptr_eq(socket, client));
        let is_full = left >= 2;
        let (socket, answer) = bench.try_to_connect();
        assert_eq!(answer.starts_with(b"HTTP/1.1 503 "), is_full, "{left} left");
        assert_eq!(Rc::strong_count(&socket) > 1, !is_full);
    }
    bench.change(most(200));
    (0..198).for_each(|_| assert!(bench.try_to_connect().1.starts_with(b"HTTP/1.1 101 ")));
    assert!(bench.try_to_connect().1.starts_with(b"HTTP/1.1 503 "));
    send(&clients[0], &[&header(10)[..], &[7; 10]].concat());
    bench.turn();
    assert!(bench.heard().ends_with(&[10]), "it has been there all the time");
}

#[test]
fn rates_hold_for_clients_that_had_none() {
    let mut bench = Bench::new(policy());
    let client = bench.connect();
    let message = [&header(1)[..], &[7]].concat();
    send(&client, &message.repeat(30));
    bench.turn();
    bench.change(Policy { rates: rate(10), ..policy() });
    send(&client, &message.repeat(10));
    bench.turn();
    assert_eq!((bench.heard().len(), close_code(&client)), (40, None));
    bench.change(policy());
    send(&client, &message.repeat(30));
    bench.turn();
    bench.change(Policy { rates: rate(10), ..policy() });
    send(&client, &message.repeat(11));
    bench.turn();
    assert_eq!((bench.heard().len(), close_code(&client)), (40, Some(1008)));
}

#[test]
fn what_waits_for_a_slow_peer_has_a_minute_to_become_less() {
    for is_slow in [false, true] {
        let mut bench = Bench::new(Policy { max_backpressure: 10_000, ..policy() });
        let client = bench.connect();
        client.is_stuck.set(true);
        (0..4).for_each(|_| bench.send(2000));
        bench.change(Policy { max_backpressure: 1000, ..policy() });
        bench.send(1000);
        bench.pass(seconds(if is_slow { 61 } else { 59 }));
        bench.send(500);
        client.is_stuck.set(false);
        bench.worker.note_writable(0);
        bench.turn();
        let is_closed = close_code(&client) == Some(1013);
        assert_eq!(is_closed, is_slow);
    }
}

#[test]
fn messages_in_part_have_a_minute_to_come_whole() {
    for is_slow in [false, true] {
        let mut bench = Bench::new(policy());
        let client = bench.connect();
        send(&client, &[&header(1000)[..], &[7; 400]].concat());
        bench.turn();
        bench.change(Policy { partial_budget: 100, ..policy() });
        bench.pass(seconds(if is_slow { 61 } else { 59 }));
        send(&client, &[7; 300]);
        bench.turn();
        send(&client, &[7; 300]);
        bench.turn();
        let expected = if is_slow { (vec![], Some(1013)) } else { (vec![1000], None) };
        assert_eq!((bench.heard(), close_code(&client)), expected);
    }
}

#[test]
fn compression_comes_and_goes_and_what_was_agreed_on_stays() {
    let terms = Terms {
        client_takeover: false,
        server_takeover: true,
        client_window_bits: 15,
        server_window_bits: 15,
    };
    let compression = Compression { terms, level: 1, min_size: 128, takeover_c: 9 };
    let with = |compression| Policy { compression, max_backpressure: 10_000, ..policy() };
    let mut bench = Bench::new(with(None));
    let plain = bench.connect();
    bench.change(with(Some(compression)));
    let pressed = bench.connect();
    let expect = |bench: &mut Bench, is_compressed: bool| {
        bench.send(500);
        assert_eq!(plain.sent.take()[..2], [0x81, 126]);
        let sent = pressed.sent.take();
        assert_eq!((sent[0] == 0xc1, sent.len() < 100), (is_compressed, is_compressed));
        bench.worker.counters().compressed.load(Ordering::Relaxed)
    };
    assert_eq!(expect(&mut bench, true), 1);
    bench.change(with(Some(Compression { min_size: 501, ..compression })));
    assert_eq!(expect(&mut bench, false), 1);
    bench.change(with(None));
    assert_eq!(expect(&mut bench, false), 1);
    bench.change(with(Some(Compression { level: 9, takeover_c: 0, ..compression })));
    assert_eq!(expect(&mut bench, true), 2);
    assert_eq!(bench.worker.counters().takeovers.load(Ordering::Relaxed), 1);
}

#[test]
fn a_policy_that_is_the_same_costs_nothing() {
    let mut bench = Bench::new(policy());
    let _client = bench.connect();
    bench.worker.leniency.until = Millis(7);
    bench.change(policy());
    assert_eq!(bench.worker.leniency.until, Millis(7));
}
