//! Helpers: recipients, numbers, closing, what they tell of clients, requests and configuration, and
//! the log.

use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::handshake::Request;

const SOURCES: [&str; 2] = ["tests/apps/helpers.c", "tests/apps/helpers-more.c"];

fn start(flags: &str) -> Daemon {
    let define = format!("HELPERS_FLAGS={flags}");
    let config = r#"{ "worker_c": 2, "max_ws_msg_size": 70000, "apps": [ { "name": "helpers",
        "app_path": "{apps}/helpers.so", "endpoints": [ { "endpoint_id": 1, "url": "/helpers" },
        { "endpoint_id": 65535, "url": "/other" } ] } ] }"#;
    let builder = Builder::new().c_app_of(&SOURCES, &[&define], "helpers");
    builder.config(config).sockets(2).start()
}

/// A client that has been greeted, and its number.
fn enter(daemon: &Daemon, socket: usize) -> (Client, u64) {
    let mut client = Client::connect(daemon.addresses()[socket], "/helpers").unwrap();
    client.expect_text("/helpers||||1");
    let id = ask(&mut client, "id").parse().unwrap();
    assert_ne!(id, 0);
    (client, id)
}

#[track_caller]
fn ask(client: &mut Client, what: &str) -> String {
    client.text(what).unwrap();
    client.receive_text()
}

/// All have got what was sent to them and nothing else.
#[track_caller]
fn at_rest(clients: &mut [(Client, u64)]) {
    for (client, _) in clients {
        assert_eq!(ask(client, "kind"), "text");
    }
}

/// Says `verb` and `ids`; those of `receivers` get the verb, and nobody else anything.
#[track_caller]
fn reaches(clients: &mut [(Client, u64)], verb: &str, ids: &[u64], receivers: &[usize]) {
    let words: Vec<String> = ids.iter().map(|id| format!(" {id}")).collect();
    clients[0].0.text(&format!("{verb}{}", words.concat())).unwrap();
    for receiver in receivers {
        clients[*receiver].0.expect_text(verb);
    }
    at_rest(clients);
}

fn every_rs_to_reaches_whom_it_names(flags: &str) {
    let daemon = start(flags);
    let mut clients: Vec<(Client, u64)> = (0..4).map(|i| enter(&daemon, i % 2)).collect();
    let ids: Vec<u64> = clients.iter().map(|client| client.1).collect();
    let all = &mut clients[..];
    reaches(all, "to_cur", &[], &[0]);
    reaches(all, "to_single", &[ids[1]], &[1]);
    reaches(all, "to_single", &[ids[0]], &[0]);
    reaches(all, "to_single", &[ids[3] + 1_000_000], &[]);
    reaches(all, "to_multi", &ids[1..3], &[1, 2]);
    reaches(all, "to_multi", &[], &[]);
    // Twice is once.
    reaches(all, "to_multi", &[ids[2], ids[0], ids[2], ids[2]], &[0, 2]);
    reaches(all, "to_every", &[], &[0, 1, 2, 3]);
    reaches(all, "to_ex_cur", &[], &[1, 2, 3]);
    reaches(all, "to_ex_single", &[ids[1]], &[0, 2, 3]);
    reaches(all, "to_ex_multi", &[ids[0], ids[3], ids[0]], &[1, 2]);
    reaches(all, "to_ex_multi", &[], &[0, 1, 2, 3]);
    reaches(all, "to_ex_multi", &ids, &[]);
    drop(clients);
    daemon.stop_well();
}

#[test]
fn every_rs_to_reaches_whom_it_names_on_the_apps_thread() {
    every_rs_to_reaches_whom_it_names("0");
}

#[test]
fn every_rs_to_reaches_whom_it_names_on_any_thread() {
    every_rs_to_reaches_whom_it_names("RS_APP_ANY_THREAD");
}

