//! Header fields that somebody else wishes to have in a response: checked, as they are told to whoever
//! connects, and must not let anybody write a response of his own (RFC 9110 sections 5.5 and 17.13,
//! RFC 9112 section 11.1).
//! Not for: fields of requests (`http`).

use crate::words;

/// Why a field is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum BadField {
    /// Its name is no token (RFC 9110 section 5.6.2).
    Name,
    /// Its value begins or ends with white space, or holds a control character.
    Value,
    /// It is the server's own to write.
    Reserved,
}

/// Fields that say where a message ends or what becomes of its connection, and those that are written
/// into every response.
pub const RESERVED: [&[u8]; 12] = [
    b"connection",
    b"content-length",
    b"content-type",
    b"date",
    b"http2-settings",
    b"keep-alive",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
    b"x-content-type-options",
];

/// Those of the handshake, by the start of their names.
const RESERVED_FAMILY: &[u8] = b"sec-websocket-";

/// Appends a header line.
///
/// # Errors
/// [`BadField`]; then nothing is appended.
pub fn append(name: &[u8], value: &[u8], lines: &mut Vec<u8>) -> Result<(), BadField> {
    if !words::is_token(name) {
        return Err(BadField::Name);
    }
    if !is_value(value) {
        return Err(BadField::Value);
    }
    let is_of_family = name
        .get(..RESERVED_FAMILY.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(RESERVED_FAMILY));
    if is_of_family || RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
        return Err(BadField::Reserved);
    }
    for part in [name, b": ", value, b"\r\n"] {
        lines.extend_from_slice(part);
    }
    Ok(())
}

/// Whether this is a `field-value` (RFC 9110 section 5.5): visible characters of any encoding, with
/// spaces and tabs between them; or nothing.
pub fn is_value(value: &[u8]) -> bool {
    let is_visible = |byte: u8| byte > b' ' && byte != 0x7f;
    let ends_well = |byte: Option<&u8>| byte.is_none_or(|&byte| is_visible(byte));
    ends_well(value.first())
        && ends_well(value.last())
        && value.iter().all(|&byte| is_visible(byte) || byte == b' ' || byte == b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9110_5_5_what_a_value_may_hold() {
        for value in ["", "a", "a b", "a\tb", "\u{fc}ber", "sid=1; Path=/; HttpOnly", "!~"] {
            let mut lines = b"A: b\r\n".to_vec();
            assert_eq!(append(b"Set-Cookie", value.as_bytes(), &mut lines), Ok(()), "{value:?}");
            assert_eq!(lines, format!("A: b\r\nSet-Cookie: {value}\r\n").as_bytes());
        }
        for value in [" a", "a ", "\ta", "a\t", "a\rb", "a\nb", "a\0b", "a\x7fb", "a\x1bb", "\r\n"]
        {
            let mut lines = Vec::new();
            let result = append(b"X-A", value.as_bytes(), &mut lines);
            assert_eq!(result, Err(BadField::Value), "{value:?}");
            assert!(lines.is_empty());
        }
    }

    #[test]
    fn rfc9110_5_6_2_a_name_is_a_token() {
        for name in ["", "a b", "a:", "a\r\nb", "a\0", "\u{fc}", "a\""] {
            let result = append(name.as_bytes(), b"x", &mut Vec::new());
            assert_eq!(result, Err(BadField::Name), "{name:?}");
        }
    }

    #[test]
    fn what_the_server_writes_itself_is_not_taken_in_any_case() {
        let lower = RESERVED.iter().map(|name| String::from_utf8_lossy(name).into_owned());
        let family = ["sec-websocket-accept", "sec-websocket-protocol", "sec-websocket-"];
        for name in lower.chain(family.map(str::to_owned)) {
            for name in [name.clone(), name.to_ascii_uppercase()] {
                let result = append(name.as_bytes(), b"x", &mut Vec::new());
                assert_eq!(result, Err(BadField::Reserved), "{name}");
            }
        }
        for name in ["sec-websocket", "sec-fetch-mode", "connections", "location"] {
            assert_eq!(append(name.as_bytes(), b"x", &mut Vec::new()), Ok(()), "{name}");
        }
    }
}
