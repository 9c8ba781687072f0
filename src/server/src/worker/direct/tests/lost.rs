//! Clients that are lost in the midst of a callback: what has come of them, and what others get.

use super::*;

/// More than a worker gathers in a callback before it writes.
fn flood(sink: &mut dyn Sink, client: ClientId) {
    sink.send(&[0x82, 127, 0, 0, 0, 0, 0, 80, 0, 0], &[0; 5 << 20], Scope::Listed, &[client]);
}

#[test]
fn messages_that_have_come_are_read_also_if_their_sender_is_lost_amid_a_callback() {
    let read_c = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&read_c);
    let mut bench = Bench::new(move |call| {
        if let Call::Read(client, _, sink) = call {
            count.fetch_add(1, Ordering::Relaxed);
            flood(sink, client);
        }
        true
    });
    let socket = bench.connect(0);
    socket.is_reset.set(true);
    socket.came.borrow_mut().extend(frame(BINARY, 1).repeat(3));
    bench.turn();
    assert_eq!(read_c.load(Ordering::Relaxed), 3);
    assert_eq!(bench.records(), ["close"]);
    assert!(bench.worker.peers.is_empty());
}

#[test]
fn no_message_comes_behind_the_close_if_its_sender_is_lost_while_the_app_catches_up() {
    let mut bench = Bench::new(|call| {
        if let Call::CatchUp(sink) = call {
            flood(sink, ClientId::new(0, 0, 1));
            return false;
        }
        true
    });
    let socket = bench.connect(0);
    let earlier = Inbound::Message { client: ClientId::new(0, 9, 1), text: false, payload: b"" };
    assert!(bench.worker.to_apps[0].push(earlier).is_ok());
    socket.is_reset.set(true);
    socket.came.borrow_mut().extend(frame(BINARY, 1).repeat(2));
    bench.turn();
    assert_eq!(bench.records(), ["message", "message", "message", "close"]);
    assert!(bench.worker.peers.is_empty());
}

#[test]
fn an_app_hears_of_a_client_that_is_lost_while_a_worker_calls_another_app() {
    let nobody = ClientId::new(0, 9, 1);
    let floods = move |call: Call<'_>| {
        if let Call::CatchUp(sink) = call {
            flood(sink, nobody);
        }
        true
    };
    let mut bench =
        Bench::with(vec![Box::new(Script(|_: Call<'_>| false)), Box::new(Script(floods))]);
    let socket = bench.connect(0);
    socket.is_reset.set(true);
    bench.worker.close(0, CloseCode::NORMAL, "");
    assert!(bench.worker.to_apps[1].push(Inbound::End).is_ok());
    bench.worker.publish_all(); // the last step of a turn
    assert_eq!(bench.records(), ["close"]);
}

#[test]
fn what_is_sent_on_reaches_others_also_if_its_sender_is_lost_amid_the_callback() {
    let mut bench = Bench::new(|call| {
        if let Call::Read(client, payload, sink) = call {
            flood(sink, client);
            let header = [&[0x82, 126][..], &(payload.len() as u16).to_be_bytes()].concat();
            sink.send(&header, payload, Scope::Listed, &[ClientId::new(0, 1, 1)]);
        }
        true
    });
    let (socket, other) = (bench.connect(0), bench.connect(1));
    socket.is_reset.set(true);
    let payload = pattern(1, LEND_MIN);
    socket.came.borrow_mut().extend(masked(BINARY, &payload));
    bench.turn();
    assert!(other.sent.borrow().ends_with(&payload));
}
