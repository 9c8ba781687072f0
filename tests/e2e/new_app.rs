//! `ringsocket new-app`, as who wants to write an app uses it: the project builds, its test passes,
//! and fails if the app does something else; what it builds is served.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ringsocket_tests::apps::{self, root};
use ringsocket_tests::compilers::{C, C_STANDARDS, CPP, CPP_STANDARDS, accept};
use ringsocket_tests::daemon::Builder;
use ringsocket_tests::folder::Folder;

/// Everything a command said.
fn said(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat()
}

/// Runs a command that must be content, and gives what it said.
#[track_caller]
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", said(&output));
    said(&output)
}

/// `ringsocket new-app` with these arguments, in a folder.
fn new_app(folder: &Folder, arguments: &[&str]) -> Output {
    let mut command = Command::new(apps::daemon());
    command.current_dir(folder.path()).arg("new-app").args(arguments);
    command.output().expect("running the daemon's binary")
}

/// A project of the source tree that is tested here.
fn project(folder: &Folder, language: &str, name: &str) -> PathBuf {
    let sdk = root().to_str().expect("a path in UTF-8");
    let made = new_app(folder, &["--lang", language, "--sdk", sdk, name]);
    assert!(made.status.success(), "{}", said(&made));
    assert!(said(&made).contains(&format!("cd {name} && ")), "{}", said(&made));
    folder.path().join(name)
}

/// What make(1) or Cargo is run with: nothing of the Cargo that runs this test.
fn tool(program: &str, project: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.current_dir(project).args(arguments);
    for (name, _) in std::env::vars_os() {
        let shown = name.to_string_lossy();
        let is_ours = shown.starts_with("CARGO_") && shown != "CARGO_HOME";
        if is_ours || ["MAKEFLAGS", "RUSTFLAGS", "RINGSOCKET"].contains(&&*shown) {
            command.env_remove(&name);
        }
    }
    command
}

/// What was built is served under its name once it lies in the folder of apps.
#[track_caller]
fn is_served(library: &Path, name: &str) {
    let library = std::fs::read(library).expect("the project was built");
    let daemon = Builder::new().file(&format!("apps/{name}.so"), library).start();
    let mut client = daemon.connect(&format!("/{name}"));
    client.expect_text("welcome: 1 here");
    client.text("?").unwrap();
    client.expect_text("1 here");
    client.text("").unwrap();
    client.expect_close(4900);
    daemon.stop_well();
}

/// The project's test fails, and says where, once the app says something else.
fn notices_a_change(project: &Path, source: &str, test: &mut Command) {
    let path = project.join(source);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"welcome: "), "{text}");
    std::fs::write(&path, text.replacen("\"welcome: ", "\"go away: ", 1)).unwrap();
    let output = test.output().expect("running the test");
    let said = said(&output);
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("conversation.txt:4: expected: welcome: 1 here\n"), "{said}");
    assert!(said.contains("    came: go away: 1 here\nThe server's log:\n"), "{said}");
}

fn with_make(language: &str, source: &str) {
    let folder = Folder::new();
    let project = project(&folder, language, "my-app");
    let said = run(&mut tool("make", &project, &["test"]));
    assert!(!said.contains("warning"), "{said}");
    assert!(said.contains("conversation.txt: 13 lines, all as written"), "{said}");
    let stage = folder.path().join("stage");
    run(&mut tool("make", &project, &["install", &format!("DESTDIR={}", stage.display())]));
    is_served(&stage.join("usr/lib/ringsocket/apps/my-app.so"), "my-app");
    notices_a_change(&project, source, &mut tool("make", &project, &["test"]));
}

#[test]
fn a_project_in_c_builds_and_tests_itself() {
    with_make("c", "my-app.c");
}

#[test]
fn a_project_in_cpp_builds_and_tests_itself() {
    with_make("cpp", "my-app.cpp");
}

#[test]
fn a_project_in_rust_builds_and_tests_itself() {
    let folder = Folder::new();
    let project = project(&folder, "rust", "my-app");
    let cargo = |word: &str| tool("cargo", &project, &[word, "--offline"]);
    let said = run(cargo("test").arg("--").arg("--nocapture"));
    assert!(!said.contains("warning"), "{said}");
    assert!(said.contains("test tests::who_leaves_is_not_counted ... ok"), "{said}");
    assert!(said.contains("conversation.txt: 13 lines, all as written"), "{said}");
    run(&mut cargo("build"));
    is_served(&project.join("target/debug/libmy_app.so"), "my-app");
    let mut test = cargo("test");
    notices_a_change(&project, "src/lib.rs", test.args(["--test", "conversation"]));
}

/// The headers lie where compilers look, and there is no pkg-config.
#[test]
fn an_installed_sdk_needs_no_pkg_config_and_no_paths() {
    let folder = Folder::new();
    // Copied by another process: a program that this one has written may not run for a while, as
    // other tests' children hold it open.
    let daemon = folder.path().join("ringsocket");
    run(Command::new("cp").arg(apps::daemon()).arg(&daemon));
    let new_app = |arguments: [&str; 3]| {
        run(Command::new(&daemon).current_dir(folder.path()).arg("new-app").args(arguments))
    };
    new_app(["--lang", "c", "mine"]);
    let include = root().join("src/app/include");
    let path = format!("{}:{}", root().join("src/try").display(), std::env::var("PATH").unwrap());
    let mut make = tool("make", &folder.path().join("mine"), &["test"]);
    make.env("PKG_CONFIG_LIBDIR", "/nonexistent").env("CPATH", include);
    let said = run(make.env("PATH", path).env("RINGSOCKET", &daemon));
    assert!(said.contains("all as written"), "{said}");

    // There is no Rust SDK where it would be installed: so this is as far as it goes here.
    new_app(["--lang", "rust", "other"]);
    let other = folder.path().join("other");
    let rustfmt = ["--check", "--edition", "2024", "src/lib.rs", "tests/conversation.rs"];
    run(&mut tool("rustfmt", &other, &rustfmt));
}

#[test]
fn the_templates_compile_with_every_compiler() {
    let nowhere = Path::new("/dev/null");
    let source = Path::new("src/server/templates/c/first-app.c");
    for (compiler, standard) in C.iter().flat_map(|c| C_STANDARDS.map(|standard| (c, standard))) {
        accept(compiler, &[standard, "-fsyntax-only"], source, nowhere);
    }
    let source = Path::new("src/server/templates/cpp/first-app.cpp");
    for (compiler, standard) in CPP.iter().flat_map(|c| CPP_STANDARDS.map(|standard| (c, standard)))
    {
        accept(compiler, &[standard, "-fsyntax-only"], source, nowhere);
    }
}

#[test]
fn mistakes_are_told_and_leave_nothing_behind() {
    let folder = Folder::new();
    folder.write("taken/notes.txt", "mine");
    let cases: [(&[&str], i32, &str); 5] = [
        (&["--lang", "c", "taken"], 1, "taken is there already: choose another name"),
        (&["--lang", "rust", "--path", "no/where", "app"], 1, "make the folder above it first"),
        (&["--lang", "rust", "--sdk", "taken", "app"], 1, "taken is not RingSocket's source tree"),
        (&["--lang", "cpp", "My-App"], 2, "a name is made of a to z"),
        (&["--lang", "cobol", "app"], 2, "[possible values: rust, c, cpp]"),
    ];
    for (arguments, status, why) in cases {
        let output = new_app(&folder, arguments);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(status), "{said}");
        assert!(said.contains(why), "{said}");
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(std::fs::read_dir(folder.path().join("taken")).unwrap().count(), 1);
}
