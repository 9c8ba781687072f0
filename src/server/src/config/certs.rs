//! The certificates of the configuration: which files, for which names.
//! Not for: reading those files (`tls`), which change while the configuration stays as it is.

use std::net::IpAddr;
use std::path::PathBuf;

use super::checked::{absolute, missing};
use super::front::word;
use super::parse::{Findings, Path};
use super::{App, Cert, Port, RecordLayer, UnixSocket, raw, url};

/// The most certificates; each is kept ready for each port's demands on clients.
const MAX_CERTS: usize = 1000;

const KEY_EXAMPLE: &str = "/etc/ringsocket/privkey.pem";
const CHAIN_EXAMPLE: &str = "/etc/ringsocket/fullchain.pem";

/// A whole one, for hints.
pub(super) const EXAMPLE: &str = "{ \"hostnames\": [\"example.com\"], \"privkey_path\": \
    \"/etc/ringsocket/privkey.pem\", \"pubchain_path\": \"/etc/ringsocket/fullchain.pem\" }";

/// What `record_layer` may say.
pub(super) const RECORD_LAYERS: [(&str, RecordLayer); 2] =
    [("ringsocket", RecordLayer::Ringsocket), ("rustls", RecordLayer::Rustls)];

/// The certificates, in the order of the file.
pub(super) fn check(raw: Option<&[raw::Cert]>, findings: &mut Findings<'_>) -> Vec<Cert> {
    let path = Path::root().key("certs");
    let Some(raw) = raw else { return Vec::new() };
    if raw.is_empty() {
        let hint = format!("write [{EXAMPLE}], or leave `certs` out to serve plain ports only");
        findings.error(&path, "`certs` lists no certificate", &hint);
    }
    if raw.len() > MAX_CERTS {
        findings.error(&path, format!("more than {MAX_CERTS} certificates"), "");
        return Vec::new();
    }
    let read = |(at, cert): (usize, &raw::Cert)| {
        let path = path.index(at);
        let (key, chain) = (cert.privkey_path.as_deref(), cert.pubchain_path.as_deref());
        Cert {
            hostnames: hostnames(&path, cert.hostnames.as_deref(), findings),
            privkey_path: required(&path, "privkey_path", key, KEY_EXAMPLE, findings),
            pubchain_path: required(&path, "pubchain_path", chain, CHAIN_EXAMPLE, findings),
        }
    };
    raw.iter().enumerate().map(read).collect()
}

/// As [`file`], of a key that must be written; empty after a complaint.
fn required(
    object: &Path,
    key: &str,
    given: Option<&str>,
    example: &str,
    findings: &mut Findings<'_>,
) -> PathBuf {
    if given.is_none() {
        missing(&object.key(key), key, &format!("add \"{key}\": {example:?}"), findings);
    }
    file(object, key, given, example, findings).unwrap_or_default()
}

/// A path from the root on, or the name of a credential (`LoadCredential=` of systemd.exec(5)), which
/// is a file name without a folder.
pub(super) fn file(
    object: &Path,
    key: &str,
    given: Option<&str>,
    example: &str,
    findings: &mut Findings<'_>,
) -> Option<PathBuf> {
    let (path, given) = (object.key(key), given?);
    let is_name = !given.is_empty() && !given.starts_with('.') && !given.contains(['/', '\0', ':']);
    if is_name {
        return Some(PathBuf::from(given));
    }
    if given.starts_with('/') {
        return absolute(&path, given, example, findings);
    }
    let what = format!("{given:?} is neither a path from the root on nor the name of a credential");
    let hint = format!(
        "write {example:?}, or a bare name such as \"example.com.key\" for LoadCredential="
    );
    findings.error(&path, what, &hint);
    None
}

