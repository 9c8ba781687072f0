//! All that was measured, and how it is shown: on the terminal, as JSON, and as a page.

mod chart;
mod goals;
mod page;
mod terminal;

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::figures::{Memory, Runs, Table, median};
use crate::machine::{Machine, Noise};
use goals::Goal;

/// What the generator may cost, relative to the server.
const DEAREST_GENERATOR: f64 = 0.5;

/// All that was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// When, as HTTP writes it (RFC 9110 section 5.6.7).
    at: String,
    machine: Machine,
    rounds: usize,
    seconds: f64,
    /// In all.
    pub(crate) took: Duration,
    /// What a reader must know.
    pub(crate) remarks: Vec<String>,
    pub(crate) noise: Noise,
    pub(crate) tables: Vec<Table>,
    pub(crate) memory: Vec<Memory>,
    goals: Vec<Goal>,
}

impl Report {
    /// Of rounds of so many seconds; nothing is measured yet.
    pub(crate) fn new(rounds: usize, seconds: f64) -> Self {
        Self {
            at: httpdate::fmt_http_date(SystemTime::now()),
            machine: Machine::look(),
            rounds,
            seconds,
            took: Duration::ZERO,
            remarks: Vec::new(),
            noise: Noise::default(),
            tables: Vec::new(),
            memory: Vec::new(),
            goals: Vec::new(),
        }
    }

    /// Compares what was measured with the goals.
    pub(crate) fn judge(&mut self) {
        self.goals = goals::judge(&self.tables, &self.memory);
    }

    /// Writes report.json and report.html.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("report.json"), serde_json::to_string_pretty(self)? + "\n")?;
        fs::write(folder.join("report.html"), page::render(self))
    }

    fn table(&self, id: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.id == id)
    }

    /// The median over all cells of how far the runs of what others are compared with lie apart.
    fn usual_spread(&self) -> f64 {
        let cells = self.tables.iter().flat_map(|table| &table.cells);
        median(cells.filter_map(|cell| cell.runs.first()).map(Runs::spread).collect())
    }

    /// How noisy the machine was, in words.
    fn noise_in_words(&self) -> String {
        let spread = self.usual_spread();
        let (others, stolen) = (self.noise.others(), self.noise.stolen());
        let verdict = if self.rounds < 3 || spread.is_nan() {
            "unknown: it takes several runs to tell"
        } else if spread < 0.05 && others + stolen < 0.03 {
            "low: differences of a few per cent mean something"
        } else if spread < 0.15 && others + stolen < 0.15 {
            "moderate: differences below 5 % mean nothing"
        } else {
            "high: measure again before believing differences below 15 %"
        };
        let apart = if spread.is_nan() { 0.0 } else { 100.0 * spread };
        format!(
            "Noise was {verdict}. Runs of the floor lay {apart:.1} % apart (the median over the \
             cells); other processes took {:.1} % of all cores, other machines {:.1} %.",
            100.0 * others,
            100.0 * stolen,
        )
    }
}

/// What the generator cost relative to a server, if the server ran as a process of its own.
fn generator(runs: &Runs) -> Option<f64> {
    let cost = runs.median(|sample| sample.generator);
    (cost > 0.0).then(|| cost / runs.median(|sample| sample.cpu))
}

/// Bytes for people.
fn bytes(bytes: f64) -> String {
    if bytes < 1e5 { format!("{bytes:.0} B") } else { format!("{:.1} MB", bytes / 1e6) }
}
