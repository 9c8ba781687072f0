//! Where systemd is to listen for a port: `ip_addrs`, `interface` and the versions of IP.
//! Not for: unix sockets (`unix`), or the units that come of it (`systemd::units`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::parse::{Findings, Path};
use super::{Listen, raw};

/// Addresses of one port. Each has a socket for every worker.
const MAX_ADDRS: usize = 64;
/// Longest name of an interface (`IFNAMSIZ` without its NUL), in bytes.
const MAX_INTERFACE: usize = 15;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

/// The keys that say which versions of IP a port has.
struct Versions {
    v4_only: bool,
    v6_only: bool,
    is_dual: bool,
}

/// Where a port is to be listened on. After a complaint something harmless.
pub(super) fn check(port: &Path, raw: &raw::Port, findings: &mut Findings<'_>) -> Listen {
    let versions = versions(port, raw, findings);
    let interface = interface(&port.key("interface"), raw.interface.as_deref(), findings);
    let Some(texts) = &raw.ip_addrs else {
        let addrs = match versions {
            Versions { v4_only: true, .. } => vec![V4],
            Versions { v6_only: true, .. } | Versions { is_dual: true, .. } => vec![V6],
            _ => vec![V4, V6],
        };
        return Listen { addrs, is_dual: versions.is_dual, interface };
    };
    let path = port.key("ip_addrs");
    if texts.is_empty() {
        findings.error(&path, "`ip_addrs` lists no address", "leave it out to listen on all");
    }
    if texts.len() > MAX_ADDRS {
        findings.error(&path, format!("more than {MAX_ADDRS} addresses"), "");
        return Listen::default();
    }
    let mut addrs: Vec<IpAddr> = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        let path = path.index(at);
        let Some(addr) = address(&path, text, raw.interface.is_some(), findings) else { continue };
        if let Some((what, instead)) = conflict(addr, &addrs, &versions) {
            findings.error(&path, what, instead);
        }
        addrs.push(addr);
    }
    let is_dual = versions.is_dual && addrs.contains(&V6);
    if versions.is_dual && !is_dual && !addrs.is_empty() {
        let what = "`ipv4_is_embedded_in_ipv6` does nothing here: of all addresses only \"::\" takes \
                    clients of both versions";
        let instead = "leave it out, or leave `ip_addrs` out";
        findings.error(&port.key("ipv4_is_embedded_in_ipv6"), what, instead);
    }
    Listen { addrs, is_dual, interface }
}

fn versions(port: &Path, raw: &raw::Port, findings: &mut Findings<'_>) -> Versions {
    let is_set = |key: Option<bool>| key == Some(true);
    let versions = Versions {
        v4_only: is_set(raw.ipv4only),
        v6_only: is_set(raw.ipv6only),
        is_dual: is_set(raw.ipv4_is_embedded_in_ipv6),
    };
    let both = [
        (versions.v4_only && versions.v6_only, "ipv6only", "`ipv4only` and `ipv6only`"),
        (
            versions.v4_only && versions.is_dual,
            "ipv4_is_embedded_in_ipv6",
            "`ipv4only` and `ipv4_is_embedded_in_ipv6`",
        ),
        (
            versions.v6_only && versions.is_dual,
            "ipv4_is_embedded_in_ipv6",
            "`ipv6only` and `ipv4_is_embedded_in_ipv6`",
        ),
    ];
    for (_, key, two) in both.into_iter().filter(|(is_both, ..)| *is_both) {
        let what = format!("{two} contradict each other");
        findings.error(
            &port.key(key),
            what,
            "keep one of them; without any, both versions are let in",
        );
    }
    versions
}

