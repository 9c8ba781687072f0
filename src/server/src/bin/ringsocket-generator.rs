//! The `ringsocket-generator` program: runs as systemd.generator(7) has it.
//! Not for: what it does then (`ringsocket::systemd::generator`).
#![deny(clippy::unwrap_used)]

use std::process::ExitCode;

use ringsocket::systemd::generator::{self, Orders};

fn main() -> ExitCode {
    match Orders::parse(std::env::args_os().skip(1)) {
        Ok(orders) if generator::run(&orders) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(usage) => {
            generator::say(&usage);
            ExitCode::FAILURE
        }
    }
}
