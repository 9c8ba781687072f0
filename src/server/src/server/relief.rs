//! What is done when memory is short: all threads give back at once what only a burst needed, as they
//! would do by themselves after a while without work.
//! Not for: noticing it (`systemd::memory_pressure`), or what each thread gives back (`worker::trim`,
//! `host::thread`).

use std::time::{Duration, Instant};

use super::supervised::Supervised;
use super::supervisor::Supervisor;
use crate::log;
use crate::systemd::memory_pressure::{Look, MemoryPressure};

/// How long at least between two times. Giving memory back takes milliseconds, and what is needed
/// again has to be cleared by the kernel, page by page: done all the time it would add to the shortage.
const PAUSE: Duration = Duration::from_secs(5);

/// Watches for shortage.
#[derive(Debug, Default)]
pub(super) struct Relief {
    watch: Option<MemoryPressure>,
    /// Not before this time.
    next: Option<Instant>,
    /// Of the threads, workers first, the one that is to be asked next, while not all have been.
    thread: Option<usize>,
}

impl Relief {
    /// Watches what systemd has named. That it cannot is no reason not to serve.
    pub(super) fn begin() -> Self {
        let watch = MemoryPressure::from_environment().unwrap_or_else(|error| {
            log::warning!("memory pressure is not watched: {error}");
            None
        });
        if watch.is_some() {
            log::debug!("memory pressure is watched");
        }
        Self { watch, next: None, thread: None }
    }

    /// Whether there are threads that are still to be asked, one with each tick: whoever gives back has
    /// others wait when they allocate, and two cannot at a time (`sys::heap`).
    pub(super) fn is_under_way(&self) -> bool {
        self.thread.is_some()
    }

    /// Whether memory is to be given back now. What is told during a pause stays where it is, and
    /// counts once the pause is over.
    fn is_due(&mut self, now: Instant) -> bool {
        if self.next.is_some_and(|next| now < next) {
            return false;
        }
        match self.watch.as_mut().map(MemoryPressure::look) {
            None | Some(Look::Quiet) => false,
            Some(Look::Short) => {
                self.next = Some(now + PAUSE);
                true
            }
            Some(Look::Over) => {
                log::info!("memory pressure is not watched any more: there is nothing to watch");
                self.watch = None;
                false
            }
        }
    }
}

impl Supervisor {
    /// Has all threads give memory back if it is short, one after the other. Looked at with every tick
    /// of the main thread, so a second late at most, which is less than the two that the kernel takes
    /// to notice.
    pub(super) fn relieve(&mut self) {
        if self.relief.is_due(Instant::now()) {
            log::limited!(
                log::Level::Notice,
                id: log::id::MEMORY_PRESSURE,
                "memory is short: what nobody uses is given back"
            );
            self.relief.thread = Some(0);
        }
        let Some(thread) = self.relief.thread else { return };
        let apps = self.roster.residents().map(|resident| &resident.thread);
        let asked: Option<&Supervised> = self.workers.iter().chain(apps).nth(thread);
        self.relief.thread = asked.map(|asked| {
            asked.waker.ask_to_shed();
            thread + 1
        });
    }
}
