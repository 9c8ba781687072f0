//! Request heads as RFC 9112 wants them, and as it does not.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits {
    head_size: 200,
    header_c: 4,
    message_size: 0,
    chain_size: 0,
    head_wait: Duration::ZERO,
    upgrade_wait: Duration::ZERO,
    close_wait: Duration::ZERO,
    frame_size: 0,
    fragment_c: 0,
    ping_wait: None,
    pong_wait: Duration::ZERO,
};

/// The verdict on bytes that come in whole.
fn read(bytes: &[u8]) -> Result<Option<Request<'_>>, BadHead> {
    match Scan::default().push(bytes, &LIMITS)? {
        Scanned::More => Ok(None),
        Scanned::End(len) => parse(&bytes[..len]).map(Some),
    }
}

fn ok(bytes: &str) -> Request<'_> {
    read(bytes.as_bytes()).unwrap().expect("a whole head")
}

fn status(bytes: &str) -> u16 {
    read(bytes.as_bytes()).expect_err(bytes).status
}

/// A `GET` with these lines after its `Host` field.
fn get_with(lines: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{lines}\r\n")
}

#[test]
fn a_request_is_taken_apart() {
    let request =
        ok("GET /a%20b?c=d?e HTTP/1.1\r\nHost: x.y:81\r\nORIGIN:\t https://q \r\nA:\r\n\r\n");
    assert_eq!((request.method(), request.path()), ("GET", "/a%20b"));
    assert_eq!((request.query(), request.host()), (Some("c=d?e"), Some("x.y:81")));
    assert_eq!(request.origin(), Some(&b"https://q"[..]));
    assert!(request.is_http_1_1());
    let fields: Vec<_> = request.headers().collect();
    let expected: [(&[u8], &[u8]); 3] =
        [(b"Host", b"x.y:81"), (b"ORIGIN", b"https://q"), (b"A", b"")];
    assert_eq!(fields, expected);
}

#[test]
fn rfc9112_2_2_lines_end_in_cr_lf() {
    for bad in [
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\n",
        "GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n",
        "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
    ] {
        assert_eq!(status(bad), 400, "{bad:?}");
    }
}

#[test]
fn rfc9112_2_2_empty_lines_before_the_request_line_are_skipped() {
    assert_eq!(ok("\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n").path(), "/x");
}

#[test]
fn rfc9112_2_2_no_space_between_start_line_and_first_field() {
    assert_eq!(status("GET / HTTP/1.1\r\n Host: a\r\n\r\n"), 400);
}

#[test]
fn rfc9112_2_3_versions() {
    assert!(!ok("GET / HTTP/1.0\r\n\r\n").is_http_1_1());
    for version in ["HTTP/2.0", "HTTP/0.9", "HTTP/1.2", "HTTP/3.0"] {
        assert_eq!(status(&format!("GET / {version}\r\nHost: a\r\n\r\n")), 505, "{version}");
    }
    for version in ["http/1.1", "HTTP/1", "HTTP/11", "HTTP/1.1 ", "RTSP/1.0"] {
        assert_eq!(status(&format!("GET / {version}\r\nHost: a\r\n\r\n")), 400, "{version}");
    }
}

#[test]
fn rfc9112_3_request_lines() {
    for line in ["GET /", "GET  / HTTP/1.1", "GET / x HTTP/1.1", " GET / HTTP/1.1", "/ HTTP/1.1"] {
        assert_eq!(status(&format!("{line}\r\nHost: a\r\n\r\n")), 400, "{line}");
    }
}

#[test]
fn rfc9112_3_too_long_a_target_is_414() {
    assert_eq!(status(&format!("GET /{} HTTP/1.1\r\n", "x".repeat(200))), 414);
}

