//! Reloads that replace certificates while five hundred clients with TLS exchange messages and a hundred
//! more shake hands each second: nobody is dropped, no handshake fails, and each is shown the
//! certificate of the moment.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ringsocket_tests::certificates::{Authority, Certificate};
use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::sys;
use ringsocket_tests::tls::{Connector, Offer, TLS12, TLS13};

const LIVE: usize = 500;
/// Threads that have the live clients, and those that shake hands.
const TALKERS: usize = 4;
const VISITORS: usize = 2;
const HANDSHAKES: usize = 800;
const HANDSHAKES_PER_SECOND: u32 = 100;
const RELOADS: usize = 10;
/// Each live client sends a message so often.
const ROUND: Duration = Duration::from_millis(100);
const TIME: Duration = Duration::from_secs(8);

/// All certificates that there will be, and how far the reloads have got.
struct Run {
    address: SocketAddr,
    authority: Authority,
    certificates: Vec<Certificate>,
    /// Of the reloads, how many were begun, and how many are done.
    begun: AtomicUsize,
    done: AtomicUsize,
    is_over: AtomicBool,
}

/// Ends the talking when it goes, also in a panic: nobody else would.
struct Curtain<'a>(&'a AtomicBool);

impl Drop for Curtain<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn start(certificate: &Certificate) -> Daemon {
    sys::raise_descriptor_limit().unwrap();
    let config = r#"{ "worker_c": 2, "fd_alloc_c": 2000, "certs": [ { "hostnames": ["localhost"],
        "privkey_path": "{dir}/certs/site.key", "pubchain_path": "{dir}/certs/site.pem" } ],
        "max_conn_c_per_addr": 0, "max_handshake_rate_per_addr": 0 }"#;
    let first = sys::listen_shared(0).expect("a free port");
    let port = first.local_addr().expect("a bound socket").port();
    let second = sys::listen_shared(port).expect("a socket of the port");
    let builder = Builder::new().app("echo").reloadable().certificate("site", certificate);
    builder.config(config).socket("wss", first).socket("wss", second).start()
}

impl Run {
    fn connector(&self, number: usize) -> Connector {
        let version = if number % 2 == 0 { &TLS13 } else { &TLS12 };
        Offer::new(&self.authority).version(version).to("localhost")
    }

    /// Exchanges numbered messages on its share of the live connections until all is over, and gives
    /// their number.
    fn talk(&self, mut clients: Vec<Client>) -> usize {
        let start = Instant::now();
        let mut rounds = 0;
        while !self.is_over.load(Ordering::Acquire) {
            std::thread::sleep((ROUND * rounds as u32).saturating_sub(start.elapsed()));
            for (number, client) in clients.iter_mut().enumerate() {
                client.text(&format!("message {rounds} of {number}")).unwrap();
            }
            for (number, client) in clients.iter_mut().enumerate() {
                client.expect_text(&format!("message {rounds} of {number}"));
            }
            rounds += 1;
        }
        let messages = rounds * clients.len();
        clients.into_iter().for_each(Client::close_cleanly);
        messages
    }

    /// Its share of the handshakes, at an even pace: full ones and resumed ones in both versions.
    fn visit(&self, visitor: usize) {
        let resuming = [self.connector(0), self.connector(1)];
        let start = Instant::now();
        for number in (visitor..HANDSHAKES).step_by(VISITORS) {
            let due = start + number as u32 * Duration::from_secs(1) / HANDSHAKES_PER_SECOND;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let fresh = self.connector(number / VISITORS);
            let connector = if number % 3 == 0 { &fresh } else { &resuming[number / VISITORS % 2] };
            let least = self.done.load(Ordering::Acquire);
            let mut client = connector
                .web_socket(self.address, "/echo")
                .unwrap_or_else(|error| panic!("handshake {number} failed: {error}"));
            let most = self.begun.load(Ordering::Acquire);
            let tls = client.tls();
            // Who resumes a session is not shown anything anew.
            let shown = &self.certificates[least..=most];
            assert!(
                tls.is_resumed() || shown.iter().any(|one| tls.shows(one)),
                "{least} to {most}"
            );
            client.text("visit").unwrap();
            client.expect_text("visit");
            client.close_cleanly();
        }
    }

    /// Replaces the certificate and reloads, over and over, and gives the time that it took at most.
    fn reload(&self, daemon: &Daemon) -> Duration {
        let start = Instant::now();
        let mut longest = Duration::ZERO;
        for number in 1..=RELOADS {
            let due = TIME / RELOADS as u32 * number as u32;
            std::thread::sleep(due.saturating_sub(start.elapsed()));
            daemon.replace_certificate("site", &self.certificates[number]);
            self.begun.store(number, Ordering::Release);
            let begun = Instant::now();
            daemon.reload();
            longest = longest.max(begun.elapsed());
            self.done.store(number, Ordering::Release);
        }
        longest
    }
}

#[test]
fn reloads_under_live_connections_and_handshakes_drop_nobody() {
    let _turn = crate::many_connections();
    let authority = Authority::new("root");
    let certificates: Vec<_> = (0..=RELOADS).map(|_| authority.server(&["localhost"])).collect();
    let daemon = start(&certificates[0]);
    let run = Run {
        address: daemon.address(),
        authority,
        certificates,
        begun: AtomicUsize::new(0),
        done: AtomicUsize::new(0),
        is_over: AtomicBool::new(false),
    };
    let connectors = [run.connector(0), run.connector(1)];
    let connect = |i: usize| connectors[i % 2].web_socket(run.address, "/echo").unwrap();
    let mut live: Vec<Client> = (0..LIVE).map(connect).collect();
    let begun = Instant::now();
    let (messages, longest) = std::thread::scope(|scope| {
        let run = &run;
        let mut talk = |_| {
            let share = live.split_off(live.len() - LIVE / TALKERS);
            scope.spawn(move || run.talk(share))
        };
        let talkers: Vec<_> = (0..TALKERS).map(&mut talk).collect();
        let visit = |number| scope.spawn(move || run.visit(number));
        let visitors: Vec<_> = (0..VISITORS).map(visit).collect();
        let curtain = Curtain(&run.is_over);
        let longest = run.reload(&daemon);
        for visitor in visitors {
            visitor.join().expect("no handshake failed");
        }
        drop(curtain);
        let messages: usize = talkers.into_iter().map(|t| t.join().expect("nobody dropped")).sum();
        (messages, longest)
    });
    let took = begun.elapsed();
    println!(
        "{messages} messages on {LIVE} connections, {HANDSHAKES} handshakes, {RELOADS} reloads (the \
         longest took {longest:?}) in {took:?}"
    );
    assert!(messages >= LIVE * RELOADS, "only {messages} messages");
    assert!(took < 4 * TIME, "{HANDSHAKES} handshakes took {took:?}");
    daemon.stop_well();
}
