//! Whether systemd's socket units fit the configuration, and which line of which file to change where
//! they do not: for `ringsocket check` from a shell.
//! Not for: sockets that were inherited (`sockets`), or asking systemd (`installed`).

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::net::{Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::installed::{self, Unit};
use super::units::{self, DROP_IN, PLAIN, TLS};
use crate::config::Config;
use crate::counted::counted;

/// Where systemd keeps what its generators make.
const GENERATED: &str = "/run/systemd/generator";
/// Where an administrator turns the generator off.
const MASK: &str = "/etc/systemd/system-generators/ringsocket-generator";
/// What has the generator read the file again, and systemd open what it makes of it.
const REDO: &str = "systemctl daemon-reload && systemctl restart ringsocket.socket";

/// Something that does not fit.
#[derive(Debug, PartialEq, Eq)]
struct Misfit {
    /// The unit, or a file of it with the line.
    place: String,
    what: String,
    instead: String,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: warning: {}\n  {}", self.place, self.what, self.instead)
    }
}

/// What an administrator should know about the units of this machine, a paragraph each; nothing where they
/// fit the configuration of this path, or where systemd cannot be asked.
pub fn report(config: &Config, source: &Path) -> String {
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    let Some(units) = installed::units() else { return String::new() };
    let mut text = String::new();
    for misfit in misfits(config, source, &units, &read) {
        let _ = write!(text, "{misfit}");
    }
    text
}

type Read<'r> = &'r dyn Fn(&Path) -> Option<String>;

fn misfits(config: &Config, source: &Path, units: &[Unit], read: Read<'_>) -> Vec<Misfit> {
    if let Some(stale) = stale(config, source, units, read) {
        return vec![stale]; // all else may be mended by what it takes
    }
    let active: Vec<&Unit> = units.iter().filter(|unit| unit.is_active).collect();
    if active.is_empty() {
        return Vec::new(); // nothing is open, and nothing was asked for
    }
    let mut found = Vec::new();
    for unit in &active {
        for (addr, count) in socket_counts(unit) {
            found.extend(unfit(config, unit, addr, read));
            found.extend(uneven(config, unit, addr, count, read));
        }
    }
    found.extend(missing(config, units, read));
    found
}

/// Whether the units are older than the configuration.
fn stale(config: &Config, source: &Path, units: &[Unit], read: Read<'_>) -> Option<Misfit> {
    let say = |place: &str, what: &str| {
        Some(Misfit { place: place.into(), what: what.into(), instead: format!("run {REDO}") })
    };
    if let Some(unit) = units.iter().find(|unit| unit.needs_reload) {
        return say(&unit.name, "its files have changed since systemd read them");
    }
    if read(Path::new(MASK)).is_some_and(|text| text.is_empty()) {
        return None;
    }
    let sockets = config.sockets();
    let is_listed = sockets.count() > 0;
    let has_ipv6 = read(Path::new(units::IF_INET6)).is_some();
    let wanted = units::units(&sockets, source, has_ipv6);
    for unit in wanted {
        let path = PathBuf::from(format!("{GENERATED}/{}.d/{DROP_IN}", unit.name));
        match read(&path) {
            None if is_listed => {
                return say(
                    &unit.name,
                    "systemd has not been told of the `ports` of the configuration",
                );
            }
            Some(_) if !is_listed => {
                return say(&unit.name, "it has ports that the configuration no longer lists");
            }
            Some(text) if text != unit.drop_in => {
                return say(
                    &unit.name,
                    "it was made from other `ports`, or for another number of workers, than there are now",
                );
            }
            _ => {}
        }
    }
    None
}

/// Each address of a unit that has a port, with the number of its sockets.
fn socket_counts(unit: &Unit) -> BTreeMap<SocketAddr, usize> {
    let mut counts = BTreeMap::new();
    for addr in unit.listen.iter().filter_map(|text| text.parse().ok()) {
        *counts.entry(addr).or_insert(0) += 1;
    }
    counts
}

/// What the daemon would refuse to serve.
fn unfit(config: &Config, unit: &Unit, addr: SocketAddr, read: Read<'_>) -> Option<Misfit> {
    let number = addr.port();
    if config.ports.is_empty() {
        return None;
    }
    let is_named_tls = unit.descriptor_name == super::sockets::TLS_NAME;
    let Some(at) = config.ports.iter().position(|port| port.port_number == number) else {
        let plain = if is_named_tls { "" } else { ", \"is_unencrypted\": true" };
        return Some(Misfit {
            place: place(unit, listens_on(addr), read),
            what: format!(
                "`ports` of the configuration does not list {number}, so the daemon refuses to start"
            ),
            instead: format!(
                "take this line out, or add {{ \"port_number\": {number}{plain} }} to `ports`; then run {REDO}"
            ),
        });
    };
    (is_named_tls && config.ports[at].is_unencrypted).then(|| Misfit {
        place: place(unit, |line| line == "FileDescriptorName=wss", read),
        what: format!(
            "the name asks for TLS on {addr}, but \"is_unencrypted\": true in ports[{at}] of the \
             configuration does not"
        ),
        instead: "take that out, or write FileDescriptorName=ws here".into(),
    })
}

