//! Resident memory of the daemon: before any connection, and for each idle one, by what was agreed on
//! about compression. Each figure comes from a daemon of its own.

use std::io;
use std::time::Duration;

use ringsocket_tests::daemon::Builder;
use ringsocket_tests::process;

use super::{Bench, progress};
use crate::dial::Dial;
use crate::figures::Memory;
use crate::load::idle::{self, Past};
use crate::url::Url;

/// Title, `deflate_takeover`, and whether compression is offered.
const KINDS: [(&str, &str, bool); 3] = [
    (PLAIN, "none", false),
    ("an idle connection with permessage-deflate", "none", true),
    ("an idle connection, both contexts taken over", "both", true),
];

/// What the goals are about.
pub(crate) const AT_START: &str = "before any connection: 2 workers, 2 apps";
/// Likewise.
pub(crate) const PLAIN: &str = "an idle connection that has exchanged messages";

/// More than these show no other figure.
const MOST: usize = 5000;
/// What a connection does before it falls silent.
const PAST: Past = Past { messages: 3, size: 1024, compressed: false };
/// Until what is given back at all has been given back.
const REST: Duration = Duration::from_secs(1);

pub(super) fn run(bench: &Bench) -> io::Result<Vec<Memory>> {
    progress("memory");
    let daemon = Builder::new().app("echo").app("chat").config(r#"{ "worker_c": 2 }"#).start();
    std::thread::sleep(REST);
    let at_start = process::resident(daemon.pid())? as f64;
    daemon.stop_well();
    let mut memory = vec![Memory { what: AT_START, bytes: at_start }];
    for (what, takeover, compressed) in KINDS {
        progress(&format!("memory: {what}"));
        let bytes = idle_connection(bench, takeover, compressed)?;
        memory.push(Memory { what, bytes });
    }
    progress("");
    Ok(memory)
}

fn idle_connection(bench: &Bench, takeover: &str, compressed: bool) -> io::Result<f64> {
    let connections = bench.crowd.min(MOST);
    let config = format!(
        r#"{{ "fd_alloc_c": {0}, "deflate_takeover_c": {0}, "deflate_takeover": "{takeover}",
              "ping_wait": 0 }}"#,
        connections + 8
    );
    let daemon = Builder::new().app("echo").config(&config).start();
    let past = Past { compressed, ..PAST };
    // So that what there is once, above all the pages of the rings, is there before.
    let dial = Dial::plain(Url::new(daemon.address(), "/echo"));
    drop(idle::open(&dial, Past { messages: 4096, ..past })?);
    let before = process::resident(daemon.pid())?;
    let held = (0..connections).map(|_| idle::open(&dial, past)).collect::<io::Result<Vec<_>>>()?;
    std::thread::sleep(REST);
    let grown = process::resident(daemon.pid())?.saturating_sub(before);
    let each = grown as f64 / held.len() as f64;
    drop(held);
    daemon.stop_well();
    Ok(each)
}
