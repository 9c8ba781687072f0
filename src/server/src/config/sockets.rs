//! The part of a configuration that says what systemd is to open.
//! Not for: the rest of it, which is none of a generator's business; nor the units (`systemd::units`).

use std::fs::File;
use std::io::{self, Read};
use std::path;

use rustix::fs::{Mode, OFlags};

use super::parse::{self, Findings, Path};
use super::{
    MAX_FILE_SIZE, Port, Report, Surroundings, UnixSocket, apps_dir, certs, checked, keys, ports,
    raw,
};

/// Listening sockets in all. `LISTEN_FDNAMES` names each of them in one environment variable.
const MAX_SOCKETS: usize = 4096;

/// What systemd is to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sockets {
    /// TCP ports.
    pub ports: Vec<Port>,
    /// Unix sockets.
    pub unix_sockets: Vec<UnixSocket>,
    /// Sockets of each address of a port: one for each worker.
    pub worker_c: usize,
}

impl Sockets {
    /// How many sockets that is, 4096 at most.
    pub fn count(&self) -> usize {
        let addr_c: usize = self.ports.iter().map(|port| port.listen.addrs.len()).sum();
        addr_c * self.worker_c + self.unix_sockets.len()
    }

    /// Reads the configuration for its sockets alone, before file systems such as /var are mounted.
    /// `None`: it has no `ports`, or there is no such file, so that the units are not its business.
    ///
    /// # Errors
    /// What is wrong with the file: its form, the names and types of all its keys, and what it says
    /// of sockets and workers. Other values, folders and certificates are the daemon's to judge.
    pub fn load(file: &path::Path, around: &Surroundings) -> Result<Option<Self>, Report> {
        let name = file.display().to_string();
        let bytes = match read_regular(file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                let mut findings = Findings::without_file(&name);
                findings.error(&Path::root(), format!("cannot read: {error}"), "");
                return Err(findings.report);
            }
        };
        Self::parse(&name, parse::decode(&name, &bytes)?, around)
    }

    /// The same of the text of a file called `source`.
    ///
    /// # Errors
    /// As [`Sockets::load`].
    pub fn parse(source: &str, text: &str, around: &Surroundings) -> Result<Option<Self>, Report> {
        let (mut findings, raw) = Findings::parse(source, text);
        let sockets = Self::check(raw, &mut findings, around);
        findings.report.sort();
        match findings.report.has_errors() {
            true => Err(findings.report),
            false => Ok(sockets),
        }
    }

    fn check(
        mut raw: raw::Root,
        findings: &mut Findings<'_>,
        around: &Surroundings,
    ) -> Option<Self> {
        for port in raw.ports.iter_mut().flatten() {
            port.www_root = None; // it may lie where nothing is mounted yet
        }
        let root = Path::root();
        let certs = certs::check(raw.certs.as_deref(), findings);
        let listed = raw.ports.as_deref()?;
        let (ports, unix_sockets) =
            ports::check(&root.key("ports"), Some(listed), &certs, findings);
        let app_c = match &raw.apps {
            Some(apps) => apps.len(),
            // Without a folder there are no apps; the daemon says so.
            None => apps_dir::scan(&around.apps_dir).map_or(0, |found| found.apps.len()),
        };
        let default = checked::default_worker_c(&raw, around, app_c);
        let worker_c = checked::number(&root, raw.worker_c, keys::WORKER_C, default, findings);
        count(&ports, &unix_sockets, worker_c, findings);
        Some(Self { ports, unix_sockets, worker_c })
    }
}

/// The file's bytes, one more than [`MAX_FILE_SIZE`] at most. systemd waits for its generators: what is
/// no regular file could keep it waiting.
fn read_regular(file: &path::Path) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::from(rustix::fs::open(file, flags, Mode::empty())?);
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("this is no regular file"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE_SIZE as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// How many sockets are to be opened; complains about too many.
pub(super) fn count(
    ports: &[Port],
    unix_sockets: &[UnixSocket],
    worker_c: usize,
    findings: &mut Findings<'_>,
) -> usize {
    let sockets = Sockets { ports: ports.to_vec(), unix_sockets: unix_sockets.to_vec(), worker_c };
    let count = sockets.count();
    if count > MAX_SOCKETS {
        let what = format!(
            "these are {count} sockets, one for each address and worker ({worker_c}), and \
             {MAX_SOCKETS} are the most"
        );
        let instead = "list fewer ports or addresses, or lower `worker_c`";
        findings.error(&Path::root().key("ports"), what, instead);
        return MAX_SOCKETS;
    }
    count
}
