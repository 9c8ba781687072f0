//! The ports of the configuration: which are served, which are encrypted, and who has to show a
//! certificate there.
//! Not for: their addresses (`listen`, `unix`), sockets (`systemd::sockets`), or reading certificates
//! (`tls`).

use std::collections::HashMap;

use super::certs::file;
use super::checked::{folder, required};
use super::front::word;
use super::parse::{Findings, Path};
use super::{Cert, ClientCerts, Port, UnixSocket, keys, listen, raw, unix};

/// What `client_certs` may say: whether clients are asked for a certificate, and whether they must
/// have one.
pub(super) const CLIENT_CERTS: [(&str, Option<bool>); 3] =
    [("none", None), ("optional", Some(false)), ("required", Some(true))];

/// Elements of `ports`.
const MAX_PORTS: usize = 256;

/// The ports and the unix sockets; empty if none are listed.
pub(super) fn check(
    path: &Path,
    raw: Option<&[raw::Port]>,
    certs: &[Cert],
    findings: &mut Findings<'_>,
) -> (Vec<Port>, Vec<UnixSocket>) {
    let Some(raw) = raw else { return Default::default() };
    if raw.is_empty() {
        let hint = "leave `ports` out to serve every socket that systemd passes";
        findings.error(path, "`ports` lists no port", hint);
    }
    if raw.len() > MAX_PORTS {
        findings.error(path, format!("more than {MAX_PORTS} ports"), "");
        return Default::default();
    }
    let mut seen = HashMap::new();
    let (mut ports, mut unix_sockets) = (Vec::new(), Vec::new());
    for (at, port) in raw.iter().enumerate() {
        let path = path.index(at);
        if unix::is_one(&path, port, findings) {
            unix_sockets.extend(unix::check(&path, port, certs, &unix_sockets, findings));
            continue;
        }
        refuse_keys_of_unix(&path, findings);
        let www_root = folder(&path.key("www_root"), port.www_root.as_deref(), findings);
        let client_certs = client_certs(&path, port, findings);
        let is_unencrypted = is_unencrypted(&path, port, certs, findings);
        let listen = listen::check(&path, port, findings);
        let Some(number) = required(&path, port.port_number, keys::PORT_NUMBER, 80, findings)
        else {
            continue;
        };
        if let Some(first) = seen.insert(number, at) {
            let what = format!("port {number} is already listed in ports[{first}]");
            findings.error(&path.key("port_number"), what, "keep one of the two");
        }
        ports.push(Port {
            port_number: number,
            is_unencrypted,
            proxy_protocol: port.proxy_protocol.unwrap_or(false),
            client_certs,
            www_root,
            listen,
        });
    }
    (ports, unix_sockets)
}

/// Complains about keys that say nothing about a TCP port.
fn refuse_keys_of_unix(port: &Path, findings: &mut Findings<'_>) {
    for key in ["unix_mode", "unix_group"] {
        if findings.is_written(&port.key(key)) {
            let what = format!("`{key}` is for unix sockets, and this is a TCP port");
            findings.error(&port.key(key), what, "leave it out, or write `unix_path`");
        }
    }
}

/// Whether a socket is served without TLS. Complains if it should not be, and cannot be otherwise.
pub(super) fn is_unencrypted(
    port: &Path,
    raw: &raw::Port,
    certs: &[Cert],
    findings: &mut Findings<'_>,
) -> bool {
    let is_unencrypted =
        raw.is_unencrypted.unwrap_or_else(|| findings.is_refused(&port.key("is_unencrypted")));
    if !is_unencrypted && certs.is_empty() {
        refuse_without_certs(port, findings);
    }
    is_unencrypted
}

/// Complains about an encrypted port in a file that has no certificates, unless what it has of either
/// was refused already.
fn refuse_without_certs(port: &Path, findings: &mut Findings<'_>) {
    let path = port.key("is_unencrypted");
    if findings.is_written(&Path::root().key("certs")) || findings.is_refused(&path) {
        return;
    }
    let what = match findings.is_written(&path) {
        true => "an encrypted port needs a certificate, and there is no `certs`",
        false => {
            "a port is encrypted unless it says \"is_unencrypted\": true, which takes a \
             certificate, and there is no `certs`"
        }
    };
    let hint = format!(
        "for wss:// add \"certs\": [{}]; for plain ws:// write \"is_unencrypted\": true",
        super::certs::EXAMPLE
    );
    findings.error(&path, what, &hint);
}

/// Who has to show a certificate at a port.
fn client_certs(port: &Path, raw: &raw::Port, findings: &mut Findings<'_>) -> Option<ClientCerts> {
    let asked = word(port, "client_certs", raw.client_certs.as_deref(), &CLIENT_CERTS, findings);
    let path = port.key("client_ca_path");
    let example = "/etc/ringsocket/clients.pem";
    let ca_path = file(port, "client_ca_path", raw.client_ca_path.as_deref(), example, findings);
    let Some(are_required) = asked else {
        if raw.client_ca_path.is_some() && !findings.is_refused(&port.key("client_certs")) {
            let what = "`client_ca_path` does nothing here: clients of this port are not asked for \
                        certificates";
            let hint = "add \"client_certs\": \"required\" or \"optional\", or leave it out";
            findings.warn(&path, what, hint);
        }
        return None;
    };
    if raw.is_unencrypted == Some(true) {
        let what =
            "clients can only show certificates where they are encrypted, and this port is not";
        let hint = "leave `client_certs` out, or write \"is_unencrypted\": false";
        findings.error(&port.key("client_certs"), what, hint);
    }
    if raw.client_ca_path.is_none() && !findings.is_written(&path) {
        let what = "`client_ca_path` is missing: by which authorities must the certificates of \
                    clients be issued?";
        let hint = format!("add \"client_ca_path\": \"{example}\"");
        findings.error(&path, what, &hint);
    }
    Some(ClientCerts { are_required, ca_path: ca_path? })
}
