//! Reload after reload: nothing is left behind but libraries, which can never be unloaded.

use ringsocket_tests::process;

use super::*;

/// Waits until so many private copies of libraries are open: the main thread closes those of apps that
/// have ended when it comes round to it.
#[track_caller]
fn wait_for_copies(daemon: &Daemon, count: usize) {
    let copies = || {
        let folder = std::fs::read_dir(format!("/proc/{}/fd", daemon.pid())).unwrap();
        let links = folder.filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok());
        links.filter(|link| link.to_string_lossy().starts_with("/memfd:app")).count()
    };
    let start = Instant::now();
    while copies() != count {
        assert!(start.elapsed() < Duration::from_secs(20), "{} copies", copies());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_version_may_be_replaced_while_others_drain() {
    let daemon = builder(r#"{ "shutdown_wait_ws": 1 }"#).start();
    let mut clients = Vec::new();
    for number in 0..19 {
        let version = format!("v{number}");
        install(&daemon, "app", &version, &[]);
        reload(&daemon);
        clients.push(connect_to(&daemon, "/app", &version));
    }
    // The last one serves, 16 before it drain, and the first two had to go for them.
    for client in &mut clients[..2] {
        client.expect_text("draining 60000000");
        client.expect_close(1012);
        client.close(1012, "").unwrap();
    }
    for (number, client) in clients[2..18].iter_mut().enumerate() {
        client.expect_text("draining 60000000");
        expect_version(client, &format!("v{}", number + 2));
    }
    expect_version(&mut clients[18], "v18");
    wait_for_app_threads(&daemon, 17);
    daemon.stop_well();
}

#[test]
fn a_hundred_reloads_leave_neither_threads_nor_descriptors_nor_memory() {
    const APP_C: usize = 10;
    let daemon = builder(r#"{ "worker_c": 2 }"#).sockets_of_one_port(2).start();
    let replace_all = |version: &str| {
        for app in 0..APP_C {
            let name = format!("app{app}");
            install(&daemon, &name, &format!("{version}_{app}"), &[]);
        }
        reload(&daemon);
        for app in 0..APP_C {
            let target = format!("/app{app}");
            connect_to(&daemon, &target, &format!("{version}_{app}")).close_cleanly();
        }
        wait_for_app_threads(&daemon, APP_C);
        wait_for_copies(&daemon, APP_C);
    };
    replace_all("first");
    replace_all("second");
    let pid = daemon.pid();
    let descriptors = process::descriptors(pid).unwrap();
    let before = process::resident(pid).unwrap();
    for round in 0..8 {
        replace_all(&format!("v{round}"));
    }
    for _ in 0..90 {
        reload(&daemon);
    }
    wait_for_app_threads(&daemon, APP_C);
    assert_eq!(process::descriptors(pid).unwrap(), descriptors);
    // 80 libraries of which each has some pages of its own, and no rings: those take 2 MiB each as
    // soon as they are full, and some pages at once.
    let grown = process::resident(pid).unwrap().saturating_sub(before);
    assert!(grown < 80 * 128 * 1024, "{grown} bytes");
    daemon.stop_well();
}
