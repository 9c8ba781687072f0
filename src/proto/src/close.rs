//! Close frames (RFC 6455 sections 5.5.1 and 7.4): which codes may be sent and which accepted,
//! and how code and reason lie in the payload.
//! Not for: when to send one (`connection`).

use crate::frame::{self, MAX_CONTROL, Opcode};

/// A close code (RFC 6455 section 7.4, and IANA's WebSocket Close Code Number Registry).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose of the connection has been fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// 1001: the server is going down, or the browser has left the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: data of a type that the endpoint cannot accept.
    pub const UNSUPPORTED: Self = Self(1003);
    /// 1005: what is reported when a Close frame had no code. Never on the wire.
    pub const NO_STATUS: Self = Self(1005);
    /// 1006: what is reported when a connection ended without a Close frame. Never on the wire.
    pub const ABNORMAL: Self = Self(1006);
    /// 1007: text that is not UTF-8, or a compressed message that cannot be inflated.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: a message that breaks the endpoint's policy.
    pub const POLICY: Self = Self(1008);
    /// 1009: a message too big to process.
    pub const TOO_BIG: Self = Self(1009);
    /// 1011: the server met an unexpected condition.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the server restarts.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: the server is overloaded, or the peer too slow.
    pub const TRY_AGAIN_LATER: Self = Self(1013);

    /// The code with this number, if it may stand in a Close frame: 1000 to 1003, 1007 to 1014,
    /// and 3000 to 4999. The same codes are accepted from a client; 1004 has no meaning, 1005, 1006
    /// and 1015 must not be sent, and all others are not assigned (section 7.4.2).
    pub const fn sendable(code: u16) -> Option<Self> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

/// Longest reason that a Close frame has room for, in bytes (RFC 6455 section 5.5).
pub const MAX_REASON: usize = MAX_CONTROL - 2;

/// Appends a Close frame. Without a code that may be sent, its payload is empty; a reason that is
/// too long is cut between two characters.
pub(crate) fn write(code: Option<CloseCode>, reason: &str, out: &mut Vec<u8>) {
    let mut payload = [0; MAX_CONTROL];
    let mut len = 0;
    if let Some(code) = code.and_then(|code| CloseCode::sendable(code.get())) {
        let reason = cut(reason);
        len = 2 + reason.len();
        payload[..2].copy_from_slice(&code.get().to_be_bytes());
        payload[2..len].copy_from_slice(reason.as_bytes());
    }
    frame::write_control(Opcode::Close, &payload[..len], out);
}

/// The longest start of `reason` that fits and ends between two characters.
fn cut(reason: &str) -> &str {
    let mut len = reason.len().min(MAX_REASON);
    while !reason.is_char_boundary(len) {
        len -= 1;
    }
    &reason[..len]
}

/// Reads the payload of a client's Close frame (RFC 6455 section 5.5.1).
pub(crate) fn parse(payload: &[u8]) -> Result<(Option<CloseCode>, &str), Violation> {
    let (code, reason) = match *payload {
        [] => return Ok((None, "")),
        [_] => return Err(Violation::protocol("a Close frame with half a code")),
        [high, low, ref reason @ ..] => (u16::from_be_bytes([high, low]), reason),
    };
    let Some(code) = CloseCode::sendable(code) else {
        return Err(Violation::protocol("a Close frame with a code that must not be sent"));
    };
    match std::str::from_utf8(reason) {
        Ok(reason) => Ok((Some(code), reason)),
        Err(_) => Err(Violation::invalid_payload("the reason of a Close frame is not UTF-8")),
    }
}

/// What a peer did wrong, and the code that says so (RFC 6455 section 7.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Violation {
    pub(crate) code: CloseCode,
    pub(crate) why: &'static str,
}

impl Violation {
    pub(crate) const fn protocol(why: &'static str) -> Self {
        Self { code: CloseCode::PROTOCOL_ERROR, why }
    }

    pub(crate) const fn too_big(why: &'static str) -> Self {
        Self { code: CloseCode::TOO_BIG, why }
    }

    pub(crate) const fn invalid_payload(why: &'static str) -> Self {
        Self { code: CloseCode::INVALID_PAYLOAD, why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(code: Option<CloseCode>, reason: &str) -> Vec<u8> {
        let mut out = Vec::new();
        write(code, reason, &mut out);
        out
    }

    #[test]
    fn rfc6455_7_4_codes_on_the_wire() {
        let sendable = (0..=u16::MAX).filter(|&code| CloseCode::sendable(code).is_some());
        let expected = (1000..=1003).chain(1007..=1014).chain(3000..=4999);
        assert!(sendable.eq(expected));
    }

    #[test]
    fn rfc6455_5_5_1_code_and_reason_go_there_and_back() {
        let frame = written(Some(CloseCode::GOING_AWAY), "à bientôt");
        assert_eq!(frame[..4], [0x88, 2 + 11, 0x03, 0xe9]);
        assert_eq!(parse(&frame[2..]), Ok((Some(CloseCode::GOING_AWAY), "à bientôt")));
        assert_eq!(written(None, "dropped without a code"), [0x88, 0]);
        assert_eq!(parse(&[]), Ok((None, "")));
    }

    #[test]
    fn rfc6455_7_4_1_reserved_codes_are_never_written() {
        assert_eq!(written(Some(CloseCode::NO_STATUS), "x"), [0x88, 0]);
        assert_eq!(written(Some(CloseCode::ABNORMAL), "x"), [0x88, 0]);
    }

    #[test]
    fn rfc6455_5_5_reasons_are_cut_between_characters() {
        for (reason, kept) in
            [("é".repeat(70), 122), ("x".repeat(124), 123), ("🙂".repeat(40), 120)]
        {
            let frame = written(Some(CloseCode::NORMAL), &reason);
            assert_eq!(frame.len(), 4 + kept);
            assert_eq!(parse(&frame[2..]).unwrap().1, &reason[..kept]);
        }
    }

    #[test]
    fn rfc6455_5_5_1_bad_payloads() {
        let code = |payload: &[u8]| parse(payload).unwrap_err().code;
        assert_eq!(code(&[3]), CloseCode::PROTOCOL_ERROR);
        for bad in [0u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
            assert_eq!(code(&bad.to_be_bytes()), CloseCode::PROTOCOL_ERROR, "{bad}");
        }
        assert_eq!(code(&[3, 0xe8, 0xff]), CloseCode::INVALID_PAYLOAD);
    }
}
