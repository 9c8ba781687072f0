//! Parcels that are left in the store of a service manager and taken up again: whole, in part, twice,
//! and by processes that are killed in the middle of it.

mod killed;
mod manager;

use std::fs::File;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use rustix::fs::{MemfdFlags, OFlags, fcntl_getfl, memfd_create};
use rustix::io::{FdFlags, fcntl_getfd};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use self::manager::{Manager, copies};
use super::*;
use crate::systemd::inherited::Inherited;

/// How long a manager may take that is alive.
const PATIENCE: Duration = Duration::from_secs(30);

/// A parcel of that many connections, which are memfds, so that each can be told from the others.
fn parcel(connection_c: usize) -> Parcel {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("more descriptors");
    let connection = |at: usize| {
        let mut file = File::from(memfd_create("connection", MemfdFlags::CLOEXEC).unwrap());
        file.write_all(&at.to_le_bytes()).unwrap();
        OwnedFd::from(file)
    };
    let mut secrets = Secrets::default();
    secrets.extend(&secret_bytes(connection_c));
    let connections = (0..connection_c).map(connection).collect();
    Parcel { connections, state: state_bytes(connection_c), secrets }
}

fn state_bytes(connection_c: usize) -> Vec<u8> {
    (0..connection_c * 100 + 1).map(|at| (at * 7 / 3) as u8).collect()
}

fn secret_bytes(connection_c: usize) -> Vec<u8> {
    (0..connection_c * 50).map(|at| (at * 5 / 3) as u8).collect()
}

/// Holds that it is what [`parcel`] made.
#[track_caller]
fn hold_whole(parcel: Parcel, connection_c: usize) {
    assert_eq!(parcel.connections.len(), connection_c);
    assert!(parcel.state == state_bytes(connection_c));
    assert!(parcel.secrets.as_bytes() == secret_bytes(connection_c));
    for (at, connection) in parcel.connections.into_iter().enumerate() {
        assert!(fcntl_getfd(&connection).unwrap().contains(FdFlags::CLOEXEC));
        let mut number = [0; 8];
        File::from(connection).read_exact_at(&mut number, 0).unwrap();
        assert_eq!(usize::from_le_bytes(number), at);
    }
}

/// Holds that all was dropped, and gives what was said of it.
#[track_caller]
fn hold_lost(taken: Taken) -> Loss {
    assert!(taken.parcel.is_none());
    taken.loss.expect("words about the loss")
}

/// What the store has after a parcel was left.
fn left(connection_c: usize) -> Vec<Inherited> {
    let manager = Manager::start();
    leave_in(&manager.store(), parcel(connection_c), PATIENCE).expect("leaving a parcel");
    manager.end()
}

#[test]
fn a_parcel_arrives_whole_and_the_store_is_empty_then() {
    for connection_c in [0, 1, 253, 254, 5_000] {
        let manager = Manager::start();
        let store = manager.store();
        leave_in(&store, parcel(connection_c), PATIENCE).expect("leaving a parcel");
        let mut inherited = manager.copies();
        let names: Vec<&str> = inherited.iter().map(|one| one.name.as_str()).collect();
        match connection_c {
            0 => assert_eq!(names, [SECRETS, STATE]),
            _ => assert_eq!(names, [CONNECTIONS, SECRETS, STATE]),
        }
        let taken = take_up_from(Some(&store), &mut inherited);
        assert!(taken.loss.is_none(), "{:?}", taken.loss);
        hold_whole(taken.parcel.expect("a parcel"), connection_c);
        store.wait(PATIENCE).expect("an answer");
        assert!(manager.end().is_empty());
    }
}

#[test]
fn what_a_manager_stores_late_is_whole_and_nobody_has_been_disconnected() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (connection, _) = listener.accept().unwrap();
    let manager = Manager::start_late();
    let parcel = Parcel { connections: vec![connection.into()], ..Parcel::default() };
    let error = leave_in(&manager.store(), parcel, Duration::from_millis(50));
    assert!(matches!(error, Err(NotLeft::Unconfirmed(_))), "{error:?}");
    client.set_nonblocking(true).unwrap();
    let read = std::io::Read::read(&mut client, &mut [0]);
    assert_eq!(read.map_err(|error| error.kind()), Err(std::io::ErrorKind::WouldBlock));
    let taken = take_up_from(None, &mut manager.end());
    let connection = taken.parcel.expect("a parcel").connections.pop().expect("a connection");
    TcpStream::from(connection).write_all(b"still").unwrap();
    let mut text = String::new();
    client.set_nonblocking(false).unwrap();
    std::io::Read::read_to_string(&mut client, &mut text).unwrap();
    assert_eq!(text, "still");
}

#[test]
fn sockets_stay_open_and_non_blocking() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (connection, _) = listener.accept().unwrap();
    connection.set_nonblocking(true).unwrap();
    let manager = Manager::start();
    let parcel = Parcel { connections: vec![connection.into()], ..Parcel::default() };
    leave_in(&manager.store(), parcel, PATIENCE).expect("leaving a parcel");
    client.write_all(b"while nobody has it").unwrap();
    let taken = take_up_from(None, &mut manager.end());
    let connection = taken.parcel.expect("a parcel").connections.pop().expect("a connection");
    assert!(fcntl_getfl(&connection).unwrap().contains(OFlags::NONBLOCK));
    assert!(fcntl_getfd(&connection).unwrap().contains(FdFlags::CLOEXEC));
    let mut text = String::new();
    drop(client);
    std::io::Read::read_to_string(&mut TcpStream::from(connection), &mut text).unwrap();
    assert_eq!(text, "while nobody has it");
}

