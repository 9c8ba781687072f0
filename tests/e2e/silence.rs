//! Silent clients: pings, the wait for an answer, and who must not be taken for silent.

use std::io::Read;
use std::time::{Duration, Instant};

use ringsocket_tests::client::{Client, Message};
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::frame::{Frame, opcode};
use ringsocket_tests::sys;

const SECOND: Duration = Duration::from_secs(1);

/// How much later than asked for something may happen: 100 ms by the daemon's clock, and what a
/// busy machine adds.
const SLACK: Duration = Duration::from_secs(2);

/// A daemon with these apps and keys, one worker, and pings after one second of silence, to be
/// answered within one.
fn impatient(apps: &[&str], keys: &str) -> Daemon {
    let entry = |name: &&str| {
        format!(
            r#"{{ "name": "{name}", "app_path": "{{apps}}/{name}.so",
                  "endpoints": [ {{ "endpoint_id": 1, "url": "/{name}" }} ] }}"#
        )
    };
    let list: Vec<_> = apps.iter().map(entry).collect();
    let config = format!(
        r#"{{ "worker_c": 1, "log_level": "info", "ping_wait": 1, "pong_wait": 1, {keys}
              "apps": [ {} ] }}"#,
        list.join(", ")
    );
    apps.iter().fold(Builder::new(), |builder, app| builder.app(app)).config(&config).start()
}

#[track_caller]
fn expect_ping(client: &mut Client) {
    assert_eq!(client.receive().unwrap(), Message::Ping(Vec::new()));
}

fn pong(client: &mut Client) {
    client.send(&Frame::new(opcode::PONG, b"")).unwrap();
}

/// A wait for answers that is longer than the one before a ping must not put the next ping off.
#[test]
fn an_answer_brings_the_next_ping_nearer_than_the_end_of_the_wait_for_it() {
    let config = r#"{ "ping_wait": 1, "pong_wait": 60 }"#;
    let daemon = Builder::new().app("echo").config(config).start();
    let mut client = daemon.connect("/echo");
    for _ in 0..3 {
        let start = Instant::now();
        expect_ping(&mut client);
        assert!(start.elapsed() < SECOND + SLACK, "a ping after {:?}", start.elapsed());
        pong(&mut client);
    }
    client.close_cleanly();
    daemon.stop_well();
}

/// Answers pings until `end`; nothing else may come.
fn answer_until(client: &mut Client, end: Instant) -> usize {
    let mut pings = 0;
    while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    {
        client.set_patience(left);
        match client.receive() {
            Ok(Message::Ping(_)) => pong(client),
            Ok(other) => panic!("wanted a ping, got {other:?}"),
            Err(_) => break,
        }
        pings += 1;
    }
    client.set_patience(Duration::from_secs(20));
    pings
}

