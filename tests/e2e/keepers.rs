//! The apps called keeper, in three languages, before a server in C that is restarted
//! (`tests/apps/restart-host.c`): what each language makes of `save` and `restore`.
//! Not for: restarts of the daemon.

use std::path::{Path, PathBuf};
use std::process::Command;

use ringsocket_tests::apps::{self, root};
use ringsocket_tests::compilers::accept;
use ringsocket_tests::folder::Folder;

/// What a wish leads to.
const WISHES: [(&str, &str); 6] = [
    ("bye", "bye to all\nsave 0\nrestore 0\nrestored to 7\n2 to 8\n"),
    ("hi", "hi to 7\nsave 0\nrestore 0\nrestored to 7\n2 to 8\n"),
    ("save nothing", "save 1\nopen 0\nopen 0\nresumed to 7\n1 to 8\n"),
    ("save panic", "save -1\nopen 0\nopen 0\nresumed to 7\n1 to 8\n"),
    ("restore nothing", "save 0\nrestore 1\nopen 0\nopen 0\nresumed to 7\n1 to 8\n"),
    ("restore panic", "save 0\nrestore -1\n"),
];

fn keepers(folder: &Folder) -> [PathBuf; 3] {
    let (c, cpp) = (folder.path().join("keeper-c.so"), folder.path().join("keeper-cpp.so"));
    apps::compile_c(&["tests/apps/keeper.c"], &[], &c);
    apps::compile_cpp(&["tests/apps/cpp-keeper.cpp"], &[], &cpp);
    [apps::app("keeper"), c, cpp]
}

#[test]
fn each_language_saves_and_restores_or_is_opened_again() {
    let folder = Folder::new();
    let host = folder.path().join("restart-host");
    accept("gcc", &["-std=c17"], &root().join("tests/apps/restart-host.c"), &host);
    for keeper in keepers(&folder) {
        for (wish, expected) in WISHES {
            let said = run(&host, &keeper, wish);
            let expected = format!("open 0\nopen 0\nsomething to 8\n{expected}");
            assert_eq!(said, expected, "{} and {wish:?}", keeper.display());
        }
    }
}

fn run(host: &Path, keeper: &Path, wish: &str) -> String {
    let output = Command::new(host).arg(keeper).arg(wish).output().expect("the host runs");
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} and {wish:?}: {complaints}", keeper.display());
    String::from_utf8(output.stdout).expect("text")
}
