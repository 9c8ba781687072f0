//! `ringsocket-try`: conversations that go as written and that do not, and lines that are typed.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use ringsocket_tests::apps::{self, root};
use ringsocket_tests::folder::Folder;

fn program() -> Command {
    let mut command = Command::new(root().join("src/try/ringsocket-try"));
    command.env("RINGSOCKET", apps::daemon());
    command
}

/// Plays a conversation with the app of the templates, in C.
fn play(text: &str) -> Output {
    let folder = Folder::new();
    let app = folder.path().join("first.so");
    apps::compile_c(&["src/server/templates/c/first-app.c"], &[], &app);
    let conversation = folder.write("talk.txt", text);
    let output = program().current_dir(folder.path()).arg(app).arg(conversation).output();
    output.expect("running ringsocket-try")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_conversation_that_goes_as_written() {
    let output = play(
        "# A question in the query, and another path.\n\n\
         ann connects ?room=1\nann< welcome: 1 here\nben connects /first\nben< welcome: 2 here\n\
         ann>!√\nben<√\nann> [01 7fffffff 00000001]\nann< [0000000080000000]\n\
         ann> ?\nann< 2 here\nann> [01]\nann is closed 4900\nben leaves\n",
    );
    assert!(output.status.success(), "{}", stderr(&output));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.ends_with("talk.txt: 13 lines, all as written\n"), "{said}");
}

#[test]
fn what_goes_otherwise_is_named_by_its_line() {
    let hello = "ann connects\nann< welcome: 1 here\n";
    let cases = [
        ("ann connects\nann< hello\n", ":2: expected: hello\n    came: welcome: 1 here\n"),
        ("ann connects\nann> ?\nann< welcome: 1 here\n", "at the end: nobody expected 1 here\n"),
        (
            &format!("{hello}ann> x\nann is closed 4900\n"),
            ":4: expected: closed 4900\n    came: closed 4902",
        ),
        (&format!("{hello}ann> x\nann is closed 4902 because\n"), "came: closed 4902"),
        (&format!("{hello}ann> x\nann< [00]\n"), "expected: [00]\n    came: closed 4902"),
        ("ann connects /nowhere\n", ":1: /nowhere is refused: HTTP/1.1 404"),
        ("ann> hi\n", ":1: ann is not connected"),
        (&format!("{hello}ann connects\n"), ":3: ann is connected already"),
        (&format!("{hello}ann> [123]\n"), ":3: [123] is no whole number of bytes"),
        (&format!("{hello}ann says hi\n"), ":3: a line is \"ann connects\""),
        ("# silence\n", "at the end: nobody says anything"),
    ];
    for (text, why) in cases {
        let output = play(text);
        assert_eq!(output.status.code(), Some(1), "{text}: {}", stderr(&output));
        assert!(stderr(&output).contains(why), "{text}: {}", stderr(&output));
    }
}

/// Nothing comes where something should.
#[test]
fn patience_has_an_end() {
    let folder = Folder::new();
    let conversation = folder.write("talk.txt", "ann connects\nann< hello?\n");
    let mut command = program();
    command.arg(apps::app("echo")).arg(conversation).args(["--patience", "0.2"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains(":2: nothing came for 0.2 s\nThe server's log:\n"));
}

#[test]
fn an_app_that_cannot_be_loaded_is_shown_with_the_servers_reason() {
    let folder = Folder::new();
    let conversation = folder.write("talk.txt", "ann connects\n");
    let cases = [
        (folder.write("empty.so", "no library"), "app not loaded: "),
        (folder.path().join("missing.so"), "No such file or directory"),
    ];
    for (app, why) in cases {
        let output = program().arg(app).arg(&conversation).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains(why), "{}", stderr(&output));
    }
    let output = program().env("RINGSOCKET", "/nonexistent").arg("a.so").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("install the package ringsocket"), "{}", stderr(&output));
}

/// Gives an app these lines, as a person would, and what came back.
fn typed(app: PathBuf, lines: &str) -> (String, String) {
    let mut command = program();
    command.arg(app).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("running ringsocket-try");
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let log = stderr(&output);
    (String::from_utf8(output.stdout).unwrap(), log)
}

#[test]
fn typed_lines_are_messages() {
    let long = "x".repeat(70_000);
    let lines = format!("hello\n[00 ff]\n\n{long}\n{{\"json\": [1]}}\nlast, without an end");
    let (came, log) = typed(apps::app("echo"), &lines);
    let wanted = lines.replace("[00 ff]", "[00ff]");
    assert_eq!(came.lines().collect::<Vec<_>>(), wanted.lines().collect::<Vec<_>>());
    assert!(log.contains("ws://127.0.0.1:") && log.contains("notice: stopped"), "{log}");
}

#[test]
fn an_app_that_closes_ends_the_session() {
    let folder = Folder::new();
    let app = folder.path().join("first.so");
    apps::compile_c(&["src/server/templates/c/first-app.c"], &[], &app);
    let (came, _) = typed(app, "?\nwhat?\n?\n");
    assert_eq!(came, "welcome: 1 here\n1 here\nclosed 4902\n");
}
