//! The exact words about each kind of mistake in a configuration: `bad_files.txt` holds, for each,
//! a file of one line after `> ` and below it the whole report.

use super::said;

#[test]
fn the_exact_words_about_bad_files() {
    let mut count = 0;
    for case in include_str!("bad_files.txt").split_terminator("\n\n") {
        let (file, report) = case.split_once('\n').unwrap();
        let file = file.strip_prefix("> ").unwrap();
        assert_eq!(said(file).trim_end(), report.trim_end(), "about {file}");
        count += 1;
    }
    assert_eq!(count, 74, "cases in bad_files.txt");
}
