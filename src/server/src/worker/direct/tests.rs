//! One app on both ways, over a network made of queues, with a deputy that does as it is told.

mod decisions;
mod lost;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ringsocket_proto::Limits;

use super::*;
use crate::message::{Inbound, Outbound};
use crate::worker::Policy;
use crate::worker::testing::{AppEnds, Queue, Socket, masked, one_app, policy, request, worker};

/// An app that can be had whenever a worker asks, and what it then does for each call.
struct Script<F>(F);

impl<F> std::fmt::Debug for Script<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Script")
    }
}

/// What is called: `take`, or one of those that have a sink.
enum Call<'a> {
    Take,
    CatchUp(&'a mut dyn Sink),
    Read(ClientId, &'a [u8], &'a mut dyn Sink),
}

impl<F: FnMut(Call<'_>) -> bool + Send> Deputy for Script<F> {
    fn take(&mut self) -> bool {
        (self.0)(Call::Take)
    }

    fn ask(&mut self) -> bool {
        false
    }

    fn is_left(&self) -> bool {
        false
    }

    fn decline(&mut self) {}

    fn catch_up(&mut self, sink: &mut dyn Sink) -> bool {
        (self.0)(Call::CatchUp(sink))
    }

    fn read(&mut self, client: ClientId, _: bool, payload: &[u8], sink: &mut dyn Sink) -> bool {
        (self.0)(Call::Read(client, payload, sink))
    }

    fn give_back(&mut self) {}
}

/// A worker, and the ends of its first app, which all clients are of.
struct Bench {
    worker: Worker<Queue>,
    app: AppEnds,
    /// Those of other apps, which are to stay.
    _others: Vec<AppEnds>,
}

impl Bench {
    fn new(app: impl FnMut(Call<'_>) -> bool + Send + 'static) -> Self {
        Self::with(vec![Box::new(Script(app))])
    }

    fn with(apps: Vec<Box<dyn Deputy>>) -> Self {
        let size = 64 * 1024;
        let protocol =
            Limits { message_size: size, frame_size: size, chain_size: size, ..policy().protocol };
        let policy =
            Policy { protocol, receive_buffer: size, partial_budget: 2 * size, ..policy() };
        let ends = |app| AppEnds::of(64 * 1024, size, Some(app));
        let (ways, mut others): (_, Vec<_>) = apps.into_iter().map(ends).unzip();
        let app = others.remove(0);
        Self { worker: worker(one_app(), policy, ways), app, _others: others }
    }

    /// Connects the client of this slot, for whom `open` has returned.
    fn connect(&mut self, slot: u32) -> Socket {
        let socket = self.worker.meet(&request(""));
        self.worker.enrol(0, Some(self.worker.client_id(slot)));
        self.app.heard(|_| ());
        socket.sent.take();
        socket
    }

    fn turn(&mut self) {
        self.worker.turn().expect("a turn");
    }

    /// What kinds of records lie in the app's ring.
    fn records(&mut self) -> Vec<&'static str> {
        self.app.heard(|record| match record {
            Inbound::Message { .. } => "message",
            Inbound::Close { code: 1006, .. } => "close",
            other => panic!("{other:?}"),
        })
    }

    /// The app's own thread sends this to all, by the ring.
    fn send_to_all(&mut self, frame: &[u8]) {
        let head = Outbound::send_head(Scope::All, 0);
        self.app.write(&[&head, frame]);
    }

    /// What the app's own thread has sent is there to be seen.
    fn publish(&mut self) {
        self.app.publish(&self.worker);
    }
}

/// A frame with a payload of zeros.
fn frame(opcode: u8, len: usize) -> Vec<u8> {
    masked(opcode, &vec![0; len])
}

const BINARY: u8 = 2;
const PING: u8 = 9;
const PONG: &[u8] = &[0x8a, 0];

#[test]
fn a_pong_before_a_message_for_a_full_ring_is_sent_once() {
    let mut bench = Bench::new(|_| false);
    let socket = bench.connect(0);
    let both = [frame(PING, 0), frame(BINARY, 8000)].concat();
    let mut pongs = Vec::new();
    while !bench.worker.to_apps[0].is_congested() {
        socket.came.borrow_mut().extend(&both);
        bench.turn();
        pongs.extend_from_slice(PONG);
    }
    assert_eq!(*socket.sent.borrow(), pongs);
}

