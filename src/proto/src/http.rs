//! Request heads (RFC 9112 sections 2 to 6): found within a limit, checked strictly, and offered
//! to the caller without copying.
//! Not for: bodies, which no request here may have, or the meaning of a request (`upgrade`).
//!
//! Strict means that whatever two readers could understand differently is refused: bare CR or LF,
//! folded lines, space before the colon, control characters, several `Host` fields.

use httparse::Header;
use memchr::{memchr, memchr_iter};

use crate::connection::Limits;

/// A request head that is refused before the caller sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct BadHead {
    pub(crate) status: u16,
    pub(crate) why: &'static str,
}

/// What is wrong with a request that is the beginning of TLS (RFC 8446 section 5.1). Whoever runs the
/// server wants to know: some client, or a proxy, takes the port for an encrypted one.
pub const TLS_UNEXPECTED: &str =
    "TLS begins here, but this port is not encrypted; use ws:// or http://.";

/// The type of a TLS record with a handshake in it.
const TLS_HANDSHAKE: u8 = 22;

const fn bad(status: u16, why: &'static str) -> BadHead {
    BadHead { status, why }
}

/// The search for the end of a head, which may go over several pieces.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Scan {
    /// Bytes looked at.
    seen: usize,
    /// Lines that have ended, the empty ones before the first not counted.
    line_c: usize,
    /// Bytes of the current line.
    line_len: usize,
    /// The last byte was a CR.
    after_cr: bool,
}

/// What came of a piece.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scanned {
    /// The head goes on after it.
    More,
    /// The head ends after that many bytes of the piece.
    End(usize),
}

impl Scan {
    /// Bytes looked at in all pieces; after a fault, those up to it.
    pub(crate) fn seen(&self) -> usize {
        self.seen
    }

    /// Looks at the next piece, byte by byte: faults are found at the byte that makes them certain,
    /// so that the cuts between pieces do not matter.
    pub(crate) fn push(&mut self, piece: &[u8], limits: &Limits) -> Result<Scanned, BadHead> {
        for (i, &byte) in piece.iter().enumerate() {
            if self.seen == limits.head_size {
                return Err(match self.line_c {
                    0 => bad(414, "The request line is too long."),
                    _ => bad(431, "The request head is too large."),
                });
            }
            self.seen += 1;
            match (byte, self.after_cr) {
                (b'\n', true) => {
                    self.after_cr = false;
                    // RFC 9112 section 2.2: empty lines before the request line are skipped.
                    if self.line_len == 0 && self.line_c > 0 {
                        return Ok(Scanned::End(i + 1));
                    }
                    self.line_c += usize::from(self.line_len > 0);
                    self.line_len = 0;
                    if self.line_c > limits.header_c.saturating_add(1) {
                        return Err(bad(431, "The request has too many header fields."));
                    }
                }
                (b'\n', false) | (_, true) => {
                    return Err(bad(400, "A line does not end in CR LF."));
                }
                (b'\r', false) => self.after_cr = true,
                (b'\t' | b' '..=b'~' | 0x80.., false) => self.line_len += 1,
                (TLS_HANDSHAKE, false) if self.seen == 1 => return Err(bad(400, TLS_UNEXPECTED)),
                (_, false) => return Err(bad(400, "This is no HTTP/1.1 request.")),
            }
        }
        Ok(Scanned::More)
    }
}

/// A well-formed request head. It borrows the bytes it came in.
#[derive(PartialEq, Eq, Debug)]
pub struct Request<'a> {
    method: &'a str,
    path: &'a str,
    query: Option<&'a str>,
    host: Option<&'a str>,
    is_http_1_1: bool,
    headers: Vec<Header<'a>>,
}

