//! What goes between a client and its app over restarts: all of it, once, in order; frames and records
//! that a restart cuts in two, what waits to be sent, and contexts of compression.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::talk::{WINDOW, talk_through};
use super::*;
use ringsocket_tests::client::Message;
use ringsocket_tests::frame::{Frame, opcode};
use ringsocket_tests::handshake::Request;

/// Waits until each client has got on by more than was under way: the process that runs now has served it.
fn all_get_on(counts: &[AtomicUsize]) {
    let before: Vec<_> = counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
    let deadline = Instant::now() + Duration::from_secs(20);
    let get_on = || {
        let now = counts.iter().map(|count| count.load(Ordering::Relaxed));
        now.zip(&before).all(|(now, before)| now > before + 2 * WINDOW)
    };
    while !get_on() {
        assert!(Instant::now() < deadline, "not all get on: {counts:?}, once {before:?}");
        std::thread::yield_now();
    }
}

#[test]
fn numbered_messages_come_back_once_and_in_order_through_three_restarts() {
    let mut house = House::start(r#""worker_c": 2,"#);
    let clients: Vec<_> = (0..2).flat_map(|_| house.connect_all("/echo")).collect();
    let client_c = clients.len();
    let clients = talk_through(clients, |counts| {
        all_get_on(counts);
        for _ in 0..3 {
            house.restart(client_c);
            all_get_on(counts);
        }
    });
    assert_eq!(clients.len(), client_c, "nobody has seen an end");
    clients.into_iter().for_each(Client::close_cleanly);
    house.daemon.stop_well();
}

#[test]
fn a_frame_or_a_record_that_is_cut_by_a_restart_is_joined() {
    let mut house = House::start("");
    let frame = Frame::new(opcode::TEXT, b"cut in two, somewhere").to_bytes();
    // In a plain frame: the header's first byte, its mask, the payload; in TLS, parts of the record.
    let mut clients = house.connect_all("/echo");
    for cut in [1, 4, 12] {
        let rests: Vec<_> = clients
            .iter_mut()
            .zip(KINDS)
            .map(|(client, kind)| {
                is_served(client, "before");
                send_some(client, kind, &frame, cut)
            })
            .collect();
        house.restart(3);
        for (client, rest) in clients.iter_mut().zip(rests) {
            send_rest(client, &rest);
            client.expect_text("cut in two, somewhere");
            is_served(client, "after");
        }
    }
    clients.into_iter().for_each(Client::close_cleanly);
    house.daemon.stop_well();
}

#[test]
fn more_connections_than_the_soft_limit_of_open_files_go_on() {
    let builder = Builder::new().app("echo").restartable().environment("SOFT_NOFILE", "60");
    let mut daemon = builder.config(r#"{ "max_conn_c_per_addr": 0, "log_level": "info" }"#).start();
    let mut clients: Vec<_> = (0..100).map(|_| daemon.connect("/echo")).collect();
    clients.iter_mut().for_each(|client| is_served(client, "before"));
    restart(&mut daemon, 100);
    clients.iter_mut().for_each(|client| is_served(client, "after"));
    clients.into_iter().for_each(Client::close_cleanly);
    daemon.stop_well();
}

#[test]
fn a_fragmented_message_goes_on_after_restarts_with_pings_between() {
    let mut house = House::start("");
    let mut clients = house.connect_all("/echo");
    // A character that the restarts cut as well: what is known of it lives on.
    let text = "\u{20ac}".as_bytes();
    for client in &mut clients {
        client.send(&Frame::new(opcode::TEXT, &text[..1]).unfinished()).unwrap();
        client.ping(b"before").unwrap();
        assert_eq!(client.receive().unwrap(), Message::Pong(b"before".into()));
    }
    house.restart(3);
    for client in &mut clients {
        client.ping(b"between").unwrap();
        assert_eq!(client.receive().unwrap(), Message::Pong(b"between".into()));
        client.send(&Frame::new(opcode::CONTINUATION, &text[1..2]).unfinished()).unwrap();
    }
    house.restart(3);
    for client in &mut clients {
        client.send(&Frame::new(opcode::CONTINUATION, &text[2..])).unwrap();
        client.expect_text("\u{20ac}");
    }
    clients.into_iter().for_each(Client::close_cleanly);
    house.daemon.stop_well();
}

#[test]
fn what_waits_for_a_client_that_does_not_read_goes_over_restarts() {
    const COUNT: usize = 10;
    const SIZE: usize = 1_000_000;
    let mut house = House::start(r#""max_backpressure": 67108864,"#);
    let mut clients = house.connect_all("/faulty");
    for client in &mut clients {
        is_served(client, "here"); // so that the app knows it
        sys::set_receive_buffer(client.stream(), 65_536).unwrap();
    }
    let mut sender = house.daemon.connect("/faulty");
    // More than the kernel holds for a connection, so that some of it waits in the daemon.
    assert_eq!(ask(&mut sender, &format!("flood-others {COUNT} {SIZE}")), "flooded");
    for _ in 0..2 {
        house.restart(4);
    }
    for client in &mut clients {
        client.text("behind").unwrap();
        for number in 0..COUNT {
            let number = number.to_string();
            client.expect_text(&(".".repeat(SIZE - number.len()) + &number));
        }
        client.expect_text("behind");
    }
    clients.into_iter().chain([sender]).for_each(Client::close_cleanly);
    house.daemon.stop_well();
}

#[test]
fn what_a_busy_app_has_not_got_to_is_answered_after_the_restart() {
    const COUNT: usize = 4000;
    // Of which the ring to the app holds a few hundred.
    let mut house = House::start(r#""inbound_ring_buf_size": 65536,"#);
    let mut clients = house.connect_all("/faulty");
    clients[0].text("slow 1000").unwrap();
    house.daemon.wait_log("going to sleep");
    let mut bytes = Vec::new();
    for number in 0..COUNT {
        Frame::new(opcode::TEXT, format!("{number} of many messages").as_bytes()).write(&mut bytes);
    }
    // Less than the kernel takes, should nobody read it.
    for client in &mut clients {
        client.send_raw(&bytes).unwrap();
    }
    house.restart(3);
    clients[0].expect_text("slept");
    for client in &mut clients {
        for number in 0..COUNT {
            client.expect_text(&format!("{number} of many messages"));
        }
    }
    clients.into_iter().for_each(Client::close_cleanly);
    house.daemon.stop_well();
}

#[test]
fn contexts_of_compression_go_on_both_ways() {
    let mut house = House::start(r#""deflate_takeover": "both", "deflate_min_size": 0,"#);
    let offer = "permessage-deflate; client_max_window_bits";
    let request = |address: SocketAddr| {
        let host = format!("localhost:{}", address.port());
        Request::upgrade(&host, "/echo").header("Sec-WebSocket-Extensions", offer)
    };
    let (address, secure_address) = (house.daemon.address(), house.secure_address());
    let mut clients = [
        Client::open(address, &request(address)).unwrap(),
        house.offer().to("localhost").open(secure_address, &request(secure_address)).unwrap(),
    ];
    // Nothing in it repeats but itself, so that a context without it cannot make it small.
    let mut text = String::new();
    let mut prng = ringsocket_tests::prng::Prng::new(7);
    while text.len() < 4000 {
        text += &prng.next_u64().to_string();
    }
    for round in 0..4 {
        for client in &mut clients {
            assert!(!client.deflate().agreed.contains("takeover"), "{:?}", client.deflate());
            client.compressed_text(&text).unwrap();
            client.expect_text(&text);
            let size = *client.deflate().received.last().unwrap();
            assert_eq!(size < 200, round > 0, "{size} bytes in round {round}");
        }
        house.restart(2);
    }
    clients.into_iter().for_each(Client::close_cleanly);
    house.daemon.stop_well();
}
