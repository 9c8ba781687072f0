//! Whether the bench itself works: its subcommands against a daemon, and one short `compare`. Figures
//! are only looked at for being there: a machine under tests is no place to measure on.

use std::fs;
use std::process::{Command, Output};

use ringsocket_tests::certificates::Site;
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::folder::Folder;
use serde_json::Value;

fn bench(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_ringsocket-bench");
    Command::new(program).args(arguments).output().expect("running ringsocket-bench")
}

/// What a run that must end well prints.
#[track_caller]
fn run(arguments: &[&str]) -> String {
    let output = bench(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Drives the app at `path`, with the daemon's CPU time or memory counted.
#[track_caller]
fn drive(daemon: &Daemon, what: &str, path: &str, arguments: &[&str]) -> String {
    let url = format!("ws://{}{path}", daemon.address());
    let pid = daemon.pid().to_string();
    run(&[&[what, &url, "--pid", &pid, "--seconds", "0.1", "--connections", "5"], arguments]
        .concat())
}

/// The number at the start of the line that ends so.
#[track_caller]
fn number(text: &str, end: &str) -> f64 {
    let line = text.lines().find(|line| line.ends_with(end));
    let number = line.and_then(|line| line.split(' ').next()?.parse().ok());
    number.unwrap_or_else(|| panic!("no number before {end:?} in:\n{text}"))
}

#[test]
fn users_can_drive_their_apps() {
    let daemon = Builder::new().app("echo").app("broadcast").start();
    let text = drive(&daemon, "echo", "/echo", &["--in-flight", "3", "--size", "70000", "--text"]);
    assert!(number(&text, "messages per second") > 0.0);
    assert!(number(&text, "us of the server's CPU time per message") > 0.0);
    assert!(text.contains("p50 ") && text.contains("p99.9 ") && text.contains("#"), "{text}");
    let text = drive(&daemon, "broadcast", "/broadcast", &["--in-flight", "4"]);
    assert!(number(&text, "deliveries per second") > 0.0);
    for end in ["close", "hang-up"] {
        let text = drive(&daemon, "connect", "/echo", &["--end", end]);
        assert!(number(&text, "connections per second") > 0.0);
        assert!(number(&text, "us of the server's CPU time per connection") > 0.0);
    }
    let text = drive(&daemon, "idle", "/echo", &[]);
    assert!(text.starts_with("5 connections are open\n"), "{text}");
    assert!(number(&text, "bytes of the server's resident memory each") >= 0.0);
    daemon.stop_well();
}

#[test]
fn apps_behind_tls_can_be_driven_too() {
    let site = Site::new(&["localhost"]);
    let config = format!(
        r#"{{ "certs": [ {{ "hostnames": ["localhost"], "privkey_path": "{}",
            "pubchain_path": "{}" }} ] }}"#,
        site.key().display(),
        site.chain().display()
    );
    let daemon = Builder::new().app("echo").config(&config).secure_sockets(1).start();
    let folder = Folder::new();
    let ca = folder.write("ca.pem", site.authority.pem());
    let ca = ca.to_str().expect("UTF-8");
    let url = format!("wss://localhost:{}/echo", daemon.address().port());
    let arguments = ["--ca", ca, "--connections", "5", "--seconds", "0.1"];
    let text =
        run(&[&["echo", &url, "--size", "70000", "--in-flight", "3"], &arguments[..]].concat());
    assert!(number(&text, "messages per second") > 0.0);
    let text = run(&[&["idle", &url], &arguments[..]].concat());
    assert!(text.starts_with("5 connections are open\n"), "{text}");
    daemon.stop_well();
}

#[test]
fn what_goes_wrong_is_said() {
    let daemon = Builder::new().app("echo").start();
    let url = format!("{}/nothing", daemon.address());
    let output = bench(&["echo", &url, "--connections", "1", "--seconds", "0.1"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.starts_with("ringsocket-bench: answered 404"), "{errors}");
    daemon.stop_well();
    for (command, words) in [("echo", "--ca"), ("connect", "only echo and idle know wss://")] {
        let output = bench(&[command, "wss://127.0.0.1/echo"]);
        assert_eq!(output.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&output.stderr).contains(words), "{output:?}");
    }
}

#[test]
fn a_short_comparison_gives_a_whole_report() {
    let folder = Folder::new();
    let output = folder.path().to_str().expect("UTF-8");
    let text = run(&[
        &["compare", "--output", output, "--rounds", "1", "--seconds", "0.05"][..],
        &["--sizes", "20", "--connections", "4", "--in-flight", "2", "--crowd", "200"],
        // One core is all that some machines have.
        &["--peers", "nobody", "--server-core", "0", "--generator-core", "0"],
    ]
    .concat());
    assert!(text.contains("Note: nobody is left out: it is not built."), "{text}");
    let json = fs::read_to_string(folder.path().join("report.json")).expect("a report");
    let page = fs::read_to_string(folder.path().join("report.html")).expect("a page");
    let report: Value = serde_json::from_str(&json).expect("JSON");
    let tables = report["tables"].as_array().expect("tables");
    let ids: Vec<&str> = tables.iter().filter_map(|table| table["id"].as_str()).collect();
    assert_eq!(
        ids,
        ["echo", "broadcast", "connect", "crowd", "deflate", "slow", "tls", "tls-handshake"]
    );
    for table in tables {
        let title = table["title"].as_str().expect("a title");
        assert!(text.contains(&format!("\n{title}: ")), "{title} is not printed");
        assert!(page.contains(&format!("<h2>{title}</h2>")), "{title} is not on the page");
        let cells = table["cells"].as_array().expect("cells");
        assert!(!cells.is_empty());
        for cell in cells {
            let runs = cell["runs"].as_array().expect("runs");
            assert!(runs.len() >= 2, "{cell}");
            runs.iter().for_each(|runs| hold(&runs["samples"]));
        }
    }
    assert_eq!(report["memory"].as_array().map(Vec::len), Some(6));
    let goals = report["goals"].as_array().expect("goals");
    assert_eq!(goals.len(), 12, "all but those that are about cells not measured here");
    for goal in goals {
        assert!(goal["figure"].as_f64().is_some_and(|figure| figure > 0.0), "{goal}");
        assert!(text.contains(goal["what"].as_str().expect("words")), "{goal}");
    }
    assert!(page.ends_with("</html>\n") && !page.contains("<script") && !page.contains("://"));
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
}

/// One sample, and possible figures in it.
#[track_caller]
fn hold(samples: &Value) {
    let [sample] = &samples.as_array().expect("samples")[..] else {
        panic!("one round, one sample: {samples}");
    };
    let figure = |name: &str| sample[name].as_f64().expect("a figure");
    assert!(figure("cpu") > 0.0 && figure("rate") > 0.0, "{sample}");
    assert!(figure("p50") > 0.0 && figure("p50") <= figure("p99"), "{sample}");
}
