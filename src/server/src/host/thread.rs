//! The thread of an app: takes the app's turns, and sleeps when there is nothing to do.

use std::sync::Arc;
use std::time::Duration;

use super::api::AppFault;
use super::app_loop::{AppLoop, Turn};
use super::context::Clock;
use crate::waker::Waker;

/// After so long without anything to do, memory that only a burst needed is given back.
const TRIM_AFTER: Duration = Duration::from_secs(1);

/// Runs an app to its end, on the thread that is to be its own. `ready` hears how `init` went.
pub fn run(
    mut app: AppLoop,
    waker: &Arc<Waker>,
    clock: Clock,
    ready: impl FnOnce(Result<(), AppFault>),
) {
    let result = app.init();
    ready(result);
    if let Err(fault) = result {
        return app.fail(fault);
    }
    let mut is_trimmed = true;
    loop {
        waker.note_turn();
        let timer = match app.turn() {
            Turn::Over => return,
            Turn::Busy => {
                is_trimmed = false;
                continue;
            }
            Turn::Idle(timer) => timer,
        };
        waker.sleeper().announce();
        // The second look: whoever published before the announcement did not wake us.
        if app.has_news() {
            waker.sleeper().retract();
            continue;
        }
        let timer = timer.map(|at| at.saturating_sub(clock()));
        if is_trimmed {
            waker.sleep(timer);
            continue;
        }
        waker.sleep(Some(timer.map_or(TRIM_AFTER, |timer| timer.min(TRIM_AFTER))));
        if !app.has_news() {
            app.trim();
            is_trimmed = true;
        }
    }
}
