//! Encrypted connections that go on with another worker, as in another process.

use super::*;
use crate::worker::parked::Left;

/// A worker that goes on where another has ended: keys and all go by way of bytes.
fn next(mut worker: Worker<Queue>) -> (Worker<Queue>, AppEnds) {
    let Left { worker: parked, sockets, secrets } = worker.leave();
    let bytes = postcard::to_stdvec(&parked).expect("it can be written");
    let parked = postcard::from_bytes(&bytes).expect("and read");
    let by_bytes = |state: ringsocket_tls::State| {
        let mut bytes = vec![0; state.len()];
        state.write(&mut bytes);
        ringsocket_tls::State::read(&bytes).expect("a state")
    };
    let secrets: Vec<_> = secrets.into_iter().map(by_bytes).collect();
    assert_eq!((sockets.len(), secrets.len()), (1, 1));
    let (mut heir, app) = super::worker(false);
    assert_eq!(heir.take_up(Left { worker: parked, sockets, secrets }, Some), 0);
    (heir, app)
}

#[test]
fn they_go_on_amid_records_and_frames_both_ways() {
    for version in VERSIONS {
        let (mut house, _) = worker(false);
        let mut client = Client::new(&mut house, "a.test", version);
        client.say(&mut house, &request(""));
        let (there, back) = (noise(40_000), noise(150_000));
        for round in 0..5 {
            // A part of a record arrives, and a part of what is sent is taken.
            client.tls.set_buffer_limit(None);
            client.tls.writer().write_all(&frame(2, &there)).expect("room");
            let mut out = Vec::new();
            while client.tls.wants_write() {
                client.tls.write_tls(&mut out).expect("a Vec");
            }
            let cut = out.len() * (round + 1) / 6;
            client.socket.came.borrow_mut().extend(&out[..cut]);
            (0..60).for_each(|_| turn(&mut house));
            give(&mut house, &back[..50_000]);
            turn(&mut house);
            client.socket.is_stuck.set(true);
            give(&mut house, &back[50_000..]);
            turn(&mut house);
            assert!(house.peers.get_mut(0).expect("a client").has_backlog());

            let mut app;
            (house, app) = next(house);
            client.socket.is_stuck.set(false);
            house.note_writable(0);
            client.socket.came.borrow_mut().extend(&out[cut..]);
            (0..60).for_each(|_| turn(&mut house));
            assert!(messages(&mut app) == [there.clone()], "{version:?} {round}");
            client.talk(&mut house).expect("records");
            assert!(std::mem::take(&mut client.plain) == back, "{version:?} {round}");
        }
        assert_eq!(client.say(&mut house, &frame(9, b"still?")), b"\x8a\x06still?");
    }
}

#[test]
fn records_of_rustls_stay_behind() {
    let (mut house, _) = worker(true);
    let mut client = Client::new(&mut house, "a.test", VERSIONS[1]);
    client.say(&mut house, &request(""));
    let left = house.leave();
    assert!(left.sockets.is_empty() && left.secrets.is_empty());
}
