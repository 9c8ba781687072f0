//! `ringsocket-soak`: the long runs whose small versions are in `tests/load`. Prints what was
//! delivered, how fast, and what the daemon needed for it; ends with status 1 at the first wrong,
//! missing or misplaced byte.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use ringsocket_tests::soak::restart::{self, Own, Report, Restartable, Running};
use ringsocket_tests::soak::scenario::{self, Scale};
use ringsocket_tests::tls::Offer;

#[derive(Parser)]
#[command(about = "Long runs against the RingSocket daemon built beside this program")]
struct Cli {
    #[command(subcommand)]
    soak: Soak,
}

#[derive(Subcommand)]
enum Soak {
    /// Every message comes back to its sender; by default 10,000 of each of 1,000 connections
    Echo(Options),
    /// Every message goes to everybody; by default 10,000 in all, to 1,000 connections each, which
    /// is as many deliveries as `echo` has
    Broadcast(Options),
    /// 100 well-behaved echo clients beside one that never reads, one that only sends, and one
    /// whose message never ends
    Beside(Options),
    /// Messages to random recipients in every way an app can send, each sent back to the app; by
    /// default between 1,000 connections and 4 workers, for 10 minutes
    Stress(Stress),
    /// The daemon is restarted under connections, half of them with TLS, that exchange messages; prints
    /// how long clients wait
    Restart(Restart),
    /// The same with a daemon that runs already, say under systemd, and serves the apps keeper and echo
    RestartRunning(RestartRunning),
}

#[derive(Args)]
struct Restart {
    /// Connections; this program and the daemon each need a descriptor for every one
    #[arg(long, default_value_t = 5000)]
    connections: usize,
    /// Restarts
    #[arg(long, default_value_t = 10)]
    restarts: usize,
}

#[derive(Args)]
struct RestartRunning {
    /// Connections; this program and the daemon each need a descriptor for every one
    #[arg(long, default_value_t = 5000)]
    connections: usize,
    /// Where the daemon serves without TLS, such as 127.0.0.1:8080
    #[arg(long)]
    at: SocketAddr,
    /// Where it serves with TLS, with a certificate for localhost
    #[arg(long)]
    tls_at: SocketAddr,
    /// The certificates, as PEM, of who vouches for that
    #[arg(long)]
    authority: PathBuf,
    /// What restarts the daemon, once for each restart: it prints a line when the daemon is about to be
    /// told, and ends when that is ready again
    #[arg(long, required = true)]
    command: Vec<String>,
}

#[derive(Args)]
struct Stress {
    /// How long to ask for messages
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Asks under way of all connections together
    #[arg(long, default_value_t = 8)]
    window: u32,
    /// Connections, at most 1,024
    #[arg(long, default_value_t = 1000)]
    connections: usize,
    /// Largest message in bytes, at most 262,144; as many of each length in bits
    #[arg(long, default_value_t = 65_536)]
    largest: usize,
    /// Who asks for what follows from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Worker threads of the daemon, each with a listening socket
    #[arg(long, default_value_t = 4)]
    workers: usize,
}

#[derive(Args)]
struct Options {
    /// Connections
    #[arg(long)]
    connections: Option<usize>,
    /// Messages of each connection (echo, beside) or in all (broadcast)
    #[arg(long)]
    messages: Option<u32>,
    /// Largest message in bytes; the smallest is 0
    #[arg(long, default_value_t = 65_536)]
    largest: usize,
    /// Messages under way of each connection (echo, beside; default 3) or in all (broadcast;
    /// default 8, so that nobody can be further behind than max_backpressure allows)
    #[arg(long)]
    window: Option<u32>,
    /// Sizes and contents follow from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Worker threads of the daemon
    #[arg(long)]
    workers: Option<usize>,
}

impl Options {
    fn scale(&self, connections: usize, messages: u32, window: u32) -> Scale {
        Scale {
            connections: self.connections.unwrap_or(connections),
            messages: self.messages.unwrap_or(messages),
            largest: self.largest,
            window: self.window.unwrap_or(window),
            seed: self.seed,
            workers: self.workers,
        }
    }
}

