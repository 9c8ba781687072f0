//! The seeds that are made by a program, since they begin with a recipe's bytes. `cargo run
//! --no-default-features --example seeds` writes them below `seeds/`.
//! Not for: seeds that are files of the kind they are for (`seeds/config`), or inputs that once
//! made a target fail; those lie in the same folders, and their names begin with `found-`.

mod frames;
mod heads;

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
    let heads = heads::all().into_iter().map(|(name, bytes)| Seed { target: "head", name, bytes });
    let frames = frames::all();
    let frames = frames.into_iter().map(|(name, bytes)| Seed { target: "frames", name, bytes });
    heads.chain(frames).collect()
}
