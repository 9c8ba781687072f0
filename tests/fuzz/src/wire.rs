//! Reads what a connection has written, more strictly than any client would, and panics at the
//! first byte that should not be there.
//! Not for: whether it was the right thing to write.

use std::str;

/// The longest frame that the protocol crate writes by itself: a control frame.
pub(crate) const MAX_FRAME: usize = 2 + 125;
/// The longest response that it writes by itself, in bytes; generous.
pub(crate) const MAX_RESPONSE: usize = 1024;

const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
const CLOSE: u8 = 0x88;

/// A frame of the server's.
pub(crate) enum Frame<'o> {
    /// Without a payload.
    Ping,
    Pong(&'o [u8]),
    /// A Close frame with its code.
    Close(Option<u16>),
}

/// Reads frames to the end: pings, pongs, and at most one Close frame, which is the last.
pub(crate) fn frames(mut out: &[u8]) -> Vec<Frame<'_>> {
    let mut frames = Vec::new();
    while let [first, second, rest @ ..] = out {
        assert!(*second <= 125, "a masked or long control frame: {out:?}");
        let (payload, after) = rest.split_at_checked(usize::from(*second)).expect("a whole frame");
        match *first {
            PING => {
                assert!(payload.is_empty(), "a ping with a payload: {out:?}");
                frames.push(Frame::Ping);
            }
            PONG => frames.push(Frame::Pong(payload)),
            CLOSE => {
                frames.push(Frame::Close(close(payload)));
                assert!(after.is_empty(), "something follows the Close frame: {out:?}");
            }
            _ => panic!("no control frame: {out:?}"),
        }
        out = after;
    }
    assert!(out.is_empty(), "half a frame: {out:?}");
    frames
}

/// The code of a Close frame (RFC 6455 sections 5.5.1 and 7.4).
fn close(payload: &[u8]) -> Option<u16> {
    match *payload {
        [] => None,
        [high, low, ref reason @ ..] => {
            let code = u16::from_be_bytes([high, low]);
            assert!(is_sendable(code), "code {code} must not be sent");
            str::from_utf8(reason).expect("a reason in UTF-8");
            Some(code)
        }
        [_] => panic!("half a close code"),
    }
}

/// Whether a code may stand in a Close frame (RFC 6455 section 7.4, and IANA's registry).
pub(crate) fn is_sendable(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// A response, as far as its head goes.
pub(crate) struct Response<'o> {
    pub(crate) status: u16,
    headers: Vec<(&'o str, &'o str)>,
    /// What follows the head.
    pub(crate) rest: &'o [u8],
}

impl<'o> Response<'o> {
    /// Reads a head (RFC 9112 section 4).
    pub(crate) fn read(out: &'o [u8]) -> Self {
        let end = out.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head");
        let head = str::from_utf8(&out[..end]).expect("a head in UTF-8");
        assert!(head.split("\r\n").all(|line| !line.contains(char::is_control)), "{head:?}");
        let (status_line, fields) = head.split_once("\r\n").expect("header fields");
        let status = status_line.strip_prefix("HTTP/1.1 ").expect("an HTTP/1.1 response");
        let (status, phrase) = status.split_once(' ').expect("a reason phrase");
        assert!(!phrase.is_empty(), "status {status} has no phrase");
        let status = status.parse().expect("a status");
        assert!((100..600).contains(&status), "{status}");
        let field = |line: &'o str| line.split_once(": ").expect("a field with a value");
        Self { status, headers: fields.split("\r\n").map(field).collect(), rest: &out[end + 4..] }
    }

    /// The value of a field, which must not stand twice.
    pub(crate) fn header(&self, name: &str) -> Option<&'o str> {
        let mut fields = self.headers.iter().filter(|(is, _)| is.eq_ignore_ascii_case(name));
        let value = fields.next().map(|&(_, value)| value);
        assert!(fields.next().is_none(), "{name} stands twice");
        value
    }

    /// Holds a 101 to RFC 6455 section 4.2.2.
    pub(crate) fn is_upgrade(&self) {
        assert_eq!(self.header("upgrade"), Some("websocket"));
        assert_eq!(self.header("connection"), Some("Upgrade"));
        let key = self.header("sec-websocket-accept").expect("a Sec-WebSocket-Accept");
        assert!(key.len() == 28 && key.ends_with('='), "{key} is no SHA-1 in base64");
        assert_eq!(self.header("content-length"), None);
    }

    /// Holds any other response to RFC 9112 section 6: it ends the connection, and its body is as
    /// long as it says. Or left out, as for a `HEAD` request: then true.
    pub(crate) fn is_last(&self) -> bool {
        let connection = self.header("connection").expect("a Connection field");
        assert!(connection.split(", ").any(|option| option == "close"), "{connection}");
        let len = self.header("content-length").expect("a Content-Length");
        let len: usize = len.parse().expect("a length");
        assert!([0, len].contains(&self.rest.len()), "{} of {len} B", self.rest.len());
        self.rest.is_empty()
    }
}
