//! Soaks from start to end: a daemon, its clients, the traffic, and a report. The bad clients of
//! `beside` live in threads of their own and end as the documentation says, or the soak fails.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::broadcast::Broadcast;
use super::echo::Echo;
use super::stress::{self, Stress};
use super::{Content, connect};
use crate::client::{Client, Message};
use crate::daemon::{Builder, Daemon};
use crate::frame::{Frame, opcode};
use crate::mux::{Mux, Traffic};
use crate::{process, sys};

/// Nothing at all may not happen for longer than this.
const PATIENCE: Duration = Duration::from_secs(60);

/// Misbehaves against the daemon at an address and says how it ended.
type BadClient = fn(SocketAddr) -> std::io::Result<End>;

/// How a bad client ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It got a Close frame with this code.
    Closed(u16),
    /// Its connection was cut.
    Dropped,
}

/// How much.
#[derive(Clone, Debug)]
pub struct Scale {
    /// Connections.
    pub connections: usize,
    /// Messages of each connection (echo), or of all together (broadcast).
    pub messages: u32,
    /// Largest message in bytes; sizes are spread evenly from 0.
    pub largest: usize,
    /// Messages under way: of each connection (echo), or of all together (broadcast).
    pub window: u32,
    /// What sizes and contents follow from.
    pub seed: u64,
    /// Worker threads of the daemon; `None` leaves the choice to it.
    pub workers: Option<usize>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Report {
    /// Messages delivered and verified.
    pub delivered: u64,
    /// Their payload bytes.
    pub bytes: u64,
    /// How long it took.
    pub took: Duration,
    /// CPU time of the daemon meanwhile.
    pub daemon_cpu: Duration,
    /// Resident memory of the daemon before the first connection, in bytes.
    pub resident_before: u64,
    /// The most that was ever resident, in bytes.
    pub resident_peak: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.took.as_secs_f64();
        let micros = self.daemon_cpu.as_secs_f64() * 1e6 / self.delivered.max(1) as f64;
        let mib = |bytes: u64| bytes as f64 / (1 << 20) as f64;
        writeln!(
            f,
            "delivered and verified   {} messages, {:.0} MiB",
            self.delivered,
            mib(self.bytes)
        )?;
        writeln!(f, "took                     {seconds:.1} s")?;
        writeln!(
            f,
            "rate                     {:.0} messages/s, {:.0} MiB/s each way",
            self.delivered as f64 / seconds,
            mib(self.bytes) / seconds
        )?;
        writeln!(f, "CPU time of the daemon   {micros:.2} us per message")?;
        write!(
            f,
            "resident memory          {:.1} MiB before, {:.1} MiB at most",
            mib(self.resident_before),
            mib(self.resident_peak)
        )
    }
}

/// Every message of every connection comes back to it.
pub fn echo(scale: &Scale) -> Result<Report, String> {
    let daemon = start(scale);
    let content = Content::new(scale.seed, scale.largest);
    let mut traffic = Echo::new(content, scale.connections, scale.messages, scale.window);
    let mut report = drive(&daemon, "/echo", scale, &mut traffic)?;
    report.delivered = traffic.returned();
    report.bytes = traffic.bytes();
    finish(daemon, report)
}

/// Every message goes to every connection.
pub fn broadcast(scale: &Scale) -> Result<Report, String> {
    let daemon = start(scale);
    let content = Content::new(scale.seed, scale.largest);
    let (messages, window) = (scale.messages as usize, scale.window as usize);
    let mut traffic = Broadcast::new(content, scale.connections, messages, window);
    let mut report = drive(&daemon, "/broadcast", scale, &mut traffic)?;
    report.delivered = (traffic.complete() * scale.connections) as u64;
    report.bytes = traffic.bytes();
    finish(daemon, report)
}

