//! The apps that have a thread, by number: those that are served, those that come, and those that
//! go.
//! Not for: deciding who comes and goes (`reload`).

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use super::loading::Library;
use super::supervised::Supervised;
use crate::message::Saved;
use crate::systemd::watchdog::Sign;

/// An app that has a thread.
pub(super) struct Resident {
    pub(super) library: Library,
    pub(super) thread: Supervised,
    pub(super) standing: Standing,
    /// What it was told of the largest message, in bytes.
    pub(super) max_message: usize,
    /// What it leaves behind when it parks.
    pub(super) saved: Arc<OnceLock<Saved>>,
}

/// How an app stands.
pub(super) enum Standing {
    /// Its `init` has not returned; workers do not know it.
    Starting,
    /// New clients are let in to it, unless it has failed.
    Serving,
    /// It keeps its clients until they leave.
    Draining {
        since: Instant,
        /// Its clients have been closed before their time.
        is_hurried: bool,
        /// Held by every worker that has not let go of it.
        presence: Arc<()>,
    },
    /// Its `init` did not succeed, or not in time.
    GivenUp,
}

impl Resident {
    pub(super) fn name(&self) -> &str {
        &self.library.config.name
    }

    pub(super) fn is_serving(&self) -> bool {
        matches!(self.standing, Standing::Serving)
    }

    pub(super) fn is_draining(&self) -> bool {
        matches!(self.standing, Standing::Draining { .. })
    }

    pub(super) fn is_given_up(&self) -> bool {
        matches!(self.standing, Standing::GivenUp)
    }

    /// Whether it lets clients in: it serves, and has not failed.
    pub(super) fn is_well(&self) -> bool {
        self.is_serving() && !self.thread.has_ended()
    }

    /// Whether nobody has anything to do with it any more.
    fn is_gone(&self) -> bool {
        let is_let_go = match &self.standing {
            Standing::Starting | Standing::Serving => false,
            Standing::Draining { presence, .. } => Arc::strong_count(presence) == 1,
            Standing::GivenUp => true,
        };
        is_let_go && self.thread.has_ended()
    }
}

/// All of them. The number of one that has gone is used again.
#[derive(Default)]
pub(super) struct Roster {
    seats: Vec<Option<Resident>>,
}

impl Roster {
    /// Gives an app the lowest free number, which [`next`](Self::next) has named.
    pub(super) fn seat(&mut self, resident: Resident) {
        let number = self.next();
        if number == self.seats.len() {
            self.seats.push(None);
        }
        self.seats[number] = Some(resident);
    }

    /// The number of the app that comes next.
    pub(super) fn next(&self) -> usize {
        let free = self.seats.iter().position(Option::is_none);
        free.unwrap_or(self.seats.len())
    }

    pub(super) fn get(&self, number: usize) -> Option<&Resident> {
        self.seats.get(number)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, number: usize) -> Option<&mut Resident> {
        self.seats.get_mut(number)?.as_mut()
    }

    /// All apps with their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &Resident)> {
        self.seats.iter().enumerate().filter_map(|(number, seat)| Some((number, seat.as_ref()?)))
    }

    pub(super) fn residents(&self) -> impl Iterator<Item = &Resident> {
        self.seats.iter().flatten()
    }

    /// The number of the app that serves under this name.
    pub(super) fn serving(&self, name: &str) -> Option<usize> {
        self.iter()
            .find(|(_, one)| one.is_serving() && one.name() == name)
            .map(|(number, _)| number)
    }

    /// Forgets those that have gone.
    pub(super) fn clear(&mut self) {
        for seat in &mut self.seats {
            if seat.as_ref().is_some_and(Resident::is_gone) {
                *seat = None;
            }
        }
    }

    /// What each thread shows of itself to the watchdog, by number. One whose `init` runs, or was
    /// not waited for, is nobody's concern: nothing waits for it.
    pub(super) fn signs(&self) -> impl Iterator<Item = Sign> {
        self.seats.iter().map(|seat| match seat {
            Some(one) if one.is_serving() || one.is_draining() => one.thread.sign(),
            _ => Sign { turns: 0, asleep: true },
        })
    }
}
