//! What an app may be called: a name that is good for a file, a path of a URL, a crate and a log
//! line, whatever the language. So an app may be written anew in another one and keep its name.

use std::str::FromStr;

/// The longest name, in bytes: the server's own limit.
const MAX_LEN: usize = 64;

/// Words of Rust (The Rust Reference, "Keywords", edition 2024), which no crate can be called.
const KEYWORDS: [&str; 51] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Crates that are there already: the language's own, the SDK, and the project's test.
const CRATES: [&str; 7] =
    ["alloc", "conversation", "core", "proc_macro", "ringsocket_app", "std", "test"];

/// A name that is fit for an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As Rust calls the crate.
    pub(super) fn snake(&self) -> String {
        self.0.replace('-', "_")
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() > MAX_LEN {
            return Err(format!("a name has at most {MAX_LEN} letters"));
        }
        let is_fit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if !text.starts_with(|c: char| c.is_ascii_lowercase())
            || !text.bytes().all(|byte| is_fit(byte) || b"-_".contains(&byte))
        {
            return Err(
                "a name is made of a to z, 0 to 9, - and _, and begins with a letter".into()
            );
        }
        if text.starts_with("lib") {
            return Err("the server drops \"lib\" from the beginning of an app's name".into());
        }
        let name = Self(text.to_owned());
        if KEYWORDS.contains(&&*name.snake()) || CRATES.contains(&&*name.snake()) {
            return Err("Rust has that name for something else".into());
        }
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_fit_for_everything() {
        for good in ["chat", "my-app", "my_app2", "a", "x-", &"n".repeat(64)] {
            assert_eq!(good.parse::<Name>().unwrap().as_str(), good);
        }
        assert_eq!("my-app".parse::<Name>().unwrap().snake(), "my_app");
    }

    #[test]
    fn all_others_are_refused_with_the_reason() {
        let long = "n".repeat(65);
        let refused = [
            ("", "begins with a letter"),
            ("2fast", "begins with a letter"),
            ("-x", "begins with a letter"),
            ("_x", "begins with a letter"),
            ("Chat", "a to z"),
            ("my app", "a to z"),
            ("my.app", "a to z"),
            ("../up", "a to z"),
            ("café", "a to z"),
            (&long, "at most 64"),
            ("library", "drops \"lib\""),
            ("match", "Rust has that name"),
            ("std", "Rust has that name"),
            ("proc-macro", "Rust has that name"),
            ("ringsocket-app", "Rust has that name"),
        ];
        for (bad, why) in refused {
            let error = bad.parse::<Name>().unwrap_err();
            assert!(error.contains(why), "{bad:?}: {error}");
        }
    }
}
