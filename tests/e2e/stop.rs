//! SIGTERM: clients are closed with 1001, apps finish what they have, and the end comes in time.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use ringsocket_tests::client::{Client, Message};
use ringsocket_tests::daemon::Builder;
use ringsocket_tests::frame::{Frame, opcode};
use ringsocket_tests::sys::Signal;

const SHORT_WAITS: &str = r#"{ "stop_wait": 2, "shutdown_wait_ws": 1, "shutdown_wait_http": 1,
    "apps": [ { "name": "faulty", "app_path": "{apps}/faulty.so",
                "endpoints": [ { "endpoint_id": 1, "url": "/faulty" } ] } ] }"#;

#[test]
fn clients_get_1001_and_the_daemon_exits_0() {
    let mut daemon = Builder::new().app("echo").start();
    let mut clients: Vec<Client> = (0..20).map(|_| daemon.connect("/echo")).collect();
    daemon.signal(Signal::Term);
    for client in &mut clients {
        client.expect_close(1001);
        client.close(1001, "").unwrap();
        client.expect_end().unwrap();
    }
    let ended = daemon.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
    assert!(ended.took < Duration::from_secs(5), "{:?}", ended.took);
}

#[test]
fn what_an_app_was_working_on_still_arrives() {
    let mut daemon = Builder::new().app("faulty").start();
    let mut client = daemon.connect("/faulty");
    client.text("slow 500").unwrap();
    client.text("request").unwrap();
    daemon.wait_log("going to sleep");
    daemon.signal(Signal::Term);
    client.expect_text("slept");
    match client.receive().unwrap() {
        Message::Text(_) => drop(client.expect_close(1001)),
        Message::Close(code, _) => assert_eq!(code, 1001),
        other => panic!("{other:?}"),
    }
    client.close(1001, "").unwrap();
    client.expect_end().unwrap();
    assert_eq!(daemon.wait().status.code(), Some(0));
}

#[test]
fn clients_that_do_not_answer_and_apps_that_hang_are_not_waited_for_beyond_the_deadline() {
    let daemon = Builder::new().app("faulty").config(SHORT_WAITS).start();
    let mut hung = daemon.connect("/faulty");
    let _mute = daemon.connect("/faulty");
    let half = Client::tcp(daemon.address()).unwrap();
    hung.text("slow 20000").unwrap();
    daemon.wait_log("going to sleep");
    let ended = daemon.stop();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
    assert!(ended.took < Duration::from_secs(10), "{:?}", ended.took);
    drop(half);
}

#[test]
fn an_idle_daemon_stops_at_once() {
    let ended = Builder::new().app("echo").start().stop_well();
    assert!(ended.took < Duration::from_secs(2), "{:?}", ended.took);
}

#[test]
fn no_new_connection_is_answered_while_it_stops() {
    let mut daemon = Builder::new().app("faulty").start();
    let mut client = daemon.connect("/faulty");
    client.text("slow 3000").unwrap();
    daemon.wait_log("going to sleep");
    daemon.signal(Signal::Term);
    daemon.wait_notice(|line| line == "STOPPING=1");
    // The socket stays systemd's: a connection waits in its backlog for the next start. Workers
    // hear of the stop a moment after systemd does, so the first ones may still be answered.
    let is_answered = || {
        let mut late = Client::tcp(daemon.address()).unwrap();
        late.set_patience(Duration::from_millis(300));
        late.send_raw(b"GET /faulty HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        match late.response(true) {
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            Ok(_) => true,
        }
    };
    let start = Instant::now();
    while is_answered() {
        assert!(start.elapsed() < Duration::from_secs(2), "connections are still answered");
    }
    client.expect_text("slept");
    client.expect_closed(1001);
    assert_eq!(daemon.wait().status.code(), Some(0));
}

#[test]
fn who_broke_the_protocol_and_stays_does_not_hold_up_a_stop() {
    let config = r#"{ "log_level": "info", "stop_wait": 16 }"#;
    let mut daemon = Builder::new().app("echo").config(config).start();
    let broken: Vec<Client> = (0..2)
        .map(|_| {
            let mut client = daemon.connect("/echo");
            client.send(&Frame { mask: None, ..Frame::new(opcode::TEXT, b"x") }).unwrap();
            client.expect_close(1002);
            client
        })
        .collect();
    daemon.signal(Signal::Term);
    let ended = daemon.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
    // An eighth of the time, and not three quarters.
    assert!(ended.took < Duration::from_secs(8), "{:?}", ended.took);
    drop(broken);
}
