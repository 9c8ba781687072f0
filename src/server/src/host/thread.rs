//! The thread of an app: takes the app's turns, and sleeps when there is nothing to do.

use std::time::Duration;

use super::api::AppFault;
use super::app_loop::{AppLoop, Turn};
use super::context::Clock;
use super::post::{Post, Rest};
use crate::message::TakenUp;

/// After so long without anything to do, memory that only a burst needed is given back.
const TRIM_AFTER: Duration = Duration::from_secs(1);

/// Runs an app to its end, on the thread that is to be its own. `ready` hears how `init` went; after
/// that the app takes up the clients that have lived on over a restart, if that is how it begins.
pub fn run(
    mut app: Box<AppLoop>,
    post: &Post,
    clock: Clock,
    taken_up: Option<TakenUp>,
    ready: impl FnOnce(Result<(), AppFault>),
) {
    let result = app.init();
    ready(result);
    if let Err(fault) = result {
        return app.fail(fault);
    }
    if let Some(taken_up) = taken_up {
        app.restore(taken_up);
    }
    let mut look_at = None;
    loop {
        post.waker().note_turn();
        if post.waker().take_shedding() {
            app.shed();
        }
        let timer = match app.turn() {
            Turn::Over => return,
            Turn::Busy if post.is_asked_for(&app) => {
                let now = clock();
                look_at.get_or_insert(now.saturating_add(TRIM_AFTER));
                let until = [app.timer(), look_at].into_iter().flatten().min();
                app = sleep(post.cede(app, until), post, until, now);
                continue;
            }
            Turn::Busy => continue,
            Turn::Idle(timer) => timer,
        };
        let mut now = clock();
        if look_at.is_none_or(|at| at <= now) {
            look_at = app.trim(TRIM_AFTER);
            now = clock();
        }
        let until = [timer, look_at].into_iter().flatten().min();
        app = sleep(post.lie_down(post.leave(app, until)), post, until, now);
    }
}

/// Sleeps until `until`, if that is how it is. Meanwhile workers may have the app.
fn sleep(mut rest: Rest, post: &Post, until: Option<Duration>, now: Duration) -> Box<AppLoop> {
    let mut timeout = until.map(|at| at.saturating_sub(now));
    loop {
        match rest {
            Rest::Awake(app) => return app,
            Rest::Asleep(bed) => {
                post.waker().sleep(timeout.take());
                rest = post.rise(bed);
            }
        }
    }
}