#[test]
fn what_an_app_sends_to_others_while_its_ring_is_full_reaches_only_them() {
    let other_id = Arc::new(AtomicU64::new(0));
    let id = Arc::clone(&other_id);
    let mut bench = Bench::new(move |call| {
        if let Call::CatchUp(sink) = call {
            let other = ClientId::from_u64(id.load(Ordering::Relaxed));
            sink.send(&[0x82, 6], b"secret", Scope::Listed, &[other]);
            return false;
        }
        true
    });
    let (socket, other) = (bench.connect(0), bench.connect(1));
    other_id.store(bench.worker.client_id(1).to_u64(), Ordering::Relaxed);
    assert!(bench.worker.to_apps[0].push(Inbound::Drain).is_ok()); // it never comes to the end
    while !bench.worker.to_apps[0].is_congested() {
        socket.came.borrow_mut().extend(frame(BINARY, 8000));
        bench.turn();
    }
    assert!(other.sent.borrow().ends_with(b"secret"));
    assert!(socket.sent.borrow().is_empty(), "it was for another");
}

#[test]
fn what_follows_a_news_is_looked_at_in_the_next_turn() {
    let mut bench = Bench::new(|_| false);
    let socket = bench.connect(0);
    bench.send_to_all(b"before");
    bench.app.write(&[&Outbound::drained_head()]);
    bench.send_to_all(b"behind");
    bench.publish();
    bench.turn();
    bench.turn();
    assert_eq!(*socket.sent.borrow(), b"beforebehind");
}

#[test]
fn a_full_ring_of_an_app_that_sleeps_is_not_gathered_in_one_turn() {
    let mut bench = Bench::new(|_| true);
    let socket = bench.connect(0);
    (0..30_000).for_each(|_| bench.send_to_all(b"1"));
    bench.publish();
    (0..20).for_each(|_| socket.came.borrow_mut().extend(frame(BINARY, 1)));
    bench.turn();
    let sent = socket.sent.borrow().len();
    assert!(sent <= 2 * 4096, "{sent} records, of 4096 at a time");
    (0..8).for_each(|_| bench.turn());
    assert_eq!(socket.sent.borrow().len(), 30_000);
}

#[test]
fn many_small_answers_to_one_who_reads_nothing_are_no_single_message() {
    let mut bench = Bench::new(|call| {
        if let Call::Read(client, _, sink) = call {
            (0..1000).for_each(|_| sink.send(&[0x82, 100], &[0; 100], Scope::Listed, &[client]));
        }
        true
    });
    let socket = bench.connect(0);
    socket.is_stuck.set(true);
    socket.came.borrow_mut().extend(frame(BINARY, 1));
    bench.turn();
    let peer = bench.worker.peers.get_mut(0).expect("a peer");
    let waiting = peer.backlog_len();
    assert!(waiting <= 64 * 1024 + 1024, "{waiting} bytes wait");
    assert_eq!(peer.connection.phase(), ringsocket_proto::Phase::Closing);
}

#[test]
fn no_sleep_is_taken_on_records_that_were_looked_at_in_the_last_step() {
    let mut bench = Bench::new(|_| true);
    bench.app.write(&[&Outbound::opened_head(), &[7; 8]]);
    bench.publish();
    assert!(bench.worker.to_apps[0].push(Inbound::End).is_ok());
    bench.worker.waker.take_mail();
    bench.worker.publish_all();
    bench.worker.wait().expect("a look");
    assert_eq!(bench.worker.net.waited, Some(Duration::ZERO));
    bench.turn();
    assert!(bench.app.outbound.is_drained(), "released");
}

/// A payload whose bytes tell where they belong.
fn pattern(number: usize, len: usize) -> Vec<u8> {
    (0..len).map(|at| (number * 31 + at * 7 + at / 251) as u8).collect()
}

/// Two fragments of a message, or all of it in one frame.
fn message(payload: &[u8], is_whole: bool) -> Vec<u8> {
    if is_whole {
        return masked(BINARY, payload);
    }
    let (first, rest) = payload.split_at(payload.len() / 3);
    let mut first = masked(BINARY, first);
    first[0] &= 0x7f;
    [first, masked(0, rest)].concat()
}

