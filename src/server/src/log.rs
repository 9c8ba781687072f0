//! The log: one line per event, with fields, to the journal or to stderr.
//! Not for: counting messages (a metric), or anything per message: a line costs an allocation.
//!
//! A thread that serves connections must never wait for journald. So it puts an owned record into
//! a bounded queue and goes on; one log thread writes. When the queue is full the record is
//! dropped and counted, and the log says how many were lost. Before [`start`] and after the
//! [`Logger`] is gone, lines are written by the caller's own thread.
//!
//! Within the daemon, the macros of the same names are shorter:
//! `log::info!(worker: 3, peer: address, "closed with {code}")`; `log::limited!` has a [`Limiter`]
//! of its own at each place where it stands.

pub mod id;
mod limiter;
pub(crate) mod macros;
mod writer;

use std::fmt;
use std::panic::Location;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{PoisonError, RwLock};
use std::thread;
use std::time::Duration;

pub use limiter::Limiter;
#[allow(unused_imports, reason = "see there")]
pub(crate) use macros::{debug, error, info, limited, notice, warning};
use writer::{Record, Writer};

/// Records that may wait for the log thread.
const QUEUE: usize = 4096;
/// How long the end of the process may wait for the last lines to be written.
const FLUSH_WAIT: Duration = Duration::from_secs(2);

/// Importance, as the original names it, with the values of syslog(3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Level {
    /// Something failed and somebody should act.
    Error = 3,
    /// Something is not as it should be.
    Warning = 4,
    /// Normal, but worth a line: start, stop, reload.
    #[default]
    Notice = 5,
    /// Normal and frequent, such as a refused request.
    Info = 6,
    /// For those who look for a fault.
    Debug = 7,
}

impl Level {
    /// All levels, the most important one first.
    pub const ALL: [Level; 5] =
        [Level::Error, Level::Warning, Level::Notice, Level::Info, Level::Debug];

    /// The name in the configuration and in lines.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Notice => "notice",
            Level::Info => "info",
            Level::Debug => "debug",
        }
    }

    /// The level of a syslog(3) priority: those above `error` count as it, those below `debug`
    /// too.
    pub const fn from_syslog(priority: i32) -> Self {
        match priority {
            i32::MIN..=3 => Level::Error,
            4 => Level::Warning,
            5 => Level::Notice,
            6 => Level::Info,
            7.. => Level::Debug,
        }
    }
}

impl FromStr for Level {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Level::ALL.into_iter().find(|level| level.name() == name).ok_or(())
    }
}

/// A place in an app's source, reported by the app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Code<'a> {
    /// File name.
    pub file: &'a str,
    /// Line, counted from 1.
    pub line: u32,
    /// Function, or empty.
    pub func: &'a str,
}

/// What a line is about; everything may be left out.
#[derive(Clone, Copy, Default)]
pub struct Fields<'a> {
    /// `MESSAGE_ID=`: what kind of line it is, for the journal's catalog.
    pub id: Option<id::MessageId>,
    /// `RINGSOCKET_APP=`: the app's name.
    pub app: Option<&'a str>,
    /// `RINGSOCKET_WORKER=`: the worker's number.
    pub worker: Option<usize>,
    /// `RINGSOCKET_CLIENT=`: the client's id.
    pub client: Option<u64>,
    /// `RINGSOCKET_PEER=`: the address the client came from.
    pub peer: Option<&'a dyn fmt::Display>,
    /// `CODE_FILE=`, `CODE_LINE=`, `CODE_FUNC=`; without it, the file and line of the call.
    pub code: Option<Code<'a>>,
}

/// The least important level that is logged, as syslog's number.
static LEVEL: AtomicU8 = AtomicU8::new(Level::Notice as u8);
/// The queue to the log thread, while there is one.
static SENDER: RwLock<Option<SyncSender<Record>>> = RwLock::new(None);
/// Records that found the queue full and were not reported yet.
static DROPPED: AtomicU64 = AtomicU64::new(0);
/// Whether the log thread did not come to its end in time.
static IS_STUCK: AtomicBool = AtomicBool::new(false);

/// Whether lines of `level` are logged: one relaxed load, cheap enough for any path.
#[inline]
pub fn enabled(level: Level) -> bool {
    level as u8 <= LEVEL.load(Ordering::Relaxed)
}

/// The least important level that is logged.
pub fn level() -> Level {
    Level::from_syslog(i32::from(LEVEL.load(Ordering::Relaxed)))
}

/// Sets which lines are logged: `level` and everything more important.
pub fn set_level(level: Level) {
    LEVEL.store(level as u8, Ordering::Relaxed);
}

