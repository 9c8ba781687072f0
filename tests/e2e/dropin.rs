//! Apps that come, are replaced and go while the daemon runs. Reloads are asked for as systemd does
//! it: by `ringsocket reload`, which says what came of it.

mod bad;
mod languages;
mod load;
mod many;
mod several;

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use ringsocket_tests::apps;
use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::handshake::Request;

/// A daemon with runtime directory, to be told of apps.
pub(super) fn builder(config: &str) -> Builder {
    let builder = Builder::new();
    let runtime = builder.path().display().to_string();
    builder.environment("RUNTIME_DIRECTORY", &runtime).config(config)
}

/// Compiles a version of `tests/apps/version.c`, to be installed.
fn compile(daemon: &Daemon, version: &str, defines: &[&str]) -> PathBuf {
    let to = daemon.path().join(format!("{version}.so"));
    let version = format!("VERSION={version}");
    let defines = [&[version.as_str()], defines].concat();
    apps::compile_c(&["tests/apps/version.c"], &defines, &to);
    to
}

/// Has a version stand in the apps folder under this name, all of it at once, as packages do it.
pub(super) fn install(daemon: &Daemon, name: &str, version: &str, defines: &[&str]) {
    let from = compile(daemon, version, defines);
    std::fs::rename(from, daemon.path().join(format!("apps/{name}.so")))
        .expect("installing an app");
}

pub(super) fn remove(daemon: &Daemon, name: &str) {
    let file = daemon.path().join(format!("apps/{name}.so"));
    std::fs::remove_file(file).expect("removing an app");
}

fn ask_to_reload(daemon: &Daemon) -> Output {
    Command::new(apps::daemon())
        .args(["reload", &daemon.pid().to_string()])
        .env("RUNTIME_DIRECTORY", daemon.path())
        .output()
        .expect("running `ringsocket reload`")
}

/// Reloads, which goes well.
#[track_caller]
pub(super) fn reload(daemon: &Daemon) {
    let output = ask_to_reload(daemon);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}; log:\n{}", daemon.log());
}

/// Reloads, of which something does not go well, and gives what was said of it.
#[track_caller]
pub(super) fn reload_badly(daemon: &Daemon) -> String {
    let output = ask_to_reload(daemon);
    assert_eq!(output.status.code(), Some(1), "log:\n{}", daemon.log());
    String::from_utf8(output.stderr).expect("words")
}

#[track_caller]
pub(super) fn expect_version(client: &mut Client, version: &str) {
    client.text("version").unwrap();
    client.expect_text(version);
}

#[track_caller]
pub(super) fn connect_to(daemon: &Daemon, target: &str, version: &str) -> Client {
    let mut client = daemon.connect(target);
    expect_version(&mut client, version);
    client
}

#[track_caller]
fn is_not_served(daemon: &Daemon, target: &str) {
    let request = Request::upgrade("localhost", target);
    assert_eq!(Client::refused(daemon.address(), &request).unwrap().status, 404);
}

/// How many threads of apps there are.
pub(super) fn app_threads(daemon: &Daemon) -> usize {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", daemon.pid())).expect("its threads");
    let name = |task: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(task.ok()?.path().join("comm")).ok()
    };
    tasks.filter_map(name).filter(|name| name.starts_with("app ")).count()
}

