//! Apps that misbehave without failing, and what the others see of it. What becomes of apps that
//! panic, throw or say that they have failed is in `faults`, `c_apps` and `cpp_apps`; of those that
//! hang while the daemon stops, in `stop`.

use std::time::{Duration, Instant};

use ringsocket_tests::client::{Client, Message};
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::process;

fn start() -> Daemon {
    Builder::new()
        .app("echo")
        .app("faulty")
        .c_app("tests/apps/misbehaves.c", &[], "misbehaves")
        .start()
}

#[track_caller]
fn echo_works(daemon: &Daemon) {
    let mut client = daemon.connect("/echo");
    client.text("unharmed").unwrap();
    client.expect_text("unharmed");
    client.close_cleanly();
}

#[test]
fn what_is_sent_to_the_dead_reaches_nobody_and_is_no_fault() {
    let daemon = start();
    daemon.connect("/misbehaves").close_cleanly();
    daemon.wait_log("one is gone");
    let mut client = daemon.connect("/misbehaves");
    client.text("dead").unwrap();
    // RS_OK for each send, RS_E_CLIENT for each close.
    client.expect_text("0 -1,0 -1,0 -1,0 -1,");
    client.text("still here").unwrap();
    client.expect_text("still here");
    client.close_cleanly();
    echo_works(&daemon);
    daemon.stop_well();
}

#[test]
fn a_message_of_a_gibibyte_is_refused_and_costs_nothing() {
    let daemon = start();
    let mut client = daemon.connect("/misbehaves");
    client.text("gibibyte").unwrap();
    client.expect_text("too large");
    assert!(process::resident_peak(daemon.pid()).unwrap() < 200 << 20);
    client.close_cleanly();
    echo_works(&daemon);
    daemon.stop_well();
}

/// In messages that are each allowed, to a client that reads nothing meanwhile.
#[test]
fn a_gibibyte_in_many_messages_is_given_up_with_its_client_alone() {
    let daemon = start();
    let mut bystander = daemon.connect("/echo");
    let mut other = daemon.connect("/faulty");
    let mut client = daemon.connect("/faulty");
    client.text(&format!("flood 64 {}", 16 << 20)).unwrap();
    bystander.text("unharmed").unwrap();
    bystander.expect_text("unharmed");
    // The app has done with it, and so with all that the client was sent.
    other.text("done").unwrap();
    other.expect_text("done");
    let peak = process::resident_peak(daemon.pid()).unwrap();
    assert!(peak < 400 << 20, "{} MiB", peak >> 20);
    let end = loop {
        match client.receive() {
            Ok(Message::Binary(bytes)) => assert_eq!(bytes.len(), 16 << 20),
            end => break end,
        }
    };
    // Told so if it still reads, and else cut off.
    assert!(matches!(end, Ok(Message::Close(1013, _)) | Err(_)), "{end:?}");
    echo_works(&daemon);
    drop((bystander, other, client));
    daemon.stop_well();
}

#[test]
fn while_an_app_hangs_for_ten_seconds_its_own_clients_wait_and_no_others() {
    let daemon = start();
    let mut client = daemon.connect("/misbehaves");
    let mut waits = daemon.connect("/misbehaves");
    client.text("hang").unwrap();
    daemon.wait_log("hanging");
    let start = Instant::now();
    waits.text("when it is back").unwrap();
    let mut newcomer = daemon.connect("/misbehaves");
    newcomer.text("newly come").unwrap();
    for _ in 0..100 {
        echo_works(&daemon);
    }
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    for client in [&mut client, &mut waits, &mut newcomer] {
        client.set_patience(Duration::from_secs(20));
    }
    client.expect_text("back again");
    assert!(start.elapsed() > Duration::from_secs(9), "{:?}", start.elapsed());
    waits.expect_text("when it is back");
    newcomer.expect_text("newly come");
    echo_works(&daemon);
    [client, waits, newcomer].into_iter().for_each(Client::close_cleanly);
    daemon.stop_well();
}

/// Nothing in a process can stop a library from ending it: all connections end with it, and systemd
/// starts another daemon, as the status is not 0.
#[test]
fn an_app_that_exits_takes_the_server_with_it_and_its_status_is_seen() {
    let daemon = start();
    let mut bystander = daemon.connect("/echo");
    let mut client = daemon.connect("/misbehaves");
    client.text("exit").unwrap();
    assert!(client.expect_end().is_ok() || client.receive().is_err());
    assert!(bystander.expect_end().is_ok() || bystander.receive().is_err());
    let ended = daemon.wait();
    assert_eq!(ended.status.code(), Some(3), "{}", ended.log);
}
