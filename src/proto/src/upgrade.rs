//! The opening handshake (RFC 6455 section 4.2): from a well-formed request to 101 or to a
//! response that says what is wrong.
//! Not for: HTTP syntax (`http`), or what else a port serves beside WebSocket.

mod handshake;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use crate::deflate::{self, Agreed, Terms};
use crate::extensions;
use crate::http::{self, Request};
use crate::response::Response;
use crate::words;

pub use handshake::{Handshake, offered, write_subprotocol};

/// What every client knows the server by (RFC 6455 section 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Where WebSocket connections are let in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// The whole path as clients send it, percent-encoded; compared byte by byte.
    pub path: String,
    /// The host it answers to; `None` for any.
    pub authority: Option<Authority>,
    /// Whether it is reached through TLS (`wss`) or without (`ws`); `None`: both.
    pub is_tls: Option<bool>,
    /// Origins of pages that may connect (RFC 6454 section 6.2), such as `https://example.com`.
    /// If there is none, all may. Clients that name no origin are let in: they are no browsers.
    pub allowed_origins: Vec<String>,
    /// Subprotocols that are spoken here (RFC 6455 section 1.9), each a token.
    pub subprotocols: Vec<String>,
}

/// A host and a port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Authority {
    /// In lower case; an IPv6 address in brackets.
    pub host: String,
    /// The port in the URL, which need not be the one that is listened on.
    pub port: u16,
}

/// What to answer to a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    /// 101: see [`write_switching_protocols`], or [`Handshake`] for later.
    Accept {
        /// Index of the endpoint.
        endpoint: usize,
        /// The subprotocol agreed on: the first of the client's that the endpoint speaks. Without
        /// one the client is let in all the same, and told none (RFC 6455 section 4.2.2, item 5):
        /// whether it stays is its decision.
        subprotocol: Option<String>,
        /// What was agreed on about compression: the first of the client's offers that can be
        /// taken.
        deflate: Option<Agreed>,
    },
    /// This response.
    Refuse(Response),
    /// The request is a `GET` or `HEAD` that asks for no upgrade: a page may be served.
    Page {
        /// The response if there is none.
        otherwise: Response,
    },
}

impl Endpoint {
    /// Whether it answers to the host of this request, which came through TLS or without, whatever
    /// its path. A `Host` without a port means port 443, or 80 without TLS.
    pub fn answers_to(&self, request: &Request<'_>, is_tls: bool) -> bool {
        let (host, port) = http::split_host(request.host().unwrap_or_default());
        let port = port.unwrap_or(if is_tls { 443 } else { 80 });
        let is_it = |a: &Authority| a.port == port && a.host.eq_ignore_ascii_case(host);
        self.is_tls.is_none_or(|wanted| wanted == is_tls)
            && self.authority.as_ref().is_none_or(is_it)
    }
}

/// Decides about a request, which came through TLS or without. Of several endpoints that fit, one
/// that names the host goes before one for all hosts, and then the first. Messages may be compressed
/// on these `terms`; `None`: not at all.
pub fn decide(
    request: &Request<'_>,
    endpoints: &[Endpoint],
    is_tls: bool,
    terms: Option<&Terms>,
) -> Decision {
    if let Some(response) = refuse_method(request.method()) {
        return Decision::Refuse(response);
    }
    let endpoint = find_endpoint(request, endpoints, is_tls);
    if !asks_for_upgrade(request) {
        return Decision::Page { otherwise: without_upgrade(request, endpoint.is_some()) };
    }
    let Some((index, endpoint)) = endpoint else {
        let why = "There is no WebSocket endpoint with this path and host.";
        return Decision::Refuse(Response::new(404, why));
    };
    let agreed = check(request, endpoint).and_then(|()| agree_on_deflate(request, terms));
    match agreed {
        Err(response) => Decision::Refuse(response),
        Ok(deflate) => Decision::Accept {
            endpoint: index,
            subprotocol: choose_subprotocol(request, endpoint).map(str::to_owned),
            deflate,
        },
    }
}

/// RFC 6455 section 9.1: several fields make one list, and all of it must follow the grammar, also
/// where nothing comes of it.
fn agree_on_deflate(
    request: &Request<'_>,
    terms: Option<&Terms>,
) -> Result<Option<Agreed>, Response> {
    let mut offers = Vec::new();
    for value in request.all("sec-websocket-extensions") {
        let Some(extensions) = extensions::parse(value) else {
            return Err(Response::new(400, "The Sec-WebSocket-Extensions are malformed."));
        };
        offers.extend(extensions);
    }
    Ok(terms.and_then(|terms| deflate::choose(&offers, terms)))
}

/// RFC 9110 section 9.1: methods that are known but not served are 405, others 501. Case matters.
fn refuse_method(method: &str) -> Option<Response> {
    const WHY: &str = "Only GET and HEAD are answered here.";
    match method {
        "GET" | "HEAD" => None,
        "POST" | "PUT" | "DELETE" | "CONNECT" | "OPTIONS" | "TRACE" | "PATCH" => {
            Some(Response::new(405, WHY))
        }
        _ => Some(Response::new(501, WHY)),
    }
}

