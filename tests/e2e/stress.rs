//! The stress app by hand: each way to send reaches whom it names, and what does not come back as it
//! should is counted, told and logged. The same with a thousand clients is in `load` and `soak`.

use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::{Builder, Daemon};

fn start() -> Daemon {
    Builder::new().c_app("apps/stress/stress.c", &[], "stress").start()
}

/// A client that has been told its seat.
fn sit_down(daemon: &Daemon, seat: u32) -> Client {
    let mut client = daemon.connect("/stress");
    client.expect_binary(&[&[0][..], &seat.to_be_bytes()].concat());
    client
}

/// Asks for a message of `size` bytes.
fn ask(client: &mut Client, way: u8, size: u32, seats: &[u32]) {
    let mut bytes = vec![1, way, 0, 0, 0, 7];
    bytes.extend_from_slice(&size.to_be_bytes());
    seats.iter().for_each(|seat| bytes.extend_from_slice(&seat.to_be_bytes()));
    client.binary(&bytes).unwrap();
}

/// Takes message `id`, of `way`, that seat 0 asked for, and gives what is to be sent back.
#[track_caller]
fn take(client: &mut Client, id: u64, way: u8, size: u32) -> Vec<u8> {
    let ringsocket_tests::client::Message::Binary(got) = client.receive().unwrap() else {
        panic!("not a binary message")
    };
    let mut head = vec![1];
    head.extend_from_slice(&id.to_be_bytes());
    head.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 7, way]);
    head.extend_from_slice(&size.to_be_bytes());
    assert_eq!(got[..22], head);
    assert_eq!(got.len(), 22 + size as usize);
    let (id, size) = (id.to_be_bytes(), size.to_be_bytes());
    [&[2][..], &id, &size, &got[22..]].concat()
}

#[track_caller]
fn report(client: &mut Client, expected: &str) {
    client.text("?").unwrap();
    client.expect_text(expected);
}

#[test]
fn each_way_reaches_whom_it_names_and_what_comes_back_is_counted() {
    let daemon = start();
    let mut clients: Vec<Client> = (0..3).map(|seat| sit_down(&daemon, seat)).collect();
    let ways: [(u8, &[u32], &[usize]); 7] = [
        (0, &[], &[0]),
        (1, &[2], &[2]),
        (2, &[1, 2, 1], &[1, 2]),
        (3, &[], &[0, 1, 2]),
        (4, &[], &[1, 2]),
        (5, &[1], &[0, 2]),
        (6, &[0, 1], &[2]),
    ];
    for (id, (way, seats, receivers)) in (1..).zip(ways) {
        ask(&mut clients[0], way, 300 * u32::from(way), seats);
        for receiver in receivers {
            let bytes = take(&mut clients[*receiver], id, way, 300 * u32::from(way));
            clients[*receiver].binary(&bytes).unwrap();
        }
    }
    for (seat, count) in [(1, 3), (2, 6)] {
        clients[seat].text("?").unwrap();
        let own = format!(r#"{{"seat":{seat},"sent":{count},"returned":{count},"waiting":0,"#);
        let text = clients[seat].receive_text();
        assert!(text.starts_with(&own), "{text}");
    }
    let all = concat!(
        r#"{"seat":0,"sent":3,"returned":3,"waiting":0,"all":{"clients":3,"sent":12,"returned":12,"#,
        r#""waiting":0,"gone":0},"errors":{"lost":0,"stray":0,"size":0,"content":0}}"#
    );
    report(&mut clients[0], all);
    clients.into_iter().for_each(Client::close_cleanly);
    daemon.stop_well();
}

#[test]
fn what_comes_back_wrong_is_counted_told_and_logged() {
    let daemon = start();
    let mut client = sit_down(&daemon, 0);
    let mut leaver = sit_down(&daemon, 1);
    let mut messages = Vec::new();
    for id in 1..=5 {
        ask(&mut client, 0, 40, &[]);
        messages.push(take(&mut client, id, 0, 40));
    }
    let mut changed = messages[1].clone();
    changed[20] ^= 1;
    let mut shortened = messages[2].clone();
    shortened.pop();
    // Right, twice, changed, shorter; the fourth never, the fifth as it should be.
    for bytes in [&messages[0], &messages[0], &changed, &shortened, &messages[4]] {
        client.binary(bytes).unwrap();
    }
    // Another client's message, and one that leaves with its owner.
    leaver.binary(&messages[3]).unwrap();
    ask(&mut leaver, 0, 0, &[]);
    leaver.receive().unwrap();
    leaver.close_cleanly();
    for words in [
        "Message 1 of seat 0 came back without being awaited",
        "Message 2 of seat 0 came back with other content",
        "Message 3 of seat 0 came back in another size",
        "Message 4 of seat 0 did not come back",
        "Message 4 of seat 1 came back without being awaited",
    ] {
        daemon.wait_log_line(&["error", words, "app=stress"]);
    }
    let all = concat!(
        r#"{"seat":0,"sent":5,"returned":4,"waiting":0,"all":{"clients":1,"sent":6,"returned":4,"#,
        r#""waiting":0,"gone":1},"errors":{"lost":1,"stray":2,"size":1,"content":1}}"#
    );
    report(&mut client, all);
    client.close_cleanly();
    daemon.stop_well();
}

#[test]
fn an_ask_that_makes_no_sense_is_closed_and_so_is_one_that_nobody_can_keep_up_with() {
    let daemon = start();
    let wrong: [(u8, u32, &[u32], &str); 6] = [
        (7, 0, &[], "no such ask"),
        (0, 0x40001, &[], "no such ask"),
        (3, 0, &[0], "no such ask"),
        (1, 0, &[], "no such ask"),
        (1, 0, &[5], "nobody sits there"),
        (2, 0, &[1024], "nobody sits there"),
    ];
    for (way, size, seats, reason) in wrong {
        let mut client = sit_down(&daemon, 0);
        ask(&mut client, way, size, seats);
        assert_eq!(client.expect_closed(4000), reason);
    }
    let mut client = sit_down(&daemon, 0);
    for id in 1..=256 {
        ask(&mut client, 0, 0, &[]);
        client.receive().unwrap_or_else(|error| panic!("message {id}: {error}"));
    }
    ask(&mut client, 0, 0, &[]);
    assert_eq!(client.expect_closed(4001), "a recipient owes too many messages");
    daemon.stop_well();
}