/// Reads an address that can be listened on; complains about any other text.
fn address(
    path: &Path,
    text: &str,
    has_interface: bool,
    findings: &mut Findings<'_>,
) -> Option<IpAddr> {
    let Ok(addr) = text.parse::<IpAddr>() else {
        findings.error(path, format!("{text:?} is no IP address"), &instead_of(text));
        return None;
    };
    if let (IpAddr::V6(_), IpAddr::V4(v4)) = (addr, addr.to_canonical()) {
        let what = format!("{text} is an IPv4 address in IPv6 form");
        findings.error(path, what, &format!("write \"{v4}\""));
        return None;
    }
    if addr.is_multicast() || addr == IpAddr::V4(Ipv4Addr::BROADCAST) {
        findings.error(path, format!("{text} is no address of a machine: TCP has none such"), "");
        return None;
    }
    // fe80::/10: RFC 4291 section 2.5.6. The same address can be on every interface.
    let is_link_local = |v6: Ipv6Addr| v6.segments()[0] & 0xffc0 == 0xfe80;
    if matches!(addr, IpAddr::V6(v6) if is_link_local(v6)) && !has_interface {
        let what =
            format!("{text} is a link-local address, which means nothing without its interface");
        findings.error(path, what, "add \"interface\": \"eth0\", or whatever it is called");
    }
    Some(addr)
}

/// What to write for a text that is not quite an address.
fn instead_of(text: &str) -> String {
    let is_addr = |text: &str| text.parse::<IpAddr>().is_ok();
    let bare = text.trim_matches(['[', ']', ' ']);
    if is_addr(bare) {
        return format!("write \"{bare}\"");
    }
    if let Ok(with_port) = text.parse::<std::net::SocketAddr>() {
        return format!("write \"{}\"; the port is set by `port_number`", with_port.ip());
    }
    if let Some((addr, interface)) = bare.split_once('%').filter(|(addr, _)| is_addr(addr)) {
        return format!("write \"{addr}\", and \"interface\": \"{interface}\" beside `ip_addrs`");
    }
    if text.parse::<ipnet::IpNet>().is_ok() {
        return "write an address of this machine, not a network".into();
    }
    "write it like \"192.0.2.1\" or \"2001:db8::1\"".into()
}

/// Why an address cannot stand beside those before it or under these versions, and what to do.
fn conflict(
    addr: IpAddr,
    before: &[IpAddr],
    versions: &Versions,
) -> Option<(String, &'static str)> {
    if before.contains(&addr) {
        return Some((format!("{addr} is already listed"), "keep one of the two"));
    }
    if versions.v4_only && addr.is_ipv6() {
        let instead = "leave out the address, or \"ipv4only\": true";
        return Some((format!("{addr} is an IPv6 address, and this port is `ipv4only`"), instead));
    }
    if versions.v6_only && addr.is_ipv4() {
        let instead = "leave out the address, or \"ipv6only\": true";
        return Some((format!("{addr} is an IPv4 address, and this port is `ipv6only`"), instead));
    }
    let is_covered = |by: IpAddr, addr: IpAddr| {
        by.is_unspecified() && (by.is_ipv4() == addr.is_ipv4() || by == V6 && versions.is_dual)
    };
    let other =
        before.iter().find(|other| is_covered(**other, addr) || is_covered(addr, **other))?;
    let (all, one) = if is_covered(addr, *other) { (addr, *other) } else { (*other, addr) };
    Some((
        format!("{all} stands for {one} too, and a port is opened once"),
        "leave out one of the two",
    ))
}

/// The name of an interface, as far as it can stand in a unit file.
fn interface(path: &Path, given: Option<&str>, findings: &mut Findings<'_>) -> Option<String> {
    let given = given?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@+".contains(&byte);
    // What systemd refuses besides (`ifname_valid`): see BindToDevice= in systemd.socket(5).
    let is_word = matches!(given, "." | ".." | "all" | "default");
    let is_number = given.bytes().all(|byte| byte.is_ascii_digit());
    if (1..=MAX_INTERFACE).contains(&given.len())
        && given.bytes().all(fits)
        && !is_word
        && !is_number
    {
        return Some(given.to_owned());
    }
    let what = format!("{given:?} is no name of a network interface");
    findings.error(path, what, "write one that \"ip link\" shows, such as \"eth0\"");
    None
}
