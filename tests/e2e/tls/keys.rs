//! KeyUpdate of TLS 1.3 (RFC 8446 section 4.6.3), asked for by the client.

use super::*;

#[test]
fn keys_change_between_messages_and_within_them() {
    for keys in ["", RUSTLS] {
        let house = House::start(keys);
        let mut client = house.connect("/echo");
        let message = random(50_000);
        let frame = Frame::new(opcode::BINARY, &message).to_bytes();
        for round in 0..100 {
            let cut = round * 500 + 1;
            client.send_raw(&frame[..cut]).unwrap();
            client.tls().update_keys().unwrap();
            client.send_raw(&frame[cut..]).unwrap();
            client.expect_binary(&message);
        }
        client.close_cleanly();
        house.daemon.stop_well();
    }
}

#[test]
fn several_updates_with_nothing_between_them_are_all_followed() {
    let house = House::start("");
    let mut client = house.connect("/echo");
    for _ in 0..20 {
        for _ in 0..5 {
            client.tls().update_keys().unwrap();
        }
        client.text("still here").unwrap();
        client.expect_text("still here");
    }
    client.close_cleanly();
    house.daemon.stop_well();
}

#[test]
fn updates_while_the_server_sends_much() {
    let house = House::start(r#""max_backpressure": 33554432,"#);
    let mut client = house.connect("/faulty");
    client.text("flood 200 100000").unwrap();
    for number in 0..200 {
        // Not more than anybody may ask for without a word between.
        if number % 10 == 0 {
            client.tls().update_keys().unwrap();
        }
        client.expect_binary(&[b'.'; 100_000]);
    }
    client.close_cleanly();
    house.daemon.stop_well();
}

#[test]
fn a_flood_of_updates_ends_and_costs_others_nothing() {
    let house = House::start("");
    let mut good = house.connect("/echo");
    let mut bad = house.connect("/echo");
    let mut updates = 0;
    while updates < 10_000 && bad.tls().update_keys().is_ok() {
        good.text("beside").unwrap();
        good.expect_text("beside");
        updates += 1;
    }
    assert!(updates < 1000, "{updates} updates in a row, and no end");
    house.daemon.wait_log_line(&["it broke TLS: too many KeyUpdates"]);
    house.serves();
    good.close_cleanly();
    house.daemon.stop_well();
}