#[test]
fn payloads_that_are_sent_on_arrive_unchanged_whatever_is_written_in_between() {
    let other_id = Arc::new(AtomicU64::new(0));
    let id = Arc::clone(&other_id);
    let mut bench = Bench::new(move |call| {
        if let Call::Read(client, payload, sink) = call {
            let other = ClientId::from_u64(id.load(Ordering::Relaxed));
            let header = [&[0x82, 126][..], &(payload.len() as u16).to_be_bytes()].concat();
            sink.send(&header, payload, Scope::Listed, &[client]);
            if payload[0] % 3 == 0 {
                // So much that it is written before the callback returns.
                (0..90).for_each(|_| sink.send(b"", &[7; 50_000], Scope::Listed, &[other]));
                sink.send(&header, payload, Scope::All, &[]);
            }
        }
        true
    });
    let (socket, other) = (bench.connect(0), bench.connect(1));
    other_id.store(bench.worker.client_id(1).to_u64(), Ordering::Relaxed);
    let (mut echoes, mut floods) = (Vec::new(), 0);
    for number in 0..40 {
        let lens = [100, LEND_MIN - 1, LEND_MIN, 20_000, 60_000];
        let payload = pattern(number, lens[number * 3 % 5]);
        let times = if payload[0] % 3 == 0 { 2 } else { 1 };
        floods += times - 1;
        for _ in 0..times {
            echoes.extend([&[0x82, 126][..], &(payload.len() as u16).to_be_bytes()].concat());
            echoes.extend(&payload);
        }
        echoes.extend(PONG);
        socket.came.borrow_mut().extend(message(&payload, number % 4 != 0));
        socket.came.borrow_mut().extend(frame(PING, 0));
    }
    while !socket.came.borrow().is_empty() {
        bench.turn();
    }
    assert!(*socket.sent.borrow() == echoes);
    assert!(floods > 3);
    let own = other.sent.borrow().iter().filter(|byte| **byte == 7).count();
    assert!(own >= floods * 90 * 50_000, "{own} bytes of {floods} floods");
}

#[test]
fn an_app_has_so_much_time_in_a_turn_and_others_go_on() {
    let read = Arc::new(Mutex::new(Vec::new()));
    let slow = Arc::clone(&read);
    let other = Arc::clone(&read);
    let note = |read: &Mutex<Vec<u16>>, app| {
        read.lock().expect("no panic").push(app);
        true
    };
    let mut bench = Bench::with(vec![
        Box::new(Script(move |call: Call<'_>| !matches!(call, Call::Read(..)) || note(&slow, 0))),
        Box::new(Script(move |call: Call<'_>| !matches!(call, Call::Read(..)) || note(&other, 1))),
    ]);
    let (one, two, bystander) = (bench.connect(0), bench.connect(1), bench.connect(2));
    bench.worker.peers.get_mut(2).expect("a peer").app = 1;
    bench.worker.net.tick = 2;
    one.came.borrow_mut().extend(frame(BINARY, 1).repeat(400));
    two.came.borrow_mut().extend(frame(BINARY, 1).repeat(400));
    bystander.came.borrow_mut().extend(frame(BINARY, 1));
    bench.turn();
    let first = std::mem::take(&mut *read.lock().expect("no panic"));
    assert!(first.len() < 400, "{}", first.len());
    assert_eq!(first.last(), Some(&1), "this app has had no time yet");
    bench.worker.wait().expect("a look");
    assert_eq!(bench.worker.net.waited, Some(Duration::ZERO), "there is more to do");
    (0..20).for_each(|_| bench.turn());
    let pushed = bench.records();
    assert!(pushed.iter().all(|kind| *kind == "message"));
    assert_eq!(first.len() + read.lock().expect("no panic").len() + pushed.len(), 801);
}

#[test]
fn those_for_whom_there_was_no_time_come_first_in_the_next_turn() {
    let read = Arc::new(Mutex::new([0; 8]));
    let noted = Arc::clone(&read);
    let mut bench = Bench::new(move |call| {
        if let Call::Read(client, ..) = call {
            noted.lock().expect("no panic")[client.slot() as usize] += 1;
        }
        true
    });
    let clients: Vec<_> = (0..8).map(|slot| bench.connect(slot)).collect();
    bench.worker.net.tick = 1;
    for _ in 0..30 {
        // There is always something to read from everybody.
        for client in &clients {
            let missing = 200 - client.came.borrow().len() / 7;
            client.came.borrow_mut().extend(frame(BINARY, 1).repeat(missing));
        }
        bench.turn();
    }
    let read = read.lock().expect("no panic");
    let (least, most) = (read.iter().min(), read.iter().max());
    assert!(most <= least.map(|least| least * 2).as_ref(), "{read:?}");
}

#[test]
fn a_few_large_messages_take_up_a_turn_as_well() {
    let read_c = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&read_c);
    let mut bench = Bench::new(move |call| {
        count.fetch_add(u64::from(matches!(call, Call::Read(..))), Ordering::Relaxed);
        true
    });
    let clients: Vec<_> = (0..8).map(|slot| bench.connect(slot)).collect();
    bench.worker.net.tick = 4;
    clients.iter().for_each(|client| client.came.borrow_mut().extend(frame(BINARY, 60_000)));
    bench.turn();
    assert!(read_c.load(Ordering::Relaxed) < 8, "{read_c:?}: four looks at the clock, 4 ms apart");
}
