//! Apps made with `RS_APP` and with `ringsocket.hpp` take leave when they are replaced.

use super::*;

const APPS: [(&str, bool); 2] =
    [("tests/apps/leaves.c", false), ("tests/apps/cpp-leaves.cpp", true)];

fn install_of(daemon: &Daemon, (source, is_cpp): (&str, bool), version: &str, define: &str) {
    let to = daemon.path().join("next.so");
    let defines = [format!("VERSION={version}"), define.to_owned()];
    let defines: Vec<_> = defines.iter().map(String::as_str).collect();
    match is_cpp {
        true => apps::compile_cpp(&[source], &defines, &to),
        false => apps::compile_c(&[source], &defines, &to),
    }
    std::fs::rename(to, daemon.path().join("apps/app.so")).expect("installing an app");
}

#[test]
fn an_app_in_c_or_cpp_takes_leave_of_its_clients() {
    for app in APPS {
        let daemon = builder("{}").app("echo").start();
        install_of(&daemon, app, "one", "NONE");
        reload(&daemon);
        let mut early = connect_to(&daemon, "/app", "one");
        let mut late = connect_to(&daemon, "/app", "one");
        early.text("early").unwrap();
        early.expect_text("early");
        install_of(&daemon, app, "two", "NONE");
        reload(&daemon);
        for client in [&mut early, &mut late] {
            client.expect_text("draining 60000000");
        }
        assert_eq!(early.expect_close(4000), "you wanted it");
        early.close(4000, "").unwrap();
        expect_version(&mut late, "one");
        connect_to(&daemon, "/app", "two").close_cleanly();
        late.close_cleanly();
        wait_for_app_threads(&daemon, 2);
        daemon.stop_well();
    }
}

#[test]
fn a_fault_while_it_takes_leave_is_that_of_the_old_app_alone() {
    for (app, why) in APPS.into_iter().zip([
        "rs_to_cur() must not be called from an RS_DRAIN callback",
        "`drain` threw a Rejection where there is no client: nobody",
    ]) {
        let daemon = builder("{}").start();
        install_of(&daemon, app, "one", "MISUSE");
        reload(&daemon);
        let mut client = connect_to(&daemon, "/app", "one");
        install_of(&daemon, app, "two", "NONE");
        reload(&daemon);
        client.expect_text("draining 60000000");
        client.expect_close(1011);
        client.close(1011, "").unwrap();
        daemon.wait_log(why);
        connect_to(&daemon, "/app", "two").close_cleanly();
        daemon.stop_well();
    }
}

/// Of which several copies are loaded at a time: as told in `docs/cpp-apps.md`.
#[test]
fn versions_of_an_app_in_cpp_share_no_variables() {
    let daemon = builder("{}").start();
    for version in ["one", "two"] {
        install_of(&daemon, APPS[1], version, "NONE");
        reload(&daemon);
        let mut client = connect_to(&daemon, "/app", version);
        client.text("count").unwrap();
        client.expect_text("1");
    }
    daemon.stop_well();
}
