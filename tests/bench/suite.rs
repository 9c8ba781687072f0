//! `compare`: servers that run by turns under the same load, pinned to a core of their own.
//!
//! Every run starts its server afresh, so that none inherits the luck of another's memory layout,
//! and each round begins with another server, so that none always follows the same one.

mod broadcast;
mod connect;
mod crowd;
mod deflate;
mod echo;
mod memory;
mod secure;
mod servers;
mod slow;

use std::cell::Cell as Mutable;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use ringsocket_tests::{apps, sys};

use crate::drive::at_least_one;
use crate::figures::{Cell, Runs, Sample};
use crate::load::{Load, Shape};
use crate::machine::{Moment, Noise};
use crate::report::Report;
use servers::{PEERS, Running};

pub(crate) use crowd::AMONG_MANY;
pub(crate) use memory::{AT_START, PLAIN};
pub(crate) use secure::{IDLE, IDLE_AFTER};
pub(crate) use servers::{ANY_THREAD, FLOOR, OWN_THREAD};
pub(crate) use slow::BESIDE;

/// What to measure, and how.
#[derive(Args, Clone, Debug)]
pub(crate) struct Plan {
    /// All 24 cells of echo: 20, 1024, 16384, 131072 bytes x 1, 64, 512 connections x 1, 16 in flight
    #[arg(long)]
    full: bool,
    /// Scenarios
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NAMES",
        default_values_t = Scenario::value_variants().to_vec())]
    scenarios: Vec<Scenario>,
    /// Other servers to run the echo beside, or "none"
    #[arg(long, value_delimiter = ',', value_name = "NAMES",
        default_values_t = PEERS.map(str::to_owned))]
    peers: Vec<String>,
    /// Where they were built [default: peers/release beside the folder of this program]
    #[arg(long, value_name = "FOLDER")]
    peers_dir: Option<PathBuf>,
    /// Sizes of echoed messages in bytes, in place of the default cells
    #[arg(long, value_delimiter = ',', value_name = "BYTES")]
    sizes: Vec<usize>,
    /// Numbers of connections for these sizes
    #[arg(long, value_delimiter = ',', value_name = "NUMBERS", default_values_t = [1, 64, 512])]
    connections: Vec<usize>,
    /// Numbers of messages in flight on each
    #[arg(long, value_delimiter = ',', value_name = "NUMBERS", default_values_t = [1, 16])]
    in_flight: Vec<usize>,
    /// Runs of each server in each cell; medians are what counts
    #[arg(long, value_name = "NUMBER", default_value_t = 5, value_parser = at_least_one)]
    rounds: usize,
    /// Seconds of each run, after a warm-up of a fifth of that
    #[arg(long, default_value_t = 0.6)]
    seconds: f64,
    /// Connections of the scenarios memory and crowd, as far as the limit of descriptors allows
    #[arg(long, value_name = "NUMBER", default_value_t = 15_000, value_parser = at_least_one)]
    crowd: usize,
    /// Core for the servers
    #[arg(long, default_value_t = 1)]
    server_core: usize,
    /// Core for the generator
    #[arg(long, default_value_t = 0)]
    generator_core: usize,
    /// Where report.json and report.html go
    #[arg(long, value_name = "FOLDER", default_value = "target/bench")]
    output: PathBuf,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// CPU time and latency of echoes, beside other servers
    Echo,
    /// CPU time of a message to 1,000 receivers
    Broadcast,
    /// CPU time of a connection: handshake and end
    Connect,
    /// CPU time per message of few active connections among many
    Crowd,
    /// CPU time of compressed echoes
    Deflate,
    /// Latency of echoes beside another app that is slow
    Slow,
    /// CPU time of echoes over TLS
    Tls,
    /// CPU time of TLS handshakes
    TlsHandshake,
    /// Resident memory
    Memory,
}

/// What all scenarios need.
pub(crate) struct Bench {
    plan: Plan,
    /// As many connections as both sides may have.
    crowd: usize,
    noise: Mutable<Noise>,
}

/// A server and the load on it.
type Started = (Running, Box<dyn Load>);

/// One who takes part in a cell: its name, and how it is started.
struct Contestant<'a> {
    name: String,
    start: Box<dyn Fn() -> io::Result<Started> + 'a>,
}

impl<'a> Contestant<'a> {
    fn new(name: &str, start: impl Fn() -> io::Result<Started> + 'a) -> Self {
        Self { name: name.to_owned(), start: Box::new(start) }
    }
}

