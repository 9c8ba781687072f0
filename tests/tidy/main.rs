//! Holds the rules of the house that no compiler knows: who may know whom, who may read what, where
//! `unsafe` may stand, how files open and how long they get, and that ARCHITECTURE.md's map is
//! true. A plain test, so that breaking a rule looks like any other failure.

mod rfc;
mod source;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use source::{Source, files, relative, rust_files};

const ROOMS: [&str; 5] = ["src", "apps", "tests", "systemd", "packaging"];
/// Files may not be longer; from `LONG` on they are mentioned.
const TOO_LONG: usize = 600;
const LONG: usize = 400;
/// Functions likewise.
const FN_TOO_LONG: usize = 100;
const FN_LONG: usize = 60;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace")
}

fn sources() -> &'static [Source] {
    static SOURCES: OnceLock<Vec<Source>> = OnceLock::new();
    SOURCES.get_or_init(|| rust_files(root(), &ROOMS))
}

#[track_caller]
fn hold(breaches: &[String], rule: &str) {
    assert!(breaches.is_empty(), "{rule}:\n  {}", breaches.join("\n  "));
}

/// The manifests of all crates, from the root.
fn manifests() -> Vec<String> {
    let files = files(root(), &["src", "apps", "tests"]).into_iter();
    files.filter(|path| path.ends_with("Cargo.toml")).map(|path| relative(root(), &path)).collect()
}

/// The names under a manifest's `[dependencies]` and its kin, with the section.
fn dependencies(manifest: &str) -> Vec<(String, String)> {
    let mut section = String::new();
    let mut found = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').to_owned();
            // [dependencies.name] is a dependency too.
            if let Some((kind, name)) = section.rsplit_once("dependencies.") {
                found.push((format!("{kind}dependencies"), name.to_owned()));
            }
        } else if section.ends_with("dependencies") && !line.starts_with('#') {
            if let Some((name, _)) = line.split_once(['=', '.', ' ']) {
                found.push((section.clone(), name.trim().to_owned()));
            }
        }
    }
    found
}

#[test]
fn only_the_server_knows_other_rooms() {
    let mut breaches = Vec::new();
    let mut seen = 0;
    for path in manifests() {
        let allowed: &[&str] = match path.split('/').collect::<Vec<_>>()[..] {
            ["src", "server", _] => {
                &["ringsocket-proto", "ringsocket-ring", "ringsocket-tls", "ringsocket-app"]
            }
            ["src", _, _] | ["tests", "Cargo.toml"] => &[],
            ["apps", ..] | ["tests", "apps", ..] | ["src", "server", "templates", ..] => {
                &["ringsocket-app"]
            }
            // They feed what reads bytes of others, and nothing else.
            ["tests", "fuzz", _] => &["ringsocket", "ringsocket-proto", "ringsocket-tls"],
            // The simulation drives the worker from inside.
            ["tests", ..] => continue,
            _ => panic!("an unexpected manifest: {path}"),
        };
        seen += 1;
        let manifest = fs::read_to_string(root().join(&path)).expect("a manifest");
        for (section, name) in dependencies(&manifest) {
            if name.starts_with("ringsocket") && !allowed.contains(&name.as_str()) {
                breaches.push(format!("{path} [{section}] names {name}"));
            }
        }
    }
    assert!(seen >= 8, "only {seen} manifests found");
    hold(&breaches, "proto, ring, tls and app know no other room, apps know only the SDK");
}

#[test]
fn worker_and_host_do_not_know_each_other() {
    let mut breaches = Vec::new();
    for (room, other) in [("worker", "host"), ("host", "worker")] {
        let folder = format!("src/server/src/{room}/");
        let file = format!("src/server/src/{room}.rs");
        let inside = sources().iter().filter(|s| s.path.starts_with(&folder) || s.path == file);
        let words = ["crate::", "super::", "ringsocket::"].map(|from| format!("{from}{other}"));
        for source in inside {
            let grouped = source.bare.split("crate::{").skip(1).any(|group| {
                let group = group.split(';').next().unwrap_or_default();
                group
                    .split([',', '{', '}', ' ', '\n'])
                    .any(|name| name.split("::").next() == Some(other))
            });
            if grouped || words.iter().any(|word| contains_path(&source.bare, word)) {
                breaches.push(source.path.clone());
            }
        }
    }
    hold(&breaches, "worker and host meet only in ring and message");
}

