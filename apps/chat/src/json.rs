//! The messages that clients receive. Only writes JSON; nothing here reads it.

/// First message to who has joined, with everybody who is here.
pub(crate) fn welcome<'a>(room: &str, name: &str, here: impl Iterator<Item = &'a str>) -> String {
    let mut json = object("welcome", &[("room", room), ("name", name)]);
    json.pop();
    json.push_str(",\"here\":[");
    for (i, name) in here.enumerate() {
        if i > 0 {
            json.push(',');
        }
        string(&mut json, name);
    }
    json.push_str("]}");
    json
}

/// Somebody came.
pub(crate) fn joined(name: &str) -> String {
    object("joined", &[("name", name)])
}

/// Somebody went.
pub(crate) fn left(name: &str) -> String {
    object("left", &[("name", name)])
}

/// Somebody said something.
pub(crate) fn said(name: &str, text: &str) -> String {
    object("said", &[("name", name), ("text", text)])
}

/// What its receiver sent was not passed on.
pub(crate) fn refused(text: &str) -> String {
    object("refused", &[("text", text)])
}

fn object(kind: &str, fields: &[(&str, &str)]) -> String {
    let mut json = String::from("{\"type\":");
    string(&mut json, kind);
    for (name, value) in fields {
        json.push(',');
        string(&mut json, name);
        json.push(':');
        string(&mut json, value);
    }
    json.push('}');
    json
}

/// Appends a JSON string (RFC 8259 section 7).
fn string(json: &mut String, text: &str) {
    json.push('"');
    for character in text.chars() {
        match character {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\0'..'\x20' => json.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => json.push(character),
        }
    }
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_breaks_a_string_is_escaped() {
        let json = said("\"A\\", "a\nb\t\0\u{1f}\u{7f}\u{2028}é\u{1f600}</script>");
        assert_eq!(
            json,
            "{\"type\":\"said\",\"name\":\"\\\"A\\\\\",\"text\":\
             \"a\\nb\\u0009\\u0000\\u001f\u{7f}\u{2028}é\u{1f600}</script>\"}"
        );
    }

    #[test]
    fn welcome_lists_who_is_here() {
        let expected = r#"{"type":"welcome","room":"r","name":"B","here":["A","B"]}"#;
        assert_eq!(welcome("r", "B", ["A", "B"].into_iter()), expected);
        let expected = r#"{"type":"welcome","room":"r","name":"B","here":[]}"#;
        assert_eq!(welcome("r", "B", [].into_iter()), expected);
    }
}
