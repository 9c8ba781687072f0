//! A reload: the configuration is read anew, apps that have come into the folder are started, others
//! are sent home, and the rest go on under what the configuration says now.
//! Not for: reading and loading files (`look`), what another configuration changes (`in_force`), or what
//! workers are told of it (`ordering`).
//!
//! The main thread takes it step by step between its other duties and waits for nothing: first a
//! thread looks and loads, then new apps run their `init` on threads of their own. Only then do
//! workers hear of it, each of all changes at once. Whatever fails leaves things as they were.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use super::loading::Library;
use super::look::{Found, Known, Look, SETTLE_WAIT};
use super::plumbing::{self, Ways};
use super::raise_nofile;
use super::roster::{Resident, Standing};
use super::status;
use super::supervisor::{Supervisor, tell};
use crate::config::{Config, Surroundings};
use crate::host::api::AppFault;
use crate::log;
use crate::sys::clock;
use crate::systemd::{notify, outcome};

/// Files that were being written to are looked at again after so long, unasked; then after twice as
/// long, and so on,
const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// but no more than so often: one that stays as it is will never be whole. Whoever changes it then has
/// the folder looked at anyway (ringsocket-apps.path), or asks for it.
const LOOKS: u32 = 5;

/// The status while a thread looks what there is.
const LOOKING: &str = "Reloading: reading the configuration, certificates, pages and apps";

/// When files that were being written to are looked at again, after so many looks of that kind.
fn next_look(look_c: u32) -> Option<Duration> {
    (look_c < LOOKS).then(|| LOOK_AGAIN * 2u32.pow(look_c))
}

/// A reload under way.
pub(super) struct Reload {
    /// When it was asked for; `None` if nobody has asked.
    asked: Option<Duration>,
    /// When what it waits for is waited for no more.
    until: Instant,
    stage: Stage,
}

enum Stage {
    /// A thread looks what there is.
    Looking(Receiver<Result<Found, Vec<String>>>),
    /// New apps run their `init`.
    Starting(Box<Found>, Vec<Candidate>),
}

/// An app whose `init` runs.
struct Candidate {
    number: usize,
    ways: Vec<Ways>,
    init: Receiver<Result<(), AppFault>>,
}

impl Supervisor {
    /// Begins to reload, or sees to it that another reload follows the one under way.
    pub(super) fn begin_reload(&mut self, is_asked: bool) {
        if self.reload.is_some() {
            self.is_asked_again |= is_asked;
            return;
        }
        self.look_again = None;
        self.look_c = if is_asked { 0 } else { self.look_c + 1 };
        let asked = is_asked.then(clock::monotonic);
        if is_asked {
            log::notice!("reloading");
            tell(notify::reloading(LOOKING));
        }
        if self.loader.as_ref().is_some_and(|loader| !loader.is_finished()) {
            let what = "an earlier reload is still busy loading a library: restart the service";
            return self.fail_reload(asked, vec![what.to_owned()]);
        }
        let look = self.look();
        let (sender, found) = mpsc::channel();
        let spawned = thread::Builder::new().name("loader".to_owned()).spawn(move || {
            let _ = sender.send(look.look()); // it was not waited for so long
        });
        match spawned {
            Ok(loader) => {
                self.loader = Some(loader);
                let until = Instant::now() + SETTLE_WAIT + self.kit.config.waits.init;
                self.reload = Some(Reload { asked, until, stage: Stage::Looking(found) });
            }
            Err(error) => self.fail_reload(asked, vec![format!("cannot start a thread: {error}")]),
        }
    }

    fn look(&self) -> Look {
        let well = self.roster.residents().filter(|resident| resident.is_well());
        let known = well.map(|resident| {
            let Library { config, stamp, print, .. } = &resident.library;
            let (app, stamp, print) = (config.clone(), *stamp, *print);
            (app.name.clone(), Known { app, stamp, print })
        });
        let (source, doors) = (self.kit.source.clone(), self.kit.doors.clone());
        // prlimit(1) may have changed the limit of open files.
        let around = Surroundings { nofile: raise_nofile(), ..self.kit.around.clone() };
        let tls = Arc::clone(&self.kit.rules.site.tls);
        Look { source, around, doors, tls, known: known.collect() }
    }

