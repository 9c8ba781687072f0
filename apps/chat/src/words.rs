//! Makes what clients call themselves, and say, fit to be shown to others.

use unicode_normalization::char::is_combining_mark;
use unicode_security::skeleton;

/// Most marks (accents and the like) in a row in a name: a tower of them hides what is above.
const MARKS_MAX: usize = 2;
/// Most line feeds of a line.
const FEEDS_MAX: usize = 30;

/// A name of a room or a person: one line of at most `max` characters, with single spaces and
/// without characters that show nothing or turn the direction of others. `None` if nothing of it
/// is left.
pub(crate) fn name(wish: &str, max: usize) -> Option<String> {
    let mut name = String::new();
    let (mut length, mut mark_c) = (0, 0);
    let mut is_space_due = false;
    // What is too long is not looked at any further than needed: most characters count.
    for character in wish.chars().take(8 * max).filter(|character| !is_hidden(*character)) {
        if character.is_whitespace() || character.is_control() {
            is_space_due = length > 0;
            continue;
        }
        mark_c = if is_combining_mark(character) { mark_c + 1 } else { 0 };
        if mark_c > MARKS_MAX || (mark_c > 0 && (length == 0 || is_space_due)) {
            continue;
        }
        if length + usize::from(is_space_due) >= max {
            break;
        }
        if is_space_due {
            name.push(' ');
            length += 1;
            is_space_due = false;
        }
        name.push(character);
        length += 1;
    }
    (!name.is_empty()).then_some(name)
}

/// What a name looks like: "Ann" like "ANN" and like one whose A is Greek.
#[derive(Debug)]
pub(crate) struct Look {
    folded_first: String,
    folded_last: String,
}

/// Capital I looks like small l, and is a capital i: so case is folded both before and after
/// look-alikes are (UTS #39 section 4).
pub(crate) fn look(name: &str) -> Look {
    let folded_last: String = skeleton(name).collect();
    Look {
        folded_first: skeleton(&name.to_lowercase()).collect(),
        folded_last: folded_last.to_lowercase(),
    }
}

impl Look {
    pub(crate) fn resembles(&self, other: &Self) -> bool {
        self.folded_first == other.folded_first || self.folded_last == other.folded_last
    }
}

/// A line: without control characters other than tab and a few line feeds, and without white space
/// around it. Empty if nothing visible is left.
pub(crate) fn line(text: &str) -> String {
    let is_blank = |c: char| c.is_whitespace() || c.is_control() || is_hidden(c);
    if text.chars().all(is_blank) {
        return String::new();
    }
    let mut line = String::with_capacity(text.len());
    let mut feed_c = 0;
    for character in text.trim().chars() {
        match character {
            // Neither a wall of empty lines nor a column of letters.
            '\n' if feed_c == FEEDS_MAX => line.push(' '),
            '\n' if line.ends_with("\n\n") => {}
            '\n' => {
                feed_c += 1;
                line.push('\n');
            }
            '\t' => line.push('\t'),
            _ if character.is_control() => {}
            _ => line.push(character),
        }
    }
    line.trim().to_owned()
}

/// Characters with which one name could look like another: zero width, direction, filler,
/// variation selectors and tags. Joiners are among them, although some scripts and emoji use them:
/// in a name, nothing invisible is worth a forgery.
fn is_hidden(character: char) -> bool {
    matches!(character,
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{2800}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_clean_short_line() {
        for (wish, expected) in [
            ("Ann", "Ann"),
            ("  Ann \t\n Lee  ", "Ann Lee"),
            ("", ""),
            (" \u{200b}\u{202e} ", ""),
            ("A\u{202e}nn", "Ann"),
            ("A\0nn", "A nn"),
            ("<script>", "<script>"),
            ("12345678901", "1234567890"),
            ("123456789 1", "123456789"),
            ("żółwżółwżółw", "żółwżółwżó"),
            ("\u{301}\u{301}", ""),
            ("Z\u{301}\u{302}\u{303}\u{304}a", "Z\u{301}\u{302}a"),
            ("A \u{301}n", "A n"),
        ] {
            assert_eq!(name(wish, 10).unwrap_or_default(), expected, "{wish:?}");
        }
    }

    #[test]
    fn names_that_look_alike_are_known() {
        for (name, other) in [
            ("Ann", "aNN"),
            ("Ann", "\u{391}nn"),
            ("paul", "\u{440}\u{430}ul"),
            ("Ian", "lan"),
            ("ian", "IAN"),
            ("Bob", "B0b"),
            ("Z\u{e9}", "Ze\u{301}"),
        ] {
            assert!(look(name).resembles(&look(other)), "{name} and {other}");
        }
        for (name, other) in [("Ann", "Anna"), ("Ann", "Ann 2"), ("Ben", "Bea")] {
            assert!(!look(name).resembles(&look(other)), "{name} and {other}");
        }
    }

    #[test]
    fn lines_are_no_walls() {
        assert_eq!(line("a\n\n\n\n\nb"), "a\n\nb");
        let column = line(&"x\n".repeat(100));
        assert_eq!(column.matches('\n').count(), FEEDS_MAX);
        assert_eq!(column.matches('x').count(), 100);
    }

    #[test]
    fn lines_keep_their_inner_shape() {
        assert_eq!(line(" a\n\tb \u{7}\u{9b}c\r\n"), "a\n\tb c");
        assert_eq!(line(" \n\u{200b}\u{3164} "), "");
        assert_eq!(line("\u{1f468}\u{200d}\u{1f469}"), "\u{1f468}\u{200d}\u{1f469}");
    }
}
