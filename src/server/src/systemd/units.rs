//! `ports` of the configuration as systemd.socket(5) has it: drop-ins of RingSocket's socket units.
//! Not for: writing them anywhere (`generator`), or what units do without `ports` (`systemd/*.socket`).
//!
//! Every value in them is made here or was held to a few harmless characters where the configuration
//! was checked, so none can end its line, or be read as a quote or a specifier (`%`).

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use crate::config::{Port, Sockets, UnixSocket};

/// The unit of plain ports, which takes all others along.
pub const PLAIN: &str = "ringsocket.socket";
/// The unit of encrypted ports.
pub const TLS: &str = "ringsocket-tls.socket";
/// The drop-in's name. systemd reads drop-ins of all folders in the order of their names, and what it
/// reads last wins: so an administrator's, of almost any name, wins over this one.
pub const DROP_IN: &str = "00-ports.conf";

/// There where the machine has IPv6: it is where systemd itself looks.
pub const IF_INET6: &str = "/proc/net/if_inet6";

/// A socket unit's drop-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// The unit's name.
    pub name: String,
    /// What its drop-in says.
    pub drop_in: String,
}

/// What sockets of one unit have in common, since systemd.socket(5) has it once per unit.
#[derive(Default)]
struct Shared<'c> {
    is_unencrypted: bool,
    /// Each of these addresses has one socket for each worker.
    addrs: Vec<SocketAddr>,
    is_dual: bool,
    interface: Option<&'c str>,
    unix: Option<&'c UnixSocket>,
}

/// All units with what is to be said of them, the two that are always there first.
///
/// Without `has_ipv6` the machine has no IPv6 at all: its addresses are left out, as systemd would
/// otherwise open none of a unit's sockets.
pub fn units(sockets: &Sockets, source: &Path, has_ipv6: bool) -> Vec<Unit> {
    let (mut plain, mut tls) =
        (Shared { is_unencrypted: true, ..Shared::default() }, Shared::default());
    let mut others: Vec<(String, Shared)> = Vec::new();
    for port in &sockets.ports {
        let (addrs, is_dual) = addresses(port, has_ipv6);
        let (is_unencrypted, interface) = (port.is_unencrypted, port.listen.interface.as_deref());
        if is_dual || interface.is_some() {
            let name = format!("ringsocket-port@{}.socket", port.port_number);
            let shared = Shared { is_unencrypted, addrs, is_dual, interface, unix: None };
            others.push((name, shared));
        } else if is_unencrypted {
            plain.addrs.extend(addrs);
        } else {
            tls.addrs.extend(addrs);
        }
    }
    for (at, unix) in sockets.unix_sockets.iter().enumerate() {
        let shared =
            Shared { is_unencrypted: unix.is_unencrypted, unix: Some(unix), ..Shared::default() };
        others.push((format!("ringsocket-port@unix-{}.socket", at + 1), shared));
    }
    let mut wanted: Vec<&str> = others.iter().map(|(name, _)| name.as_str()).collect();
    if !tls.addrs.is_empty() {
        wanted.insert(0, TLS);
    }
    let wants = match wanted.is_empty() {
        true => String::new(),
        false => format!("Wants={}\n", wanted.join(" ")),
    };
    let stops = format!("PartOf={PLAIN}\n");
    let worker_c = sockets.worker_c;
    let mut units = vec![
        Unit { name: PLAIN.into(), drop_in: ordinary(&plain, &wants, worker_c, source) },
        Unit { name: TLS.into(), drop_in: ordinary(&tls, &stops, worker_c, source) },
    ];
    for (name, shared) in others {
        units.push(Unit { name, drop_in: of_its_own(&shared, worker_c, source) });
    }
    units
}

