//! The journal's catalog is what journalctl makes of it; whether it has an entry for each line is for
//! the server's own tests.

use std::fs;
use std::process::Command;

use ringsocket_tests::folder::Folder;

use super::{read, run};

const CATALOG: &str = "systemd/ringsocket.catalog";

#[test]
fn journalctl_takes_every_entry_of_the_catalog_as_it_is_written() {
    let root = Folder::new();
    let lib = root.path().join("usr/lib/systemd/catalog");
    fs::create_dir_all(&lib).expect("its folder of catalogs");
    fs::create_dir_all(root.path().join("var/lib/systemd/catalog")).expect("that of the database");
    let text = read(CATALOG);
    fs::write(lib.join("ringsocket.catalog"), &text).expect("a copy of the catalog");

    let journalctl = |what: &str| {
        let mut command = Command::new("journalctl");
        let output =
            run(command.arg(format!("--root={}", root.path().display())).arg(what), "systemd");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && said.is_empty(), "{what}: {said}");
        String::from_utf8(output.stdout).expect("UTF-8, as the catalog is")
    };
    journalctl("--update-catalog");
    let dumped = journalctl("--dump-catalog");
    let entries = |text: &str| {
        let mut entries: Vec<String> = text
            .split("-- ")
            .skip(1)
            .map(|entry| entry.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>())
            .map(|lines| lines.join("\n").trim_end().to_owned())
            .collect();
        entries.sort();
        entries
    };
    let (written, taken) = (entries(&text), entries(&dumped));
    assert!(written.len() > 30, "{} entries", written.len());
    assert_eq!(taken, written);
}
