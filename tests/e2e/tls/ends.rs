//! How connections with TLS end: in good order, by halves, cut off, and with records that are none.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use ringsocket_tests::client::Message;
use ringsocket_tests::sys;
use ringsocket_tests::tls;
use rustls::AlertDescription;

use super::*;

/// Waits until the witness has heard that a client of this name has left, and gives the line.
#[track_caller]
fn wait_left(house: &House, name: &str) -> String {
    let mut reporter = house.connect("/witness?reporter");
    let start = Instant::now();
    let begin = format!("close {name} ");
    loop {
        reporter.text("report").unwrap();
        let report = reporter.receive_text();
        if let Some(line) = report.lines().find(|line| line.starts_with(&begin)) {
            reporter.close_cleanly();
            return line.to_owned();
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{name} is still there: {report}");
    }
}

#[test]
fn close_frames_and_close_notify_both_ways() {
    for keys in ["", RUSTLS] {
        let house = House::start(keys);
        for version in versions() {
            let connector = house.offer().version(version).to("localhost");
            // The client first: its test demands close_notify before the end of TCP's stream.
            house.web_socket(&connector, "/witness?first").close_cleanly();
            // The server first; right behind the client's answer comes its close_notify, or nothing.
            for says_goodbye in [true, false] {
                let mut client = house.web_socket(&connector, "/faulty");
                client.text("close 4000 go").unwrap();
                client.expect_close(4000);
                client.close(4000, "").unwrap();
                if says_goodbye {
                    client.tls().say_close_notify().unwrap();
                }
                client.expect_end().unwrap();
            }
            assert!(wait_left(&house, "first").starts_with("close first 1000"));
        }
        house.daemon.stop_well();
    }
}

#[test]
fn a_client_may_end_its_direction_at_any_point() {
    let house = House::start("");
    for version in versions() {
        let connector = house.offer().version(version).to("localhost");
        // Within the handshake: TCP's end alone.
        let tcp = std::net::TcpStream::connect(house.address()).unwrap();
        (&tcp).write_all(&connector.hello()[..100]).unwrap();
        tcp.shutdown(Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        assert!((&tcp).read_to_end(&mut rest).is_ok(), "the end of the stream");
        // After it, before and within the request.
        for part in [&b""[..], b"GET /ec"] {
            let mut stream = connector.connect(house.address()).unwrap();
            stream.write_all(part).unwrap();
            stream.finish().unwrap();
            assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        }
        // Open, and within a frame.
        for (number, part) in [&b""[..], b"\x82\xff"].into_iter().enumerate() {
            let name = format!("{number}{}", version.version.as_str().unwrap());
            let mut client = house.web_socket(&connector, &format!("/witness?{name}"));
            client.send_raw(part).unwrap();
            client.finish().unwrap();
            while client.receive().expect("a stream that ends well") != Message::End {}
            assert!(wait_left(&house, &name).contains(" 1006 "), "{name}");
        }
    }
    house.daemon.stop_well();
}

#[test]
fn a_stream_that_is_cut_off_is_over_at_once() {
    let house = House::start("");
    for (name, resets) in [("ends", false), ("resets", true)] {
        let client = house.connect(&format!("/witness?{name}"));
        if resets {
            sys::set_abort_on_close(client.stream()).unwrap();
        }
        // Without close_notify.
        drop(client);
        let start = Instant::now();
        assert!(wait_left(&house, name).contains(" 1006 "));
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }
    house.daemon.stop_well();
}

#[test]
fn messages_that_were_sent_before_the_end_arrive() {
    let house = House::start("");
    for version in versions() {
        let connector = house.offer().version(version).to("localhost");
        let name = version.version.as_str().unwrap();
        let mut client = house.web_socket(&connector, &format!("/witness?{name}"));
        let mut bytes = Frame::new(opcode::BINARY, &random(100_000)).to_bytes();
        Frame::new(opcode::TEXT, b"last").write(&mut bytes);
        client.send_raw(&bytes).unwrap();
        client.finish().unwrap();
        wait_left(&house, name);
        let mut reporter = house.connect("/witness?other");
        reporter.text("report").unwrap();
        let report = reporter.receive_text();
        let want = format!("read {name} 100000 bytes\nread {name} last\nclose {name} 1006");
        assert!(report.contains(&want), "{report}");
        reporter.close_cleanly();
    }
    house.daemon.stop_well();
}

/// What a server says to a record that it cannot accept.
#[track_caller]
fn answer_to(client: &mut Client, bytes: &[u8]) -> Option<AlertDescription> {
    (&mut client.stream()).write_all(bytes).unwrap();
    match client.receive() {
        Err(error) => tls::alert(&error),
        Ok(other) => panic!("not an alert: {other:?}"),
    }
}

#[test]
fn records_that_are_none_are_answered_with_an_alert() {
    let house = House::start("");
    let sealed = |len: u16| [&[23, 3, 3][..], &len.to_be_bytes(), &vec![7; len.into()]].concat();
    for version in versions() {
        let connector = house.offer().version(version).to("localhost");
        for (what, bytes, want) in [
            ("a record of noise", sealed(100), AlertDescription::BadRecordMac),
            ("one without a tag", sealed(3), AlertDescription::BadRecordMac),
            ("one that is too long", sealed(0x4900), AlertDescription::RecordOverflow),
        ] {
            let name = format!("{}{}", version.version.as_str().unwrap(), bytes.len());
            let mut client = house.web_socket(&connector, &format!("/witness?{name}"));
            // What came before it still counts.
            client.text("before").unwrap();
            let alert = answer_to(&mut client, &bytes);
            let is_short = bytes.len() < 20 && alert == Some(AlertDescription::DecodeError);
            assert!(alert == Some(want) || is_short, "{what}: {alert:?}");
            let line = wait_left(&house, &name);
            assert!(line.contains(" 1006 "), "{what}: {line}");
        }
    }
    house.serves();
    let log = house.daemon.stop_well().log;
    assert!(!log.contains("error:") && !log.contains("panick"), "{log}");
}

#[test]
fn a_stop_says_goodbye_to_everybody() {
    let house = House::start("");
    let mut clients: Vec<Client> = versions()
        .map(|version| house.offer().version(version).to("localhost"))
        .map(|connector| house.web_socket(&connector, "/echo"))
        .into();
    clients.push(house.connect_plain());
    let stop = std::thread::spawn(move || house.daemon.stop_well());
    for client in clients {
        client.expect_closed(1001);
    }
    stop.join().unwrap();
}
