//! Processes that are killed (SIGKILL) while they leave a parcel or take it up: this test binary,
//! started again. Whatever the moment, of the parcel all or nothing is there, and for one process.

use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::manager::wait;
use super::*;
use crate::sys::pass_fds;
use crate::systemd::store::Store;

/// What the child does instead of testing: `leave` or `take`.
const TASK: &str = "RINGSOCKET_TEST_HANDOVER";
/// Where the service manager listens.
const STORE: &str = "RINGSOCKET_TEST_STORE";
/// Connections of a parcel.
const CONNECTION_C: usize = 2_000;
/// How many processes are killed.
const ROUNDS: u32 = 40;

/// Starts the child with its end of a socket as its standard input.
fn start(task: &str, address: &str) -> (Child, UnixStream) {
    let (here, there) = UnixStream::pair().unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "handover::tests::killed::child"])
        .env(TASK, task)
        .env(STORE, address)
        .stdin(OwnedFd::from(there))
        .stdout(Stdio::null())
        .spawn()
        .expect("starting this binary");
    (child, here)
}

/// Not a test of its own: what the processes do that are killed.
#[test]
fn child() {
    let Ok(task) = std::env::var(TASK) else { return };
    let store = Store::at(std::env::var(STORE).unwrap().as_bytes()).unwrap();
    let mut parent = UnixStream::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    match task.as_str() {
        "leave" => {
            let parcel = parcel(CONNECTION_C);
            parent.write_all(b"r").unwrap();
            parent.read_exact(&mut [0]).unwrap();
            leave_in(&store, parcel, PATIENCE).expect("leaving a parcel");
        }
        _ => {
            let mut inherited = receive(&parent);
            parent.write_all(b"r").unwrap();
            parent.read_exact(&mut [0]).unwrap();
            let taken = take_up_from(Some(&store), &mut inherited);
            if taken.parcel.is_none() {
                return;
            }
        }
    }
    // It is whole here; what was to be done is done.
    parent.write_all(b"d").unwrap();
}

/// Passes descriptors with their names, and then says that there are no more.
fn pass(to: &UnixStream, inherited: &[Inherited]) {
    for one in inherited {
        // A stream: all names are made as long as one another.
        pass_fds::send(to, format!("{:40}", one.name).as_bytes(), &[one.fd.as_fd()]).unwrap();
    }
    pass_fds::send(to, format!("{:40}", "").as_bytes(), &[]).unwrap();
}

fn receive(from: &UnixStream) -> Vec<Inherited> {
    let mut inherited = Vec::new();
    loop {
        wait(from);
        let mut buffer = [0; 40];
        let mut received = pass_fds::receive(from, &mut buffer).expect("a message");
        let Some(fd) = received.fds.pop() else { return inherited };
        let name = String::from_utf8(buffer.into()).unwrap().trim_end().to_owned();
        inherited.push(Inherited { fd, name });
    }
}

/// Lets the child begin, kills it after a while, and says whether it was done before.
fn kill_after(mut child: Child, mut link: UnixStream, delay: Duration) -> bool {
    link.read_exact(&mut [0]).expect("the child gets ready");
    link.write_all(b"g").unwrap();
    // No sleep: a scheduler's tick is longer than most of these moments.
    let start = Instant::now();
    while start.elapsed() < delay {
        std::hint::spin_loop();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // One that has not even read the word to begin leaves a connection reset.
    link.read_exact(&mut [0]).is_ok()
}

/// How long the child takes if nobody kills it.
fn time(mut child: Child, mut link: UnixStream) -> Duration {
    link.read_exact(&mut [0]).expect("the child gets ready");
    link.write_all(b"g").unwrap();
    let start = Instant::now();
    let mut said = Vec::new();
    link.read_to_end(&mut said).unwrap();
    assert_eq!(said, b"d", "the child does not do what it should");
    let took = start.elapsed();
    assert!(child.wait().unwrap().success());
    took
}

#[test]
fn killed_while_it_leaves_a_parcel() {
    let manager = Manager::start();
    let (child, link) = start("leave", manager.address());
    let took = time(child, link);
    let mut whole_c = 0;
    for round in 0..ROUNDS {
        let manager = Manager::start();
        let (child, link) = start("leave", manager.address());
        let was_done = kill_after(child, link, took * round / (ROUNDS * 4 / 5));
        let taken = take_up_from(None, &mut manager.end());
        match taken.parcel {
            Some(parcel) => {
                whole_c += 1;
                hold_whole(parcel, CONNECTION_C);
            }
            None => assert!(!was_done, "round {round}: {:?}", taken.loss),
        }
    }
    println!("{whole_c} of {ROUNDS} left everything, within {took:?}");
}

#[test]
fn killed_while_it_takes_a_parcel_up() {
    let manager = Manager::start();
    let store = manager.store();
    let attempt = |delay: Option<Duration>| {
        let inherited = left(CONNECTION_C);
        let (child, link) = start("take", manager.address());
        pass(&link, &inherited);
        let (took, was_done) = match delay {
            Some(delay) => (delay, kill_after(child, link, delay)),
            None => (time(child, link), true),
        };
        (took, was_done, inherited)
    };
    let (took, ..) = attempt(None);
    let (mut first_c, mut second_c) = (0, 0);
    for round in 0..ROUNDS {
        let delay = took * round / (ROUNDS * 4 / 5);
        let (_, was_done, mut inherited) = attempt(Some(delay));
        // The next process gets the same from the store, if it was not told to forget it.
        let taken = take_up_from(Some(&store), &mut inherited);
        match taken.parcel {
            Some(parcel) => {
                assert!(!was_done, "round {round}: two processes have taken up the same");
                second_c += 1;
                hold_whole(parcel, CONNECTION_C);
            }
            None => {
                assert!(matches!(hold_lost(taken).why, Broken::TakenBefore), "round {round}");
            }
        }
        first_c += u32::from(was_done);
    }
    println!("of {ROUNDS}, the killed one got {first_c}, the next one {second_c}, within {took:?}");
}
