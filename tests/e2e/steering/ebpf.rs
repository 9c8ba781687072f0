//! Steering by eBPF: `ringsocket steer` beside a real daemon, in the real kernel. Takes CAP_BPF, and so
//! root; without it these tests fail, and say so.
//! Not for: its unit (`tests/nspawn`).

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::Output;

use ringsocket_tests::activation;

use super::*;

/// More connections than the mean that a worker may have in any case.
const SLACK: usize = 8;

/// What systemd has: the sockets of a port, and the one over which the daemon is asked.
struct Systemd {
    sockets: Vec<TcpListener>,
    control: UnixListener,
    folder: ringsocket_tests::folder::Folder,
}

impl Systemd {
    fn new(count: usize) -> Self {
        let first = sys::listen_shared(0).unwrap();
        let port = first.local_addr().unwrap().port();
        let mut sockets = vec![first];
        sockets.extend((1..count).map(|_| sys::listen_shared(port).unwrap()));
        let folder = ringsocket_tests::folder::Folder::new();
        let control = UnixListener::bind(folder.path().join("steering")).unwrap();
        Self { sockets, control, folder }
    }

    fn control(&self) -> PathBuf {
        self.folder.path().join("steering")
    }

    fn start(&self, keys: &str) -> Daemon {
        let control = self.control.try_clone().unwrap();
        let sockets = self.sockets.iter().map(|socket| socket.try_clone().unwrap());
        let builder = builder(keys).descriptor("steering", control.into());
        sockets.fold(builder, |builder, socket| builder.socket("ws", socket)).start()
    }

    /// Runs `ringsocket steer` with no other rights than its unit has.
    fn steer(&self, arguments: &[&str]) -> Output {
        self.steer_with("-all,+bpf", arguments)
    }

    /// The same with other rights.
    fn steer_with(&self, rights: &str, arguments: &[&str]) -> Output {
        let pass = |socket: &TcpListener| ("ws".to_owned(), socket.try_clone().unwrap().into());
        let sockets: Vec<(String, OwnedFd)> = self.sockets.iter().map(pass).collect();
        activation::command(std::path::Path::new("/usr/bin/setpriv"), &sockets)
            .args([&format!("--bounding-set={rights}"), "--no-new-privs", "--"])
            .arg(ringsocket_tests::apps::daemon())
            .arg("steer")
            .arg("--control")
            .arg(self.control())
            .args(arguments)
            .output()
            .unwrap()
    }

    /// The same, which is to succeed.
    #[track_caller]
    fn steer_well(&self, arguments: &[&str]) {
        let done = self.steer(arguments);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "this takes CAP_BPF, and so root: {said}");
    }
}

/// So many clients from one CPU, each of them counted before the next one comes.
fn one_by_one(daemon: &Daemon, cpu: usize, count: usize) -> Vec<Client> {
    (0..count).flat_map(|_| clients(daemon.address(), cpu, 1)).collect()
}

