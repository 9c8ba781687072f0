//! `ringsocket-bench`: what a message costs the server, in CPU time, beside the floor (a bare TCP
//! epoll echo of the same bytes) in alternating runs. `compare` runs both; `load` drives a server
//! that is already there; `floor` is the floor server by itself; `idle` measures memory instead.
//!
//! Not a latency or a throughput bench: the generator and the servers each have a core of their
//! own, and only the server's is counted.

mod compare;
mod floor;
mod idle;
mod load;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use ringsocket_tests::process;

use compare::Plan;
use load::{Load, Shape};

#[derive(Parser)]
#[command(about = "CPU time per WebSocket message, beside a bare TCP echo")]
struct Cli {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Runs the RingSocket daemon built beside this program and the floor by turns, and prints
    /// the CPU time of each per echoed message and their ratio
    Compare(Plan),
    /// Prints what idle connections cost the daemon built beside this program in resident memory
    Idle(idle::Plan),
    /// Drives an echo app that is already there, and prints its rate
    Load {
        /// Address of the server
        address: SocketAddr,
        /// Path of the echo app
        #[arg(long, default_value = "/echo")]
        path: String,
        /// Process whose CPU time is to be counted
        #[arg(long)]
        pid: Option<u32>,
        /// Payload of a message, in bytes
        #[arg(long, default_value_t = 20)]
        size: usize,
        /// Connections
        #[arg(long, default_value_t = 64)]
        connections: usize,
        /// Messages in flight on each connection
        #[arg(long, default_value_t = 1)]
        in_flight: usize,
        /// Seconds to run, after a short warm-up
        #[arg(long, default_value_t = 3.0)]
        seconds: f64,
    },
    /// The floor: echoes bytes on a free port, which it prints; ends when its input does
    Floor {
        /// Bytes of a message coming in, whose first four (the mask's) do not go back
        #[arg(long)]
        incoming: usize,
    },
}

fn main() -> ExitCode {
    let result = match Cli::parse().what {
        What::Compare(plan) => compare::run(&plan),
        What::Idle(plan) => idle::run(&plan),
        What::Load { address, path, pid, size, connections, in_flight, seconds } => {
            let shape = Shape { size, connections, in_flight };
            drive(address, &path, pid, shape, seconds)
        }
        What::Floor { incoming } => floor::serve(incoming),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ringsocket-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn drive(
    address: SocketAddr,
    path: &str,
    pid: Option<u32>,
    shape: Shape,
    seconds: f64,
) -> std::io::Result<()> {
    let cpu = || pid.map(process::cpu_time).transpose();
    let mut load = Load::web_socket(address, path, shape)?;
    load.run(Duration::from_millis(300))?;
    let before = cpu()?;
    let count = load.run(Duration::from_secs_f64(seconds))?;
    println!("{:.0} messages/s", count.messages as f64 / count.took.as_secs_f64());
    if let (Some(before), Some(after)) = (before, cpu()?) {
        let micros = (after - before).as_secs_f64() * 1e6 / count.messages as f64;
        println!("{micros:.3} us of the server's CPU time per message");
    }
    Ok(())
}
