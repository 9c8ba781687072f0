//! The opening handshake from the client's side (RFC 6455 section 4.1), with every header and
//! byte under the test's control, and a reader of the server's answer, be it 101 or a refusal.
//! Not an HTTP client: it reads what RingSocket may answer, and nothing chunked.

use std::io::{self, Read};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// The nonce of RFC 6455 section 1.3, which every handshake here sends unless told otherwise.
pub const SAMPLE_KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// A request head to send.
#[derive(Clone, Debug)]
pub struct Request {
    /// Method, `GET` unless changed.
    pub method: String,
    /// Request target: path and query.
    pub target: String,
    /// `HTTP/1.1` unless changed.
    pub version: String,
    /// Header fields in the order sent.
    pub headers: Vec<(String, String)>,
}

impl Request {
    /// A valid WebSocket handshake for `target` at `host`.
    pub fn upgrade(host: &str, target: &str) -> Self {
        Self::get(host, target)
            .header("Upgrade", "websocket")
            .header("Connection", "Upgrade")
            .header("Sec-WebSocket-Key", SAMPLE_KEY)
            .header("Sec-WebSocket-Version", "13")
    }

    /// A plain `GET` with nothing but a Host.
    pub fn get(host: &str, target: &str) -> Self {
        Self {
            method: "GET".into(),
            target: target.into(),
            version: "HTTP/1.1".into(),
            headers: vec![("Host".into(), host.into())],
        }
    }

    /// Adds a header field, even if there is one of that name.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Leaves out all header fields of that name.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(have, _)| !have.eq_ignore_ascii_case(name));
        self
    }

    /// Replaces the header fields of that name.
    pub fn with(self, name: &str, value: &str) -> Self {
        self.without(name).header(name, value)
    }

    /// The first value of the header field `name`.
    pub fn value(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// The head's bytes, with the empty line.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} {}\r\n", self.method, self.target, self.version);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}

/// A server's answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Header fields in the order received.
    pub headers: Vec<(String, String)>,
    /// Body as Content-Length counts it; empty with 101 and for HEAD.
    pub body: Vec<u8>,
}

impl Response {
    /// The first value of the header field `name`.
    pub fn value(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Reads a response off `source`; bytes after it (frames, after a 101) go to `rest`.
    /// `has_body` is false after a HEAD.
    pub fn read(source: &mut impl Read, rest: &mut Vec<u8>, has_body: bool) -> io::Result<Self> {
        let end = loop {
            if let Some(at) = rest.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            read_more(source, rest)?;
        };
        let head: Vec<u8> = rest.drain(..end).collect();
        let mut response = Self::parse_head(&head)?;
        if response.status != 101 && has_body {
            let len = match response.value("Content-Length") {
                Some(len) => len.parse().map_err(|_| broken("Content-Length"))?,
                None => return Err(broken("no Content-Length")),
            };
            while rest.len() < len {
                read_more(source, rest)?;
            }
            response.body = rest.drain(..len).collect();
        }
        Ok(response)
    }

    fn parse_head(head: &[u8]) -> io::Result<Self> {
        let head = std::str::from_utf8(head).map_err(|_| broken("head is not UTF-8"))?;
        let mut lines = head.trim_end_matches("\r\n").split("\r\n");
        let first = lines.next().unwrap_or_default();
        let Some(("HTTP/1.1", rest)) = first.split_once(' ') else {
            return Err(broken(first));
        };
        let Some((code, reason)) = rest.split_once(' ') else { return Err(broken(first)) };
        if code.len() != 3 || reason.is_empty() {
            return Err(broken(first));
        }
        let status = code.parse().map_err(|_| broken(first))?;
        let mut headers = Vec::new();
        for line in lines {
            let (name, value) = line.split_once(':').ok_or_else(|| broken(line))?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        Ok(Self { status, headers, body: Vec::new() })
    }

    /// What a client must check of a 101 (RFC 6455 section 4.1, the numbered list at its end).
    pub fn check_switching(&self, request: &Request) -> Result<(), String> {
        let is = |name: &str, want: &str| match self.value(name) {
            Some(value) if value.eq_ignore_ascii_case(want) => Ok(()),
            other => Err(format!("{name} is {other:?}, not {want:?}")),
        };
        is("Upgrade", "websocket")?;
        is("Connection", "Upgrade")?;
        let key = request.value("Sec-WebSocket-Key").unwrap_or_default();
        let accept = accept_of(key);
        match self.value("Sec-WebSocket-Accept") {
            Some(value) if value == accept => {}
            other => return Err(format!("Sec-WebSocket-Accept is {other:?}, not {accept:?}")),
        }
        if let Some(extension) = self.value("Sec-WebSocket-Extensions") {
            let name = extension.split(';').next().unwrap_or_default();
            let offer = request.value("Sec-WebSocket-Extensions").unwrap_or_default();
            if !offer.split([',', ';']).any(|part| part.trim() == name) {
                return Err(format!("an extension that was not offered: {extension}"));
            }
        }
        if self.value("Content-Length").is_some_and(|len| len != "0") {
            return Err("a 101 with a body".into());
        }
        Ok(())
    }
}

/// The `Sec-WebSocket-Accept` that belongs to a `Sec-WebSocket-Key` (section 4.2.2).
pub fn accept_of(key: &str) -> String {
    let mut sha1 = Sha1::new();
    sha1.update(key.as_bytes());
    sha1.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    STANDARD.encode(sha1.finalize())
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
}

fn read_more(source: &mut impl Read, into: &mut Vec<u8>) -> io::Result<()> {
    let mut chunk = [0; 4096];
    match source.read(&mut chunk)? {
        0 => Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            format!("end of stream in an HTTP response, after {:?}", String::from_utf8_lossy(into)),
        )),
        len => {
            into.extend_from_slice(&chunk[..len]);
            Ok(())
        }
    }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("broken HTTP response: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_value_of_rfc6455_section_1_3() {
        assert_eq!(accept_of(SAMPLE_KEY), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_response_is_cut_where_its_body_ends() {
        let mut source: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabcdef";
        let mut rest = Vec::new();
        let response = Response::read(&mut source, &mut rest, true).unwrap();
        assert_eq!((response.status, response.text().as_str()), (404, "abc"));
        assert_eq!(rest, b"def");
    }

    #[test]
    fn a_wrong_accept_is_seen() {
        let request = Request::upgrade("localhost", "/");
        let mut source: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
            Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOO=\r\n\r\n";
        let response = Response::read(&mut source, &mut Vec::new(), true).unwrap();
        assert!(response.check_switching(&request).unwrap_err().contains("Accept"));
    }
}
