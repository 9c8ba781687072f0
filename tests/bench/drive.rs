//! Drives a server that is already there, and prints what it saw: the subcommands for users and
//! their own apps.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use ringsocket_tests::frame::opcode;
use ringsocket_tests::{process, sys};

use crate::dial::Dial;
use crate::load::broadcast::Broadcast;
use crate::load::connect::{Connect, Conversation, End};
use crate::load::echo::Echo;
use crate::load::idle::{self, Past};
use crate::load::{Exchange, Load};
use crate::url::Url;

/// What to do to it.
#[derive(Subcommand, Debug)]
pub(crate) enum Drive {
    /// Sends messages and awaits each one's echo, so many in flight on each connection
    Echo(Messages),
    /// Sends messages that everybody gets, so many at once from one connection
    Broadcast(Messages),
    /// Opens connections, exchanges a few echoes on each, and holds them, silent
    Idle(Idle),
    /// Connects, shakes hands and closes, over and over
    Connect(Visits),
}

#[derive(Args, Debug)]
struct Server {
    /// The app, as ws://HOST:PORT/PATH or wss://...; `ws://`, port and path / can be left out
    #[arg(value_name = "ADDRESS")]
    url: Url,
    /// With wss://: a file of certificates in PEM, of those to be trusted
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The server's process, if it runs on this machine: its CPU time is counted
    #[arg(long)]
    pid: Option<u32>,
}

#[derive(Args, Debug)]
pub(crate) struct Messages {
    #[command(flatten)]
    server: Server,
    /// Payload of a message, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 20)]
    size: usize,
    /// Connections
    #[arg(long, value_name = "NUMBER", default_value_t = 64, value_parser = at_least_one)]
    connections: usize,
    /// Messages in flight
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = at_least_one)]
    in_flight: usize,
    /// Seconds to run, after a warm-up of a fifth of that
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Sends text messages in place of binary ones
    #[arg(long)]
    text: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Idle {
    #[command(flatten)]
    server: Server,
    /// Connections
    #[arg(long, value_name = "NUMBER", default_value_t = 5000)]
    connections: usize,
    /// Messages that each one exchanges first; 0 for an app that does not echo
    #[arg(long, value_name = "NUMBER", default_value_t = 3)]
    messages: usize,
    /// Their size in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 1024)]
    size: usize,
    /// Seconds to hold them
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
}

#[derive(Args, Debug)]
pub(crate) struct Visits {
    #[command(flatten)]
    server: Server,
    /// Connections at a time
    #[arg(long, value_name = "NUMBER", default_value_t = 64, value_parser = at_least_one)]
    connections: usize,
    /// How each ends
    #[arg(long, value_enum, value_name = "HOW", default_value_t = End::Close)]
    end: End,
    /// Seconds to run, after a warm-up of a fifth of that
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
}

/// A number from the command line, for what makes no sense without any.
pub(crate) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("it must be at least 1".to_owned()),
        Ok(number) => Ok(number),
        Err(error) => Err(format!("{error}")),
    }
}

/// Does it.
pub(crate) fn run(drive: &Drive) -> io::Result<()> {
    sys::raise_descriptor_limit()?;
    match drive {
        Drive::Echo(messages) => {
            let dial = messages.server.dial()?;
            let streams = messages.connect(|| dial.upgraded())?;
            let mut load = Echo::over(streams, messages.in_flight, messages.exchange())?;
            messages.server.measure(messages.seconds, "message", &mut load)?;
            print_latency("from each message to its echo", &load);
        }
        Drive::Broadcast(messages) => {
            let url = messages.server.plain()?;
            let streams = messages.connect(|| url.connect())?;
            let mut load = Broadcast::new(streams, messages.in_flight, messages.exchange())?;
            messages.server.measure(messages.seconds, "delivery", &mut load)?;
            print_latency("from the sending to each delivery", &load);
        }
        Drive::Idle(plan) => hold(plan)?,
        Drive::Connect(visits) => {
            let url = visits.server.plain()?;
            let conversation = Conversation::learn(url)?;
            let mut load = Connect::new(url, conversation, visits.end, visits.connections)?;
            visits.server.measure(visits.seconds, "connection", &mut load)?;
            print_latency("from before the connect to the whole 101", &load);
        }
    }
    Ok(())
}

impl Messages {
    fn connect<T>(&self, connect: impl Fn() -> io::Result<T>) -> io::Result<Vec<T>> {
        (0..self.connections).map(|_| connect()).collect()
    }

    fn exchange(&self) -> Exchange {
        let kind = if self.text { opcode::TEXT } else { opcode::BINARY };
        Exchange::web_socket(kind, self.size)
    }
}

impl Server {
    fn dial(&self) -> io::Result<Dial> {
        let ca = self.ca.as_ref().map(std::fs::read_to_string).transpose()?;
        Dial::by_scheme(self.url.clone(), ca.as_deref())
    }

    /// The address, where TLS is not known.
    fn plain(&self) -> io::Result<&Url> {
        if self.url.is_secure {
            return Err(io::Error::other("only echo and idle know wss://"));
        }
        Ok(&self.url)
    }

    /// Warms up, runs, and prints rate and CPU time of both sides.
    fn measure(&self, seconds: f64, unit: &str, load: &mut dyn Load) -> io::Result<()> {
        let time = Duration::from_secs_f64(seconds);
        let cpu = |pid: Option<u32>| pid.map(process::cpu_time).transpose();
        let own = Some(std::process::id());
        load.run(time / 5)?;
        let before = (cpu(self.pid)?, cpu(own)?);
        let count = load.run(time)?;
        let after = (cpu(self.pid)?, cpu(own)?);
        let plural = unit.strip_suffix('y').map_or(format!("{unit}s"), |stem| format!("{stem}ies"));
        println!("{:.0} {plural} per second", count.rate());
        for (who, before, after) in
            [("server", before.0, after.0), ("generator", before.1, after.1)]
        {
            if let (Some(before), Some(after)) = (before, after) {
                let micros = (after - before).as_secs_f64() * 1e6 / count.done.max(1) as f64;
                println!("{micros:.3} us of the {who}'s CPU time per {unit}");
            }
        }
        Ok(())
    }
}

fn print_latency(what: &str, load: &dyn Load) {
    println!("\nlatency, {what}:\n{}", load.latency());
}

fn hold(plan: &Idle) -> io::Result<()> {
    let dial = plan.server.dial()?;
    let pid = plan.server.pid;
    let past = Past { messages: plan.messages, size: plan.size, compressed: false };
    let resident = || pid.map(process::resident).transpose();
    let before = resident()?;
    let held: Vec<_> =
        (0..plan.connections).map(|_| idle::open(&dial, past)).collect::<io::Result<_>>()?;
    println!("{} connections are open", held.len());
    std::thread::sleep(Duration::from_secs_f64(plan.seconds));
    if let (Some(before), Some(after)) = (before, resident()?) {
        let each = after.saturating_sub(before) as f64 / held.len().max(1) as f64;
        println!("{each:.0} bytes of the server's resident memory each");
        println!("({before} bytes before, {after} with them)");
    }
    Ok(())
}