/// Host names in lower case, wildcards of one label included.
fn hostnames(cert: &Path, given: Option<&[String]>, findings: &mut Findings<'_>) -> Vec<String> {
    let path = cert.key("hostnames");
    let Some(given) = given else {
        missing(&path, "hostnames", "add \"hostnames\": [\"example.com\"]", findings);
        return Vec::new();
    };
    if given.is_empty() {
        findings.error(&path, "`hostnames` lists no name", "write [\"example.com\"]");
    }
    let mut names: Vec<String> = Vec::new();
    for (at, text) in given.iter().enumerate() {
        let path = path.index(at);
        match hostname(text) {
            Ok(name) if names.contains(&name) => {
                findings.error(&path, format!("{name} is listed twice"), "keep one of the two");
            }
            Ok(name) => names.push(name),
            Err(bad) => findings.error(&path, bad.what, &bad.instead),
        }
    }
    names
}

/// A name as clients send it (RFC 6066 section 3), an IP address, or `*.` before a name.
fn hostname(text: &str) -> Result<String, url::Bad> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    if text.ends_with('.') && text.len() > 1 {
        let instead = format!("write {:?}", text.trim_end_matches('.'));
        return Err(url::Bad { what: "a host name here has no dot at its end".into(), instead });
    }
    let (wildcard, rest) = match text.strip_prefix("*.") {
        Some(rest) => ("*.", rest),
        None => ("", text),
    };
    if rest.contains('*') {
        let what = "a wildcard stands for the whole first label of a name, and for no other";
        let instead = "write \"*.example.com\", or write every name out".to_owned();
        return Err(url::Bad { what: what.into(), instead });
    }
    let name = url::name(rest)?;
    // What a client sends is a DNS name: https://www.rfc-editor.org/rfc/rfc1123#section-2.1
    let is_label = |label: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(fits)
    };
    if name.len() > 253 || !name.split('.').all(is_label) {
        let what = format!("{text:?} is no host name");
        return Err(url::Bad { what, instead: "write a name such as example.com".into() });
    }
    Ok(format!("{wildcard}{name}"))
}

/// Whether a certificate is meant for this host, which is in lower case.
fn is_for(cert: &Cert, host: &str) -> bool {
    let below = host.split_once('.').map_or("", |(_, below)| below);
    let is_wild = |name: &str| name.strip_prefix("*.") == Some(below);
    cert.hostnames.iter().any(|name| name == host || is_wild(name))
}

/// Whether ports, certificates and endpoints fit each other.
pub(super) fn fit(
    certs: &[Cert],
    (ports, unix_sockets): (&[Port], &[UnixSocket]),
    apps: &[App],
    findings: &mut Findings<'_>,
) {
    if !certs.is_empty()
        && !ports.is_empty()
        && ports.iter().all(|port| port.is_unencrypted)
        && unix_sockets.iter().all(|unix| unix.is_unencrypted)
    {
        let what = "`certs` does nothing: every port of `ports` is unencrypted";
        let hint = "add { \"port_number\": 443 } to `ports`, or leave `certs` out";
        findings.warn(&Path::root().key("certs"), what, hint);
    }
    if findings.report.has_errors() {
        return; // apps may be missing, and the others not be at their places
    }
    for (at, app) in apps.iter().enumerate() {
        for (number, endpoint) in app.endpoints.iter().enumerate() {
            let url = &endpoint.url;
            let host = url.authority.as_ref().filter(|_| url.encrypted == Some(true));
            let Some((host, _)) = host else { continue };
            let path = Path::root().key("apps").index(at).key("endpoints").index(number);
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            if certs.is_empty() {
                let what = "the URL is encrypted, and there is no `certs`";
                let hint = format!(
                    "write ws://{host}{}, also where a proxy in front does TLS; or add \"certs\": \
                     [{EXAMPLE}]",
                    url.path
                );
                findings.error(&path.key("url"), what, &hint);
            } else if !certs.iter().any(|cert| is_for(cert, bare)) {
                let what = format!("no certificate of `certs` is for {host}: clients are refused");
                let hint = format!("add {bare:?} to the `hostnames` of its certificate");
                findings.warn(&path.key("url"), what, &hint);
            }
        }
    }
}

/// Whose code makes records of bytes after the handshake.
pub(super) fn record_layer(given: Option<&str>, findings: &mut Findings<'_>) -> RecordLayer {
    word(&Path::root(), "record_layer", given, &RECORD_LAYERS, findings)
}
