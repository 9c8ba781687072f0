//! Seeds of the target `head`: one of each kind of request, good and bad.

use crate::recipe::Recipe;

const UPGRADE: &str = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// Name and request head; `UPGRADE` stands for what every upgrade has.
const HEADS: [(&str, &str); 28] = [
    ("upgrade", "GET / HTTP/1.1\r\nHost: example.com\r\nUPGRADE\r\n"),
    ("upgrade-by-host", "GET /a?b=c HTTP/1.1\r\nHost: EXAMPLE.com\r\nUPGRADE\r\n"),
    (
        "upgrade-of-origin",
        "GET /a HTTP/1.1\r\nHost: [::1]:8080\r\nOrigin: https://example.com\r\nUPGRADE\r\n",
    ),
    (
        "upgrade-of-other-origin",
        "GET /a HTTP/1.1\r\nHost: [::1]:8080\r\nOrigin: null\r\nUPGRADE\r\n",
    ),
    (
        "subprotocols",
        "GET /b HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Protocol: wamp, soap,chat\r\nUPGRADE\r\n",
    ),
    (
        "extensions",
        "GET /b HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate\r\nUPGRADE\r\n",
    ),
    ("bytes-after", "GET / HTTP/1.1\r\nHost: x\r\nUPGRADE\r\n\u{1}\u{2}"),
    ("no-endpoint", "GET /none HTTP/1.1\r\nHost: x\r\nUPGRADE\r\n"),
    ("page", "GET / HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n"),
    ("page-head", "HEAD /a/b HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("http-1-0", "GET / HTTP/1.0\r\n\r\n"),
    ("http-2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ("options", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("connect", "CONNECT example.com:80 HTTP/1.1\r\nHost: example.com:80\r\n\r\n"),
    ("absolute-form", "GET ws://example.com:80/a?q HTTP/1.1\r\nHost: other\r\nUPGRADE\r\n"),
    ("post", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"),
    ("body", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 3\r\n\r\nabc"),
    ("chunked", "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("two-hosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"),
    ("folded", "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n"),
    ("bare-lf", "GET / HTTP/1.1\nHost: x\n\n"),
    ("empty-lines-first", "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    (
        "version-12",
        "GET / HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Version: 12\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\n\r\n",
    ),
    (
        "short-key",
        "GET / HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    ),
    ("odd-value", "GET /%C3%A9 HTTP/1.1\r\nHost: x\r\nUser-Agent: \t caf\u{e9} \r\nX:\r\n\r\n"),
    ("tls", "\u{16}\u{3}\u{1}\u{2}"),
    ("bad-head", "HEAD / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"),
    ("head-after-fault", "\nHEAD / HTTP/1.1\r\nHost: x\r\n\r\n"),
];

pub(super) fn all() -> Vec<(&'static str, Vec<u8>)> {
    let mut seeds = Vec::new();
    for (at, (name, head)) in HEADS.into_iter().enumerate() {
        let head = head.replace("UPGRADE\r\n", &format!("{UPGRADE}\r\n"));
        let chunks: &[u8] = [&[][..], &[1], &[17, 3, 40], &[100]][at % 4];
        let recipe = Recipe { chunks, is_raw: true, body: head.as_bytes(), ..Recipe::default() };
        seeds.push((name, recipe.write()));
    }
    let late = b"GET / HTTP/1.1\r\nHost: x\r\n";
    let recipe = Recipe { expire_at: Some(20), body: late, ..Recipe::default() };
    seeds.push(("late", recipe.write()));
    let long = [b"GET /", &[b'a'; 120][..], b" HTTP/1.1\r\nHost: x\r\n\r\n"].concat();
    let recipe = Recipe { variant: 2, chunks: &[90, 11], body: &long, ..Recipe::default() };
    seeds.push(("long-target", recipe.write()));
    let many = [&b"GET / HTTP/1.1\r\n"[..], &b"a:b\r\n".repeat(5), b"\r\n"].concat();
    let recipe = Recipe { variant: 2, body: &many, ..Recipe::default() };
    seeds.push(("many-fields", recipe.write()));
    seeds
}
