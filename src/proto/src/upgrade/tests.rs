//! The opening handshake, case by case.

use super::*;

mod endpoints;

const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
const VERSION: &str = "Sec-WebSocket-Version: 13\r\n";

fn endpoint(path: &str, authority: Option<(&str, u16)>) -> Endpoint {
    let authority = authority.map(|(host, port)| Authority { host: host.to_owned(), port });
    Endpoint {
        path: path.to_owned(),
        authority,
        is_tls: None,
        allowed_origins: Vec::new(),
        subprotocols: Vec::new(),
    }
}

fn decide_head(head: &str, endpoints: &[Endpoint]) -> Decision {
    decide(&http::parse(head.as_bytes()).unwrap(), endpoints, false, None)
}

/// The decision on a handshake with these lines, at the only endpoint there is.
fn decide_lines(lines: &[&str]) -> Decision {
    let head = format!("GET /chat HTTP/1.1\r\nHost: a\r\n{}\r\n", lines.concat());
    decide_head(&head, &[endpoint("/chat", None)])
}

/// The endpoint that a proper handshake gets to.
fn reached(host: &str, target: &str, endpoints: &[Endpoint]) -> Result<usize, u16> {
    let head = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{UPGRADE}{KEY}{VERSION}\r\n");
    match decide_head(&head, endpoints) {
        Decision::Accept { endpoint, .. } => Ok(endpoint),
        Decision::Refuse(response) => Err(response.status),
        Decision::Page { .. } => panic!("an upgrade was asked for"),
    }
}

fn refusal(decision: Decision) -> u16 {
    match decision {
        Decision::Refuse(response) => response.status,
        other => panic!("not refused: {other:?}"),
    }
}

fn otherwise(decision: Decision) -> u16 {
    match decision {
        Decision::Page { otherwise } => otherwise.status,
        other => panic!("no page: {other:?}"),
    }
}

const ACCEPTED: Decision = Decision::Accept { endpoint: 0, subprotocol: None, deflate: None };

