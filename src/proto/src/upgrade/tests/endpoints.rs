//! Which endpoint a request gets to.

use super::*;

#[test]
fn endpoints_are_matched_by_their_whole_path() {
    let endpoints = [endpoint("/a", None), endpoint("/a/b", None)];
    assert_eq!(reached("x", "/a", &endpoints), Ok(0));
    assert_eq!(reached("x", "/a/b?c=/a", &endpoints), Ok(1));
    assert_eq!(reached("x", "http://x/a/b", &endpoints), Ok(1));
    for target in ["/", "/A", "/a/", "/ab", "/a/b/c", "/%61", "//a"] {
        assert_eq!(reached("x", target, &endpoints), Err(404), "{target}");
    }
}

#[test]
fn endpoints_are_matched_by_host_and_port() {
    let endpoints = [
        endpoint("/", None),
        endpoint("/", Some(("a.b", 80))),
        endpoint("/", Some(("a.b", 8080))),
        endpoint("/", Some(("[::1]", 80))),
    ];
    assert_eq!(reached("a.b", "/", &endpoints), Ok(1));
    assert_eq!(reached("A.B:80", "/", &endpoints), Ok(1));
    assert_eq!(reached("a.b:8080", "/", &endpoints), Ok(2));
    assert_eq!(reached("[::1]", "/", &endpoints), Ok(3));
    assert_eq!(reached("x.a.b", "/", &endpoints), Ok(0));
    assert_eq!(reached("a.b:81", "/", &endpoints), Ok(0));
    assert_eq!(reached("x", "http://a.b:8080/", &endpoints), Ok(2));
    assert_eq!(reached("a.b.evil", "/", &endpoints[1..]), Err(404));
    assert_eq!(reached("", "/", &endpoints[1..]), Err(404));
}

/// The endpoint that a proper handshake at `/` gets to through TLS, or without.
fn reached_through(is_tls: bool, host: &str, endpoints: &[Endpoint]) -> Result<usize, u16> {
    let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\n{UPGRADE}{KEY}{VERSION}\r\n");
    match decide(&http::parse(head.as_bytes()).unwrap(), endpoints, is_tls, None) {
        Decision::Accept { endpoint, .. } => Ok(endpoint),
        other => Err(refusal(other)),
    }
}

#[test]
fn without_a_port_it_is_443_through_tls_and_80_without() {
    let endpoints = [endpoint("/", Some(("a.b", 80))), endpoint("/", Some(("a.b", 443)))];
    assert_eq!(reached_through(false, "a.b", &endpoints), Ok(0));
    assert_eq!(reached_through(true, "a.b", &endpoints), Ok(1));
    assert_eq!(reached_through(true, "a.b:80", &endpoints), Ok(0));
    assert_eq!(reached_through(false, "a.b:443", &endpoints), Ok(1));
}

#[test]
fn endpoints_of_a_scheme_are_reached_by_that_alone() {
    let scheme = |is_tls, authority| Endpoint { is_tls, ..endpoint("/", authority) };
    let endpoints = [
        scheme(Some(true), Some(("a.b", 8443))),
        scheme(Some(false), Some(("a.b", 8443))),
        scheme(Some(true), Some(("c.d", 443))),
        scheme(Some(false), Some(("e.f", 80))),
        scheme(None, None),
    ];
    let cases = [
        ("a.b:8443", 0, 1),
        ("c.d", 2, 4),
        ("c.d:443", 2, 4),
        ("e.f", 4, 3),
        ("e.f:80", 4, 3),
        ("x", 4, 4),
    ];
    for (host, encrypted, plain) in cases {
        assert_eq!(reached_through(true, host, &endpoints), Ok(encrypted), "wss {host}");
        assert_eq!(reached_through(false, host, &endpoints), Ok(plain), "ws {host}");
    }
    for (host, encrypted, plain) in [("c.d:443", Ok(2), Err(404)), ("e.f:80", Err(404), Ok(3))] {
        assert_eq!(reached_through(true, host, &endpoints[..4]), encrypted, "wss {host}");
        assert_eq!(reached_through(false, host, &endpoints[..4]), plain, "ws {host}");
    }
}