fn main() -> ExitCode {
    let (name, scale, result) = match Cli::parse().soak {
        Soak::Echo(options) => {
            let scale = options.scale(1000, 10_000, 3);
            estimate(&scale);
            let result = scenario::echo(&scale);
            ("echo", scale, result.map(|report| (report, Vec::new())))
        }
        Soak::Broadcast(options) => {
            let scale = options.scale(1000, 10_000, 8);
            let result = scenario::broadcast(&scale);
            ("broadcast", scale, result.map(|report| (report, Vec::new())))
        }
        Soak::Beside(options) => {
            let scale = options.scale(100, 10_000, 3);
            let result = scenario::beside(&scale);
            ("beside", scale, result)
        }
        Soak::Stress(options) => return stress(&options),
        Soak::Restart(options) => return restart_own(&options),
        Soak::RestartRunning(options) => return restart_running(options),
    };
    println!(
        "{name}: {} connections x {} messages of 0 to {} bytes, window {}, seed {}",
        scale.connections, scale.messages, scale.largest, scale.window, scale.seed
    );
    match result {
        Ok((report, ends)) => {
            println!("{report}");
            ends.iter().for_each(|end| println!("{end}"));
            println!("nothing lost, changed or out of order");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("FAILED: {error}");
            ExitCode::FAILURE
        }
    }
}

fn stress(options: &Stress) -> ExitCode {
    let &Stress { minutes, window, connections, largest, seed, workers } = options;
    let workers = Some(workers);
    let scale = Scale { connections, messages: 0, largest, window, seed, workers };
    println!(
        "stress: {minutes} minutes, {connections} connections, {} workers, 0 to {largest} bytes, \
         window {window}, seed {seed}",
        options.workers
    );
    match scenario::stress(&scale, Duration::from_secs_f64(minutes * 60.0)) {
        Ok((report, ways)) => {
            let names = ["cur", "single", "multi", "every", "_cur", "_single", "_multi"];
            let ways: Vec<String> =
                names.iter().zip(ways).map(|(name, count)| format!("{name} {count}")).collect();
            println!("{report}\nasks                     {} (_: every_except_)", ways.join(", "));
            println!(
                "0 errors: all came to whom it was for, once, unchanged and in order, and back"
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("FAILED: {error}");
            ExitCode::FAILURE
        }
    }
}

fn restart_own(options: &Restart) -> ExitCode {
    let &Restart { connections, restarts } = options;
    let mut daemon = Own::start(connections);
    let result = restart(&mut daemon, connections, restarts);
    if result.is_ok() {
        daemon.stop();
    }
    outcome(result)
}

fn restart_running(options: RestartRunning) -> ExitCode {
    let RestartRunning { connections, at, tls_at, authority, command } = options;
    let offer = std::fs::read_to_string(&authority).and_then(|pem| Offer::trusting(&pem));
    let result = offer.map_err(|error| format!("{}: {error}", authority.display()));
    outcome(result.and_then(|offer| {
        let restarts = command.len();
        let mut daemon = Running::new(at, tls_at, offer, command);
        restart(&mut daemon, connections, restarts)
    }))
}

fn restart(
    daemon: &mut impl Restartable,
    connections: usize,
    restarts: usize,
) -> Result<Report, String> {
    println!("restart: {connections} connections, {restarts} restarts");
    restart::run(daemon, connections, restarts)
}

fn outcome(result: Result<Report, String>) -> ExitCode {
    match result {
        Ok(report) => {
            println!("{report}\nno connection closed, no message lost, doubled or out of order");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("FAILED: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A hundredth of the messages first, to say how long all will take.
fn estimate(scale: &Scale) {
    if scale.messages < 1000 {
        return;
    }
    let small = Scale { messages: scale.messages / 100, ..scale.clone() };
    if let Ok(report) = scenario::echo(&small) {
        let seconds =
            report.took.as_secs_f64() * f64::from(scale.messages) / f64::from(small.messages);
        println!("estimate: {:.0} minutes", (seconds / 60.0).ceil());
    }
}
