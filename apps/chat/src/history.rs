//! The last lines of a room.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Most lines.
pub(crate) const LINES_MAX: usize = 100;
/// Most bytes of all lines: many long ones push each other out sooner.
pub(crate) const SIZE_MAX: usize = 64 * 1024;
/// What a line counts beside its letters.
const LINE_OVERHEAD: usize = 64;

/// Something that somebody said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    /// When, in milliseconds since 1970. No two lines of a room have the same, so that clients can
    /// tell which they have seen.
    pub(crate) at: u64,
    pub(crate) name: String,
    pub(crate) text: String,
}

#[derive(Debug, Default)]
pub(crate) struct History {
    lines: VecDeque<Line>,
    size: usize,
}

impl Line {
    fn size(&self) -> usize {
        self.name.len() + self.text.len() + LINE_OVERHEAD
    }
}

impl History {
    /// One of before, within the bounds of now.
    pub(crate) fn of(lines: VecDeque<Line>) -> Self {
        let mut history = Self { size: lines.iter().map(Line::size).sum(), lines };
        while history.lines.len() > LINES_MAX || history.size > SIZE_MAX {
            history.forget_oldest();
        }
        history
    }

    fn forget_oldest(&mut self) {
        self.size -= self.lines.pop_front().map_or(0, |oldest| oldest.size());
    }

    /// Adds a line that was said now, and forgets old ones as needed.
    pub(crate) fn add(&mut self, now: u64, name: &str, text: String) -> &Line {
        // Clocks may be set back.
        let at = self.lines.back().map_or(now, |last| now.max(last.at + 1));
        let line = Line { at, name: name.to_owned(), text };
        self.size += line.size();
        while self.lines.len() >= LINES_MAX || (self.size > SIZE_MAX && !self.lines.is_empty()) {
            self.forget_oldest();
        }
        self.lines.push_back(line);
        &self.lines[self.lines.len() - 1]
    }

    /// All lines, the oldest first.
    pub(crate) fn lines(&self) -> &VecDeque<Line> {
        &self.lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_hundred_lines_are_kept() {
        let mut history = History::default();
        for number in 0..=LINES_MAX {
            history.add(number as u64, "Ann", number.to_string());
        }
        assert_eq!(history.lines().len(), LINES_MAX);
        assert_eq!(history.lines()[0].text, "1");
        assert_eq!(history.lines()[LINES_MAX - 1].text, "100");
    }

    #[test]
    fn long_lines_are_kept_as_far_as_there_is_room() {
        let mut history = History::default();
        for _ in 0..50 {
            history.add(0, "Ann", "x".repeat(8000));
        }
        assert_eq!(history.lines().len(), SIZE_MAX / (8000 + 3 + LINE_OVERHEAD));
        assert!(history.size <= SIZE_MAX);
        for _ in 0..LINES_MAX {
            history.add(0, "Ann", "x".to_owned());
        }
        assert_eq!(history.size, LINES_MAX * (1 + 3 + LINE_OVERHEAD), "nothing is counted twice");
    }

    #[test]
    fn no_two_lines_have_the_same_time() {
        let mut history = History::default();
        let times = [7, 7, 3, 20].map(|now| history.add(now, "Ann", String::new()).at);
        assert_eq!(times, [7, 8, 9, 20]);
    }
}
