//! Faults that a review has found, each by a test that shows it: overload, full rings and slow
//! readers at the moments where several of them meet. Single concerns have files of their own.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use ringsocket_tests::client::{Client, Message};
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::frame::{Frame, opcode};
use ringsocket_tests::handshake::Request;
use ringsocket_tests::{process, sys};

const MIB: u64 = 1 << 20;

/// A daemon with the apps `echo`, `faulty` and `broadcast`, one worker, and these keys.
fn with_keys(keys: &str) -> Daemon {
    let app = |name: &str| {
        format!(
            r#"{{ "name": "{name}", "app_path": "{{apps}}/{name}.so",
                  "endpoints": [ {{ "endpoint_id": 1, "url": "/{name}" }} ] }}"#
        )
    };
    let apps = ["echo", "faulty", "broadcast"].map(app).join(", ");
    let config = format!(r#"{{ "worker_c": 1, {keys} "apps": [ {apps} ] }}"#);
    Builder::new().app("echo").app("faulty").app("broadcast").config(&config).start()
}

/// Sends as much as is taken without anything being read meanwhile.
fn send_until_held_back(client: &Client, bytes: &[u8]) {
    client.stream().set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(client.stream().write_all(bytes).is_err(), "it was never held back");
}

/// Reads messages up to a Close frame. Gives its code and how many bytes came before.
fn drain(client: &mut Client) -> (u16, usize) {
    let mut len = 0;
    loop {
        match client.receive().expect("a Close frame before the end") {
            Message::Binary(bytes) => len += bytes.len(),
            Message::Text(text) => len += text.len(),
            Message::Close(code, _) => return (code, len),
            other => panic!("{other:?}"),
        }
    }
}

/// Echo answers without delay, and the daemon is not busy with nothing.
fn is_at_ease(daemon: &Daemon, echo: &mut Client, time: Duration) {
    echo.set_patience(Duration::from_secs(2));
    let (start, mut rounds) = (Instant::now(), 0);
    let before = process::cpu_time(daemon.pid()).unwrap();
    while start.elapsed() < time {
        echo.text("beside").unwrap();
        echo.expect_text("beside");
        std::thread::sleep(Duration::from_millis(20)); // the pace of this client
        rounds += 1;
    }
    let spent = process::cpu_time(daemon.pid()).unwrap() - before;
    assert!(spent < time / 3, "{spent:?} of CPU time for {rounds} rounds in {time:?}");
}

