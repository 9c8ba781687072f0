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

    fn seeds(scenario: Scenario, count: u64) {
        for seed in 0..count {
            let report = run(scenario, seed);
            assert!(report.messages > 0, "seed {seed}: nothing happened");
        }
    }

    #[test]
    fn echo() {
        seeds(Scenario::Echo, 20);
    }

    #[test]
    fn broadcast() {
        seeds(Scenario::Broadcast, 20);
    }

    #[test]
    fn hostile_clients_beside_good_ones() {
        seeds(Scenario::Hostile, 20);
    }

    #[test]
    fn an_app_that_closes_its_clients() {
        seeds(Scenario::Closing, 20);
    }

    #[test]
    fn an_app_that_fails() {
        for seed in 0..40 {
            run(Scenario::Failing, seed);
        }
    }

    #[test]
    fn a_stop_at_any_moment() {
        for seed in 0..40 {
            run(Scenario::Stopping, seed);
        }
    }

    #[test]
    fn silent_clients_beside_good_ones() {
        let (mut pings, mut unanswered) = (0, 0);
        for seed in 0..40 {
            let report = run(Scenario::Quiet, seed);
            pings += report.pings;
            unanswered += report.unanswered;
        }
        assert!(unanswered > 40 && pings > 2 * unanswered, "{pings} pings, {unanswered} closed");
    }

    #[test]
    fn the_same_seed_does_the_same() {
        let once = run(Scenario::Hostile, 7);
        assert_eq!(once, run(Scenario::Hostile, 7));
        assert_ne!(once.steps, run(Scenario::Hostile, 8).steps);
    }
}
