//! Unix sockets of the configuration: where they lie, and who may connect.
//! Not for: TCP ports (`ports`, `listen`), or the units that come of it (`systemd::units`).

use super::parse::{Findings, Path};
use super::{Cert, UnixSocket, ports, raw};

/// Longest path of a unix socket, in bytes: `sun_path` without its NUL (unix(7)).
const MAX_PATH: usize = 107;
/// The service's `RuntimeDirectory=`, which systemd removes at each stop.
const RUNTIME_FOLDERS: [&str; 2] = ["/run/ringsocket", "/var/run/ringsocket"];
/// Its group may connect, and nobody else.
const DEFAULT_MODE: u16 = 0o660;

/// Whether an element of `ports` is meant to be a unix socket.
pub(super) fn is_one(port: &Path, raw: &raw::Port, findings: &Findings<'_>) -> bool {
    raw.unix_path.is_some()
        || raw.port_number.is_none() && findings.is_written(&port.key("unix_path"))
}

/// Checks an element of `ports` that is a unix socket. `None` after a complaint.
pub(super) fn check(
    port: &Path,
    raw: &raw::Port,
    certs: &[Cert],
    before: &[UnixSocket],
    findings: &mut Findings<'_>,
) -> Option<UnixSocket> {
    refuse_keys_of_tcp(port, findings);
    let is_unencrypted = ports::is_unencrypted(port, raw, certs, findings);
    let mode = mode(&port.key("unix_mode"), raw.unix_mode.as_deref(), findings);
    let group = group(&port.key("unix_group"), raw.unix_group.as_deref(), findings);
    if raw.unix_group.is_none()
        && !findings.is_written(&port.key("unix_group"))
        && mode & 0o002 == 0
    {
        let what = "only root could connect to this socket: it has no `unix_group`, and its mode lets \
                    nobody else in";
        let instead = "add the group of your proxy, as in \"unix_group\": \"www-data\"";
        findings.warn(&port.key("unix_path"), what, instead);
    }
    let given = raw.unix_path.as_deref()?;
    let path = port.key("unix_path");
    if let Err((what, instead)) = fit(given) {
        findings.error(&path, what, instead);
        return None;
    }
    if before.iter().any(|other| other.path == given) {
        findings.error(&path, format!("{given} is already listed"), "keep one of the two");
        return None;
    }
    Some(UnixSocket { path: given.to_owned(), is_unencrypted, mode, group })
}

/// Complains about keys that say nothing about a unix socket.
fn refuse_keys_of_tcp(port: &Path, findings: &mut Findings<'_>) {
    if findings.is_written(&port.key("port_number")) {
        let what = "a socket has a `port_number` or a `unix_path`, not both";
        findings.error(&port.key("unix_path"), what, "list them as two elements of `ports`");
    }
    let keys = [
        "ip_addrs",
        "interface",
        "ipv4only",
        "ipv6only",
        "ipv4_is_embedded_in_ipv6",
        "proxy_protocol",
        "client_certs",
        "client_ca_path",
        "www_root",
    ];
    for key in keys {
        if findings.is_written(&port.key(key)) {
            let what = format!("`{key}` is for TCP ports, and this is a unix socket");
            findings.error(&port.key(key), what, "leave it out");
        }
    }
}

/// Whether a path can be bound, be written into a unit file as it is, and be found again by its text.
fn fit(path: &str) -> Result<(), (String, &'static str)> {
    let odd = |byte: u8| !byte.is_ascii_alphanumeric() && !b"._-@+,:~/".contains(&byte);
    let parts = || path.split('/').skip(1);
    if !path.starts_with('/') {
        let what = format!("{path:?} is not an absolute path");
        return Err((what, "write it from the root on, such as /run/ringsocket.sock"));
    }
    if let Some(byte) = path.bytes().find(|byte| odd(*byte)) {
        let what = format!("{:?} cannot stand in the path of a socket here", char::from(byte));
        return Err((what, "write letters and digits of ASCII, and . _ - @ + , : ~ / alone"));
    }
    if parts().any(|part| matches!(part, "" | "." | "..")) {
        let what = format!("{path} is not in normal form");
        return Err((what, "write it without an empty part, \".\" or \"..\""));
    }
    if path.len() > MAX_PATH {
        let what =
            format!("this path has {} bytes, and a socket's has {MAX_PATH} at most", path.len());
        return Err((what, "write a shorter one, such as /run/ringsocket.sock"));
    }
    let is_below =
        |folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    if let Some(folder) = RUNTIME_FOLDERS.into_iter().find(|folder| is_below(folder)) {
        let what =
            format!("{folder} is removed at each stop of the service, and the socket with it");
        return Err((what, "write a path outside of it, such as /run/ringsocket.sock"));
    }
    Ok(())
}

/// Permissions, written in octal as for chmod(1): JSON's numbers are decimal.
fn mode(path: &Path, given: Option<&str>, findings: &mut Findings<'_>) -> u16 {
    let Some(given) = given else { return DEFAULT_MODE };
    let is_octal =
        (3..=4).contains(&given.len()) && given.bytes().all(|b| (b'0'..=b'7').contains(&b));
    match u16::from_str_radix(given, 8) {
        Ok(mode) if is_octal && mode <= 0o777 => mode,
        _ => {
            let what = format!("{given:?} is no mode of a socket");
            findings.error(path, what, "write it in octal, such as \"0660\"");
            DEFAULT_MODE
        }
    }
}

/// The name of a group, or its number.
fn group(path: &Path, given: Option<&str>, findings: &mut Findings<'_>) -> Option<String> {
    let given = given?;
    let is_number = given.parse::<u32>().is_ok_and(|id| id < u32::MAX) && !given.starts_with('+');
    let is_name = given.len() <= 31
        && given.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && given.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if is_name || is_number {
        return Some(given.to_owned());
    }
    let what = format!("{given:?} is no name of a group");
    findings.error(path, what, "write one that \"getent group\" shows, such as \"www-data\"");
    None
}