/// An app is busy and its ring full to the last bytes; `end` is how its client comes to a deadline
/// of its connection, of which the app cannot be told.
fn deadline_beside_a_full_ring(keys: &str, end: impl FnOnce(&mut Client)) {
    let daemon = with_keys(&format!(r#""inbound_ring_buf_size": 65536, {keys}"#));
    let mut echo = daemon.connect("/echo");
    let mut ended = daemon.connect("/faulty");
    sys::set_receive_buffer(ended.stream(), 4096).unwrap();
    let mut slow = daemon.connect("/faulty");
    let filler = daemon.connect("/faulty");
    end(&mut ended);
    slow.text("slow 5000").unwrap();
    daemon.wait_log("going to sleep");
    let empty = Frame::new(opcode::TEXT, b"").to_bytes();
    send_until_held_back(&filler, &empty.repeat(2_000_000));
    is_at_ease(&daemon, &mut echo, Duration::from_secs(3));
    slow.expect_text("slept");
    drop((filler, ended));
    slow.close_cleanly();
    echo.close_cleanly();
    daemon.stop_well();
}

#[test]
fn a_write_stall_beside_a_full_ring_harms_no_other_app() {
    let keys = r#""write_stall_wait": 1, "log_level": "info","#;
    deadline_beside_a_full_ring(keys, |client| {
        client.text("flood 1 9000000").unwrap();
        // Its first bytes show that all of it is on the way.
        assert_eq!(client.stream().peek(&mut [0]).unwrap(), 1);
    });
}

#[test]
fn a_close_that_is_not_answered_beside_a_full_ring_harms_no_other_app() {
    let keys = r#""shutdown_wait_ws": 1,"#;
    deadline_beside_a_full_ring(keys, |client| {
        client.text("close 4000").unwrap();
        client.expect_close(4000);
    });
}

#[test]
fn a_small_message_may_follow_a_large_one_to_a_client_that_reads() {
    let daemon = with_keys("");
    let mut client = daemon.connect("/faulty");
    let both = ["flood 1 12000000", "hello"].map(|text| {
        let frame = Frame::new(opcode::TEXT, text.as_bytes());
        frame.to_bytes()
    });
    client.send_raw(&both.concat()).unwrap();
    client.expect_binary(&vec![b'.'; 12_000_000]);
    client.expect_text("hello");
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn a_burst_to_all_of_many_clients_is_bounded_and_complete() {
    const CLIENTS: usize = 1000;
    const MESSAGES: usize = 6000; // more than a worker takes from a ring in one turn
    sys::raise_descriptor_limit().unwrap();
    let daemon = with_keys("");
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| daemon.connect("/broadcast")).collect();
    // The last to come in has been heard by everybody: all are open.
    clients[CLIENTS - 1].text("").unwrap();
    clients.iter_mut().for_each(|client| client.expect_text(""));
    let before = process::resident(daemon.pid()).unwrap();
    let burst = Frame::new(opcode::TEXT, b"").to_bytes().repeat(MESSAGES);
    std::thread::scope(|scope| {
        let mut stream = clients[0].stream();
        scope.spawn(move || stream.write_all(&burst).unwrap());
        for client in &clients {
            client.stream().set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            let mut frames = vec![0; 2 * MESSAGES];
            let mut stream = client.stream();
            stream.read_exact(&mut frames).unwrap();
            assert!(frames.chunks(2).all(|frame| frame == [0x81, 0]), "not the same frames");
        }
    });
    let grown = process::resident_peak(daemon.pid()).unwrap().saturating_sub(before);
    assert!(grown < 60 * MIB, "{} MiB more than before", grown / MIB);
    drop(clients);
    daemon.stop_well();
}

#[test]
fn a_client_of_an_open_that_sends_and_fails_gets_1011() {
    let daemon = with_keys("");
    let mut client = daemon.connect("/faulty?greet-panic");
    assert_eq!(drain(&mut client).0, 1011);
    client.close(1011, "").unwrap();
    client.expect_end().unwrap();
    daemon.connect("/echo").close_cleanly();
    daemon.stop_well();
}

#[test]
fn a_client_gets_all_that_open_has_sent() {
    let daemon = with_keys("");
    for _ in 0..5 {
        let mut client = daemon.connect("/faulty?flood");
        let bytes = vec![b'.'; 1_000_000];
        (0..3).for_each(|_| client.expect_binary(&bytes));
        client.close_cleanly();
    }
    daemon.stop_well();
}

#[test]
fn a_slow_reader_gets_a_close_frame_even_if_the_app_closes_it_too() {
    let daemon = with_keys(r#""max_backpressure": 65536,"#);
    for (count, size) in [(2, 60_000), (1, 60_000), (4, 1_000_000), (100_000, 100)] {
        let mut client = daemon.connect("/faulty");
        sys::set_receive_buffer(client.stream(), 65_536).unwrap();
        let mut other = daemon.connect("/faulty");
        // The first, alone larger than what a worker takes in one turn, fills the kernel's buffers;
        // the others overflow in the turn that holds the Close.
        let commands = ["flood 1 9000000", &format!("farewell {count} {size}")];
        let frames = commands.map(|text| Frame::new(opcode::TEXT, text.as_bytes()).to_bytes());
        client.send_raw(&frames.concat()).unwrap();
        // The app takes one after the other: when this is answered, all of it is on the way.
        other.text("done").unwrap();
        other.expect_text("done");
        let (code, len) = drain(&mut client);
        assert!(matches!(code, 4000 | 1013), "{code} after {len} bytes");
        let is_all = len == 9_000_000 + count * size;
        assert!(code == 4000 || !is_all, "1013 though all came");
        client.close(code, "").unwrap();
        client.expect_end().unwrap();
        other.close_cleanly();
    }
    daemon.stop_well();
}

#[test]
fn everybody_of_many_who_come_at_once_gets_its_101_first() {
    const CLIENTS: usize = 200;
    let daemon = with_keys("");
    for (target, is_text) in [("/faulty?greet", true), ("/faulty?flood", false)] {
        let request = Request::upgrade("localhost", target);
        let connect = |_| Client::tcp(daemon.address()).unwrap();
        let mut clients: Vec<Client> = (0..CLIENTS).map(connect).collect();
        for client in &mut clients {
            client.send_raw(&request.to_bytes()).unwrap();
        }
        for (i, client) in clients.iter_mut().enumerate() {
            let response = client.response(true).unwrap_or_else(|e| panic!("{i}: {e}"));
            assert_eq!(response.status, 101, "{i}: {}", response.text());
            response.check_switching(&request).unwrap();
            if is_text {
                client.expect_text("hello");
            }
        }
    }
    daemon.stop_well();
}

/// An upgrade request with a head of exactly `len` bytes, most of it in Host, which an app gets
/// twice, and in many fields.
fn head(len: usize, fields: usize) -> Vec<u8> {
    let mut request = Request::upgrade("", "/faulty");
    for _ in 0..fields {
        request = request.header("a", "");
    }
    let missing = len - request.to_bytes().len();
    request.with("Host", &"h".repeat(missing)).to_bytes()
}

#[test]
fn the_largest_request_head_fits_into_the_ring_or_the_ring_is_refused() {
    const HEAD: usize = 65_536;
    for ring in [65_536, 131_072, 262_144, 524_288, 1 << 20] {
        let config = format!(
            r#"{{ "worker_c": 1, "max_http_head_size": {HEAD}, "max_http_header_c": 256,
                 "inbound_ring_buf_size": {ring} }}"#
        );
        let mut daemon = Builder::new().app("faulty").app("echo").config(&config).spawn();
        if ring < 4 * HEAD + 4096 {
            let ended = daemon.wait();
            assert_eq!(ended.status.code(), Some(78), "{ring}: {}", ended.log);
            assert!(ended.log.contains("inbound_ring_buf_size"), "{}", ended.log);
            continue;
        }
        daemon.wait_ready();
        for (len, wanted) in [(HEAD, 101), (HEAD - 1, 101), (HEAD + 1, 431)] {
            let mut client = Client::tcp(daemon.address()).unwrap();
            client.send_raw(&head(len, 240)).unwrap();
            let response = client.response(true).unwrap();
            assert_eq!(response.status, wanted, "{len} bytes: {}", response.text());
            if wanted == 101 {
                client.text("in").unwrap();
                client.expect_text("in");
            }
        }
        daemon.connect("/echo").close_cleanly();
        daemon.stop_well();
    }
}

#[test]
fn messages_that_never_become_whole_have_a_budget() {
    const SIZE: usize = 4 << 20;
    const CLIENTS: usize = 40;
    const BUDGET: u64 = 32 << 20;
    let keys = r#""max_ws_msg_size": 4194304, "partial_budget": 33554432,"#;
    let daemon = with_keys(keys);
    let mut early = daemon.connect("/echo");
    let before = process::resident(daemon.pid()).unwrap();
    let announced = Frame { declared: Some(SIZE as u64), ..Frame::new(opcode::BINARY, &[]) };
    let mut bytes = announced.to_bytes();
    bytes.resize(bytes.len() + SIZE - 1, 0);
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| daemon.connect("/echo")).collect();
    for client in &mut clients {
        // Who is closed meanwhile may have its last bytes refused.
        let _ = client.send_raw(&bytes);
    }
    // What was sent before this has been dealt with when it comes back from the same worker's loop:
    // the others' bytes are waited for by asking each of them.
    early.text("beside").unwrap();
    early.expect_text("beside");
    let (mut closed, mut answered) = (0, 0);
    for mut client in clients {
        let _ = client.send_raw(&[0]);
        match client.receive() {
            Ok(Message::Binary(bytes)) if bytes.len() == SIZE => answered += 1,
            Ok(Message::Close(1013, _)) => closed += 1,
            other => panic!("{:?}", other.map(|_| "another message")),
        }
    }
    assert!(closed > 0 && answered > 0, "{closed} closed, {answered} answered");
    let grown = process::resident_peak(daemon.pid()).unwrap().saturating_sub(before);
    assert!(grown < BUDGET + 48 * MIB, "{} MiB more than before", grown / MIB);
    early.close_cleanly();
    daemon.stop_well();
}

