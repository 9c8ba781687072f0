//! What users read and type beside the documents: manual pages, the journal's catalog and completion,
//! held against the tools that read them and against the program.
//! Not for: the keys of the configuration, whose page the server's own tests hold.

mod catalog;
mod completion;
mod manual;

use std::process::{Command, Output};

use ringsocket_tests::apps::root;

/// A file of the repository.
fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Runs a tool of Debian's.
///
/// # Panics
/// If it is not there.
fn run(command: &mut Command, package: &str) -> Output {
    command.output().unwrap_or_else(|error| {
        panic!(
            "cannot run {:?}: {error}. tests/run installs what is missing, and so does: apt-get \
             install {package}",
            command.get_program()
        )
    })
}
