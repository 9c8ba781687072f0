//! Replacement under load: clients of other apps lose nothing, and those of the replaced app get an
//! answer to everything they say.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;

/// Says one numbered text after another, and holds that each comes back, until told to stop. Any
/// `draining` in between is counted.
fn talk(client: &mut Client, is_over: &AtomicBool, said: &AtomicUsize) {
    let mut number = 0_usize;
    while !is_over.load(Ordering::Relaxed) {
        let texts: Vec<_> = (number..number + 4).map(|number| format!("text {number}")).collect();
        texts.iter().for_each(|text| client.text(text).unwrap());
        for text in &texts {
            let mut answer = client.receive_text();
            if answer.starts_with("draining") {
                answer = client.receive_text();
            }
            assert_eq!(answer, *text);
        }
        number += texts.len();
        said.fetch_add(texts.len(), Ordering::Relaxed);
    }
}

fn replace_under_load(threads: &str, flags: &str) {
    let app = |name: &str| {
        format!(
            r#"{{ "name": "{name}", "app_path": "{{apps}}/{name}.so", "threads": "{threads}" }}"#
        )
    };
    let config = format!(r#"{{ "worker_c": 3, "apps": [ {}, {} ] }}"#, app("echo"), app("app"));
    let daemon = builder(&config)
        .app("echo")
        .c_app("tests/apps/version.c", &["VERSION=v0", flags], "app")
        .sockets_of_one_port(3)
        .start();
    let (is_over, said) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let (is_over, said, daemon) = (&is_over, &said, &daemon);
        for target in ["/echo", "/app"] {
            for _ in 0..4 {
                scope.spawn(move || talk(&mut daemon.connect(target), is_over, said));
            }
        }
        // Whatever fails here, the others must end.
        struct End<'a>(&'a AtomicBool);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let _end = End(is_over);
        for round in 1..4 {
            let version = format!("v{round}");
            install(daemon, "app", &version, &[flags]);
            reload(daemon);
            // The other worker's listeners too.
            for _ in 0..6 {
                connect_to(daemon, "/app", &version).close_cleanly();
            }
            scope.spawn(move || talk(&mut daemon.connect("/app"), is_over, said));
        }
    });
    assert!(said.load(Ordering::Relaxed) > 1000, "{said:?} messages are no load");
    wait_for_app_threads(&daemon, 2);
    daemon.stop_well();
}

#[test]
fn on_threads_of_workers() {
    replace_under_load("any", "VERSION_FLAGS=RS_APP_ANY_THREAD");
}

#[test]
fn on_threads_of_their_own() {
    replace_under_load("own", "VERSION_FLAGS=RS_APP_ANY_THREAD");
}
