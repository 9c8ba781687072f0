//! How `systemctl reload` learns what came of it. A signal is answered by nobody, so the daemon writes
//! the outcome down in its runtime directory (`RuntimeDirectory=` of systemd.exec(5)), and
//! `ringsocket reload`, which is what systemd runs, waits for it there.
//! Not for: reloading (the server).
//!
//! The file says first when the reload began, in microseconds of CLOCK_MONOTONIC, which is the same for
//! all processes; so nobody takes the outcome of an earlier reload for his own. Then one line for each
//! thing that went wrong.

use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::sys::clock;

/// The file's name.
const NAME: &str = "reload";

/// Longer than any reload takes with sane waits.
const PATIENCE: Duration = Duration::from_secs(80);

/// How often the file is looked at.
const TICK: Duration = Duration::from_millis(20);

/// The runtime directory, if systemd has made one.
pub(super) fn directory() -> Option<PathBuf> {
    // Of several, separated by colons, the first.
    let all = std::env::var("RUNTIME_DIRECTORY").ok()?;
    let first = all.split(':').next().filter(|path| !path.is_empty())?;
    Some(PathBuf::from(first))
}

/// Writes down what came of a reload that was asked for at this time: nothing wrong, or these lines.
/// Where there is no runtime directory nobody waits for it.
///
/// # Errors
/// Those of writing a file.
pub fn write(asked: Duration, lines: &[String]) -> io::Result<()> {
    directory().map_or(Ok(()), |directory| write_to(&directory, asked, lines))
}

fn write_to(directory: &Path, asked: Duration, lines: &[String]) -> io::Result<()> {
    let (file, draft) = (directory.join(NAME), directory.join(".reload"));
    let mut text = format!("{}\n", asked.as_micros());
    for line in lines {
        text.push_str(&line.replace('\n', " "));
        text.push('\n');
    }
    std::fs::write(&draft, text)?;
    std::fs::rename(draft, file) // whoever reads finds all of it
}

/// Has the daemon of this process id reload, and waits for the outcome.
///
/// # Errors
/// Lines that say what went wrong.
pub fn ask(pid: u32) -> Result<(), Vec<String>> {
    let one = |line: String| Err(vec![line]);
    let Some(directory) = directory() else {
        return one("there is no RUNTIME_DIRECTORY: use `systemctl reload ringsocket`".to_owned());
    };
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return one(format!("{pid} is no process id"));
    };
    let now = clock::monotonic();
    if let Err(error) = kill_process(pid, Signal::HUP) {
        return one(format!("cannot signal process {}: {error}", pid.as_raw_nonzero()));
    }
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(lines) = outcome_since(&directory, now) {
            return if lines.is_empty() { Ok(()) } else { Err(lines) };
        }
        if test_kill_process(pid).is_err() {
            return one("the daemon has ended".to_owned());
        }
        thread::sleep(TICK);
    }
    one(format!("the daemon has not said what came of it in {PATIENCE:?}"))
}

/// What came of a reload that began no earlier than at `begin`, if one has come to its end.
fn outcome_since(directory: &Path, begin: Duration) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(directory.join(NAME)).ok()?;
    let mut lines = text.lines();
    let asked: u128 = lines.next()?.parse().ok()?;
    (asked >= begin.as_micros()).then(|| lines.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::Folder;

    #[test]
    fn nobody_hears_of_another_reload_than_his_own() {
        let folder = Folder::new("outcome");
        let at = Duration::from_micros;
        assert_eq!(outcome_since(folder.path(), at(0)), None);
        write_to(folder.path(), at(70), &["echo: it is\nbroken".to_owned()]).unwrap();
        assert_eq!(outcome_since(folder.path(), at(71)), None);
        let said = outcome_since(folder.path(), at(70));
        assert_eq!(said, Some(vec!["echo: it is broken".to_owned()]));
        write_to(folder.path(), at(90), &[]).unwrap();
        assert_eq!(outcome_since(folder.path(), at(71)), Some(Vec::new()));
    }
}