/// Sockets of an address that are not one for each worker. A single one is nobody's mistake where the
/// configuration leaves ports to the units.
fn uneven(
    config: &Config,
    unit: &Unit,
    addr: SocketAddr,
    count: usize,
    read: Read<'_>,
) -> Option<Misfit> {
    let worker_c = config.worker_c;
    if count == worker_c || count == 1 && config.ports.is_empty() {
        return None;
    }
    let (sockets, workers) = (counted(count, "socket"), counted(worker_c, "worker"));
    let effect = match count < worker_c {
        true => "some workers wait at the same socket, and connections are not spread evenly",
        false => "some workers serve several of them, and connections are not spread evenly",
    };
    Some(Misfit {
        place: place(unit, listens_on(addr), read),
        what: format!("{addr} has {sockets} for {workers}: {effect}"),
        instead: format!(
            "write ListenStream={addr} once for each worker, with ReusePort=yes, or leave it to \
             `ports`; then run {REDO}"
        ),
    })
}

/// Configured ports and unix sockets that no open unit has.
fn missing(config: &Config, units: &[Unit], read: Read<'_>) -> Vec<Misfit> {
    let open = || units.iter().filter(|unit| unit.is_active).flat_map(|unit| &unit.listen);
    let has_port = |number: u16| {
        open().any(|text| text.parse().is_ok_and(|addr: SocketAddr| addr.port() == number))
    };
    let ports = config.ports.iter().filter(|port| !has_port(port.port_number));
    let ports = ports.map(|port| (format!("port {}", port.port_number), port.is_unencrypted));
    let unix = config.unix_sockets.iter().filter(|unix| !open().any(|text| *text == unix.path));
    let unix = unix.map(|unix| (unix.path.clone(), unix.is_unencrypted));
    let mut found = Vec::new();
    for (title, is_unencrypted) in ports.chain(unix) {
        let name = if is_unencrypted { PLAIN } else { TLS };
        let unit = units.iter().find(|unit| unit.name == name);
        let what = format!("{title} is configured, and no open unit listens there");
        // Lines of an administrator win over generated ones.
        let resets = |unit: &Unit| {
            let written =
                unit.files.iter().skip(1).rev().filter(|path| !path.starts_with(GENERATED));
            written.into_iter().find_map(|path| line_of(path, |line| line == "ListenStream=", read))
        };
        found.push(match unit.filter(|unit| unit.is_active).and_then(resets) {
            Some(place) => Misfit {
                place,
                what: format!("{what}: this line takes away what was generated from `ports`"),
                instead: format!("take it out, or add a ListenStream= for it; then run {REDO}"),
            },
            None => Misfit {
                place: name.into(),
                what,
                instead: "run systemctl restart ringsocket.socket".into(),
            },
        });
    }
    found
}

/// The file and line of a unit that decides something; the unit, if no line can be found.
fn place(unit: &Unit, is_it: impl Fn(&str) -> bool, read: Read<'_>) -> String {
    let files = unit.files.iter().rev();
    files
        .into_iter()
        .find_map(|path| line_of(path, &is_it, read))
        .unwrap_or_else(|| unit.name.clone())
}

fn line_of(path: &Path, is_it: impl Fn(&str) -> bool, read: Read<'_>) -> Option<String> {
    let text = read(path)?;
    // `Key = value` is the same to systemd.
    let plain = |line: &str| match line.split_once('=') {
        Some((key, value)) => format!("{}={}", key.trim(), value.trim()),
        None => String::new(),
    };
    let at = text.lines().position(|line| is_it(&plain(line)))?;
    Some(format!("{}:{}", path.display(), at + 1))
}

/// Whether a line makes a socket of this address; a number alone stands for the port on all of them.
fn listens_on(addr: SocketAddr) -> impl Fn(&str) -> bool {
    move |line| {
        line.strip_prefix("ListenStream=").is_some_and(|value| match value.parse::<u16>() {
            Ok(number) => number == addr.port() && addr.ip() == Ipv6Addr::UNSPECIFIED,
            Err(_) => value.parse() == Ok(addr),
        })
    }
}

#[cfg(test)]
mod tests;
