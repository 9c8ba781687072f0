//! How many there are of something, in words for a log line.

/// `1 app`, `2 apps`.
pub fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_alone_has_no_plural() {
        let words = [0, 1, 2].map(|count| counted(count, "app"));
        assert_eq!(words, ["0 apps", "1 app", "2 apps"]);
    }
}
