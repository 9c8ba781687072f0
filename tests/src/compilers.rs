//! The compilers and standards that apps in C and C++ are promised to build with, without a warning.
//! A compiler that is missing fails the test that asks for it, as a matrix with holes proves little.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output};

use crate::apps::root;

/// Those of C.
pub const C: [&str; 2] = ["gcc", "clang"];
/// Those of C++.
pub const CPP: [&str; 2] = ["g++", "clang++"];
/// What they call C17 and C23; Debian 12's know the latter as C2x only.
pub const C_STANDARDS: [&str; 4] = ["-std=c11", "-std=c17", "-std=c2x", "-std=gnu17"];
/// C++20 and C++23, for `ringsocket.hpp`.
pub const CPP_STANDARDS: [&str; 2] = ["-std=c++20", "-std=c++2b"];

/// Runs a compiler over a source against RingSocket's headers; warnings are errors. A source of the
/// repository may be named from its root.
///
/// # Panics
/// If there is no such compiler.
pub fn compile(compiler: &str, flags: &[&str], source: &Path, to: &Path) -> Output {
    let warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];
    let mut command = Command::new(compiler);
    command.args(flags).args(warnings).arg("-I").arg(root().join("src/app/include"));
    command.arg(root().join(source)).args([OsStr::new("-o"), to.as_os_str()]);
    command.output().unwrap_or_else(|error| {
        panic!(
            "cannot run {compiler}: {error}. Apps are tested with all of {C:?} and {CPP:?}; \
             tests/run installs what is missing, and so does: apt-get install gcc g++ clang"
        )
    })
}

/// What a compiler said.
pub fn complaints(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The same as [`compile`], and it must be content.
///
/// # Panics
/// If it is not, with what it said.
#[track_caller]
pub fn accept(compiler: &str, flags: &[&str], source: &Path, to: &Path) {
    let output = compile(compiler, flags, source, to);
    let said = complaints(&output);
    assert!(output.status.success(), "{compiler} {flags:?} {}:\n{said}", source.display());
}
