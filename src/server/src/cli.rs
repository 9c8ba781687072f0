//! The command line: `ringsocket [--config FILE] [--apps DIR]`, `ringsocket check [FILE]`,
//! `ringsocket reload PID`, `ringsocket steer` and `ringsocket new-app --lang LANGUAGE NAME`.
//! Not for: doing what it says (`main`), or reading the file (`config`).

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueHint};

use crate::config::{DEFAULT_APPS_DIR, Source};
use crate::new_app::{Language, Name, Wish};
use crate::steering::oneshot;

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Serve.
    Run {
        /// The configuration.
        source: Source,
        /// The folder of apps, if not the default.
        apps_dir: Option<PathBuf>,
    },
    /// Check the configuration and say what it serves.
    Check {
        /// The configuration.
        source: Source,
        /// The folder of apps, if not the default.
        apps_dir: Option<PathBuf>,
    },
    /// Have a running daemon reload, and say what came of it.
    Reload {
        /// Its process id.
        pid: u32,
    },
    /// Have connections steered by eBPF, or no more.
    Steer {
        /// No more.
        off: bool,
        /// Where the daemon listens for that.
        control: PathBuf,
    },
    /// Write the project of a new app.
    NewApp(Wish),
}

/// Reads the command line, the program's name included.
///
/// # Errors
/// On a mistake, and for `--help` and `--version`: `clap::Error::exit` prints each and ends the
/// process with the right status.
pub fn parse<I>(arguments: I) -> Result<Command, clap::Error>
where
    I: IntoIterator,
    I::Item: Into<OsString> + Clone,
{
    let line = Line::try_parse_from(arguments)?;
    match line.what {
        Some(What::Check(after)) => {
            let (source, apps_dir) = line.files.and(after)?.split();
            Ok(Command::Check { source, apps_dir })
        }
        Some(What::Reload { pid }) => Ok(Command::Reload { pid }),
        Some(What::Steer { off, control }) => Ok(Command::Steer { off, control }),
        Some(What::NewApp(_)) if line.files.is_any() => {
            let text = "new-app has no use for a configuration or a folder of apps";
            Err(Line::command().error(ErrorKind::ArgumentConflict, text))
        }
        Some(What::NewApp(NewApp { lang: language, path, sdk, name })) => {
            Ok(Command::NewApp(Wish { name, language, path, sdk }))
        }
        None => {
            let (source, apps_dir) = line.files.split();
            Ok(Command::Run { source, apps_dir })
        }
    }
}

const AFTER_HELP: &str = "\
systemd opens the sockets and starts the server:
  systemctl enable --now ringsocket.socket
Without systemd as the first process, for a try:
  systemd-socket-activate -l 127.0.0.1:8080 ringsocket";

/// WebSocket server that runs apps from shared libraries behind systemd's sockets
#[derive(Debug, Parser)]
#[command(name = "ringsocket", version, after_help = AFTER_HELP)]
struct Line {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    files: Files,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Say what is wrong with a configuration, or what it serves; exits with 0 or 78
    Check(Files),
    /// Have a running daemon reload, and say what came of it
    ///
    /// For ExecReload= of its service; by hand, use "systemctl reload ringsocket". Exits with 1 and
    /// says why if something went wrong.
    Reload {
        /// The daemon's process id
        pid: u32,
    },
    /// Attach eBPF programs to the sockets of the daemon, which is then told to count for them; for
    /// ringsocket-steering.service. Exits with 1 and says why if something went wrong
    Steer {
        /// Take them off
        #[arg(long)]
        off: bool,
        /// The daemon's socket for that
        #[arg(long, value_name = "PATH", default_value = oneshot::DEFAULT_PATH)]
        control: PathBuf,
    },
    /// Write the project of a new app, with a test that talks with it
    ///
    /// See ringsocket-apps(7).
    NewApp(NewApp),
}

#[derive(Args, Debug)]
struct NewApp {
    /// What the app is called: a to z, 0 to 9, - and _
    name: Name,
    /// What it is written in
    #[arg(long, value_name = "LANGUAGE")]
    lang: Language,
    /// The folder to make [default: ./NAME]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    path: Option<PathBuf>,
    /// RingSocket's source tree, for who has not installed libringsocket-dev
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    sdk: Option<PathBuf>,
}

#[derive(Args, Debug)]
struct Files {
    /// Configuration [default: /etc/ringsocket.json; built-in defaults if that does not exist]
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// Configuration, in place of FILE
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "file")]
    config: Option<PathBuf>,
    /// Folder of apps (*.so)
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help = format!("Folder of apps (*.so) [default: {DEFAULT_APPS_DIR}]"))]
    apps: Option<PathBuf>,
}

impl Files {
    fn is_any(&self) -> bool {
        self.file.is_some() || self.config.is_some() || self.apps.is_some()
    }

