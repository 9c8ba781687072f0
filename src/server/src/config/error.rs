//! What is wrong with a configuration, and how it is told: file, line and column, the line itself,
//! and what to write instead.
//! Not for: deciding what is wrong (that is `parse`, `checked` and `apps`).

use std::fmt;

use crate::log::{self, Fields, Level, id::MessageId};

/// The longest piece of a configuration line that is shown, in characters.
const SHOWN: usize = 96;

/// How much an [`Issue`] matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// The configuration is used, but something in it has no effect or may surprise.
    Warning,
}

/// A piece of the configuration's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// Length in characters within the line; at least 1.
    pub width: usize,
    /// The whole line, control characters replaced.
    pub text: String,
}

impl Place {
    /// The place of the bytes `start..end` of `text`. A range over several lines is cut at the
    /// end of its first one; positions past the end or inside a character are moved back.
    pub(super) fn of(text: &str, start: usize, end: usize) -> Self {
        let start = floor(text, start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let end = floor(text, end.clamp(start, line_end));
        Place {
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            width: text[start..end].trim_end().chars().count().max(1),
            text: shown(text[line_start..line_end].trim_end()),
        }
    }

    /// The line and a row of carets under the place; a long line is cut around it.
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = if self.column > SHOWN - 24 { self.column - SHOWN / 2 } else { 0 };
        let shown: String = self.text.chars().skip(first).take(SHOWN).collect();
        let indent = self.column - 1 - first;
        let width = self.width.min(SHOWN.saturating_sub(indent)).max(1);
        let margin = self.line.to_string().len();
        writeln!(f, "{} | {}", self.line, shown.trim_end())?;
        writeln!(f, "{:margin$} | {:indent$}{}", "", "", "^".repeat(width))
    }
}

/// The largest character boundary of `text` that is not after `at`.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// One column for every character, and nothing that could disturb a terminal or forge a line.
fn printable(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

/// A text with every character [`printable`].
pub(super) fn shown(text: &str) -> String {
    text.chars().map(printable).collect()
}

/// One thing found in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Whether the configuration can still be used.
    pub severity: Severity,
    /// Where it was found; `None` when it concerns the file or the surroundings as a whole.
    pub place: Option<Place>,
    /// What is wrong.
    pub what: String,
    /// What to write or do instead.
    pub instead: Option<String>,
}

impl Issue {
    /// One without a place. The words may quote anything.
    pub(crate) fn of_the_whole(severity: Severity, what: &str, instead: &str) -> Self {
        let instead = (!instead.is_empty()).then(|| shown(instead));
        Issue { severity, place: None, what: shown(what), instead }
    }
}

/// Everything found in one configuration, in the order of its lines.
///
/// Its `Display` is for people: one paragraph per issue, ended by a line feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The file's name as it was given; for the built-in configuration, words that say so. May be
    /// empty where issues have no places.
    pub source: String,
    /// The issues. Those without a place come first.
    pub issues: Vec<Issue>,
}

impl Report {
    /// Whether any issue is an error.
    pub fn has_errors(&self) -> bool {
        self.issues.iter().any(|issue| issue.severity == Severity::Error)
    }

    /// How many issues there are of one severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.issues.iter().filter(|issue| issue.severity == severity).count()
    }

    /// Puts the issues in the order of the file's lines, which is how people repair a file.
    pub(super) fn sort(&mut self) {
        self.issues.sort_by_key(|issue| issue.place.as_ref().map(|at| (at.line, at.column)));
    }

    /// The lines of one issue, as `Display` shows them.
    fn write(&self, issue: &Issue, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match issue.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        match &issue.place {
            Some(at) => {
                writeln!(f, "{}:{}:{}: {kind}: {}", self.source, at.line, at.column, issue.what)?;
                at.write(f)?;
            }
            None if self.source.is_empty() => writeln!(f, "{kind}: {}", issue.what)?,
            None => writeln!(f, "{}: {kind}: {}", self.source, issue.what)?,
        }
        match &issue.instead {
            Some(instead) => writeln!(f, "  {instead}"),
            None => Ok(()),
        }
    }

    /// Sends every line to the log, at the level of its issue.
    pub fn log(&self) {
        self.log_each(|_| None);
    }

    /// The same, where the catalog explains the last line of each issue.
    pub fn log_as(&self, error: MessageId, warning: MessageId) {
        self.log_each(|severity| match severity {
            Severity::Error => Some(error),
            Severity::Warning => Some(warning),
        });
    }

    fn log_each(&self, id_of: impl Fn(Severity) -> Option<MessageId>) {
        for issue in &self.issues {
            let one = Report { source: self.source.clone(), issues: vec![issue.clone()] };
            let level = match issue.severity {
                Severity::Error => Level::Error,
                Severity::Warning => Level::Warning,
            };
            let text = one.to_string();
            let mut lines = text.lines().peekable();
            while let Some(line) = lines.next() {
                let id = if lines.peek().is_none() { id_of(issue.severity) } else { None };
                log::write(level, Fields { id, ..Fields::default() }, format_args!("{line}"));
            }
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.issues.iter().try_for_each(|issue| self.write(issue, f))
    }
}