#[test]
fn a_skewed_load_is_levelled() {
    let cpus = my_cpus();
    let systemd = Systemd::new(cpus.len());
    let keys = format!(r#""worker_c": {}"#, cpus.len());
    let mut daemon = systemd.start(&keys);
    systemd.steer_well(&[]);
    // A few stay with the CPU that received them,
    let mut all = one_by_one(&daemon, cpus[1], SLACK);
    assert_eq!(workers(&mut daemon).0[1], SLACK);
    // and of many no more than a fourth above the mean; and SLACK, and one that was on its way.
    all.extend(one_by_one(&daemon, cpus[1], 300));
    let (open, _) = workers(&mut daemon);
    let total: usize = open.iter().sum();
    let bound = total * 5 / (4 * cpus.len()) + SLACK + 1;
    assert!(open.iter().all(|&count| count <= bound), "{open:?}, and the bound is {bound}");
    assert!(open[1] > total / cpus.len(), "the CPU's own worker is preferred: {open:?}");
    // What is gone counts no more.
    drop(all);
    let start = Instant::now();
    while workers(&mut daemon).0.iter().any(|&count| count > 0) {
        assert!(start.elapsed() < PATIENCE, "clients that have gone are counted still");
    }
    let again = one_by_one(&daemon, cpus[0], SLACK);
    assert_eq!(workers(&mut daemon).0[0], SLACK);
    drop(again);
    daemon.stop_well();
}

#[test]
fn workers_without_cpus_of_their_own_are_kept_level() {
    let cpus = my_cpus();
    let worker_c = 2 * cpus.len();
    let systemd = Systemd::new(worker_c);
    let mut daemon = systemd.start(&format!(r#""worker_c": {worker_c}"#));
    systemd.steer_well(&[]);
    let clients = one_by_one(&daemon, cpus[0], 50 * worker_c);
    let (open, _) = workers(&mut daemon);
    // By a hash, about one in ten such runs would have all of them so close together.
    assert!(open.iter().all(|count| (45..=55).contains(count)), "{open:?}");
    drop(clients);
    daemon.stop_well();
}

#[test]
fn it_is_taken_off_put_on_again_and_outlives_no_daemon() {
    let cpus = my_cpus();
    let systemd = Systemd::new(cpus.len());
    let keys = format!(r#""worker_c": {}"#, cpus.len());
    let mut daemon = systemd.start(&keys);
    let from_one = |daemon: &mut Daemon, count: usize| {
        let clients = one_by_one(daemon, cpus[1], count);
        let own = workers(daemon).0[1];
        drop(clients);
        let start = Instant::now();
        while workers(daemon).0.iter().any(|&count| count > 0) {
            assert!(start.elapsed() < PATIENCE, "clients that have gone are counted still");
        }
        own
    };
    assert_eq!(from_one(&mut daemon, 100), 100, "without eBPF");
    systemd.steer_well(&[]);
    assert!(from_one(&mut daemon, 100) < 80);
    systemd.steer_well(&[]); // once more: the first programs make way
    assert!(from_one(&mut daemon, 100) < 80);
    systemd.steer_well(&["--off"]);
    assert_eq!(from_one(&mut daemon, 100), 100, "classic BPF is back");
    systemd.steer_well(&["--off"]);
    systemd.steer_well(&[]);
    assert!(from_one(&mut daemon, 100) < 80);
    daemon.stop_well();
    // The sockets have outlived it, and with them the programs, to which nobody counts any more.
    let mut daemon = systemd.start(&keys);
    assert_eq!(from_one(&mut daemon, 100), 100, "the next daemon steers by itself");
    systemd.steer_well(&[]);
    assert!(from_one(&mut daemon, 100) < 80);
    daemon.stop_well();
}

#[test]
fn connections_that_are_there_already_count_as_well() {
    let cpus = my_cpus();
    let systemd = Systemd::new(cpus.len());
    let mut daemon = systemd.start(&format!(r#""worker_c": {}"#, cpus.len()));
    let before = one_by_one(&daemon, cpus[1], 100);
    systemd.steer_well(&[]);
    let after = one_by_one(&daemon, cpus[1], 20);
    let mut expected = vec![0; cpus.len()];
    expected[1] = 100;
    let (open, _) = workers(&mut daemon);
    assert_eq!(open[1], 100, "all of the others go elsewhere: {open:?}");
    // Those that go are taken off, too: it has room again.
    drop(before);
    let start = Instant::now();
    while workers(&mut daemon).0[1] > 0 {
        assert!(start.elapsed() < PATIENCE, "clients that have gone are counted still");
    }
    let more = one_by_one(&daemon, cpus[1], SLACK);
    assert_eq!(workers(&mut daemon).0[1], SLACK);
    drop((after, more));
    daemon.stop_well();
}

#[test]
fn what_is_missing_is_said() {
    let said = |done: Output| {
        assert!(!done.status.success());
        String::from_utf8(done.stderr).unwrap()
    };
    let systemd = Systemd::new(2);
    let daemon = systemd.start(r#""worker_c": 2"#);
    let unable = said(systemd.steer_with("-all,+net_admin", &[]));
    assert!(unable.contains("this takes CAP_BPF"), "{unable}");
    daemon.stop_well();
    let systemd = Systemd::new(1);
    let daemon = systemd.start(r#""worker_c": 1"#);
    let nothing = said(systemd.steer(&[]));
    assert!(nothing.contains("ReusePort=yes"), "{nothing}");
    std::fs::remove_file(systemd.control()).unwrap();
    let nobody = said(systemd.steer(&[]));
    assert!(nobody.contains("systemctl restart ringsocket.service"), "{nobody}");
    daemon.stop_well();
}
