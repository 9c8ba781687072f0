//! When apps are slow, fail or stop while workers run them; and their timers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ringsocket_tests::client::{Client, Message};
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::frame::{Frame, opcode};
use ringsocket_tests::sys::Signal;

use super::{AMPLE, one_of_each, start, thread_of, worker_of};

/// Sends quick messages until most answers come from a worker.
#[track_caller]
fn prove_quick(client: &mut Client) {
    let mut bytes = Vec::new();
    (0..100).for_each(|_| Frame::new(opcode::TEXT, b"thread").write(&mut bytes));
    for _ in 0..500 {
        client.send_raw(&bytes).unwrap();
        let is_direct = |client: &mut Client| client.receive_text().starts_with("worker ");
        if (0..100).filter(|_| is_direct(client)).count() > 50 {
            return;
        }
    }
    panic!("after 50,000 quick messages no worker calls the app");
}

/// How long the slowest of some echoes takes.
fn slowest_echo(client: &mut Client, count: usize) -> Duration {
    let echo = |_| {
        let start = Instant::now();
        client.text("echo").unwrap();
        client.expect_text("echo");
        start.elapsed()
    };
    (0..count).map(echo).max().unwrap_or_default()
}

#[test]
fn an_app_that_becomes_slow_goes_back_to_its_own_thread_and_returns_when_it_is_quick() {
    let daemon = start(&["faulty", "echo"], "auto", 1, "");
    let mut client = daemon.connect("/faulty");
    assert_eq!(thread_of(&mut client), "app faulty", "nobody is quick without proof");
    prove_quick(&mut client);
    client.text("slow 100").unwrap();
    client.expect_text("slept");
    assert_eq!(thread_of(&mut client), "app faulty");
    let mut bystander = daemon.connect("/echo");
    for _ in 0..3 {
        client.text("slow 1000").unwrap();
        client.text("thread").unwrap();
        let slowest = slowest_echo(&mut bystander, 100);
        assert!(slowest < Duration::from_millis(500), "{slowest:?}");
        client.expect_text("slept");
        client.expect_text("app faulty");
    }
    prove_quick(&mut client);
    drop((client, bystander));
    daemon.stop_well();
}

#[test]
fn a_slow_callback_is_noticed_wherever_it_stands_among_quick_ones() {
    let daemon = start(&["faulty"], "auto", 1, "");
    for quick in 0..20 {
        let mut client = daemon.connect("/faulty");
        prove_quick(&mut client);
        // Together, so that a worker reads them at once.
        let mut bytes = Vec::new();
        (0..quick).for_each(|_| Frame::new(opcode::TEXT, b"quick").write(&mut bytes));
        Frame::new(opcode::TEXT, b"slow 30").write(&mut bytes);
        client.send_raw(&bytes).unwrap();
        (0..quick).for_each(|_| client.expect_text("quick"));
        client.expect_text("slept");
        assert_eq!(thread_of(&mut client), "app faulty", "after {quick} quick ones");
    }
    daemon.stop_well();
}

#[test]
fn timers_that_are_set_on_a_worker_go_off_in_time_also_under_load() {
    let daemon = start(&["faulty"], "any", 2, AMPLE);
    let mut setter = daemon.connect("/faulty");
    worker_of(&mut setter);
    let late = |setter: &mut Client, wait: u64| {
        let start = Instant::now();
        setter.text(&format!("timer {wait}")).unwrap();
        setter.expect_text("timer");
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(wait), "{took:?}");
        took - Duration::from_millis(wait)
    };
    for wait in [1, 100, 20, 300] {
        let late = late(&mut setter, wait);
        assert!(late < Duration::from_millis(500), "{late:?}");
    }
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for mut client in one_of_each(&daemon, "/faulty", 2) {
            let is_over = &is_over;
            scope.spawn(move || {
                let mut bytes = Vec::new();
                (0..300).for_each(|_| Frame::new(opcode::TEXT, b"busy").write(&mut bytes));
                while !is_over.load(Ordering::Relaxed) {
                    client.send_raw(&bytes).unwrap();
                    (0..300).for_each(|_| client.expect_text("busy"));
                }
            });
        }
        let lates: Vec<_> = (0..10).map(|_| late(&mut setter, 50)).collect();
        is_over.store(true, Ordering::Relaxed);
        assert!(lates.iter().all(|late| *late < Duration::from_millis(500)), "{lates:?}");
    });
    drop(setter);
    daemon.stop_well();
}