impl<'a> Request<'a> {
    /// The method (RFC 9110 section 9); case matters.
    pub fn method(&self) -> &'a str {
        self.method
    }

    /// The path of the target as it was sent, percent-encoded (RFC 9112 section 3.2); of the forms
    /// other than origin-form and absolute-form the whole target.
    pub fn path(&self) -> &'a str {
        self.path
    }

    /// The query of the target, without its question mark.
    pub fn query(&self) -> Option<&'a str> {
        self.query
    }

    /// Host and perhaps port that the request is meant for: the `Host` field, or what stands in
    /// its place in a target in absolute-form (RFC 9112 section 3.2.2).
    pub fn host(&self) -> Option<&'a str> {
        self.host
    }

    /// Where the page comes from that sent the request (RFC 6454 section 7); browsers always say.
    pub fn origin(&self) -> Option<&[u8]> {
        self.header("origin")
    }

    /// Whether the request is in HTTP/1.1; else it is in HTTP/1.0.
    pub fn is_http_1_1(&self) -> bool {
        self.is_http_1_1
    }

    /// Names and values of all fields, in the order in which they were sent. Values have no spaces
    /// around them, and may hold bytes beyond ASCII.
    pub fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.headers.iter().map(|header| (header.name.as_bytes(), header.value))
    }

    /// The value of the first field with this name; its case does not matter.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.all(name).next()
    }

    /// The values of all fields with this name, in the order in which they were sent.
    pub fn all(&self, name: &str) -> impl DoubleEndedIterator<Item = &[u8]> {
        let fields = self.headers.iter();
        fields.filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }

    /// The value of the field with this name, if there is one and no more.
    pub(crate) fn only(&self, name: &str) -> Option<&[u8]> {
        let mut values = self.all(name);
        let value = values.next();
        value.filter(|_| values.next().is_none())
    }

    /// Whether a list field holds this token, whose case does not matter.
    pub(crate) fn lists(&self, name: &str, token: &str) -> bool {
        self.all(name).flat_map(list).any(|member| member.eq_ignore_ascii_case(token.as_bytes()))
    }
}

/// The members of a list (RFC 9110 section 5.6.1) whose members cannot hold commas.
pub(crate) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
}

/// Reads a head whose end was found by [`Scan`], which has also bounded the number of its fields.
pub(crate) fn parse(head: &[u8]) -> Result<Request<'_>, BadHead> {
    // RFC 9112 section 2.2: empty lines before the request line.
    let start = head.iter().position(|byte| !b"\r\n".contains(byte)).unwrap_or(head.len());
    let head = &head[start..];
    // The request line and the empty one are no fields.
    let field_c = memchr_iter(b'\n', head).count().saturating_sub(2);
    let mut fields = vec![httparse::EMPTY_HEADER; field_c];
    let mut parsed = httparse::Request::new(&mut fields);
    let complete = match parsed.parse(head) {
        Ok(status) => status.is_complete(),
        Err(error) => return Err(explain(error, head)),
    };
    let (Some(method), Some(target), Some(minor), true) =
        (parsed.method, parsed.path, parsed.version, complete)
    else {
        return Err(bad(400, "The request head is malformed."));
    };
    let mut request = Request {
        method,
        path: target,
        query: None,
        host: None,
        is_http_1_1: minor == 1,
        headers: fields,
    };
    refuse_body(&request)?;
    let host_of_field = host_field(&request)?;
    let (authority, path, query) = split_target(method, target)?;
    request.host = authority.or(host_of_field);
    request.path = path;
    request.query = query;
    Ok(request)
}

/// What a parser's error means to the client.
fn explain(error: httparse::Error, head: &[u8]) -> BadHead {
    match error {
        httparse::Error::Version if names_other_version(head) => {
            bad(505, "Only HTTP/1.1 is spoken here.")
        }
        httparse::Error::HeaderName => {
            bad(400, "A header field has no proper name; or a line is folded.")
        }
        httparse::Error::HeaderValue => bad(400, "The value of a header field is malformed."),
        _ => bad(400, "The request line is malformed."),
    }
}

/// Whether a request line of three words ends in an HTTP version (RFC 9112 section 2.3) that the
/// parser does not know.
fn names_other_version(head: &[u8]) -> bool {
    let line = &head[..memchr(b'\r', head).unwrap_or(head.len())];
    let mut words = line.split(|&byte| byte == b' ');
    let (Some(_), Some(_), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return false;
    };
    matches!(version, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
        if major.is_ascii_digit() && minor.is_ascii_digit())
}

/// RFC 9112 section 6: a request with a body is refused, since nothing here would read it; and so
/// whatever follows a head that is refused is never taken for another request. With methods other
/// than `GET` and `HEAD`, the caller refuses them for their method; it need not heed `Expect: 100-continue`
/// then, as a final response is what it asks for as well (RFC 9110 section 10.1.1).
fn refuse_body(request: &Request<'_>) -> Result<(), BadHead> {
    let is_coded = request.header("transfer-encoding").is_some();
    let mut lengths = request.all("content-length").flat_map(list).peekable();
    let is_given = request.header("content-length").is_some();
    if is_coded && (is_given || !request.is_http_1_1()) {
        return Err(bad(400, "It cannot be told where the body ends."));
    }
    if is_given && lengths.peek().is_none() {
        return Err(bad(400, "The Content-Length is malformed."));
    }
    let mut length = None;
    for given in lengths {
        if !given.iter().all(u8::is_ascii_digit) || length.is_some_and(|length| length != given) {
            return Err(bad(400, "The Content-Length is malformed."));
        }
        length = Some(given);
    }
    let has_body = length.is_some_and(|length| length.iter().any(|&digit| digit != b'0'));
    match request.method() {
        "GET" | "HEAD" if is_coded => Err(bad(501, "Requests with a body are not served here.")),
        "GET" | "HEAD" if has_body => Err(bad(400, "Requests with a body are not served here.")),
        _ => Ok(()),
    }
}

