//! What is served beside apps, as it lies in files: pages and certificates.
//! Not for: what is made of them (`plumbing`).
//!
//! Reading may take its time, so a reload does it on the thread that looks for it (`look`).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::{Config, Issue, Report, Severity};
use crate::log;
use crate::systemd::sockets::Listener;
use crate::tls::Terms;
use crate::www::Pages;

/// All of it.
pub(super) struct Assets {
    /// The folders of pages, each read once, by path.
    folders: HashMap<PathBuf, Arc<Pages>>,
    /// What TLS handshakes are about.
    pub(super) tls: Arc<Terms>,
    /// Certificates that cannot be used: what they are called, and why.
    pub(super) troubles: Vec<(String, String)>,
}

impl Assets {
    /// Reads what the configuration names; says in the log what is odd about it. In `old` are the
    /// terms of TLS that hold until now.
    ///
    /// # Errors
    /// Lines that say what cannot be read, if there is nothing to go on with.
    pub(super) fn read(
        config: &Config,
        doors: &[Listener],
        old: Option<&Terms>,
    ) -> Result<Self, Vec<String>> {
        let (mut folders, mut lines) = (HashMap::new(), Vec::new());
        for root in config.www_roots() {
            match Pages::load(root) {
                Ok((pages, warnings)) => {
                    warnings.iter().for_each(|warning| log::warning!("{warning}"));
                    folders.insert(root.to_owned(), Arc::new(pages));
                }
                Err(error) => lines.push(format!("www_root {}: {error}", root.display())),
            }
        }
        let entrances: Vec<_> = doors.iter().map(|door| door.port).collect();
        let (tls, issues) = match Terms::load(config, &entrances, old) {
            Ok((terms, issues)) => (Some(terms), issues),
            Err(issues) => (None, issues),
        };
        let report = Report { source: "TLS".to_owned(), issues };
        report.log_as(log::id::CERTIFICATE_UNUSABLE, log::id::CERTIFICATE_ATTENTION);
        let is_error = |issue: &&Issue| issue.severity == Severity::Error;
        let errors = report.issues.iter().filter(is_error).map(in_a_line);
        match tls {
            Some(tls) if lines.is_empty() => {
                let troubles = errors.map(|what| ("certificate".to_owned(), what)).collect();
                Ok(Self { folders, tls: Arc::new(tls), troubles })
            }
            Some(_) => Err(lines),
            None => {
                lines.extend(errors);
                Err(lines)
            }
        }
    }

    /// The pages of a folder.
    pub(super) fn pages(&self, root: &Path) -> Option<Arc<Pages>> {
        self.folders.get(root).cloned()
    }
}

/// What is wrong, and what to do about it.
fn in_a_line(issue: &Issue) -> String {
    match &issue.instead {
        Some(instead) => format!("{}; {instead}", issue.what),
        None => issue.what.clone(),
    }
}
