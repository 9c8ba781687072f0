//! Catches a panic and tells its message and place, which only a panic hook gets to see.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::mem;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;
use std::thread;

/// What is known of a panic.
#[derive(Debug, Default)]
pub(crate) struct Panic {
    pub(crate) message: String,
    /// File and line, unless the hook was not called or is no longer ours.
    pub(crate) place: Option<(String, u32)>,
}

/// What the hook does with the panics of this thread.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Watch {
    /// Not in a callback: passes them on to the hook before.
    Off,
    /// In a callback: notes the first one.
    On,
    /// One lies in `NOTED`.
    Noted,
}

// Apart, since a thread-local that is to be dropped has its state looked at by each access, and a
// callback must not pay for a panic that it does not make.
thread_local! {
    static WATCH: Cell<Watch> = const { Cell::new(Watch::Off) };
    static NOTED: RefCell<Option<Panic>> = const { RefCell::new(None) };
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
    if WATCH.get() != Watch::On {
        return false;
    }
    let place = info.location().map(|place| (place.file().to_owned(), place.line()));
    let panic = Panic { message: message(info.payload()), place };
    let noted = NOTED.try_with(|noted| *noted.borrow_mut() = Some(panic));
    if noted.is_ok() {
        WATCH.set(Watch::Noted);
    }
    noted.is_ok()
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
    let (result, watch) = WATCH.with(|watch| {
        watch.set(Watch::On);
        // Whoever panicked is not called again: the server stops the app.
        let result = panic::catch_unwind(AssertUnwindSafe(body));
        (result, watch.replace(Watch::Off))
    });
    match (result, watch) {
        (Ok(value), Watch::Off | Watch::On) => Outcome::Returned(value),
        (result, watch) => recovered(result, watch),
    }
}

/// What [`catch`] returns where there was a panic.
#[cold]
fn recovered<R>(result: thread::Result<R>, watch: Watch) -> Outcome<R> {
    let noted = if watch == Watch::Noted { NOTED.take() } else { None };
    match (result, noted) {
        (Ok(value), Some(panic)) => Outcome::Recovered(value, panic),
        (Ok(value), None) => Outcome::Returned(value),
        (Err(payload), noted) => {
            // `resume_unwind` calls no hook, and an app may have set one of its own.
            let panic = noted.unwrap_or_else(|| Panic { message: message(&*payload), place: None });
            discard(payload);
            Outcome::Panicked(panic)
        }
    }
}

/// Drops something of the app's, whose `drop` may panic: there is nobody to tell but the panic hook.
pub(crate) fn contain<T>(thing: T) {
    if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(|| drop(thing))) {
        discard(payload);
    }
}

/// Drops a panic's payload, whose `drop` may panic in turn.
fn discard(payload: Box<dyn Any + Send>) {
    if let Err(next) = panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        // And so might this one's, without end.
        mem::forget(next);
    }
}
