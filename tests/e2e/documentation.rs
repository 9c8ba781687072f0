//! The examples of the documentation for authors of apps: each of them compiles with every compiler,
//! and those that come first run. A piece that is no whole app is compiled within one.

use std::path::Path;

use ringsocket_tests::apps::root;
use ringsocket_tests::compilers::{C, CPP, accept};
use ringsocket_tests::daemon::Builder;
use ringsocket_tests::folder::Folder;

/// What stands between fences that name `language`.
fn blocks(file: &str, language: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join(file)).unwrap();
    let fence = format!("```{language}\n");
    let blocks = text.split(&fence).skip(1).filter_map(|rest| rest.split("```").next());
    blocks.map(str::to_owned).collect()
}

fn whole(block: &str) -> bool {
    block.contains("#include <ringsocket.")
}

/// A piece in C is a callback of upgrades, or what stands for the reading in `RS_APP`.
fn in_c(piece: &str) -> String {
    if piece.starts_with("static rs_cb_ret check(rs_t *rs)\n") {
        return format!(
            "#include <ringsocket.h>\n{piece}\
             static rs_cb_ret nothing(rs_t *rs) {{ (void) rs; return RS_CB_OK; }}\n\
             RS_APP(RS_INIT_NONE, RS_OPEN_NONE, RS_READ_ANY(nothing), RS_CLOSE_NONE, \
             RS_TIMER_NONE, RS_UPGRADE(check));\n"
        );
    }
    format!(
        "#include <ringsocket.h>\n\
         int move(rs_t *rs, int16_t x, int16_t y);\n\
         int say(rs_t *rs, char *text, size_t size);\n\
         RS_APP(RS_INIT_NONE, RS_OPEN_NONE, {piece}, RS_CLOSE_NONE, RS_TIMER_NONE);\n"
    )
}

/// A piece in C++ is what stands in a class.
fn in_cpp(piece: &str) -> String {
    format!(
        "#include <ringsocket.hpp>\nusing namespace ringsocket;\nstruct Piece {{\n{piece}}};\n\
         RINGSOCKET_EXPORT(Piece);\n"
    )
}

#[test]
fn every_example_in_c_compiles() {
    let folder = Folder::new();
    let blocks = blocks("docs/c-apps.md", "c");
    assert!(blocks.len() >= 2 && whole(&blocks[0]), "{blocks:?}");
    for block in blocks {
        let source = folder.write("example.c", if whole(&block) { block } else { in_c(&block) });
        for compiler in C {
            accept(compiler, &["-std=c17", "-fsyntax-only"], &source, Path::new("/dev/null"));
        }
    }
}

#[test]
fn every_example_in_cpp_compiles() {
    let folder = Folder::new();
    let blocks = blocks("docs/cpp-apps.md", "cpp");
    assert!(blocks.len() >= 4 && whole(&blocks[0]), "{blocks:?}");
    for block in blocks {
        let source =
            folder.write("example.cpp", if whole(&block) { block } else { in_cpp(&block) });
        for compiler in CPP {
            accept(compiler, &["-std=c++20", "-fsyntax-only"], &source, Path::new("/dev/null"));
        }
    }
}

/// The first example of both documents is the same app.
#[test]
fn the_first_example_of_each_language_runs() {
    let builder = Builder::new()
        .file("sum.c", &blocks("docs/c-apps.md", "c")[0])
        .file("sum.cpp", &blocks("docs/cpp-apps.md", "cpp")[0]);
    let c = builder.path().join("sum.c").display().to_string();
    let cpp = builder.path().join("sum.cpp").display().to_string();
    let daemon = builder.c_app(&c, &[], "sum-c").cpp_app(&cpp, &[], "sum-cpp").start();
    for target in ["/sum-c", "/sum-cpp"] {
        let mut client = daemon.connect(target);
        let mut other = daemon.connect(target);
        client.binary(&[0, 0, 0, 40, 0, 2]).unwrap();
        client.expect_text("thank you");
        // Both have connected now, whichever the app has seen first.
        other.binary(&[0, 0, 0, 40, 0, 2, 0, 3]).unwrap();
        client.expect_binary(&45_i64.to_be_bytes());
        client.binary(&[0, 0, 0, 40]).unwrap();
        client.expect_close(4900);
    }
    daemon.stop_well();
}
