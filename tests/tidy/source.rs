//! Reading the repository for the tidy test: which files there are, and a Rust file's text without
//! comments or without strings. A lexer of a few lines, not a parser: it knows comments, strings
//! and characters, and takes the rest as it is.

use std::fs;
use std::path::{Path, PathBuf};

/// A Rust source file.
pub(crate) struct Source {
    /// Path from the workspace's root.
    pub(crate) path: String,
    /// As it stands.
    pub(crate) text: String,
    /// With comments blanked.
    pub(crate) uncommented: String,
    /// With comments and the contents of strings blanked.
    pub(crate) bare: String,
}

impl Source {
    fn read(root: &Path, path: &Path) -> Self {
        let text = fs::read_to_string(path).expect("a source file in UTF-8");
        let uncommented = blank(&text, false);
        let bare = blank(&text, true);
        Self { path: relative(root, path), text, uncommented, bare }
    }

    /// The file without its test modules: up to the first `#[cfg(test)]` at the margin.
    pub(crate) fn production(&self) -> &str {
        let end = self.bare.find("\n#[cfg(test)]").unwrap_or(self.bare.len());
        if self.path.ends_with("/tests.rs") || self.path.contains("/tests/") {
            ""
        } else {
            &self.bare[..end]
        }
    }
}

/// All Rust files under the named folders of the workspace, in order.
pub(crate) fn rust_files(root: &Path, folders: &[&str]) -> Vec<Source> {
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    let paths = files(root, folders).into_iter().filter(is_rust);
    paths.map(|path| Source::read(root, &path)).collect()
}

/// All files under the named folders of the workspace, in order, less what tools leave there.
pub(crate) fn files(root: &Path, folders: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in folders {
        walk(&root.join(folder), &mut found);
    }
    found.sort();
    found
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("a folder's entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_made = matches!(&*name, "target" | "node_modules" | "__pycache__" | "corpus");
        if name.starts_with('.') || is_made {
            continue;
        }
        if path.is_dir() { walk(&path, found) } else { found.push(path) }
    }
}

/// The path from the workspace's root.
pub(crate) fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).expect("a path in the workspace").display().to_string()
}

/// Blanks comments, and strings too if told so, and keeps every line's place.
fn blank(text: &str, strings_too: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (len, is_blanked) = token(rest, out.chars().next_back());
        let len = len.unwrap_or(first.len_utf8());
        let is_string = is_blanked == Some(Kind::String);
        if is_blanked == Some(Kind::Comment) || (is_string && strings_too) {
            out.extend(rest[..len].chars().map(|c| if c == '\n' { c } else { ' ' }));
        } else {
            out.push_str(&rest[..len]);
        }
        rest = &rest[len..];
    }
    out
}

#[derive(PartialEq)]
enum Kind {
    Comment,
    String,
}

/// Length and kind of the comment, string or character that `rest` starts with.
fn token(rest: &str, before: Option<char>) -> (Option<usize>, Option<Kind>) {
    let is_in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if rest.starts_with("//") {
        (Some(rest.find('\n').unwrap_or(rest.len())), Some(Kind::Comment))
    } else if rest.starts_with("/*") {
        (Some(block_comment(rest)), Some(Kind::Comment))
    } else if rest.starts_with('"') {
        (Some(quoted(rest)), Some(Kind::String))
    } else if let Some(len) = raw_string(rest).filter(|_| !is_in_word) {
        (Some(len), Some(Kind::String))
    } else if let Some(len) = character(rest) {
        (Some(len), Some(Kind::String))
    } else {
        (None, None)
    }
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        let step = if rest[at..].starts_with("/*") {
            depth += 1;
            2
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            2
        } else {
            rest[at..].chars().next().map_or(1, char::len_utf8)
        };
        at += step;
        if depth == 0 {
            break;
        }
    }
    at
}

fn quoted(rest: &str) -> usize {
    let mut is_escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn raw_string(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let hashes = body.len() - body.trim_start_matches('#').len();
    let body = body[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let len = body.find(&end)? + end.len();
    Some(rest.len() - body.len() + len)
}

/// `'x'` or `'\n'`, but no lifetime.
fn character(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix('\'')?;
    let first = body.chars().next()?;
    if first == '\\' {
        let end = body.char_indices().skip(2).find(|(_, c)| *c == '\'')?.0;
        return Some(end + 2);
    }
    let after = &body[first.len_utf8()..];
    after.starts_with('\'').then(|| first.len_utf8() + 2)
}

#[test]
fn comments_strings_and_lifetimes_are_told_apart() {
    let text = "a /* b /* c */ d */ \"// e \\\" f\" 'g' '\\'' &'h i // j\nr#\"k \" l\"# m\"n\"";
    let kept = blank(text, false);
    assert!(kept.contains("// e") && kept.contains("k \" l"), "{kept}");
    assert!(!kept.contains('b') && !kept.contains('d') && !kept.contains('j'), "{kept}");
    let bare = blank(text, true);
    let words: Vec<&str> = bare.split_whitespace().collect();
    assert_eq!(words, ["a", "&'h", "i", "m"], "{bare}");
}
