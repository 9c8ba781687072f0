//! Tests of the queue and the log thread. They share the process's one log, hence the lock.

use super::*;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Instant;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A stream that keeps what is written, and lets nothing through until it is opened.
#[derive(Clone, Default)]
struct Gate(Arc<Shared>);

#[derive(Default)]
struct Shared {
    kept: Mutex<Kept>,
    opened: Condvar,
}

#[derive(Default)]
struct Kept {
    is_open: bool,
    bytes: Vec<u8>,
}

impl Gate {
    fn open(&self) {
        self.0.kept.lock().unwrap().is_open = true;
        self.0.opened.notify_all();
    }

    /// The lines of this test's own threads: tests of other modules log too.
    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.kept.lock().unwrap().bytes.clone()).unwrap();
        let own = text.lines().filter(|line| line.contains("log-test") || line.contains("lost"));
        own.map(str::to_owned).collect()
    }
}

impl io::Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let kept = self.0.kept.lock().unwrap();
        let mut kept = self.0.opened.wait_while(kept, |kept| !kept.is_open).unwrap();
        kept.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn lines_are_written_in_order_by_the_time_the_guard_is_dropped() {
    let _alone = alone();
    let gate = Gate::default();
    gate.open();
    let logger = start_with(Writer::Plain(Box::new(gate.clone()))).unwrap();
    for number in 0..100 {
        let fields = Fields { worker: Some(number), ..Fields::default() };
        notice(fields, format_args!("log-test {number}"));
    }
    drop(logger);
    let expected: Vec<String> =
        (0..100).map(|n| format!("notice: log-test {n} [worker={n}]")).collect();
    assert_eq!(gate.lines(), expected);
}

#[test]
fn a_stuck_journal_blocks_nobody_and_the_loss_is_counted() {
    let _alone = alone();
    let gate = Gate::default();
    let logger = start_with(Writer::Plain(Box::new(gate.clone()))).unwrap();
    let sent = QUEUE + 500;
    for number in 0..sent {
        error(Fields::default(), format_args!("log-test {number}"));
    }
    gate.open();
    drop(logger);
    let lines = gate.lines();
    let written = lines.iter().filter(|line| line.contains("log-test")).count();
    let lost: usize = lines
        .iter()
        .filter(|line| line.contains("lost"))
        .map(|line| line.split(' ').nth(1).unwrap().parse::<usize>().unwrap())
        .sum();
    assert!(written >= QUEUE, "{written} written");
    assert!(lost >= 499, "{lost} lost");
    // Other tests of this process may have lost a line of theirs to the same stuck queue.
    assert!(written + lost >= sent, "{written} written and {lost} lost of {sent}");
}

#[test]
fn less_important_lines_are_left_out() {
    let _alone = alone();
    let gate = Gate::default();
    gate.open();
    set_level(Level::Warning);
    let logger = start_with(Writer::Plain(Box::new(gate.clone()))).unwrap();
    assert!(enabled(Level::Warning) && !enabled(Level::Notice));
    notice(Fields::default(), format_args!("log-test quiet"));
    warning(Fields::default(), format_args!("log-test loud"));
    drop(logger);
    set_level(Level::default());
    assert_eq!(gate.lines(), ["warning: log-test loud"]);
}

#[test]
fn a_limited_event_says_how_often_it_was_passed_over() {
    let _alone = alone();
    let gate = Gate::default();
    gate.open();
    let logger = start_with(Writer::Plain(Box::new(gate.clone()))).unwrap();
    let limiter = Limiter::new(2, 3600);
    for number in 0..5 {
        limited(&limiter, Level::Warning, Fields::default(), format_args!("log-test {number}"));
    }
    drop(logger);
    assert_eq!(gate.lines(), ["warning: log-test 0", "warning: log-test 1"]);
}

#[test]
fn an_admitted_line_says_how_many_were_passed_over() {
    let _alone = alone();
    let gate = Gate::default();
    gate.open();
    let logger = start_with(Writer::Plain(Box::new(gate.clone()))).unwrap();
    let limiter = Limiter::with_suppressed(3);
    limited(&limiter, Level::Notice, Fields::default(), format_args!("log-test"));
    drop(logger);
    assert_eq!(gate.lines(), ["notice: log-test (3 more like this before)"]);
}

#[test]
fn a_journal_that_stays_stuck_does_not_keep_the_process_from_ending() {
    let _alone = alone();
    let gate = Gate::default();
    let logger = start_with(Writer::Plain(Box::new(gate.clone()))).unwrap();
    error(Fields::default(), format_args!("log-test stuck"));
    drop(logger); // would wait for ever
    assert_eq!(gate.lines(), [""; 0]);
    gate.open();
    // What a thread counts as lost must not be taken from the test that comes next.
    let start = Instant::now();
    while Arc::strong_count(&gate.0) > 1 {
        assert!(start.elapsed() < Duration::from_secs(20), "the log thread does not end");
        thread::yield_now();
    }
}

#[test]
fn there_is_one_log_thread_at_a_time() {
    let _alone = alone();
    let gate = Gate::default();
    gate.open();
    let logger = start_with(Writer::Plain(Box::new(gate.clone()))).unwrap();
    let second = start_with(Writer::stderr());
    assert_eq!(second.unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    error(Fields::default(), format_args!("log-test still the first"));
    drop(logger);
    assert_eq!(gate.lines(), ["error: log-test still the first"]);
}

#[test]
fn logging_goes_on_without_a_log_thread() {
    let _alone = alone();
    let gate = Gate::default();
    gate.open();
    drop(start_with(Writer::Plain(Box::new(gate.clone()))).unwrap());
    error(Fields::default(), format_args!("log-test: this line is on stderr"));
    assert_eq!(gate.lines(), [""; 0]);
}

#[test]
fn names_and_numbers_of_levels() {
    for level in Level::ALL {
        assert_eq!(level.name().parse(), Ok(level));
        assert_eq!(Level::from_syslog(level as i32), level);
    }
    assert_eq!("warn".parse::<Level>(), Err(()));
    assert_eq!([0, -5, 99].map(Level::from_syslog), [Level::Error, Level::Error, Level::Debug]);
}

#[test]
fn macros_take_fields_of_any_fitting_type_and_evaluate_nothing_in_vain() {
    use crate::log;
    let _alone = alone();
    let gate = Gate::default();
    gate.open();
    let logger = start_with(Writer::Plain(Box::new(gate.clone()))).unwrap();
    let (number, peer) = (7, std::net::Ipv4Addr::LOCALHOST);
    log::error!("log-test {number}");
    log::warning!(worker: 3_u8, peer: peer, "log-test {}", 1);
    log::notice!(app: String::from("echo"), client: 1_u64, "log-test {x}", x = 2,);
    log::info!(worker: never(), "log-test {}", never());
    log::debug!("log-test {}", never());
    for number in 0..7 {
        log::limited!(Level::Notice, worker: 1_usize, "log-test {number}");
    }
    log::limited!(Level::Notice, "log-test another place");
    drop(logger);
    let expected = [
        "error: log-test 7",
        "warning: log-test 1 [worker=3 peer=127.0.0.1]",
        "notice: log-test 2 [app=echo client=0000000000000001]",
        "notice: log-test 0 [worker=1]",
        "notice: log-test 1 [worker=1]",
        "notice: log-test 2 [worker=1]",
        "notice: log-test 3 [worker=1]",
        "notice: log-test 4 [worker=1]",
        "notice: log-test another place",
    ];
    assert_eq!(gate.lines(), expected);
}

fn never() -> usize {
    unreachable!("a line of this level is not logged")
}