/// A port's addresses, and whether the only one is for both versions of IP.
fn addresses(port: &Port, has_ipv6: bool) -> (Vec<SocketAddr>, bool) {
    let listen = &port.listen;
    let number = port.port_number;
    if listen.is_dual && !has_ipv6 {
        return (vec![SocketAddr::new(IpAddr::from([0; 4]), number)], false);
    }
    let can_be = |addr: &&IpAddr| has_ipv6 || addr.is_ipv4();
    let mut addrs: Vec<IpAddr> = listen.addrs.iter().filter(can_be).copied().collect();
    if addrs.is_empty() {
        addrs.clone_from(&listen.addrs); // systemd says what is wrong with them
    }
    (addrs.into_iter().map(|addr| SocketAddr::new(addr, number)).collect(), listen.is_dual)
}

/// The drop-in of one of the two units that are always there.
fn ordinary(shared: &Shared, relations: &str, worker_c: usize, source: &Path) -> String {
    let mut text = head(source);
    text.push_str(relations);
    if shared.addrs.is_empty() {
        // systemd refuses a socket unit that listens nowhere; one whose condition fails is passed over,
        // and those that it wants are started all the same.
        text.push_str(
            "# The configuration has no port for this unit: it is never to listen.\n\
             ConditionPathExists=!/\n",
        );
        return text;
    }
    text.push_str("\n[Socket]\n");
    listening(shared, worker_c, &mut text);
    text
}

/// The drop-in of an instance of ringsocket-port@.socket.
fn of_its_own(shared: &Shared, worker_c: usize, source: &Path) -> String {
    let mut text = head(source);
    // Takes away that of the template, which keeps an instance without a drop-in from listening.
    text.push_str("ConditionPathExists=\n\n[Socket]\n");
    listening(shared, worker_c, &mut text);
    text
}

fn head(source: &Path) -> String {
    let mut text = String::from(
        "# Made by ringsocket-generator from ringsocket.json, and anew by each \"systemctl daemon-reload\".\n\
         [Unit]\n",
    );
    // With it systemd says by itself when the file has changed since. The file may lie elsewhere in
    // tests, under a name that needs quoting.
    let is_harmless = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if let Some(path) = source.to_str().filter(|path| path.starts_with('/')) {
        if path.chars().all(is_harmless) {
            let _ = writeln!(text, "SourcePath={path}");
        }
    }
    text
}

/// What is listened on, and how.
fn listening(shared: &Shared, worker_c: usize, text: &mut String) {
    // Takes away the addresses of the unit itself.
    text.push_str("ListenStream=\n");
    for addr in &shared.addrs {
        for _ in 0..worker_c {
            let _ = writeln!(text, "ListenStream={addr}");
        }
    }
    let name = if shared.is_unencrypted { "ws" } else { "wss" };
    if let Some(unix) = shared.unix {
        let _ = writeln!(text, "ListenStream={}\nSocketMode={:04o}", unix.path, unix.mode);
        if let Some(group) = &unix.group {
            let _ = writeln!(text, "SocketGroup={group}");
        }
        let _ = writeln!(text, "RemoveOnStop=yes\nFileDescriptorName={name}\nBacklog=4096");
        return;
    }
    if let Some(interface) = shared.interface {
        let _ = writeln!(text, "BindToDevice={interface}");
    }
    if worker_c > 1 {
        // A socket for each worker: the kernel spreads connections, and no two workers wake for one.
        text.push_str("ReusePort=yes\n");
    }
    let versions = if shared.is_dual { "both" } else { "ipv6-only" };
    let _ = writeln!(text, "BindIPv6Only={versions}");
    if shared.addrs.iter().any(|addr| !addr.ip().is_unspecified()) {
        // At boot an address may not have come yet.
        text.push_str("FreeBind=yes\n");
    }
    let _ = writeln!(text, "FileDescriptorName={name}");
    // Small messages do not wait for an acknowledgement; clients may, while the daemon starts; and who is
    // gone without a word is noticed by the kernel also where ping_wait is 0.
    text.push_str("NoDelay=yes\nBacklog=4096\nKeepAlive=yes\n");
}

#[cfg(test)]
mod tests;
