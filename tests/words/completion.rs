//! Completion: each shell that is there takes its files, bash and fish complete what `--help` names and
//! nothing else, and files where files belong.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use ringsocket_tests::apps::{daemon, root};
use ringsocket_tests::folder::Folder;

use super::manual::named_by_help;
use super::{read, run};

const FOLDER: &str = "packaging/completion";
/// What completion is made for, with the folder of each shell's files.
const PROGRAMS: [&str; 2] = ["ringsocket", "ringsocket-try"];
/// The commands of the daemon's program; none stands for the program itself.
const COMMANDS: [&[&str]; 4] = [&[], &["check"], &["reload"], &["new-app"]];

/// Has bash complete the last word of a line, in a folder.
fn bash(folder: &Path, line: &[&str]) -> BTreeSet<String> {
    let script = r#"source "$1" && shift && complete -p "$1" > /dev/null || exit
        function=$(complete -p "$1" | sed 's/.* -F \([^ ]*\) .*/\1/')
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        "$function" "$1" "${@: -1}" "${@: -2:1}" 2> /dev/null
        for word in "${COMPREPLY[@]}"; do printf '%s\n' "$word"; done"#;
    let mut command = Command::new("bash");
    command.args(["--norc", "-c", script, "bash"]).arg(root().join(FOLDER).join(line[0]));
    let output = run(command.args(line).current_dir(folder), "bash");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{line:?}: {said}");
    words(&output.stdout)
}

/// The first word of each line.
fn words(text: &[u8]) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(text);
    text.lines().filter_map(|line| line.split('\t').next()).map(str::to_owned).collect()
}

fn set<const N: usize>(words: [&str; N]) -> BTreeSet<String> {
    words.map(str::to_owned).into()
}

/// Long options and commands that a program's help names, but for `help`, which says what `--help` does.
fn helped(program: &mut Command) -> BTreeSet<String> {
    let output = run(program.arg("--help"), "python3");
    let mut names = named_by_help(&String::from_utf8_lossy(&output.stdout));
    names.remove("help");
    names
}

/// Whether it is a long option or a command.
fn is_long(word: &str) -> bool {
    !word.starts_with('-') || word.starts_with("--")
}

#[test]
fn bash_completes_what_help_names_and_nothing_else() {
    for command in COMMANDS {
        let line = [&["ringsocket"], command, &[""]].concat();
        let mut completed = bash(root(), &line);
        completed.retain(|word| is_long(word));
        assert_eq!(completed, helped(Command::new(daemon()).args(command)), "{line:?}");
    }
    let mut options = bash(root(), &["ringsocket-try", "--"]);
    options.retain(|word| is_long(word));
    let program = root().join("src/try/ringsocket-try");
    assert_eq!(options, helped(Command::new("/usr/bin/python3").arg(program)));
}

#[test]
fn bash_completes_words_values_and_files() {
    let folder = Folder::new();
    for name in ["chat.so", "chat.c", "talk.txt", "more/x"] {
        folder.write(name, "");
    }
    let here = |line: &[&str]| bash(folder.path(), line);
    assert_eq!(here(&["ringsocket", "ch"]), set(["check"]));
    assert_eq!(here(&["ringsocket", "new-app", "--lang", ""]), set(["c", "cpp", "rust"]));
    assert_eq!(here(&["ringsocket", "check", "--config", "cha"]), set(["chat.c", "chat.so"]));
    assert_eq!(here(&["ringsocket-try", "--pa"]), set(["--patience"]));
    assert_eq!(here(&["ringsocket-try", ""]), set(["chat.so", "more"]));
    assert_eq!(here(&["ringsocket-try", "--linger", "1", ""]), set(["chat.so", "more"]));
    assert_eq!(here(&["ringsocket-try", "--linger", ""]), set([]));
    assert_eq!(here(&["ringsocket-try", "chat.so", "t"]), set(["talk.txt"]));
    assert!(here(&["ringsocket-try", "--server", "ba"]).contains("bash"));
}

/// Whether there is such a shell; bash is, as it is essential in Debian.
fn is_there(shell: &str) -> bool {
    let is_there = Command::new(shell).arg("-c").arg(":").output().is_ok();
    if !is_there {
        eprintln!("there is no {shell}: its files are not tested");
    }
    is_there
}

#[test]
fn each_shell_understands_its_files() {
    for program in PROGRAMS {
        let files = [
            ("bash", program.to_owned()),
            ("zsh", format!("_{program}")),
            ("fish", format!("{program}.fish")),
        ];
        for (shell, file) in files.iter().filter(|(shell, _)| is_there(shell)) {
            let output =
                run(Command::new(shell).arg("-n").arg(root().join(FOLDER).join(file)), shell);
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && said.is_empty(), "{shell} -n {file}: {said}");
        }
    }
}

#[test]
fn fish_completes_the_same() {
    if !is_there("fish") {
        return;
    }
    let fish = |line: &str| {
        let program = line.split(' ').next().unwrap_or_default();
        let file = root().join(FOLDER).join(format!("{program}.fish"));
        let script = format!("source {}; complete -C '{line}'", file.display());
        let mut command = Command::new("fish");
        words(&run(command.args(["--no-config", "-c", &script]), "fish").stdout)
    };
    for command in COMMANDS {
        let line = [&["ringsocket"], command, &["--"]].concat().join(" ");
        let mut expected = helped(Command::new(daemon()).args(command));
        expected.retain(|name| name.starts_with("--"));
        assert_eq!(fish(&line), expected, "{line}");
    }
    assert_eq!(fish("ringsocket ch"), set(["check"]));
    assert_eq!(fish("ringsocket new-app --lang "), set(["c", "cpp", "rust"]));
    let program = root().join("src/try/ringsocket-try");
    let expected = helped(Command::new("/usr/bin/python3").arg(program));
    assert_eq!(fish("ringsocket-try --"), expected);
}

#[test]
fn the_debian_packages_put_the_files_where_each_shell_looks() {
    let lists = [
        ("ringsocket", "debian/ringsocket.install"),
        ("ringsocket-try", "debian/libringsocket-dev.install"),
    ];
    for (program, list) in lists {
        let list = read(list);
        for line in [
            format!("{FOLDER}/{program} usr/share/bash-completion/completions"),
            format!("{FOLDER}/_{program} usr/share/zsh/vendor-completions"),
            format!("{FOLDER}/{program}.fish usr/share/fish/vendor_completions.d"),
        ] {
            assert!(list.lines().any(|it| it == line), "no {line:?}");
        }
    }
}