/// The echo soak beside clients that never read, that only send, and whose message never ends.
/// Gives the report and how each bad client ended.
pub fn beside(scale: &Scale) -> Result<(Report, Vec<String>), String> {
    let daemon = start(scale);
    let address = daemon.address();
    let content = Content::new(scale.seed, scale.largest);
    let mut traffic = Echo::new(content, scale.connections, scale.messages, scale.window);
    let (result, ends) = std::thread::scope(|scope| {
        let bad: [(&str, End, BadClient); 3] = [
            ("a client that never reads", End::Closed(1013), never_reads),
            ("a client that only sends", End::Dropped, only_sends),
            ("a message without an end", End::Closed(1009), never_ends),
        ];
        let threads = bad.map(|(name, code, run)| (name, code, scope.spawn(move || run(address))));
        let result = drive(&daemon, "/echo", scale, &mut traffic);
        let ends = threads.map(|(name, want, thread)| match thread.join() {
            Ok(Ok(end)) if end == want => Ok(format!("{name}: {end:?}")),
            Ok(other) => Err(format!("{name}: should be {want:?}, but {other:?}")),
            Err(_) => Err(format!("{name} panicked")),
        });
        (result, ends.into_iter().collect::<Result<Vec<_>, _>>())
    });
    let (mut report, ends) = match (result, ends) {
        (Ok(report), Ok(ends)) => (report, ends),
        (Err(error), _) | (_, Err(error)) => return Err(told(&error, &daemon)),
    };
    report.delivered = traffic.returned();
    report.bytes = traffic.bytes();
    report.resident_peak = process::resident_peak(daemon.pid()).map_err(|e| e.to_string())?;
    Ok((finish(daemon, report)?, ends))
}

/// Messages to random recipients, in every way an app can send, for `time`. Gives the report and how
/// often each way was asked for.
pub fn stress(scale: &Scale, time: Duration) -> Result<(Report, Vec<u64>), String> {
    sys::raise_descriptor_limit().expect("raising the limit of descriptors");
    let workers = scale.workers.unwrap_or(1);
    let config = format!(
        r#"{{ "worker_c": {workers}, "log_level": "info", "fd_alloc_c": {}, "apps": [
            {{ "name": "stress", "app_path": "{{apps}}/stress.so",
               "endpoints": [ {{ "endpoint_id": 1, "url": "/stress" }} ] }} ] }}"#,
        scale.connections + 64
    );
    let builder = Builder::new().c_app("apps/stress/stress.c", &[], "stress").config(&config);
    let daemon = builder.sockets_of_one_port(workers).start();
    let before = resident(&daemon)?;
    let mut mux = stress::connect(daemon.address(), "/stress", scale.connections)
        .map_err(|error| told(&error.to_string(), &daemon))?;
    let window = scale.window as usize;
    let mut traffic = Stress::new(scale.seed, scale.largest, scale.connections, window, time);
    let mut report = measure(&daemon, before, &mut mux, &mut traffic)?;
    report.delivered = traffic.delivered();
    report.bytes = traffic.bytes();
    drop(mux);
    Ok((finish(daemon, report)?, traffic.ways().to_vec()))
}

fn start(scale: &Scale) -> Daemon {
    sys::raise_descriptor_limit().expect("raising the limit of descriptors");
    let workers = scale.workers.map_or(String::new(), |count| format!("\"worker_c\": {count},"));
    let config = format!(
        r#"{{ {workers} "log_level": "info", "write_stall_wait": 10, "fd_alloc_c": {}, "apps": [
            {{ "name": "echo", "app_path": "{{apps}}/echo.so",
               "endpoints": [ {{ "endpoint_id": 1, "url": "/echo" }} ] }},
            {{ "name": "broadcast", "app_path": "{{apps}}/broadcast.so",
               "endpoints": [ {{ "endpoint_id": 2, "url": "/broadcast" }} ] }} ] }}"#,
        scale.connections + 64
    );
    Builder::new().app("echo").app("broadcast").config(&config).start()
}

