//! permessage-deflate (RFC 7692), with the real daemon and a client that does it in another way.

use std::io;
use std::time::Instant;

use ringsocket_tests::client::{Client, Message};
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::deflate::Deflate;
use ringsocket_tests::frame::{Frame, opcode};
use ringsocket_tests::handshake::Request;
use ringsocket_tests::process;

const MIB: u64 = 1 << 20;
const EXTENSIONS: &str = "Sec-WebSocket-Extensions";

fn open(daemon: &Daemon, target: &str, offer: &str) -> io::Result<Client> {
    let address = daemon.address();
    let request = Request::upgrade(&address.to_string(), target).header(EXTENSIONS, offer);
    Client::open(address, &request)
}

fn connect(daemon: &Daemon, target: &str, offer: &str) -> Client {
    open(daemon, target, offer).expect("an upgrade")
}

/// What chat servers and dashboards send; no two are alike.
fn json(number: usize, len: usize) -> String {
    let mut text = format!("{{\"number\":{number}");
    while text.len() < len {
        text += &format!(",\"field{}\":\"value of {}\"", text.len(), text.len() * number % 977);
    }
    text.truncate(len - 1);
    text + "}"
}

#[test]
fn messages_go_both_ways_compressed_and_small_ones_as_they_are() {
    let daemon = Builder::new().app("echo").start();
    let mut client = connect(&daemon, "/echo", "permessage-deflate; client_max_window_bits");
    let agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    assert_eq!(client.deflate().agreed, agreed);
    for number in 0..20 {
        let text = json(number, 1024 + 997 * number * number);
        client.compressed_text(&text).unwrap();
        client.expect_text(&text);
        client.text(&text).unwrap();
        client.expect_text(&text);
    }
    assert_eq!(client.deflate().received.len(), 40);
    let sizes = &client.deflate().received;
    assert!(sizes.iter().all(|&size| size < 100_000), "{sizes:?}");
    for small in ["", "x", &"y".repeat(127)] {
        client.compressed_text(small).unwrap();
        client.expect_text(small);
    }
    assert_eq!(client.deflate().received.len(), 40, "below 128 bytes");
    client.text(&"y".repeat(128)).unwrap();
    client.expect_text(&"y".repeat(128));
    assert_eq!(client.deflate().received.len(), 41);
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn contexts_are_taken_over_where_the_configuration_allows_it() {
    let config = r#"{ "deflate_takeover": "both", "deflate_min_size": 0 }"#;
    let daemon = Builder::new().app("echo").config(config).start();
    let mut client = connect(&daemon, "/echo", "permessage-deflate");
    assert_eq!(client.deflate().agreed, "permessage-deflate");
    let text = json(7, 600);
    for round in 0..50 {
        client.compressed_text(&text).unwrap();
        client.expect_text(&text);
        // These do not shrink, and must not bring anybody out of step.
        client.compressed_text(&format!("{round}")).unwrap();
        client.expect_text(&format!("{round}"));
    }
    let sizes = client.deflate().received.clone();
    assert_eq!(sizes.len(), 50, "the numbers went as they are");
    assert!(sizes[0] > 60 && sizes[1..].iter().all(|&size| size < 30), "{sizes:?}");
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn windows_of_every_size_are_agreed_on_and_kept_to() {
    for takeover in ["none", "both"] {
        let config = format!(r#"{{ "deflate_takeover": "{takeover}" }}"#);
        let daemon = Builder::new().app("echo").config(&config).start();
        for bits in 9..=15 {
            let offer = format!(
                "permessage-deflate; server_max_window_bits={bits}; client_max_window_bits={bits}"
            );
            let mut client = connect(&daemon, "/echo", &offer);
            let told = format!("server_max_window_bits={bits}");
            assert!(client.deflate().agreed.contains(&told), "{}", client.deflate().agreed);
            for number in 0..10 {
                // Longer than any window, and repeating itself beyond the smaller ones.
                let text = json(3, 20_000).repeat(number / 2 + 1);
                client.compressed_text(&text).unwrap();
                client.expect_text(&text);
            }
            client.close_cleanly();
        }
        daemon.stop_well();
    }
}

#[test]
fn a_window_of_8_bits_is_declined_and_so_is_everything_if_the_configuration_says_so() {
    let daemon = Builder::new().app("echo").start();
    let address = daemon.address();
    let answer = |offer: &str| {
        let request = Request::upgrade(&address.to_string(), "/echo").header(EXTENSIONS, offer);
        let mut client = Client::tcp(address).unwrap();
        client.send_raw(&request.to_bytes()).unwrap();
        let response = client.response(true).unwrap();
        (response.status, response.value(EXTENSIONS).map(str::to_owned))
    };
    assert_eq!(answer("permessage-deflate; server_max_window_bits=8"), (101, None));
    assert_eq!(answer("permessage-deflate; no_such_thing"), (101, None));
    assert_eq!(answer("permessage-deflate; server_max_window_bits=8, permessage-deflate").0, 101);
    assert_eq!(answer("permessage-deflate; ="), (400, None));
    daemon.stop_well();
    let daemon = Builder::new().app("echo").config(r#"{ "deflate_level": 0 }"#).start();
    let mut client = Client::tcp(daemon.address()).unwrap();
    let request = Request::upgrade("a", "/echo").header(EXTENSIONS, "permessage-deflate");
    client.send_raw(&request.to_bytes()).unwrap();
    assert_eq!(client.response(true).unwrap().value(EXTENSIONS), None);
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn bombs_end_at_the_limit_and_cost_nobody_else_anything() {
    let config = r#"{ "log_level": "info", "max_ws_msg_size": 4194304 }"#;
    let daemon = Builder::new().app("echo").config(config).start();
    let mut good = connect(&daemon, "/echo", "permessage-deflate");
    good.compressed_text(&json(1, 100_000)).unwrap();
    good.expect_text(&json(1, 100_000));
    let before = process::resident(daemon.pid()).unwrap();
    // 64 MiB of zeros in about 64 KiB: 1000 to 1.
    let mut compressor = Deflate::new("permessage-deflate").unwrap();
    let bomb = compressor.compress(&vec![0; 64 << 20]);
    assert!(bomb.len() < 68_000, "{} bytes", bomb.len());
    for _ in 0..4 {
        let mut bomber = connect(&daemon, "/echo", "permessage-deflate");
        bomber.send(&Frame { rsv: 4, ..Frame::new(opcode::BINARY, &bomb) }).unwrap();
        bomber.expect_close(1009);
        let began = Instant::now();
        good.compressed_text("still here").unwrap();
        good.expect_text("still here");
        assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    }
    let grown = process::resident_peak(daemon.pid()).unwrap().saturating_sub(before);
    assert!(grown < 32 * MIB, "{} MiB more than before", grown / MIB);
    daemon.wait_log("closed with 1009: a message is larger than the limit when inflated");
    let mut liar = connect(&daemon, "/echo", "permessage-deflate");
    liar.send(&Frame { rsv: 4, ..Frame::new(opcode::BINARY, &[0xff; 10]) }).unwrap();
    liar.expect_close(1007);
    good.close_cleanly();
    daemon.stop_well();
}

#[test]
fn a_broadcast_reaches_peers_of_all_kinds_in_order() {
    let config = r#"{ "deflate_takeover": "server", "deflate_takeover_c": 8, "worker_c": 2 }"#;
    let daemon = Builder::new().app("broadcast").config(config).sockets_of_one_port(2).start();
    let offers = [
        "permessage-deflate",
        "permessage-deflate; server_no_context_takeover",
        "permessage-deflate; server_no_context_takeover; server_max_window_bits=10",
        "permessage-deflate; server_max_window_bits=9",
    ];
    let mut clients: Vec<Client> =
        (0..40).map(|at| connect(&daemon, "/broadcast", offers[at % 4])).collect();
    clients.extend((0..10).map(|_| daemon.connect("/broadcast")));
    let with_context =
        |client: &&Client| !client.deflate().agreed.contains("server_no_context_takeover");
    assert_eq!(clients[..40].iter().filter(with_context).count(), 8, "deflate_takeover_c");
    let texts: Vec<String> =
        (0..30).map(|number| json(number, if number % 3 == 0 { 20 } else { 3000 })).collect();
    // Who has its own words back is open, and gets all that comes later.
    for (at, client) in clients.iter_mut().enumerate() {
        let own = format!("client {at}");
        client.text(&own).unwrap();
        while client.receive_text() != own {}
    }
    clients[0].text("now").unwrap();
    for text in &texts {
        clients[0].text(text).unwrap();
    }
    for client in &mut clients {
        while client.receive_text() != "now" {}
        for text in &texts {
            client.expect_text(text);
        }
    }
    // Who leaves makes room for another that takes its context over.
    drop(clients);
    let deadline = Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let client = connect(&daemon, "/broadcast", "permessage-deflate");
        if with_context(&&client) {
            break;
        }
        assert!(Instant::now() < deadline, "no place became free");
    }
    daemon.stop_well();
}

#[test]
fn a_broadcast_to_a_thousand_is_compressed_once_for_each_worker_and_window() {
    let config = r#"{ "worker_c": 2, "max_conn_c_per_addr": 0, "log_level": "notice" }"#;
    let daemon = Builder::new().app("broadcast").config(config).sockets_of_one_port(2).start();
    let windows = ["permessage-deflate", "permessage-deflate; server_max_window_bits=11"];
    let mut clients: Vec<Client> =
        (0..1000).map(|at| connect(&daemon, "/broadcast?greet", windows[at % 2])).collect();
    clients.iter_mut().for_each(|client| client.expect_text("hello"));
    let text = json(1, 1024);
    clients[0].text(&text).unwrap();
    for client in &mut clients {
        client.expect_text(&text);
        assert_eq!(client.deflate().received.len(), 1);
    }
    drop(clients);
    // Two workers, each with peers of two windows.
    let log = daemon.stop_well().log;
    assert!(log.contains("compressed 4"), "{log}");
}

#[test]
fn a_large_broadcast_is_compressed_for_no_more_contexts_than_a_turn_has_time_for() {
    let config = r#"{ "worker_c": 1, "deflate_takeover": "server", "log_level": "notice" }"#;
    let daemon = Builder::new().app("broadcast").config(config).start();
    let mut clients: Vec<Client> =
        (0..8).map(|_| connect(&daemon, "/broadcast", "permessage-deflate")).collect();
    // Four times 5 MiB are more than 16 MiB: the other four share one. All stay in step, where the
    // last would refer to the first if the second were not in everybody's window.
    let (small, large) = (json(1, 1024), "x".repeat(5 << 20));
    for text in [&small, &large, &small] {
        clients[0].compressed_text(text).unwrap();
        clients.iter_mut().for_each(|client| client.expect_text(text));
    }
    assert!(clients.iter_mut().all(|client| client.deflate().received.len() == 3));
    drop(clients);
    let log = daemon.stop_well().log;
    assert!(log.contains("compressed 21"), "{log}");
}

#[test]
fn an_answer_of_the_client_that_cannot_be_inflated_ends_only_its_own_connection() {
    let daemon = Builder::new().app("echo").start();
    let mut other = connect(&daemon, "/echo", "permessage-deflate");
    let mut client = connect(&daemon, "/echo", "permessage-deflate");
    client.compressed_text(&json(1, 500)).unwrap();
    client.expect_text(&json(1, 500));
    client.send(&Frame { rsv: 4, ..Frame::new(opcode::TEXT, &[0x02, 0x00, 0x11]) }).unwrap();
    client.expect_close(1007);
    assert_eq!(client.receive().unwrap(), Message::End);
    other.compressed_text(&json(2, 500)).unwrap();
    other.expect_text(&json(2, 500));
    other.close_cleanly();
    daemon.stop_well();
}