#[test]
fn rfc9112_3_2_exactly_one_host() {
    assert_eq!(status("GET / HTTP/1.1\r\n\r\n"), 400);
    assert_eq!(status(&get_with("host: a\r\n")), 400);
    assert_eq!(status("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"), 400);
    for host in ["a b", "a/b", "a@b", "a:b", "a:+1", "a:65536", "a:1:2", "[::1", "[]", "[x]", "ä"]
    {
        assert_eq!(status(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")), 400, "{host}");
    }
    for host in ["", "a", "a:", "a:80", "1.2.3.4:5", "[::1]", "[::ffff:1.2.3.4]:80", "a_b.c"] {
        let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        assert_eq!(ok(&head).host(), Some(host));
    }
}

#[test]
fn rfc9112_3_2_forms_of_the_target() {
    let target = |method: &str, target: &str| {
        let head = format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        read(head.as_bytes()).map(|request| {
            let request = request.unwrap();
            let owned = |text: &str| text.to_owned();
            (request.host().map(owned), owned(request.path()), request.query().map(owned))
        })
    };
    let is = |host: &str, path: &str, query: Option<&str>| {
        Ok((Some(host.to_owned()), path.to_owned(), query.map(str::to_owned)))
    };
    assert_eq!(target("GET", "/"), is("a", "/", None));
    assert_eq!(target("GET", "//b/c?"), is("a", "//b/c", Some("")));
    assert_eq!(target("GET", "http://b:1/c?d"), is("b:1", "/c", Some("d")));
    assert_eq!(target("GET", "WSS://b"), is("b", "/", None));
    assert_eq!(target("GET", "https://b?c=/"), is("b", "/", Some("c=/")));
    assert_eq!(target("OPTIONS", "*"), is("a", "*", None));
    assert_eq!(target("OPTIONS", "http://b"), is("b", "/", None));
    assert_eq!(target("CONNECT", "b:443"), is("a", "b:443", None));
    for bad in ["*", "b:443", "x", "ftp://b/", "http:///c", "http://u@b/", "/c#d", "/ä", "?c"] {
        assert_eq!(target("GET", bad).map_err(|bad| bad.status), Err(400), "{bad}");
    }
}

#[test]
fn rfc9110_4_2_1_a_target_in_absolute_form_names_a_host() {
    for target in ["http://", "http:///", "http://:80/", "wss://:/", "ws://?a"] {
        assert_eq!(status(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")), 400, "{target}");
    }
}

#[test]
fn rfc9112_5_1_no_space_before_the_colon() {
    assert_eq!(status(&get_with("X : y\r\n")), 400);
    assert_eq!(status(&get_with("X\t: y\r\n")), 400);
    assert_eq!(status(&get_with(": y\r\n")), 400);
    assert_eq!(status(&get_with("X\r\n")), 400);
}

#[test]
fn rfc9112_5_2_folded_lines_are_refused() {
    assert_eq!(status(&get_with("X: y\r\n z\r\n")), 400);
    assert_eq!(status(&get_with("X: y\r\n\tz\r\n")), 400);
}

#[test]
fn rfc9110_5_5_control_characters_are_refused() {
    for byte in (0..=8).chain([11, 12]).chain(14..=31).chain([127]) {
        assert_eq!(status(&get_with(&format!("X: {}\r\n", char::from(byte)))), 400, "{byte}");
    }
    let head = get_with("X: \t\u{e9}~\r\n");
    assert_eq!(ok(&head).header("x"), Some("\u{e9}~".as_bytes()));
}

#[test]
fn what_is_no_http_is_refused_with_its_first_byte() {
    assert_eq!(read(b"\0"), Err(bad(400, "This is no HTTP/1.1 request.")));
    assert_eq!(read(b"G\x16"), Err(bad(400, "This is no HTTP/1.1 request.")));
    assert_eq!(read(b"G"), Ok(None));
}

#[test]
fn rfc8446_5_1_tls_on_a_plain_port_is_called_by_its_name() {
    assert_eq!(read(b"\x16"), Err(bad(400, TLS_UNEXPECTED)));
    assert_eq!(read(b"\x16\x03\x01\x02\0\x01"), Err(bad(400, TLS_UNEXPECTED)));
}

#[test]
fn rfc9113_3_4_the_preface_of_http_2_is_505() {
    assert_eq!(status("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505);
}

#[test]
fn rfc9110_10_1_1_and_7_8_what_is_expected_or_offered_beside_changes_nothing() {
    let lines = "Expect: 100-continue\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n";
    assert_eq!(ok(&get_with(lines)).path(), "/");
}

#[test]
fn rfc9112_6_requests_with_a_body() {
    assert_eq!(status(&get_with("Content-Length: 1\r\n")), 400);
    assert_eq!(status(&get_with("Transfer-Encoding: chunked\r\n")), 501);
    assert_eq!(ok(&get_with("Content-Length: 0\r\n")).method(), "GET");
    assert_eq!(ok(&get_with("Content-Length: 0, 0\r\nContent-Length: 0\r\n")).method(), "GET");
    // Other methods are refused for what they are.
    assert_eq!(ok("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n").method(), "POST");
    assert_eq!(ok("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n").method(), "POST");
}

#[test]
fn rfc9112_6_1_and_6_3_lengths_that_could_be_misread() {
    for lines in [
        "Content-Length: -1\r\n",
        "Content-Length: +0\r\n",
        "Content-Length: 0x0\r\n",
        "Content-Length:\r\n",
        "Content-Length: ,\r\n",
        "Content-Length: 0, 00\r\n",
        "Content-Length: 0\r\nContent-Length: 1\r\n",
        "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
    ] {
        assert_eq!(status(&get_with(lines)), 400, "{lines:?}");
        let post = get_with(lines).replacen("GET", "POST", 1);
        assert_eq!(status(&post), 400, "{post:?}");
    }
    assert_eq!(status("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
}

#[test]
fn rfc6585_5_large_heads_and_many_fields_are_431() {
    assert_eq!(ok(&get_with("A:1\r\nB:2\r\nC:3\r\n")).headers().count(), 4);
    assert_eq!(status(&get_with("A:1\r\nB:2\r\nC:3\r\nD:4\r\n")), 431);
    let filler = |len: usize| get_with(&format!("A: {}\r\n", "x".repeat(len)));
    let most = 200 - filler(0).len();
    assert_eq!(filler(most).len(), 200);
    assert!(ok(&filler(most)).header("a").is_some());
    assert_eq!(status(&filler(most + 1)), 431);
}

#[test]
fn rfc9110_5_6_1_lists() {
    let members = |value: &'static str| list(value.as_bytes()).collect::<Vec<_>>();
    assert_eq!(members(" a ,, b\t,"), [b"a", b"b"]);
    let head = get_with("Connection: keep-alive\r\nconnection: x, UPGRADE\r\n");
    let request = ok(&head);
    assert!(request.lists("Connection", "upgrade") && !request.lists("Connection", "up"));
}

#[test]
fn hosts_and_ports() {
    assert_eq!(split_host("a:80"), ("a", Some(80)));
    assert_eq!(split_host("a:"), ("a", None));
    assert_eq!(split_host("[::1]"), ("[::1]", None));
    assert_eq!(split_host("[::1]:8080"), ("[::1]", Some(8080)));
    assert_eq!(split_host(""), ("", None));
}

/// Bytes of which heads are made, so that random ones get somewhere.
fn head_like() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        10 => Just(&b"\r\n"[..]),
        3 => Just(&b"GET / HTTP/1.1\r\nHost: a\r\n"[..]),
        2 => Just(&b"Host: "[..]),
        2 => Just(&b"Content-Length: "[..]),
        2 => Just(&b"Transfer-Encoding: "[..]),
        1 => Just(&b"GET http://[::1]:80?x HTTP/1.0\r\n"[..]),
        3 => Just(&b":"[..]),
        3 => Just(&b" "[..]),
        1 => Just(&b"0"[..]),
        1 => Just(&b"\r"[..]),
        1 => Just(&b"\n"[..]),
        1 => Just(&b"\xff"[..]),
        1 => Just(&b"]"[..]),
    ];
    proptest::collection::vec(token, 0..20).prop_map(|tokens| tokens.concat())
}

proptest! {
    #[test]
    fn nothing_panics_and_what_passes_is_whole(bytes in head_like()) {
        if let Ok(Some(request)) = read(&bytes) {
            prop_assert!(request.host().is_some() || !request.is_http_1_1());
            prop_assert!(!request.method().is_empty() && !request.path().is_empty());
            // No field went missing between the lines that `Scan` counted and the parser's.
            prop_assert!(request.headers().all(|(name, _)| !name.is_empty()));
        }
    }
}
