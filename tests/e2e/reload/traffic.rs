//! Reloads amid traffic: no connection is lost, and none stalls.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;

/// Sends texts of all sizes in flights, and holds that each comes back, until told to stop.
fn talk(client: &mut Client, is_over: &AtomicBool, said: &AtomicUsize) {
    let texts: Vec<_> = (0..8).map(|at| "ab".repeat(1 << (at * 2))).collect();
    while !is_over.load(Ordering::Relaxed) {
        texts.iter().for_each(|text| client.text(text).unwrap());
        texts.iter().for_each(|text| client.expect_text(text));
        said.fetch_add(texts.len(), Ordering::Relaxed);
    }
}

#[test]
fn nobody_loses_anything_to_reloads_that_change_everything() {
    let text = |odd: bool| {
        let (size, budget, buffer) =
            if odd { (40_000, 262_144, 4096) } else { (1 << 20, 8 << 20, 1 << 20) };
        format!(
            r#"{{ "worker_c": 2, "max_ws_msg_size": {size}, "worker_rbuf_size": {buffer},
            "inbound_block_budget": {budget}, "ping_wait": {}, "max_ws_msg_rate": {},
            "deflate_level": {}, "max_backpressure": {}, "fd_alloc_c": {}, "log_level": "{}" }}"#,
            u8::from(odd),
            if odd { 1_000_000 } else { 0 },
            u8::from(odd),
            if odd { 65_536 } else { 4 << 20 },
            if odd { 100 } else { 1000 },
            if odd { "info" } else { "notice" },
        )
    };
    let daemon = builder(&text(false)).app("echo").sockets_of_one_port(2).start();
    let (is_over, said) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let (is_over, said, daemon) = (&is_over, &said, &daemon);
        for _ in 0..6 {
            scope.spawn(move || {
                let mut client = daemon.connect("/echo");
                talk(&mut client, is_over, said);
                client.close_cleanly();
            });
        }
        // Whatever fails here, the others must end.
        struct End<'a>(&'a AtomicBool);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let _end = End(is_over);
        for round in 1..=30 {
            let before = said.load(Ordering::Relaxed);
            change(daemon, &text(round % 2 == 1));
            daemon.connect("/echo").close_cleanly();
            let start = std::time::Instant::now();
            while said.load(Ordering::Relaxed) < before + 64 {
                assert!(start.elapsed().as_secs() < 20, "round {round}: traffic stalls");
                std::thread::yield_now();
            }
        }
    });
    let log = daemon.stop_well().log;
    assert!(log.contains("violations 0,") && log.contains("too slow 0,"), "{log}");
}
