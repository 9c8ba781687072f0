//! The report on the terminal: a table for each scenario, then the goals and the noise.

use std::time::Duration;

use super::{DEAREST_GENERATOR, Report, bytes, generator};
use crate::figures::{Cell, Figure, Table, geometric_mean};
use crate::latency::time;

impl Report {
    /// What is going to be measured.
    pub(crate) fn print_head(&self) {
        let machine = &self.machine;
        println!("{}, {} cores, Linux {}", machine.processor, machine.cores, machine.kernel);
        println!(
            "Medians of {} runs of {} s each, the servers by turns; server and generator on a core \
             each.",
            self.rounds, self.seconds
        );
        self.remarks.iter().for_each(|remark| println!("Note: {remark}."));
    }

    /// The table that was measured last.
    pub(crate) fn print_last_table(&self) {
        let Some(table) = self.tables.last() else { return };
        print(table);
        if table.id == "echo" {
            print_latencies(table);
        }
    }

    /// Memory.
    pub(crate) fn print_memory(&self) {
        println!("\nResident memory of the daemon\n");
        for memory in &self.memory {
            println!("{:>9}  {}", bytes(memory.bytes), memory.what);
        }
    }

    /// What it comes to.
    pub(crate) fn print_end(&self) {
        println!("\nGoals\n");
        for goal in &self.goals {
            let mark = if goal.is_met() { "reached" } else { "MISSED" };
            let (figure, limit) = (goal.number(goal.figure), goal.number(goal.limit));
            println!("  {mark:8} {figure:>9}  (at most {limit})  {}", goal.what);
        }
        println!("\n{}", self.noise_in_words());
        println!("It took {}.", minutes(self.took));
    }
}

/// Ratios, beside the first server's figures.
fn print(table: &Table) {
    let servers = table.servers();
    let Some((first, others)) = servers.split_first() else { return };
    let names = width_of_names(table);
    let width = |server: &str| server.len().max(10);
    println!("\n{}: {}; of the others times {first}\n", table.title, table.what);
    print!("{:names$}", "");
    servers.iter().for_each(|server| print!("  {server:>0$}", width(server)));
    println!("  | spread  generator");
    for cell in &table.cells {
        let base = cell.runs[0].median(|sample| table.figure.of(sample));
        print!("{:names$}  {base:>1$.3}", cell.name, width(first));
        for server in others {
            let ratio = cell.ratio(server, |sample| table.figure.of(sample)).unwrap_or(f64::NAN);
            print!("  {ratio:>0$.3}", width(server));
        }
        println!("  | {:>5.1}%  {}", 100.0 * cell.runs[0].spread(), generators(cell));
    }
    if table.cells.len() > 1 {
        print!("{:names$}  {:>2$}", "geometric mean", "", width(first));
        for server in others {
            print!("  {:>1$.3}", geometric_mean(&table.ratios(server)), width(server));
        }
        println!("  |");
    }
    if table.cells.iter().any(|cell| dearest_generator(cell) > DEAREST_GENERATOR) {
        println!("* The generator took more than half of the CPU time of a server.");
    }
}

/// p50 and p99 of all servers.
fn print_latencies(table: &Table) {
    debug_assert_eq!(table.figure, Figure::Cpu);
    let servers = table.servers();
    let width = width_of_names(table);
    println!("\n{}: latency, p50 / p99\n", table.title);
    print!("{:width$}", "");
    servers.iter().for_each(|server| print!("  {server:>17}"));
    println!();
    for cell in &table.cells {
        print!("{:width$}", cell.name);
        for server in &servers {
            let of = |figure: fn(&crate::figures::Sample) -> f64| {
                cell.of(server).map_or_else(String::new, |runs| time(runs.median(figure)))
            };
            let both = format!("{} / {}", of(|sample| sample.p50), of(|sample| sample.p99));
            print!("  {both:>0$}", server.len().max(17));
        }
        println!();
    }
}

fn width_of_names(table: &Table) -> usize {
    table.cells.iter().map(|cell| cell.name.len()).max().unwrap_or(0).max(14)
}

/// What the generator cost beside the servers of a cell, at least and at most.
fn generators(cell: &Cell) -> String {
    let costs = || cell.runs.iter().filter_map(generator);
    let least = costs().fold(f64::MAX, f64::min);
    let most = dearest_generator(cell);
    let mark = if most > DEAREST_GENERATOR { " *" } else { "" };
    format!("{least:.2} to {most:.2}{mark}")
}

fn dearest_generator(cell: &Cell) -> f64 {
    cell.runs.iter().filter_map(generator).fold(0.0, f64::max)
}

/// A time for people.
fn minutes(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds => format!("{} min", seconds.div_ceil(60)),
    }
}
