//! Holds that the tables of what RFC 6455 and RFC 7692 demand are true: `tests/rfc6455.md` and
//! `tests/rfc7692.md` name tests that exist, and every test that is named after a section of one of
//! the two stands in its table. Whether a test proves what its row says is for people to judge.

use std::collections::BTreeSet;
use std::fs;

use super::source::Source;
use super::{hold, root, sources};

/// A row of a table.
#[derive(Debug, PartialEq)]
struct Row<'a> {
    section: &'a str,
    number: &'a str,
    requirement: &'a str,
    /// Each `file::test` of the last cell.
    tests: Vec<&'a str>,
    /// What is said in the last cell after "exception: ".
    exception: Option<&'a str>,
}

/// The rows of the table whose first column is called Section.
fn rows(text: &str) -> Vec<Row<'_>> {
    let is_row = |line: &&str| line.starts_with("| ") && !line.starts_with("| ---");
    let cells = text.lines().filter(is_row).map(|line| line.trim_matches('|').split(" | "));
    let cells = cells.map(|cells| cells.map(str::trim).collect::<Vec<_>>());
    cells
        .filter(|cells| cells[0] != "Section")
        .map(|cells| {
            let [section, number, requirement, proof] = cells[..] else {
                panic!("a row has four cells: {cells:?}");
            };
            let tests = proof.split('`').skip(1).step_by(2).collect();
            let exception = proof.split_once("exception: ").map(|(_, reason)| reason);
            Row { section, number, requirement, tests, exception }
        })
        .collect()
}

/// Names of the test functions of a file: those below a `#[test]`, also in a macro's braces.
fn test_names(bare: &str) -> impl Iterator<Item = &str> {
    bare.split("#[test]").skip(1).filter_map(|rest| {
        let name = rest.split_once("fn ")?.1;
        name.split(['(', '<']).next()
    })
}

/// `path::name` of every test in the workspace.
fn all_tests(sources: &[Source]) -> BTreeSet<String> {
    let of = |source: &Source| {
        let name = |name| format!("{}::{name}", source.path);
        test_names(&source.bare).map(name).collect::<Vec<_>>()
    };
    sources.iter().flat_map(of).collect()
}

/// What is wrong with the rows by themselves: their order, and what they lack.
fn misordered(rows: &[Row<'_>]) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut last = (Vec::new(), 0);
    for row in rows {
        let key: Vec<u32> = row.section.split('.').map(|n| n.parse().unwrap_or(0)).collect();
        let number: u32 = row.number.parse().unwrap_or(0);
        let expected = if key == last.0 { last.1 + 1 } else { 1 };
        if key < last.0 || number != expected {
            breaches.push(format!("{} no. {} is out of order", row.section, row.number));
        }
        if row.requirement.len() < 10 || !row.requirement.ends_with('.') {
            breaches.push(format!("{} no. {} demands nothing", row.section, row.number));
        }
        if row.tests.is_empty() && row.exception.is_none_or(|reason| reason.len() < 10) {
            breaches
                .push(format!("{} no. {} has neither test nor reason", row.section, row.number));
        }
        last = (key, number);
    }
    breaches
}

fn check(rfc: &str) {
    let path = format!("tests/{rfc}.md");
    let text = fs::read_to_string(root().join(&path)).expect("the table");
    let rows = rows(&text);
    assert!(rows.len() > 10, "{path} has only {} rows", rows.len());
    let mut breaches = misordered(&rows);
    let tests = all_tests(sources());
    let named: BTreeSet<&str> = rows.iter().flat_map(|row| row.tests.iter().copied()).collect();
    for name in &named {
        if !tests.contains(*name) {
            breaches.push(format!("there is no test {name}"));
        }
    }
    for name in &tests {
        let function = name.rsplit("::").next().unwrap_or_default();
        if function.starts_with(&format!("{rfc}_")) && !named.contains(name.as_str()) {
            breaches.push(format!("{name} is not in the table"));
        }
    }
    hold(&breaches, &format!("{path} is true"));
}

#[test]
fn the_table_of_rfc6455_is_true() {
    check("rfc6455");
}

#[test]
fn the_table_of_rfc7692_is_true() {
    check("rfc7692");
}

#[test]
fn rows_and_tests_are_found() {
    let text = "Words.\n\n| Section | No. | Requirement | Proof |\n| --- | --- | --- | --- |\n\
        | 4.1 | 1 | It is demanded. | `a/b.rs::c`; `d.rs::e` |\n\
        | 4.2 | 1 | So is this one. | exception: not ours; `f.rs::g` |\n";
    let rows = rows(text);
    assert_eq!(rows[0].tests, ["a/b.rs::c", "d.rs::e"]);
    assert_eq!((rows[0].exception, rows[0].section), (None, "4.1"));
    assert_eq!(
        (rows[1].exception, &rows[1].tests[..]),
        (Some("not ours; `f.rs::g`"), &["f.rs::g"][..])
    );
    assert!(misordered(&rows).is_empty());
    let bare = "#[test]\n#[should_panic]\nfn a() {}\nfn b() {}\n  #[test]\n  pub fn c<T>(x: T) {}";
    assert_eq!(test_names(bare).collect::<Vec<_>>(), ["a", "c"]);
}

#[test]
fn a_bad_row_is_seen() {
    let wrong = |row: &str| !misordered(&rows(row)).is_empty();
    assert!(!wrong("| 4.1 | 1 | It is demanded. | `a.rs::b` |"));
    assert!(wrong("| 4.1 | 2 | It is demanded. | `a.rs::b` |"));
    assert!(wrong("| 4.1 | 1 | What? | `a.rs::b` |"));
    assert!(wrong("| 4.1 | 1 | It is demanded. | exception: why? |"));
    assert!(wrong(
        "| 4.2 | 1 | It is demanded. | `a.rs::b` |\n| 4.1 | 1 | So is this one. | `a.rs::b` |"
    ));
}
