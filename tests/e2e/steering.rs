//! Which worker gets which connection, counted by the workers themselves. Over loopback the CPU that
//! sends a SYN receives it, so clients choose their CPU by running on it.
//! Not for: the programs that choose (`src/server/src/steering`), or what a real network card does.

mod ebpf;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::process;
use ringsocket_tests::sys::{self, Signal};

const PATIENCE: Duration = Duration::from_secs(20);

/// What the log says of a port whose connections are steered.
const STEERED: &str = "connections go to the worker of the CPU that receives them";

fn config(keys: &str) -> String {
    format!(
        r#"{{ {keys}, "apps": [ {{ "name": "echo", "app_path": "{{apps}}/echo.so",
            "endpoints": [ {{ "endpoint_id": 1, "url": "/echo" }} ] }} ] }}"#
    )
}

fn builder(keys: &str) -> Builder {
    // Said in so many words, as the harness has other daemons spread connections by a hash.
    let is_said = keys.contains("worker_cpus");
    let keys = if is_said { keys.to_owned() } else { format!(r#"{keys}, "worker_cpus": "auto""#) };
    Builder::new().app("echo").config(&config(&keys))
}

/// The CPUs that this test may use.
fn my_cpus() -> Vec<usize> {
    let name = std::fs::read_to_string("/proc/thread-self/comm").unwrap();
    let cpus = process::cpus(std::process::id(), name.trim_end()).unwrap().remove(0);
    assert!(cpus.len() > 1, "steering by CPU can only be seen where there are several");
    cpus
}

/// Echo clients that connect from one CPU. When they are there, a worker has counted each.
fn clients(address: SocketAddr, cpu: usize, count: usize) -> Vec<Client> {
    let connect = move || {
        sys::run_on_cpu(cpu).expect("a CPU of this process");
        let mut clients: Vec<_> =
            (0..count).map(|_| Client::connect(address, "/echo").unwrap()).collect();
        for client in &mut clients {
            client.text("here").unwrap();
            client.expect_text("here");
        }
        clients
    };
    std::thread::spawn(connect).join().unwrap()
}

/// How many connections each worker has now, and has accepted since the start.
fn workers(daemon: &mut Daemon) -> (Vec<usize>, Vec<usize>) {
    let lines = |daemon: &Daemon| daemon.log().matches("workers: open ").count();
    let (before, start) = (lines(daemon), Instant::now());
    daemon.signal(Signal::Usr1);
    while lines(daemon) == before {
        assert!(start.elapsed() < PATIENCE, "SIGUSR1 goes unheard");
        std::thread::yield_now();
    }
    let log = daemon.log();
    let (_, last) = log.rsplit_once("workers: open ").unwrap();
    let (open, accepted) = last.lines().next().unwrap().split_once(", accepted ").unwrap();
    let numbers = |text: &str| text.split(' ').map(|number| number.parse().unwrap()).collect();
    (numbers(open), numbers(accepted))
}

#[test]
fn connections_go_to_the_worker_of_the_cpu_that_received_them() {
    let cpus = my_cpus();
    let keys = format!(r#""worker_c": {}"#, cpus.len());
    let mut daemon = builder(&keys).sockets_of_one_port(cpus.len()).start();
    daemon.wait_log(STEERED);
    let (mut all, mut expected) = (Vec::new(), vec![0; cpus.len()]);
    for (worker, &cpu) in cpus.iter().enumerate() {
        all.extend(clients(daemon.address(), cpu, 30 + worker));
        assert_eq!(process::cpus(daemon.pid(), &format!("worker {worker}")).unwrap(), [[cpu]]);
        expected[worker] += 30 + worker;
        assert_eq!(workers(&mut daemon), (expected.clone(), expected.clone()), "from CPU {cpu}");
    }
    drop(all);
    daemon.stop_well();
}

#[test]
fn a_list_says_which_worker_runs_where() {
    let mut cpus = my_cpus();
    cpus.reverse();
    let keys = format!(r#""worker_cpus": {cpus:?}"#); // and as many workers
    let mut daemon = builder(&keys).sockets_of_one_port(cpus.len()).start();
    for (worker, &cpu) in cpus.iter().enumerate() {
        let (before, _) = workers(&mut daemon);
        let clients = clients(daemon.address(), cpu, 20);
        assert_eq!(process::cpus(daemon.pid(), &format!("worker {worker}")).unwrap(), [[cpu]]);
        let (after, _) = workers(&mut daemon);
        assert_eq!(after[worker], before[worker] + 20, "{before:?}, {after:?}");
        drop(clients);
        let start = Instant::now();
        while workers(&mut daemon).0 != vec![0; cpus.len()] {
            assert!(start.elapsed() < PATIENCE, "clients that have gone are counted still");
        }
    }
    daemon.stop_well();
}

#[test]
fn more_workers_than_cpus_are_neither_pinned_nor_passed_over() {
    let cpus = my_cpus();
    let worker_c = 2 * cpus.len();
    let keys = format!(r#""worker_c": {worker_c}"#);
    let mut daemon = builder(&keys).sockets_of_one_port(worker_c).start();
    // By a hash: 25 each, give or take five.
    let clients = clients(daemon.address(), cpus[0], 25 * worker_c);
    let (open, _) = workers(&mut daemon);
    assert!(open.iter().all(|&count| count > 0), "{open:?}");
    assert_eq!(process::cpus(daemon.pid(), "worker 0").unwrap(), [cpus]);
    assert!(!daemon.log().contains(STEERED), "{}", daemon.log());
    drop(clients);
    daemon.stop_well();
}

#[test]
fn sockets_that_one_daemon_steered_are_spread_by_the_next_if_it_is_told_so() {
    let cpus = my_cpus();
    let first = sys::listen_shared(0).unwrap();
    let port = first.local_addr().unwrap().port();
    let mut sockets = vec![first];
    sockets.extend((1..cpus.len()).map(|_| sys::listen_shared(port).unwrap()));
    let start = |keys: &str| {
        let of_systemd = |socket: &std::net::TcpListener| socket.try_clone().unwrap();
        let sockets = sockets.iter().map(of_systemd);
        sockets.fold(builder(keys), |builder, socket| builder.socket("ws", socket)).start()
    };
    let worker_c = format!(r#""worker_c": {}"#, cpus.len());
    for _ in 0..2 {
        let mut daemon = start(&worker_c);
        let clients = clients(daemon.address(), cpus[1], 20);
        assert_eq!(workers(&mut daemon).0[1], 20);
        drop(clients);
        daemon.stop_well();
    }
    let mut daemon = start(&format!(r#"{worker_c}, "worker_cpus": "none""#));
    let clients = clients(daemon.address(), cpus[1], 40 * cpus.len());
    let (open, _) = workers(&mut daemon);
    assert!(open.iter().all(|&count| count > 0), "{open:?}");
    drop(clients);
    daemon.stop_well();
}

#[test]
fn where_one_cpu_receives_everything_connections_are_spread_all_the_same() {
    let cpus = my_cpus();
    let keys = format!(r#""worker_c": {}"#, cpus.len());
    let mut daemon = builder(&keys).sockets_of_one_port(cpus.len()).start();
    let pile = clients(daemon.address(), cpus[1], 128 * cpus.len());
    daemon.wait_log("from here on they are spread by a hash");
    let (before, _) = workers(&mut daemon);
    // By a hash: 40 each, give or take seven.
    let others = clients(daemon.address(), cpus[1], 40 * cpus.len());
    let (after, _) = workers(&mut daemon);
    assert!(
        after.iter().zip(&before).all(|(after, before)| after > before),
        "{before:?}, {after:?}"
    );
    drop((pile, others));
    daemon.stop_well();
}
