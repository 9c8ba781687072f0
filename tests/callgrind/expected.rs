//! The committed figures, what they were made with, and whether new ones agree with them.
//!
//! How many instructions a message takes depends on the compiler, and on which `memcpy` and the like
//! the C library has. So figures are judged only where both are those of the file, and valgrind too;
//! valgrind's own picture of the CPU is the same on every x86-64 with AVX2.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::Command;

use ringsocket_tests::apps;
use serde::{Deserialize, Serialize};

/// How wide a cell's name is printed.
pub(crate) const WIDTH: usize = 56;

/// What is counted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Cell {
    /// Apps, of which all but one have no clients.
    pub(crate) apps: usize,
    /// On which threads the callbacks run, as the configuration says: `own` or `any`. Not `auto`,
    /// which depends on how fast valgrind is.
    pub(crate) threads: String,
    /// Workers.
    pub(crate) workers: usize,
    /// Connections for each worker.
    pub(crate) connections: usize,
    /// `text` or `binary`.
    pub(crate) kind: String,
    /// Payload of a message, in bytes.
    pub(crate) size: usize,
    /// Messages that come at once on each connection.
    pub(crate) in_flight: usize,
}

impl Cell {
    /// Messages that all connections of all workers bring at once.
    pub(crate) fn messages_per_round(&self) -> usize {
        self.workers * self.connections * self.in_flight
    }

    /// Whether its figure is the same in each run, within a few parts in a thousand. Two kinds are
    /// not: the answer to a lone message finds the worker asleep or not, and so takes it a turn more
    /// or less; and which of several workers holds the run right is a race.
    fn is_repeatable(&self) -> bool {
        match self.threads.as_str() {
            "own" => self.connections > 1,
            _ => self.workers == 1,
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { apps, threads, workers, connections, kind, size, in_flight } = self;
        let traffic = format!("{size} B {kind} x {connections} x {in_flight}");
        let name = format!("{traffic}, threads {threads}, apps {apps}, workers {workers}");
        f.pad(&name)
    }
}

/// What a message costs.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// Instructions in user space, of all threads.
    pub(crate) instructions: f64,
    /// Calls of malloc and its like.
    pub(crate) allocations: f64,
    /// System calls.
    pub(crate) system_calls: f64,
}

impl Figures {
    /// The run in the middle, by instructions.
    pub(crate) fn median(runs: &mut [Self]) -> Self {
        runs.sort_by(|a, b| a.instructions.total_cmp(&b.instructions));
        runs[runs.len() / 2]
    }

    /// How far sorted runs lie apart, relative to the least.
    pub(crate) fn spread(runs: &[Self]) -> f64 {
        runs[runs.len() - 1].instructions / runs[0].instructions - 1.0
    }
}

impl Figures {
    /// Whether messages ask for memory that did not. A table that grows once in a run does not show.
    fn allocates_more_than(&self, other: &Self) -> bool {
        self.allocations > other.allocations + 0.02
    }
}

/// What figures depend on beside our own code.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Tools {
    rustc: String,
    libc: String,
    valgrind: String,
    cpu: String,
}

/// Those of this machine, and of the daemon that was built on it.
pub(crate) fn tools() -> io::Result<Tools> {
    let said = |program: &str, argument: &str| {
        let output = Command::new(program).arg(argument).output();
        let output = output.map_err(|error| io::Error::other(format!("{program}: {error}")))?;
        io::Result::Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo")?;
    let has_avx2 = cpuinfo.split_whitespace().any(|word| word == "avx2");
    let features = if has_avx2 { " with AVX2" } else { "" };
    Ok(Tools {
        rustc: compiler(&std::fs::read(apps::daemon())?)
            .ok_or_else(|| io::Error::other("the daemon does not tell its compiler"))?,
        libc: said("getconf", "GNU_LIBC_VERSION")?,
        valgrind: said("valgrind", "--version")?,
        cpu: format!("{}{features}", std::env::consts::ARCH),
    })
}

/// What a binary was compiled with: its debug information says `rustc version 1.85.0 (hash date)`.
fn compiler(binary: &[u8]) -> Option<String> {
    let start = b"rustc version ";
    let at = binary.windows(start.len()).rposition(|bytes| bytes == start)?;
    let end = binary[at..].iter().position(|&byte| byte == b')')?;
    Some(String::from_utf8_lossy(&binary[at..=at + end]).into_owned())
}

/// Figures, and what they were made with.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Expected {
    tools: Tools,
    cells: Vec<Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    #[serde(flatten)]
    cell: Cell,
    #[serde(flatten)]
    figures: Figures,
}

