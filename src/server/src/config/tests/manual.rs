//! ringsocket.json(5) says what is true: it has every key at its place and no other, with the words of
//! the error messages for what it takes, its default, and whether it takes a restart.

use std::collections::BTreeMap;

use super::super::raw::{ROOT, Shape};
use super::super::{Fixed, keys};
use super::*;

const MANUAL: &str = include_str!("../../../../../packaging/ringsocket.json.5");
const EXAMPLE: &str = include_str!("../../../../../packaging/ringsocket.json");
/// Where the keys are listed that do nothing.
const DEAD: &str = "KEYS OF THE ORIGINAL";

/// What the reader sees of a line of man(7): its words, and whether it is set in one font.
fn words(line: &str) -> String {
    let text = match line.strip_prefix('.').map(|rest| rest.split_once(' ').unwrap_or((rest, ""))) {
        Some(("B" | "I", text)) => text.to_owned(),
        // Of two fonts by turns: nothing stands between the arguments.
        Some(("BR" | "IR" | "RB" | "RI", text)) => text.replace(' ', ""),
        Some(_) => String::new(),
        None => line.to_owned(),
    };
    text.replace("\\-", "-").replace("\\(dq", "\"").replace("\\(aq", "'")
}

/// The text of each key, by where it stands: `ports.port_number`.
fn entries() -> BTreeMap<String, String> {
    let mut found = BTreeMap::<String, String>::new();
    let (mut outer, mut key) = (Vec::<String>::new(), None::<String>);
    let mut lines = MANUAL.lines();
    while let Some(line) = lines.next() {
        match line {
            ".TP" => {
                let tag = lines.next().expect("a tag after .TP");
                key = tag.strip_prefix(".B ").map(|name| {
                    let path = outer.iter().map(|it| format!("{it}.")).collect::<String>() + name;
                    let before = found.insert(path.clone(), String::new());
                    assert_eq!(before, None, "{path} has two entries");
                    path
                });
            }
            ".RS" => {
                outer.extend(key.as_deref().and_then(|it| it.rsplit('.').next()).map(str::to_owned))
            }
            ".RE" => drop(outer.pop()),
            _ if line.starts_with(".SH") || line.starts_with(".SS") => key = None,
            _ => {
                if let Some(text) = key.as_ref().and_then(|key| found.get_mut(key)) {
                    *text += &words(line);
                    text.push(' ');
                }
            }
        }
    }
    found
}

/// All keys that do something, by where they stand, and the names of those that do nothing.
fn keys_of_code(shape: Shape, at: &str, live: &mut Vec<String>, dead: &mut Vec<&'static str>) {
    for key in (shape.keys)() {
        match keys::obsolete(key) {
            Some(_) => dead.push(key),
            None => live.push(format!("{at}{key}")),
        }
    }
    for (key, child) in shape.children {
        keys_of_code(*child, &format!("{at}{key}."), live, dead);
    }
}

/// `key` of `outer.key`.
fn name(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

#[test]
fn every_key_has_its_entry_and_no_entry_is_of_another() {
    let (mut live, mut dead) = (Vec::new(), Vec::new());
    keys_of_code(ROOT, "", &mut live, &mut dead);
    live.sort();
    assert_eq!(entries().into_keys().collect::<Vec<_>>(), live);

    let (_, original) = MANUAL.split_once(&format!(".SH {DEAD}\n")).expect(DEAD);
    let original = &original[..original.find(".SH").expect("another section")];
    let in_bold = |line: &str| line.starts_with(".B ") || line.starts_with(".BR ");
    let mut named: Vec<_> = original.lines().filter(|line| in_bold(line)).map(words).collect();
    named.iter_mut().for_each(|it| it.retain(|c| c.is_ascii_alphanumeric() || c == '_'));
    named.sort();
    dead.sort_unstable();
    dead.dedup();
    assert_eq!(named, dead);
}

#[test]
fn what_a_key_takes_is_said_in_the_words_of_the_error_messages() {
    for (path, text) in entries() {
        let (takes, _) = text.split_once("; default: ").unwrap_or_else(|| panic!("{path}: {text}"));
        let expected = keys::expected(name(&path));
        assert_eq!(takes.to_lowercase(), expected.to_lowercase(), "{path}");
    }
}

#[test]
fn defaults_are_those_of_the_example_which_are_the_codes() {
    let entries = entries();
    let lines = EXAMPLE.lines().filter_map(|line| line.trim().strip_prefix("//\""));
    let mut seen = 0;
    for (key, value) in lines.filter_map(|line| line.strip_suffix(',')?.split_once("\": ")) {
        if key == "worker_c" {
            continue; // the one that depends on the machine
        }
        let text = &entries[key];
        let rest = text.split_once(&format!("; default: {value}")).map(|(_, rest)| rest);
        let is_whole = rest.is_some_and(|rest| rest.starts_with(['.', ',', ' ']));
        assert!(is_whole, "{key} is {value} by default: {text}");
        seen += 1;
    }
    assert!(seen >= 40, "the example names {seen} defaults");
}

#[test]
fn what_takes_a_restart_is_what_a_reload_leaves_as_it_is() {
    let started = format!("{{ {ECHO} }}");
    let fixed = Some(Fixed::of(&accepted(&started)));
    let around = Surroundings { fixed, ..nowhere() };
    for (path, text) in entries() {
        let range = text.strip_prefix("A whole number from ").filter(|_| !path.contains('.'));
        // Its least and its greatest value: one of them is not the one in force.
        let ends = range.map_or(Vec::new(), |it| it.split(' ').step_by(2).take(2).collect());
        let ends = if path == "worker_cpus" { vec!["\"none\""] } else { ends };
        let stays = ends.iter().any(|value| {
            let changed = format!(r#"{{ "{path}": {}, {ECHO} }}"#, value.trim_end_matches(';'));
            let said = match parse("c.json", &changed, &around) {
                Ok(Loaded { warnings, .. }) => warnings.to_string(),
                Err(report) => report.to_string(),
            };
            said.contains(&format!("`{path}` ")) && said.contains(" stays ")
        });
        assert_eq!(text.contains("Takes a restart."), stays, "{path}");
    }
}