#[test]
fn rfc6455_1_3_the_handshake_of_the_overview() {
    let head = "GET /chat HTTP/1.1\r\n\
        Host: server.example.com\r\n\
        Upgrade: websocket\r\n\
        Connection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
        Origin: http://example.com\r\n\
        Sec-WebSocket-Protocol: chat, superchat\r\n\
        Sec-WebSocket-Version: 13\r\n\r\n";
    let mut endpoint = endpoint("/chat", None);
    endpoint.subprotocols = vec!["superchat".to_owned(), "chat".to_owned()];
    let request = http::parse(head.as_bytes()).unwrap();
    let subprotocol = Some("chat".to_owned());
    assert_eq!(
        decide(&request, &[endpoint], false, None),
        Decision::Accept { endpoint: 0, subprotocol, deflate: None }
    );
    let mut out = Vec::new();
    write_switching_protocols(&request, Some("chat"), None, &mut out);
    let expected = "HTTP/1.1 101 Switching Protocols\r\n\
        Upgrade: websocket\r\n\
        Connection: Upgrade\r\n\
        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
        Sec-WebSocket-Protocol: chat\r\n\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn rfc6455_4_2_2_without_subprotocols_none_is_named() {
    assert_eq!(decide_lines(&[UPGRADE, KEY, VERSION, "Sec-WebSocket-Protocol: a\r\n"]), ACCEPTED);
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{KEY}\r\n");
    let mut out = Vec::new();
    write_switching_protocols(&http::parse(head.as_bytes()).unwrap(), None, None, &mut out);
    assert!(out.ends_with(b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"));
}

#[test]
fn rfc6455_4_2_2_of_the_subprotocols_the_first_that_is_spoken_in_the_order_of_the_client() {
    let mut endpoint = endpoint("/chat", None);
    endpoint.subprotocols = ["v1.chat", "v2.chat", "soap"].map(str::to_owned).to_vec();
    let chosen = |lines: &str| {
        let head = format!("GET /chat HTTP/1.1\r\nHost: a\r\n{UPGRADE}{KEY}{VERSION}{lines}\r\n");
        match decide_head(&head, std::slice::from_ref(&endpoint)) {
            Decision::Accept { subprotocol, .. } => Ok(subprotocol),
            other => Err(refusal(other)),
        }
    };
    let field = "Sec-WebSocket-Protocol:";
    for (offer, choice) in [
        (" v1.chat", Some("v1.chat")),
        (" v2.chat, v1.chat", Some("v2.chat")),
        ("none,\tv2.chat ,soap", Some("v2.chat")),
        (" v1.chat, v1.chat", Some("v1.chat")), // 4.2.1 does not have a server refuse this
        (" none, , v1.chat", Some("v1.chat")),  // RFC 9110 section 5.6.1.2
        (" none", None),
        (" V1.chat, v1.cha, v1.chat2, v1", None),
    ] {
        let choice = choice.map(str::to_owned);
        assert_eq!(chosen(&format!("{field}{offer}\r\n")), Ok(choice), "{offer:?}");
    }
    let lines = format!("{field} x\r\n{field} soap\r\n{field} v1.chat\r\n");
    assert_eq!(chosen(&lines), Ok(Some("soap".to_owned())));
    assert_eq!(chosen(""), Ok(None));
}

#[test]
fn rfc6455_4_2_1_and_11_3_4_subprotocols_are_tokens() {
    for offer in ["", ",", "a b", "a;b", "\"a\"", "a/b", "a, (b)", "\u{e9}", "a\tb"] {
        let line = format!("Sec-WebSocket-Protocol: {offer}\r\n");
        assert_eq!(refusal(decide_lines(&[UPGRADE, KEY, VERSION, &line])), 400, "{offer:?}");
    }
}

#[test]
fn rfc6455_4_2_1_tokens_know_no_case_and_stand_in_lists() {
    for lines in [
        "connection: keep-alive, uPGRADE\r\nUPGRADE: x/1, WebSocket\r\n",
        "Connection: Upgrade , keep-alive\r\nUpgrade: h2c, websocket\r\n",
        "Upgrade: h2c\r\nConnection: keep-alive\r\nUpgrade:websocket\r\nConnection: ,upgrade\r\n",
    ] {
        assert_eq!(decide_lines(&[lines, KEY, VERSION]), ACCEPTED, "{lines:?}");
    }
}

#[test]
fn rfc9110_7_8_an_upgrade_that_is_not_asked_for_in_full_is_none() {
    for lines in [
        "",
        "Connection: Upgrade\r\n",
        "Upgrade: websocket\r\n",
        "Connection: keep-alive\r\nUpgrade: websocket\r\n",
        "Connection: Upgrade\r\nUpgrade: h2c\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket2\r\n",
    ] {
        assert_eq!(otherwise(decide_lines(&[lines, KEY, VERSION])), 426, "{lines:?}");
    }
    let head = format!("GET /chat HTTP/1.0\r\nHost: a\r\n{UPGRADE}{KEY}{VERSION}\r\n");
    assert_eq!(otherwise(decide_head(&head, &[endpoint("/chat", None)])), 426);
    let head = format!("HEAD /chat HTTP/1.1\r\nHost: a\r\n{UPGRADE}{KEY}{VERSION}\r\n");
    assert_eq!(otherwise(decide_head(&head, &[endpoint("/chat", None)])), 426);
}

#[test]
fn pages_are_offered_where_there_is_no_endpoint() {
    assert_eq!(otherwise(decide_head("GET /x HTTP/1.1\r\nHost: a\r\n\r\n", &[])), 404);
    assert_eq!(otherwise(decide_head("HEAD / HTTP/1.0\r\n\r\n", &[])), 404);
}

#[test]
fn rfc9110_9_1_other_methods_are_405_and_unknown_ones_501() {
    let status = |method: &str| {
        let head = format!("{method} /chat HTTP/1.1\r\nHost: a\r\n{UPGRADE}{KEY}{VERSION}\r\n");
        refusal(decide_head(&head, &[endpoint("/chat", None)]))
    };
    for known in ["POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"] {
        assert_eq!(status(known), 405, "{known}");
    }
    for unknown in ["get", "BREW", "GETS", "PRI"] {
        assert_eq!(status(unknown), 501, "{unknown}");
    }
    assert_eq!(refusal(decide_head("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", &[])), 405);
}

#[test]
fn rfc6455_4_2_1_the_key_is_16_bytes_in_base64() {
    assert_eq!(decide_lines(&[UPGRADE, KEY, VERSION]), ACCEPTED);
    for key in [
        "",
        "Sec-WebSocket-Key:\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\r\n",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==\r\n",
        &KEY.repeat(2),
    ] {
        assert_eq!(refusal(decide_lines(&[UPGRADE, key, VERSION])), 400, "{key:?}");
    }
}

#[test]
fn rfc6455_4_4_other_versions_are_told_13() {
    for version in ["8", "7", "013", "13, 8", "13.0", ""] {
        let line = format!("Sec-WebSocket-Version: {version}\r\n");
        let decision = decide_lines(&[UPGRADE, KEY, &line]);
        let Decision::Refuse(response) = decision else { panic!("{version} is accepted") };
        assert_eq!(response, Response::wrong_version(response.why()));
    }
    assert_eq!(refusal(decide_lines(&[UPGRADE, KEY, VERSION, VERSION])), 426);
    assert_eq!(refusal(decide_lines(&[UPGRADE, KEY])), 400);
}

#[test]
fn rfc6455_4_2_1_a_request_that_lacks_a_part_is_not_granted() {
    let good = ["GET /chat HTTP/1.1\r\n", "Host: a\r\n", UPGRADE, KEY, VERSION];
    let answer = |parts: &[&str]| {
        let head = parts.concat() + "\r\n";
        match http::parse(head.as_bytes()) {
            Err(bad) => bad.status,
            Ok(request) => match decide(&request, &[endpoint("/chat", None)], false, None) {
                Decision::Accept { .. } => 101,
                Decision::Refuse(response) | Decision::Page { otherwise: response } => {
                    response.status
                }
            },
        }
    };
    assert_eq!(answer(&good), 101);
    for (part, broken, status) in [
        (0, "POST /chat HTTP/1.1\r\n", 405),
        (0, "GET /chat HTTP/1.0\r\n", 426),
        (0, "GET /other HTTP/1.1\r\n", 404),
        (0, "GET chat HTTP/1.1\r\n", 400),
        (1, "", 400),
        (1, "Host: a b\r\n", 400),
        (2, "", 426),
        (2, "Connection: close\r\nUpgrade: websocket\r\n", 426),
        (2, "Connection: Upgrade\r\nUpgrade: websockets\r\n", 426),
        (3, "", 400),
        (3, "Sec-WebSocket-Key: AAAA\r\n", 400),
        (4, "", 400),
        (4, "Sec-WebSocket-Version: 12\r\n", 426),
    ] {
        let mut parts = good;
        parts[part] = broken;
        assert_eq!(answer(&parts), status, "{broken:?} in place of {:?}", good[part]);
    }
}

#[test]
fn rfc6455_4_2_1_order_and_unknown_fields_do_not_matter() {
    let others = "Cookie: a=b\r\nX-Unknown: \u{e9}\r\n";
    assert_eq!(decide_lines(&[VERSION, others, KEY, UPGRADE]), ACCEPTED);
}

#[test]
fn rfc6455_4_2_2_the_subprotocol_is_one_that_the_client_named() {
    let mut endpoint = endpoint("/chat", None);
    endpoint.subprotocols = vec!["a".to_owned(), "b".to_owned(), "B".to_owned()];
    let chosen = |lines: &str| {
        let head = format!("GET /chat HTTP/1.1\r\nHost: a\r\n{UPGRADE}{KEY}{VERSION}{lines}\r\n");
        match decide_head(&head, std::slice::from_ref(&endpoint)) {
            Decision::Accept { subprotocol, .. } => subprotocol,
            other => panic!("not accepted: {other:?}"),
        }
    };
    let field = |value: &str| format!("Sec-WebSocket-Protocol: {value}\r\n");
    for (lines, want) in [
        (String::new(), None),
        (field("b, a"), Some("b")),
        (field("x, a"), Some("a")),
        (field("x") + &field("b"), Some("b")),
        (field("B"), Some("B")), // subprotocols know case
        (field("A"), None),
        (field("ab"), None),
    ] {
        assert_eq!(chosen(&lines).as_deref(), want, "{lines:?}");
    }
}

/// What is agreed on about compression by a server that is ready for it.
fn agreed(lines: &str) -> Decision {
    let head = format!("GET /chat HTTP/1.1\r\nHost: a\r\n{UPGRADE}{KEY}{VERSION}{lines}\r\n");
    let terms = Terms {
        client_takeover: true,
        server_takeover: true,
        client_window_bits: 15,
        server_window_bits: 15,
    };
    let request = http::parse(head.as_bytes()).unwrap();
    decide(&request, &[endpoint("/chat", None)], false, Some(&terms))
}

#[test]
fn rfc6455_9_no_extension_is_named_that_was_not_offered() {
    let field = |value: &str| format!("Sec-WebSocket-Extensions: {value}\r\n");
    for lines in [String::new(), field(""), field("x-deflate, permessage-bzip2; a=b")] {
        assert_eq!(agreed(&lines), ACCEPTED, "{lines:?}");
    }
    // Offers may be spread over fields.
    let lines = field("x; y=1") + &field("permessage-deflate");
    let Decision::Accept { deflate: Some(deflate), .. } = agreed(&lines) else { panic!("none") };
    assert_eq!(deflate.response, "permessage-deflate");
}

#[test]
fn rfc6455_9_1_malformed_extensions_are_400() {
    let good = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
    for bad in ["foo bar", "permessage-deflate; a=", "permessage-deflate;", "\"x\"", "a=b"] {
        let field = format!("Sec-WebSocket-Extensions: {bad}\r\n");
        assert_eq!(refusal(agreed(&field)), 400, "{bad}");
        assert_eq!(refusal(agreed(&(good.to_owned() + &field))), 400, "{bad} after a good one");
        assert_eq!(refusal(decide_lines(&[UPGRADE, KEY, VERSION, &field])), 400, "{bad}");
    }
}

#[test]
fn rfc6455_11_3_the_101_has_each_field_once() {
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{UPGRADE}{KEY}{VERSION}\r\n");
    let mut out = Vec::new();
    write_switching_protocols(&http::parse(head.as_bytes()).unwrap(), Some("chat"), None, &mut out);
    let text = String::from_utf8(out).unwrap();
    assert!(text.starts_with("HTTP/1.1 101 ") && text.ends_with("\r\n\r\n"), "{text}");
    let mut names: Vec<_> = text.lines().skip(1).filter_map(|line| line.split_once(':')).collect();
    names.sort_unstable();
    let (count, value_of) = (names.len(), |at: usize| names[at].0);
    assert_eq!(count, 4, "{text}");
    assert!((1..count).all(|at| value_of(at - 1) != value_of(at)), "{text}");
}

#[test]
fn rfc6455_10_2_origins() {
    let mut endpoint = endpoint("/chat", None);
    endpoint.allowed_origins = vec!["https://a.b".to_owned(), "http://c:81".to_owned()];
    let verdict = |lines: &str| {
        let head = format!("GET /chat HTTP/1.1\r\nHost: a\r\n{UPGRADE}{KEY}{VERSION}{lines}\r\n");
        match decide_head(&head, std::slice::from_ref(&endpoint)) {
            Decision::Accept { .. } => 101,
            other => refusal(other),
        }
    };
    for allowed in
        ["", "Origin: https://a.b\r\n", "Origin: HTTPS://A.b\r\n", "Origin: http://c:81\r\n"]
    {
        assert_eq!(verdict(allowed), 101, "{allowed:?}");
    }
    for refused in [
        "http://a.b",
        "https://a.b.evil",
        "https://a.b/",
        "https://a.b:443",
        "https://a.",
        "https://x.a.b",
        "null",
        "",
    ] {
        assert_eq!(verdict(&format!("Origin: {refused}\r\n")), 403, "{refused}");
    }
    assert_eq!(verdict("Origin: https://a.b\r\nOrigin: https://evil\r\n"), 403);
    assert_eq!(decide_lines(&[UPGRADE, KEY, VERSION, "Origin: https://any\r\n"]), ACCEPTED);
}