/// Whether `path` occurs and the name ends there.
fn contains_path(text: &str, path: &str) -> bool {
    text.match_indices(path).any(|(at, _)| {
        let next = text[at + path.len()..].chars().next();
        !next.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

#[test]
fn only_systemd_reads_what_systemd_says() {
    let names = ["LISTEN_", "NOTIFY_SOCKET", "WATCHDOG_", "CREDENTIALS_DIRECTORY"];
    let mut breaches = Vec::new();
    for source in sources() {
        let is_allowed = source.path.starts_with("src/server/src/systemd");
        if !source.path.starts_with("src/") || is_allowed {
            continue;
        }
        for (number, line) in source.uncommented.lines().enumerate() {
            if names.iter().any(|name| line.contains(&format!("\"{name}"))) {
                breaches.push(format!("{}:{}", source.path, number + 1));
            }
        }
    }
    hold(&breaches, "only src/server/src/systemd reads systemd's variables");
}

#[test]
fn proto_and_tls_are_pure() {
    let banned = [
        "Instant",
        "SystemTime",
        "std::net",
        "std::fs",
        "std::env",
        "std::thread",
        "std::process",
        "std::sync",
        "libc::",
        "unsafe ",
    ];
    let mut breaches = Vec::new();
    for room in ["src/proto/src", "src/tls/src"] {
        let sources = rust_files(root(), &[room]);
        assert!(!sources.is_empty());
        for source in sources {
            for word in banned {
                if source.production().contains(word) {
                    breaches.push(format!("{} says {word}", source.path));
                }
            }
        }
    }
    hold(&breaches, "proto and tls have no clock, no I/O, no threads and no unsafe");
}

/// The compiler refuses `unsafe` in any file that does not expect it (`unsafe_code = "deny"` for the
/// workspace), so the files that expect it are those that have it.
#[test]
fn unsafe_stands_only_in_the_listed_files() {
    let list = include_str!("unsafe-files.txt");
    let listed: BTreeSet<&str> =
        list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let mut breaches = Vec::new();
    let mut using = BTreeSet::new();
    for source in sources() {
        if source.bare.contains("expect(unsafe_code") {
            using.insert(source.path.as_str());
        }
        if source.bare.contains("allow(unsafe_code") {
            breaches.push(format!("{} allows what it should expect", source.path));
        }
    }
    for path in manifests() {
        let text = fs::read_to_string(root().join(&path)).expect("a manifest");
        let is_workspace = text.contains("\n[workspace]\n");
        if is_workspace && !text.contains("\n[lints.rust]\nunsafe_code = \"deny\"\n") {
            breaches.push(format!("{path} is a workspace and does not deny unsafe code"));
        }
        if !is_workspace && !text.contains("[lints]\nworkspace = true") {
            breaches.push(format!("{path} does not take the workspace's lints"));
        }
    }
    breaches.extend(using.difference(&listed).map(|path| format!("{path} is not listed")));
    breaches.extend(listed.difference(&using).map(|path| format!("{path} is listed in vain")));
    hold(&breaches, "unsafe is fenced: tests/tidy/unsafe-files.txt");
}

#[test]
fn files_open_with_what_they_are_for() {
    let breaches: Vec<String> = sources()
        .iter()
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| source.path.clone())
        .collect();
    hold(&breaches, "a file opens with //! and what it is for");
}

#[test]
fn files_and_functions_stay_short() {
    let mut breaches = Vec::new();
    for source in sources() {
        let length = source.text.lines().count();
        if length > TOO_LONG {
            breaches.push(format!("{} has {length} lines", source.path));
        } else if length > LONG {
            println!("{} has {length} lines; aim at {LONG}", source.path);
        }
        for (line, name, length) in functions(&source.bare) {
            let what = format!("{}:{line} fn {name} has {length} lines", source.path);
            if length > FN_TOO_LONG {
                breaches.push(what);
            } else if length > FN_LONG {
                println!("{what}; aim at {FN_LONG}");
            }
        }
    }
    hold(&breaches, "files and functions stay short");
}

/// Line, name and length of each function, by the indentation that rustfmt gives.
fn functions(bare: &str) -> Vec<(usize, String, usize)> {
    let lines: Vec<&str> = bare.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        let Some((before, after)) = code.split_once("fn ") else { continue };
        let is_fn = before.split_whitespace().all(|word| {
            word.starts_with("pub")
                || matches!(word, "const" | "unsafe" | "extern" | "async" | "in")
                || word.ends_with(')')
        });
        if !is_fn {
            continue;
        }
        let close = format!("{}}}", " ".repeat(indent));
        let body = lines[start..].iter().position(|l| l.trim_end() == close);
        let bodiless = lines[start..].iter().position(|l| l.trim_end().ends_with(';'));
        let opens = lines[start..].iter().position(|l| l.trim_end().ends_with('{'));
        if let (Some(end), Some(opens)) = (body, opens) {
            if bodiless.is_none_or(|semicolon| opens < semicolon) {
                let name = after.split(['(', '<']).next().unwrap_or_default();
                found.push((start + 1, name.to_owned(), end + 1));
            }
        }
    }
    found
}

#[test]
fn hostile_bytes_find_no_unwrap() {
    let mut breaches = Vec::new();
    for source in rust_files(root(), &["src/proto/src", "src/tls/src", "src/server/src"]) {
        for (number, line) in source.production().lines().enumerate() {
            if line.contains(".unwrap()") {
                breaches.push(format!("{}:{}", source.path, number + 1));
            }
        }
    }
    hold(&breaches, "no .unwrap() in proto, tls and server outside tests");
}

#[test]
fn every_rust_file_is_part_of_a_crate() {
    let mut breaches = Vec::new();
    for source in rust_files(root(), &["src", "apps"]) {
        let mut path = root().join(&source.path);
        if path.ends_with("mod.rs") {
            path.pop();
        }
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let folder = path.parent().expect("a folder");
        let is_target = matches!(&*stem, "lib" | "main" | "build")
            || ["tests", "benches", "examples", "bin"].iter().any(|kind| folder.ends_with(kind));
        if is_target {
            continue;
        }
        let beside = ["lib.rs", "main.rs", "mod.rs"].map(|name| folder.join(name));
        let parents = beside.into_iter().chain([folder.with_extension("rs")]);
        let declared = format!("mod {stem}");
        let is_declared = parents.into_iter().any(|parent| {
            fs::read_to_string(parent).is_ok_and(|text| contains_path(&text, &declared))
        });
        if !is_declared {
            breaches.push(source.path);
        }
    }
    hold(&breaches, "dead files: no module declares them");
}

/// Some ways to copy a tree make files of them, which hold the link's text.
#[test]
fn the_units_of_the_package_are_links_to_those_of_systemd() {
    let entries = fs::read_dir(root().join("debian")).expect("debian/");
    let paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    let is_unit = |path: &&PathBuf| {
        [".path", ".service", ".socket", ".sysusers"]
            .iter()
            .any(|end| path.to_string_lossy().ends_with(end))
    };
    let units: Vec<_> = paths.iter().filter(is_unit).collect();
    assert!(units.len() > 5, "{units:?}");
    let is_no_link = |path: &&&PathBuf| !(path.is_symlink() && path.is_file());
    let breaches: Vec<_> =
        units.iter().filter(is_no_link).map(|path| relative(root(), path)).collect();
    hold(&breaches, "debian/'s units are links to those of systemd/");
}

/// The format: below the heading `## Code map` a fenced block, on each line a path from the root,
/// two or more spaces, and a purpose. Under `tests/`, `packaging/` and the like a path that ends in
/// `/` stands for all in it; under `src/` and `apps/` each source file has a line of its own.
#[test]
fn the_code_map_is_true() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let map = text.split("\n## Code map\n").nth(1).expect("a heading `## Code map`");
    let block = map.split("```").nth(1).expect("a fenced block below it");
    let mut breaches = Vec::new();
    let mut named = BTreeSet::new();
    for line in block.lines().skip(1).filter(|line| !line.trim().is_empty()) {
        match line.split_once("  ") {
            Some((path, purpose)) if purpose.trim().len() > 3 => {
                if !root().join(path).exists() {
                    breaches.push(format!("{path} does not exist"));
                }
                if !named.insert(path) {
                    breaches.push(format!("{path} is named twice"));
                }
            }
            _ => breaches.push(format!("no path and purpose: {line:?}")),
        }
    }
    let is_source = |path: &str| {
        [".rs", ".c", ".cpp", ".h", ".hpp", ".html"].iter().any(|end| path.ends_with(end))
    };
    for path in files(root(), &["src", "apps", "tests"]) {
        let path = relative(root(), &path);
        let folders = named.iter().filter(|name| name.ends_with('/') && name.starts_with("tests/"));
        let is_covered =
            named.contains(path.as_str()) || folders.clone().any(|folder| path.starts_with(folder));
        if is_source(&path) && !is_covered {
            breaches.push(format!("{path} is not on it"));
        }
    }
    hold(&breaches, "ARCHITECTURE.md's code map names every source file, and nothing else");
}

#[test]
fn dependencies_are_found_in_every_notation() {
    let manifest = "[package]\nname = \"x\"\n[dependencies]\na.workspace = true\nb = \"1\"\n\
        # c = \"1\"\n[target.'cfg(loom)'.dev-dependencies]\nd = { path = \"x\" }\n\
        [dependencies.e]\nversion = \"1\"\n";
    let names: Vec<String> = dependencies(manifest).into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["a", "b", "d", "e"]);
}

#[test]
fn functions_are_measured() {
    let text = "impl A {\n    pub(crate) fn one(\n        a: u8,\n    ) {\n        x;\n    }\n\n    \
        fn two() {\n    }\n}\ntrait B {\n    fn three();\n}\n";
    let want = [(2, "one".to_owned(), 5), (8, "two".to_owned(), 2)];
    assert_eq!(functions(text), want);
}
