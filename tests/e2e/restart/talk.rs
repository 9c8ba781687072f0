//! Clients that talk with the echo app while something is done to the daemon: each of its messages comes
//! back once, in order, for as long as it is served.

use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ringsocket_tests::client::{Client, Message};

/// How many messages a client has under way.
pub(super) const WINDOW: usize = 16;

/// Every so many a large one.
fn numbered(number: usize) -> String {
    let len = if number % 10 == 9 { 20_000 } else { number % 300 };
    format!("{number} {}", "x".repeat(len))
}

/// Sends numbered messages until it sees an end, or it `is_over` and all have come back; counts those
/// that have. Says whether it is still served.
pub(super) fn talk(client: &mut Client, heard_c: &AtomicUsize, is_over: &AtomicBool) -> bool {
    let (mut sent, mut heard) = (0, 0);
    loop {
        let is_enough = is_over.load(Ordering::Relaxed);
        while sent < heard + WINDOW && !is_enough {
            if client.text(&numbered(sent)).is_err() {
                break;
            }
            sent += 1;
        }
        if is_enough && heard == sent {
            return true;
        }
        match client.receive() {
            Ok(Message::Text(text)) => {
                assert!(text == numbered(heard), "wanted message {heard}, got {text:.20}");
                heard += 1;
                heard_c.store(heard, Ordering::Relaxed);
            }
            Ok(Message::End | Message::Close(1001 | 1012, _)) => return false,
            Ok(other) => panic!("wanted message {heard}, got {other:?}"),
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                panic!("neither served nor ended, at {heard} of {sent}")
            }
            Err(error) => {
                // Of TLS an end without close_notify; of TCP one in the middle of a frame, or a reset.
                let is_end = matches!(
                    error.kind(),
                    ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
                ) || error.to_string().contains("the stream ended inside");
                assert!(is_end, "wanted message {heard}, got {error:?}");
                return false;
            }
        }
    }
}

/// Clients talk while `disturb` does what it does, which is given how many messages each has got back.
/// Gives those that are still served.
pub(super) fn talk_through(
    clients: Vec<Client>,
    disturb: impl FnOnce(&[AtomicUsize]),
) -> Vec<Client> {
    let is_over = AtomicBool::new(false);
    let counts: Vec<_> = clients.iter().map(|_| AtomicUsize::new(0)).collect();
    std::thread::scope(|scope| {
        let is_over = &is_over;
        let start = |(mut client, count)| {
            scope.spawn(move || talk(&mut client, count, is_over).then_some(client))
        };
        let talks: Vec<_> = clients.into_iter().zip(&counts).map(start).collect();
        // Without which a failure would wait for the threads forever.
        let result = catch_unwind(AssertUnwindSafe(|| disturb(&counts)));
        is_over.store(true, Ordering::Relaxed);
        result.unwrap_or_else(|panic| resume_unwind(panic));
        talks.into_iter().filter_map(|talk| talk.join().unwrap()).collect()
    })
}
