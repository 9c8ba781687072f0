//! The line that `systemctl status` shows: what the daemon is doing, and how far it is.
//! Not for: telling it to systemd (`systemd::notify`), or when a state begins and ends.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::roster::Resident;
use super::supervised::Supervised;
use super::supervisor::{Supervisor, tell};
use crate::counted::counted;
use crate::systemd::notify;
use crate::worker::counters;

/// No two lines follow each other faster: connections come and go by the thousand.
const PACE: Duration = Duration::from_millis(200);

/// Bytes of the reason why an app is not there that the line has room for.
const REASON_MAX: usize = 100;

/// Names that the line has room for.
const NAMES_MAX: usize = 8;

/// Of one that is over: what was told last before would stay there.
pub(super) const STOPPED: &str = "Stopped";

/// The line as systemd has it.
pub(super) struct Status {
    line: String,
    since: Instant,
}

impl Status {
    /// One that systemd was told already.
    pub(super) fn told(line: String) -> Self {
        Self { line, since: Instant::now() }
    }

    /// Tells systemd if the line is another one, and not too soon; then a later call will.
    pub(super) fn update(&mut self, line: String) {
        if line != self.line && self.since.elapsed() >= PACE {
            tell(notify::status(&line));
            *self = Self::told(line);
        }
    }
}

/// Of one whose connections are about to be left to the next process.
pub(super) fn parking(connection_c: usize) -> String {
    format!("Parking {}", counted(connection_c, "connection"))
}

/// Of one that takes up what the process before it has left.
pub(super) fn taking_up(connection_c: usize) -> String {
    format!("Starting: taking up {}", counted(connection_c, "connection"))
}

/// Of a daemon whose apps are being loaded.
pub(super) fn loading(app_c: usize) -> String {
    format!("Starting: loading {}", counted(app_c, "app"))
}

/// Of one that waits for apps to begin.
pub(super) fn waiting_for_init<'a>(
    doing: &str,
    names: impl ExactSizeIterator<Item = &'a str>,
) -> String {
    format!("{doing}: waiting for init of {}", listed(names))
}

impl Supervisor {
    /// That of a daemon which serves or reloads.
    pub(super) fn status(&self) -> String {
        self.reloading().unwrap_or_else(|| self.serving())
    }

    /// Of one that serves: who is there, and what is not as it should be.
    pub(super) fn serving(&self) -> String {
        let names: Vec<_> =
            self.roster.residents().filter(|one| one.is_well()).map(Resident::name).collect();
        let count = |is: fn(&Resident) -> bool, what: &str| {
            let names: Vec<_> =
                self.roster.residents().filter(|one| is(one)).map(Resident::name).collect();
            match names.len() {
                0 => String::new(),
                count => format!(", {count} {what} ({})", names.join(", ")),
            }
        };
        let failed = count(|one| one.is_serving() && !one.is_well(), "failed");
        let draining = count(Resident::is_draining, "draining");
        let apps = counted(names.len(), "app");
        let names =
            if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
        let alarms = match counters::alarms(&self.shared.counters) {
            none if none.is_empty() => none,
            alarms => format!("; {alarms}"),
        };
        format!(
            "Serving {}: {apps}{names}{failed}{draining}, {}{}{alarms}",
            counted(self.connection_c(), "connection"),
            counted(self.workers.len(), "worker"),
            self.troubles_line(),
        )
    }

    /// Of one that stops: who is left, and then what is waited for.
    pub(super) fn draining(&self) -> String {
        match self.connection_c() {
            0 => match self.threads_left() {
                left if left.is_empty() => "Stopping".to_owned(),
                left => format!("Stopping: waiting for {}", listed(left.into_iter())),
            },
            left => format!("Draining {}", counted(left, "connection")),
        }
    }

    /// The names of threads that have not ended.
    fn threads_left(&self) -> Vec<&str> {
        let apps = self.roster.residents().map(|resident| &resident.thread);
        let threads = self.workers.iter().chain(apps);
        threads
            .filter(|thread| !thread.has_ended())
            .map(|thread: &Supervised| &*thread.name)
            .collect()
    }

    /// How many connections are open.
    pub(super) fn connection_c(&self) -> usize {
        let counters = self.shared.counters.iter();
        counters.map(|counters| counters.connections.load(Ordering::Relaxed)).sum()
    }

    /// Which apps are not served as they should be, and why, in few words.
    fn troubles_line(&self) -> String {
        let words = |(name, why): &(String, String)| {
            let reason: String = why.chars().take(REASON_MAX).collect();
            let cut = if reason.len() < why.len() { "..." } else { "" };
            format!("{name} not loaded: {reason}{cut}")
        };
        let lines: Vec<_> = self.troubles.iter().map(words).collect();
        if lines.is_empty() { String::new() } else { format!("; {}", lines.join("; ")) }
    }
}

/// `chat, echo and 3 more`.
fn listed<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let more = names.len().saturating_sub(NAMES_MAX);
    let first: Vec<_> = names.take(NAMES_MAX).collect();
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    first.join(", ") + &more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_and_do_not_grow_without_bounds() {
        assert_eq!(loading(1), "Starting: loading 1 app");
        assert_eq!(loading(0), "Starting: loading 0 apps");
        let names: Vec<_> = (0..300).map(|number| format!("app{number}")).collect();
        let names = names.iter().map(String::as_str);
        let two = names.clone().take(2).collect::<Vec<_>>().into_iter();
        assert_eq!(waiting_for_init("Starting", two), "Starting: waiting for init of app0, app1");
        let line = waiting_for_init("Starting", names);
        assert!(line.ends_with("app6, app7 and 292 more"), "{line}");
    }
}
