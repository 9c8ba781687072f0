//! `export!` in crates of their own, built by cargo as an author builds them, and loaded by a host
//! written in C (`driver.c`). This proves the interface from its other side, and that an app may
//! forbid unsafe code.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const APP: &str = r#"
#![forbid(unsafe_code)]
#![deny(warnings)]

use ringsocket_app::{App, ClientId, Close, Context, Message};

struct Probe(Vec<String>);

impl App for Probe {
    const SUBPROTOCOLS: &'static [&'static str] = &["probe.v2", "probe.v1"];

    fn init(cx: &mut Context<'_>) -> Result<Self, Box<dyn std::error::Error>> {
        cx.set_timer(std::time::Duration::from_millis(5));
        let conf = cx.conf();
        Ok(Self(vec![conf.app_name.to_owned(), conf.max_message_size.to_string()]))
    }
    fn open(&mut self, cx: &mut Context<'_>, client: ClientId) {
        let request = cx.request().unwrap();
        let agent = request.header("user-agent").unwrap();
        let text = format!("{} {} {}", request.path(), request.query_value("a").unwrap(), agent);
        cx.to(client).text(&text);
        let tls = request.tls().unwrap();
        let certificate = tls.client_certificate().unwrap();
        let names: Vec<&str> = certificate.alternative_names().collect();
        let text = format!("{} {:?} {}", tls.version(), tls.server_name(), certificate.subject());
        cx.to(client).text(format!("{text} {names:?}"));
        let text = format!("{:?} {:?}", cx.address(client).unwrap(), cx.endpoint(client));
        cx.to_all().except(client).text(&text);
    }
    fn read(&mut self, cx: &mut Context<'_>, client: ClientId, message: Message<'_>) {
        cx.to(client).send(message);
        cx.close(client, 4000, "enough");
    }
    fn close(&mut self, cx: &mut Context<'_>, client: ClientId, close: Close<'_>) {
        ringsocket_app::info!(cx, "{client} {} {}", close.code, close.reason);
    }
    fn timer(&mut self, cx: &mut Context<'_>) {
        panic!("{} has had enough of {}", self.0.join(" "), cx.conf().worker_c);
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

ringsocket_app::export!(Probe);
"#;

/// A package with one source file, in a folder of its own outside this workspace.
struct Package {
    name: &'static str,
    folder: PathBuf,
}

impl Package {
    fn new(name: &'static str, edition: &str, profile: &str, source: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let sdk = env!("CARGO_MANIFEST_DIR");
        let manifest = format!(
            "[package]\nname = \"{name}\"\nedition = \"{edition}\"\nversion = \"0.1.0\"\n\
             [lib]\ncrate-type = [\"cdylib\"]\n\
             [dependencies]\nringsocket-app = {{ path = {sdk:?} }}\n\
             [profile.dev]\n{profile}\n\
             [workspace]\n"
        );
        std::fs::create_dir_all(folder.join("src")).unwrap();
        std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
        std::fs::write(folder.join("src/lib.rs"), source).unwrap();
        Self { name, folder }
    }

    fn build(&self) -> Output {
        Command::new(env!("CARGO"))
            .args(["build", "--offline"])
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", self.folder.join("target"))
            // Those of `cargo test` are not the author's.
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .output()
            .expect("cargo runs")
    }

    fn library(&self) -> PathBuf {
        let file = format!("lib{}.so", self.name.replace('-', "_"));
        self.folder.join("target/debug").join(file)
    }
}

fn said(output: &Output) -> String {
    let (out, error) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(error))
}

/// Builds something with the C compiler, without a warning.
fn cc(args: &[&str]) {
    let cc = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("include");
    let output = Command::new(cc)
        .args(["-std=c17", "-Wall", "-Wextra", "-Wpedantic", "-Werror"])
        .arg("-I")
        .arg(include)
        .args(args)
        .output()
        .expect("a C compiler");
    assert!(output.status.success(), "{}", said(&output));
}

