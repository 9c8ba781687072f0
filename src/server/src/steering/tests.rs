//! The kernel's choice among real sockets on loopback, where the CPU that sends a SYN is the one that
//! receives it.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};

use rustix::net::sockopt::{set_ipv6_v6only, set_socket_reuseport};
use rustix::net::{AddressFamily, SocketType, bind, listen, socket};
use rustix::thread::{CpuSet, sched_setaffinity};

use super::*;
use crate::systemd::sockets::LocalAddr;

/// A socket of an address that others may share. It listens if told.
fn shared(address: SocketAddr, listens: bool) -> TcpListener {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let fd: OwnedFd = socket(family, SocketType::STREAM, None).unwrap();
    set_socket_reuseport(&fd, true).unwrap();
    if address.is_ipv6() {
        set_ipv6_v6only(&fd, true).unwrap();
    }
    bind(&fd, &address).unwrap();
    if listens {
        listen(&fd, 512).unwrap();
    }
    let socket = TcpListener::from(fd);
    socket.set_nonblocking(true).unwrap();
    socket
}

/// So many listening sockets on a free port of this address.
fn group_of(count: usize, address: &str) -> Vec<TcpListener> {
    let mut sockets = vec![shared(address.parse().unwrap(), true)];
    let address = sockets[0].local_addr().unwrap();
    sockets.extend((1..count).map(|_| shared(address, true)));
    sockets
}

fn as_listeners(sockets: &[TcpListener]) -> Vec<Listener> {
    let listener = |socket: &TcpListener| {
        let local = LocalAddr::Inet(socket.local_addr().unwrap());
        let fd: OwnedFd = socket.as_fd().try_clone_to_owned().unwrap();
        Listener { fd: fd.into(), name: "ws".into(), local, port: None, is_tls: false }
    };
    sockets.iter().map(listener).collect()
}

/// Connects so often from one CPU.
fn connect(address: SocketAddr, cpu: usize, count: usize) -> Vec<TcpStream> {
    let sender = std::thread::spawn(move || {
        let mut set = CpuSet::new();
        set.set(cpu);
        sched_setaffinity(None, &set).expect("a CPU that this process may use");
        (0..count).map(|_| TcpStream::connect(address).unwrap()).collect()
    });
    sender.join().unwrap()
}

/// How many connections wait at each socket; they are taken.
fn take(sockets: &[TcpListener]) -> Vec<usize> {
    sockets.iter().map(|socket| std::iter::from_fn(|| socket.accept().ok()).count()).collect()
}

/// A plan for workers on these CPUs.
fn plan(cpus: &[usize], listeners: &[Listener]) -> Plan {
    Plan {
        worker_c: cpus.len(),
        cpus: Some(cpus.to_vec()),
        groups: group::all(listeners),
        is_classic: false.into(),
        is_given_up: false.into(),
    }
}

/// The CPUs of this process from the last to the first, and one more that there is not.
fn cpus_of_workers() -> Vec<usize> {
    pinning::allowed().into_iter().rev().chain([CpuSet::MAX_CPU - 1]).collect()
}

#[test]
fn a_connection_goes_to_the_socket_of_the_cpu_that_received_it() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let cpus = cpus_of_workers();
        let sockets = group_of(cpus.len(), address);
        plan(&cpus, &as_listeners(&sockets)).enforce(&as_listeners(&sockets));
        for cpu in pinning::allowed() {
            let clients = connect(sockets[0].local_addr().unwrap(), cpu, 40);
            let expected: Vec<_> =
                cpus.iter().map(|&own| if own == cpu { 40 } else { 0 }).collect();
            assert_eq!(take(&sockets), expected, "from CPU {cpu} to {address}");
            drop(clients);
        }
    }
}

#[test]
fn wildcard_sockets_of_both_versions_are_groups_of_their_own() {
    let mut cpus = cpus_of_workers();
    let mut sockets = group_of(cpus.len(), "0.0.0.0:0");
    let port = sockets[0].local_addr().unwrap().port();
    let six = SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, port));
    sockets.extend(cpus.iter().map(|_| shared(six, true)));
    let listeners = as_listeners(&sockets);
    plan(&cpus, &listeners).enforce(&listeners);
    let cpu = pinning::allowed()[0];
    let own = cpus.iter().position(|&own| own == cpu).unwrap();
    let four = connect(SocketAddr::from(([127, 0, 0, 1], port)), cpu, 20);
    let six = connect(SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, port)), cpu, 30);
    let taken = take(&sockets);
    assert_eq!((taken[own], taken[cpus.len() + own]), (20, 30), "{taken:?}");
    drop((four, six));
    // Worker 0 is another's now.
    cpus.rotate_left(1);
    plan(&cpus, &listeners).enforce(&listeners);
    let again = connect(SocketAddr::from(([127, 0, 0, 1], port)), cpu, 10);
    let own = cpus.iter().position(|&own| own == cpu).unwrap();
    assert_eq!(take(&sockets)[own], 10, "the new program takes the place of the old one");
    drop(again);
}

