//! The generator of systemd.generator(7): writes drop-ins of the socket units by `ports` of the
//! configuration, at boot and at each `systemctl daemon-reload`.
//! Not for: what they say (`units`), or judging the rest of the configuration (the daemon).
//!
//! It never breaks a boot: with a file that cannot be used it says so, writes nothing, and ends with a
//! failure that systemd logs and goes on from. The units then stand as they are without it.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::config::{DEFAULT_PATH, Issue, Report, Severity, Sockets, Surroundings};
use crate::systemd::units::{self, Unit};

const USAGE: &str =
    "usage: ringsocket-generator [--config FILE] [--apps DIR] NORMAL-DIR [EARLY-DIR LATE-DIR]";

/// Issues of a file that are logged: the kernel takes ten lines in five seconds (printk_devkmsg).
const MAX_SAID: usize = 5;

/// What a generator is told by its command line.
#[derive(Debug, PartialEq, Eq)]
pub struct Orders {
    /// The configuration.
    pub config: PathBuf,
    /// The folder of apps, if not the default: the default number of workers depends on them.
    pub apps_dir: Option<PathBuf>,
    /// Where drop-ins go: the folder of the middle priority, since the shipped units lie below it, in
    /// /usr, and an administrator's above, in /etc.
    pub normal_dir: PathBuf,
}

impl Orders {
    /// Reads the arguments that follow the program's name.
    ///
    /// # Errors
    /// The words to print, if they are not what systemd.generator(7) says.
    pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        let mut arguments = arguments.into_iter();
        let (mut config, mut apps_dir) = (PathBuf::from(DEFAULT_PATH), None);
        let mut folders = Vec::new();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().map(PathBuf::from).ok_or(USAGE);
            match argument.to_str() {
                Some("--config") => config = value()?,
                Some("--apps") => apps_dir = Some(value()?),
                _ => folders.push(PathBuf::from(argument)),
            }
        }
        match folders.len() {
            1 | 3 => Ok(Orders { config, apps_dir, normal_dir: folders.swap_remove(0) }),
            _ => Err(USAGE.into()),
        }
    }
}

/// Does what a generator is for. False after a failure, which it has told by then.
pub fn run(orders: &Orders) -> bool {
    let is = |name: &str, value: &str| std::env::var_os(name).is_some_and(|is| is == value);
    if is("SYSTEMD_IN_INITRD", "1") || is("SYSTEMD_SCOPE", "user") {
        return true; // no place for a server
    }
    let around = Surroundings::here(None, orders.apps_dir.clone());
    let sockets = match Sockets::load(&orders.config, &around) {
        Ok(Some(sockets)) => sockets,
        Ok(None) => return true,
        Err(report) => {
            words(&report).iter().for_each(|line| say(line));
            return false;
        }
    };
    let has_ipv6 = Path::new(units::IF_INET6).exists();
    let units = units::units(&sockets, &orders.config, has_ipv6);
    match write(&orders.normal_dir, &units) {
        Ok(()) => true,
        Err(error) => {
            say(&format!("cannot write drop-ins: {error}"));
            false
        }
    }
}

/// What is said about a file that cannot be used.
fn words(report: &Report) -> Vec<String> {
    let errors = || report.issues.iter().filter(|issue| issue.severity == Severity::Error);
    let line = |issue: &Issue| match &issue.place {
        Some(place) => {
            format!("{}:{}:{}: {}", report.source, place.line, place.column, issue.what)
        }
        None => format!("{}: {}", report.source, issue.what),
    };
    let mut lines: Vec<String> = errors().take(MAX_SAID).map(line).collect();
    lines.push(format!(
        "{} cannot be used, so the socket units stand as they are without it: see \"ringsocket check\"",
        report.source
    ));
    lines
}

/// Writes all drop-ins, or none.
fn write(folder: &Path, units: &[Unit]) -> io::Result<()> {
    let mut written = Vec::new();
    for unit in units {
        if let Err(error) = write_one(folder, unit, &mut written) {
            for path in &written {
                let _ = fs::remove_file(path); // what is left of it is nobody's drop-in
            }
            return Err(error);
        }
    }
    Ok(())
}

fn write_one(folder: &Path, unit: &Unit, written: &mut Vec<PathBuf>) -> io::Result<()> {
    let folder = folder.join(format!("{}.d", unit.name));
    let about =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", folder.display()));
    // Another generator may have made it.
    match DirBuilder::new().mode(0o755).create(&folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made.map_err(about)?,
    }
    if !fs::symlink_metadata(&folder).map_err(about)?.is_dir() {
        return Err(about(io::Error::other("this is no folder")));
    }
    let path = folder.join(units::DROP_IN);
    // O_EXCL: a file that is there, or a link, is not written to.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&path);
    let mut file = file.map_err(about)?;
    written.push(path);
    file.write_all(unit.drop_in.as_bytes()).map_err(about)
}

/// Says a line: on the standard error, and to the kernel's log where systemd runs this, since there is no
/// other so early (systemd.generator(7)).
pub fn say(line: &str) {
    eprintln!("ringsocket-generator: {line}");
    if std::env::var_os("SYSTEMD_SCOPE").is_some() {
        if let Ok(mut kmsg) = OpenOptions::new().write(true).open("/dev/kmsg") {
            // One write is one message. 3 is the severity of an error, 24 the facility of a daemon.
            let message = format!("<27>ringsocket-generator[{}]: {line}\n", std::process::id());
            let _ = kmsg.write_all(message.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests;
