//! Runs many seeds of every scenario, or one again: `ringsocket-sim --seeds 1000`,
//! `ringsocket-sim --scenario echo --first 17 --seeds 1`.

use clap::{Parser, ValueEnum};
use ringsocket_sim::{Scenario, run};

/// Workers and apps over a simulated network
#[derive(Debug, Parser)]
struct Line {
    /// Seeds to run of each scenario
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Only this scenario
    #[arg(long)]
    scenario: Option<Which>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Which {
    Echo,
    Broadcast,
    Hostile,
    Closing,
    Failing,
    Stopping,
    Quiet,
    Restarting,
}

fn main() {
    let line = Line::parse();
    for scenario in Scenario::ALL {
        if line.scenario.is_some_and(|only| only as u8 != scenario as u8) {
            continue;
        }
        let (mut messages, mut direct, mut steps) = (0, 0, 0);
        for seed in line.first..line.first + line.seeds {
            let report = run(scenario, seed);
            messages += report.messages;
            direct += report.direct;
            steps += report.steps;
        }
        let seeds = line.seeds;
        println!(
            "{scenario:?}: {seeds} seeds, {messages} messages read ({direct} of them directly), \
             {steps} steps, none failed"
        );
    }
}