/// A fault on a worker's thread: all clients of the app are told, on all workers; the others go on.
#[track_caller]
fn fails_alone(daemon: &Daemon, app: &str, clients: Vec<Client>, command: &str) {
    let mut bystanders = one_of_each(daemon, "/other", 2);
    let mut clients = clients;
    clients[0].text(command).unwrap();
    for client in &mut clients {
        client.expect_close(1011);
    }
    daemon.wait_log_line(&[&format!("app={app}"), "app stopped"]);
    for bystander in &mut bystanders {
        worker_of(bystander);
        slowest_echo(bystander, 10);
    }
}

#[test]
fn a_fault_on_a_worker_stops_that_app_alone() {
    for command in ["panic", "timer-panic"] {
        let daemon = start(&["faulty", "other"], "any", 2, "");
        let clients = one_of_each(&daemon, "/faulty", 2);
        fails_alone(&daemon, "faulty", clients, command);
        daemon.stop_well();
    }
    let daemon = start(&["faulty", "other"], "any", 2, "");
    let clients = one_of_each(&daemon, "/faulty", 2);
    drop(Client::connect(daemon.address(), "/faulty?panic"));
    fails_alone(&daemon, "faulty", clients, "too late");
    daemon.stop_well();
}

#[test]
fn a_fatal_return_of_a_c_app_on_a_worker_stops_that_app_alone() {
    let config = r#"{ "worker_c": 2, "apps": [{ "name": "odd", "threads": "any" },
        { "name": "other", "threads": "any" }] }"#;
    let daemon = Builder::new()
        .config(config)
        .sockets_of_one_port(2)
        .c_app("tests/apps/odd.c", &["ODD_READ", "ODD_FLAGS=RS_APP_ANY_THREAD"], "odd")
        .app_as("faulty", "other")
        .start();
    let clients = (0..8).map(|_| daemon.connect("/odd")).collect();
    fails_alone(&daemon, "odd", clients, "anything");
    daemon.stop_well();
}

/// Sends and reads numbered messages until the server closes; gives the code.
fn chatter(client: &mut Client) -> u16 {
    let (mut sent, mut heard) = (0, 0);
    loop {
        for _ in 0..20 {
            // Once the server has closed, it may be gone before this arrives.
            if client.text(&format!("n{sent}")).is_ok() {
                sent += 1;
            }
        }
        for _ in 0..20 {
            match client.receive().expect("a Close frame before the end") {
                Message::Text(text) => assert_eq!(text, format!("n{heard}")),
                Message::Close(code, _) => return code,
                other => panic!("{other:?}"),
            }
            heard += 1;
        }
    }
}

#[test]
fn a_stop_amid_traffic_closes_every_client_and_tells_the_app() {
    for worker_c in [1, 2, 4] {
        let mut daemon = start(&["faulty"], "any", worker_c, "");
        let mut clients: Vec<_> = (0..12).map(|_| daemon.connect("/faulty")).collect();
        clients.iter_mut().for_each(|client| assert!(!thread_of(client).is_empty()));
        thread::scope(|scope| {
            for client in &mut clients {
                scope.spawn(move || {
                    assert_eq!(chatter(client), 1001);
                    let _ = client.close(1001, ""); // the server may be gone
                });
            }
            thread::sleep(Duration::from_millis(200)); // how long the traffic lasts
            daemon.signal(Signal::Term);
        });
        let ended = daemon.wait();
        assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
        assert!(ended.log.contains("the last of 12 clients has gone"), "{}", ended.log);
        assert!(ended.took < Duration::from_secs(5), "{:?}", ended.took);
    }
}
