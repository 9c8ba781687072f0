//! Replays the seeds, with any compiler and without a fuzzer: what a target once held to stays
//! so, and no seed is left behind when the form of the inputs changes.

use std::fs;
use std::path::Path;

use ringsocket_fuzz::{TARGETS, seeds};

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/seeds"))
}

#[test]
fn every_seed_runs() {
    for (target, check) in TARGETS {
        let mut count = 0;
        for entry in fs::read_dir(folder().join(target)).expect("a folder of seeds") {
            let path = entry.expect("an entry").path();
            println!("{}", path.display());
            check(&fs::read(path).expect("a seed"));
            count += 1;
        }
        assert!(count >= 10, "{target} has {count} seeds");
    }
}

#[test]
fn seeds_are_as_they_are_made() {
    for seed in seeds::all() {
        let path = folder().join(seed.target).join(seed.name);
        let is = fs::read(&path).unwrap_or_default();
        assert!(is == seed.bytes, "{} is old: write the seeds again", path.display());
    }
}
