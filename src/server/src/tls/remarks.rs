//! What is to be said about one certificate or one bundle of authorities, gathered while it is read.
//! Not for: saying it (whoever asked), or mistakes of the configuration file itself (`config`).

use std::path::Path;

use crate::config::{Issue, Severity};

/// The remarks about one thing.
#[derive(Debug)]
pub(super) struct Remarks {
    /// What they are about, as the configuration calls it.
    about: String,
    /// The files that the next remarks are about, unless these say so themselves.
    files: String,
    issues: Vec<Issue>,
}

impl Remarks {
    pub(super) fn about(about: impl Into<String>) -> Self {
        Self { about: about.into(), files: String::new(), issues: Vec::new() }
    }

    /// What is said from now on is about these files.
    pub(super) fn turn_to(&mut self, files: &[&Path]) {
        let names: Vec<_> = files.iter().map(|file| format!("{}", file.display())).collect();
        self.files = names.join(" and ");
    }

    /// Something is wrong with it.
    pub(super) fn error(&mut self, what: impl AsRef<str>, instead: &str) {
        self.push(Severity::Error, what.as_ref(), instead);
    }

    /// Something may surprise, or will go wrong.
    pub(super) fn warn(&mut self, what: impl AsRef<str>, instead: &str) {
        self.push(Severity::Warning, what.as_ref(), instead);
    }

    /// Whether something is wrong with it.
    pub(super) fn have_errors(&self) -> bool {
        self.issues.iter().any(|issue| issue.severity == Severity::Error)
    }

    pub(super) fn into_issues(self) -> Vec<Issue> {
        self.issues
    }

    fn push(&mut self, severity: Severity, what: &str, instead: &str) {
        let what = match self.files.as_str() {
            "" => format!("{}: {what}", self.about),
            files => format!("{}: {files}: {what}", self.about),
        };
        self.issues.push(Issue::of_the_whole(severity, &what, instead));
    }
}
