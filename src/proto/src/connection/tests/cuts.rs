//! What a connection does must not depend on where the bytes were cut on their way.

use proptest::prelude::*;
use proptest::sample::Index;

use super::compressed::{SHARED, TAKEOVER, compressed};
use super::*;

/// A part of what a client may send after its handshake.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let data = prop_oneof![
        "[a-zé🙂]{0,40}".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..300),
    ];
    let small = proptest::collection::vec(any::<u8>(), 0..126);
    let code = prop_oneof![Just(1000u16), Just(3000), Just(1005), any::<u16>()];
    prop_oneof![
        8 => "[a-zé🙂]{0,90}".prop_map(|text| whole(Opcode::Text, text.as_bytes())),
        4 => data.prop_map(|data| whole(Opcode::Binary, &data)),
        1 => (120usize..132).prop_map(|len| whole(Opcode::Binary, &vec![7; len])),
        1 => (65_530usize..70_003).prop_map(|len| whole(Opcode::Text, &vec![b'x'; len])),
        6 => ("[a-zé🙂]{0,20}", any::<[Index; 2]>(), any::<bool>()).prop_map(fragmented),
        4 => small.clone().prop_map(|payload| whole(Opcode::Ping, &payload)),
        2 => small.prop_map(|payload| whole(Opcode::Pong, &payload)),
        1 => (code, "[é]{0,40}").prop_map(|(code, why)| close_frame(code, why.as_bytes())),
        1 => Just(whole(Opcode::Continuation, b"stray")),
        4 => ("[a-zé]{0,20}", any::<Index>()).prop_map(|(text, cut)| {
            let bytes = text.repeat(10).into_bytes();
            let payload = compressed(&bytes);
            let cut = cut.index(payload.len() + 1);
            let mut first = part(Opcode::Text, &payload[..cut]);
            first[0] |= 0x40;
            [first, whole(Opcode::Continuation, &payload[cut..])].concat()
        }),
        4 => proptest::collection::vec(any::<u8>(), 0..30).prop_map(|garbage| {
            let mut frame = whole(Opcode::Binary, &garbage);
            frame[0] |= 0x40;
            frame
        }),
    ]
}

/// A text in three fragments, cut anywhere, perhaps with a ping between them.
fn fragmented((text, cuts, pings): (String, [Index; 2], bool)) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut cuts = cuts.map(|cut| cut.index(bytes.len() + 1));
    cuts.sort_unstable();
    let ping = if pings { whole(Opcode::Ping, b"between") } else { Vec::new() };
    [
        part(Opcode::Text, &bytes[..cuts[0]]),
        ping.clone(),
        part(Opcode::Continuation, &bytes[cuts[0]..cuts[1]]),
        ping,
        whole(Opcode::Continuation, &bytes[cuts[1]..]),
    ]
    .concat()
}

/// A conversation from its first byte on, perhaps with bytes replaced.
pub(super) fn conversation() -> impl Strategy<Value = Vec<u8>> {
    let fault = prop_oneof![
        3 => Just(None),
        1 => (any::<Index>(), any::<u8>()).prop_map(Some),
    ];
    // Faults in the head are rarer than their share of the bytes.
    (proptest::collection::vec(frames(), 0..8), fault, any::<bool>()).prop_map(
        |(frames, fault, in_head)| {
            let mut bytes = [HANDSHAKE, &frames.concat()].concat();
            let start = if in_head { 0 } else { HANDSHAKE.len() };
            if let (Some((at, byte)), true) = (fault, bytes.len() > start) {
                let at = start + at.index(bytes.len() - start);
                bytes[at] = byte;
            }
            bytes
        },
    )
}

/// What came of the bytes when they were cut at these places.
fn outcome(
    bytes: &[u8],
    deflate: Option<Agreement>,
    cuts: impl Iterator<Item = usize>,
) -> (Vec<Seen>, Vec<u8>, Phase, bool) {
    let mut caller = Caller { deflate, ..Caller::new() };
    let mut from = 0;
    for cut in cuts.chain([bytes.len()]) {
        caller.feed(&bytes[from..cut]);
        from = cut;
    }
    // Once more, so that what the last event had borrowed is let go.
    caller.feed(&[]);
    let Caller { connection, seen, out, .. } = caller;
    (seen, out, connection.phase(), connection.is_idle_on_heap())
}

/// More cases than usual, since most conversations end at their first fault.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig { cases: default.cases.max(2048), ..default }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn cuts_do_not_matter(
        bytes in conversation(),
        deflate in prop_oneof![Just(None), Just(Some(SHARED)), Just(Some(TAKEOVER))],
        cuts in proptest::collection::vec(any::<Index>(), 0..12),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let (seen, out, phase, idle) = outcome(&bytes, deflate, std::iter::empty());
        let cut = outcome(&bytes, deflate, cuts.into_iter());
        prop_assert_eq!(&seen, &cut.0);
        prop_assert_eq!(&out, &cut.1);
        prop_assert_eq!((phase, idle), (cut.2, cut.3));
        // Not byte by byte through the whole of the largest, which would take seconds.
        let each = outcome(&bytes, deflate, (1..bytes.len().min(3000)).chain((3000..bytes.len()).step_by(97)));
        prop_assert_eq!(&seen, &each.0);
        prop_assert_eq!(&out, &each.1);
        prop_assert_eq!((phase, idle), (each.2, each.3));
    }

    #[test]
    fn well_formed_messages_arrive_as_they_were_sent(
        messages in proptest::collection::vec(("[a-zé🙂]{0,20}", any::<[Index; 2]>(), any::<bool>()), 0..6),
        cuts in proptest::collection::vec(any::<Index>(), 0..12),
    ) {
        let expected: Vec<Seen> = messages.iter().map(|(sent, ..)| text(sent)).collect();
        let bytes: Vec<u8> = messages.into_iter().flat_map(fragmented).collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let mut caller = Caller::open();
        cuts.windows(2).for_each(|cut| caller.feed(&bytes[cut[0]..cut[1]]));
        prop_assert_eq!(caller.seen, expected);
        prop_assert!(caller.connection.is_idle_on_heap());
    }

    #[test]
    fn random_bytes_never_panic(
        is_open: bool,
        is_closing: bool,
        pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..8),
    ) {
        let mut caller = if is_open { Caller::open() } else { Caller::new() };
        if is_closing {
            caller.close(CloseCode::NORMAL, "");
        }
        let sent = caller.out.len();
        for piece in pieces {
            caller.feed(&piece);
        }
        if is_open && is_closing {
            prop_assert_eq!(caller.out.len(), sent);
        }
    }
}