#[test]
fn a_sockets_number_is_the_order_in_which_it_began_to_listen() {
    let first = shared("127.0.0.1:0".parse().unwrap(), false);
    let address = first.local_addr().unwrap();
    let sockets = [first, shared(address, false), shared(address, false)];
    // As systemd does it, each listens before the next is made; here the last one is the first.
    for socket in sockets.iter().rev() {
        listen(socket, 512).unwrap();
    }
    let cpu = pinning::allowed()[0];
    for (index, at) in [(0, 2), (1, 1), (2, 0)] {
        let mut cpus = [CpuSet::MAX_CPU - 1, CpuSet::MAX_CPU - 2, CpuSet::MAX_CPU - 3];
        cpus[index] = cpu;
        reuseport::attach_classic(&sockets[0], &cbpf::program(&cpus)).unwrap();
        let clients = connect(address, cpu, 10);
        assert_eq!(take(&sockets)[at], 10, "index {index}");
        drop(clients);
    }
}

#[test]
fn what_no_worker_of_its_own_receives_is_spread_and_so_is_all_without_a_plan() {
    let cpu = pinning::allowed()[0];
    let cpus = [CpuSet::MAX_CPU - 1, CpuSet::MAX_CPU - 2, CpuSet::MAX_CPU - 3];
    let sockets = group_of(3, "127.0.0.1:0");
    let (listeners, address) = (as_listeners(&sockets), sockets[0].local_addr().unwrap());
    plan(&cpus, &listeners).enforce(&listeners);
    let clients = connect(address, cpu, 300);
    // By hash: a hundred each, give or take eight.
    assert!(take(&sockets).iter().all(|&count| count > 50));
    drop(clients);

    let mine = [cpu, CpuSet::MAX_CPU - 2, CpuSet::MAX_CPU - 3];
    plan(&mine, &listeners).enforce(&listeners);
    let clients = connect(address, cpu, 300);
    assert_eq!(take(&sockets), [300, 0, 0]);
    drop(clients);
    Plan { cpus: None, ..plan(&mine, &listeners) }.enforce(&listeners);
    let clients = connect(address, cpu, 300);
    assert!(take(&sockets).iter().all(|&count| count > 50), "what an earlier daemon left is gone");
    drop(clients);
}

#[test]
fn only_a_socket_for_each_of_several_workers_is_steered() {
    let three = as_listeners(&group_of(3, "127.0.0.1:0"));
    let groups = group::all(&three);
    assert_eq!(groups, [group::Group { members: vec![0, 1, 2], shares_port: true }]);
    let steerable = [1, 2, 3, 4].map(|worker_c| groups[0].is_steerable(worker_c));
    assert_eq!(steerable, [false, true, true, false]);

    let alone = TcpListener::bind("127.0.0.1:0").unwrap();
    let alone = as_listeners(&[alone]);
    assert!(!group::all(&alone)[0].shares_port);
    let refused = reuseport::attach_classic(&alone[0].fd, &cbpf::program(&[0])).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
    reuseport::detach(&alone[0].fd).unwrap();

    let folder = crate::config::tests::Folder::new("steering");
    let unix = std::os::unix::net::UnixListener::bind(folder.path().join("s")).unwrap();
    let (fd, local) = (OwnedFd::from(unix), LocalAddr::Unix(Some(folder.path().join("s"))));
    let unix = Listener { fd: fd.into(), name: String::new(), local, port: None, is_tls: false };
    let groups = group::all(&[unix.clone(), unix]);
    assert_eq!(groups, [group::Group { members: vec![0, 1], shares_port: false }]);
}

#[test]
fn a_worker_that_has_everything_is_a_skew_and_chance_is_none() {
    for open in [&[130, 126][..], &[191, 65], &[255, 0], &[120, 140, 130, 122], &[1, 0, 0, 0]] {
        assert!(!is_skewed(open), "{open:?}");
    }
    for open in [&[193, 63][..], &[0, 256], &[256, 256, 0, 0], &[400, 0, 0, 300]] {
        assert!(is_skewed(open), "{open:?}");
    }
}
