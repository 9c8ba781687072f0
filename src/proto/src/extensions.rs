//! The grammar of `Sec-WebSocket-Extensions` (RFC 6455 section 9.1).
//! Not for: what an extension means (`deflate`).

use crate::words;

/// An extension that a client offers.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Extension<'a> {
    pub(crate) name: &'a str,
    /// Names, with their values if they have any.
    pub(crate) params: Vec<(&'a str, Option<String>)>,
}

/// Reads the value of one header field; `None` if it breaks the grammar. Empty members of the list
/// are skipped (RFC 9110 section 5.6.1.2).
pub(crate) fn parse(value: &[u8]) -> Option<Vec<Extension<'_>>> {
    let mut rest = Rest(value);
    let mut extensions = Vec::new();
    loop {
        while rest.eat(b',') {}
        if rest.is_empty() {
            return Some(extensions);
        }
        let name = rest.token()?;
        let mut params = Vec::new();
        while rest.eat(b';') {
            let name = rest.token()?;
            let value = if rest.eat(b'=') { Some(rest.value()?) } else { None };
            params.push((name, value));
        }
        extensions.push(Extension { name, params });
        if !rest.is_empty() && !rest.0.starts_with(b",") {
            return None;
        }
    }
}

/// What has not been read yet; white space is skipped before each part.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn skip_space(&mut self) {
        while let [b' ' | b'\t', after @ ..] = self.0 {
            self.0 = after;
        }
    }

    fn is_empty(&mut self) -> bool {
        self.skip_space();
        self.0.is_empty()
    }

    fn eat(&mut self, delimiter: u8) -> bool {
        self.skip_space();
        let rest = self.0.strip_prefix(&[delimiter]);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn token(&mut self) -> Option<&'a str> {
        self.skip_space();
        let (token, rest) = words::token(self.0)?;
        self.0 = rest;
        std::str::from_utf8(token).ok()
    }

    /// A token, or a quoted string which holds one.
    fn value(&mut self) -> Option<String> {
        self.skip_space();
        let (value, rest) = words::value(self.0)?;
        self.0 = rest;
        String::from_utf8(value).ok().filter(|value| words::is_token(value.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Option<String> {
        let extensions = parse(value.as_bytes())?;
        let one = |extension: &Extension<'_>| {
            let param = |(name, value): &(&str, Option<String>)| match value {
                Some(value) => format!("[{name}={value}]"),
                None => format!("[{name}]"),
            };
            extension.name.to_owned() + &extension.params.iter().map(param).collect::<String>()
        };
        Some(extensions.iter().map(one).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn rfc6455_9_1_lists_of_extensions_and_parameters() {
        for (value, expected) in [
            ("", ""),
            ("foo", "foo"),
            ("foo, bar; baz=2", "foo bar[baz=2]"),
            (" foo;a ; b = \"2\",\tbar ,", "foo[a][b=2] bar"),
            (",, foo", "foo"),
            (r#"foo; a="b\c""#, "foo[a=bc]"),
        ] {
            assert_eq!(read(value).as_deref(), Some(expected), "{value}");
        }
    }

    #[test]
    fn rfc6455_9_1_what_the_grammar_does_not_know() {
        for value in [
            "foo bar",
            "foo;",
            "foo; =1",
            "foo; a=",
            "foo; a=\"",
            "foo; a=\"b",
            "foo; a=\"\"",
            "foo; a=\"b c\"",
            "foo; a=\"b\\",
            r#"foo; a="b\c\"""#,
            "=",
            ";a",
            "f\u{e9}",
            "foo; a=b=c",
            "foo; a==b",
            "foo/1",
            "foo; a=\"b\"c",
        ] {
            assert_eq!(read(value), None, "{value}");
        }
    }
}
