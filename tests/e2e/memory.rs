//! How much resident memory the daemon takes before anybody comes, for who is connected and silent,
//! and after a burst.

use std::io::Write;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::mux::Mux;
use ringsocket_tests::soak::echo::Echo;
use ringsocket_tests::soak::{Content, connect};
use ringsocket_tests::sys::Signal;
use ringsocket_tests::{apps, process, sys};

const MIB: u64 = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(30);

/// Two workers and two apps; all else as it is by default, save what a host may have at most.
fn start() -> Daemon {
    let config = r#"{ "worker_c": 2, "max_conn_c_per_addr": 0, "max_handshake_rate_per_addr": 0 }"#;
    Builder::new().app("echo").app("chat").config(config).start()
}

/// Connections that have exchanged messages, and have got all that was theirs.
fn after_talk(daemon: &Daemon, connections: usize, messages: u32, largest: usize) -> Mux {
    let mut mux = connect(daemon.address(), "/echo", connections).unwrap();
    let mut traffic = Echo::new(Content::new(5, largest), connections, messages, 16);
    mux.run(&mut traffic, PATIENCE).unwrap();
    mux
}

/// Waits until the daemon has filled less memory than this, in bytes.
#[track_caller]
fn wait_filled(daemon: &Daemon, most: u64) {
    let start = Instant::now();
    loop {
        let filled = process::filled(daemon.pid()).unwrap();
        if filled < most {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{} KiB, at most {}", filled / 1024, most / 1024);
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn before_anybody_comes_little_is_taken() {
    let daemon = start();
    // Of the program's own pages the kernel maps as many as it likes; `ringsocket-bench` counts them.
    let (what, taken, most) = if apps::bin_dir().ends_with("release") {
        ("beside the program", process::filled(daemon.pid()), 4 * MIB)
    } else {
        // Copies of libraries, and what is written when they are linked, are large in debug builds.
        ("beside code", process::anonymous(daemon.pid()), 12 * MIB)
    };
    let taken = taken.unwrap();
    assert!(taken < most, "{} KiB {what}", taken / 1024);
    daemon.stop_well();
}

#[test]
fn what_a_burst_took_is_given_back() {
    let daemon = start();
    drop(after_talk(&daemon, 2, 10, 1000));
    let before = process::filled(daemon.pid()).unwrap();
    // They stay connected: it is silence that counts.
    // Large messages, which come in part and are many at a time.
    let mux = after_talk(&daemon, 64, 4, 1_000_000);
    let peak = process::resident_peak(daemon.pid()).unwrap();
    assert!(peak > before + 12 * MIB, "no burst: {} KiB, then {}", before / 1024, peak / 1024);
    wait_filled(&daemon, before + 2 * MIB);
    // Rings and buffers are as good as new.
    drop(after_talk(&daemon, 8, 60, 100_000));
    drop(mux);
    daemon.stop_well();
}

/// A daemon with one worker, and the other end of the socket by which it is told when memory is short.
fn start_under_pressure() -> (Daemon, UnixStream) {
    let builder =
        Builder::new().app("echo").config(r#"{ "worker_c": 1, "max_conn_c_per_addr": 0 }"#);
    let path = builder.path().join("pressure");
    let listener = UnixListener::bind(&path).unwrap();
    let daemon = builder.environment("MEMORY_PRESSURE_WATCH", path.to_str().unwrap()).start();
    (daemon, listener.accept().unwrap().0)
}

/// Has messages echoed, few and small, so that no thread is ever idle for long; until memory filled
/// is below `most`, or for so long. What is filled then.
fn filled_amid_talk(daemon: &Daemon, talker: &mut Client, most: u64, patience: Duration) -> u64 {
    let start = Instant::now();
    loop {
        talker.text("still here").unwrap();
        talker.expect_text("still here");
        let filled = process::filled(daemon.pid()).unwrap();
        if filled < most || start.elapsed() > patience {
            return filled;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_a_burst_took_is_given_back_amid_traffic_when_memory_is_short() {
    let (mut daemon, mut pressure) = start_under_pressure();
    drop(after_talk(&daemon, 2, 10, 1000));
    let before = process::filled(daemon.pid()).unwrap();
    let mut talker = daemon.connect("/echo");
    let mux = after_talk(&daemon, 64, 4, 1_000_000);
    let most = before + 2 * MIB;
    // Nobody is idle, so nothing is given back by itself.
    let kept = filled_amid_talk(&daemon, &mut talker, most, Duration::from_secs(3));
    assert!(kept > most + 2 * MIB, "{} KiB, then {}", before / 1024, kept / 1024);
    pressure.write_all(b"short").unwrap();
    let left = filled_amid_talk(&daemon, &mut talker, most, PATIENCE);
    assert!(left < most, "{} KiB, at most {}", left / 1024, most / 1024);
    daemon.wait_log("memory is short");
    // Rings and buffers are as good as new.
    drop(after_talk(&daemon, 8, 60, 100_000));
    drop(mux);
    daemon.signal(Signal::Usr1);
    daemon.wait_log("memory short 1");
    daemon.stop_well();
}

#[test]
fn who_is_silent_takes_no_more_than_a_few_cache_lines() {
    const CONNECTIONS: usize = 4000;
    sys::raise_descriptor_limit().unwrap();
    let daemon = start();
    drop(after_talk(&daemon, 2, 10, 1000));
    let before = process::filled(daemon.pid()).unwrap();
    let mux = after_talk(&daemon, CONNECTIONS, 3, 1000);
    // Beside what a worker touches of its own once, with its first hundreds of connections.
    wait_filled(&daemon, before + MIB / 2 + 200 * CONNECTIONS as u64);
    drop(mux);
    daemon.stop_well();
}