impl Expected {
    pub(crate) fn new(tools: Tools, cells: Vec<(Cell, Figures)>) -> Self {
        let cells = cells.into_iter().map(|(cell, figures)| Entry { cell, figures }).collect();
        Self { tools, cells }
    }

    fn path() -> PathBuf {
        apps::root().join("tests/callgrind/expected.json")
    }

    pub(crate) fn read() -> io::Result<Self> {
        Ok(serde_json::from_str(&std::fs::read_to_string(Self::path())?)?)
    }

    pub(crate) fn write(&self) -> io::Result<()> {
        println!("writing {}", Self::path().display());
        std::fs::write(Self::path(), serde_json::to_string_pretty(self)? + "\n")
    }

    fn figures(&self, cell: &Cell) -> Option<Figures> {
        self.cells.iter().find(|entry| entry.cell == *cell).map(|entry| entry.figures)
    }

    /// Prints what more apps and workers make of the cells with one of each, and whether that is
    /// within `tolerance`: a goal, beside the judgement that holds each figure.
    pub(crate) fn tell_sameness(&self, tolerance: f64) {
        let (mut cells, mut same) = (0, 0);
        for Entry { cell, figures } in &self.cells {
            let alone = Cell { apps: 1, workers: 1, ..cell.clone() };
            let Some(base) = self.figures(&alone).filter(|_| *cell != alone) else { continue };
            let change = figures.instructions / base.instructions - 1.0;
            let is_same = change.abs() <= tolerance;
            let verdict = if is_same { "the same" } else { "MORE THAN THAT" };
            println!("{cell:<WIDTH$}  {:+6.2} % of one app and worker: {verdict}", 100.0 * change);
            cells += 1;
            same += u32::from(is_same);
        }
        let percent = 100.0 * tolerance;
        println!("The same within {percent:.0} % with more apps and workers: {same} of {cells}.\n");
    }

    /// Prints how these figures differ from `committed`. Returns whether they may: each is within
    /// `tolerance`, or they were made with other tools, which is said.
    pub(crate) fn judge(&self, committed: &Self, tolerance: f64) -> bool {
        let may_judge = self.tools == committed.tools;
        if !may_judge {
            println!("NOT JUDGED: the committed figures were made with other tools than these.");
            println!("  committed: {:?}\n  here:      {:?}", committed.tools, self.tools);
        }
        let mut is_well = true;
        for Entry { cell, figures } in &self.cells {
            let Some(expected) = committed.figures(cell) else {
                println!("{cell}: no figure is committed (--update)");
                is_well = false;
                continue;
            };
            let change = figures.instructions / expected.instructions - 1.0;
            let is_near = change.abs() <= tolerance || !cell.is_repeatable();
            let is_same = is_near && !figures.allocates_more_than(&expected);
            let verdict = match is_same {
                _ if !may_judge => "not judged",
                true if !cell.is_repeatable() => "varies, not judged",
                true => "as committed",
                false => "NOT AS COMMITTED",
            };
            println!(
                "{cell:<WIDTH$}  {:+6.2} % of {:.1}, allocations {:.3} of {:.3}: {verdict}",
                100.0 * change,
                expected.instructions,
                figures.allocations,
                expected.allocations,
            );
            is_well &= is_same;
        }
        if !is_well && may_judge {
            println!(
                "If the change is meant: tests/callgrind/run --update, and say why in the commit."
            );
        }
        is_well || !may_judge
    }
}
