//! The files of a new project. They are real files in `templates/`, of an app called `first-app`,
//! which the tests compile; here they get the name, and the places of what they are built with.

use clap::ValueEnum;

use super::name::Name;
use super::sdk::Sdk;

/// What an app can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// Rust, with Cargo
    #[value(alias = "rs")]
    Rust,
    /// C17, with make
    C,
    /// C++20, with make
    #[value(alias = "c++")]
    Cpp,
}

macro_rules! template {
    ($path:literal) => {
        include_str!(concat!("../../templates/", $path))
    };
}

const CONVERSATION: (&str, &str) = ("conversation.txt", template!("conversation.txt"));

const RUST: [(&str, &str); 5] = [
    ("src/lib.rs", template!("rust/src/lib.rs")),
    ("tests/conversation.rs", template!("rust/tests/conversation.rs")),
    ("Cargo.toml", template!("rust/Cargo.toml")),
    ("README.md", template!("rust/README.md")),
    // Not under its own name in the source tree, where it would be in force.
    (".gitignore", template!("rust/gitignore")),
];

const C: [(&str, &str); 4] = [
    ("first-app.c", template!("c/first-app.c")),
    ("Makefile", template!("c/Makefile")),
    ("README.md", template!("c/README.md")),
    (".gitignore", template!("c/gitignore")),
];

const CPP: [(&str, &str); 4] = [
    ("first-app.cpp", template!("cpp/first-app.cpp")),
    ("Makefile", template!("cpp/Makefile")),
    ("README.md", template!("cpp/README.md")),
    (".gitignore", template!("cpp/gitignore")),
];

/// Where the templates say what is elsewhere in a project: the Rust SDK, the headers, and the program
/// that tests run, as it stands in a makefile or a document and in Rust.
const SDK: &str = "path = \"../../../app\"";
const HEADERS: &str = "$(shell pkg-config --cflags ringsocket 2> /dev/null)";
const TRY: [(&str, &str); 2] = [("TRY := ", "ringsocket-try\n"), ("    ", "ringsocket-try target")];
const TRY_IN_RUST: &str = "Command::new(\"ringsocket-try\")";

/// The paths and texts of a project's files.
pub(super) fn files(name: &Name, language: Language, sdk: &Sdk) -> Vec<(String, String)> {
    let files: &[(&str, &str)] = match language {
        Language::Rust => &RUST,
        Language::C => &C,
        Language::Cpp => &CPP,
    };
    let made = |&(path, text): &(&str, &str)| {
        let named = |text: &str| {
            text.replace("first-app", name.as_str()).replace("first_app", &name.snake())
        };
        (named(path), placed(&named(text), sdk))
    };
    files.iter().chain([&CONVERSATION]).map(made).collect()
}

/// A file's text, with the places of what the project is built with.
fn placed(text: &str, sdk: &Sdk) -> String {
    let text = text.replace(SDK, &format!("path = \"{}\"", sdk.rust()));
    let Sdk::Tree { root, daemon } = sdk else { return text };
    let mut text = text.replace(HEADERS, &format!("-I{root}/src/app/include"));
    let program = format!("{root}/src/try/ringsocket-try");
    for (before, after) in TRY {
        let here = format!("{before}{after}");
        let options = after.replacen("ringsocket-try", &format!("{program} --server {daemon}"), 1);
        text = text.replace(&here, &format!("{before}{options}"));
    }
    let options = format!("Command::new(\"{program}\").args([\"--server\", \"{daemon}\"])");
    text.replace(TRY_IN_RUST, &options)
}

/// What can be done with a project in `folder`.
pub(super) fn steps(language: Language, folder: &str) -> String {
    let (kind, test, read) = match language {
        Language::Rust => ("Rust", "cargo test", "src/lib.rs, README.md"),
        Language::C => ("C", "make test", "README.md"),
        Language::Cpp => ("C++", "make test", "README.md"),
    };
    format!(
        "An app in {kind} is in {folder}. To build it and have it talk with clients:\n\
         \x20   cd {folder} && {test}\n\
         Then read on in {read}.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Language; 3] = [Language::Rust, Language::C, Language::Cpp];

    fn made(language: Language, sdk: &Sdk) -> String {
        let name = "my-app".parse().unwrap();
        let files = files(&name, language, sdk);
        files.iter().map(|(path, text)| format!("== {path}\n{text}")).collect()
    }

    #[test]
    fn nothing_is_left_of_the_templates_own_name_and_places() {
        for language in ALL {
            let all = made(language, &Sdk::Installed);
            assert!(!all.contains("first-app") && !all.contains("first_app"), "{all}");
            assert!(all.contains("my-app") && !all.contains("../"), "{all}");
        }
        let all = made(Language::Rust, &Sdk::Installed);
        assert!(all.contains("{ path = \"/usr/share/ringsocket/ringsocket-app\" }"), "{all}");
        assert!(all.contains("libmy_app.so") && all.contains("apps/my-app.so"), "{all}");
    }

    #[test]
    fn a_project_of_a_source_tree_needs_nothing_installed() {
        let sdk = Sdk::Tree { root: "/rs".into(), daemon: "/rs/target/ringsocket".into() };
        for language in [Language::C, Language::Cpp] {
            let all = made(language, &sdk);
            assert!(all.contains("\nINCLUDE := -I/rs/src/app/include\n"), "{all}");
            let program = "/rs/src/try/ringsocket-try --server /rs/target/ringsocket";
            assert!(all.contains(&format!("\nTRY := {program}\n")), "{all}");
        }
        let all = made(Language::Rust, &sdk);
        assert!(all.contains("{ path = \"/rs/src/app\" }"), "{all}");
        let program = "Command::new(\"/rs/src/try/ringsocket-try\")\
                       .args([\"--server\", \"/rs/target/ringsocket\"])";
        assert!(all.contains(program), "{all}");
        assert!(
            all.contains("    /rs/src/try/ringsocket-try --server /rs/target/ringsocket target")
        );
    }

    /// Ten lines are what one reads: the title and what it is about are more.
    #[test]
    fn readmes_stay_short() {
        for (_, text) in RUST.iter().chain(&C).chain(&CPP).filter(|(path, _)| *path == "README.md")
        {
            let lines = text.lines().filter(|line| !line.is_empty()).count();
            assert!(lines <= 10, "{lines} lines:\n{text}");
        }
    }
}