#[test]
fn rfc6455_5_5_2_a_silent_client_that_answers_stays() {
    let daemon = impatient(&["echo"], "");
    let mut client = daemon.connect("/echo");
    let start = Instant::now();
    expect_ping(&mut client);
    let waited = start.elapsed();
    assert!(waited > SECOND * 9 / 10 && waited < SECOND + SLACK, "a ping after {waited:?}");
    pong(&mut client);
    assert!(answer_until(&mut client, start + 5 * SECOND) >= 2);
    client.text("still there").unwrap();
    client.expect_text("still there");
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn a_client_that_does_not_answer_is_closed_with_1008_and_its_app_hears() {
    let daemon = impatient(&["witness"], r#""shutdown_wait_ws": 1,"#);
    let mut client = daemon.connect("/witness");
    expect_ping(&mut client);
    let start = Instant::now();
    assert_eq!(client.expect_close(1008), "no answer to a ping");
    let waited = start.elapsed();
    assert!(waited > SECOND * 9 / 10 && waited < SECOND + SLACK, "closed after {waited:?}");
    // It does not answer the Close either, and is dropped.
    client.expect_end().unwrap();
    daemon.wait_log("closed with 1008: no answer to a ping within 1s (pong_wait)");
    let mut witness = daemon.connect("/witness");
    witness.text("report").unwrap();
    let report = witness.receive_text();
    assert!(report.contains("1008 no answer to a ping"), "{report}");
    witness.close_cleanly();
    daemon.stop_well();
}

#[test]
fn a_client_that_sends_gets_no_ping_whatever_it_sends() {
    let daemon = impatient(&["echo"], "");
    let mut texts = daemon.connect("/echo");
    let mut crumbs = daemon.connect("/echo");
    let mut pongs = daemon.connect("/echo");
    // A byte at a time of a frame counts as much as a message, or a pong that nobody asked for.
    let frame = Frame::new(opcode::TEXT, b"slowly").to_bytes();
    for byte in &frame {
        texts.text("here").unwrap();
        texts.expect_text("here");
        crumbs.send_raw(std::slice::from_ref(byte)).unwrap();
        pong(&mut pongs);
        std::thread::sleep(SECOND / 3); // the pace of these clients
    }
    crumbs.expect_text("slowly");
    for client in [texts, crumbs, pongs] {
        client.close_cleanly();
    }
    daemon.stop_well();
}

#[test]
fn clients_of_an_app_that_is_busy_are_not_silent() {
    // The ring is full for seconds: nobody of this app is read, so nobody's pong is.
    let keys = r#""inbound_ring_buf_size": 65536,"#;
    let daemon = impatient(&["faulty", "echo"], keys);
    let mut slow = daemon.connect("/faulty");
    let mut quiet = daemon.connect("/faulty");
    let mut filler = daemon.connect("/faulty");
    let mut other = daemon.connect("/echo");
    slow.text("slow 6000").unwrap();
    daemon.wait_log("going to sleep");
    let start = Instant::now();
    let flood = Frame::new(opcode::TEXT, b"").to_bytes().repeat(20_000);
    filler.send_raw(&flood).unwrap();
    // What the daemon does not read meanwhile is the answer.
    let pinged = answer_until(&mut other, start + 5 * SECOND);
    assert!(pinged >= 2, "{pinged} pings to the client of another app");
    for client in [&mut slow, &mut quiet, &mut filler] {
        pong(client);
    }
    loop {
        match slow.receive().unwrap() {
            Message::Ping(_) => pong(&mut slow),
            Message::Text(text) => break assert_eq!(text, "slept"),
            other => panic!("{other:?}"),
        }
    }
    assert!(!daemon.log().contains("closed with"), "{}", daemon.log());
    drop((slow, quiet, filler, other));
    daemon.stop_well();
}

#[test]
fn a_client_that_reads_slowly_is_not_silent() {
    // Little enough waits for it that it is read; but a ping would wait behind that.
    let daemon = impatient(&["faulty"], r#""max_backpressure": 100000000,"#);
    let mut client = daemon.connect("/faulty");
    sys::set_receive_buffer(client.stream(), 65_536).unwrap();
    client.text("flood 1 12000000").unwrap();
    let (stream, _) = client.into_stream();
    let (mut taken, mut buffer) = (0, vec![0; 64 * 1024]);
    std::thread::sleep(3 * SECOND); // longer than both waits
    let start = Instant::now();
    while start.elapsed() < 4 * SECOND {
        let count = (&stream).read(&mut buffer).unwrap();
        assert!(count > 0, "the end after {taken} bytes; {}", daemon.log());
        taken += count;
        std::thread::sleep(SECOND / 25); // the pace of this client
    }
    assert!(taken < 12_000_000, "it read too fast to show anything");
    assert!(!daemon.log().contains("closed with"), "{}", daemon.log());
    drop(stream);
    daemon.stop_well();
}

#[test]
fn a_client_that_is_not_read_while_it_takes_nothing_is_not_silent() {
    // It has sent much more than it takes back, so it is not read; its pong waits among the rest.
    // Little is under way to the app and back, so that it is held back before it is closed.
    let keys = r#""max_ws_msg_size": 65536, "inbound_block_budget": 65536,
                  "outbound_block_budget": 65536,"#;
    let daemon = impatient(&["echo"], keys);
    let mut client = daemon.connect("/echo");
    sys::set_receive_buffer(client.stream(), 65_536).unwrap();
    client.stream().set_write_timeout(Some(SECOND)).unwrap();
    let bytes = vec![1; 50_000];
    let most = 200 << 20;
    let mut sent = 0;
    while client.binary(&bytes).is_ok() {
        sent += 1;
        assert!(sent * bytes.len() < most, "it was never held back");
    }
    std::thread::sleep(4 * SECOND); // longer than both waits
    for _ in 0..sent {
        client.expect_binary(&bytes);
    }
    assert!(!daemon.log().contains("closed with"), "{}", daemon.log());
    drop(client);
    daemon.stop_well();
}

#[test]
fn answers_that_came_while_the_daemon_did_not_run_count() {
    let mut daemon = impatient(&["echo"], r#""epoll_buf_elem_c": 1,"#);
    let mut clients: Vec<_> = (0..50).map(|_| daemon.connect("/echo")).collect();
    clients.iter_mut().for_each(expect_ping);
    daemon.signal(sys::Signal::Stop);
    clients.iter_mut().for_each(pong);
    std::thread::sleep(3 * SECOND);
    daemon.signal(sys::Signal::Continue);
    for client in &mut clients {
        client.text("here").unwrap();
        match client.receive().unwrap() {
            Message::Ping(_) => client.expect_text("here"),
            other => assert_eq!(other, Message::Text("here".to_owned())),
        }
    }
    assert!(!daemon.log().contains("closed with"), "{}", daemon.log());
    drop(clients);
    daemon.stop_well();
}
