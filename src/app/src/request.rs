//! The HTTP request that became a client's connection, and the decoding of its query.

use crate::Tls;
use crate::context::{Borrowed, RawHeader};
use std::borrow::Cow;

/// The request with which a client asked for its connection.
///
/// From [`Context::request`](crate::Context::request) inside [`App::open`](crate::App::open). What
/// it lends out is gone when `open` returns: copy what you want to keep.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub(crate) path: Borrowed<'a>,
    pub(crate) query: Borrowed<'a>,
    pub(crate) host: Borrowed<'a>,
    pub(crate) subprotocol: Borrowed<'a>,
    pub(crate) headers: &'a [RawHeader<'a>],
    pub(crate) tls: Option<Tls<'a>>,
    pub(crate) is_resumed: bool,
}

impl<'a> Request<'a> {
    /// Path of the request's target, as it was sent (not decoded), without the query: `/chat`.
    #[must_use]
    pub fn path(&self) -> &'a str {
        text(self.path)
    }

    /// What follows the first `?` of the target, as it was sent; empty if nothing does.
    ///
    /// A well-behaved client sends ASCII. If what it sent is not even UTF-8, this is empty, and
    /// [`query_bytes`](Self::query_bytes) has it.
    #[must_use]
    pub fn query(&self) -> &'a str {
        text(self.query)
    }

    /// The query as it was sent, UTF-8 or not.
    #[must_use]
    pub fn query_bytes(&self) -> &'a [u8] {
        self.query.bytes()
    }

    /// The parameter `name` of the query, decoded: of `?room=a%20b&name=Ann` the parameter `room`
    /// is `a b`. The first one counts; `None` if there is none.
    ///
    /// Decodes `application/x-www-form-urlencoded` as browsers' `URLSearchParams` does (WHATWG URL
    /// Standard, section 5.1): `+` is a space, `%` and two hexadecimal digits are a byte, and what
    /// is not UTF-8 becomes U+FFFD.
    #[must_use]
    pub fn query_value(&self, name: &str) -> Option<Cow<'a, str>> {
        self.query_values().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// All parameters of the query, decoded, in their order.
    pub fn query_values(&self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> + use<'a> {
        let pairs = self.query.bytes().split(|&byte| byte == b'&');
        pairs.filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = match pair.iter().position(|&byte| byte == b'=') {
                Some(at) => (&pair[..at], &pair[at + 1..]),
                None => (pair, &pair[pair.len()..]),
            };
            (decode(name), decode(value))
        })
    }

    /// The `Host` header field: `example.com:8080`.
    #[must_use]
    pub fn host(&self) -> &'a str {
        text(self.host)
    }

    /// The subprotocol that the server agreed to, if any.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&'a str> {
        Some(text(self.subprotocol)).filter(|name| !name.is_empty())
    }

    /// The TLS connection that it came by; `None` if it came without TLS to this server, also where a
    /// proxy before it has spoken TLS with the client.
    #[must_use]
    pub fn tls(&self) -> Option<Tls<'a>> {
        self.tls
    }

    /// Whether the client is one that has lived on over a restart of the server, and that is opened
    /// again because the app has not [restored](crate::App::restore) it. It is the same connection, with
    /// the same [`ClientId`](crate::ClientId); of its request the path, `Host`, subprotocol and TLS
    /// connection are told as far as the server still knows them, and query and header fields are empty.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        self.is_resumed
    }

    /// The first header field of that name (whatever its case), if it is there and UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self.headers().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }

    /// All header fields in their order: the name as it was sent, and the value, which may hold
    /// any bytes.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + use<'a> {
        self.headers.iter().map(|header| (text(header.name), header.value.bytes()))
    }
}

/// The text, or nothing if it is not UTF-8.
fn text(bytes: Borrowed<'_>) -> &str {
    std::str::from_utf8(bytes.bytes()).unwrap_or_default()
}

/// Decodes a name or a value of a query.
fn decode(encoded: &[u8]) -> Cow<'_, str> {
    if !encoded.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return String::from_utf8_lossy(encoded);
    }
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let [first, tail @ ..] = rest {
        rest = tail;
        let byte = match (first, tail) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    high << 4 | low
                }
                _ => b'%',
            },
            (byte, _) => *byte,
        };
        decoded.push(byte);
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_query(query: &str) -> Request<'_> {
        let empty = Borrowed::of(b"");
        let query = Borrowed::of(query.as_bytes());
        Request {
            path: empty,
            query,
            host: empty,
            subprotocol: empty,
            headers: &[],
            tls: None,
            is_resumed: false,
        }
    }

    #[test]
    fn query_values_are_decoded_as_browsers_encode_them() {
        let request = of_query("room=caf%C3%A9+%26+bar&&name=Ann&flag&=x&room=second&a=b=c");
        assert_eq!(request.query_value("room").unwrap(), "café & bar");
        assert_eq!(request.query_value("name").unwrap(), "Ann");
        assert_eq!(request.query_value("flag").unwrap(), "");
        assert_eq!(request.query_value("").unwrap(), "x");
        assert_eq!(request.query_value("a").unwrap(), "b=c");
        assert_eq!(request.query_value("Room"), None);
        assert_eq!(request.query_values().count(), 6);
        assert_eq!(of_query("").query_values().count(), 0);
    }

    #[test]
    fn broken_escapes_stand_for_themselves() {
        for (encoded, decoded) in [
            ("%", "%"),
            ("%4", "%4"),
            ("%zz", "%zz"),
            ("%%41", "%A"),
            ("%+1", "% 1"),
            ("%ff%41", "\u{fffd}A"),
            ("a+b", "a b"),
        ] {
            assert_eq!(decode(encoded.as_bytes()), decoded, "{encoded}");
        }
    }

    #[test]
    fn values_without_escapes_are_borrowed() {
        let request = of_query("room=plain");
        assert!(matches!(request.query_value("room"), Some(Cow::Borrowed("plain"))));
    }
}
