//! Several apps that come at once, and several reloads: none has to suffer for another.

use super::*;

#[test]
fn an_app_is_served_though_one_that_came_with_it_is_not() {
    let daemon = builder(r#"{ "init_wait": 2 }"#).app("echo").start();
    let mut bystander = daemon.connect("/echo");
    // They get numbers in the order of their names: one is left out, then one that was left out is
    // given to another.
    install(&daemon, "bad", "one", &["VERSION_INIT_FAILS"]);
    install(&daemon, "good", "one", &[]);
    let said = reload_badly(&daemon);
    assert!(said.contains("bad: "), "{said}");
    connect_to(&daemon, "/good", "one").close_cleanly();
    install(&daemon, "bad", "two", &[]);
    install(&daemon, "worse", "two", &["VERSION_INIT_HANGS=4"]);
    install(&daemon, "yet", "two", &[]);
    let said = reload_badly(&daemon);
    assert!(said.contains("worse: "), "{said}");
    for (target, version) in [("/bad", "two"), ("/good", "one"), ("/yet", "two")] {
        connect_to(&daemon, target, version).close_cleanly();
    }
    bystander.text("unharmed").unwrap();
    bystander.expect_text("unharmed");
    bystander.close_cleanly();
    daemon.stop_well();
}

#[test]
fn apps_that_take_unequally_long_to_start_come_together() {
    let daemon = builder("{}").start();
    install(&daemon, "first", "one", &["VERSION_INIT_HANGS=1"]);
    install(&daemon, "second", "one", &[]);
    reload(&daemon);
    for target in ["/first", "/second"] {
        connect_to(&daemon, target, "one").close_cleanly();
    }
    daemon.stop_well();
}

#[test]
fn each_of_two_reloads_at_once_hears_what_is_wrong() {
    let daemon = builder("{}").start();
    std::fs::write(daemon.path().join("ringsocket.json"), "{ nonsense").unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let said = reload_badly(&daemon);
                    assert!(said.contains("ringsocket.json"), "{said}");
                }
            });
        }
    });
    daemon.stop_well();
}
