//! Traffic that takes the daemon through the same turns in every run: it is suspended while all
//! messages of a round are written, so that it finds them all at once, and the next round begins
//! when all its threads sleep. The suspension costs a round one empty turn of each worker.

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use ringsocket_tests::client::{Client, PATIENCE};
use ringsocket_tests::daemon::Daemon;
use ringsocket_tests::frame::{Frame, opcode, server_header_size};
use ringsocket_tests::sys::{self, Signal};

use crate::expected::Cell;

/// Connections, and what goes over each in a round.
pub(crate) struct Rounds {
    pid: u32,
    streams: Vec<TcpStream>,
    frames: Vec<u8>,
    answer: Vec<u8>,
    received: Vec<u8>,
}

impl Rounds {
    /// Opens all connections to the daemon's first app.
    pub(crate) fn new(daemon: &Daemon, cell: &Cell) -> io::Result<Self> {
        let mut streams = Vec::new();
        for _ in 0..cell.connections * cell.workers {
            let (stream, early) = Client::connect(daemon.address(), "/echo0")?.into_stream();
            if !early.is_empty() {
                return Err(io::Error::other("frames came with the 101"));
            }
            stream.set_read_timeout(Some(PATIENCE))?;
            streams.push(stream);
        }
        let payload = vec![b'x'; cell.size];
        let opcode = if cell.kind == "text" { opcode::TEXT } else { opcode::BINARY };
        let frame = Frame::new(opcode, &payload).to_bytes();
        // Without its mask, a client's frame is a server's.
        let header = Frame { mask: None, ..Frame::new(opcode, &payload) }.to_bytes();
        debug_assert_eq!(header.len(), server_header_size(cell.size) + cell.size);
        let answer = header.repeat(cell.in_flight);
        let received = vec![0; answer.len()];
        Ok(Self {
            pid: daemon.pid(),
            streams,
            frames: frame.repeat(cell.in_flight),
            answer,
            received,
        })
    }

    /// One message, or as many as are to be in flight, over each connection and back.
    pub(crate) fn round(&mut self) -> io::Result<()> {
        self.wait("asleep", |looks| {
            // Whoever sleeps in both looks, and has not run in between, slept all the time; and
            // where all did, there was nobody to wake them.
            looks.0.iter().all(|thread| thread.state == 'S') && looks.0 == looks.1
        })?;
        sys::signal(self.pid, Signal::Stop)?;
        self.wait("suspended", |looks| looks.1.iter().all(|thread| thread.state == 'T'))?;
        for stream in &mut self.streams {
            stream.write_all(&self.frames)?;
        }
        sys::signal(self.pid, Signal::Continue)?;
        for stream in &mut self.streams {
            stream.read_exact(&mut self.received)?;
            if self.received != self.answer {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "not the echo"));
            }
        }
        Ok(())
    }

    /// Looks at all threads again and again, until the last two looks are as wanted.
    fn wait(&self, what: &str, wanted: impl Fn((&[Thread], &[Thread])) -> bool) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let mut last = threads(self.pid)?;
        loop {
            let now = threads(self.pid)?;
            if wanted((&last, &now)) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(io::Error::other(format!("the daemon is not {what}: {now:?}")));
            }
            last = now;
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

/// A thread as proc(5) shows it.
#[derive(PartialEq, Eq, Debug)]
struct Thread {
    /// `S`: it sleeps; `T`: it is suspended.
    state: char,
    /// How often it has gone to sleep, and how often it was made to wait.
    switches: (u64, u64),
}

fn threads(pid: u32) -> io::Result<Vec<Thread>> {
    let mut threads = Vec::new();
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let status = fs::read_to_string(task?.path().join("status"))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.map(str::trim).ok_or_else(|| io::Error::other(format!("no {name} in status")))
        };
        let number = |name: &str| field(name)?.parse().map_err(io::Error::other);
        threads.push(Thread {
            state: field("State:")?.chars().next().unwrap_or_default(),
            switches: (number("voluntary_ctxt_switches:")?, number("nonvoluntary_ctxt_switches:")?),
        });
    }
    Ok(threads)
}
