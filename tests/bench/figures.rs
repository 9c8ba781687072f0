//! What was measured, as data: samples of runs, the cells and tables that they stand in, and their
//! medians, spreads and ratios.

use serde::Serialize;

use crate::load::Shape;

/// One run of one server in one cell. Times are in microseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Sample {
    /// CPU time of the server for each thing counted.
    pub(crate) cpu: f64,
    /// CPU time of the generator for each.
    pub(crate) generator: f64,
    /// How many in a second.
    pub(crate) rate: f64,
    /// Half of the answers took no longer.
    pub(crate) p50: f64,
    /// 99 % of them took no longer.
    pub(crate) p99: f64,
}

/// All runs of one server in one cell.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Runs {
    /// What ran.
    pub(crate) server: String,
    /// In the order of the rounds.
    pub(crate) samples: Vec<Sample>,
}

impl Runs {
    /// The median of one figure of the samples.
    pub(crate) fn median(&self, figure: impl Fn(&Sample) -> f64) -> f64 {
        median(self.samples.iter().map(figure).collect())
    }

    /// How far the CPU times lie apart: largest less smallest, relative to the median.
    pub(crate) fn spread(&self) -> f64 {
        let values = self.samples.iter().map(|sample| sample.cpu);
        let largest = values.clone().fold(f64::MIN, f64::max);
        let smallest = values.fold(f64::MAX, f64::min);
        (largest - smallest) / self.median(|sample| sample.cpu)
    }
}

/// Runs of several servers under the same load.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Cell {
    /// In words.
    pub(crate) name: String,
    /// The load.
    pub(crate) shape: Shape,
    /// The first is what the others are compared with.
    pub(crate) runs: Vec<Runs>,
}

impl Cell {
    /// The runs of one server.
    pub(crate) fn of(&self, server: &str) -> Option<&Runs> {
        self.runs.iter().find(|runs| runs.server == server)
    }

    /// A server's median relative to the first one's.
    pub(crate) fn ratio(&self, server: &str, figure: impl Fn(&Sample) -> f64) -> Option<f64> {
        let first = self.runs.first()?.median(&figure);
        Some(self.of(server)?.median(&figure) / first)
    }
}

/// Which figure of the samples a table is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Figure {
    /// CPU time of the server.
    Cpu,
    /// The 99th percentile of latency.
    P99,
}

impl Figure {
    /// This figure of a sample.
    pub(crate) fn of(self, sample: &Sample) -> f64 {
        match self {
            Self::Cpu => sample.cpu,
            Self::P99 => sample.p99,
        }
    }
}

/// All cells of one scenario.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Table {
    /// The scenario.
    pub(crate) id: &'static str,
    /// Its name for people.
    pub(crate) title: &'static str,
    /// What the figures are.
    pub(crate) what: &'static str,
    /// Which of them is compared.
    pub(crate) figure: Figure,
    /// The measured cells.
    pub(crate) cells: Vec<Cell>,
}

impl Table {
    /// All servers, in the order of the first cell.
    pub(crate) fn servers(&self) -> Vec<&str> {
        let first = self.cells.first().map_or(&[][..], |cell| &cell.runs);
        first.iter().map(|runs| runs.server.as_str()).collect()
    }

    /// A server's ratio in each cell.
    pub(crate) fn ratios(&self, server: &str) -> Vec<f64> {
        let ratio = |cell: &Cell| cell.ratio(server, |sample| self.figure.of(sample));
        self.cells.iter().filter_map(ratio).collect()
    }
}

/// Resident memory.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Memory {
    /// Of what.
    pub(crate) what: &'static str,
    /// How much, in bytes.
    pub(crate) bytes: f64,
}

/// The median; of an even number of values the mean of the middle two.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[half],
        _ => (values[half - 1] + values[half]) / 2.0,
    }
}

/// The geometric mean.
pub(crate) fn geometric_mean(values: &[f64]) -> f64 {
    (values.iter().map(|value| value.ln()).sum::<f64>() / values.len() as f64).exp()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Runs whose CPU times are given; latencies are ten and twenty times as long.
    pub(crate) fn runs(server: &str, cpu: &[f64]) -> Runs {
        let sample =
            |&cpu| Sample { cpu, generator: cpu, rate: 1e6, p50: cpu * 10.0, p99: cpu * 20.0 };
        Runs { server: server.to_owned(), samples: cpu.iter().map(sample).collect() }
    }

    pub(crate) fn cell(size: usize, connections: usize, runs: Vec<Runs>) -> Cell {
        let shape = Shape { size, connections, in_flight: 1 };
        Cell { name: format!("{size} x {connections}"), shape, runs }
    }

    #[test]
    fn medians_and_means() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(median(Vec::new()).is_nan());
        assert!((geometric_mean(&[1.0, 4.0]) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn ratios_are_those_of_medians_to_the_first_server() {
        let cell = cell(20, 1, vec![runs("floor", &[2.0, 2.2, 9.0]), runs("a", &[3.3, 1.0, 4.0])]);
        assert!((cell.ratio("a", |sample| sample.cpu).unwrap() - 1.5).abs() < 1e-9);
        assert!((cell.ratio("floor", |sample| sample.p99).unwrap() - 1.0).abs() < 1e-9);
        assert!(cell.ratio("nobody", |sample| sample.cpu).is_none());
        assert!((cell.runs[0].spread() - 7.0 / 2.2).abs() < 1e-9);
    }
}
