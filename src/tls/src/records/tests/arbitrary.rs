//! Any bytes, and any cuts.

use proptest::prelude::*;

use super::moved::moved;
use super::*;

/// Gives a stream in pieces, as a caller does who keeps what was not used; moves the records to another
/// process before each piece, if told so. Yields
/// them, all plaintext, and the end.
fn open_in_pieces(
    mut records: Records,
    stream: &[u8],
    pieces: &[usize],
    moves: bool,
) -> (Records, Vec<u8>, Option<End>) {
    let (mut held, mut plain, mut end) = (Vec::new(), Vec::new(), None);
    let mut pieces = pieces.iter().cycle();
    let mut rest = stream;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(rest.len().min(*pieces.next().unwrap()));
        rest = later;
        held.extend_from_slice(now);
        if moves {
            records = moved(records);
        }
        let opened = records.open(&mut held);
        assert!(opened.plain.end <= opened.used && opened.used <= held.len());
        plain.extend_from_slice(&held[opened.plain.clone()]);
        assert!(end.is_none() || (opened.plain.is_empty() && opened.end.is_none()));
        end = end.or(opened.end);
        held.drain(..opened.used);
    }
    (records, plain, end)
}

fn any_suite() -> impl Strategy<Value = Suite> {
    (0..NUMBERS.len()).prop_map(|at| suite(NUMBERS[at]))
}

/// Any contents, those that mean something more often than others.
fn any_record() -> impl Strategy<Value = (u8, Vec<u8>, usize)> {
    let short = prop::collection::vec(any::<u8>(), 0..8);
    let content = prop_oneof![
        8 => (Just(23), prop::collection::vec(any::<u8>(), 0..50)),
        4 => (Just(22), prop_oneof![
            Just(vec![24, 0, 0, 1, 0]), Just(vec![24, 0, 0, 1, 1]), Just(vec![24]),
            Just(vec![0, 0, 1]), Just(vec![1]), Just(vec![1, 0, 0, 3]), Just(vec![7; 3]), short.clone(),
        ]),
        2 => (Just(21), prop_oneof![
            Just(vec![1, 90]), Just(vec![1, 100]), Just(vec![1, 0]), short.clone(),
        ]),
        1 => (any::<u8>(), short),
    ];
    (content, 0..20_usize).prop_map(|((content, plain), padding)| (content, plain, padding))
}

proptest! {
    #[test]
    fn any_bytes_are_borne(
        suite in any_suite(),
        mut bytes in prop::collection::vec(any::<u8>(), 0..100),
        is_headed in any::<bool>(),
        pieces in prop::collection::vec(1..40_usize, 1..5),
    ) {
        if is_headed && bytes.len() >= 5 {
            let len = bytes.len() - 5;
            bytes[..5].copy_from_slice(&[23, 3, 3, 0, len as u8]);
        }
        let (_, plain, _) = open_in_pieces(server(suite), &bytes, &pieces, true);
        prop_assert!(plain.is_empty(), "nobody can have sealed this");
    }

    #[test]
    fn cuts_and_moves_change_nothing(
        suite in any_suite(),
        contents in prop::collection::vec(any_record(), 1..40),
        pieces in prop::collection::vec(1..200_usize, 1..6),
        moves in any::<bool>(),
    ) {
        let mut forger = forger(suite);
        let mut stream = Vec::new();
        for (content, plain, padding) in &contents {
            stream.extend(forger.padded(*content, plain, *padding));
            if suite.version == Version::Tls13 && *content == 22 && plain.len() == 5 {
                forger.update();
            }
        }
        let mut whole = server(suite);
        let opened = whole.open(&mut stream.clone());
        let other = open(&mut server(suite), &stream[..]);
        let (mut cut, plain, end) = open_in_pieces(server(suite), &stream, &pieces, moves);
        prop_assert_eq!((plain, end), other.clone());
        prop_assert_eq!((opened.plain.len(), opened.end), (other.0.len(), other.1));
        prop_assert_eq!(whole.owes_reply(), cut.owes_reply());
        let (mut by_whole, mut by_cut) = (Vec::new(), Vec::new());
        whole.reply(&mut by_whole);
        cut.reply(&mut by_cut);
        prop_assert_eq!(by_whole, by_cut);
    }
}
