//! Restarts under load: live connections, every second one with TLS, exchange numbered messages with
//! an app that saves its state and with one that does not, while the daemon is restarted over and over.
//! None may be closed, no message lost, doubled, or out of order. Measures the pause that clients see.
//! Not for: messages that are cut in the middle by a restart, which `e2e` has.

mod own;
mod running;
mod talk;

use std::fmt;
use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use self::talk::{Ask, PATIENCE, Talk};
use crate::client::Client;
use crate::sys;
use crate::tls::{Connector, Offer, TLS12, TLS13};

pub use self::own::Own;
pub use self::running::Running;

/// The apps, by turns: one that saves, and one whose clients are opened again.
const TARGETS: [&str; 2] = ["/keeper", "/echo"];

/// A daemon that serves both apps, and whoever restarts it.
pub trait Restartable {
    /// Where it serves without TLS.
    fn plain(&self) -> SocketAddr;

    /// Where it serves with TLS, with a certificate for `localhost`.
    fn secure(&self) -> SocketAddr;

    /// What clients with TLS offer, and whom they trust.
    fn offer(&self) -> Offer;

    /// Goes about a restart, and returns when the pause is about to begin.
    fn begin(&mut self) -> Result<(), String>;

    /// Goes on with that, and returns when the next process is ready.
    fn end(&mut self) -> Result<(), String>;

    /// What it has logged, as far as that is known here.
    fn log(&self) -> String;
}

/// What was seen of one restart.
#[derive(Clone, Copy, Debug)]
pub struct Restart {
    /// From the moment in which the old process is told to the READY=1 of the new one.
    pub took: Duration,
    /// How long clients waited for an answer meanwhile.
    pub waits: Waits,
    /// The same just before, without a restart.
    pub usual: Waits,
}

/// Of the longest wait for an answer that each connection has had.
#[derive(Clone, Copy, Debug)]
pub struct Waits {
    /// That of the connection in the middle.
    pub median: Duration,
    /// That of the unluckiest.
    pub worst: Duration,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Report {
    /// Each restart.
    pub restarts: Vec<Restart>,
    /// Messages that came back.
    pub messages: u64,
}

impl Waits {
    fn of(mut longest: Vec<Duration>) -> Self {
        longest.sort_unstable();
        let worst = *longest.last().expect("at least one connection");
        Self { median: longest[longest.len() / 2], worst }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        writeln!(
            f,
            "times in ms      to READY   wait: median      worst   usual: median      worst"
        )?;
        for (i, Restart { took, waits, usual }) in self.restarts.iter().enumerate() {
            writeln!(
                f,
                "restart {:2}     {:10.1}     {:10.1} {:10.1}      {:10.1} {:10.1}",
                i + 1,
                ms(*took),
                ms(waits.median),
                ms(waits.worst),
                ms(usual.median),
                ms(usual.worst),
            )?;
        }
        write!(f, "{} messages", self.messages)
    }
}

/// Restarts a daemon `restarts` times under `connections` live connections.
pub fn run(
    daemon: &mut impl Restartable,
    connections: usize,
    restarts: usize,
) -> Result<Report, String> {
    sys::raise_descriptor_limit().map_err(|error| error.to_string())?;
    let mut talk = Talk::new(Duration::from_micros(200) * connections as u32)?;
    let offer = daemon.offer();
    let connectors = [&TLS13, &TLS12].map(|version| offer.clone().version(version).to("localhost"));
    for number in 0..connections {
        let client = connect(daemon, &connectors, number).map_err(|e| format!("{number}: {e}"))?;
        talk.add(client)?;
    }
    let (asks, asked) = mpsc::channel();
    let (talk, seen) = std::thread::scope(|scope| {
        let talker = scope.spawn(move || talk.run(&asked).map(|()| talk));
        let seen: Result<Vec<_>, _> = (0..restarts).map(|_| restart(daemon, &asks)).collect();
        drop(asks);
        (talker.join().expect("no panic in it"), seen)
    });
    let mut talk = talk.map_err(|error| format!("{error}; {}", daemon.log()))?;
    let restarts = seen?;
    let messages =
        talk.finish(|number| TARGETS[number / 2 % 2] == "/keeper" && !restarts.is_empty())?;
    Ok(Report { restarts, messages })
}

/// Every second one with TLS, of both versions by turns, and of each kind half with either app.
fn connect(
    daemon: &impl Restartable,
    tls: &[Connector; 2],
    number: usize,
) -> std::io::Result<Client> {
    let target = TARGETS[number / 2 % 2];
    if number % 2 == 0 {
        return Client::connect(daemon.plain(), target);
    }
    tls[number / 4 % 2].web_socket(daemon.secure(), target)
}

/// Measures once without and once with a restart.
fn restart(daemon: &mut impl Restartable, asks: &Sender<Ask>) -> Result<Restart, String> {
    const OVER: &str = "the talk is over too early";
    let begin = || asks.send(Ask::Begin).map_err(|_| OVER);
    let end = || {
        let (reply, waits): (_, Receiver<Vec<Duration>>) = mpsc::channel();
        asks.send(Ask::End(reply)).map_err(|_| OVER)?;
        waits.recv_timeout(2 * PATIENCE).map(Waits::of).map_err(|_| OVER)
    };
    begin()?;
    let usual = end()?;
    daemon.begin()?;
    begin()?;
    let start = Instant::now();
    daemon.end()?;
    let took = start.elapsed();
    Ok(Restart { took, waits: end()?, usual })
}
