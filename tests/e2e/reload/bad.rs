//! Configurations that cannot be used, and files that cannot be read: all stays as it was, and the
//! reason is told.

use super::*;

#[test]
fn a_configuration_that_cannot_be_used_changes_nothing() {
    let good = r#"{ "health_path": "/up", "max_ws_msg_size": 1000 }"#;
    let daemon = builder(good).app("echo").file("here", "no folder").start();
    let mut client = daemon.connect("/echo");
    for (text, why) in [
        (r#"{ "health_path": "/down", "#, "ringsocket.json:1:"),
        (r#"{ "health_path": "/down", "log_levle": "debug" }"#, "log_level"),
        (r#"{ "health_path": "/down", "max_ws_msg_size": 0 }"#, "`max_ws_msg_size` must be"),
        (
            r#"{ "health_path": "/down", "partial_budget": 65536 }"#,
            "`partial_budget` (65536) has no room",
        ),
        (
            r#"{ "health_path": "/down", "max_http_head_size": 65536, "max_http_header_c": 256,
                "inbound_ring_buf_size": 65536 }"#,
            "`inbound_ring_buf_size` (65536) is too small",
        ),
        (
            r#"{ "health_path": "/down", "fd_alloc_c": 16000000 }"#,
            "`fd_alloc_c` (16000000) is out of reach",
        ),
        (
            r#"{ "health_path": "/down", "ports": [ { "port_number": 1, "is_unencrypted": true } ] }"#,
            "`ports` of the configuration does not list",
        ),
        (
            r#"{ "health_path": "/down", "ports": [ { "port_number": {port},
                "is_unencrypted": true, "www_root": "{dir}/here" } ] }"#,
            "here is no folder",
        ),
    ] {
        configure(&daemon, text);
        let said = reload_badly(&daemon);
        assert!(said.contains(why), "{text}: {said}");
        assert_eq!((get(&daemon, "/up").status, get(&daemon, "/down").status), (200, 404), "{why}");
        echoes(&mut client, "as before");
        daemon.wait_log("the reload has failed, and all goes on as before");
    }
    client.binary(&[1; 1001]).unwrap();
    client.expect_close(1009);
    change(&daemon, good);
    daemon.connect("/echo").close_cleanly();
    daemon.stop_well();
}

#[test]
fn pages_that_cannot_be_read_fail_before_any_app_is_loaded() {
    let daemon = builder("{}").app("echo").start();
    let text = r#"{ "ports": [ { "port_number": {port}, "is_unencrypted": true,
        "www_root": "{dir}/www" } ] }"#;
    let large = daemon.path().join("www/large.html");
    std::fs::create_dir(daemon.path().join("www")).unwrap();
    std::fs::File::create(&large).unwrap().set_len((16 << 20) + 1).unwrap();
    install(&daemon, "new", "one", &[]);
    configure(&daemon, text);
    let said = reload_badly(&daemon);
    assert!(said.contains("www_root") && said.contains("large.html"), "{said}");
    assert!(!daemon.log().contains("new.so"), "it was not touched: {}", daemon.log());
    std::fs::remove_file(large).unwrap();
    reload(&daemon);
    connect_to(&daemon, "/new", "one").close_cleanly();
    daemon.stop_well();
}

/// Only a file that is not there has been removed.
#[test]
fn an_app_whose_file_cannot_be_read_goes_on() {
    let listed = r#"{ "apps": [ { "name": "app", "app_path": "{apps}/app.so" } ] }"#;
    for config in ["{}", listed] {
        let daemon = builder(config).c_app("tests/apps/version.c", &["VERSION=one"], "app").start();
        let mut client = connect_to(&daemon, "/app", "one");
        let file = daemon.path().join("apps/app.so");
        let ways: [(&str, &dyn Fn()); 3] = [
            ("regular file", &|| std::fs::create_dir(&file).unwrap()),
            ("regular file", &|| {
                let made = std::process::Command::new("mkfifo").arg(&file).status();
                assert!(made.unwrap().success());
            }),
            ("symbolic links", &|| std::os::unix::fs::symlink("app.so", &file).unwrap()),
        ];
        for (why, replace) in ways {
            if std::fs::remove_file(&file).is_err() {
                std::fs::remove_dir(&file).unwrap();
            }
            replace();
            let said = reload_badly(&daemon);
            assert!(said.contains("app: ") && said.contains(why), "{config}: {said}");
            expect_version(&mut client, "one");
            connect_to(&daemon, "/app", "one").close_cleanly();
        }
        remove(&daemon, "app");
        configure(&daemon, "{}");
        reload(&daemon);
        client.expect_text("draining 60000000");
        client.close_cleanly();
        daemon.stop_well();
    }
}
