//! The manual pages: what renders them finds nothing to complain of, no line is torn, they refer to each
//! other, and ringsocket(8) knows every option of the program.

use std::collections::BTreeSet;
use std::process::Command;

use ringsocket_tests::apps::{daemon, root};

use super::{read, run};

/// All that are shipped, with their sections.
const PAGES: [(&str, &str); 5] = [
    ("packaging/ringsocket.8", "8"),
    ("packaging/ringsocket-apps.7", "7"),
    ("packaging/ringsocket.json.5", "5"),
    ("packaging/ringsocket-try.1", "1"),
    ("packaging/ringsocket-demo.1", "1"),
];
/// Columns of a terminal, and so of the rendered page.
const COLUMNS: usize = 80;

/// The page as plain text on such a terminal; tables by tbl(1).
fn render(page: &str) -> String {
    let mut groff = Command::new("groff");
    groff.args(["-t", "-man", "-ww", "-Tutf8", "-P-cbou", "-rCHECKSTYLE=10"]);
    groff.arg(format!("-rLL={}n", COLUMNS - 2)).arg(root().join(page));
    let output = run(&mut groff, "groff-base");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{page}:\n{complaints}");
    String::from_utf8(output.stdout).expect("UTF-8, as -Tutf8 asks for")
}

#[test]
fn what_renders_the_pages_has_nothing_to_complain_of_and_no_line_is_too_long() {
    for (page, section) in PAGES {
        let text = render(page);
        assert!(text.contains(&format!("({section})")), "{page}");
        assert!(text.lines().count() > 50, "{page} is rendered as {} lines", text.lines().count());
        let long: Vec<_> = text.lines().filter(|line| line.chars().count() > COLUMNS).collect();
        assert_eq!(long, [""; 0], "{page}: longer than {COLUMNS} columns");
    }
}

/// The other program that renders manual pages, of the BSDs and Alpine, checks more than groff does.
#[test]
fn mandoc_has_nothing_to_remark() {
    if Command::new("mandoc").arg("-T").arg("lint").arg("/dev/null").output().is_err() {
        eprintln!("there is no mandoc: the pages are not checked by it");
        return;
    }
    for (page, _) in PAGES {
        let output = run(
            Command::new("mandoc").args(["-T", "lint", "-W", "warning"]).arg(root().join(page)),
            "mandoc",
        );
        let remarks = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && remarks.is_empty(), "{remarks}");
    }
}

#[test]
fn pages_refer_to_pages_that_there_are() {
    let ours: BTreeSet<_> = PAGES
        .iter()
        .map(|(page, section)| {
            let name = page.rsplit('/').next().and_then(|file| file.strip_suffix(section));
            format!("{}({section})", name.expect("its section").trim_end_matches('.'))
        })
        .collect();
    for (page, _) in PAGES {
        let text = render(page);
        let words = text.split(|c: char| c.is_whitespace() || ",;:".contains(c));
        let named: BTreeSet<_> = words
            .filter(|word| word.starts_with("ringsocket") && word.contains('('))
            .map(|word| word.trim_start_matches('(').split_inclusive(')').next().unwrap_or(word))
            .map(str::to_owned)
            .collect();
        assert!(!named.is_empty(), "{page} refers to no other");
        assert!(named.is_subset(&ours), "{page}: {named:?}");
    }
}

#[test]
fn the_pages_of_the_debian_packages_are_all_there_are() {
    let packages = ["ringsocket", "libringsocket-dev", "ringsocket-examples"];
    let listed = packages.map(|package| read(&format!("debian/{package}.manpages")));
    let listed: BTreeSet<_> = listed.iter().flat_map(|list| list.lines()).collect();
    assert_eq!(listed, PAGES.iter().map(|(page, _)| *page).collect());
}

/// What a program's `--help` names: long options, and the commands below their heading.
pub(super) fn named_by_help(help: &str) -> BTreeSet<String> {
    // Of lines that begin with an option, what stands before its description.
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let options = lines.filter_map(|line| line.split("  ").next());
    let options = options.flat_map(|options| options.split([' ', ',', '=']));
    let options = options.filter(|word| word.starts_with("--")).map(str::to_owned);
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands = commands.take_while(|line| !line.is_empty());
    // The first word of lines that are indented no further than names are.
    let commands = commands.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    options
        .chain(commands.filter_map(|line| Some(line.split_whitespace().next()?.to_owned())))
        .collect()
}

#[test]
fn the_page_of_the_daemon_knows_its_commands_and_options() {
    let program = daemon();
    let text = render("packaging/ringsocket.8");
    let commands: [&[&str]; 5] = [&[], &["check"], &["reload"], &["steer"], &["new-app"]];
    for command in commands {
        let output =
            Command::new(&program).args(command).arg("--help").output().expect("the program");
        let names = named_by_help(&String::from_utf8_lossy(&output.stdout));
        assert!(names.contains("--help"), "{command:?}: {names:?}");
        for name in names.iter().filter(|name| *name != "help") {
            let is_told = text
                .split(|c: char| c.is_whitespace() || "[],".contains(c))
                .any(|word| word == name);
            assert!(is_told, "ringsocket(8) does not know {name} of {command:?}");
        }
    }
}
