//! The cookies of a request (RFC 6265 section 5.4).
//! Not for: making cookies, which are header fields of a response like any other.

use crate::Request;

impl<'a> Request<'a> {
    /// The value of the first cookie of that name, whose case matters, if it is there and UTF-8.
    /// Quotes around it are taken away; otherwise it is as it was sent.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&'a str> {
        let fields = self.headers().filter(|(key, _)| key.eq_ignore_ascii_case("cookie"));
        let mut pairs = fields.flat_map(|(_, value)| value.split(|&byte| byte == b';'));
        let value = pairs.find_map(|pair| {
            let at = pair.iter().position(|&byte| byte == b'=')?;
            (pair[..at].trim_ascii() == name.as_bytes()).then(|| pair[at + 1..].trim_ascii())
        })?;
        let is_quoted = value.len() >= 2 && value.starts_with(b"\"") && value.ends_with(b"\"");
        std::str::from_utf8(if is_quoted { &value[1..value.len() - 1] } else { value }).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{Borrowed, RawHeader};

    #[test]
    fn rfc6265_5_4_cookies_are_found_by_name() {
        let header = |name: &'static str, value: &'static [u8]| RawHeader {
            name: Borrowed::of(name.as_bytes()),
            value: Borrowed::of(value),
        };
        let headers = [
            header("Cookies", b"a=no"),
            header("cookie", b"b; sid=31d4; a = x=y ;q=\"1\";e=;bad=\xff"),
            header("Cookie", b"sid=second; later=1"),
        ];
        let empty = Borrowed::of(b"");
        let request = Request {
            path: empty,
            query: empty,
            host: empty,
            subprotocol: empty,
            headers: &headers,
            tls: None,
            is_resumed: false,
        };
        for (name, value) in [
            ("sid", Some("31d4")),
            ("a", Some("x=y")),
            ("q", Some("1")),
            ("e", Some("")),
            ("later", Some("1")),
            ("b", None),
            ("SID", None),
            ("bad", None),
        ] {
            assert_eq!(request.cookie(name), value, "{name}");
        }
    }
}