    /// The status, during a reload that was asked for.
    pub(super) fn reloading(&self) -> Option<String> {
        let reload = self.reload.as_ref().filter(|reload| reload.asked.is_some())?;
        match &reload.stage {
            Stage::Starting(_, candidates) if !candidates.is_empty() => {
                let residents = candidates.iter().map(|one| self.roster.get(one.number));
                let names = residents.map(|one| one.map_or("an app", Resident::name));
                Some(status::waiting_for_init("Reloading", names))
            }
            Stage::Looking(_) | Stage::Starting(..) => Some(LOOKING.to_owned()),
        }
    }

    /// Takes the next step, if it is time for one.
    pub(super) fn go_on_reloading(&mut self) {
        if self.look_again.is_some_and(|at| at <= Instant::now()) {
            self.begin_reload(false);
        }
        let Some(Reload { asked, until, stage }) = self.reload.take() else { return };
        let is_late = Instant::now() >= until;
        match stage {
            Stage::Looking(found) => match found.try_recv() {
                Ok(result) => {
                    // It has done its work, be its thread over or not: the next need not wait for it.
                    self.loader = None;
                    match result {
                        Ok(found) => self.start_candidates(asked, found),
                        Err(lines) => self.fail_reload(asked, lines),
                    }
                }
                Err(TryRecvError::Empty) if !is_late => {
                    self.reload = Some(Reload { asked, until, stage: Stage::Looking(found) });
                }
                Err(_) => {
                    let what = "loading has not come to an end (init_wait): restart the service";
                    self.fail_reload(asked, vec![what.to_owned()]);
                }
            },
            Stage::Starting(found, candidates) => {
                self.judge(asked, until, is_late, found, candidates);
            }
        }
        if self.reload.is_none() && std::mem::take(&mut self.is_asked_again) {
            self.begin_reload(true);
        }
    }

    /// Starts the threads of new apps.
    fn start_candidates(&mut self, asked: Option<Duration>, mut found: Found) {
        let mut candidates = Vec::new();
        for library in std::mem::take(&mut found.loaded) {
            let name = library.config.name.clone();
            match self.start_candidate(library, &found.config) {
                Ok(candidate) => candidates.push(candidate),
                Err(why) => {
                    log::error!(id: log::id::APP_NOT_LOADED, app: name, "app not started: {why}");
                    found.troubles.push((name, why));
                }
            }
        }
        let until = Instant::now() + found.config.waits.init;
        let stage = Stage::Starting(Box::new(found), candidates);
        self.reload = Some(Reload { asked, until, stage });
    }

    fn start_candidate(&mut self, library: Library, config: &Config) -> Result<Candidate, String> {
        let is_same = |name: &str| name == library.config.name;
        if self.roster.residents().any(|one| one.is_given_up() && is_same(one.name())) {
            return Err("its `init` of an earlier reload still runs".to_owned());
        }
        let number = self.roster.next();
        let wakers: Vec<_> = self.workers.iter().map(|one| Arc::clone(&one.waker)).collect();
        let (app, ways) = plumbing::lay_app(config, &self.kit.topics, number, &library, &wakers)
            .map_err(|error| error.to_string())?;
        let (sender, init) = mpsc::channel();
        let ready = move |result| {
            let _ = sender.send(result); // it was not waited for so long
        };
        self.start_app(library, app, Standing::Starting, ready)
            .map_err(|error| format!("cannot start a thread: {error}"))?;
        Ok(Candidate { number, ways, init })
    }

    /// Looks which candidates have made it, and finishes once that is clear of all.
    fn judge(
        &mut self,
        asked: Option<Duration>,
        until: Instant,
        is_late: bool,
        mut found: Box<Found>,
        candidates: Vec<Candidate>,
    ) {
        let mut waiting = Vec::new();
        for candidate in candidates {
            let why = match candidate.init.try_recv() {
                Ok(Ok(())) => {
                    self.arrivals.push((candidate.number, candidate.ways));
                    continue;
                }
                Err(TryRecvError::Empty) if !is_late => {
                    waiting.push(candidate);
                    continue;
                }
                Ok(Err(fault)) => fault.to_string(),
                Err(_) => {
                    let wait = found.config.waits.init.as_secs();
                    format!("its `init` has not returned within {wait} s (init_wait)")
                }
            };
            if let Some(name) = self.give_up(candidate.number, candidate.ways) {
                log::error!(id: log::id::APP_NOT_LOADED, app: name, "app not started: {why}");
                found.troubles.push((name, why));
            }
        }
        if waiting.is_empty() {
            self.finish_reload(asked, *found);
        } else {
            let stage = Stage::Starting(found, waiting);
            self.reload = Some(Reload { asked, until, stage });
        }
    }