/// Takes an app through its life in the C host, and returns what that said.
fn drive(name: &str, library: &Path) -> Vec<String> {
    let driver = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("driver-{name}"));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/driver.c");
    cc(&["-D_GNU_SOURCE", source, "-o", driver.to_str().unwrap(), "-ldl"]);
    let output = Command::new(driver)
        .arg(library)
        .env_remove("RUST_BACKTRACE")
        .output()
        .expect("the driver runs");
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "panics go to the log alone");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn drive_probe(name: &'static str, edition: &str) {
    let package = Package::new(name, edition, "", APP);
    let output = package.build();
    assert!(output.status.success(), "{}", said(&output));
    let lines = drive(name, &package.library());
    let built_with = concat!("built with ringsocket-app ", env!("CARGO_PKG_VERSION"), " (Rust)");
    let [timer, drop] = ["panic!(\"{} has", "panic!(\"dropped"].map(|text| {
        let line = APP.lines().position(|line| line.contains(text)).unwrap() + 1;
        format!("src/lib.rs:{line}")
    });
    let expected = [
        built_with,
        "speaks probe.v2",
        "speaks probe.v1",
        "init: set_timer 5000",
        "init: get_conf",
        "init returned 0",
        "open: request",
        "open: tls",
        "open: send kind 1 to 0 (7): /app 1 driver",
        "open: send kind 1 to 0 (7): TLSv1.3 Some(\"b.example\") CN=Ann [\"DNS:a.example\", \
         \"email:ann@a.example\"]",
        "open: client_info 7",
        "open: client_info 7",
        "open: send kind 1 to 2 (7): 192.0.2.9:443 Some(5)",
        "open returned 0",
        "read: send kind 1 to 0 (7): hi",
        "read: close 7 4000: enough",
        "read returned 0",
        "read: send kind 0 to 0 (7): ??x",
        "read: close 7 4000: enough",
        "read returned 0",
        "read: send kind 0 to 0 (7): ",
        "read: close 7 4000: enough",
        "read returned 0",
        "timer: get_conf",
        &format!("timer: log level 3: timer panicked at {timer}: driven 4096 has had enough of 3"),
        "timer returned -1",
        "close: log level 6: 7 1001 bye",
        "close returned 0",
        &format!("quit: log level 3: quit panicked at {drop}: dropped"),
        "init on a short table returned -1",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn an_app_of_edition_2024_that_forbids_unsafe_code_runs_in_a_c_host() {
    drive_probe("probe-2024", "2024");
}

#[test]
fn an_app_of_edition_2021_that_forbids_unsafe_code_runs_in_a_c_host() {
    drive_probe("probe-2021", "2021");
}

#[test]
fn forbid_still_forbids_what_the_author_writes() {
    let source = format!("{APP}\npub fn f(p: *const u8) -> u8 {{ unsafe {{ *p }} }}\n");
    let output = Package::new("probe-unsafe", "2024", "", &source).build();
    assert!(!output.status.success());
    assert!(said(&output).contains("usage of an `unsafe` block"), "{}", said(&output));
}

#[test]
fn an_app_that_would_abort_is_not_built() {
    let output = Package::new("probe-abort", "2024", "panic = \"abort\"", APP).build();
    assert!(!output.status.success());
    assert!(said(&output).contains("must be built with panic = \"unwind\""), "{}", said(&output));
}

#[test]
fn an_app_whose_subprotocols_are_wrong_is_not_built() {
    let many = format!("&[{}]", "\"v\", ".repeat(17));
    for (names, why) in [(many.as_str(), "at most 16"), ("&[\"v 1\"]", "must be a token")] {
        let source = APP.replace("&[\"probe.v2\", \"probe.v1\"]", names);
        assert!(source.contains(names));
        let output = Package::new("probe-names", "2024", "", &source).build();
        assert!(!output.status.success());
        assert!(said(&output).contains(why), "{}", said(&output));
    }
}

#[test]
fn the_echo_app_in_c_runs_in_the_c_host() {
    let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("echo-c.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../../apps/echo-c/echo.c");
    cc(&["-fpic", "-shared", source, "-o", library.to_str().unwrap()]);
    let expected = [
        "built with ringsocket.h, ABI version 1 (C)",
        "read: send kind 1 to 0 (7): hi",
        "read returned 0",
        "read: send kind 0 to 0 (7): ??x",
        "read returned 0",
        "read: send kind 0 to 0 (7): ",
        "read returned 0",
    ];
    assert_eq!(drive("echo-c", &library), expected);
}
