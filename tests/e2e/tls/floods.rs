//! Handshakes that are begun and not ended: bounded by time (`http_head_wait`) and by number
//! (`max_tls_handshake_c`), while good clients get in. And what is no handshake at all.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use ringsocket_tests::client::PATIENCE;
use ringsocket_tests::{process, sys};

use super::*;

/// How far a handshake gets before the client falls silent.
#[derive(Clone, Copy, Debug)]
enum Silence {
    Connected,
    InTheHeader,
    InTheHello,
    AfterTheHello,
}

const SILENCES: [Silence; 4] =
    [Silence::Connected, Silence::InTheHeader, Silence::InTheHello, Silence::AfterTheHello];

impl Silence {
    fn begin(self, connector: &Connector, address: SocketAddr) -> TcpStream {
        let tcp = TcpStream::connect(address).expect("a TCP connection");
        let hello = connector.hello();
        let len = match self {
            Self::Connected => 0,
            Self::InTheHeader => 3,
            Self::InTheHello => hello.len() / 2,
            Self::AfterTheHello => hello.len(),
        };
        (&tcp).write_all(&hello[..len]).expect("room for a hello");
        tcp
    }
}

/// Whatever comes until the end, which may be a reset.
fn until_the_end(mut tcp: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    match tcp.read_to_end(&mut bytes) {
        Ok(_) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => bytes,
        Err(error) => panic!("still open: {error}"),
    }
}

/// Waits until the daemon has at most so many descriptors open.
#[track_caller]
fn wait_descriptors(house: &House, most: usize) {
    let start = Instant::now();
    loop {
        let open = process::descriptors(house.daemon.pid()).unwrap();
        if open <= most {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{open} descriptors are open, not {most}");
        house.serves();
    }
}

#[test]
fn half_handshakes_end_at_http_head_wait() {
    let house = House::start(r#""http_head_wait": 2, "shutdown_wait_http": 1,"#);
    house.serves();
    let descriptors = process::descriptors(house.daemon.pid()).unwrap();
    for version in versions() {
        let connector = house.offer().version(version).to("localhost");
        let begin = |i: usize| SILENCES[i % 4].begin(&connector, house.address());
        let start = Instant::now();
        let half: Vec<TcpStream> = (0..80).map(begin).collect();
        house.serves();
        for tcp in &half {
            until_the_end(tcp);
        }
        let took = start.elapsed();
        assert!(took >= Duration::from_secs(2) && took < Duration::from_secs(8), "{took:?}");
        drop(half);
        wait_descriptors(&house, descriptors);
    }
    house.serves();
    house.daemon.stop_well();
}

#[test]
fn handshake_and_head_share_one_wait() {
    let house = House::start(r#""http_head_wait": 2, "shutdown_wait_http": 1,"#);
    let start = Instant::now();
    let mut stream = house.connector().connect(house.address()).unwrap();
    stream.write_all(b"GET /echo HTTP/1.1\r\nHost: loc").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&answer));
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    house.daemon.stop_well();
}

#[test]
fn the_oldest_half_handshake_makes_room_for_the_next() {
    let house = House::start(r#""max_tls_handshake_c": 8, "http_head_wait": 60,"#);
    house.serves();
    let mut open = house.connect("/echo");
    let descriptors = process::descriptors(house.daemon.pid()).unwrap();
    let connector = house.connector();
    let start = Instant::now();
    let half: Vec<TcpStream> =
        (0..100).map(|i| SILENCES[i % 4].begin(&connector, house.address())).collect();
    // Good clients get in, and those that are in are not among the oldest.
    for _ in 0..20 {
        house.serves();
    }
    // Whoever has sent nothing has not begun a handshake, and costs no more than on a plain port.
    wait_descriptors(&house, descriptors + 8 + 25);
    for (number, tcp) in half[..80].iter().enumerate() {
        if number % 4 != 0 {
            until_the_end(tcp);
        }
    }
    assert!(start.elapsed() < Duration::from_secs(30), "it was not the wait that ended them");
    open.text("still here").unwrap();
    open.expect_text("still here");
    open.close_cleanly();
    drop(half);
    house.daemon.wait_log_line(&["max_tls_handshake_c"]);
    house.daemon.stop_well();
}

#[test]
fn a_flood_of_handshakes_delays_no_message_for_long() {
    let house = House::start(r#""worker_c": 1, "max_handshake_rate_per_addr": 0,"#);
    let mut good = house.connect("/echo");
    let connector = house.connector();
    let mut flood = Vec::new();
    let mut worst = Duration::ZERO;
    for round in 0..300 {
        flood.push(Silence::AfterTheHello.begin(&connector, house.address()));
        if round % 10 == 9 {
            let start = Instant::now();
            good.text("beside").unwrap();
            good.expect_text("beside");
            worst = worst.max(start.elapsed());
        }
    }
    assert!(worst < Duration::from_secs(1), "a message took {worst:?}");
    for tcp in &flood {
        sys::set_abort_on_close(tcp).unwrap();
    }
    drop(flood);
    good.close_cleanly();
    house.daemon.stop_well();
}

#[test]
fn what_is_no_tls_ends_with_an_alert_and_a_line_in_the_log() {
    let house = House::start("");
    let hello = house.connector().hello();
    for (what, bytes) in [
        ("a WebSocket in the clear", Frame::new(opcode::TEXT, b"hello").to_bytes()),
        ("noise", [&[1], &random(1000)[..]].concat()),
        ("a record that is too long", [&[22, 3, 1, 0xff, 0xff][..], &[0; 2000]].concat()),
        ("an empty record", [&[22, 3, 1, 0, 0][..], &hello].concat()),
        ("SSH", b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n".to_vec()),
        ("data before the handshake", [&[23, 3, 3, 0, 5][..], b"hello"].concat()),
        (
            "a hello in two records, of which the second is none",
            [&[22, 3, 1, 0, 50][..], &hello[5..55], &[99; 100]].concat(),
        ),
    ] {
        let mut tcp = TcpStream::connect(house.address()).unwrap();
        tcp.write_all(&bytes).unwrap();
        let answer = until_the_end(&tcp);
        // An alert in its record, or nothing.
        assert!(answer.is_empty() || (answer[0] == 21 && answer.len() == 7), "{what}: {answer:?}");
    }
    house.daemon.wait_log_line(&["its TLS handshake has failed"]);
    house.serves();
    let log = house.daemon.stop_well().log;
    assert!(!log.contains("error:") && !log.contains("panick"), "{log}");
}

#[test]
fn plain_http_at_a_tls_port_is_told_where_it_is() {
    let house = House::start("");
    for target in ["/", "/echo"] {
        let request = ringsocket_tests::handshake::Request::upgrade("localhost", target);
        let mut client = Client::tcp(house.address()).unwrap();
        client.send_raw(&request.to_bytes()).unwrap();
        let answer = String::from_utf8(until_the_end(client.stream())).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("wss://"), "{answer}");
    }
    house.daemon.wait_log_line(&["its TLS handshake has failed", "plain HTTP"]);
    house.daemon.stop_well();
}

#[test]
fn a_hello_may_come_in_any_pieces() {
    use ringsocket_tests::cutter::Cutter;

    let house = House::start("");
    for largest in [1, 5, 50] {
        let cutter = Cutter::start(house.address(), 1, largest).unwrap();
        for version in versions() {
            let connector = house.offer().version(version).to("localhost");
            is_echoed(connector.web_socket(cutter.address(), "/echo").unwrap(), "in pieces");
        }
    }
    house.daemon.stop_well();
}
