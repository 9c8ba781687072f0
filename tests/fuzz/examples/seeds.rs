//! Writes the seeds that are made by a program to where they lie in the repository.

use std::path::Path;
use std::{fs, io};

use ringsocket_fuzz::seeds;

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    for seed in seeds::all() {
        let folder = folder.join(seed.target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(seed.name), seed.bytes)?;
    }
    Ok(())
}