/// RFC 9110 section 7.8: the Upgrade field counts only with the connection option that belongs to
/// it, and never in HTTP/1.0.
fn asks_for_upgrade(request: &Request<'_>) -> bool {
    request.method() == "GET"
        && request.is_http_1_1()
        && request.lists("connection", "upgrade")
        && request.lists("upgrade", "websocket")
}

/// What to answer to a request without upgrade for which there is no page.
fn without_upgrade(request: &Request<'_>, is_endpoint: bool) -> Response {
    if !is_endpoint {
        return Response::new(404, "There is nothing here.");
    }
    if !request.is_http_1_1() {
        return Response::new(426, "This is a WebSocket endpoint; WebSocket needs HTTP/1.1.");
    }
    if request.header("sec-websocket-key").is_some() {
        let why = "The request has a Sec-WebSocket-Key but not both \"Connection: Upgrade\" and \
                   \"Upgrade: websocket\"; a proxy on the way may have removed them.";
        return Response::new(426, why);
    }
    Response::new(426, "This is a WebSocket endpoint; connect with a WebSocket client.")
}

fn find_endpoint<'e>(
    request: &Request<'_>,
    endpoints: &'e [Endpoint],
    is_tls: bool,
) -> Option<(usize, &'e Endpoint)> {
    let is_here = |e: &Endpoint| e.path == request.path() && e.answers_to(request, is_tls);
    let mut here = endpoints.iter().enumerate().filter(|(_, endpoint)| is_here(endpoint));
    let first = here.next()?;
    let names_host = |(_, endpoint): &(usize, &Endpoint)| endpoint.authority.is_some();
    Some(if names_host(&first) { first } else { here.find(names_host).unwrap_or(first) })
}

/// RFC 6455 section 4.2.1, items 5 to 7, and section 10.2 on origins.
fn check(request: &Request<'_>, endpoint: &Endpoint) -> Result<(), Response> {
    match request.only("sec-websocket-version") {
        Some(b"13") => {}
        None if request.header("sec-websocket-version").is_none() => {
            return Err(Response::new(400, "The request has no Sec-WebSocket-Version."));
        }
        _ => return Err(Response::wrong_version("Only version 13 of WebSocket is spoken here.")),
    }
    let is_key = |key: &[u8]| STANDARD.decode(key).is_ok_and(|key| key.len() == 16);
    if !request.only("sec-websocket-key").is_some_and(is_key) {
        let why = "The request needs one Sec-WebSocket-Key, 16 bytes in base64.";
        return Err(Response::new(400, why));
    }
    // RFC 6455 section 11.3.4: one list or several lines of one, of at least one token. That a client
    // must not name any twice (4.1, item 10) is not the server's to check (4.2.1, item 8).
    let mut offers = request.all("sec-websocket-protocol").flat_map(http::list).peekable();
    let is_offering = request.header("sec-websocket-protocol").is_some();
    if is_offering && (offers.peek().is_none() || !offers.all(words::is_token)) {
        let why = "The Sec-WebSocket-Protocol is no list of subprotocols.";
        return Err(Response::new(400, why));
    }
    if !endpoint.allowed_origins.is_empty() {
        let allowed = &endpoint.allowed_origins;
        // Of an origin only scheme and host can hold letters, and both know no case.
        let is_allowed = |origin: &[u8]| {
            allowed.iter().any(|allowed| origin.eq_ignore_ascii_case(allowed.as_bytes()))
        };
        if !request.all("origin").all(is_allowed) {
            return Err(Response::new(403, "Pages of this origin may not connect here."));
        }
    }
    Ok(())
}

/// RFC 6455 section 4.2.2, item 5, `/subprotocol/`: the client's order decides.
fn choose_subprotocol<'e>(request: &Request<'_>, endpoint: &'e Endpoint) -> Option<&'e str> {
    let mut offered = request.all("sec-websocket-protocol").flat_map(http::list);
    offered.find_map(|offer| {
        let spoken = endpoint.subprotocols.iter().find(|spoken| spoken.as_bytes() == offer);
        spoken.map(String::as_str)
    })
}

/// Appends the 101 response to a request for which [`decide`] said [`Decision::Accept`]
/// (RFC 6455 section 4.2.2).
pub fn write_switching_protocols(
    request: &Request<'_>,
    subprotocol: Option<&str>,
    deflate: Option<&Agreed>,
    out: &mut Vec<u8>,
) {
    let key = request.header("sec-websocket-key").unwrap_or_default();
    write_start(&accept_key(key), out);
    if let Some(subprotocol) = subprotocol {
        out.extend_from_slice(b"Sec-WebSocket-Protocol: ");
        out.extend_from_slice(subprotocol.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    write_end(deflate, out);
}

/// The first lines of a 101.
fn write_start(accept_key: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Accept: ",
    );
    out.extend_from_slice(accept_key.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// The last lines of a 101, and the empty one.
fn write_end(deflate: Option<&Agreed>, out: &mut Vec<u8>) {
    if let Some(agreed) = deflate {
        out.extend_from_slice(b"Sec-WebSocket-Extensions: ");
        out.extend_from_slice(agreed.response.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// The proof that the handshake was understood (RFC 6455 section 4.2.2, item 5, `/accept/`).
fn accept_key(key: &[u8]) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

#[cfg(test)]
mod tests;
