//! What RingSocket wants to reach, beside what was measured. Only what was measured is judged.

use serde::Serialize;

use super::bytes;
use crate::figures::{Cell, Memory, Table, geometric_mean};
use crate::suite::{AMONG_MANY, ANY_THREAD, AT_START, BESIDE, IDLE, IDLE_AFTER, OWN_THREAD, PLAIN};

/// One goal.
#[derive(Debug, Serialize)]
pub(super) struct Goal {
    /// In words.
    pub(super) what: &'static str,
    /// At most so much.
    pub(super) limit: f64,
    /// Of that.
    pub(super) unit: Unit,
    /// What was measured.
    pub(super) figure: f64,
}

/// What a goal is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Unit {
    /// Times what it is compared with.
    Ratio,
    /// Bytes.
    Bytes,
}

impl Goal {
    /// Whether it is reached.
    pub(super) fn is_met(&self) -> bool {
        self.figure <= self.limit
    }

    /// A number of its unit.
    pub(super) fn number(&self, value: f64) -> String {
        match self.unit {
            Unit::Ratio => format!("{value:.3} x"),
            Unit::Bytes => bytes(value),
        }
    }
}

/// The goals for which there are figures.
pub(super) fn judge(tables: &[Table], resident: &[Memory]) -> Vec<Goal> {
    let ratio = |what, limit, figure: Option<f64>| {
        figure.map(|figure| Goal { what, limit, unit: Unit::Ratio, figure })
    };
    let memory = |what, limit, kind| {
        let figure = resident.iter().find(|memory| memory.what == kind)?.bytes;
        Some(Goal { what, limit, unit: Unit::Bytes, figure })
    };
    let all = |_: &Cell| true;
    let many = |cell: &Cell| cell.shape.connections >= 64;
    let single = |cell: &Cell| cell.shape.connections == 1 && cell.shape.in_flight == 1;
    let large = |cell: &Cell| cell.shape.size == 16_384;
    let pipelined = |cell: &Cell| cell.shape.in_flight > 1;
    let cpu = |id, server, these: &dyn Fn(&Cell) -> bool| {
        ratios(tables, id, these, |cell| cell.ratio(server, |sample| sample.cpu))
    };
    let p99 = |id, server, these: &dyn Fn(&Cell) -> bool| {
        ratios(tables, id, these, |cell| cell.ratio(server, |sample| sample.p99))
    };
    let mean = |values: Vec<f64>| (!values.is_empty()).then(|| geometric_mean(&values));
    let worst = |values: Vec<f64>| values.into_iter().reduce(f64::max);
    let tail = |cell: &Cell| {
        let runs = cell.of(ANY_THREAD)?;
        Some(runs.median(|sample| sample.p99) / runs.median(|sample| sample.p50))
    };
    let starving = ratios(tables, "echo", &|cell: &Cell| many(cell) && pipelined(cell), tail);
    let goals = [
        ratio("echo, any-thread app, mean of the cells", 1.05, mean(cpu("echo", ANY_THREAD, &all))),
        ratio("echo, own-thread app, mean of the cells", 1.15, mean(cpu("echo", OWN_THREAD, &all))),
        ratio(
            "echo, any-thread app, worst cell with 64 or 512 connections",
            1.15,
            worst(cpu("echo", ANY_THREAD, &many)),
        ),
        ratio(
            "1 connection, 1 in flight, any thread",
            1.08,
            worst(cpu("echo", ANY_THREAD, &single)),
        ),
        ratio(
            "1 connection, 1 in flight, own thread",
            1.30,
            worst(cpu("echo", OWN_THREAD, &single)),
        ),
        ratio("broadcast, 16 in flight", 1.05, worst(cpu("broadcast", ANY_THREAD, &pipelined))),
        ratio(
            "p99 with 64 or 512 connections, worst cell, to the floor's",
            1.20,
            worst(p99("echo", ANY_THREAD, &many)),
        ),
        ratio("p99 to p50 under pipelining, worst cell", 4.0, worst(starving)),
        ratio("64 active among many, to 64 in all", 1.10, worst(cpu("crowd", AMONG_MANY, &all))),
        ratio("handshake and end", 1.15, worst(cpu("connect", ANY_THREAD, &all))),
        memory("an idle connection", 200.0, PLAIN),
        memory("before any connection", 8e6, AT_START),
        ratio("compressed echo, to floor + library", 1.10, worst(cpu("deflate", ANY_THREAD, &all))),
        ratio("echo of 16 KiB over TLS, worst cell", 0.70, worst(cpu("tls", ANY_THREAD, &large))),
        ratio("TLS handshake", 1.10, worst(cpu("tls-handshake", ANY_THREAD, &all))),
        memory("an idle TLS connection", 2000.0, IDLE),
        memory("the same after 128 KiB", 2000.0, IDLE_AFTER),
        ratio("p99 beside a slow app, to that alone", 1.10, worst(p99("slow", BESIDE, &all))),
    ];
    goals.into_iter().flatten().collect()
}

fn ratios(
    tables: &[Table],
    id: &str,
    these: &dyn Fn(&Cell) -> bool,
    ratio: impl Fn(&Cell) -> Option<f64>,
) -> Vec<f64> {
    let cells = tables.iter().filter(|table| table.id == id).flat_map(|table| &table.cells);
    cells.filter(|cell| these(cell)).filter_map(ratio).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::Figure;
    use crate::figures::tests::{cell, runs};
    use crate::suite::FLOOR;

    #[test]
    fn each_goal_takes_its_own_cells() {
        let of = |size, connections, ours: f64| {
            cell(size, connections, vec![runs(FLOOR, &[2.0]), runs(ANY_THREAD, &[2.0 * ours])])
        };
        let cells = vec![of(20, 1, 1.3), of(20, 64, 1.2), of(1024, 512, 1.1)];
        let table = Table { id: "echo", title: "", what: "", figure: Figure::Cpu, cells };
        let memory = [Memory { what: PLAIN, bytes: 190.0 }, Memory { what: "other", bytes: 1.0 }];
        let goals = judge(&[table], &memory);
        let figure = |what: &str| {
            let goal = goals.iter().find(|goal| goal.what.starts_with(what));
            goal.map(|goal| ((goal.figure * 1000.0).round() / 1000.0, goal.is_met()))
        };
        let mean = (1.3f64 * 1.2 * 1.1).cbrt();
        assert_eq!(figure("echo, any-thread app, mean"), Some(((mean * 1e3).round() / 1e3, false)));
        assert_eq!(figure("echo, any-thread app, worst"), Some((1.2, false)));
        assert_eq!(figure("1 connection, 1 in flight, any"), Some((1.3, false)));
        assert_eq!(figure("p99 with 64"), Some((1.2, true)));
        assert_eq!(figure("an idle connection"), Some((190.0, true)));
        // What was not measured is not judged.
        assert_eq!(figure("echo, own-thread"), None);
        assert_eq!(figure("p99 to p50"), None);
        assert_eq!(figure("before any connection"), None);
        assert_eq!(goals.len(), 5);
    }

    #[test]
    fn numbers_have_their_units() {
        let goal = |unit| Goal { what: "", limit: 1.0, unit, figure: 2.0 };
        assert_eq!(goal(Unit::Ratio).number(1.0449), "1.045 x");
        assert_eq!(goal(Unit::Bytes).number(187.3), "187 B");
        assert_eq!(goal(Unit::Bytes).number(7.96e6), "8.0 MB");
    }
}