#[test]
fn what_is_not_of_a_hand_over_stays() {
    let mut inherited = left(1);
    let null = || OwnedFd::from(File::open("/dev/null").unwrap());
    inherited.insert(0, Inherited { fd: null(), name: "ws".into() });
    inherited.push(Inherited { fd: null(), name: String::new() });
    hold_whole(take_up_from(None, &mut inherited).parcel.expect("a parcel"), 1);
    let names: Vec<&str> = inherited.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["ws", ""]);
    let taken = take_up_from(None, &mut inherited);
    assert!(taken.parcel.is_none() && taken.loss.is_none());
    assert_eq!(inherited.len(), 2);
}

#[test]
fn without_any_of_its_parts_nothing_of_it_is_used() {
    // Whatever was stored before the process was killed is among these.
    for missing in 1..8 {
        let mut inherited = left(300);
        let mut at = 0;
        inherited.retain(|_| {
            at += 1;
            missing >> (at - 1) & 1 == 0
        });
        let is_anything_left = !inherited.is_empty();
        let taken = take_up_from(None, &mut inherited);
        assert!(inherited.is_empty());
        if is_anything_left {
            let loss = hold_lost(taken);
            let is_any_known = missing & 0b101 != 0b101;
            assert_eq!(loss.connection_c, if is_any_known { 300 } else { 0 }, "{missing:b}");
        } else {
            assert!(taken.parcel.is_none() && taken.loss.is_none());
        }
    }
}

#[test]
fn a_parcel_is_taken_up_once() {
    let mut first = left(300);
    let mut second = copies(&first);
    hold_whole(take_up_from(None, &mut first).parcel.expect("a parcel"), 300);
    let loss = hold_lost(take_up_from(None, &mut second));
    assert_eq!(
        loss.to_string(),
        "what the process before this one has left cannot be used, which loses 300 connections: \
         another process has begun to take it up"
    );
}

#[test]
fn of_processes_that_take_it_up_at_once_one_gets_all() {
    for _ in 0..20 {
        let inherited = left(600);
        let start = std::sync::Barrier::new(4);
        let taken: Vec<Taken> = std::thread::scope(|scope| {
            let taker = || {
                let mut inherited = copies(&inherited);
                start.wait();
                take_up_from(None, &mut inherited)
            };
            let takers: Vec<_> = (0..4).map(|_| scope.spawn(taker)).collect();
            takers.into_iter().map(|taker| taker.join().unwrap()).collect()
        });
        let mut parcels: Vec<Parcel> = taken.into_iter().filter_map(|one| one.parcel).collect();
        assert_eq!(parcels.len(), 1);
        hold_whole(parcels.remove(0), 600);
    }
}

#[test]
fn parts_of_two_hand_overs_are_not_mixed() {
    for other in 0..3 {
        let mut inherited = left(10);
        inherited[other] = left(10).remove(other);
        let loss = hold_lost(take_up_from(None, &mut inherited));
        assert!(matches!(loss.why, Broken::Mixed), "{loss}");
    }
    let mut both = left(10);
    both.extend(left(20));
    let loss = hold_lost(take_up_from(None, &mut both));
    assert!(matches!(loss.why, Broken::Several), "{loss}");
    assert_eq!(loss.connection_c, 30);
}

#[test]
fn a_state_that_cannot_be_read_loses_all_and_says_so() {
    let forge = |change: fn(&mut Vec<u8>)| {
        let mut inherited = left(10);
        let state = inherited.pop().expect("a state");
        let mut bytes = state::bytes(state.fd).unwrap();
        change(&mut bytes);
        let mut file = File::from(memfd_create("forged", MemfdFlags::CLOEXEC).unwrap());
        file.write_all(&bytes).unwrap();
        inherited.push(Inherited { fd: file.into(), name: state.name });
        let mut again = copies(&inherited);
        let loss = hold_lost(take_up_from(None, &mut inherited));
        // The secrets are gone as well.
        again.retain(|one| one.name == SECRETS);
        let secrets = secret_area::take(again.remove(0).fd);
        assert!(matches!(secrets, Err(Broken::TakenBefore)));
        loss.to_string()
    };
    let lost =
        "what the process before this one has left cannot be used, which loses 10 connections: ";
    assert_eq!(forge(|bytes| bytes[100] ^= 1), format!("{lost}its checksum is wrong"));
    let newer = forge(|bytes| bytes[8] = FORMAT as u8 + 1);
    let version = FORMAT + 1;
    assert_eq!(newer, format!("{lost}it is of version {version}, and this one reads {FORMAT}"));
    assert_eq!(forge(Vec::clear), format!("{lost}it is shorter or longer than it says"));
}

#[test]
fn without_a_service_manager_nothing_is_left() {
    let address = b"@ringsocket-test-nobody-listens-here";
    assert!(crate::systemd::store::Store::at(address).is_err());
    let manager = Manager::start();
    let (store, parcel) = (manager.store(), parcel(1));
    manager.end();
    let error = leave_in(&store, parcel, PATIENCE).expect_err("nobody is there");
    assert!(error.to_string().starts_with("cannot empty the store: "), "{error}");
}

#[test]
fn every_part_is_sealed_or_of_fixed_size() {
    for one in left(1) {
        let is_memory = one.name != CONNECTIONS;
        let cut = rustix::fs::ftruncate(one.fd.as_fd(), 1);
        assert!(cut.is_err() || !is_memory, "{} can be cut", one.name);
    }
}