#[test]
fn what_is_written_piece_by_piece_is_one_message() {
    let daemon = start("0");
    let (mut client, _) = enter(&daemon, 0);
    let numbers: [&[u8]; 5] = [
        &[1, 2, 3, b'a', b'b', 0xfe, 0xfe],
        &[1, 2, 0xff, 0xfe, 1, 2, 3, 4, 0xff, 0xff, 0xff, 0xfe],
        &[1, 2, 3, 4, 5, 6, 7, 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe],
        &[1, 2, 1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8],
        &[0xff, 0xfe, 0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe],
    ];
    for _ in 0..2 {
        client.text("numbers").unwrap();
        client.expect_binary(&numbers.concat());
    }
    // Text that is none is not sent, and does not stay for the next message.
    client.text("no text").unwrap();
    assert_eq!(ask(&mut client, "kind"), "text");
    daemon.wait_log_line(&["error", "rs_to_cur(): the message is no UTF-8 text", "app=helpers"]);
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn helpers_know_client_request_configuration_and_data() {
    let daemon = start("0");
    daemon.wait_log_line(&["data 0 0, worker_c 2, max_ws_msg_size 70000", "app=helpers"]);
    let request = Request::upgrade("localhost", "/other?some=query")
        .header("Sec-WebSocket-Protocol", "x, helpers.v2")
        .header("x-Name", "first")
        .header("x-name", "second");
    let mut client = Client::open(daemon.address(), &request).unwrap();
    client.expect_text("/other|some=query|helpers.v2|first|1");
    let address = client.stream().local_addr().unwrap();
    assert_eq!(ask(&mut client, "address"), format!("0 1 {address}"));
    assert_eq!(ask(&mut client, "endpoint"), "65535");
    client.binary(b"kind").unwrap();
    client.expect_text("binary");
    assert_eq!(ask(&mut client, "counts"), "1 4");
    let (mut other, _) = enter(&daemon, 1);
    assert_eq!(ask(&mut other, "counts"), "2 6");
    assert_eq!(ask(&mut other, "endpoint"), "1");
    drop((client, other));
    daemon.stop_well();
}

#[test]
fn apps_close_clients_with_codes_of_their_own() {
    let daemon = start("0");
    let (mut watcher, _) = enter(&daemon, 0);
    // How, the code that arrives, and the reason.
    let ways = [
        ("close_cur 4000", 4000, ""),
        ("close_cur 4899", 4899, ""),
        ("close {id} 4001", 4001, ""),
        ("close {id} 4002 because", 4002, "because"),
        ("close {id} 1000", 4899, ""),
        ("close_cur 4900", 4899, ""),
        ("return 4321", 4321, ""),
    ];
    for (words, code, reason) in ways {
        let (mut client, id) = enter(&daemon, 1);
        client.text(&words.replace("{id}", &id.to_string())).unwrap();
        assert_eq!(client.expect_close(code), reason, "{words}");
        client.close(code, "ok").unwrap();
        let gone = watcher.receive_text();
        assert_eq!(gone, format!("gone {id} from 1 with {code} ok"), "{words}");
    }
    daemon.wait_log_line(&["error", "rs_close(): 1000 becomes 4899", "app=helpers"]);
    daemon.wait_log_line(&["error", "rs_close_cur(): 4900 becomes 4899", "app=helpers"]);
    // Whoever is gone needs no closing.
    watcher.text("close 77 4000").unwrap();
    at_rest(&mut [(watcher, 0)]);
    let mut away = daemon.connect("/helpers?away");
    away.expect_text("/helpers|away|||1");
    away.expect_closed(4123);
    daemon.stop_well();
}

#[test]
fn log_lines_come_from_any_function_file_and_thread() {
    let daemon = start("0");
    let (mut client, _) = enter(&daemon, 0);
    client.text("log").unwrap();
    for words in [
        ["notice", "log_from_elsewhere()"],
        ["notice", "plain"],
        ["warning", "7 of nine"],
        // What is not logged costs next to nothing.
        ["notice", "evaluated 0 times"],
        ["error", "cannot open it: No such file or directory"],
        ["error", "log_from_elsewhere(): Permission denied"],
        ["notice", "errno is still 1"],
        ["notice", "main: with a name"],
    ] {
        daemon.wait_log_line(&[words[0], &format!(": {}", words[1]), "app=helpers"]);
    }
    client.text("thread").unwrap();
    daemon.wait_log_line(&["<5>diver: under water", "helpers.c", "other_thread"]);
    daemon.wait_log_line(&["<3>diver: rs_to_every() is for callbacks, on their thread"]);
    at_rest(&mut [(client, 0)]);
    daemon.stop_well();
}
