//! What workers are told of a reload: who comes, who goes, and what is served.
//! Not for: what comes and goes (`reload`), or what workers do about it (`worker::changes`).
//!
//! All memory that it takes is laid out first. Without it nobody is told anything: an app that only
//! some workers have let go of would keep its number and its thread forever.

use std::sync::Arc;
use std::time::Instant;

use super::Fatal;
use super::plumbing::{self, Rules, Ways};
use super::roster::Standing;
use super::supervisor::Supervisor;
use crate::log;
use crate::waker::Waker;
use crate::worker::changes::{Arrival, Change};
use crate::worker::retire::{Departure, Vacancy};

/// Most apps that drain at a time: of more than these, those that have drained longest are closed.
const DRAINING_MAX: usize = 16;

/// Rings without an app, for one worker.
pub(super) struct Room {
    /// For numbers that it has not heard of, and that no app has which comes: those before an app
    /// need not have come as far as it.
    gaps: Vec<Arrival>,
    /// For the apps that go.
    vacancies: Vec<Vacancy>,
}

impl Supervisor {
    /// Lays rings for each worker, which it needs beside those of the apps that come.
    pub(super) fn make_room(
        &self,
        arrivals: &[(usize, Vec<Ways>)],
        served: &[usize],
    ) -> Result<Vec<Room>, Fatal> {
        let comes = |number: usize| arrivals.iter().any(|&(arrival, _)| arrival == number);
        let end = arrivals.iter().map(|&(number, _)| number + 1).max().unwrap_or(0);
        let gaps: Vec<_> = (self.seat_c..end).filter(|&number| !comes(number)).collect();
        let departure_c = self.departing(served).len();
        let gap = |&app: &usize| {
            let (to_app, from_app) = plumbing::lay_vacancy()?.occupy(Arc::new(Waker::futex()));
            Ok(Arrival { app, to_app, from_app })
        };
        let room = |_| {
            Ok(Room {
                gaps: gaps.iter().map(gap).collect::<Result<_, _>>()?,
                vacancies: (0..departure_c)
                    .map(|_| plumbing::lay_vacancy())
                    .collect::<Result<_, _>>()?,
            })
        };
        self.orders.iter().map(room).collect()
    }

    /// The numbers of apps that serve and are not to.
    fn departing(&self, served: &[usize]) -> Vec<usize> {
        self.roster
            .iter()
            .filter(|(number, one)| one.is_serving() && !served.contains(number))
            .map(|(number, _)| number)
            .collect()
    }

    /// Tells the workers what changes: who comes and goes, and the rules in force.
    pub(super) fn order(
        &mut self,
        arrivals: Vec<(usize, Vec<Ways>)>,
        served: &[usize],
        rooms: Vec<Room>,
    ) {
        let wait = self.kit.config.waits.drain;
        let departing: Vec<_> =
            self.departing(served).into_iter().map(|number| (number, Arc::new(()))).collect();
        for (number, presence) in &departing {
            if let Some(resident) = self.roster.get_mut(*number) {
                let (since, presence) = (Instant::now(), Arc::clone(presence));
                resident.standing = Standing::Draining { since, is_hurried: false, presence };
                log::notice!(
                    id: log::id::APP_DRAINS,
                    app: resident.name(),
                    "app drains: its clients may stay for {wait:?}"
                );
            }
        }
        let hurried = self.hurry_the_oldest();
        let (gaps, vacancies): (Vec<_>, Vec<_>) =
            rooms.into_iter().map(|room| (room.gaps, room.vacancies)).unzip();
        let all_arrivals = self.share_arrivals(arrivals, gaps);
        for ((orders, arrivals), vacancies) in self.orders.iter().zip(all_arrivals).zip(vacancies) {
            let departures = departing.iter().zip(vacancies).map(|((app, presence), vacancy)| {
                Departure { app: *app, wait, vacancy, presence: Arc::clone(presence) }
            });
            let (departures, hurried) = (departures.collect(), hurried.clone());
            let Rules { site, policy } = self.kit.rules.clone();
            orders.give(Change { arrivals, site, policy, departures, hurried });
        }
    }

    /// Tells the workers of other rules, and that nobody comes or goes.
    pub(super) fn order_rules(&self) {
        for orders in &self.orders {
            let Rules { site, policy } = self.kit.rules.clone();
            let (arrivals, departures, hurried) = Default::default();
            orders.give(Change { arrivals, site, policy, departures, hurried });
        }
    }

    /// Adds the apps that come to what each worker has beside them, in the order of their numbers.
    fn share_arrivals(
        &mut self,
        arrivals: Vec<(usize, Vec<Ways>)>,
        mut shares: Vec<Vec<Arrival>>,
    ) -> Vec<Vec<Arrival>> {
        for (number, ways) in arrivals {
            self.seat_c = self.seat_c.max(number + 1);
            if let Some(resident) = self.roster.get_mut(number) {
                resident.standing = Standing::Serving;
                log::notice!(app: resident.name(), "app is ready");
            }
            for ((to_app, from_app), share) in ways.into_iter().zip(&mut shares) {
                share.push(Arrival { app: number, to_app, from_app });
            }
        }
        shares.iter_mut().for_each(|share| share.sort_by_key(|arrival| arrival.app));
        shares
    }

    /// The numbers of those that have drained for so long that newer ones need their place.
    fn hurry_the_oldest(&mut self) -> Vec<usize> {
        let mut draining: Vec<_> = self
            .roster
            .iter()
            .filter_map(|(number, one)| match one.standing {
                Standing::Draining { since, is_hurried: false, .. } => Some((since, number)),
                _ => None,
            })
            .collect();
        draining.sort();
        draining.truncate(draining.len().saturating_sub(DRAINING_MAX));
        let hurried: Vec<_> = draining.into_iter().map(|(_, number)| number).collect();
        for number in &hurried {
            if let Some(resident) = self.roster.get_mut(*number) {
                log::notice!(
                    id: log::id::APP_HURRIED,
                    app: resident.name(),
                    "app is to go now: more than {DRAINING_MAX} apps drain"
                );
                if let Standing::Draining { is_hurried, .. } = &mut resident.standing {
                    *is_hurried = true;
                }
            }
        }
        hurried
    }
}