#[test]
fn a_page_may_take_longer_than_a_stall_as_long_as_it_goes_on() {
    const SIZE: usize = 12 << 20;
    let page: Vec<u8> = (0..SIZE).map(|i| b'a' + (i % 23) as u8).collect();
    let config = r#"{ "worker_c": 1, "write_stall_wait": 1, "shutdown_wait_http": 1, "ports": [
        { "port_number": {port}, "is_unencrypted": true, "www_root": "{dir}/www" } ] }"#;
    let daemon = Builder::new().config(config).file("www/page.txt", &page).start();
    let mut stream = TcpStream::connect(daemon.address()).unwrap();
    sys::set_receive_buffer(&stream, 65_536).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(&Request::get("localhost", "/page.txt").to_bytes()).unwrap();
    let (start, mut got, mut chunk) = (Instant::now(), Vec::new(), vec![0; 32_768]);
    loop {
        match stream.read(&mut chunk).expect("the whole page") {
            0 => break,
            len => got.extend_from_slice(&chunk[..len]),
        }
        std::thread::sleep(Duration::from_millis(10)); // the pace of this client
    }
    let body = got.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
    assert_eq!(got.len() - body, SIZE, "bytes of the page");
    assert!(got[body..] == page, "another page");
    assert!(start.elapsed() > Duration::from_millis(2500), "faster than the test was meant");
    stream.shutdown(Shutdown::Both).unwrap();
    daemon.stop_well();
}
