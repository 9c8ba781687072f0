//! Where the built things are: the daemon's binary, apps as shared objects, and apps in C and C++
//! that a test compiles itself. Builds nothing of the workspace: `cargo build --workspace` comes first.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Names the folder with the binaries, in place of the one this test was built into.
pub const BIN_DIR: &str = "RINGSOCKET_BIN_DIR";

/// The workspace's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace")
}

/// The folder of the built binaries: `$RINGSOCKET_BIN_DIR`, or the profile's folder that the
/// running test was built into.
pub fn bin_dir() -> PathBuf {
    if let Some(folder) = std::env::var_os(BIN_DIR) {
        return root().join(folder);
    }
    let exe = std::env::current_exe().expect("the path of the running test");
    let folder = exe.parent().expect("a test lies in a folder");
    if folder.ends_with("deps") { folder.parent().expect("deps/ lies in one") } else { folder }
        .to_owned()
}

/// The daemon's binary.
pub fn daemon() -> PathBuf {
    built("ringsocket")
}

/// The shared object of the workspace's app crate whose library is called `name`.
pub fn app(name: &str) -> PathBuf {
    built(&format!("lib{}.so", name.replace('-', "_")))
}

fn built(name: &str) -> PathBuf {
    let path = bin_dir().join(name);
    assert!(path.exists(), "{} is missing: run `cargo build --workspace` first", path.display());
    path
}

/// Compiles C files of the repository as an app against `ringsocket.h`; warnings are errors.
/// `defines` are given as `-D`.
pub fn compile_c(sources: &[&str], defines: &[&str], to: &Path) {
    compile("cc", "-std=c17", sources, defines, to);
}

/// The same of C++ files, against `ringsocket.hpp`.
pub fn compile_cpp(sources: &[&str], defines: &[&str], to: &Path) {
    compile("c++", "-std=c++20", sources, defines, to);
}

fn compile(compiler: &str, standard: &str, sources: &[&str], defines: &[&str], to: &Path) {
    let output = Command::new(compiler)
        .args([standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1", "-g"])
        .args(["-shared", "-fpic", "-fvisibility=hidden", "-I"])
        .arg(root().join("src/app/include"))
        .args(defines.iter().map(|define| format!("-D{define}")))
        .arg("-o")
        .arg(to)
        .args(sources.iter().map(|source| root().join(source)))
        .output()
        .unwrap_or_else(|error| panic!("cannot run {compiler}: {error}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
