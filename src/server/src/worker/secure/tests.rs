//! Encrypted connections over a network made of queues, with clients of rustls.

mod moved;

use std::io::{Read, Write};
use std::num::NonZeroU64;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ringsocket_proto::Millis;
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, ClientConfig, ClientConnection, Error, RootCertStore};

use crate::config::ForwardedHeader;
use crate::message::Inbound;
use crate::proxies::Proxies;
use crate::tls::testing::{ca, terms};
use crate::worker::testing::{AppEnds, Queue, Socket, one_app, policy, request};
use crate::worker::{Policy, Worker};

/// A worker with one app, which says nothing, behind an encrypted port; and the app's ends of the rings.
fn worker(is_by_rustls: bool) -> (Worker<Queue>, AppEnds) {
    let (ways, app) = AppEnds::of(1 << 20, 1 << 20, None);
    let mut site = Arc::into_inner(one_app()).expect("a site");
    site.entrances[0].is_tls = true;
    site.tls = Arc::new(terms(is_by_rustls));
    let limits = ringsocket_proto::Limits {
        message_size: 1 << 18,
        chain_size: 1 << 19,
        frame_size: 1 << 18,
        ..policy().protocol
    };
    let policy = Policy { protocol: limits, partial_budget: 1 << 20, ..policy() };
    (crate::worker::testing::worker(Arc::new(site), policy, vec![ways]), app)
}

/// A connection that is accepted and has said nothing.
fn connect(worker: &mut Worker<Queue>) -> Socket {
    let socket = worker.net.arrive(b"");
    turn(worker);
    socket
}

fn turn(worker: &mut Worker<Queue>) {
    worker.turn().expect("a turn");
}

/// The other end of an encrypted connection.
struct Client {
    tls: ClientConnection,
    socket: Socket,
    /// How many bytes go at a time; all, if 0.
    cut: usize,
    plain: Vec<u8>,
}

impl Client {
    fn new(worker: &mut Worker<Queue>, name: &str, version: Version) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(ca()).expect("a CA");
        let config = ClientConfig::builder_with_protocol_versions(&[version])
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        let tls = ClientConnection::new(Arc::new(config), name).expect("a client");
        Self { tls, socket: connect(worker), cut: 0, plain: Vec::new() }
    }

    /// Lets bytes go there and back until none do.
    fn talk(&mut self, worker: &mut Worker<Queue>) -> Result<(), Error> {
        loop {
            let mut out = Vec::new();
            while self.tls.wants_write() {
                self.tls.write_tls(&mut out).expect("a Vec");
            }
            let cut = if self.cut == 0 { out.len().max(1) } else { self.cut };
            for piece in out.chunks(cut) {
                self.socket.came.borrow_mut().extend(piece);
                while !self.socket.came.borrow().is_empty() && !self.is_dropped() {
                    turn(worker);
                }
            }
            turn(worker);
            let sent = std::mem::take(&mut *self.socket.sent.borrow_mut());
            if out.is_empty() && sent.is_empty() {
                return Ok(());
            }
            let mut sent = &sent[..];
            while !sent.is_empty() {
                self.tls.read_tls(&mut sent).expect("a record");
                self.tls.process_new_packets()?;
                let _ = self.tls.reader().read_to_end(&mut self.plain); // WouldBlock in the end
            }
        }
    }

    fn say(&mut self, worker: &mut Worker<Queue>, bytes: &[u8]) -> Vec<u8> {
        self.tls.set_buffer_limit(None);
        self.tls.writer().write_all(bytes).expect("room");
        self.talk(worker).expect("records");
        std::mem::take(&mut self.plain)
    }

    /// Whether the worker has let go of the connection.
    fn is_dropped(&self) -> bool {
        // One is the client's, one the network's.
        Rc::strong_count(&self.socket) == 2
    }
}

type Version = &'static rustls::SupportedProtocolVersion;

const VERSIONS: [Version; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

/// A masked frame.
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let key = [1, 2, 3, 4];
    let mut frame = vec![0x80 | opcode];
    match payload.len() {
        len @ 0..126 => frame.push(0x80 | len as u8),
        len @ 126..65536 => {
            frame.push(0x80 | 126);
            frame.extend((len as u16).to_be_bytes());
        }
        len => {
            frame.push(0x80 | 127);
            frame.extend((len as u64).to_be_bytes());
        }
    }
    frame.extend(key);
    let start = frame.len();
    frame.extend_from_slice(payload);
    frame[start..].iter_mut().zip(key.iter().cycle()).for_each(|(byte, key)| *byte ^= key);
    frame
}

