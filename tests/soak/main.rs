//! `ringsocket-soak`: the long runs whose small versions are in `tests/load`. Prints what was
//! delivered, how fast, and what the daemon needed for it; ends with status 1 at the first wrong,
//! missing or misplaced byte.

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use ringsocket_tests::soak::scenario::{self, Scale};

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
