//! The table, the catalog and the source: each name is in all three.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::*;

const CATALOG: &str = include_str!("../../../../../systemd/ringsocket.catalog");
/// `journalctl -x` sets "-- " before each line.
const LINE_MAX: usize = 77;
/// Lines that no code writes yet. Each goes from here when the first does.
const TO_COME: [MessageId; 0] = [];

/// An entry of the catalog: its header fields, and its text.
struct Entry {
    header: BTreeMap<&'static str, &'static str>,
    text: &'static str,
}

fn entries() -> BTreeMap<String, Entry> {
    let mut found = BTreeMap::new();
    for entry in CATALOG.split("\n-- ").skip(1) {
        let (id, rest) = entry.split_once('\n').expect("an id on a line of its own");
        let (header, text) = rest.split_once("\n\n").expect("a text after the header");
        let header = header.lines().map(|line| line.split_once(": ").expect("a header field"));
        // What follows the text of a room's last entry is the next room's comment.
        let text = text.split_once("\n#").map_or(text, |(text, _)| text);
        let before = found.insert(id.to_owned(), Entry { header: header.collect(), text });
        assert!(before.is_none(), "{id} is there twice");
    }
    found
}

#[test]
fn numbers_are_random_and_names_and_numbers_are_each_of_one_line() {
    let numbers: BTreeSet<_> = ALL.iter().map(|id| id.number).collect();
    let names: BTreeSet<_> = ALL.iter().map(|id| id.name()).collect();
    assert_eq!((numbers.len(), names.len()), (ALL.len(), ALL.len()));
    for id in ALL {
        // Version 4 and the variant of RFC 9562 section 5.4, as sd-id128(3) makes them.
        let is_random = id.number >> 76 & 0xf == 4 && id.number >> 62 & 3 == 2;
        assert!(is_random, "{id:?}: take one of `systemd-id128 new`");
    }
    assert_eq!(format!("{:?} {}", STOPPED, STOPPED.to_string().len()), "STOPPED 32");
}

#[test]
fn the_catalog_has_an_entry_for_each_and_no_other() {
    let table: BTreeSet<_> = ALL.iter().map(MessageId::to_string).collect();
    assert_eq!(entries().into_keys().collect::<BTreeSet<_>>(), table);
}

#[test]
fn entries_say_what_has_happened_and_what_to_do() {
    let entries = entries();
    for id in ALL {
        let Entry { header, text } = &entries[&id.to_string()];
        let fields: Vec<_> = header.keys().copied().collect();
        assert_eq!(fields, ["Defined-By", "Documentation", "Subject", "Support"], "{id:?}");
        assert!(header["Documentation"].starts_with("man:ringsocket"), "{id:?}");
        assert!(header["Support"].starts_with("https://"), "{id:?}");
        assert!(header["Subject"].len() <= LINE_MAX - "Subject: ".len(), "{id:?}");
        let (what, advice) = text.split_once("\n\nWhat to do: ").unwrap_or_else(|| {
            panic!("{id:?}: what has happened, and then a paragraph \"What to do: \"")
        });
        assert!(what.trim_end().ends_with('.') && what.len() > 40, "{id:?}: {what}");
        assert!(advice.len() > 6, "{id:?}: {advice}");
        for line in text.lines() {
            assert!(line.chars().count() <= LINE_MAX && line == line.trim_end(), "{id:?}: {line}");
        }
    }
}

#[test]
fn entries_quote_fields_that_their_lines_have() {
    let entries = entries();
    let source = source();
    for id in ALL.iter().filter(|id| !TO_COME.contains(id)) {
        let Entry { header, text } = &entries[&id.to_string()];
        let quoted = header["Subject"].split('@').chain(text.split('@')).skip(1);
        let quoted: BTreeSet<_> = quoted.filter(|it| it.starts_with("RINGSOCKET_")).collect();
        for field in quoted {
            let key = format!("{}:", field.trim_start_matches("RINGSOCKET_").to_lowercase());
            let begin = format!("id: log::id::{},", id.name());
            for line in source.split(&begin).skip(1) {
                let fields = line.split('"').next().unwrap_or_default();
                assert!(
                    fields.contains(&key),
                    "{id:?} quotes {field}, which not all its lines have"
                );
            }
        }
    }
}

#[test]
fn every_line_of_the_table_is_written_somewhere() {
    let source = source();
    for id in ALL {
        let name = id.name();
        let is_word =
            |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        let is_written = source.split(&format!("id::{name}")).skip(1).any(is_word);
        assert_eq!(is_written, !TO_COME.contains(id), "{name}");
    }
}

/// All of the daemon's source but tests.
fn source() -> String {
    fn collect(folder: &Path, all: &mut String) {
        for entry in std::fs::read_dir(folder).expect("a folder of the source") {
            let path = entry.expect("an entry of it").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && name != "tests" {
                collect(&path, all);
            } else if name.ends_with(".rs") && name != "tests.rs" {
                *all += &std::fs::read_to_string(&path).expect("a file of the source");
            }
        }
    }
    let mut all = String::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
    all
}
