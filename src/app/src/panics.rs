//! Catches a panic and tells its message and place, which only a panic hook gets to see.

use std::any::Any;
use std::cell::RefCell;
use std::mem;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

/// What is known of a panic.
#[derive(Debug, Default)]
pub(crate) struct Panic {
    pub(crate) message: String,
    /// File and line, unless the hook was not called or is no longer ours.
    pub(crate) place: Option<(String, u32)>,
}

/// What the hook does with the panics of this thread.
enum Watch {
    /// Not in a callback: passes them on to the hook before.
    Off,
    /// In a callback: notes the first one.
    On,
    Noted(Panic),
}

thread_local! {
    static WATCH: RefCell<Watch> = const { RefCell::new(Watch::Off) };
}

/// Has the hook called, from now on, for all panics of this library.
///
/// A cdylib carries a standard library of its own, so the hook is the app's own. Panics of threads
/// that are not in a callback go on to the hook that was there before.
pub(crate) fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = panic::take_hook();
        let backtrace = std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0");
        panic::set_hook(Box::new(move |info| {
            // Who asked for backtraces gets one, on the standard error.
            if !note(info) || backtrace {
                before(info);
            }
        }));
    });
}

/// Notes a panic if this thread is in a callback; false if it is not, or has panicked already.
fn note(info: &PanicHookInfo<'_>) -> bool {
    let noted = WATCH.try_with(|watch| {
        let mut watch = watch.try_borrow_mut().ok()?;
        matches!(*watch, Watch::On).then(|| {
            let place = info.location().map(|place| (place.file().to_owned(), place.line()));
            *watch = Watch::Noted(Panic { message: message(info.payload()), place });
        })
    });
    matches!(noted, Ok(Some(())))
}

fn message(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without a message".to_owned()
    }
}

/// How `body` of [`catch`] ended.
#[derive(Debug)]
pub(crate) enum Outcome<R> {
    Returned(R),
    /// It returned, but caught a panic itself.
    Recovered(R, Panic),
    Panicked(Panic),
}

/// Runs `body` and catches its panic.
pub(crate) fn catch<R>(body: impl FnOnce() -> R) -> Outcome<R> {
    WATCH.set(Watch::On);
    // Whoever panicked is not called again: the server stops the app.
    let result = panic::catch_unwind(AssertUnwindSafe(body));
    let noted = WATCH.replace(Watch::Off);
    match (result, noted) {
        (Ok(value), Watch::Noted(panic)) => Outcome::Recovered(value, panic),
        (Ok(value), _) => Outcome::Returned(value),
        (Err(payload), noted) => {
            let panic = match noted {
                Watch::Noted(panic) => panic,
                // `resume_unwind` calls no hook, and an app may have set one of its own.
                _ => Panic { message: message(&*payload), place: None },
            };
            discard(payload);
            Outcome::Panicked(panic)
        }
    }
}

/// Drops a panic's payload, whose `drop` may panic in turn.
fn discard(payload: Box<dyn Any + Send>) {
    if let Err(next) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        // And so might this one's, without end.
        mem::forget(next);
    }
}
