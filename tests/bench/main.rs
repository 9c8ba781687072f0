//! `ringsocket-bench`: a load generator for WebSocket servers, and comparisons made with it:
//! `compare` runs the daemon, floors and other servers by turns (see docs/performance.md).

mod dial;
mod drive;
mod figures;
mod floor;
mod latency;
mod load;
mod machine;
mod pipe;
mod report;
mod suite;
mod url;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use drive::Drive;
use floor::Floor;
use suite::Plan;

const EXAMPLES: &str = "\
Examples:
  ringsocket-bench echo ws://127.0.0.1:8080/echo --connections 512 --in-flight 16
  ringsocket-bench echo wss://localhost:8443/echo --ca ca.pem --size 16384
  ringsocket-bench connect 127.0.0.1:8080/chat --pid $(pidof ringsocket)
  ringsocket-bench compare --scenarios echo --sizes 1024 --connections 64";

#[derive(Parser)]
#[command(about = "A load generator for WebSocket servers", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    #[command(flatten)]
    Drive(Drive),
    /// Runs the RingSocket daemon built beside this program, floors and other servers by turns, and
    /// reports what each costs (tests/bench/run builds them all first)
    Compare(Plan),
    /// A server that does the least that any must for the same bytes; prints its port, and ends
    /// when its input does
    #[command(subcommand)]
    Floor(Floor),
}

fn main() -> ExitCode {
    let result = match Cli::parse().what {
        What::Drive(drive) => drive::run(&drive),
        What::Compare(plan) => suite::run(&plan),
        What::Floor(floor) => floor::serve(&floor),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ringsocket-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
