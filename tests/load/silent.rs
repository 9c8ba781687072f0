//! As many connections as a machine's limits allow that never send a byte. They cost little, they keep
//! nobody out while there is room, and they are gone after `http_head_wait`.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::{process, sys};

const CONNECTIONS: usize = 10_000;
/// Of the daemon's own memory, for each of them. The kernel's is another matter.
const BYTES_EACH: u64 = 1024;
const HEAD_WAIT: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(30);

fn start() -> Daemon {
    // The daemon inherits the limit.
    sys::raise_descriptor_limit().unwrap();
    let config = format!(
        r#"{{ "fd_alloc_c": {}, "http_head_wait": {}, "shutdown_wait_http": 1, "log_level": "debug",
            "apps": [ {{ "name": "echo", "app_path": "{{apps}}/echo.so",
                "endpoints": [ {{ "endpoint_id": 1, "url": "/echo" }} ] }} ] }}"#,
        CONNECTIONS + 100,
        HEAD_WAIT.as_secs(),
    );
    // With a longer queue than std's 128, beyond which the kernel has a client wait for a second.
    let socket = sys::listen_shared(0).expect("a free port");
    Builder::new().app("echo").config(&config).socket("ws", socket).start()
}

/// Connections from many loopback addresses, since one host may not be allowed so many.
fn connect(daemon: &Daemon) -> Vec<TcpStream> {
    let SocketAddr::V4(address) = daemon.address() else { panic!("the daemon listens on IPv4") };
    let host = |i: usize| Ipv4Addr::new(127, 0, 1 + (i / 200) as u8, 1 + (i % 200) as u8);
    let connect = |i| sys::connect_from(host(i), address).expect("room for everybody");
    (0..CONNECTIONS).map(connect).collect()
}

/// A client comes, is served, and goes.
fn is_served(daemon: &Daemon) {
    let start = Instant::now();
    let mut client = daemon.connect("/echo");
    client.text("beside").unwrap();
    client.expect_text("beside");
    client.close_cleanly();
    assert!(start.elapsed() < Duration::from_secs(3), "it took {:?}", start.elapsed());
}

/// Waits until the daemon has a number of descriptors open that `wanted` likes; clients are served
/// meanwhile.
#[track_caller]
fn wait_descriptors(daemon: &Daemon, wanted: impl Fn(usize) -> bool) {
    let start = Instant::now();
    loop {
        is_served(daemon);
        let open = process::descriptors(daemon.pid()).unwrap();
        if wanted(open) {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{open} descriptors are open");
    }
}

#[test]
fn ten_thousand_connections_that_never_send_are_408_and_gone() {
    let _turn = crate::many_connections();
    let daemon = start();
    is_served(&daemon);
    let descriptors = process::descriptors(daemon.pid()).unwrap();
    let mut good = daemon.connect("/echo");
    let (before, whole) = (process::filled(daemon.pid()), process::resident(daemon.pid()));
    let (before, whole) = (before.unwrap(), whole.unwrap());
    let start = Instant::now();
    let silent = connect(&daemon);
    wait_descriptors(&daemon, |open| open > descriptors + CONNECTIONS);
    assert!(start.elapsed() < HEAD_WAIT, "the machine is too slow for this test");
    let grown = process::filled(daemon.pid()).unwrap().saturating_sub(before);
    let most = CONNECTIONS as u64 * BYTES_EACH;
    assert!(grown < most, "{grown} bytes for {CONNECTIONS} connections");
    // They are given up though they neither read what they are told nor close.
    wait_descriptors(&daemon, |open| open <= descriptors + 1);
    assert!(start.elapsed() >= HEAD_WAIT, "given up after {:?}", start.elapsed());
    let grown = process::resident_peak(daemon.pid()).unwrap().saturating_sub(whole);
    assert!(grown < 4 * most, "{grown} bytes at most for {CONNECTIONS} connections");
    for mut stream in silent {
        let mut answer = Vec::new();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.read_to_end(&mut answer).expect("an answer and the end");
        assert!(answer.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&answer));
    }
    good.text("still here").unwrap();
    good.expect_text("still here");
    good.close_cleanly();
    let log = daemon.stop_well().log;
    assert!(!log.contains("error:") && !log.contains("turned away: "), "{log}");
}