#[track_caller]
pub(super) fn wait_for_app_threads(daemon: &Daemon, count: usize) {
    let start = Instant::now();
    while app_threads(daemon) != count {
        assert!(start.elapsed() < Duration::from_secs(20), "{} threads", app_threads(daemon));
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_new_app_is_served_and_the_others_notice_nothing() {
    let daemon = builder("{}").app("echo").start();
    let mut bystander = daemon.connect("/echo");
    is_not_served(&daemon, "/first");
    install(&daemon, "first", "one", &[]);
    reload(&daemon);
    connect_to(&daemon, "/first", "one").close_cleanly();
    bystander.text("unharmed").unwrap();
    bystander.expect_text("unharmed");
    bystander.close_cleanly();
    let notices = daemon.notices();
    let at = |wanted: &str| notices.iter().rposition(|line| line.starts_with(wanted)).unwrap();
    assert!(at("RELOADING=1") < at("MONOTONIC_USEC=") && at("RELOADING=1") < at("READY=1"));
    daemon.wait_notice(|line| line.starts_with("STATUS=") && line.contains("2 apps (echo, first)"));
    daemon.stop_well();
}

#[test]
fn a_replaced_app_keeps_its_clients_and_new_ones_get_the_new_code() {
    // On threads of workers as well as on its own.
    for flags in ["VERSION_FLAGS=0", "VERSION_FLAGS=RS_APP_ANY_THREAD"] {
        let daemon = builder(r#"{ "worker_c": 2 }"#).sockets_of_one_port(2).start();
        install(&daemon, "app", "one", &[flags]);
        reload(&daemon);
        let mut old: Vec<_> = (0..8).map(|_| connect_to(&daemon, "/app", "one")).collect();
        install(&daemon, "app", "two", &[flags]);
        reload(&daemon);
        old.iter_mut().for_each(|client| client.expect_text("draining 60000000"));
        let mut new: Vec<_> = (0..8).map(|_| connect_to(&daemon, "/app", "two")).collect();
        old.iter_mut().for_each(|client| expect_version(client, "one"));
        assert_eq!(app_threads(&daemon), 2);
        old.into_iter().for_each(Client::close_cleanly);
        daemon.wait_log("quit of one");
        wait_for_app_threads(&daemon, 1);
        new.iter_mut().for_each(|client| expect_version(client, "two"));
        daemon.stop_well();
    }
}

#[test]
fn who_stays_beyond_the_deadline_is_closed_with_1012() {
    let daemon = builder(r#"{ "drain_wait": 2, "shutdown_wait_ws": 1 }"#).start();
    install(&daemon, "app", "one", &[]);
    reload(&daemon);
    let mut polite = connect_to(&daemon, "/app", "one");
    let mute = connect_to(&daemon, "/app", "one");
    install(&daemon, "app", "two", &[]);
    reload(&daemon);
    let start = Instant::now();
    polite.expect_text("draining 2000000");
    polite.expect_close(1012);
    let took = start.elapsed();
    assert!(took > Duration::from_millis(1500) && took < Duration::from_secs(10), "{took:?}");
    polite.close(1012, "").unwrap();
    polite.expect_end().unwrap();
    // Who does not answer the Close is dropped, and then the app is gone.
    daemon.wait_log("quit of one");
    wait_for_app_threads(&daemon, 1);
    drop(mute);
    daemon.stop_well();
}

#[test]
fn a_removed_app_drains_and_may_come_again() {
    let daemon = builder("{}").app("echo").start();
    install(&daemon, "app", "one", &[]);
    reload(&daemon);
    let mut client = connect_to(&daemon, "/app", "one");
    remove(&daemon, "app");
    reload(&daemon);
    client.expect_text("draining 60000000");
    is_not_served(&daemon, "/app");
    install(&daemon, "app", "two", &[]);
    reload(&daemon);
    let mut next = connect_to(&daemon, "/app", "two");
    expect_version(&mut client, "one");
    remove(&daemon, "app");
    reload(&daemon);
    next.expect_text("draining 60000000");
    [client, next].into_iter().for_each(Client::close_cleanly);
    daemon.wait_log("quit of one");
    daemon.wait_log("quit of two");
    wait_for_app_threads(&daemon, 1);
    daemon.stop_well();
}

#[test]
fn what_is_the_same_is_left_alone() {
    let daemon = builder("{}").start();
    install(&daemon, "app", "one", &[]);
    reload(&daemon);
    let mut client = connect_to(&daemon, "/app", "one");
    // Another file with another time, and the same in it.
    let file = daemon.path().join("apps/app.so");
    std::fs::copy(&file, daemon.path().join("copy")).unwrap();
    std::fs::rename(daemon.path().join("copy"), &file).unwrap();
    reload(&daemon);
    expect_version(&mut client, "one");
    client.close_cleanly();
    assert_eq!(app_threads(&daemon), 1);
    daemon.stop_well();
}

#[test]
fn no_running_app_depends_on_its_file() {
    let daemon = builder("{}").c_app("tests/apps/version.c", &["VERSION=one"], "app").start();
    let mut client = connect_to(&daemon, "/app", "one");
    // As `cp` does it, into the same inode: mapped code would change, or be cut off.
    let file = daemon.path().join("apps/app.so");
    std::fs::write(&file, b"").unwrap();
    client.text("count").unwrap();
    client.expect_text("1");
    let two = compile(&daemon, "two", &[]);
    std::fs::copy(two, &file).unwrap();
    client.text("count").unwrap();
    client.expect_text("2");
    reload(&daemon);
    let mut new = connect_to(&daemon, "/app", "two");
    // The new one has variables of its own.
    new.text("count").unwrap();
    new.expect_text("1");
    daemon.stop_well();
}

#[test]
fn endpoints_of_the_configuration_are_taken_over() {
    let text = |url: &str, more: &str| {
        format!(
            r#"{{ {more} "apps": [ {{ "name": "echo", "app_path": "{{apps}}/echo.so",
            "endpoints": [ {{ "endpoint_id": 1, "url": "{url}" }} ] }} ] }}"#
        )
    };
    let daemon = builder(&text("/here", "")).app("echo").start();
    let mut client = daemon.connect("/here");
    let apps = daemon.path().join("apps").display().to_string();
    let config = daemon.path().join("ringsocket.json");
    let moved = text("/there", r#""health_path": "/up","#).replace("{apps}", &apps);
    std::fs::write(&config, moved).unwrap();
    reload(&daemon);
    is_not_served(&daemon, "/here");
    daemon.connect("/there").close_cleanly();
    client.text("the same app").unwrap();
    client.expect_text("the same app");
    std::fs::write(&config, "{ nonsense").unwrap();
    let said = reload_badly(&daemon);
    assert!(said.contains("ringsocket.json"), "{said}");
    daemon.connect("/there").close_cleanly();
    daemon.stop_well();
}
