//! The report as one page that needs nothing else: no scripts, no fonts, nothing from elsewhere.

use std::fmt::Write;

use super::chart::{self, Bar, Range};
use super::{DEAREST_GENERATOR, Report, bytes, generator};
use crate::figures::{Cell, Table, geometric_mean};
use crate::suite::{ANY_THREAD, FLOOR, OWN_THREAD};

const STYLE: &str = include_str!("page.css");

/// The whole page.
pub(super) fn render(report: &Report) -> String {
    let mut body = head(report);
    if let Some(echo) = report.table("echo") {
        body += &overview(echo);
    }
    body += &goals(report);
    for table in &report.tables {
        body += &section(table);
    }
    body += &memory(report);
    body += &end(report);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>What a message costs RingSocket</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n{body}</body>\n</html>\n"
    )
}

/// Text, with what HTML would take for itself replaced.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn head(report: &Report) -> String {
    let machine = &report.machine;
    format!(
        "<header>\n<h1>What a message costs RingSocket</h1>\n\
         <p>{}, {} cores, Linux {}. {}. Medians of {} runs of {} s, the servers by turns; server \
         and generator on a core each.</p>\n<p>{}</p>\n</header>\n",
        escape(&machine.processor),
        machine.cores,
        escape(&machine.kernel),
        report.at,
        report.rounds,
        report.seconds,
        escape(&report.noise_in_words()),
    )
}

/// One glance: the geometric means of all servers.
fn overview(echo: &Table) -> String {
    let mut bars: Vec<Bar> = echo
        .servers()
        .into_iter()
        .map(|server| Bar {
            label: server.to_owned(),
            value: geometric_mean(&echo.ratios(server)),
            class: class(server),
        })
        .collect();
    bars.sort_by(|a, b| a.value.total_cmp(&b.value));
    format!(
        "<section>\n<h2>CPU time per echoed message, times the floor</h2>\n\
         <p>The floor is a bare TCP echo of the same bytes. Geometric mean of {} cells; shorter is \
         better.</p>\n{}\n</section>\n",
        echo.cells.len(),
        chart::bars(&bars, "CPU time per echoed message, times the floor"),
    )
}

fn goals(report: &Report) -> String {
    if report.goals.is_empty() {
        return String::new();
    }
    let mut rows = String::new();
    for goal in &report.goals {
        let (class, word) = if goal.is_met() { ("met", "reached") } else { ("missed", "missed") };
        let _ = writeln!(
            rows,
            "<tr><th>{}</th><td>at most {}</td><td>{}</td><td class=\"{class}\">{word}</td></tr>",
            escape(goal.what),
            goal.number(goal.limit),
            goal.number(goal.figure),
        );
    }
    format!(
        "<section>\n<h2>Goals</h2>\n<div class=\"wide\"><table>\n<tr><th>what</th><th>goal</th>\
         <th>measured</th><th></th></tr>\n{rows}</table></div>\n</section>\n"
    )
}

fn section(table: &Table) -> String {
    let servers = table.servers();
    let Some((first, others)) = servers.split_first() else { return String::new() };
    let mut rows = String::from("<tr><th></th>");
    for server in &servers {
        let _ = write!(rows, "<th>{}</th>", escape(server));
    }
    rows += "<th>spread</th><th>generator</th></tr>\n";
    for cell in &table.cells {
        let _ = write!(
            rows,
            "<tr><th>{}</th><td>{:.3}</td>",
            escape(&cell.name),
            cell.runs[0].median(|sample| table.figure.of(sample)),
        );
        for server in others {
            rows += &heat(cell.ratio(server, |sample| table.figure.of(sample)));
        }
        let _ = writeln!(
            rows,
            "<td class=\"aside\">{:.1} %</td>{}</tr>",
            100.0 * cell.runs[0].spread(),
            generators(cell),
        );
    }
    if table.cells.len() > 1 {
        rows += "<tr class=\"mean\"><th>geometric mean</th><td></td>";
        for server in others {
            rows += &heat(Some(geometric_mean(&table.ratios(server))));
        }
        rows += "<td></td><td></td></tr>\n";
    }
    let latencies = if table.id == "echo" { latencies(table) } else { String::new() };
    format!(
        "<section>\n<h2>{}</h2>\n<p>{}: of {} as it is, of the others as a multiple.</p>\n\
         <div class=\"wide\"><table class=\"figures\">\n{rows}</table></div>\n{latencies}</section>\n",
        escape(table.title),
        escape(table.what),
        escape(first),
    )
}

/// A ratio, the redder the larger; up to 1.05 not at all.
fn heat(ratio: Option<f64>) -> String {
    let Some(ratio) = ratio else { return "<td></td>".to_owned() };
    let share = ((ratio - 1.05) / 2.0).clamp(0.0, 0.8) * 100.0;
    format!("<td class=\"heat\" style=\"--heat: {share:.0}%\">{ratio:.3}</td>")
}

/// What the generator cost beside the servers of a cell, at most.
fn generators(cell: &Cell) -> String {
    let most = cell.runs.iter().filter_map(generator).fold(0.0, f64::max);
    let class = if most > DEAREST_GENERATOR { "aside missed" } else { "aside" };
    format!("<td class=\"{class}\">{most:.2}</td>")
}

/// From p50 to p99, for each cell of floor and daemon.
fn latencies(table: &Table) -> String {
    let mut charts = String::new();
    for cell in table.cells.iter().filter(|cell| cell.shape.connections > 1) {
        let ranges: Vec<Range> = cell
            .runs
            .iter()
            .map(|runs| Range {
                label: runs.server.clone(),
                from: runs.median(|sample| sample.p50),
                to: runs.median(|sample| sample.p99),
                class: class(&runs.server),
            })
            .collect();
        let title = format!("{}: latency from p50 to p99", cell.name);
        let _ = write!(charts, "<h3>{}</h3>\n{}\n", escape(&title), chart::ranges(&ranges, &title));
    }
    if charts.is_empty() {
        return charts;
    }
    format!("<details>\n<summary>Latencies</summary>\n{charts}</details>\n")
}

fn memory(report: &Report) -> String {
    if report.memory.is_empty() {
        return String::new();
    }
    let mut rows = String::new();
    for memory in &report.memory {
        let what = escape(memory.what);
        let _ = writeln!(rows, "<tr><th>{what}</th><td>{}</td></tr>", bytes(memory.bytes));
    }
    format!(
        "<section>\n<h2>Resident memory</h2>\n<div class=\"wide\"><table>\n{rows}</table></div>\n\
         </section>\n"
    )
}

fn end(report: &Report) -> String {
    let mut remarks = report.remarks.clone();
    remarks.push(format!(
        "spread: of the runs of the first server, largest less smallest, relative to the median; \
         generator: its CPU time relative to the server's, at most (above {DEAREST_GENERATOR} it \
         is marked)"
    ));
    let items: String =
        remarks.iter().map(|remark| format!("<li>{}</li>\n", escape(remark))).collect();
    format!("<footer>\n<ul>\n{items}</ul>\n</footer>\n")
}

/// The colour of a server.
fn class(server: &str) -> &'static str {
    match server {
        FLOOR => "floor",
        ANY_THREAD => "ours",
        OWN_THREAD => "ours-too",
        _ => "peer",
    }
}