/// Payloads of the messages that have reached the app.
fn messages(app: &mut AppEnds) -> Vec<Vec<u8>> {
    let payload = |record: Inbound<'_>| match record {
        Inbound::Message { payload, .. } => Some(payload.to_vec()),
        _ => None,
    };
    app.heard(payload).into_iter().flatten().collect()
}

/// Has the worker send these bytes to its only client.
fn give(worker: &mut Worker<Queue>, bytes: &[u8]) {
    let start = worker.gather.scratch.len();
    worker.gather.scratch.extend_from_slice(bytes);
    let peer = worker.peers.get_mut(0).expect("a client");
    worker.gather.push_scratch(0, &mut peer.chain, start);
}

/// Bytes that do not look alike anywhere.
fn noise(len: usize) -> Vec<u8> {
    (0..len as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

#[test]
fn what_is_said_arrives_both_ways_however_it_is_cut() {
    for version in VERSIONS {
        for (is_by_rustls, cut) in [(false, 0), (false, 1), (false, 777), (true, 0), (true, 777)] {
            let (mut worker, mut app) = worker(is_by_rustls);
            let mut client = Client::new(&mut worker, "a.test", version);
            client.cut = cut;
            let response = client.say(&mut worker, &request(""));
            assert!(response.starts_with(b"HTTP/1.1 101 "), "{version:?} {cut}");
            let ping = client.say(&mut worker, &frame(9, b"are you there?"));
            assert_eq!(ping, b"\x8a\x0eare you there?");
            let sizes = if cut == 1 { [1, 5_000, 20_000] } else { [1, 16_384, 200_000] };
            for size in sizes {
                let there = noise(size);
                client.say(&mut worker, &frame(2, &there));
                assert!(messages(&mut app) == [there.clone()], "{version:?} {cut} {size}");
                give(&mut worker, &there);
                client.talk(&mut worker).expect("records");
                assert!(std::mem::take(&mut client.plain) == there, "{version:?} {cut} {size}");
            }
            assert_eq!(worker.counters().tls_handshakes.load(Ordering::Relaxed), 1);
            assert_eq!(worker.throng.under_way(), 0);
        }
    }
}

#[test]
fn an_idle_client_holds_nothing_but_its_keys() {
    let (mut worker, mut app) = worker(false);
    let mut client = Client::new(&mut worker, "a.test", VERSIONS[1]);
    client.say(&mut worker, &request(""));
    client.say(&mut worker, &frame(2, &noise(100_000)));
    assert_eq!(messages(&mut app).len(), 1);
    let tls = worker.secured(0).expect("TLS");
    assert_eq!((tls.partial.len(), tls.sealed.capacity()), (0, 0));
    assert!(tls.identity.is_none(), "the app has been told");
}

#[test]
fn what_the_kernel_does_not_take_goes_out_later_and_in_order() {
    let (mut worker, _app) = worker(false);
    let mut client = Client::new(&mut worker, "a.test", VERSIONS[1]);
    client.say(&mut worker, &request(""));
    client.socket.is_stuck.set(true);
    let parts: Vec<_> = [700, 600_000, 1, 20_000].map(noise).into();
    for part in &parts {
        give(&mut worker, part);
        turn(&mut worker);
    }
    let peer = worker.peers.get_mut(0).expect("a client");
    assert!(peer.has_backlog());
    assert!(peer.sealed_len() < 80 * 1024, "the rest can still be dropped");
    client.socket.is_stuck.set(false);
    worker.note_writable(0);
    client.talk(&mut worker).expect("records");
    assert!(client.plain == parts.concat());
    let peer = worker.peers.get_mut(0).expect("a client");
    assert!(!peer.has_backlog() && peer.under_way.is_none());
}

#[test]
fn a_key_update_is_answered_although_there_is_nothing_to_send() {
    let (mut worker, _app) = worker(false);
    let mut client = Client::new(&mut worker, "a.test", VERSIONS[1]);
    client.say(&mut worker, &request(""));
    client.tls.refresh_traffic_keys().expect("TLS 1.3");
    let mut out = Vec::new();
    client.tls.write_tls(&mut out).expect("a Vec");
    client.socket.came.borrow_mut().extend(out);
    turn(&mut worker);
    let sent = client.socket.sent.borrow().len();
    assert_eq!(sent, 5 + 5 + 1 + 16, "one KeyUpdate");
    let pong = client.say(&mut worker, &frame(9, b"new keys"));
    assert_eq!(pong, b"\x8a\x08new keys");
}

#[test]
fn both_sides_say_goodbye() {
    for version in VERSIONS {
        let (mut worker, _app) = worker(false);
        let mut client = Client::new(&mut worker, "a.test", version);
        client.say(&mut worker, &request(""));
        client.say(&mut worker, &frame(8, &1000u16.to_be_bytes()));
        assert!(!client.is_dropped(), "it may yet say goodbye");
        assert_eq!(client.tls.reader().read(&mut [0]).expect("an end"), 0, "close_notify");
        client.tls.send_close_notify();
        client.talk(&mut worker).expect("records");
        assert!(client.is_dropped());

        let mut client = Client::new(&mut worker, "a.test", version);
        client.say(&mut worker, &request(""));
        client.tls.send_close_notify();
        client.talk(&mut worker).expect("records");
        assert!(client.is_dropped());
        assert_eq!(client.tls.reader().read(&mut [0]).expect("an end"), 0, "close_notify");
    }
}

/// Lets so many seconds pass.
fn wait(worker: &mut Worker<Queue>, seconds: u64) {
    worker.net.now = Millis(worker.net.now.0 + seconds * 1000 + 100);
    turn(worker);
}

#[test]
fn who_sends_on_after_the_last_word_is_not_heard_out_for_ever() {
    let (mut worker, _app) = worker(false);
    let mut client = Client::new(&mut worker, "a.test", VERSIONS[1]);
    let stray = b"GET /nowhere HTTP/1.1\r\nHost: a.test\r\n\r\n";
    assert!(client.say(&mut worker, stray).starts_with(b"HTTP/1.1 404 "));
    client.say(&mut worker, b"more");
    assert!(!client.is_dropped());
    wait(&mut worker, 1000);
    assert!(client.is_dropped());

    let mut client = Client::new(&mut worker, "a.test", VERSIONS[1]);
    client.say(&mut worker, &request(""));
    client.say(&mut worker, &frame(8, &1000u16.to_be_bytes()));
    client.say(&mut worker, b"more");
    assert!(!client.is_dropped());
    wait(&mut worker, 1000);
    assert!(client.is_dropped());
}

#[test]
fn who_does_not_answer_pings_is_closed_whatever_it_is_sent() {
    let (mut worker, _app) = worker(false);
    let policy = Arc::get_mut(&mut worker.policy).expect("nobody else has it");
    policy.protocol.ping_wait = Some(Duration::from_secs(30));
    policy.protocol.pong_wait = Duration::from_secs(20);
    let mut client = Client::new(&mut worker, "a.test", VERSIONS[1]);
    client.say(&mut worker, &request(""));
    wait(&mut worker, 30);
    client.talk(&mut worker).expect("records");
    assert_eq!(std::mem::take(&mut client.plain), b"\x89\x00", "a ping");
    give(&mut worker, &frame(2, b"a message"));
    wait(&mut worker, 10);
    client.talk(&mut worker).expect("records");
    client.plain.clear();
    wait(&mut worker, 10);
    client.talk(&mut worker).expect("records");
    assert_eq!(client.plain[..4], [0x88, client.plain[1], 0x03, 0xf0], "closed with 1008");
}

#[test]
fn what_comes_after_close_notify_keeps_no_worker_busy() {
    for is_by_rustls in [false, true] {
        let (mut worker, _app) = worker(is_by_rustls);
        let mut client = Client::new(&mut worker, "a.test", VERSIONS[1]);
        client.say(&mut worker, &request(""));
        client.socket.is_stuck.set(true);
        client.tls.writer().write_all(&frame(8, &1000u16.to_be_bytes())).expect("room");
        client.tls.send_close_notify();
        let mut out = Vec::new();
        while client.tls.wants_write() {
            client.tls.write_tls(&mut out).expect("a Vec");
        }
        client.socket.came.borrow_mut().extend(out);
        turn(&mut worker);
        turn(&mut worker);
        assert!(!client.is_dropped(), "the Close frame waits");
        client.socket.came.borrow_mut().extend([0x17, 3, 3, 0, 1, 0]);
        turn(&mut worker);
        client.socket.is_stuck.set(false);
        worker.note_writable(0);
        client.talk(&mut worker).expect("records");
        assert!(client.plain.starts_with(&[0x88, 2]), "the Close frame");
    }
}

#[test]
fn a_hello_that_is_too_long_is_refused_and_what_comes_of_it_counts_as_held() {
    let (mut worker, _app) = worker(false);
    let socket = connect(&mut worker);
    // A ClientHello of 60,000 bytes, in records of 8,000.
    let hello = [&[1, 0, 0xea, 0x60, 3, 3][..], &[0; 60_000]].concat();
    let mut held = Vec::new();
    for piece in hello.chunks(8000) {
        let header = [22, 3, 1, (piece.len() >> 8) as u8, piece.len() as u8];
        socket.came.borrow_mut().extend(header.iter().chain(piece));
        turn(&mut worker);
        held.push(worker.held);
        if Rc::strong_count(&socket) == 2 {
            break;
        }
    }
    assert_eq!(held.len(), 5, "the fifth is beyond 32 KiB: {held:?}");
    assert!(held[3] >= 32_000, "{held:?}");
    assert_eq!(worker.held, 0);
}

#[test]
fn a_record_that_was_changed_ends_the_connection_with_an_alert() {
    let (mut worker, mut app) = worker(false);
    let mut client = Client::new(&mut worker, "a.test", VERSIONS[1]);
    client.say(&mut worker, &request(""));
    client.tls.writer().write_all(&frame(2, b"good")).expect("room");
    let mut out = Vec::new();
    client.tls.write_tls(&mut out).expect("a Vec");
    client.tls.writer().write_all(&frame(2, b"bad")).expect("room");
    client.tls.write_tls(&mut out).expect("a Vec");
    *out.last_mut().expect("a record") ^= 1;
    client.socket.came.borrow_mut().extend(out);
    turn(&mut worker);
    turn(&mut worker);
    assert_eq!(messages(&mut app), [b"good"], "what came before it");
    assert!(client.is_dropped());
    let alert = client.talk(&mut worker).expect_err("an alert");
    assert_eq!(alert, Error::AlertReceived(AlertDescription::BadRecordMac));
}

#[test]
fn an_unknown_name_is_told_so() {
    let (mut worker, _app) = worker(false);
    let mut client = Client::new(&mut worker, "b.test", VERSIONS[1]);
    let alert = client.talk(&mut worker).expect_err("an alert");
    assert_eq!(alert, Error::AlertReceived(AlertDescription::UnrecognisedName));
    assert!(client.is_dropped());
    assert_eq!(worker.counters().tls_failed.load(Ordering::Relaxed), 1);
    assert_eq!(worker.throng.under_way(), 0);
}

#[test]
fn plain_http_is_answered_in_its_own_tongue_and_garbage_with_an_alert() {
    let (mut worker, _app) = worker(false);
    let socket = connect(&mut worker);
    socket.came.borrow_mut().extend(request(""));
    turn(&mut worker);
    let response = String::from_utf8(socket.sent.borrow().clone()).expect("a response");
    let (head, body) = response.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 400 "));
    assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{head} {body}");
    assert_eq!(Rc::strong_count(&socket), 2);

    let socket = connect(&mut worker);
    socket.came.borrow_mut().extend([0; 100]);
    turn(&mut worker);
    assert_eq!(*socket.sent.borrow(), [21, 3, 3, 0, 2, 2, 10]);
    assert_eq!(Rc::strong_count(&socket), 2);
}

#[test]
fn of_too_many_handshakes_the_oldest_goes() {
    let (mut worker, _app) = worker(false);
    let limit = worker.policy.max_handshakes;
    let sockets: Vec<_> = (0..=limit).map(|_| connect(&mut worker)).collect();
    for socket in &sockets {
        socket.came.borrow_mut().extend([22, 3, 1]);
        turn(&mut worker);
    }
    let dropped: Vec<_> = sockets.iter().map(|socket| Rc::strong_count(socket) == 2).collect();
    assert_eq!(dropped.iter().position(|&is| is), Some(0));
    assert_eq!(dropped.iter().filter(|&&is| is).count(), 1);
    assert_eq!(worker.counters().tls_crowded.load(Ordering::Relaxed), 1);
    let mut client = Client::new(&mut worker, "a.test", VERSIONS[1]);
    assert!(client.say(&mut worker, &request("")).starts_with(b"HTTP/1.1 101 "));
}

#[test]
fn a_turn_answers_so_many_hellos_and_the_next_turn_the_others() {
    let (mut worker, _app) = worker(false);
    Arc::get_mut(&mut worker.policy).expect("nobody else has it").max_handshakes = 50;
    let mut clients: Vec<_> =
        (0..20).map(|_| Client::new(&mut worker, "a.test", VERSIONS[1])).collect();
    for client in &mut clients {
        let mut out = Vec::new();
        client.tls.write_tls(&mut out).expect("a Vec");
        client.socket.came.borrow_mut().extend(out);
    }
    let mut answered = Vec::new();
    for _ in 0..3 {
        turn(&mut worker);
        let is_answered = |client: &&Client| !client.socket.sent.borrow().is_empty();
        answered.push(clients.iter().filter(is_answered).count());
    }
    assert_eq!(answered, [8, 16, 20]);
}

#[test]
fn a_handshake_that_takes_too_long_ends_without_a_word() {
    let (mut worker, _app) = worker(false);
    let socket = connect(&mut worker);
    socket.came.borrow_mut().extend([22, 3, 1]);
    turn(&mut worker);
    worker.net.now = Millis(2_000_000);
    turn(&mut worker);
    assert_eq!(Rc::strong_count(&socket), 2);
    assert!(socket.sent.borrow().is_empty(), "no response that it could not read");
    assert_eq!(worker.throng.under_way(), 0);
}

#[test]
fn who_is_one_too_many_behind_a_proxy_gets_no_words_that_it_cannot_read() {
    let (mut worker, _app) = worker(false);
    let policy = Arc::get_mut(&mut worker.policy).expect("nobody else has it");
    policy.per_address.connections = NonZeroU64::new(1);
    let site = Arc::get_mut(&mut worker.site).expect("nobody else has it");
    site.entrances[0].proxy_protocol = true;
    let loopback = "127.0.0.0/8".parse().expect("a network");
    site.proxies = Proxies::new(&[loopback], ForwardedHeader::None);
    let header = b"PROXY TCP4 192.0.2.7 192.0.2.1 4321 443\r\n";
    let sockets = [(); 2].map(|()| {
        let socket = connect(&mut worker);
        socket.came.borrow_mut().extend(header);
        turn(&mut worker);
        socket
    });
    let dropped = sockets.each_ref().map(|socket| Rc::strong_count(socket) == 2);
    assert_eq!(dropped, [false, true]);
    assert!(sockets[1].sent.borrow().is_empty());
    assert_eq!(worker.counters().crowded.load(Ordering::Relaxed), 1);
}

#[test]
fn a_proxys_header_comes_before_tls() {
    let (mut worker, _app) = worker(false);
    let site = Arc::get_mut(&mut worker.site).expect("nobody else has it");
    site.entrances[0].proxy_protocol = true;
    let loopback = "127.0.0.0/8".parse().expect("a network");
    site.proxies = Proxies::new(&[loopback], ForwardedHeader::None);
    for cut in [0, 1] {
        let mut client = Client::new(&mut worker, "a.test", VERSIONS[1]);
        let header = b"PROXY TCP4 192.0.2.7 192.0.2.1 4321 443\r\n";
        for piece in header.chunks(if cut == 0 { header.len() } else { cut }) {
            client.socket.came.borrow_mut().extend(piece);
            if cut > 0 {
                turn(&mut worker);
            }
        }
        assert!(client.say(&mut worker, &request("")).starts_with(b"HTTP/1.1 101 "));
        let slot = worker.peers.in_use().into_iter().max().expect("a client");
        assert_eq!(worker.address(slot).to_string(), "192.0.2.7:4321");
    }
}
