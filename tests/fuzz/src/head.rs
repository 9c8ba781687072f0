//! The target `head`: a request head, and what a server with a few endpoints answers to it; and
//! bytes that came with the head.

use ringsocket_proto::deflate::{Agreed, Terms};
use ringsocket_proto::upgrade::{self, Authority, Decision, Endpoint};
use ringsocket_proto::{Phase, Request};

use crate::drive::{Answer, Outcome, Script, Seen, limits};
use crate::recipe::Recipe;
use crate::wire::{self, Response};

/// Head sizes and numbers of header fields.
const SIZES: [[usize; 2]; 3] = [[8192, 64], [512, 8], [100, 3]];

/// On what terms messages may be compressed.
const TERMS: [Option<Terms>; 4] = [
    Some(Terms {
        client_takeover: true,
        server_takeover: true,
        client_window_bits: 15,
        server_window_bits: 15,
    }),
    None,
    Some(Terms {
        client_takeover: true,
        server_takeover: false,
        client_window_bits: 9,
        server_window_bits: 12,
    }),
    Some(Terms {
        client_takeover: false,
        server_takeover: true,
        client_window_bits: 15,
        server_window_bits: 9,
    }),
];

/// Runs one input.
pub fn check(data: &[u8]) {
    let recipe = Recipe::read(data);
    let [head_size, header_c] = SIZES[usize::from(recipe.variant) % SIZES.len()];
    let limits = limits([head_size, header_c, 1000, 1100]);
    let terms = TERMS[usize::from(recipe.variant) % TERMS.len()];
    let answer = |request: &Request<'_>, out: &mut Vec<u8>| answer(request, terms.as_ref(), out);
    let script = Script {
        recipe: &recipe,
        limits: &limits,
        expires_twice: false,
        is_behind_proxy: false,
        before: &[],
        bytes: recipe.body,
        answer: &answer,
    };
    let outcome = script.outcome();
    if !outcome.out.is_empty() {
        hold(&outcome, recipe.body);
    }
}

/// The first response is the only one, unless it is 101; then frames follow.
fn hold(outcome: &Outcome, bytes: &[u8]) {
    let response = Response::read(&outcome.out);
    if response.status == 101 {
        response.is_upgrade();
        wire::frames(response.rest);
        assert_ne!(outcome.phase, Phase::Head);
        return;
    }
    assert_eq!(outcome.phase, Phase::Finished);
    let [seen] = &outcome.seen[..] else { panic!("one event, not {:?}", outcome.seen) };
    let is_bodiless = response.is_last();
    match seen {
        Seen::Request(words) => assert_eq!(is_bodiless, words.starts_with("HEAD "), "{words}"),
        // How much of it was looked at is not known here.
        _ => assert!(!is_bodiless || names_head(bytes), "no body, after {bytes:?}"),
    }
    if let Seen::BadRequest(status, _) = seen {
        assert_eq!(*status, response.status);
    }
}

/// Whether a request that may be malformed is one for no body (RFC 9110 section 9.3.2).
fn names_head(bytes: &[u8]) -> bool {
    let start = bytes.iter().position(|byte| !b"\r\n".contains(byte)).unwrap_or(bytes.len());
    bytes[start..].starts_with(b"HEAD ")
}

/// Endpoints that differ in whom they let in.
fn endpoints() -> [Endpoint; 4] {
    let endpoint = |path: &str, host: Option<&str>, port| Endpoint {
        path: path.to_owned(),
        authority: host.map(|host| Authority { host: host.to_owned(), port }),
        is_tls: None,
        allowed_origins: Vec::new(),
        subprotocols: Vec::new(),
    };
    [
        endpoint("/", None, 0),
        endpoint("/a", Some("example.com"), 80),
        Endpoint {
            allowed_origins: vec!["https://example.com".to_owned()],
            ..endpoint("/a", Some("[::1]"), 8080)
        },
        Endpoint {
            subprotocols: vec!["chat".to_owned(), "soap".to_owned()],
            ..endpoint("/b", None, 0)
        },
    ]
}

/// Answers like a server without pages.
fn answer(request: &Request<'_>, terms: Option<&Terms>, out: &mut Vec<u8>) -> (String, Answer) {
    hold_request(request);
    let endpoints = endpoints();
    let decision = upgrade::decide(request, &endpoints, false, terms);
    let words = format!("{} {request:?} {decision:?}", request.method());
    let is_head = request.method() == "HEAD";
    match decision {
        Decision::Accept { endpoint, subprotocol, deflate } => {
            assert_eq!(endpoints[endpoint].path, request.path());
            if let Some(subprotocol) = &subprotocol {
                assert!(endpoints[endpoint].subprotocols.contains(subprotocol));
            }
            hold_agreed(request, deflate.as_ref(), terms);
            let (subprotocol, agreed) = (subprotocol.as_deref(), deflate.as_ref());
            upgrade::write_switching_protocols(request, subprotocol, agreed, out);
            return (words, Answer::Accept(deflate.map(|agreed| agreed.agreement)));
        }
        Decision::Refuse(response) | Decision::Page { otherwise: response } => {
            response.write(is_head, out);
        }
    }
    (words, Answer::Refuse)
}

/// RFC 7692 section 7.1: what was agreed on lies within the terms, and the words that tell the
/// client hold no parameter twice.
fn hold_agreed(request: &Request<'_>, agreed: Option<&Agreed>, terms: Option<&Terms>) {
    let Some(Agreed { agreement, response }) = agreed else { return };
    let terms = terms.expect("terms, if something was agreed on");
    assert!(request.header("sec-websocket-extensions").is_some(), "{agreed:?} without an offer");
    assert!(!agreement.client_takeover || terms.client_takeover, "{agreed:?}");
    assert!(!agreement.server_takeover || terms.server_takeover, "{agreed:?}");
    assert!((9..=terms.server_window_bits).contains(&agreement.server_window_bits), "{agreed:?}");
    let client_bits = 8..=if agreement.client_takeover { terms.client_window_bits } else { 15 };
    assert!(client_bits.contains(&agreement.client_window_bits), "{agreed:?}");
    let mut words = response.split("; ");
    assert_eq!(words.next(), Some("permessage-deflate"));
    let mut names: Vec<&str> = words.map(|word| word.split('=').next().unwrap_or(word)).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|two| two[0] != two[1]), "{response}");
    assert_ne!(names.contains(&"server_no_context_takeover"), agreement.server_takeover);
    assert_ne!(names.contains(&"client_no_context_takeover"), agreement.client_takeover);
}

/// What every request has, whatever was sent.
fn hold_request(request: &Request<'_>) {
    let is_word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    assert!(is_word(request.method()), "{request:?}");
    assert!(is_word(request.path()), "{request:?}");
    assert!(request.query().is_none_or(|query| query.is_empty() || is_word(query)), "{request:?}");
    assert!(request.host().is_some() || !request.is_http_1_1(), "{request:?}");
    for (name, value) in request.headers() {
        assert!(std::str::from_utf8(name).is_ok_and(is_word), "{request:?}");
        assert_eq!(value, value.trim_ascii(), "{request:?}");
        assert!(!value.iter().any(|byte| b"\r\n\0".contains(byte)), "{request:?}");
    }
}