    /// Lets go of an app that workers have not heard of. Its thread ends, if it ever comes to that.
    fn give_up(&mut self, number: usize, ways: Vec<Ways>) -> Option<String> {
        drop(ways);
        let resident = self.roster.get_mut(number)?;
        resident.standing = Standing::GivenUp;
        resident.thread.waker.wake();
        Some(resident.name().to_owned())
    }

    /// Has workers serve what has been found.
    fn finish_reload(&mut self, asked: Option<Duration>, found: Found) {
        let arrivals = std::mem::take(&mut self.arrivals);
        let served = self.choose(&arrivals, &found);
        let numbers: Vec<_> = served.iter().map(|&(number, _)| number).collect();
        let rooms = match self.make_room(&arrivals, &numbers) {
            Ok(rooms) => rooms,
            Err(error) => {
                for (number, ways) in arrivals {
                    self.give_up(number, ways);
                }
                return self.fail_reload(asked, vec![error.to_string()]);
            }
        };
        for &(number, at) in &served {
            if let Some(resident) = self.roster.get_mut(number) {
                resident.library.config.endpoints.clone_from(&found.config.apps[at].endpoints);
            }
        }
        let Found { config, doors, assets, troubles, is_unsettled, .. } = found;
        self.put_in_force(config, doors, &assets, &numbers);
        self.order(arrivals, &numbers, rooms);
        self.conclude(asked, troubles, is_unsettled);
    }

    /// The apps that are to be served: their numbers, and places in the configuration.
    fn choose(&self, arrivals: &[(usize, Vec<Ways>)], found: &Found) -> Vec<(usize, usize)> {
        let number_of = |name: &str| {
            let is_new =
                |number: &usize| self.roster.get(*number).is_some_and(|one| one.name() == name);
            let new = arrivals.iter().map(|(number, _)| *number).find(is_new);
            let is_gone = || found.gone.iter().any(|gone| gone == name);
            new.or_else(|| self.roster.serving(name).filter(|_| !is_gone()))
        };
        let apps = found.config.apps.iter().enumerate();
        apps.filter_map(|(at, app)| Some((number_of(&app.name)?, at))).collect()
    }

    /// Says what came of the reload.
    fn conclude(
        &mut self,
        asked: Option<Duration>,
        troubles: Vec<(String, String)>,
        is_unsettled: bool,
    ) {
        let wait = if is_unsettled { next_look(self.look_c) } else { None };
        self.look_again = wait.map(|wait| Instant::now() + wait);
        self.troubles = troubles;
        if asked.is_some() {
            let status = self.serving();
            match self.troubles.is_empty() {
                true => log::notice!(id: log::id::RELOADED, "reloaded: {status}"),
                false => log::notice!(id: log::id::RELOAD_INCOMPLETE, "reloaded: {status}"),
            }
        }
        let line = |(name, why): &(String, String)| format!("{name}: {why}");
        self.report(asked, self.troubles.iter().map(line).collect());
    }

    /// Says why a reload has changed nothing.
    fn fail_reload(&mut self, asked: Option<Duration>, lines: Vec<String>) {
        log::error!(
            id: log::id::RELOAD_FAILED,
            "the reload has failed, and all goes on as before: {}",
            lines.join("; ")
        );
        self.report(asked, lines);
    }

    /// Tells systemd, and whoever has asked for it, that the reload is over.
    fn report(&mut self, asked: Option<Duration>, lines: Vec<String>) {
        let Some(asked) = asked else { return };
        tell(notify::ready(&self.serving()));
        if let Err(error) = outcome::write(asked, &lines) {
            log::warning!("the outcome of the reload cannot be written down: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_never_whole_is_not_looked_at_for_ever() {
        let waits: Vec<_> = (0..).map_while(next_look).map(|wait| wait.as_secs()).collect();
        assert_eq!(waits, [2, 4, 8, 16, 32]);
    }
}
