//! Plain and encrypted ports of one daemon side by side, and messages that go to clients of both.

use super::*;

#[test]
fn plain_and_encrypted_clients_are_served_by_one_app() {
    for keys in ["", RUSTLS] {
        let house = House::start(keys);
        let mut plain = house.connect_plain();
        let mut secure = house.connect("/faulty");
        let mut plain_too = Client::connect(house.daemon.addresses()[1], "/faulty").unwrap();
        is_echoed(house.connect("/echo"), "encrypted");
        plain.text("plain").unwrap();
        plain.expect_text("plain");
        plain.close_cleanly();
        secure.text("others from the encrypted one").unwrap();
        plain_too.expect_text("from the encrypted one");
        plain_too.text("others from the plain one").unwrap();
        secure.expect_text("from the plain one");
        secure.close_cleanly();
        plain_too.close_cleanly();
        house.daemon.stop_well();
    }
}

#[test]
fn each_port_speaks_only_its_own_language() {
    let house = House::start("");
    let error = house.connector().connect(house.daemon.addresses()[1]).unwrap_err();
    // The plain port answers in HTTP, which is no record.
    assert!(error.to_string().contains("corrupt message"), "{error}");
    let mut client = Client::tcp(house.address()).unwrap();
    let request = ringsocket_tests::handshake::Request::upgrade("localhost", "/echo");
    client.send_raw(&request.to_bytes()).unwrap();
    assert!(client.response(true).is_err());
    house.serves();
    house.daemon.stop_well();
}

#[test]
fn a_large_broadcast_reaches_clients_of_both_kinds_and_versions() {
    const MESSAGES: usize = 30;
    for keys in ["", RUSTLS] {
        // Nobody is closed for reading slowly: this one thread reads for all.
        let house =
            House::start(&format!(r#""worker_c": 2, "max_backpressure": 33554432, {keys}"#));
        let mut sender = Client::connect(house.daemon.addresses()[1], "/faulty").unwrap();
        let mut receivers = Vec::new();
        for _ in 0..4 {
            for version in versions() {
                let connector = house.offer().version(version).to("localhost");
                receivers.push(house.web_socket(&connector, "/faulty"));
            }
            let plain = Client::connect(house.daemon.addresses()[1], "/faulty").unwrap();
            receivers.push(plain);
        }
        // Each is known to the app once it has been answered.
        for client in &mut receivers {
            client.text("thread").unwrap();
            client.receive_text();
        }
        for size in [100, 20_000, 400_000] {
            sender.text(&format!("flood-others {MESSAGES} {size}")).unwrap();
            for number in 0..MESSAGES {
                let number = number.to_string();
                let want = ".".repeat(size - number.len()) + &number;
                for client in &mut receivers {
                    client.expect_text(&want);
                }
            }
            sender.expect_text("flooded");
        }
        receivers.into_iter().for_each(Client::close_cleanly);
        sender.close_cleanly();
        house.daemon.stop_well();
    }
}
