//! HTTP responses other than 101 (RFC 9112 section 4). Each is complete, says in its body why it
//! was given, and ends the connection.
//! Not for: the choice of a response (`http`, `upgrade`), nor its `Date`, which needs a clock
//! ([`insert_date`]).

mod refusal;

use memchr::memchr;

pub use refusal::{Refusal, is_refusal};

/// Appends the decimal digits of a number.
fn push_number(number: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(number.to_string().as_bytes());
}

/// A response that refuses a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Response {
    /// The status code (RFC 9110 section 15).
    pub status: u16,
    why: &'static str,
    /// Further header lines, each with its line end.
    headers: &'static str,
}

impl Response {
    /// A response with one of the statuses that this crate gives. `why` is for people: a sentence
    /// or two.
    pub(crate) const fn new(status: u16, why: &'static str) -> Self {
        let headers = match status {
            // A resource that speaks nothing but WebSocket (RFC 9110 section 15.5.22). The
            // connection option belongs to the Upgrade field (section 7.8).
            426 => "Connection: close, Upgrade\r\nUpgrade: websocket\r\n",
            // RFC 6585 section 4; the field: RFC 9110 section 10.2.3.
            429 => "Connection: close\r\nRetry-After: 1\r\n",
            405 => "Connection: close\r\nAllow: GET, HEAD\r\n",
            _ => "Connection: close\r\n",
        };
        Self { status, why, headers }
    }

    /// 426 that names the version of the protocol (RFC 6455 section 4.4).
    pub(crate) const fn wrong_version(why: &'static str) -> Self {
        let headers = "Connection: close, Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\n";
        Self { status: 426, why, headers }
    }

    /// 400 (RFC 9110 section 15.5.1).
    pub const fn bad_request(why: &'static str) -> Self {
        Self::new(400, why)
    }

    /// 503 (RFC 9110 section 15.6.4): the service stops, or what stands behind it has failed.
    pub const fn unavailable(why: &'static str) -> Self {
        Self::new(503, why)
    }

    /// 503 for a server that has no place for another connection, but may have one soon.
    pub const fn full(why: &'static str) -> Self {
        Self { status: 503, why, headers: "Connection: close\r\nRetry-After: 1\r\n" }
    }

    /// 429 (RFC 6585 section 4): the client has, or does, too much.
    pub const fn too_many_requests(why: &'static str) -> Self {
        Self::new(429, why)
    }

    /// What the body says beside the status.
    pub const fn why(&self) -> &'static str {
        self.why
    }

    /// Appends the whole response; without its body if the request was a `HEAD`
    /// (RFC 9110 section 9.3.2).
    pub fn write(&self, head_only: bool, out: &mut Vec<u8>) {
        let phrase = phrase(self.status);
        let mut body = Vec::with_capacity(64 + self.why.len());
        push_number(usize::from(self.status), &mut body);
        for part in [" ", phrase, "\n", self.why, "\n"] {
            body.extend_from_slice(part.as_bytes());
        }
        write_status_line(self.status, out);
        out.extend_from_slice(self.headers.as_bytes());
        write_entity_headers(b"text/plain; charset=utf-8", body.len(), out);
        if !head_only {
            out.extend_from_slice(&body);
        }
    }
}

/// Appends the head of a 200 response, whose body of `body_len` bytes the caller sends after it.
/// `content_type` must hold no line ends.
pub fn write_page_head(content_type: &str, body_len: usize, out: &mut Vec<u8>) {
    write_status_line(200, out);
    out.extend_from_slice(b"Connection: close\r\nCache-Control: no-cache\r\n");
    write_entity_headers(content_type.as_bytes(), body_len, out);
}

/// Appends a whole response with a body in JSON that no cache may keep (RFC 9111 section 5.2.2.5);
/// without the body if the request was a `HEAD`.
pub fn write_json(status: u16, json: &str, head_only: bool, out: &mut Vec<u8>) {
    write_status_line(status, out);
    out.extend_from_slice(b"Connection: close\r\nCache-Control: no-store\r\n");
    write_entity_headers(b"application/json", json.len(), out);
    if !head_only {
        out.extend_from_slice(json.as_bytes());
    }
}

/// Puts a `Date` (RFC 9110 section 6.6.1) into the response that begins at `start` of `out`, where
/// [`Response::write`] or one of its kin, or [`crate::Connection`], has just written it: whoever has a
/// clock adds what this crate cannot know. `date` is in the form of RFC 9110 section 5.6.7.
pub fn insert_date(out: &mut Vec<u8>, start: usize, date: &str) {
    let Some(end) = memchr(b'\n', &out[start..]) else { return };
    let after_status_line = start + end + 1;
    let line = [&b"Date: "[..], date.as_bytes(), b"\r\n"].concat();
    out.splice(after_status_line..after_status_line, line);
}

