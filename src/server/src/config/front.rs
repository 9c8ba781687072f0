//! The configuration of what is served beside plain messages: compression, the health path, and
//! whose word about a client's address is believed.
//! Not for: acting on any of it.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

use super::checked::{MAX_FRAME_HEADER, number};
use super::error::nearest;
use super::parse::{Findings, Path};
use super::{App, Deflate, ForwardedHeader, Limits, Port, keys, raw};

/// What `deflate_takeover` may say, with who may keep a window: the client, the server.
pub(super) const TAKEOVER: [(&str, (bool, bool)); 4] = [
    ("none", (false, false)),
    ("client", (true, false)),
    ("server", (false, true)),
    ("both", (true, true)),
];

/// What `forwarded_header` may say.
pub(super) const FORWARDED: [(&str, ForwardedHeader); 3] = [
    ("x-forwarded-for", ForwardedHeader::XForwardedFor),
    ("forwarded", ForwardedHeader::Forwarded),
    ("none", ForwardedHeader::None),
];

/// Where health is told unless the file says otherwise.
const DEFAULT_HEALTH_PATH: &str = "/healthz";

/// One of a few words for a key of the object at `path`, or the first of them after a complaint.
pub(super) fn word<T: Copy>(
    path: &Path,
    key: &str,
    given: Option<&str>,
    words: &[(&'static str, T)],
    findings: &mut Findings<'_>,
) -> T {
    let default = words[0].1;
    let Some(given) = given else { return default };
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == given) {
        return *value;
    }
    let hint = nearest(given, words.iter().map(|(word, _)| *word));
    let hint = hint.map_or_else(String::new, |near| format!("did you mean \"{near}\"?"));
    let what = format!("`{key}` must be {}, not {given:?}", keys::expected(key));
    findings.error(&path.key(key), what, &hint);
    default
}

/// How messages are compressed.
pub(super) fn deflate(
    raw: &raw::Root,
    fd_alloc_c: usize,
    findings: &mut Findings<'_>,
) -> Option<Deflate> {
    let takeover = raw.deflate_takeover.as_deref();
    let (client_takeover, server_takeover) =
        word(&Path::root(), "deflate_takeover", takeover, &TAKEOVER, findings);
    let mut plain = |raw, key, default| number(&Path::root(), raw, key, default, findings);
    let deflate = Deflate {
        level: plain(raw.deflate_level, keys::DEFLATE_LEVEL, 3) as u32,
        min_size: plain(raw.deflate_min_size, keys::DEFLATE_MIN_SIZE, 128),
        client_takeover,
        server_takeover,
        takeover_c: plain(raw.deflate_takeover_c, keys::DEFLATE_TAKEOVER_C, fd_alloc_c.min(1024)),
        client_window_bits: plain(
            raw.deflate_client_window_bits,
            keys::DEFLATE_CLIENT_WINDOW_BITS,
            15,
        ) as u8,
        server_window_bits: plain(
            raw.deflate_server_window_bits,
            keys::DEFLATE_SERVER_WINDOW_BITS,
            15,
        ) as u8,
    };
    if deflate.level == 0 && (client_takeover || server_takeover) {
        let what = "`deflate_takeover` does nothing where `deflate_level` is 0";
        findings.warn(&Path::root().key("deflate_takeover"), what, "leave out one of the two");
    }
    (deflate.level > 0).then_some(deflate)
}

/// Whether limits of pace leave room for what other limits allow.
pub(super) fn pace(limits: &Limits, findings: &mut Findings<'_>) {
    let root = Path::root();
    let message = limits.max_ws_msg_size as u64;
    // The header of its frame counts as well.
    let least = message + MAX_FRAME_HEADER as u64;
    if let Some(rate) = limits.max_ws_byte_rate.filter(|rate| rate.get() < least) {
        let key = keys::MAX_WS_BYTE_RATE.key;
        let what = format!(
            "a message may have {message} bytes (`max_ws_msg_size`), and a frame's header comes on \
             top, but who sends more than {rate} at once is closed with 1008"
        );
        let hint = format!("write at least {least}, or lower `max_ws_msg_size`");
        findings.warn(&root.key(key), what, &hint);
    }
    let in_all = limits.fd_alloc_c as u64;
    if let Some(most) = limits.max_conn_c_per_addr.filter(|most| most.get() > in_all) {
        let key = keys::MAX_CONN_C_PER_ADDR.key;
        let what = format!("`{key}` ({most}) is never reached: `fd_alloc_c` is {in_all}");
        findings.warn(
            &root.key(key),
            what,
            &format!("write less than {in_all}, or 0 for no limit"),
        );
    }
}

/// The path of the health endpoint. An empty one turns it off.
pub(super) fn health_path(
    given: Option<&str>,
    apps: &[App],
    findings: &mut Findings<'_>,
) -> Option<String> {
    let path = Path::root().key("health_path");
    let health = given.unwrap_or(DEFAULT_HEALTH_PATH);
    if health.is_empty() {
        return None;
    }
    let is_path = health.starts_with('/')
        && health.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#".contains(&byte));
    if !is_path {
        let what = format!("{health:?} is no path as it stands in a request");
        findings.error(&path, what, "write one like \"/healthz\", or \"\" for none");
    }
    let mut endpoints = apps.iter().flat_map(|app| &app.endpoints);
    if endpoints.any(|endpoint| endpoint.url.path == health) {
        let what = format!(
            "an endpoint has the path {health} too, and plain requests to it would get the health \
             answer"
        );
        if given.is_none() {
            // Nobody asked for the path: an app of that name must not keep the daemon from starting.
            findings.warn(&path, what, "write a path for the health, or \"\" for none");
            return None;
        }
        findings.error(&path, what, "write another path, or \"\" for none");
    }
    Some(health.to_owned())
}

/// The networks of trusted proxies: addresses, or networks as in 10.0.0.0/8. By default none, not
/// even this machine: a proxy that was not told to set the header passes on what clients write.
pub(super) fn trusted_proxies(given: Option<&[String]>, findings: &mut Findings<'_>) -> Vec<IpNet> {
    let path = Path::root().key("trusted_proxies");
    let mut nets = Vec::new();
    for (at, text) in given.unwrap_or_default().iter().enumerate() {
        let path = path.index(at);
        let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        match net {
            Ok(net) if canonical(net).prefix_len() == 0 => {
                let what = format!(
                    "{text} is every address there is: any client could name any address as its own"
                );
                findings.error(&path, what, "name the networks of your proxies");
            }
            Ok(net) => nets.push(canonical(net)),
            Err(_) => {
                let what = format!("{text:?} is neither an address nor a network");
                findings.error(&path, what, "write it like \"192.0.2.1\" or \"2001:db8::/32\"");
            }
        }
    }
    nets
}

/// The network without bits beyond its prefix, and one of IPv4 addresses mapped into IPv6 as what it
/// is: the addresses compared with it are brought into that form too.
fn canonical(net: IpNet) -> IpNet {
    let v4 = match net.network().to_canonical() {
        IpAddr::V4(ip) if net.prefix_len() >= 96 => Ipv4Net::new(ip, net.prefix_len() - 96).ok(),
        _ => None,
    };
    match (net, v4) {
        (IpNet::V6(_), Some(v4)) => v4.into(),
        _ => net.trunc(),
    }
}

/// A port where anybody could name any address as its own would be worth nothing.
pub(super) fn fit(ports: &[Port], trusted: &[IpNet], findings: &mut Findings<'_>) {
    for (at, port) in ports.iter().enumerate() {
        if port.proxy_protocol && trusted.is_empty() {
            let path = Path::root().key("ports").index(at).key("proxy_protocol");
            let what = "no proxy is trusted to speak the PROXY protocol";
            findings.error(&path, what, "name its address in `trusted_proxies`");
        }
    }
}

/// Which header proxies write a client's address to.
pub(super) fn forwarded_header(
    given: Option<&str>,
    findings: &mut Findings<'_>,
) -> ForwardedHeader {
    word(&Path::root(), "forwarded_header", given, &FORWARDED, findings)
}
