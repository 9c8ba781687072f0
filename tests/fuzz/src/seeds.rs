//! The seeds that are made by a program, since they begin with a recipe's bytes. `cargo run
//! --no-default-features --example seeds` writes them below `seeds/`.
//! Not for: seeds that are files of the kind they are for (`seeds/config`), or inputs that once
//! made a target fail; those lie in the same folders, and their names begin with `found-`.

mod deflate;
mod frames;
mod handovers;
mod heads;
mod proxies;
mod tls_records;

/// A seed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seed {
    /// The target.
    pub target: &'static str,
    /// The file's name, unique within the target.
    pub name: &'static str,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// All seeds that are made here.
pub fn all() -> Vec<Seed> {
    let of = |target, seeds: Vec<(&'static str, Vec<u8>)>| {
        seeds.into_iter().map(move |(name, bytes)| Seed { target, name, bytes })
    };
    let (heads, frames) = (of("head", heads::all()), of("frames", frames::all()));
    let (deflate, proxies) = (of("deflate", deflate::all()), of("proxy", proxies::all()));
    let records = of("tls_records", tls_records::all());
    let handovers = of("handover", handovers::all());
    let first = heads.chain(frames).chain(deflate).chain(proxies);
    first.chain(records).chain(handovers).collect()
}
