//! What systemd has of RingSocket's socket units, for `ringsocket check` from a shell.
//! Not for: whether it fits the configuration (`fitting`), or sockets that were inherited (`sockets`).

use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The service that all of them are for.
const SERVICE: &str = "ringsocket.service";

/// A socket unit as systemd has read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// Its name.
    pub name: String,
    /// Whether its sockets are open.
    pub is_active: bool,
    /// Whether files it was read from have changed since.
    pub needs_reload: bool,
    /// What its stream sockets listen on, in systemd's form, as often as there are such sockets.
    pub listen: Vec<String>,
    /// Its `FileDescriptorName=`, which is the unit's own name by default.
    pub descriptor_name: String,
    /// The files it was read from, in the order in which systemd reads them.
    pub files: Vec<PathBuf>,
}

/// All socket units that hand their sockets to the service. `None` where systemd cannot be asked: there is
/// no systemctl(1), or this machine was not started by systemd.
pub fn units() -> Option<Vec<Unit>> {
    let triggers = show(&["--property=TriggeredBy", "--value", SERVICE])?;
    let sockets = || triggers.split_whitespace().filter(|name| name.ends_with(".socket"));
    if sockets().next().is_none() {
        return Some(Vec::new());
    }
    let properties = "--property=Id,ActiveState,NeedDaemonReload,Listen,FileDescriptorName,\
                      FragmentPath,DropInPaths";
    let arguments: Vec<&str> = [properties].into_iter().chain(sockets()).collect();
    Some(parse(&show(&arguments)?))
}

/// The output of `systemctl show`.
fn show(arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("systemctl");
    command.env("LC_ALL", "C.UTF-8").args(["show", "--no-pager"]).args(arguments);
    let done = command.stdin(Stdio::null()).output().ok()?;
    done.status.success().then(|| String::from_utf8_lossy(&done.stdout).into_owned())
}

/// Reads properties: a line each, and an empty line between units.
pub(super) fn parse(text: &str) -> Vec<Unit> {
    let mut units = Vec::new();
    for block in text.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let mut unit = Unit::default();
        for (key, value) in block.lines().filter_map(|line| line.split_once('=')) {
            match key {
                "Id" => unit.name = value.into(),
                "ActiveState" => unit.is_active = value == "active",
                "NeedDaemonReload" => unit.needs_reload = value == "yes",
                "Listen" => unit.listen.extend(value.strip_suffix(" (Stream)").map(str::to_owned)),
                "FileDescriptorName" => unit.descriptor_name = value.into(),
                "FragmentPath" if !value.is_empty() => unit.files.insert(0, value.into()),
                "DropInPaths" => unit.files.extend(value.split_whitespace().map(PathBuf::from)),
                _ => {}
            }
        }
        units.push(unit);
    }
    units
}
