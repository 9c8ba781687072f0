//! What the fuzz targets do with their input, so that a target is a line and a seed can be replayed
//! without a fuzzer.
//!
//! `head` and `frames` (and whatever else reads from a peer) rest on one oracle: a connection is
//! driven twice and more with the same bytes, cut at other places, and must do the same each time
//! (`drive`); what it writes must be well-formed (`wire`).
//! Not for: exact behaviour, which the unit tests of each room hold.

pub mod client;
pub mod config;
pub mod deflate;
mod drive;
pub mod frames;
pub mod handover;
pub mod head;
mod inflate;
mod model;
pub mod proxy;
pub mod recipe;
pub mod seeds;
mod squeeze;
pub mod tls_records;
mod wire;

/// A target: takes any bytes, and panics if what they lead to is wrong.
pub type Target = fn(&[u8]);

/// All targets by name, each a folder of seeds and a file under `targets/`.
pub const TARGETS: [(&str, Target); 7] = [
    ("config", config::check),
    ("deflate", deflate::check),
    ("frames", frames::check),
    ("handover", handover::check),
    ("head", head::check),
    ("proxy", proxy::check),
    ("tls_records", tls_records::check),
];