impl std::error::Error for Report {}

/// The name among `known` that looks most like `written`, if any looks alike at all.
///
/// Distance is Damerau-Levenshtein: a swap, a missing, a wrong or an extra character each count
/// one. A third of the length may differ; otherwise a guess would only mislead. A beginning of at
/// least three letters (`warn`) is as good as a near miss.
pub(super) fn nearest<'k>(
    written: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<&'k str> {
    let written = written.to_ascii_lowercase();
    let distance = |name: &str| {
        let name = name.to_ascii_lowercase();
        if written.len() >= 3 && name.starts_with(&written) {
            return 1;
        }
        strsim::damerau_levenshtein(&written, &name)
    };
    known
        .into_iter()
        .map(|name| (distance(name), name))
        .filter(|&(distance, name)| distance <= (name.chars().count() / 3).max(1))
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_lines_and_characters_not_bytes() {
        let text = "{\n  \"ä\": \"ö\"\n}";
        let start = text.find("\"ö\"").unwrap();
        let place = Place::of(text, start, start + "\"ö\"".len());
        assert_eq!((place.line, place.column, place.width), (2, 8, 3));
        assert_eq!(place.text, "  \"ä\": \"ö\"");
    }

    #[test]
    fn a_place_over_several_lines_ends_with_the_first() {
        let place = Place::of("[\n1,\n2]", 0, 7);
        assert_eq!((place.line, place.column, place.width), (1, 1, 1));
    }

    #[test]
    fn a_place_past_the_end_or_inside_a_character_does_not_panic() {
        assert_eq!(Place::of("", 5, 9).line, 1);
        assert_eq!(Place::of("ä", 1, 1).column, 1);
    }

    #[test]
    fn a_long_line_is_cut_around_the_place_and_the_caret_stays_under_it() {
        let text = format!("{}\"here\"{}", "x".repeat(500), "y".repeat(500));
        let place = Place::of(&text, 500, 506);
        let issue = Issue {
            severity: Severity::Error,
            place: Some(place),
            what: "w".into(),
            instead: None,
        };
        let shown = Report { source: "f".into(), issues: vec![issue] }.to_string();
        let lines: Vec<&str> = shown.lines().collect();
        assert!(lines[1].chars().count() <= SHOWN + 4, "{shown}");
        assert_eq!(lines[1].find("\"here\""), lines[2].find('^'), "{shown}");
        assert_eq!(lines[2].matches('^').count(), 6);
    }

    #[test]
    fn control_characters_of_a_line_are_not_shown_as_they_are() {
        let place = Place::of("\u{1b}[31m\t\"a\"\u{7}", 0, 1);
        assert_eq!(place.text, "\u{fffd}[31m \"a\"\u{fffd}");
    }

    #[test]
    fn the_nearest_name_is_found_and_a_far_one_is_not() {
        let known = ["worker_c", "log_level", "ports"];
        assert_eq!(nearest("wroker_c", known), Some("worker_c"));
        assert_eq!(nearest("LOG_LEVEL", known), Some("log_level"));
        assert_eq!(nearest("port", known), Some("ports"));
        assert_eq!(nearest("work", known), Some("worker_c"));
        assert_eq!(nearest("wo", known), None);
        assert_eq!(nearest("zebra", known), None);
    }
}
