//! Endpoint URLs and origins: from the text of the configuration to the form in which requests
//! are compared with them.
//! Not for: the comparison (`ringsocket_proto::upgrade`).

use super::EndpointUrl;

/// What is wrong with a URL or an origin, and what to write instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bad {
    pub(super) what: String,
    pub(super) instead: String,
}

fn bad<T>(what: impl Into<String>, instead: impl Into<String>) -> Result<T, Bad> {
    Err(Bad { what: what.into(), instead: instead.into() })
}

/// Reads `ws://host[:port][/path]`, `wss://...`, or a path alone, which means any host and port.
///
/// # Errors
/// On anything else, a query, a fragment, user information, or characters that a request target
/// (RFC 9112 section 3.2.1) or a host (RFC 3986 section 3.2.2) cannot hold.
pub(super) fn endpoint(url: &str) -> Result<EndpointUrl, Bad> {
    if url.starts_with('/') {
        return Ok(EndpointUrl { authority: None, path: path(url)?, encrypted: None });
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        let hint = "write ws://example.com/path, or /path for every host";
        return bad(format!("{url:?} is neither a ws:// URL nor a path"), hint);
    };
    let encrypted = match scheme.to_ascii_lowercase().as_str() {
        "ws" => false,
        "wss" => true,
        "http" => {
            return bad("a WebSocket URL has no http:// scheme", format!("write ws://{rest}"));
        }
        "https" => {
            return bad("a WebSocket URL has no https:// scheme", format!("write wss://{rest}"));
        }
        _ => return bad(format!("{scheme:?} is no scheme of a WebSocket URL"), "write ws://"),
    };
    let (authority, target) = match rest.find(['/', '?', '#']) {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let (host, port) = host_and_port(authority)?;
    let port = port.unwrap_or(if encrypted { 443 } else { 80 });
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    Ok(EndpointUrl {
        authority: Some((host, port)),
        path: path(&target)?,
        encrypted: Some(encrypted),
    })
}

/// A path as it must stand in a request: compared byte by byte, so it is not decoded.
fn path(path: &str) -> Result<String, Bad> {
    if let Some(at) = path.find(['?', '#']) {
        let what = "an endpoint is matched by its path alone, without a query or a fragment";
        return bad(what, format!("end it before {:?}", &path[at..]));
    }
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
    if path.bytes().all(fits) {
        return Ok(path.to_owned());
    }
    let encode = |byte: u8| match fits(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    let encoded: String = path.bytes().map(encode).collect();
    bad("a path is written as clients send it, percent-encoded", format!("write {encoded}"))
}

/// Splits `host[:port]`; the host in lower case, an IPv6 address in its brackets.
fn host_and_port(authority: &str) -> Result<(String, Option<u16>), Bad> {
    if authority.contains('@') {
        return bad("a URL here has no user name", "end the host at the port or the path");
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, "")) => (ipv6(address)?, None),
            Some((address, after)) if after.starts_with(':') => (ipv6(address)?, Some(&after[1..])),
            _ => return bad(format!("{authority:?} is no IPv6 address"), IPV6_HINT),
        },
        None => match authority.split_once(':') {
            Some((host, port)) => (name(host)?, Some(port)),
            None => (name(authority)?, None),
        },
    };
    let Some(port) = port else { return Ok((host, None)) };
    match port.parse::<u16>() {
        Ok(number) if number > 0 && port.bytes().all(|b| b.is_ascii_digit()) => {
            Ok((host, Some(number)))
        }
        _ => bad(format!("{port:?} is no port number"), "write a number from 1 to 65535"),
    }
}

const IPV6_HINT: &str = "write [::1] or [::1]:8080";

fn ipv6(address: &str) -> Result<String, Bad> {
    match address.parse::<std::net::Ipv6Addr>() {
        // The address's own form, as RFC 5952 has it and browsers send it.
        Ok(address) => Ok(format!("[{address}]")),
        Err(_) => bad(format!("{address:?} is no IPv6 address"), IPV6_HINT),
    }
}

/// A host name in lower case.
pub(super) fn name(host: &str) -> Result<String, Bad> {
    if host.is_empty() {
        return bad("the host is missing", "write ws://example.com/path, or /path for every host");
    }
    if !host.is_ascii() {
        return bad("a host is written in ASCII", "write its xn-- (punycode) form");
    }
    if host.contains('*') {
        return bad("a host has no wildcards here", "write every host out, one by one");
    }
    match host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)) {
        true => Ok(host.to_ascii_lowercase()),
        false => bad(format!("{host:?} is no host name"), "write a name such as example.com"),
    }
}

