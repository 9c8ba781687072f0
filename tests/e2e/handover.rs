//! What a process finds in systemd's store and cannot use: it is dropped, the operator is told, and the
//! daemon serves all the same.

use std::fs::File;
use std::net::TcpStream;
use std::os::fd::OwnedFd;

use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::sys::Signal;

/// A daemon that is killed and started again with that in its store.
fn start_with(stored: Vec<(&str, OwnedFd)>) -> Daemon {
    let mut daemon = Builder::new().app("echo").restartable().start();
    for (name, fd) in stored {
        daemon.store(name, fd);
    }
    daemon.signal(Signal::Kill);
    daemon.start_again();
    daemon.wait_ready();
    daemon
}

fn hold_serving(daemon: Daemon) {
    let mut client = daemon.connect("/echo");
    client.text("still here").unwrap();
    client.expect_text("still here");
    drop(client);
    daemon.stop_well();
}

#[test]
fn what_is_no_state_is_dropped_and_forgotten() {
    let file = |text: &str| {
        let path = std::env::temp_dir().join(format!("ringsocket-state-{}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        let file = File::open(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        OwnedFd::from(file)
    };
    let stored = vec![
        ("ringsocket-handover-state", file(&"no state ".repeat(100))),
        ("ringsocket-handover-of-another-day", file("")),
    ];
    let daemon = start_with(stored);
    daemon.wait_log(
        "what the process before this one has left cannot be used, which loses 0 connections: it \
         is something else",
    );
    assert!(daemon.stored().is_empty(), "{:?}", daemon.stored());
    hold_serving(daemon);
}

#[test]
fn connections_without_a_state_are_closed() {
    // Not in a socket of the right kind either: what is stored under that name is closed anyhow.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (connection, _) = listener.accept().unwrap();
    let daemon = start_with(vec![("ringsocket-handover-connections", connection.into())]);
    daemon.wait_log("has left cannot be used, which loses 0 connections");
    assert!(daemon.stored().is_empty(), "{:?}", daemon.stored());
    assert_eq!(std::io::Read::read(&mut client, &mut [0; 8]).unwrap_or(0), 0);
    hold_serving(daemon);
}
