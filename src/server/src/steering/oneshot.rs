//! `ringsocket steer`: loads the eBPF programs, attaches them to the sockets of systemd, and ends. For
//! `ringsocket-steering.service`, which gives it those sockets, and `CAP_BPF` for the moment that takes.
//! Not for: the programs (`ebpf`), or the daemon's part (`control`).
//!
//! Programs and maps last as long as the sockets have them, and so longer than any process. The daemon
//! takes them off when it starts and when it is asked to: for that nobody needs any right.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::ebpf;
use super::wire::{Request, Seat, Seating, ask};
use crate::counted::counted;
use crate::message::MAX_WORKERS;
use crate::sys::board;
use crate::sys::bpf::{self, Map};
use crate::sys::reuseport;
use crate::systemd::sockets::{self, Listener};

/// Where the daemon listens: `ListenStream=` of ringsocket-steering.socket.
pub const DEFAULT_PATH: &str = "/run/ringsocket-steering";

/// How long the kernel may take to let go of what an earlier run has attached.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// Has connections steered by eBPF; or, if it is to be `off`, no more. Gives what there is to say.
///
/// # Errors
/// A line that says what is missing. Then nothing has changed, or all is as without eBPF.
pub fn run(path: &Path, off: bool) -> Result<String, String> {
    if off {
        return ask(path, Request::Off, None).map(|_| "steering by eBPF is off".into());
    }
    let text = ask(path, Request::Plan, None)?;
    let seating = Seating::parse(&text).ok_or("the daemon's answer makes no sense")?;
    let inherited = crate::systemd::inherited::take().map_err(|error| error.to_string())?;
    let inherited =
        sockets::adopt(inherited, &[], true).map_err(|error| error.to_string())?.listeners;
    let groups = groups(&seating, &inherited)?;
    let tell = |what: &str, error: &io::Error| {
        let hint = match error.raw_os_error() {
            Some(libc::EPERM) => "; this takes CAP_BPF",
            _ => "",
        };
        format!("cannot {what}: {error}{hint}")
    };
    let maps = Maps::new(&seating).map_err(|error| tell("make a map", &error))?;
    let load = |group: &Vec<Member>| load(group, &seating, &maps, path);
    let programs: io::Result<Vec<_>> = groups.iter().map(load).collect();
    let programs = programs.map_err(|error| tell("load a program", &error))?;
    raise_nofile();
    // The counts first: a program without them would take all workers for idle.
    ask(path, Request::Counts, Some(maps.counts.as_fd()))?;
    for (group, program) in groups.iter().zip(&programs) {
        if let Err(error) = reuseport::attach_extended(&*group[0].socket, program) {
            ask(path, Request::Off, None)?;
            return Err(tell("attach a program", &error));
        }
    }
    let socket_c: usize = groups.iter().map(Vec::len).sum();
    Ok(format!("connections to {} are steered by eBPF", counted(socket_c, "socket")))
}

/// The limit of open files is also one of descriptors that are on their way between any processes of
/// this user (unix(7), `ETOOMANYREFS`), and some send thousands.
fn raise_nofile() {
    let limit = getrlimit(Resource::Nofile);
    // It only matters where so many are sent, and then the request says so.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// A socket of a group, and the worker whose it is.
struct Member {
    socket: Arc<OwnedFd>,
    worker: usize,
}

/// The sockets that were inherited, as the daemon has seated them.
fn groups(seating: &Seating, inherited: &[Listener]) -> Result<Vec<Vec<Member>>, String> {
    let mut mine = HashMap::new();
    for Listener { fd, .. } in inherited {
        let cookie = rustix::net::sockopt::socket_cookie(fd).map_err(|error| error.to_string())?;
        mine.insert(cookie, Arc::clone(fd));
    }
    let mut groups: HashMap<usize, Vec<Member>> = HashMap::new();
    let mut missing = 0;
    for Seat { cookie, group, worker } in &seating.seats {
        match mine.get(cookie) {
            Some(fd) => {
                let member = Member { socket: Arc::clone(fd), worker: *worker };
                groups.entry(*group).or_default().push(member);
            }
            None => missing += 1,
        }
    }
    if missing > 0 {
        eprintln!(
            "not steered by eBPF, as this unit does not have them: {} of the daemon; name their \
             units in Sockets= of ringsocket-steering.service",
            counted(missing, "socket")
        );
    }
    if groups.is_empty() {
        let text = "there is nothing to steer: no port has a socket for each of several workers \
                    (ReusePort=yes, and as many ListenStream= lines as workers)";
        return Err(text.into());
    }
    Ok(groups.into_values().collect())
}

/// What all programs read.
struct Maps {
    counts: Map,
    table: Map,
}

impl Maps {
    fn new(seating: &Seating) -> io::Result<Self> {
        let workers = MAX_WORKERS as u32;
        let array = bpf::MAP_TYPE_ARRAY;
        let counts = Map::new(array, board::STRIDE as u32, workers, bpf::MAP_MMAPABLE)?;
        let table = Map::new(array, 4, ebpf::TABLE_LEN, 0)?;
        for (worker, &cpu) in seating.cpus.iter().flatten().enumerate() {
            table.put(cpu as u32, &(worker as u32 + 1).to_ne_bytes())?;
        }
        Ok(Self { counts, table })
    }
}

/// The program of a group, ready to be attached.
fn load(group: &[Member], seating: &Seating, maps: &Maps, path: &Path) -> io::Result<OwnedFd> {
    let worker_c = seating.worker_c;
    let array = Map::new(bpf::MAP_TYPE_REUSEPORT_SOCKARRAY, 8, worker_c as u32, 0)?;
    let mut seated = vec![false; worker_c];
    for Member { socket, worker } in group {
        // A worker may have several; one is enough to give it connections.
        if !std::mem::replace(&mut seated[*worker], true) {
            put(&array, *worker, socket, path)?;
        }
    }
    let program = ebpf::program(worker_c, &maps.table, &maps.counts, &array);
    bpf::load_reuseport(&program, c"ringsocket")
}

/// Puts a socket into an array. It can be in one only: that of an earlier run goes with its program, a
/// moment after that is taken off.
fn put(array: &Map, worker: usize, socket: &OwnedFd, path: &Path) -> io::Result<()> {
    let deadline = Instant::now() + BUSY_WAIT;
    let mut is_off = false;
    loop {
        match bpf::put_socket(array, worker as u32, socket) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                if Instant::now() > deadline {
                    return Err(error);
                }
                if !is_off {
                    ask(path, Request::Off, None).map_err(io::Error::other)?;
                    is_off = true;
                }
                thread::sleep(Duration::from_millis(2));
            }
            other => return other,
        }
    }
}
