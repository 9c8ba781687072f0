//! Completion for bash, zsh and fish, which clap_complete makes of the command line's definition: the
//! files in packaging/completion are what it makes now. With UPDATE=1 in the environment they are
//! written anew.
//! Not for: whether the shells understand them (tests/words), or that of ringsocket-try, which is
//! written by hand.

use std::path::Path;

use clap::builder::Resettable;
use clap::{Command, CommandFactory, Id};
use clap_complete::Shell;

use super::Line;

/// The shells, and how each wants its file to be called.
const FILES: [(Shell, &str); 3] =
    [(Shell::Bash, "ringsocket"), (Shell::Zsh, "_ringsocket"), (Shell::Fish, "ringsocket.fish")];

/// The command line as far as it is completed: all but the file that may stand in the place of a
/// command, as zsh would then take every command for a file, and but the command `help`, as `--help`
/// says the same.
fn completed() -> Command {
    let whole = Line::command();
    let options = whole.get_arguments().filter(|argument| !argument.is_positional());
    // What `--config` excludes is not there any more.
    let options = options.cloned().map(|option| option.conflicts_with(Resettable::<Id>::Reset));
    Command::new("ringsocket")
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_subcommand(true)
        .args(options)
        .subcommands(whole.get_subcommands().cloned())
}

#[test]
fn the_files_that_are_shipped_are_those_of_this_command_line() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/completion");
    for (shell, name) in FILES {
        let mut made = Vec::new();
        clap_complete::generate(shell, &mut completed(), "ringsocket", &mut made);
        let path = folder.join(name);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &made).expect("writing a file of the repository");
        }
        let shipped = std::fs::read(&path).expect("a file of the repository");
        let (shipped, made) = (String::from_utf8_lossy(&shipped), String::from_utf8_lossy(&made));
        let hint = "UPDATE=1 cargo test -p ringsocket --lib cli::completion";
        assert!(shipped == made, "packaging/completion/{name} is an old one: {hint}");
    }
}
