//! Makes what clients call themselves, and say, fit to be shown to others.

/// A name of a room or a person: one line of at most `max` characters, with single spaces and
/// without characters that show nothing or turn the direction of others. `default` if nothing of
/// it is left.
pub(crate) fn name(wish: &str, max: usize, default: &str) -> String {
    let mut name = String::new();
    let mut length = 0;
    let mut is_space_due = false;
    // What is too long is not looked at any further than needed: most characters count.
    for character in wish.chars().take(8 * max).filter(|character| !is_hidden(*character)) {
        if character.is_whitespace() || character.is_control() {
            is_space_due = length > 0;
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
    if name.is_empty() { default.to_owned() } else { name }
}

/// A line: without control characters other than line feed and tab, and without white space around
/// it. Empty if nothing visible is left.
pub(crate) fn line(text: &str) -> String {
    let keep = |character: &char| !character.is_control() || matches!(character, '\n' | '\t');
    let line: String = text.chars().filter(keep).collect();
    let is_blank = line.chars().all(|character| character.is_whitespace() || is_hidden(character));
    if is_blank { String::new() } else { line.trim().to_owned() }
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
            ("", "guest"),
            (" \u{200b}\u{202e} ", "guest"),
            ("A\u{202e}nn", "Ann"),
            ("A\0nn", "A nn"),
            ("<script>", "<script>"),
            ("12345678901", "1234567890"),
            ("123456789 1", "123456789"),
            ("żółwżółwżółw", "żółwżółwżó"),
        ] {
            assert_eq!(name(wish, 10, "guest"), expected, "{wish:?}");
        }
    }

    #[test]
    fn lines_keep_their_inner_shape() {
        assert_eq!(line(" a\n\tb \u{7}\u{9b}c\r\n"), "a\n\tb c");
        assert_eq!(line(" \n\u{200b}\u{3164} "), "");
        assert_eq!(line("\u{1f468}\u{200d}\u{1f469}"), "\u{1f468}\u{200d}\u{1f469}");
    }
}
