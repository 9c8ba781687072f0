//! What compilers say: apps of every form compile without a warning by every standard, and mistakes
//! do not compile, for reasons that are told.

use std::path::Path;

use ringsocket_tests::compilers::{CPP, CPP_STANDARDS, accept, compile, complaints};
use ringsocket_tests::folder::Folder;

#[test]
fn apps_compile_without_a_warning() {
    let folder = Folder::new();
    let sources = [
        ("apps/echo-cpp/echo.cpp", "-DNONE"),
        ("apps/ticker-cpp/ticker.cpp", "-DNONE"),
        ("tests/apps/cpp-typed.cpp", "-DNONE"),
        ("tests/apps/cpp-throws.cpp", "-DTHROW_READ=1"),
        ("tests/apps/cpp-gate.cpp", "-DNONE"),
        ("tests/apps/cpp-keeper.cpp", "-DNONE"),
        ("tests/apps/cpp-leaves.cpp", "-DVERSION=one"),
        ("tests/apps/cpp-oracle.cpp", "-DNONE"),
        ("tests/apps/cpp-topics.cpp", "-DNONE"),
        ("tests/apps/cpp-warden.cpp", "-DNONE"),
    ];
    for compiler in CPP {
        for standard in CPP_STANDARDS {
            for (source, define) in sources {
                let flags = [standard, "-O2", "-fpic", "-shared", "-fvisibility=hidden", define];
                accept(compiler, &flags, Path::new(source), &folder.path().join("app.so"));
            }
        }
    }
}

/// An app with these members.
fn app(members: &str) -> String {
    format!(
        "#include <ringsocket.hpp>\nusing namespace ringsocket;\nstruct App {{\n{members}\n}};\n\
         RINGSOCKET_EXPORT(App);\n"
    )
}

/// An app whose read has these cases.
fn cases(cases: &str) -> String {
    format!("void read(Context &, Client, Message message) {{ message.match({cases}); }}")
}

#[test]
fn mistakes_do_not_compile() {
    let folder = Folder::new();
    // What is right, so that it is the mistake that is refused, and why it is.
    let triples = [
        ("void open(Context &, Client) {}", "void open(Context &) {}", "the app's open does not"),
        (
            "void read(Context &, Client, Bytes) {}",
            "void read(Context &, Client, int) {}",
            "the app's read does not",
        ),
        (
            "void close(Context &, Client, const Close &) {}",
            "private: void close(Context &, Client) {}",
            "the app's close does not",
        ),
        ("void timer(Context &) {}", "void timer(int) {}", "the app's timer does not"),
        (
            "Decision upgrade(Context &, Client, const Upgrade &) { return later; }",
            "void upgrade(Context &, Client, const Upgrade &) {}",
            "the app's upgrade does not",
        ),
        (
            "void drain(Context &, std::chrono::microseconds) {}",
            "void drain(Context &) {}",
            "the app's drain does not",
        ),
        (
            "std::vector<std::byte> save(Context &) { return {}; }",
            "int save(Context &) { return 0; }",
            "the app's save does not",
        ),
        (
            "bool restore(Context &, Bytes, std::span<const Client>) { return true; }",
            "void restore(Context &, Bytes, std::span<const Client>) {}",
            "the app's restore does not",
        ),
        (
            "Handle<App> h; void timer(Context &) { (void) h.post([](App &, Context &) {}); }",
            "Handle<App> h; void timer(Context &) { (void) h.post([](App &) {}); }",
            "what is posted takes (App &, Context &)",
        ),
        ("explicit App(Context &) {}", "explicit App(int) {}", "an app is constructed from"),
        (
            "static constexpr std::array<std::string_view, 1> subprotocols = {\"v1\"};",
            "static constexpr std::array<std::string_view, 1> subprotocols = {\"v 1\"};",
            "must be a token",
        ),
        (
            &cases("on_text<'a', Text<>>([](auto) {}), on_text<'b'>([] {})"),
            &cases("on_text<'a', Text<>>([](auto) {}), on_binary<'a'>([] {})"),
            "two cases have the same first byte",
        ),
        (
            &cases("on_text<'a', int, Text<>>([](int, std::string_view) {})"),
            &cases("on_text<'a', Text<>, int>([](std::string_view, int) {})"),
            "List, Rest and Text come last",
        ),
        (
            &cases("on_text<'a', int>([](int) {})"),
            &cases("on_text<'a', int>([](std::string_view) {})"),
            "a case's function takes what its fields are given as",
        ),
    ];
    for compiler in CPP {
        for (right, wrong, why) in triples {
            let said = |members: &str| {
                let source = folder.write("app.cpp", app(members));
                let flags = ["-std=c++20", "-fsyntax-only"];
                let output = compile(compiler, &flags, &source, Path::new("/dev/null"));
                (output.status.success(), complaints(&output))
            };
            let (is_fine, words) = said(right);
            assert!(is_fine, "{compiler}, {right}:\n{words}");
            let (is_fine, words) = said(wrong);
            assert!(!is_fine && words.contains(why), "{compiler}, {wrong}:\n{words}");
        }
    }
}