/// An allowed origin in the form browsers send it (RFC 6454 section 6.2), and whether a path had
/// to be dropped from it.
///
/// # Errors
/// On anything that is neither `scheme://host[:port]` nor `null`.
pub(super) fn origin(text: &str) -> Result<(String, bool), Bad> {
    if text == "null" {
        return Ok((text.to_owned(), false));
    }
    if text == "*" {
        let hint = "to let every origin in, leave `allowed_origins` out";
        return bad("an origin has no wildcards here", hint);
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return bad(format!("{text:?} is no origin"), "write https://example.com");
    };
    let scheme = scheme.to_ascii_lowercase();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.bytes().all(fits) {
        return bad(format!("{text:?} is no origin"), "write https://example.com");
    }
    if scheme == "ws" || scheme == "wss" {
        let instead = if scheme == "ws" { "http" } else { "https" };
        let what = "an origin is where the page comes from, not where its socket goes";
        return bad(what, format!("write {instead}://{rest}"));
    }
    let (authority, path) = match rest.find(['/', '?', '#']) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let (host, port) = host_and_port(authority)?;
    let default = match scheme.as_str() {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    };
    let origin = match port.filter(|_| port != default) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    };
    Ok((origin, !path.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(url: &str) -> (Option<(String, u16)>, String, Option<bool>) {
        let url = endpoint(url).unwrap();
        (url.authority, url.path, url.encrypted)
    }

    #[test]
    fn endpoint_urls() {
        let host = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(parts("ws://A.b/c"), (host("a.b", 80), "/c".into(), Some(false)));
        assert_eq!(parts("WSS://a"), (host("a", 443), "/".into(), Some(true)));
        assert_eq!(parts("ws://a:8080"), (host("a", 8080), "/".into(), Some(false)));
        assert_eq!(parts("ws://[0::1]:81/"), (host("[::1]", 81), "/".into(), Some(false)));
        assert_eq!(parts("ws://[::1]"), (host("[::1]", 80), "/".into(), Some(false)));
        assert_eq!(parts("/x/%C3%A4"), (None, "/x/%C3%A4".into(), None));
    }

    #[test]
    fn bad_endpoint_urls_say_what_to_write() {
        let cases = [
            ("example.com/x", "write ws://example.com/path, or /path for every host"),
            ("http://a/b", "write ws://a/b"),
            ("https://a/b", "write wss://a/b"),
            ("ftp://a", "write ws://"),
            ("ws:///x", "write ws://example.com/path, or /path for every host"),
            ("ws://a:0/x", "write a number from 1 to 65535"),
            ("ws://a:+1/x", "write a number from 1 to 65535"),
            ("ws://a:/x", "write a number from 1 to 65535"),
            ("ws://a:65536/x", "write a number from 1 to 65535"),
            ("ws://[::1/x", "write [::1] or [::1]:8080"),
            ("ws://[::1]x/x", "write [::1] or [::1]:8080"),
            ("ws://[1.2.3.4]/x", "write [::1] or [::1]:8080"),
            ("ws://u:p@a/x", "end the host at the port or the path"),
            ("ws://*.a/x", "write every host out, one by one"),
            ("ws://bücher.de/x", "write its xn-- (punycode) form"),
            ("ws://a b/x", "write a name such as example.com"),
            ("ws://a/x?y=1", "end it before \"?y=1\""),
            ("ws://a?y", "end it before \"?y\""),
            ("/x#y", "end it before \"#y\""),
            ("/ä b", "write /%C3%A4%20b"),
        ];
        for (url, instead) in cases {
            assert_eq!(endpoint(url).unwrap_err().instead, instead, "{url}");
        }
    }

    #[test]
    fn origins_take_the_form_browsers_send() {
        let cases = [
            ("https://Example.com", "https://example.com", false),
            ("https://example.com:443", "https://example.com", false),
            ("https://example.com:80", "https://example.com:80", false),
            ("http://localhost:8080/", "http://localhost:8080", true),
            ("https://example.com/foo", "https://example.com", true),
            ("http://[0:0::1]:80", "http://[::1]", false),
            ("moz-extension://4ab1", "moz-extension://4ab1", false),
            ("null", "null", false),
        ];
        for (text, expected, dropped) in cases {
            assert_eq!(origin(text), Ok((expected.to_owned(), dropped)), "{text}");
        }
    }

    #[test]
    fn bad_origins_say_what_to_write() {
        let cases = [
            ("*", "to let every origin in, leave `allowed_origins` out"),
            ("example.com", "write https://example.com"),
            ("://a", "write https://example.com"),
            ("wss://example.com", "write https://example.com"),
            ("https://*.example.com", "write every host out, one by one"),
        ];
        for (text, instead) in cases {
            assert_eq!(origin(text).unwrap_err().instead, instead, "{text}");
        }
    }
}