    /// Those named before a subcommand together with those named after it.
    fn and(self, after: Files) -> Result<Files, clap::Error> {
        let named = |files: &Files| files.file.is_some() || files.config.is_some();
        if named(&self) && named(&after) || self.apps.is_some() && after.apps.is_some() {
            let text = "the same file is named before and after the subcommand";
            return Err(Line::command().error(ErrorKind::ArgumentConflict, text));
        }
        Ok(Files {
            file: self.file.or(after.file),
            config: self.config.or(after.config),
            apps: self.apps.or(after.apps),
        })
    }

    fn split(self) -> (Source, Option<PathBuf>) {
        let source = match self.file.or(self.config) {
            Some(path) => Source { path, explicit: true },
            None => Source::default(),
        };
        (source, self.apps)
    }
}

#[cfg(test)]
mod completion;

#[cfg(test)]
mod tests {
    use super::*;

    fn named(path: &str) -> Source {
        Source { path: path.into(), explicit: true }
    }

    fn line(text: &str) -> Result<Command, ErrorKind> {
        parse(text.split(' ')).map_err(|error| error.kind())
    }

    #[test]
    fn the_definition_holds_together() {
        Line::command().debug_assert();
    }

    #[test]
    fn a_file_is_named_by_option_or_by_place_as_in_the_original() {
        let run = |source, apps: Option<&str>| {
            Ok(Command::Run { source, apps_dir: apps.map(PathBuf::from) })
        };
        assert_eq!(line("ringsocket"), run(Source::default(), None));
        assert_eq!(line("ringsocket /a.json"), run(named("/a.json"), None));
        assert_eq!(line("ringsocket --config /a.json"), run(named("/a.json"), None));
        assert_eq!(line("ringsocket --apps /b"), run(Source::default(), Some("/b")));
        assert_eq!(line("ringsocket --apps /b /a"), run(named("/a"), Some("/b")));
        assert_eq!(line("ringsocket ./check"), run(named("./check"), None));
    }

    #[test]
    fn check_takes_the_same_files() {
        let check = |source, apps: Option<&str>| {
            Ok(Command::Check { source, apps_dir: apps.map(PathBuf::from) })
        };
        assert_eq!(line("ringsocket check"), check(Source::default(), None));
        assert_eq!(line("ringsocket check /a --apps /b"), check(named("/a"), Some("/b")));
        assert_eq!(line("ringsocket check --config /a"), check(named("/a"), None));
        assert_eq!(line("ringsocket --apps /b check /a"), check(named("/a"), Some("/b")));
        assert_eq!(line("ringsocket --config /a check"), check(named("/a"), None));
    }

    #[test]
    fn reload_takes_a_process_id() {
        assert_eq!(line("ringsocket reload 4711"), Ok(Command::Reload { pid: 4711 }));
        assert_eq!(line("ringsocket reload"), Err(ErrorKind::MissingRequiredArgument));
        assert_eq!(line("ringsocket reload x"), Err(ErrorKind::ValueValidation));
    }

    #[test]
    fn steer_takes_a_path_and_whether_to_stop() {
        let steer = |off, path: &str| Ok(Command::Steer { off, control: path.into() });
        assert_eq!(line("ringsocket steer"), steer(false, "/run/ringsocket-steering"));
        assert_eq!(line("ringsocket steer --off --control /a"), steer(true, "/a"));
    }

    #[test]
    fn new_app_takes_a_name_and_a_language() {
        let new_app = |language, path: Option<&str>, sdk: Option<&str>| {
            let (path, sdk) = (path.map(PathBuf::from), sdk.map(PathBuf::from));
            Ok(Command::NewApp(Wish { name: "a-b".parse().unwrap(), language, path, sdk }))
        };
        assert_eq!(line("ringsocket new-app --lang rust a-b"), new_app(Language::Rust, None, None));
        assert_eq!(line("ringsocket new-app a-b --lang c"), new_app(Language::C, None, None));
        assert_eq!(
            line("ringsocket new-app --lang c++ --path /p --sdk /s a-b"),
            new_app(Language::Cpp, Some("/p"), Some("/s"))
        );
        assert_eq!(line("ringsocket new-app --lang c ./a"), Err(ErrorKind::ValueValidation));
        assert_eq!(line("ringsocket new-app --lang ada a"), Err(ErrorKind::InvalidValue));
        assert_eq!(line("ringsocket new-app a"), Err(ErrorKind::MissingRequiredArgument));
        assert_eq!(
            line("ringsocket --apps /a new-app --lang c a"),
            Err(ErrorKind::ArgumentConflict)
        );
    }

    #[test]
    fn contradictions_and_unknown_words_are_refused() {
        assert_eq!(line("ringsocket /a --config /b"), Err(ErrorKind::ArgumentConflict));
        assert_eq!(line("ringsocket --confg /b"), Err(ErrorKind::UnknownArgument));
        assert_eq!(line("ringsocket /a /b"), Err(ErrorKind::UnknownArgument));
        assert_eq!(line("ringsocket --apps /b check --apps /c"), Err(ErrorKind::ArgumentConflict));
        assert_eq!(line("ringsocket --config /b check /c"), Err(ErrorKind::ArgumentConflict));
        assert_eq!(line("ringsocket --version"), Err(ErrorKind::DisplayVersion));
    }
}
