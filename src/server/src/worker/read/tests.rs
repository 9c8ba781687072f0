//! How much is read in one turn, over a network made of queues.

use std::sync::atomic::Ordering;

use ringsocket_proto::Limits;
use ringsocket_proto::deflate::{Deflater, Terms};
use ringsocket_proto::frame::Opcode;

use super::*;
use crate::worker::Policy;
use crate::worker::deliver::News;
use crate::worker::press::Compression;
use crate::worker::testing::{AppEnds, Queue, Socket, one_app, policy, request};

const MIB: usize = 1 << 20;

/// A worker that takes messages of up to 4 MiB, with one app, which never looks.
fn worker() -> Worker<Queue> {
    with_ends().0
}

/// The same, and the app's ends of the rings.
fn with_ends() -> (Worker<Queue>, AppEnds) {
    let terms = Terms {
        client_takeover: false,
        server_takeover: false,
        client_window_bits: 15,
        server_window_bits: 15,
    };
    let size = 4 * MIB;
    let policy = Policy {
        protocol: Limits {
            message_size: size,
            chain_size: 2 * size,
            frame_size: size,
            ..policy().protocol
        },
        receive_buffer: 64 * 1024,
        compression: Some(Compression { terms, level: 1, min_size: 128, takeover_c: 0 }),
        ..policy()
    };
    let (ways, app) = AppEnds::of(64 * 1024, 16 * MIB, None);
    (crate::worker::testing::worker(one_app(), policy, vec![ways]), app)
}

fn connect(worker: &mut Worker<Queue>) -> Socket {
    let socket = worker.meet(&request("Sec-WebSocket-Extensions: permessage-deflate\r\n"));
    assert!(socket.sent.borrow().starts_with(b"HTTP/1.1 101 "));
    socket
}

/// A masked frame with a message that is one byte too large when inflated.
fn bomb() -> Vec<u8> {
    let mut frame = Vec::new();
    let too_large = vec![0; 4 * MIB + 1];
    assert!(Deflater::new(1).frame(Opcode::Binary, &too_large, 15, None, &mut frame));
    assert_eq!(frame[1], 126, "a length of two bytes");
    frame[1] |= 0x80;
    frame.splice(4..4, [0; 4]);
    frame
}

#[test]
fn what_one_turn_inflates_is_bounded_and_the_others_come_next() {
    let mut worker = worker();
    let sockets: Vec<_> = (0..12).map(|_| connect(&mut worker)).collect();
    let bomb = bomb();
    sockets.iter().for_each(|socket| socket.came.borrow_mut().extend(&bomb));
    let mut closed = Vec::new();
    for _ in 0..3 {
        worker.turn().expect("a turn");
        closed.push(worker.counters().violations.load(Ordering::Relaxed));
    }
    // 16 MiB a turn: the fourth goes beyond it.
    assert_eq!(closed, [4, 8, 12]);
}

#[test]
fn an_app_that_has_failed_keeps_nobody_waiting_for_memory() {
    let (mut worker, _app) = with_ends();
    let socket = connect(&mut worker);
    let receive = worker.receive_buffer.len();
    let client = worker.client_id(0);
    let payload = Payload::Owned(vec![0; 16 * MIB]);
    assert!(worker.to_apps[0].push_message(client, false, payload).is_ok());
    worker.turn().expect("a turn that publishes");
    assert!(worker.to_apps[0].is_nearly_congested(receive), "nothing more fits");
    worker.heed(0, News::Fault);
    // Its thread is still busy with the end of the app, and releases nothing.
    socket.came.borrow_mut().extend([0x88, 0x82, 0, 0, 0, 0, 3, 0xf3]); // a Close frame with 1011
    worker.turn().expect("a turn that sends the Close frame");
    worker.turn().expect("a turn that reads the answer");
    assert!(socket.came.borrow().is_empty());
    assert!(worker.peers.is_empty(), "the closing handshake is over");
}
