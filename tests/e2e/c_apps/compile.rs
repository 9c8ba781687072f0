//! What compilers say: apps of every form compile without a warning by every standard, and mistakes
//! do not compile. And the documentation's example, which runs.

use std::path::Path;
use std::process::Command;

use ringsocket_tests::apps::root;
use ringsocket_tests::compilers::{C, C_STANDARDS, accept, compile, complaints};
use ringsocket_tests::folder::Folder;

#[test]
fn apps_compile_without_a_warning() {
    let folder = Folder::new();
    let more = root().join("tests/apps/helpers-more.c").display().to_string();
    // Linked, too: what an app does not use, such as helpers where there is no RS_APP, it need not
    // have.
    let sources: [(&str, &[&str]); 14] = [
        ("tests/apps/typed.c", &[]),
        ("tests/apps/helpers.c", &["-DHELPERS_FLAGS=RS_APP_ANY_THREAD", &more]),
        ("tests/apps/misuse.c", &[]),
        ("tests/apps/timers.c", &["-DTIMER=RS_TIMER_SLEEP(tick, 5)", "-DRESULTS={0}"]),
        ("tests/apps/odd.c", &[]),
        ("tests/apps/misbehaves.c", &[]),
        ("tests/apps/gate.c", &[]),
        ("tests/apps/keeper.c", &[]),
        ("tests/apps/leaves.c", &["-DVERSION=one"]),
        ("tests/apps/oracle.c", &[]),
        ("tests/apps/topics.c", &[]),
        ("tests/apps/warden.c", &[]),
        ("apps/echo-c/echo.c", &[]),
        ("apps/ticker-c/ticker.c", &[]),
    ];
    let to = folder.path().join("app.so");
    for compiler in C {
        for standard in C_STANDARDS {
            for (source, defines) in sources {
                for level in ["-O0", "-O2"] {
                    let flags = [&[standard, level, "-fpic", "-shared"], defines].concat();
                    accept(compiler, &flags, Path::new(source), &to);
                }
            }
        }
    }
}

/// An app with this for `RS_READ_...`, and callbacks to choose from.
fn app(read: &str) -> String {
    format!(
        "#include <ringsocket.h>\n\
         int one(rs_t *rs, uint32_t a);\n\
         int some(rs_t *rs, uint32_t *a, size_t c);\n\
         int some_and_one(rs_t *rs, uint32_t *a, size_t c, uint32_t b);\n\
         RS_APP(RS_INIT_NONE, RS_OPEN_NONE, {read}, RS_CLOSE_NONE, RS_TIMER_NONE);\n"
    )
}

#[test]
fn mistakes_do_not_compile() {
    let folder = Folder::new();
    let accepted = |read: &str| {
        let source = folder.write("app.c", app(read));
        let to = folder.path().join("app.o");
        compile("gcc", &["-std=c17", "-fpic", "-c"], &source, &to)
    };
    // What is right, so that it is the mistake that is refused, and why it is.
    let pairs = [
        ("RS_READ_BIN(one, RS_NET(uint32_t))", "RS_READ_BIN(one, RS_NET(uint32_t, 2))", "one"),
        (
            "RS_READ_BIN(some, RS_NET(uint32_t, 0, 2))",
            "RS_READ_BIN(some, RS_NET(uint32_t, 2))",
            "few",
        ),
        (
            "RS_READ_BIN(some, RS_NTOH(uint32_t, 0, 2))",
            "RS_READ_BIN(some_and_one, RS_NTOH(uint32_t, 0, 2), RS_NTOH(uint32_t))",
            "only the last parameter",
        ),
        (
            "RS_READ_BIN(one, RS_NTOH(uint32_t))",
            "RS_READ_BIN(one, RS_NTOH(struct rs_bytes))",
            "RS_NTOH is for numbers",
        ),
        (
            "RS_READ_SWITCH(RS_CASE_BIN(0, one, RS_NET(uint32_t)))",
            "RS_READ_SWITCH(RS_CASE_BIN(0, one, RS_NET(uint32_t)), \
             RS_CASE_UTF8(0, one, RS_NET(uint32_t)))",
            "duplicate case",
        ),
    ];
    for (right, wrong, why) in pairs {
        let output = accepted(right);
        assert!(output.status.success(), "{right}:\n{}", complaints(&output));
        let output = accepted(wrong);
        let said = complaints(&output);
        assert!(!output.status.success() && said.contains(why), "{wrong}:\n{said}");
    }
}

#[test]
fn a_log_line_says_where_it_stands() {
    let folder = Folder::new();
    let program = folder.path().join("log-host");
    let source = root().join("tests/apps/log-host.c");
    accept("gcc", &["-std=c17"], &source, &program);
    let output = Command::new(program).output().unwrap();
    let lines = "7 some.c:1000 says 'says()'\n4 some.c:1001 says 'words and 5'\n\
                 2 some.c:1003 says 'no: No such file or directory'\n";
    assert_eq!(String::from_utf8_lossy(&output.stdout), lines);
    assert!(output.status.success());
}
