//! The client's address in a request that came through proxies: `X-Forwarded-For`, and `Forwarded`
//! (RFC 7239).
//! Not for: headers of the PROXY protocol (`proxy`), or which proxies are trusted, which the caller
//! says.
//!
//! Each proxy adds the address that it was reached from to the right of what it received. So only
//! the right end can be believed, as far as the proxies that wrote it are trusted; what a client
//! wrote itself lies to the left of its own address, and is never looked at.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::words;

/// The header in which proxies name addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Syntax {
    /// `X-Forwarded-For`: a list of addresses, some with ports, those of IPv6 perhaps in brackets.
    XForwardedFor,
    /// `Forwarded` (RFC 7239 section 4), of which the parameter `for` counts.
    Forwarded,
}

impl Syntax {
    /// The header's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
    }

    /// The address of the client: the first, from right to left, that is not trusted, starting with
    /// `own`, where the connection comes from (`None` if that has no address, and is trusted).
    ///
    /// `values` are those of all fields with this header's name, in their order, which count as one
    /// list. Where it ends, or holds something else than an address (such as `unknown`), the last
    /// trusted address is the result. An address without port gets port 0; one of IPv4 that is
    /// mapped into IPv6 gets its own form, in which `trust` is asked about it too.
    pub fn client<'a>(
        self,
        values: impl DoubleEndedIterator<Item = &'a [u8]>,
        own: Option<SocketAddr>,
        trust: impl Fn(IpAddr) -> bool,
    ) -> Option<SocketAddr> {
        let mut known = own.map(canonical);
        for element in values.rev().flat_map(|value| self.elements(value)) {
            if known.is_some_and(|address| !trust(address.ip())) {
                break;
            }
            let next = match self {
                Self::XForwardedFor => x_forwarded_for(element),
                Self::Forwarded => forwarded(element),
            };
            match next {
                Some(address) => known = Some(canonical(address)),
                None => break,
            }
        }
        known
    }

    /// The elements of a list from right to left, empty ones left out (RFC 9110 section 5.6.1).
    fn elements(self, value: &[u8]) -> impl Iterator<Item = &[u8]> {
        let mut rest = Some(value);
        let elements = core::iter::from_fn(move || {
            let list = rest?;
            let comma = match self {
                Self::XForwardedFor => list.iter().rposition(|&byte| byte == b','),
                Self::Forwarded => last_comma(list),
            };
            rest = comma.map(|at| &list[..at]);
            Some(comma.map_or(list, |at| &list[at + 1..]).trim_ascii())
        });
        elements.filter(|element| !element.is_empty())
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// The last comma that is not in a quoted string. Quotes are paired from the right, so that one
/// which a client left open cannot hide what a proxy added after it.
fn last_comma(list: &[u8]) -> Option<usize> {
    let mut is_quoted = false;
    for (at, &byte) in list.iter().enumerate().rev() {
        match byte {
            b'"' if !is_quoted => is_quoted = true,
            b'"' => {
                let slashes = list[..at].iter().rev().take_while(|&&byte| byte == b'\\').count();
                is_quoted = slashes % 2 == 1;
            }
            b',' if !is_quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// An element of `X-Forwarded-For`.
fn x_forwarded_for(element: &[u8]) -> Option<SocketAddr> {
    let text = core::str::from_utf8(element).ok()?;
    match text.parse::<Ipv6Addr>() {
        Ok(ip) => Some(SocketAddr::new(ip.into(), 0)),
        Err(_) => node(text, parse_port),
    }
}

/// An element of `Forwarded` (RFC 7239 section 4): pairs, of which `for` must be there, once.
fn forwarded(element: &[u8]) -> Option<SocketAddr> {
    let (mut rest, mut found) = (element.trim_ascii_start(), None);
    loop {
        // Between two semicolons there may be nothing.
        if !matches!(rest, [] | [b';', ..]) {
            let (name, after) = words::token(rest)?;
            let (value, after) = words::value(after.strip_prefix(b"=")?)?;
            if name.eq_ignore_ascii_case(b"for") {
                if found.is_some() {
                    return None;
                }
                let port = |text: &str| obfuscated_port(text).or_else(|| parse_port(text));
                found = Some(node(core::str::from_utf8(&value).ok()?, port)?);
            }
            rest = after.trim_ascii_start();
        }
        rest = match rest {
            [] => return found,
            [b';', after @ ..] => after.trim_ascii_start(),
            _ => return None,
        };
    }
}

/// An address as it stands in both headers (RFC 7239 section 6): IPv4, or IPv6 in brackets, then
/// perhaps a port.
fn node(text: &str, port: impl Fn(&str) -> Option<u16>) -> Option<SocketAddr> {
    let (ip, rest) = match text.strip_prefix('[') {
        Some(text) => {
            let (ip, rest) = text.split_once(']')?;
            (IpAddr::from(ip.parse::<Ipv6Addr>().ok()?), rest)
        }
        None => {
            let (ip, rest) = text.split_at(text.find(':').unwrap_or(text.len()));
            (IpAddr::from(ip.parse::<Ipv4Addr>().ok()?), rest)
        }
    };
    let port = match rest.strip_prefix(':') {
        Some(text) => port(text)?,
        None if rest.is_empty() => 0,
        None => return None,
    };
    Some(SocketAddr::new(ip, port))
}

fn parse_port(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// A port that its proxy hides (RFC 7239 section 6.3) is none.
fn obfuscated_port(text: &str) -> Option<u16> {
    let name = text.strip_prefix('_')?;
    let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    (is_name && !name.is_empty()).then_some(0)
}

#[cfg(test)]
mod tests;