/// Logs a line at `level`. Never waits for the log thread; control characters are escaped.
#[track_caller]
pub fn write(level: Level, fields: Fields<'_>, text: fmt::Arguments<'_>) {
    if !enabled(level) {
        return;
    }
    let record = Record::new(level, fields, text, Location::caller());
    // Writers hold this lock for an instant at start and stop, so readers do not wait.
    let sender = SENDER.read().unwrap_or_else(PoisonError::into_inner);
    match &*sender {
        Some(sender) => match sender.try_send(record) {
            Ok(()) => {}
            Err(mpsc::TrySendError::Full(_)) => {
                DROPPED.fetch_add(1, Ordering::Relaxed);
            }
            Err(mpsc::TrySendError::Disconnected(record)) => Writer::stderr().write(&record),
        },
        None => fallback().write(&record),
    }
}

/// Where lines go while there is no log thread: the ends of it are as important as the middle. To a
/// journal that has just kept a whole log thread waiting nobody writes himself.
fn fallback() -> Writer {
    if IS_STUCK.load(Ordering::Relaxed) { Writer::stderr() } else { Writer::detect() }
}

/// Lets the macros take a worker or a client by any type that is one.
#[doc(hidden)]
pub fn into<T, U: From<T>>(value: T) -> U {
    value.into()
}

/// Logs at [`Level::Error`].
#[track_caller]
pub fn error(fields: Fields<'_>, text: fmt::Arguments<'_>) {
    write(Level::Error, fields, text);
}

/// Logs at [`Level::Warning`].
#[track_caller]
pub fn warning(fields: Fields<'_>, text: fmt::Arguments<'_>) {
    write(Level::Warning, fields, text);
}

/// Logs at [`Level::Notice`].
#[track_caller]
pub fn notice(fields: Fields<'_>, text: fmt::Arguments<'_>) {
    write(Level::Notice, fields, text);
}

/// Logs at [`Level::Info`].
#[track_caller]
pub fn info(fields: Fields<'_>, text: fmt::Arguments<'_>) {
    write(Level::Info, fields, text);
}

/// Logs at [`Level::Debug`].
#[track_caller]
pub fn debug(fields: Fields<'_>, text: fmt::Arguments<'_>) {
    write(Level::Debug, fields, text);
}

/// Logs an event that a stranger can repeat at will, as often as `limiter` admits; the next line
/// that is admitted says how many were not.
#[track_caller]
pub fn limited(limiter: &Limiter, level: Level, fields: Fields<'_>, text: fmt::Arguments<'_>) {
    if !enabled(level) {
        return;
    }
    match limiter.admit() {
        None => {}
        Some(0) => write(level, fields, text),
        Some(more) => write(level, fields, format_args!("{text} ({more} more like this before)")),
    }
}

/// Keeps the log thread; dropping it writes what is queued (for 2 s at most) and ends the thread.
#[must_use = "the log thread ends when this is dropped"]
#[derive(Debug)]
pub struct Logger {
    done: Receiver<()>,
}

/// Starts the log thread.
///
/// Call it before other threads start, as it reads the environment (`JOURNAL_STREAM`), and after
/// `systemd::inherited::take`, which changes the environment.
///
/// # Errors
/// If the thread cannot be made, or if there is one already.
pub fn start(level: Level) -> std::io::Result<Logger> {
    set_level(level);
    start_with(Writer::detect())
}

fn start_with(writer: Writer) -> std::io::Result<Logger> {
    let mut slot = SENDER.write().unwrap_or_else(PoisonError::into_inner);
    if slot.is_some() {
        return Err(std::io::ErrorKind::AlreadyExists.into());
    }
    let (sender, receiver) = mpsc::sync_channel(QUEUE);
    let (finished, done) = mpsc::channel();
    thread::Builder::new().name("log".into()).spawn(move || {
        run(&receiver, writer);
        let _ = finished.send(()); // nobody may be waiting any more
    })?;
    *slot = Some(sender);
    Ok(Logger { done })
}

/// The log thread: until no sender is left and the queue is empty.
fn run(records: &Receiver<Record>, mut writer: Writer) {
    for record in records {
        writer.write(&record);
        report_dropped(&mut writer);
    }
    report_dropped(&mut writer);
}

fn report_dropped(writer: &mut Writer) {
    // Read before the swap: mostly there is nothing, and the cache line stays shared.
    if DROPPED.load(Ordering::Relaxed) == 0 {
        return;
    }
    let lost = DROPPED.swap(0, Ordering::Relaxed);
    writer.write(&Record::new(
        Level::Warning,
        Fields { id: Some(id::LINES_LOST), ..Fields::default() },
        format_args!("{lost} log lines were lost: more came than could be written"),
        Location::caller(),
    ));
}

impl Drop for Logger {
    fn drop(&mut self) {
        let sender = SENDER.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(sender);
        if let Err(RecvTimeoutError::Timeout) = self.done.recv_timeout(FLUSH_WAIT) {
            IS_STUCK.store(true, Ordering::Relaxed);
            Writer::stderr().write(&Record::new(
                Level::Warning,
                Fields::default(),
                format_args!("the log did not take its last lines in {FLUSH_WAIT:?}"),
                Location::caller(),
            ));
        }
    }
}

#[cfg(test)]
mod tests;