fn drive(
    daemon: &Daemon,
    target: &str,
    scale: &Scale,
    traffic: &mut impl Traffic,
) -> Result<Report, String> {
    let before = resident(daemon)?;
    let mut mux = connect(daemon.address(), target, scale.connections)
        .map_err(|error| told(&error.to_string(), daemon))?;
    measure(daemon, before, &mut mux, traffic)
}

fn resident(daemon: &Daemon) -> Result<u64, String> {
    process::resident(daemon.pid()).map_err(|error| error.to_string())
}

fn measure(
    daemon: &Daemon,
    resident_before: u64,
    mux: &mut Mux,
    traffic: &mut impl Traffic,
) -> Result<Report, String> {
    let text = |error: std::io::Error| error.to_string();
    let pid = daemon.pid();
    let cpu_before = process::cpu_time(pid).map_err(text)?;
    let start = Instant::now();
    mux.run(traffic, PATIENCE).map_err(|error| told(&error, daemon))?;
    Ok(Report {
        delivered: 0,
        bytes: 0,
        took: start.elapsed(),
        daemon_cpu: process::cpu_time(pid).map_err(text)? - cpu_before,
        resident_before,
        resident_peak: process::resident_peak(pid).map_err(text)?,
    })
}

/// The daemon must still stop well, though its clients have just vanished.
fn finish(daemon: Daemon, report: Report) -> Result<Report, String> {
    let ended = daemon.stop();
    match ended.status.code() {
        Some(0) => Ok(report),
        _ => Err(format!("the daemon ended with {}; log:\n{}", ended.status, ended.log)),
    }
}

fn told(error: &str, daemon: &Daemon) -> String {
    format!("{error}; log of the daemon:\n{}", daemon.log())
}

/// Never reads while another one sends far more to everybody than the kernel's buffers and
/// `max_backpressure` hold together.
fn never_reads(address: SocketAddr) -> std::io::Result<End> {
    let mut mute = Client::connect(address, "/broadcast")?;
    sys::set_receive_buffer(mute.stream(), 65_536)?;
    let mut loud = Client::connect(address, "/broadcast")?;
    let bytes = vec![1; 60_000];
    for _ in 0..500 {
        loud.binary(&bytes)?;
        loud.expect_binary(&bytes);
    }
    code_at_the_end(&mut mute)
}

/// Sends to the echo app without ever reading what comes back: the daemon stops taking more, and
/// drops it once it took nothing for `write_stall_wait`. No Close frame can reach it then, as what
/// lies before one cannot; its app is told 1013.
fn only_sends(address: SocketAddr) -> std::io::Result<End> {
    let mut greedy = Client::connect(address, "/echo")?;
    sys::set_receive_buffer(greedy.stream(), 65_536)?;
    let (bytes, start) = (vec![2; 50_000], Instant::now());
    // Held back, or heard out after a Close with 1013 that it does not read: it depends on how far
    // behind the app is. Either way it is dropped once it has taken nothing for `write_stall_wait`.
    while start.elapsed() < PATIENCE {
        match greedy.binary(&bytes) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Err(error),
            Err(_) => return Ok(End::Dropped),
            Ok(()) => {}
        }
    }
    Err(std::io::Error::other("it was never dropped"))
}

/// Sends fragment after fragment of one message.
fn never_ends(address: SocketAddr) -> std::io::Result<End> {
    let mut endless = Client::connect(address, "/echo")?;
    let bytes = vec![3; 50_000];
    endless.send(&Frame::new(opcode::BINARY, &bytes).unfinished())?;
    for _ in 0..4000 {
        if endless.send(&Frame::new(opcode::CONTINUATION, &bytes).unfinished()).is_err() {
            break;
        }
    }
    code_at_the_end(&mut endless)
}

fn code_at_the_end(client: &mut Client) -> std::io::Result<End> {
    loop {
        match client.receive()? {
            Message::Binary(_) => {}
            Message::Close(code, _) => return Ok(End::Closed(code)),
            other => return Err(std::io::Error::other(format!("{other:?}"))),
        }
    }
}