fn write_status_line(status: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 ");
    push_number(usize::from(status), out);
    out.push(b' ');
    out.extend_from_slice(phrase(status).as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// The last header lines, and the empty one.
fn write_entity_headers(content_type: &[u8], body_len: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(b"X-Content-Type-Options: nosniff\r\nContent-Type: ");
    out.extend_from_slice(content_type);
    out.extend_from_slice(b"\r\nContent-Length: ");
    push_number(body_len, out);
    out.extend_from_slice(b"\r\n\r\n");
}

/// The reason phrase (RFC 9110 section 15; 428, 429, 431 and 511: RFC 6585; 425: RFC 8470; 451: RFC
/// 7725), of those that this crate gives and those that apps may.
const fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        412 => "Precondition Failed",
        414 => "URI Too Long",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        511 => "Network Authentication Required",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(response: &Response, head_only: bool) -> String {
        let mut out = Vec::new();
        response.write(head_only, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn rfc9112_6_3_the_length_is_that_of_the_body() {
        for status in [400, 403, 404, 405, 408, 414, 426, 429, 431, 501, 503, 504, 505] {
            let text = written(&Response::new(status, "It is so."), false);
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with(&format!("HTTP/1.1 {status} {}\r\n", phrase(status))));
            assert!(!phrase(status).is_empty());
            assert!(head.ends_with(&format!("Content-Length: {}", body.len())));
            assert!(head.contains("\r\nConnection: close"));
            assert_eq!(body, format!("{status} {}\nIt is so.\n", phrase(status)));
        }
    }

    #[test]
    fn rfc9110_9_3_2_a_head_gets_the_same_head_and_no_body() {
        let response = Response::unavailable("Later.");
        let (whole, head) = (written(&response, false), written(&response, true));
        assert!(head.ends_with("\r\n\r\n"));
        assert_eq!(whole.strip_prefix(&head), Some("503 Service Unavailable\nLater.\n"));
    }

    #[test]
    fn rfc9110_15_5_22_and_rfc6455_4_4_what_426_names() {
        let text = written(&Response::new(426, "x"), true);
        assert!(text.contains("\r\nConnection: close, Upgrade\r\nUpgrade: websocket\r\n"));
        let text = written(&Response::wrong_version("x"), true);
        assert!(text.contains("\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"));
    }

    #[test]
    fn rfc9110_10_2_3_who_finds_no_place_is_told_when_to_try_again() {
        for response in [Response::too_many_requests("x"), Response::full("x")] {
            assert!(written(&response, true).contains("\r\nRetry-After: 1\r\n"));
        }
    }

    #[test]
    fn rfc9110_15_5_6_what_405_names() {
        assert!(written(&Response::new(405, "x"), true).contains("\r\nAllow: GET, HEAD\r\n"));
    }

    #[test]
    fn head_of_a_page() {
        let mut out = Vec::new();
        write_page_head("text/html; charset=utf-8", 12345, &mut out);
        let expected = "HTTP/1.1 200 OK\r\nConnection: close\r\nCache-Control: no-cache\r\n\
            X-Content-Type-Options: nosniff\r\nContent-Type: text/html; charset=utf-8\r\n\
            Content-Length: 12345\r\n\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn rfc9110_6_6_1_a_date_goes_behind_the_status_line() {
        let mut out = b"before".to_vec();
        Response::new(404, "x").write(false, &mut out);
        let without = String::from_utf8(out.clone()).unwrap();
        insert_date(&mut out, 6, "Sun, 06 Nov 1994 08:49:37 GMT");
        let with = String::from_utf8(out).unwrap();
        let line = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
        assert!(with.starts_with(&format!("beforeHTTP/1.1 404 Not Found\r\n{line}Connection")));
        assert_eq!(with.replacen(line, "", 1), without);
    }

    #[test]
    fn json_is_not_kept() {
        let (mut whole, mut head) = (Vec::new(), Vec::new());
        write_json(503, "{}\n", false, &mut whole);
        write_json(503, "{}\n", true, &mut head);
        let expected = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\
            Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\
            Content-Type: application/json\r\nContent-Length: 3\r\n\r\n";
        assert_eq!(String::from_utf8(whole).unwrap(), format!("{expected}{{}}\n"));
        assert_eq!(String::from_utf8(head).unwrap(), expected);
    }
}
