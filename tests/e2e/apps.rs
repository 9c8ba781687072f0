//! What an app can do through its context: recipients, close, timer, request, log; and the chat.

use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::Builder;
use ringsocket_tests::handshake::Request;

#[test]
fn recipients_are_the_ones_named() {
    let daemon = Builder::new().app("faulty").start();
    let mut clients: Vec<Client> = (0..4).map(|_| daemon.connect("/faulty")).collect();
    // Each is open for the app once it has answered.
    for client in &mut clients {
        client.text("in").unwrap();
        client.expect_text("in");
    }
    clients[0].text("others from the first").unwrap();
    for client in &mut clients[1..] {
        client.expect_text("from the first");
    }
    clients[3].text("pair from the last").unwrap();
    for client in &mut clients[..2] {
        client.expect_text("from the last");
    }
    // Nobody got anything else.
    for mut client in clients {
        client.text("end").unwrap();
        client.expect_text("end");
        client.close_cleanly();
    }
    daemon.stop_well();
}

#[test]
fn broadcast_reaches_clients_of_every_worker() {
    let config = r#"{ "worker_c": 4, "apps": [ { "name": "b", "app_path": "{apps}/broadcast.so",
        "endpoints": [ { "endpoint_id": 1, "url": "/b" } ] } ] }"#;
    let daemon = Builder::new().app("broadcast").config(config).sockets(4).start();
    // Nothing orders the openings of different workers for the app, so each client says a word and
    // waits for it: then the app has seen its opening, and it counts among all.
    let mut clients: Vec<Client> = Vec::new();
    for number in 0..16 {
        let mut client = Client::connect(daemon.addresses()[number % 4], "/b").unwrap();
        client.text("here").unwrap();
        clients.push(client);
        clients.iter_mut().for_each(|client| client.expect_text("here"));
    }
    for size in [0, 10, 20_000, 300_000] {
        let bytes = vec![size as u8; size];
        clients[15].binary(&bytes).unwrap();
        clients.iter_mut().for_each(|client| client.expect_binary(&bytes));
    }
    clients.into_iter().for_each(Client::close_cleanly);
    daemon.stop_well();
}

#[test]
fn the_copy_of_an_app_can_be_read_by_debuggers() {
    let daemon = Builder::new().app("echo").start();
    // They go by the path by which it was loaded, that of a descriptor.
    let folder = std::fs::read_dir(format!("/proc/{}/fd", daemon.pid())).unwrap();
    let mut links = folder.filter_map(|fd| std::fs::read_link(fd.unwrap().path()).ok());
    assert!(links.any(|link| link.to_string_lossy().starts_with("/memfd:echo.so")));
    daemon.stop_well();
}

#[test]
fn what_open_sends_comes_first() {
    let daemon = Builder::new().app("faulty").start();
    let mut client = daemon.connect("/faulty?greet");
    client.expect_text("hello");
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn open_sees_the_request() {
    let daemon = Builder::new().app("faulty").start();
    let request =
        Request::upgrade("some.example:81", "/faulty?a=b%20c").header("User-Agent", "tests");
    let mut client = Client::open(daemon.address(), &request).unwrap();
    client.text("request").unwrap();
    let text = client.receive_text();
    let peer = client.stream().local_addr().unwrap();
    for part in ["path=/faulty query=a=b%20c host=some.example:81", "tests", &peer.to_string()] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn a_timer_fires_while_nothing_else_happens() {
    let daemon = Builder::new().app("faulty").start();
    let mut client = daemon.connect("/faulty");
    let start = std::time::Instant::now();
    client.text("timer 150").unwrap();
    client.expect_text("timer");
    assert!(start.elapsed().as_millis() >= 150);
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn a_log_line_names_the_app() {
    let daemon = Builder::new().app("faulty").start();
    let mut client = daemon.connect("/faulty");
    client.text("log something to remember").unwrap();
    client.text("end").unwrap();
    client.expect_text("end");
    daemon.wait_log_line(&["something to remember", "app=faulty"]);
    client.close_cleanly();
    daemon.stop_well();
}
