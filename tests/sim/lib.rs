//! The daemon's own workers and apps, over a network that exists only here: one thread, a clock
//! that stands still unless told, and every choice taken from one seed. What goes wrong once can
//! be made to go wrong again.
//!
//! Real here: `ringsocket::worker`, `ringsocket::host`, the protocol, the rings, the Rust SDK.
//! Simulated: sockets with small buffers, short reads and writes, bytes that arrive late, resets,
//! spurious events, threads that run when the seed says so.

mod apps;
mod client;
mod network;
mod rng;
mod setup;
mod world;

pub use self::world::{Report, Scenario, run};

#[cfg(test)]
mod tests {
    use super::*;

    fn seeds(scenario: Scenario, count: u64) -> Vec<Report> {
        let reports: Vec<_> = (0..count).map(|seed| run(scenario, seed)).collect();
        let sum = |of: fn(&Report) -> usize| reports.iter().map(of).sum::<usize>();
        let (messages, direct) = (sum(|report| report.messages), sum(|report| report.direct));
        // Both ways are taken often enough to show what is wrong with either, or with the change.
        let fair = messages / 6..messages * 5 / 6;
        assert!(fair.contains(&direct), "{direct} of {messages} were read directly");
        reports
    }

    /// As [`seeds`], of a scenario in which messages are read whatever the seed.
    fn busy_seeds(scenario: Scenario, count: u64) {
        let reports = seeds(scenario, count);
        let idle = reports.iter().position(|report| report.messages == 0);
        assert_eq!(idle, None, "the seed of which nothing happened");
    }

    #[test]
    fn echo() {
        busy_seeds(Scenario::Echo, 20);
    }

    #[test]
    fn broadcast() {
        busy_seeds(Scenario::Broadcast, 20);
    }

    #[test]
    fn hostile_clients_beside_good_ones() {
        busy_seeds(Scenario::Hostile, 20);
    }

    #[test]
    fn an_app_that_closes_its_clients() {
        busy_seeds(Scenario::Closing, 20);
    }

    #[test]
    fn an_app_that_fails() {
        seeds(Scenario::Failing, 40);
    }

    #[test]
    fn a_stop_at_any_moment() {
        seeds(Scenario::Stopping, 40);
    }

    #[test]
    fn silent_clients_beside_good_ones() {
        let reports = seeds(Scenario::Quiet, 40);
        let pings: usize = reports.iter().map(|report| report.pings).sum();
        let unanswered: usize = reports.iter().map(|report| report.unanswered).sum();
        assert!(unanswered > 40 && pings > 2 * unanswered, "{pings} pings, {unanswered} closed");
    }

    #[test]
    fn restarts_at_any_moment() {
        let reports = seeds(Scenario::Restarting, 40);
        let taken_up: usize = reports.iter().map(|report| report.taken_up).sum();
        assert!(taken_up > 100, "{taken_up} were taken up");
    }

    #[test]
    fn the_same_seed_does_the_same() {
        let once = run(Scenario::Hostile, 7);
        assert_eq!(once, run(Scenario::Hostile, 7));
        assert_ne!(once.steps, run(Scenario::Hostile, 8).steps);
    }
}
