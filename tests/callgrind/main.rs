//! `ringsocket-callgrind`: the instructions that a message costs the daemon in user space, counted by
//! callgrind, which no other load of the machine disturbs; held against the committed figures, and
//! the same for many apps and workers.
//!
//! Not for: time, or what the kernel does for a message; that is `bench`'s part.

mod expected;
mod profile;
mod rounds;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use ringsocket_tests::daemon::Builder;
use ringsocket_tests::{folder::Folder, sys};

use expected::{Cell, Expected, Figures, WIDTH};
use profile::Profile;
use rounds::Rounds;

/// How far a figure may be from the one committed, either way.
const TOLERANCE: f64 = 0.03;

/// How far many apps and workers may be from one of each.
const SAME: f64 = 0.05;

/// Rounds of which nothing is counted: buffers and tables get their size.
const WARM_UP: usize = 10;

/// About how many messages are counted, in no more than so many rounds.
const MESSAGES: usize = 16 * 1024;
const ROUNDS: usize = 256;

/// Has callgrind count system calls too.
const SYSTEM_CALLS: &str = "--collect-systime=yes";

/// Has callgrind write a file for each thread.
const THREADS: &str = "--separate-threads=yes";

#[derive(Parser)]
#[command(about = "Instructions per message, counted by callgrind, beside the committed figures")]
struct Cli {
    /// Writes what was counted to the file of committed figures, for a review of the difference
    #[arg(long, conflicts_with = "only")]
    update: bool,
    /// How often each cell is counted; more than once shows how well it repeats
    #[arg(long, default_value_t = 1)]
    repeat: usize,
    /// Keeps callgrind's files in this folder, for callgrind_annotate(1)
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Counts only the cells whose names contain this
    #[arg(long, default_value = "")]
    only: String,
}

/// What is counted: the plain server in several kinds of traffic, with the app on the worker's thread
/// and on its own, and what more apps and workers make of those where a turn's own cost shows most
/// and least.
fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for threads in ["any", "own"] {
        let plain = |kind: &str, size, in_flight| Cell {
            apps: 1,
            threads: threads.to_owned(),
            workers: 1,
            connections: 64,
            kind: kind.to_owned(),
            size,
            in_flight,
        };
        cells.extend([
            plain("binary", 20, 1),
            plain("binary", 20, 16),
            plain("binary", 1024, 1),
            plain("binary", 1024, 16),
            plain("text", 1024, 16),
        ]);
        for apps in [1, 16] {
            cells.push(Cell { apps, connections: 1, ..plain("binary", 20, 1) });
        }
        for (apps, workers) in [(4, 1), (16, 1), (1, 2), (1, 4)] {
            for in_flight in [1, 16] {
                cells.push(Cell { apps, workers, ..plain("binary", 20, in_flight) });
            }
        }
    }
    cells
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("ringsocket-callgrind: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns whether all figures are as they should be.
fn run(cli: &Cli) -> io::Result<bool> {
    sys::raise_descriptor_limit()?;
    let folder = Folder::new();
    let keep = cli.keep.as_deref().unwrap_or(folder.path());
    std::fs::create_dir_all(keep)?;
    let tools = expected::tools()?;
    let mut found = Vec::new();
    let wanted = cells().into_iter().filter(|cell| cell.to_string().contains(&cli.only));
    println!("{:<WIDTH$}  instructions  allocations  system calls  spread", "per message");
    for cell in wanted {
        let mut runs = Vec::new();
        for _ in 0..cli.repeat.max(1) {
            runs.push(count(&cell, keep)?);
        }
        let figures = Figures::median(&mut runs);
        println!(
            "{cell:<WIDTH$}  {:12.1}  {:11.3}  {:12.3}  {:5.2}%",
            figures.instructions,
            figures.allocations,
            figures.system_calls,
            100.0 * Figures::spread(&runs),
        );
        found.push((cell, figures));
    }
    println!();
    let found = Expected::new(tools, found);
    found.tell_sameness(SAME);
    if cli.update {
        found.write()?;
        return Ok(true);
    }
    Ok(found.judge(&Expected::read()?, TOLERANCE))
}

/// What a message costs: the difference of two runs that differ only in the number of messages.
fn count(cell: &Cell, keep: &Path) -> io::Result<Figures> {
    let per_round = cell.messages_per_round();
    let rounds = MESSAGES.div_ceil(per_round).clamp(16, ROUNDS);
    let name = cell.to_string().replace([' ', ','], "-");
    let short = profile(cell, 0, &keep.join(format!("{name}.short")))?;
    let long = profile(cell, rounds, &keep.join(format!("{name}.long")))?;
    let messages = (rounds * per_round) as f64;
    // Rounded as far as it repeats, so that the committed file is easy to read.
    let per_message =
        |long: u64, short: u64| ((long as f64 - short as f64) / messages * 1000.0).round() / 1000.0;
    Ok(Figures {
        instructions: per_message(long.instructions, short.instructions),
        allocations: per_message(long.allocations, short.allocations),
        system_calls: per_message(long.system_calls, short.system_calls),
    })
}

/// A run of the daemon under callgrind, from start to end.
fn profile(cell: &Cell, rounds: usize, file: &Path) -> io::Result<Profile> {
    let app = |i| {
        format!(
            r#"{{ "name": "echo{i}", "app_path": "{{apps}}/echo{i}.so", "threads": "{}",
                "endpoints": [ {{ "endpoint_id": 1, "url": "/echo{i}" }} ] }}"#,
            cell.threads
        )
    };
    let apps: Vec<String> = (0..cell.apps).map(app).collect();
    let config = format!(r#"{{ "worker_c": {}, "apps": [ {} ] }}"#, cell.workers, apps.join(","));
    let mut builder = Builder::new().config(&config);
    for i in 0..cell.apps {
        builder = builder.app_as("echo", &format!("echo{i}"));
    }
    let out = format!("--callgrind-out-file={}", file.display());
    let daemon = builder
        .sockets_of_one_port(cell.workers)
        .prefix(&["valgrind", "--quiet", "--tool=callgrind", &out, SYSTEM_CALLS, THREADS])
        .start();
    let mut traffic = Rounds::new(&daemon, cell)?;
    for _ in 0..WARM_UP + rounds {
        traffic.round()?;
    }
    // So that the daemon waits for nobody's Close frame.
    drop(traffic);
    daemon.stop_well();
    Profile::read(file)
}
