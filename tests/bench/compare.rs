//! Alternating runs of the daemon and of the floor, their medians and ratios.

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use clap::Args;
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::{process, sys};

use crate::load::{Load, Shape};

/// What to measure.
#[derive(Args, Debug)]
pub(crate) struct Plan {
    /// Payload sizes in bytes
    #[arg(long, value_delimiter = ',', default_value = "20")]
    sizes: Vec<usize>,
    /// Numbers of connections
    #[arg(long, value_delimiter = ',', default_value = "64")]
    connections: Vec<usize>,
    /// Numbers of messages in flight on each connection
    #[arg(long, value_delimiter = ',', default_value = "1,16")]
    in_flight: Vec<usize>,
    /// Runs of each server in each cell; medians are printed
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of each run
    #[arg(long, default_value_t = 1.5)]
    seconds: f64,
    /// Core for the servers; the generator runs on the others
    #[arg(long, default_value_t = 1)]
    server_core: usize,
    /// Core for the generator
    #[arg(long, default_value_t = 0)]
    generator_core: usize,
    /// The 24 cells of sizes 20, 1024, 16384, 131072, connections 1, 64, 512, in flight 1, 16
    #[arg(long)]
    full: bool,
    /// Name of the daemon's app, which must echo
    #[arg(long, default_value = "echo")]
    app: String,
}

/// One server's runs in one cell.
#[derive(Debug, Default)]
struct Runs {
    /// CPU time of the server per message, in microseconds.
    server: Vec<f64>,
    /// CPU time of the generator per message, in microseconds.
    generator: Vec<f64>,
    /// Messages per second.
    rate: Vec<f64>,
}

struct Floor {
    child: Child,
    address: SocketAddr,
}

/// Measures and prints the table.
pub(crate) fn run(plan: &Plan) -> io::Result<()> {
    sys::raise_descriptor_limit()?;
    pin(std::process::id(), plan.generator_core)?;
    println!(
        "CPU time of the server per echoed message in us: medians of {} alternating",
        plan.rounds
    );
    println!(
        "runs of {} s each, server on core {}, generator on core {}",
        plan.seconds, plan.server_core, plan.generator_core
    );
    println!();
    println!(
        "     size  conns  in flight |   floor  ringsocket   ratio   spread | generator  messages/s"
    );
    let mut ratios = Vec::new();
    for shape in shapes(plan) {
        let (floor, ours) = cell(plan, shape)?;
        let ratio = median(&ours.server) / median(&floor.server);
        ratios.push(ratio);
        println!(
            "{:9}  {:5}  {:9} | {:7.3}  {:10.3}  {:6.3}  {:6.1}% | {:9.3}  {:10.0}",
            shape.size,
            shape.connections,
            shape.in_flight,
            median(&floor.server),
            median(&ours.server),
            ratio,
            100.0 * spread(&ours.server).max(spread(&floor.server)),
            median(&ours.generator),
            median(&ours.rate),
        );
    }
    let mean = (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp();
    println!();
    println!("geometric mean of the ratios: {mean:.3}");
    Ok(())
}

fn shapes(plan: &Plan) -> Vec<Shape> {
    let full: [&[usize]; 3] = [&[20, 1024, 16_384, 131_072], &[1, 64, 512], &[1, 16]];
    let [sizes, connections, in_flight] =
        if plan.full { full } else { [&plan.sizes[..], &plan.connections, &plan.in_flight] };
    let mut shapes = Vec::new();
    for &size in sizes {
        for &connections in connections {
            for &in_flight in in_flight {
                shapes.push(Shape { size, connections, in_flight });
            }
        }
    }
    shapes
}

/// All runs of one cell, the two servers by turns. Each run starts its server afresh, so that no
/// run inherits the luck of another's memory layout.
fn cell(plan: &Plan, shape: Shape) -> io::Result<(Runs, Runs)> {
    let (mut floor, mut ours) = (Runs::default(), Runs::default());
    for _ in 0..plan.rounds {
        let server = start_floor(plan, shape)?;
        let load = Load::bare(server.address, shape)?;
        measure(plan, server.child.id(), load, &mut floor)?;
        let server = start_daemon(plan);
        let load = Load::web_socket(server.address(), "/echo", shape)?;
        measure(plan, server.pid(), load, &mut ours)?;
        let ended = server.stop();
        if ended.status.code() != Some(0) {
            return Err(io::Error::other(format!("the daemon failed:\n{}", ended.log)));
        }
    }
    Ok((floor, ours))
}

fn measure(plan: &Plan, pid: u32, mut load: Load, runs: &mut Runs) -> io::Result<()> {
    let time = Duration::from_secs_f64(plan.seconds);
    load.run(time / 5)?;
    let own = std::process::id();
    let before = (process::cpu_time(pid)?, process::cpu_time(own)?);
    let count = load.run(time)?;
    let after = (process::cpu_time(pid)?, process::cpu_time(own)?);
    let per_message = |time: Duration| time.as_secs_f64() * 1e6 / count.messages.max(1) as f64;
    runs.server.push(per_message(after.0 - before.0));
    runs.generator.push(per_message(after.1 - before.1));
    runs.rate.push(count.messages as f64 / count.took.as_secs_f64());
    Ok(())
}

fn start_floor(plan: &Plan, shape: Shape) -> io::Result<Floor> {
    let mut child = Command::new("taskset")
        .args(["-c", &plan.server_core.to_string()])
        .arg(std::env::current_exe()?)
        .args(["floor", "--incoming", &shape.incoming().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line)?;
    let port: u16 = line.trim().parse().map_err(|_| io::Error::other("no port of the floor"))?;
    Ok(Floor { child, address: SocketAddr::from(([127, 0, 0, 1], port)) })
}

impl Drop for Floor {
    fn drop(&mut self) {
        // Its input ends, and so does it.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

fn start_daemon(plan: &Plan) -> Daemon {
    let config = r#"{ "worker_c": 1, "apps": [ { "name": "echo", "app_path": "{apps}/echo.so",
        "endpoints": [ { "endpoint_id": 1, "url": "/echo" } ] } ] }"#;
    Builder::new()
        .app_as(&plan.app, "echo")
        .config(config)
        .prefix(&["taskset", "-c", &plan.server_core.to_string()])
        .start()
}

fn pin(pid: u32, core: usize) -> io::Result<()> {
    let status = Command::new("taskset")
        .args(["-a", "-c", "-p", &core.to_string(), &pid.to_string()])
        .stdout(Stdio::null())
        .status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other("taskset failed")) }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[half] } else { (sorted[half - 1] + sorted[half]) / 2.0 }
}

/// How far the runs lie apart: largest less smallest, relative to the median.
fn spread(values: &[f64]) -> f64 {
    let largest = values.iter().copied().fold(f64::MIN, f64::max);
    let smallest = values.iter().copied().fold(f64::MAX, f64::min);
    (largest - smallest) / median(values)
}
