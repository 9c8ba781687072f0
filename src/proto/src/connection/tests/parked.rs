//! Connections that are written down and read back, as for another process, anywhere in their talk.

use proptest::prelude::*;
use proptest::sample::Index;

use super::compressed::{SHARED, TAKEOVER};
use super::cuts::conversation;
use super::*;
use crate::deflate::Deflater;

/// The same connection, by way of bytes.
fn moved(connection: &Connection) -> Connection {
    let bytes = postcard::to_stdvec(connection).unwrap();
    let moved: Connection = postcard::from_bytes(&bytes).unwrap();
    assert!(moved.is_sound());
    assert_eq!(format!("{connection:?}"), format!("{moved:?}"));
    moved
}

/// What a caller sees of bytes that are cut so; moved on at each cut that is after the upgrade.
fn told(bytes: &[u8], cuts: &[Index], agreement: Option<Agreement>, moves: bool) -> Caller {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    cuts.sort_unstable();
    let mut caller = Caller { deflate: agreement, ..Caller::new() };
    let mut start = 0;
    for cut in cuts.into_iter().chain([bytes.len()]) {
        caller.feed(&bytes[start..cut]);
        start = cut;
        if moves && caller.connection.may_be_parked() {
            caller.connection = moved(&caller.connection);
        }
    }
    caller
}

fn agreement() -> impl Strategy<Value = Option<Agreement>> {
    prop::sample::select(vec![None, Some(SHARED), Some(TAKEOVER)])
}

proptest! {
    #[test]
    fn a_connection_goes_on_as_if_it_had_stayed(
        bytes in conversation(),
        cuts in prop::collection::vec(any::<Index>(), 0..8),
        agreement in agreement(),
    ) {
        let stayed = told(&bytes, &cuts, agreement, false);
        let moved = told(&bytes, &cuts, agreement, true);
        prop_assert_eq!(&moved.seen, &stayed.seen);
        prop_assert_eq!(&moved.pings, &stayed.pings);
        prop_assert_eq!(&moved.out, &stayed.out);
        prop_assert_eq!(moved.deadline(), stayed.deadline());
    }

    #[test]
    fn what_is_found_sound_never_panics(
        bytes in conversation(),
        cut in any::<Index>(),
        flips in prop::collection::vec((any::<Index>(), 1_u8..), 0..4),
        agreement in agreement(),
    ) {
        let mut caller = Caller { deflate: agreement, ..Caller::new() };
        caller.feed(&bytes[..cut.index(bytes.len() + 1)]);
        prop_assume!(caller.connection.may_be_parked());
        let mut written = postcard::to_stdvec(&caller.connection).unwrap();
        for (at, flip) in flips {
            let at = at.index(written.len());
            written[at] ^= flip;
        }
        if let Ok(read) = postcard::from_bytes::<Connection>(&written) {
            if read.is_sound() {
                caller.connection = read;
                caller.feed(&bytes);
            }
        }
    }
}

#[test]
fn windows_of_compression_go_along_both_ways() {
    let mut caller = Caller::open_with(Some(TAKEOVER));
    let mut theirs = crate::deflate::Window::new(15);
    let mut deflater = Deflater::new(6);
    let message = b"what was said before is only referred to the next time".repeat(4);
    for round in 0..3 {
        let mut frame = Vec::new();
        assert!(deflater.frame(Opcode::Binary, &message, 15, Some(&mut theirs), &mut frame));
        let (_, payload) = frame::split(&frame).expect("a whole frame");
        let mut masked = whole(Opcode::Binary, payload);
        masked[0] |= 0x40;
        assert!(round == 0 || payload.len() < 20, "it refers to the one before");
        caller.feed(&masked);
        assert_eq!(caller.seen.pop(), Some(Seen::Message(Kind::Binary, message.clone())));

        let mut ours = Vec::new();
        caller.connection.compress(&mut deflater, Opcode::Binary, &message, &mut ours);
        assert!(round == 0 || ours.len() < 20, "so does ours");
        caller.connection = moved(&caller.connection);
    }
}

#[test]
fn only_what_is_upgraded_may_be_parked() {
    let mut caller = Caller::new();
    caller.feed(&HANDSHAKE[..20]);
    assert!(!caller.connection.may_be_parked());
    assert!(postcard::to_stdvec(&caller.connection).is_err(), "a head in part is not written");
    caller.feed(&HANDSHAKE[20..]);
    assert!(caller.connection.may_be_parked());
    assert!(caller.close(CloseCode::NORMAL, ""));
    assert!(caller.connection.may_be_parked(), "the peer has yet to answer");
    caller.feed(&close_frame(1000, b""));
    assert_eq!(caller.connection.phase(), Phase::Finished);
    caller.connection = moved(&caller.connection);
    caller.feed(&whole(Opcode::Text, b"nobody hears it"));
    assert_eq!(caller.seen.last(), Some(&Seen::Closed(Some(1000), String::new())));
}
