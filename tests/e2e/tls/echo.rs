//! Messages come back whole over TLS, however they lie in records and however records lie in TCP's
//! stream; with records of the server's own and with rustls'.

use ringsocket_tests::certificates::{Key, Wanted};
use ringsocket_tests::client::Message;
use ringsocket_tests::cutter::Cutter;
use ringsocket_tests::handshake::Request;
use ringsocket_tests::prng::Prng;
use rustls::CipherSuite;

use super::*;

/// Around the borders of lengths, of records (2^14 bytes, frame header included), and of passing by
/// pointer.
const SIZES: [usize; 14] = [
    0,
    1,
    125,
    126,
    4096,
    16_374,
    16_380,
    16_384,
    16_385,
    65_535,
    65_536,
    100_000,
    262_145,
    1 << 20,
];

const SUITES: [CipherSuite; 9] = [
    CipherSuite::TLS13_AES_128_GCM_SHA256,
    CipherSuite::TLS13_AES_256_GCM_SHA384,
    CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
];

fn all_sizes(client: &mut Client) {
    for size in SIZES {
        let bytes = random(size);
        client.binary(&bytes).unwrap();
        client.expect_binary(&bytes);
    }
}

/// Reads the answers to `mixed_frames`.
#[track_caller]
fn expect_mixed(client: &mut Client, messages: &[Vec<u8>]) {
    let mut pongs = 0;
    let mut messages_left = messages.iter();
    while pongs < messages.len() || messages_left.len() > 0 {
        match client.receive().expect("what was sent comes back") {
            Message::Pong(payload) if payload == b"between" => pongs += 1,
            Message::Binary(bytes) => {
                let want = messages_left.next().expect("no more than was sent");
                assert!(bytes == *want, "{} bytes, not the {} sent", bytes.len(), want.len());
            }
            other => panic!("not expected: {other:?}"),
        }
    }
}

fn every_size_in_both_versions(keys: &str) {
    let house = House::start(keys);
    for version in versions() {
        let connector = house.offer().version(version).to("localhost");
        let mut client = house.web_socket(&connector, "/echo");
        assert_eq!(client.tls().version(), version.version);
        assert!(client.tls().shows(&house.certificate));
        all_sizes(&mut client);
        client.close_cleanly();
    }
    house.daemon.stop_well();
}

#[test]
fn binary_of_every_size_in_both_versions() {
    every_size_in_both_versions("");
}

#[test]
fn binary_of_every_size_with_records_by_rustls() {
    every_size_in_both_versions(RUSTLS);
}

/// Cuts in three places at once: messages into frames, those into records, and those into pieces of
/// TCP's stream.
fn random_chunks(keys: &str) {
    let house = House::start(keys);
    let (bytes, messages) = mixed_frames();
    for (seed, largest) in [(1, 1), (2, 40), (3, 600), (4, 5000), (5, 40_000), (6, 1000)] {
        let cutter = Cutter::start(house.address(), seed, largest).unwrap();
        for version in versions() {
            let connector = house.offer().version(version).to("localhost");
            let mut client = connector.web_socket(cutter.address(), "/echo").unwrap();
            let mut prng = Prng::new(seed);
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                // Every write is a record, or several.
                let magnitude = prng.below(16);
                let len = rest.len().min(1 + prng.below(1 << magnitude) as usize);
                client.send_raw(&rest[..len]).unwrap();
                rest = &rest[len..];
            }
            expect_mixed(&mut client, &messages);
            client.close_cleanly();
        }
    }
    house.daemon.stop_well();
}

#[test]
fn frames_and_records_may_be_cut_anywhere() {
    random_chunks("");
}

#[test]
fn frames_and_records_may_be_cut_anywhere_with_records_by_rustls() {
    random_chunks(RUSTLS);
}

#[test]
fn every_cipher_suite_of_both_versions() {
    let house = House::start("");
    let authority = Authority::new("another root");
    let rsa = Wanted::server(&["localhost"]).key(Key::Rsa);
    let certificate = authority.issue(&rsa);
    let config = format!(r#"{{ "certs": [ {} ] }}"#, entry("site", &["localhost"]));
    let daemon = builder().certificate("site", &certificate).config(&config).start();
    let with_rsa = House { authority, certificate, daemon };
    for suite in SUITES {
        let is_rsa = suite.as_str().is_some_and(|name| name.starts_with("TLS_ECDHE_RSA"));
        let house = if is_rsa { &with_rsa } else { &house };
        let connector = house.offer().suite(suite).to("localhost");
        let mut client = house.web_socket(&connector, "/echo");
        let agreed = client.tls().tls().negotiated_cipher_suite().unwrap();
        assert_eq!(agreed.suite(), suite);
        for size in [1, 16_384, 100_000] {
            client.binary(&random(size)).unwrap();
            client.expect_binary(&random(size));
        }
        client.close_cleanly();
    }
    house.daemon.stop_well();
    with_rsa.daemon.stop_well();
}

#[test]
fn what_comes_with_the_last_flight_of_the_handshake_is_read() {
    for keys in ["", RUSTLS] {
        let house = House::start(keys);
        let request = Request::upgrade("localhost", "/echo");
        let (frames, messages) = mixed_frames();
        let early = [request.to_bytes(), frames].concat();
        for version in versions() {
            let connector = house.offer().version(version).to("localhost");
            // Whole, cut within the request, and cut within a frame.
            for len in [early.len(), 10, early.len() / 2] {
                let stream = connector.connect_with(house.address(), &early[..len]).unwrap();
                let mut client = Client::of(stream);
                client.send_raw(&early[len..]).unwrap();
                client.response(true).unwrap().check_switching(&request).unwrap();
                expect_mixed(&mut client, &messages);
                client.close_cleanly();
            }
        }
        house.daemon.stop_well();
    }
}

#[test]
fn a_byte_in_a_record_at_a_time() {
    let house = House::start("");
    for version in versions() {
        let connector = house.offer().version(version).to("localhost");
        let mut client = house.web_socket(&connector, "/echo");
        for byte in Frame::new(opcode::TEXT, "schön langsam".as_bytes()).to_bytes() {
            client.send_raw(&[byte]).unwrap();
        }
        client.expect_text("schön langsam");
        client.close_cleanly();
    }
    house.daemon.stop_well();
}

#[test]
fn many_in_one_record_come_back_in_order() {
    let house = House::start("");
    let mut client = house.connect("/echo");
    let mut bytes = Vec::new();
    let texts: Vec<String> = (0..1000).map(|i| format!("number {i}")).collect();
    texts.iter().for_each(|text| Frame::new(opcode::TEXT, text.as_bytes()).write(&mut bytes));
    client.send_raw(&bytes).unwrap();
    texts.iter().for_each(|text| client.expect_text(text));
    client.close_cleanly();
    house.daemon.stop_well();
}

#[test]
fn compressed_messages_come_back() {
    let house = House::start("");
    let host = format!("localhost:{}", house.address().port());
    let request =
        Request::upgrade(&host, "/echo").header("Sec-WebSocket-Extensions", "permessage-deflate");
    let mut client = house.connector().open(house.address(), &request).unwrap();
    let text = "the same again and ".repeat(10_000);
    client.compressed_text(&text).unwrap();
    client.expect_text(&text);
    assert_eq!(client.deflate().received.len(), 1);
    client.close_cleanly();
    house.daemon.stop_well();
}
