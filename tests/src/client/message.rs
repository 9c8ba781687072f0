//! What a server says, as a test's client hands it over: messages, control frames, the end.

use std::io;

/// What a server sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A whole text message.
    Text(String),
    /// A whole binary message.
    Binary(Vec<u8>),
    /// A ping frame's payload.
    Ping(Vec<u8>),
    /// A pong frame's payload.
    Pong(Vec<u8>),
    /// A Close frame; code 1005 stands for "no code in the frame" (section 7.1.5).
    Close(u16, String),
    /// The stream ended in good order between two frames.
    End,
}

/// The payload of a Close frame.
pub fn close_payload(code: u16, reason: &str) -> Vec<u8> {
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(reason.as_bytes());
    payload
}

pub(super) fn close_message(payload: &[u8]) -> io::Result<Message> {
    match payload {
        [] => Ok(Message::Close(1005, String::new())),
        [_] => Err(invalid("a Close frame with half a code")),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                return Err(invalid(format!("Close code {code} must not be on the wire")));
            }
            let reason = String::from_utf8(reason.to_vec()).map_err(|e| invalid(e.to_string()))?;
            Ok(Message::Close(code, reason))
        }
    }
}

pub(super) fn invalid(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

/// A message in a line that does not flood the terminal.
pub(super) fn brief(message: &io::Result<Message>) -> String {
    let mut text = match message {
        Ok(Message::Binary(bytes)) => format!("{} binary bytes {bytes:?}", bytes.len()),
        other => format!("{other:?}"),
    };
    if let Some((end, _)) = text.char_indices().nth(200) {
        text.truncate(end);
        text.push_str("...");
    }
    text
}