/// The `Host` field (RFC 9112 section 3.2): exactly one, which HTTP/1.0 may leave out.
fn host_field<'a>(request: &Request<'a>) -> Result<Option<&'a str>, BadHead> {
    let mut hosts = request.headers.iter().filter(|h| h.name.eq_ignore_ascii_case("host"));
    let host = match (hosts.next(), hosts.next()) {
        (None, _) if !request.is_http_1_1() => return Ok(None),
        (None, _) => return Err(bad(400, "The request has no Host field.")),
        (Some(_), Some(_)) => return Err(bad(400, "The request has more than one Host field.")),
        (Some(host), None) => std::str::from_utf8(host.value).ok(),
    };
    match host.filter(|host| is_host(host)) {
        Some(host) => Ok(Some(host)),
        None => Err(bad(400, "The Host field is malformed.")),
    }
}

/// Authority, path and query of a target.
type Target<'a> = (Option<&'a str>, &'a str, Option<&'a str>);

/// Takes a target apart (RFC 9112 section 3.2).
fn split_target<'a>(method: &str, target: &'a str) -> Result<Target<'a>, BadHead> {
    const MALFORMED: BadHead = bad(400, "The request target is malformed.");
    if !target.is_ascii() || target.contains('#') {
        return Err(MALFORMED);
    }
    if target.starts_with('/') {
        let (path, query) = split_query(target);
        return Ok((None, path, query));
    }
    let form = target.split_once("://").filter(|(scheme, _)| {
        ["http", "https", "ws", "wss"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
    });
    let Some((_, rest)) = form else {
        // asterisk-form and authority-form belong to methods that are not served anyway.
        let has_other_form = (method == "OPTIONS" && target == "*") || method == "CONNECT";
        return if has_other_form { Ok((None, target, None)) } else { Err(MALFORMED) };
    };
    let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    // RFC 9110 section 4.2.1: here, unlike in the Host field, the host must not be empty.
    if !is_host(authority) || split_host(authority).0.is_empty() {
        return Err(MALFORMED);
    }
    let (path, query) = split_query(rest);
    Ok((Some(authority), if path.is_empty() { "/" } else { path }, query))
}

fn split_query(target: &str) -> (&str, Option<&str>) {
    match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    }
}

/// Whether this is `uri-host [ ":" port ]` (RFC 9110 section 7.2), perhaps empty.
fn is_host(text: &str) -> bool {
    let (host, port) = cut_port(text);
    let is_port = port.is_none_or(|port| port.is_empty() || port.parse::<u16>().is_ok());
    let is_port = is_port && port.unwrap_or_default().bytes().all(|byte| byte.is_ascii_digit());
    let is_address = |inner: &str| {
        let fits = |byte: u8| byte.is_ascii_hexdigit() || b":.".contains(&byte);
        !inner.is_empty() && inner.bytes().all(fits)
    };
    let is_name = || {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(&b);
        host.bytes().all(fits)
    };
    match host.strip_prefix('[') {
        Some(rest) => is_port && rest.strip_suffix(']').is_some_and(is_address),
        None => is_port && is_name(),
    }
}

/// Host and port of what [`is_host`] admits; no port if it is left out or empty.
pub(crate) fn split_host(text: &str) -> (&str, Option<u16>) {
    let (host, port) = cut_port(text);
    (host, port.and_then(|port| port.parse().ok()))
}

fn cut_port(text: &str) -> (&str, Option<&str>) {
    // The colons of an IPv6 address stand within its brackets.
    let after_address = text.rfind(']').unwrap_or(0);
    match text[after_address..].rfind(':') {
        Some(colon) => {
            let colon = after_address + colon;
            (&text[..colon], Some(&text[colon + 1..]))
        }
        None => (text, None),
    }
}

#[cfg(test)]
mod tests;
