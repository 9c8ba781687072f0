//! The words that values of header fields are made of: tokens and quoted strings (RFC 9110 sections
//! 5.6.2 and 5.6.4).
//! Not for: what stands between them, which each field has of its own.

/// Whether this is a token.
pub(crate) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().copied().all(is_token_byte)
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The token at the start, and what stands after it.
pub(crate) fn token(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = text.iter().take_while(|&&byte| is_token_byte(byte)).count();
    (len > 0).then(|| text.split_at(len))
}

/// What a token or a quoted string at the start says, and what stands after it.
pub(crate) fn value(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    match text.strip_prefix(b"\"") {
        Some(quoted) => unquote(quoted),
        None => token(text).map(|(value, after)| (value.to_vec(), after)),
    }
}

/// What a quoted string says whose first quote is taken away, and what stands after it.
fn unquote(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (mut said, mut rest) = (Vec::new(), text);
    loop {
        rest = match rest {
            [b'"', after @ ..] => return Some((said, after)),
            [b'\\', byte, after @ ..] | [byte, after @ ..] => {
                said.push(*byte);
                after
            }
            [] => return None,
        };
    }
}
