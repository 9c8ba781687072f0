//! The target `frames`: an open connection and whatever a client may send on it.
//!
//! Beside what `drive` holds for every connection, a second reader of frames (`model`), written for
//! whole streams and without regard to speed, says what must have come of the stream.

use std::time::Duration;

use ringsocket_proto::Request;
use ringsocket_proto::deflate::Agreement;

use crate::client;
use crate::drive::{Action, Answer, Outcome, Script, Seen, limits};
use crate::model::{Effect, Model};
use crate::recipe::Recipe;
use crate::wire;

/// Sizes of messages, of their frames in all, and of one frame; and frames of a message. The first
/// message size is what `client` has lengths for.
const SIZES: [[usize; 4]; 4] = [
    [70_000, 72_000, 70_000, 1000],
    [500, 514, 500, 8],
    [125, 2000, 100, 1000],
    [4096, 4200, 4096, 3],
];

/// How long the client may be silent in every second conversation.
const PING_WAIT: Duration = Duration::from_secs(20);

/// The shortest request there is: what is asked for is not this target's concern.
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost:\r\n\r\n";

/// Runs one input.
pub fn check(data: &[u8]) {
    let recipe = Recipe::read(data);
    let sizes = SIZES[usize::from(recipe.variant) % SIZES.len()];
    let stream = match recipe.is_raw {
        true => recipe.body.to_vec(),
        false => client::stream(recipe.body, sizes[0] + 1, None),
    };
    converse(&recipe, sizes, &stream, None);
}

/// Sends a stream to an open connection, with limits as in [`SIZES`], and holds what comes of it to the model.
pub(crate) fn converse(
    recipe: &Recipe<'_>,
    [message_size, chain_size, frame_size, fragment_c]: [usize; 4],
    bytes: &[u8],
    deflate: Option<Agreement>,
) {
    let mut limits = limits([1024, 16, message_size, chain_size]);
    (limits.frame_size, limits.fragment_c) = (frame_size, fragment_c);
    limits.ping_wait = (recipe.variant & 4 != 0).then_some(PING_WAIT);
    let answer = |_: &Request<'_>, _: &mut Vec<u8>| (String::new(), Answer::Accept(deflate));
    let script = Script {
        recipe,
        limits: &limits,
        expires_twice: recipe.variant >= 8,
        is_behind_proxy: false,
        before: REQUEST,
        bytes,
        answer: &answer,
    };
    let outcome = script.outcome();
    let expected = expected(&script, deflate);
    assert_eq!(expected, came_of(&outcome), "what must be seen, and what is");
}

/// What must come of the script.
fn expected(script: &Script<'_>, deflate: Option<Agreement>) -> (Vec<Effect>, Vec<Effect>) {
    let mut model = Model::new(script.limits, deflate);
    let mut from = 0;
    for (at, action) in script.actions() {
        model.read(&script.bytes[from..at]);
        from = at;
        match action {
            Some(Action::Close) => model.close(1001),
            Some(Action::Expire) => model.expire(),
            None => {}
        }
    }
    let is_sent = |effect: &Effect| {
        matches!(effect, Effect::SendPing | Effect::SendPong(_) | Effect::SendClose(_))
    };
    model.effects.into_iter().partition(is_sent)
}

/// What was written, and what was seen.
fn came_of(outcome: &Outcome) -> (Vec<Effect>, Vec<Effect>) {
    let sent = wire::frames(&outcome.out).into_iter().map(|frame| match frame {
        wire::Frame::Ping => Effect::SendPing,
        wire::Frame::Pong(payload) => Effect::SendPong(payload.to_vec()),
        wire::Frame::Close(code) => Effect::SendClose(code),
    });
    let seen = outcome.seen.iter().map(|seen| match seen {
        Seen::Message(kind, payload) => Effect::Message(*kind, payload.clone()),
        Seen::Ping(payload) => Effect::Ping(payload.clone()),
        Seen::Pong(payload) => Effect::Pong(payload.clone()),
        Seen::Closed(code, reason) => Effect::Closed(*code, reason.clone().into_bytes()),
        Seen::Violation(code, _) => Effect::Violation(*code),
        Seen::Expired(expired) => Effect::Expired(*expired),
        Seen::Proxied(_) | Seen::BadPreamble(_) | Seen::Request(_) | Seen::BadRequest(..) => {
            panic!("{seen:?} on an open connection")
        }
    });
    (sent.collect(), seen.collect())
}
