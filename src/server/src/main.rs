//! The `ringsocket` program: reads its command line and does what it says.
//! Not for: how serving is done (`ringsocket::server`).
#![deny(clippy::unwrap_used)]

use std::process::ExitCode;

use ringsocket::cli::{self, Command};
use ringsocket::steering::oneshot;
use ringsocket::systemd::outcome;
use ringsocket::{config, new_app, server};

fn main() -> ExitCode {
    match cli::parse(std::env::args_os()) {
        Ok(Command::Run { source, apps_dir }) => match server::run(&source, apps_dir) {
            Ok(()) => ExitCode::SUCCESS,
            Err(fatal) => fatal.report(),
        },
        Ok(Command::Check { source, apps_dir }) => {
            let around = config::Surroundings::here(None, apps_dir);
            let (text, status) = config::check(&source, &around);
            print!("{text}");
            ExitCode::from(status)
        }
        Ok(Command::Reload { pid }) => match outcome::ask(pid) {
            Ok(()) => ExitCode::SUCCESS,
            Err(lines) => {
                lines.iter().for_each(|line| eprintln!("{line}"));
                ExitCode::FAILURE
            }
        },
        Ok(Command::Steer { off, control }) => match oneshot::run(&control, off) {
            Ok(line) => {
                println!("{line}");
                ExitCode::SUCCESS
            }
            Err(text) => {
                eprintln!("ringsocket steer: {text}");
                ExitCode::FAILURE
            }
        },
        Ok(Command::NewApp(wish)) => match new_app::run(&wish) {
            Ok(text) => {
                print!("{text}");
                ExitCode::SUCCESS
            }
            Err(text) => {
                eprintln!("ringsocket new-app: {text}");
                ExitCode::FAILURE
            }
        },
        Err(error) => error.exit(),
    }
}