/// Measures, prints, and writes the report, which is whole after each scenario.
pub(crate) fn run(plan: &Plan) -> io::Result<()> {
    // Descriptors of the daemon and of this process that are not connections, generously.
    const OTHERS: u64 = 200;
    let most = sys::raise_descriptor_limit()?.saturating_sub(OTHERS) as usize;
    pin(plan.generator_core)?;
    let bench = Bench {
        plan: plan.clone(),
        crowd: plan.crowd.min(most),
        noise: Mutable::new(Noise::default()),
    };
    let mut report = Report::new(plan.rounds, plan.seconds);
    let (peers, missing) = bench.peers();
    report.remarks.extend(missing);
    if bench.crowd < plan.crowd {
        let limit = bench.crowd;
        let remark = format!("The limit of descriptors allows only {limit} connections");
        report.remarks.push(remark);
    }
    report.print_head();
    let began = Instant::now();
    let mut failed = 0;
    for &scenario in &plan.scenarios {
        // One that fails must not cost the figures of the others.
        if let Err(error) = bench.measure(scenario, &peers, &mut report) {
            progress("");
            eprintln!("ringsocket-bench: {error}");
            report.remarks.push(format!("A scenario failed: {error}"));
            failed += 1;
        }
        report.noise = bench.noise.get();
        report.took = began.elapsed();
        report.judge();
        report.write(&plan.output)?;
    }
    report.print_end();
    if failed == 0 { Ok(()) } else { Err(io::Error::other(format!("{failed} scenarios failed"))) }
}

impl Bench {
    /// Measures one scenario and prints it.
    fn measure(&self, scenario: Scenario, peers: &[String], report: &mut Report) -> io::Result<()> {
        let table = match scenario {
            Scenario::Echo => echo::run(self, peers)?,
            Scenario::Broadcast => broadcast::run(self)?,
            Scenario::Connect => connect::run(self)?,
            Scenario::Crowd => crowd::run(self)?,
            Scenario::Deflate => deflate::run(self)?,
            Scenario::Slow => slow::run(self)?,
            Scenario::Tls => secure::echoes(self)?,
            Scenario::TlsHandshake => secure::handshakes(self)?,
            Scenario::Memory => {
                report.memory = memory::run(self)?;
                report.memory.extend(secure::memory(self)?);
                report.print_memory();
                return Ok(());
            }
        };
        report.tables.push(table);
        report.print_last_table();
        Ok(())
    }

    /// The peers that can be run, and remarks on those that cannot.
    fn peers(&self) -> (Vec<String>, Vec<String>) {
        let wanted = self.plan.peers.iter().filter(|name| *name != "none").cloned();
        let (there, missing): (Vec<_>, Vec<_>) =
            wanted.partition(|name| self.peer_path(name).exists());
        let remark = |name: &String| format!("{name} is left out: it is not built");
        (there, missing.iter().map(remark).collect())
    }

    fn peer_path(&self, name: &str) -> PathBuf {
        let beside = || apps::bin_dir().parent().map(|target| target.join("peers/release"));
        self.plan.peers_dir.clone().or_else(beside).unwrap_or_default().join(name)
    }

    /// All runs of one cell, the servers by turns.
    fn cell(&self, name: &str, shape: Shape, contestants: &[Contestant]) -> io::Result<Cell> {
        let none = |who: &Contestant| Runs { server: who.name.clone(), samples: Vec::new() };
        let mut runs: Vec<Runs> = contestants.iter().map(none).collect();
        for round in 0..self.plan.rounds {
            for turn in 0..contestants.len() {
                let i = (round + turn) % contestants.len();
                let who = &contestants[i].name;
                progress(&format!("{name}, round {} of {}: {who}", round + 1, self.plan.rounds));
                let failed = |error| io::Error::other(format!("{who}, {name}: {error}"));
                let sample = self.turn(&contestants[i]).map_err(failed)?;
                runs[i].samples.push(sample);
            }
        }
        progress("");
        Ok(Cell { name: name.to_owned(), shape, runs })
    }

    fn turn(&self, contestant: &Contestant) -> io::Result<Sample> {
        let (server, mut load) = (contestant.start)()?;
        let time = Duration::from_secs_f64(self.plan.seconds);
        load.run(time / 5)?;
        let before = Moment::now(server.pid())?;
        let count = load.run(time)?;
        let after = Moment::now(server.pid())?;
        let mut noise = self.noise.get();
        noise.add(&before, &after);
        self.noise.set(noise);
        let each = |time: Duration| time.as_secs_f64() * 1e6 / count.done.max(1) as f64;
        let sample = Sample {
            cpu: each(after.server - before.server),
            generator: each(after.own - before.own),
            rate: count.rate(),
            p50: load.latency().quantile(0.5),
            p99: load.latency().quantile(0.99),
        };
        drop(load);
        server.stop()?;
        Ok(sample)
    }
}

/// Tells a person what is going on, in one line that is written over.
fn progress(text: &str) {
    let mut stderr = io::stderr();
    if stderr.is_terminal() {
        // Whoever closed the terminal does not want to know.
        let _ = write!(stderr, "\r\x1b[K{text}");
        let _ = stderr.flush();
    }
}

/// Pins this process to a core.
fn pin(core: usize) -> io::Result<()> {
    let status = Command::new("taskset")
        .args(["-a", "-c", "-p", &core.to_string(), &std::process::id().to_string()])
        .stdout(Stdio::null())
        .status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other("taskset failed")) }
}
