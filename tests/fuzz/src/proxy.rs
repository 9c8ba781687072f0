//! The target `proxy`: what proxies say about where a connection comes from: headers of the PROXY
//! protocol, read a second time as a whole; and `X-Forwarded-For` and `Forwarded`, of which the
//! client may have written all but the end.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ringsocket_proto::forwarded::Syntax;
use ringsocket_proto::proxy::{MAX_BINARY, MAX_LINE};
use ringsocket_proto::{Phase, Request};

use crate::drive::{Answer, Script, Seen, limits};
use crate::recipe::Recipe;

/// Runs one input: with a variant of 8 and more a header of HTTP, else one of the PROXY protocol
/// and what follows it.
pub fn check(data: &[u8]) {
    let recipe = Recipe::read(data);
    if recipe.variant >= 8 {
        return forwarded(recipe.body, recipe.variant);
    }
    let limits = limits([512, 8, 100, 200]);
    let answer =
        |request: &Request<'_>, _: &mut Vec<u8>| (request.path().to_owned(), Answer::Accept(None));
    let script = Script {
        recipe: &recipe,
        limits: &limits,
        expires_twice: false,
        is_behind_proxy: true,
        before: &[],
        bytes: recipe.body,
        answer: &answer,
    };
    let outcome = script.outcome();
    let source = match outcome.seen.first() {
        Some(Seen::Proxied(source)) => Some(*source),
        Some(Seen::BadPreamble(_)) => {
            assert_eq!((outcome.seen.len(), outcome.phase), (1, Phase::Finished));
            assert!(outcome.out.is_empty(), "an answer to who is no proxy");
            None
        }
        // Not whole in time: what there is of it may be fine.
        Some(Seen::Expired(_)) => return,
        None => {
            assert!(recipe.body.len() < MAX_BINARY, "{} B without a verdict", recipe.body.len());
            return;
        }
        other => panic!("{other:?} before a proxy's header"),
    };
    assert_eq!(source, header(recipe.body), "whom the header names");
}

/// Whom a header names; `None` if it is none. "The PROXY protocol", section 2.
fn header(bytes: &[u8]) -> Option<Option<SocketAddr>> {
    match bytes.strip_prefix(b"\r\n\r\n\0\r\nQUIT\n") {
        Some(rest) => binary(rest),
        None => line(bytes),
    }
}

/// Section 2.1.
fn line(bytes: &[u8]) -> Option<Option<SocketAddr>> {
    let end = bytes.windows(2).position(|two| two == b"\r\n").filter(|end| end + 2 <= MAX_LINE)?;
    let line = std::str::from_utf8(&bytes[..end]).ok()?.strip_prefix("PROXY ")?;
    if line.bytes().any(|byte| byte != b' ' && !byte.is_ascii_graphic()) {
        return None;
    }
    let fields: Vec<&str> = line.split(' ').collect();
    if fields[0] == "UNKNOWN" {
        return Some(None);
    }
    let [protocol, source, destination, port, other_port] = fields[..] else { return None };
    let ip = |text: &str| match protocol {
        "TCP4" => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        "TCP6" => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        _ => None,
    };
    let number = |text: &str| text.parse::<u16>().ok().filter(|port| port.to_string() == text);
    let (source, _) = (ip(source)?, ip(destination)?);
    let (port, _) = (number(port)?, number(other_port)?);
    Some(Some(SocketAddr::new(source.to_canonical(), port)))
}

/// Section 2.2, after the signature.
fn binary(bytes: &[u8]) -> Option<Option<SocketAddr>> {
    let [command, family, high, low, ref rest @ ..] = *bytes else { return None };
    let len = usize::from(u16::from_be_bytes([high, low]));
    let rest = rest.get(..len).filter(|_| 16 + len <= MAX_BINARY)?;
    let port = |at: usize| u16::from_be_bytes([rest[at], rest[at + 1]]);
    match (command, family) {
        (0x20, _) | (0x21, 0x00) => Some(None),
        (0x21, 0x11) if len >= 12 => {
            let ip = Ipv4Addr::new(rest[0], rest[1], rest[2], rest[3]);
            Some(Some(SocketAddr::new(ip.into(), port(8))))
        }
        (0x21, 0x21) if len >= 36 => {
            let ip: [u8; 16] = rest[..16].try_into().ok()?;
            let ip = IpAddr::from(Ipv6Addr::from(ip)).to_canonical();
            Some(Some(SocketAddr::new(ip, port(32))))
        }
        (0x21, 0x31) if len >= 216 => Some(None),
        _ => None,
    }
}

/// What a trusted proxy adds to a header, and nothing else, decides who the client is.
fn forwarded(claim: &[u8], variant: u8) {
    let proxy = SocketAddr::new(Ipv4Addr::new(10, 0, 0, 1).into(), 1);
    let is_proxy = |ip: IpAddr| matches!(ip, IpAddr::V4(ip) if ip.octets()[0] == 10);
    let (syntax, added, expected) = match variant % 4 {
        0 => (Syntax::XForwardedFor, "192.0.2.7", "192.0.2.7:0"),
        1 => (Syntax::XForwardedFor, "2001:db8::7, 10.0.0.2", "[2001:db8::7]:0"),
        2 => (Syntax::Forwarded, "for=192.0.2.7;proto=https", "192.0.2.7:0"),
        _ => (Syntax::Forwarded, "for=\"[2001:db8::7]:4711\"", "[2001:db8::7]:4711"),
    };
    // Whatever a field may hold (RFC 9110 section 5.5), a claim is trimmed and has no controls.
    let claim: Vec<u8> = claim.iter().copied().filter(|byte| !byte.is_ascii_control()).collect();
    let claim = claim.trim_ascii();
    let known = syntax.client([claim].into_iter(), Some(proxy), is_proxy);
    assert!(known.is_some());
    assert_eq!(syntax.client([].into_iter(), Some(proxy), is_proxy), Some(proxy));
    let joined = [claim, b", ", added.as_bytes()].concat();
    let expected = expected.parse().ok();
    assert_eq!(syntax.client([&joined[..]].into_iter(), Some(proxy), is_proxy), expected);
    let apart = [claim, added.as_bytes()];
    assert_eq!(syntax.client(apart.into_iter(), Some(proxy), is_proxy), expected);
}
