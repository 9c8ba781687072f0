//! A response that somebody else refuses an upgrade with.
//! Not for: refusals of this crate's own ([`super::Response`]).

use super::{write_entity_headers, write_status_line};

/// Whether an upgrade can be refused with this status (RFC 9110 section 15): one from 300 to 599,
/// save 304, which answers a condition, and 426, which would ask for what is refused.
pub const fn is_refusal(status: u16) -> bool {
    matches!(status, 300..=599) && status != 304 && status != 426
}

/// A response that refuses an upgrade, and ends the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refusal<'a> {
    /// The status code, of which [`is_refusal`] is true.
    pub status: u16,
    /// Whole header lines ([`fields::append`](crate::fields::append)) beside its own.
    pub lines: &'a [u8],
    /// What the body is (RFC 9110 section 8.3), of which
    /// [`fields::is_value`](crate::fields::is_value) is true.
    pub content_type: &'a [u8],
    /// The body. If it is empty, nothing is said about its type.
    pub body: &'a [u8],
}

impl Refusal<'_> {
    /// Appends the whole response.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_status_line(self.status, out);
        out.extend_from_slice(b"Connection: close\r\n");
        out.extend_from_slice(self.lines);
        if self.body.is_empty() {
            out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        } else {
            write_entity_headers(self.content_type, self.body.len(), out);
            out.extend_from_slice(self.body);
        }
    }

    /// Bytes enough for all of it.
    pub fn len_hint(&self) -> usize {
        256 + self.lines.len() + self.content_type.len() + self.body.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9112_6_3_the_length_is_that_of_the_body() {
        let lines = b"WWW-Authenticate: Bearer\r\n";
        let refusal =
            Refusal { status: 401, lines, content_type: b"text/html", body: b"<p>Who are you?" };
        let mut out = b"before".to_vec();
        refusal.write(&mut out);
        let expected = "beforeHTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\
            WWW-Authenticate: Bearer\r\nX-Content-Type-Options: nosniff\r\n\
            Content-Type: text/html\r\nContent-Length: 15\r\n\r\n<p>Who are you?";
        assert_eq!(String::from_utf8_lossy(&out), expected);
        assert!(out.len() <= refusal.len_hint());
    }

    #[test]
    fn a_refusal_without_a_body_says_so() {
        let mut out = Vec::new();
        Refusal { status: 599, lines: b"", content_type: b"text/plain", body: b"" }.write(&mut out);
        let expected = "HTTP/1.1 599 \r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }

    #[test]
    fn rfc9110_15_what_can_refuse_an_upgrade() {
        let refusals: Vec<u16> = (0..700).filter(|status| is_refusal(*status)).collect();
        assert_eq!((refusals[0], refusals[refusals.len() - 1], refusals.len()), (300, 599, 298));
        assert!(!is_refusal(304) && !is_refusal(426) && is_refusal(503));
    }
}
