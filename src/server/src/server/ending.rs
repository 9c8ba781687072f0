//! The end of the process: all threads come to theirs, in time, and connections are closed, or left to
//! the next process.
//! Not for: what workers do for that (`worker::farewell`, `worker::parking`).

use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::estate::Heritage;
use super::status::{self, STOPPED, Status};
use super::supervised::Supervised;
use super::supervisor::{Supervisor, tell};
use crate::counted::counted;
use crate::handover::{self, NotLeft, Secrets};
use crate::log;
use crate::sys::signal::{Signal, Signals};
use crate::systemd::notify;

/// How often it is looked whether all threads have ended,
const TICK: Duration = Duration::from_millis(10);

/// and how often where clients wait for it.
const PARK_TICK: Duration = Duration::from_millis(1);

/// How long apps have for their end once all workers have come to rest: to close files, say.
const QUIT_WAIT: Duration = Duration::from_secs(1);

impl Supervisor {
    /// Has all threads end, and waits for them. False if some did not in time.
    pub(super) fn stop(mut self, signals: &Signals) -> bool {
        let line = self.draining();
        tell(notify::stopping(&line));
        let mut status = Status::told(line);
        log::notice!(id: log::id::STOPPING, "stopping");
        self.tell_to_end();
        let deadline = Instant::now() + self.kit.config.waits.stop;
        while !(self.have_workers_ended() && self.have_apps_ended()) && Instant::now() < deadline {
            if signals.wait(TICK) == Some(Signal::Tell) {
                self.log_counters();
            }
            status.update(self.draining());
        }
        self.take_leave()
    }

    /// Has all threads come to rest, and leaves what connections and apps need to the next process.
    /// False if some threads did not end in time.
    pub(super) fn park(mut self, signals: &Signals) -> bool {
        if !handover::is_possible() {
            log::warning!(
                id: log::id::PARKING,
                "nobody would keep connections for the next process (NOTIFY_SOCKET is not set): they \
                 are closed"
            );
            return self.stop(signals);
        }
        let line = status::parking(self.connection_c());
        tell(notify::stopping(&line));
        log::notice!(id: log::id::PARKING, "{line}");
        self.shared.parking.store(true, Ordering::Relaxed);
        self.tell_to_end();
        // What follows takes its time, too, and systemd's patience is not much longer.
        let mut deadline = Instant::now() + self.kit.config.waits.stop * 3 / 4;
        let mut are_workers_at_rest = false;
        let mut have_workers_waned = false;
        while !(are_workers_at_rest && self.have_apps_ended()) && Instant::now() < deadline {
            if !have_workers_waned && self.waned_c() == self.workers.len() {
                have_workers_waned = true;
                self.workers.iter().for_each(|worker| worker.waker.wake());
            }
            if !are_workers_at_rest && self.have_workers_ended() {
                are_workers_at_rest = true;
                deadline = deadline.min(Instant::now() + QUIT_WAIT);
                continue;
            }
            signals.wait(PARK_TICK);
        }
        self.leave();
        self.take_leave()
    }

    fn waned_c(&self) -> usize {
        self.shared.waned_c.load(Ordering::Acquire)
    }

    /// Leaves it all to the next process, and says whether that has worked.
    fn leave(&mut self) {
        let heritage = self.heritage();
        let (parked, start) = (counted(heritage.connection_c(), "connection"), Instant::now());
        match heritage.pack().and_then(handover::leave) {
            Ok(()) => {
                let took = start.elapsed().as_millis();
                log::notice!("{parked} left to the next process, in {took} ms");
            }
            Err(why @ NotLeft::Unconfirmed(_)) => log::warning!(
                id: log::id::PARKING,
                "{parked} left, perhaps in vain: {why}; the next process says whether it takes them up"
            ),
            Err(why) => log::error!(
                id: log::id::NOT_TAKEN_UP,
                "{parked} lost: they could not be left to the next process: {why}"
            ),
        }
    }

    /// All that is left for the next process, once all workers have come to rest.
    fn heritage(&mut self) -> Heritage {
        let mut workers: Vec<_> = self.left.1.try_iter().collect();
        workers.sort_unstable_by_key(|left| left.worker.index);
        let saved = |number| {
            let resident = self.roster.get(number).filter(|resident| resident.is_serving());
            let name = resident.map_or("", |resident| resident.name()).to_owned();
            (name, resident.and_then(|resident| resident.saved.get().cloned()))
        };
        Heritage {
            start: self.kit.start,
            apps: (0..self.seat_c).map(saved).collect(),
            workers,
            ticket_keys: self.ticket_keys(),
        }
    }

    /// The keys of session tickets, so that clients need no whole handshake for a restart either.
    fn ticket_keys(&self) -> Secrets {
        let mut secrets = Secrets::default();
        if let Some(keys) = self.kit.rules.site.tls.ticket_keys() {
            secrets.extend(&keys.export());
        }
        secrets
    }

    /// Has all threads end.
    fn tell_to_end(&mut self) {
        // What was about to come does not.
        drop((self.reload.take(), std::mem::take(&mut self.arrivals)));
        self.shared.stopping.store(true, Ordering::Release);
        let apps = self.roster.residents().map(|resident| &resident.thread);
        self.workers.iter().chain(apps).for_each(|thread| thread.waker.wake());
    }

    fn have_workers_ended(&self) -> bool {
        self.workers.iter().all(Supervised::has_ended)
    }

    fn have_apps_ended(&self) -> bool {
        // Nobody waits for an `init` that was given up, or is not known to anybody.
        let known = self.roster.residents().filter(|one| one.is_serving() || one.is_draining());
        known.map(|resident| &resident.thread).all(Supervised::has_ended)
    }

    /// The last words. False if threads are left behind.
    fn take_leave(&self) -> bool {
        self.log_counters();
        let apps = self.roster.residents().map(|resident| &resident.thread);
        let threads = self.workers.iter().chain(apps);
        let left: Vec<_> = threads.filter(|thread| !thread.has_ended()).collect();
        for thread in &left {
            log::warning!(
                id: log::id::LEFT_BEHIND,
                "{} did not end in time and is left behind",
                thread.name
            );
        }
        tell(notify::status(STOPPED));
        log::notice!(id: log::id::STOPPED, "stopped");
        left.is_empty() && self.loader.as_ref().is_none_or(JoinHandle::is_finished)
    }
}
