//! The `ringsocket` program: reads its command line and does what it says.
//! Not for: how serving is done (`ringsocket::server`).
#![deny(clippy::unwrap_used)]

use std::process::ExitCode;

use ringsocket::cli::{self, Command};
use ringsocket::{config, server};

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
        Err(error) => error.exit(),
    }
}
