//! Headers of the PROXY protocol, by which a proxy says where a connection comes from, before the
//! first byte of the client: version 1, a line of text, and version 2, in binary ("The PROXY
//! protocol" by HAProxy Technologies, 2020, sections 2.1 and 2.2).
//! Not for: whom to believe, or what to do without a header, which are the caller's to decide.
//!
//! Only what is of use to a server of TCP is accepted. Version 2's vectors (TLV) are skipped.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Most bytes of a header of version 1, with its CR LF (section 2.1).
pub const MAX_LINE: usize = 107;

/// Most bytes of a header of version 2, vectors included: it may claim more than 64 KiB, but
/// nothing that proxies send comes near this.
pub const MAX_BINARY: usize = 4096;

const LINE_START: &[u8] = b"PROXY ";

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Bytes of version 2 before the addresses.
const BINARY_HEAD: usize = 16;

/// The command LOCAL of version 2; the other is PROXY.
const LOCAL: u8 = 0x20;

/// A complete header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// How many bytes of the last piece belong to it. What follows is the client's.
    pub len: usize,
    /// Where the client's connection comes from, an IPv4 address in its own form. `None` if the
    /// proxy speaks for itself (LOCAL), does not know (UNKNOWN), or was reached in another way than
    /// TCP: then the address of its own connection stands.
    pub source: Option<SocketAddr>,
}

/// A header of which more may come.
#[derive(Debug)]
pub struct Preamble {
    /// Its first bytes. Of version 2 they hold all that is looked at.
    bytes: [u8; MAX_LINE],
    /// How many bytes have come.
    seen: u16,
}

impl Default for Preamble {
    /// A header that has yet to begin.
    fn default() -> Self {
        Self { bytes: [0; MAX_LINE], seen: 0 }
    }
}

impl Preamble {
    /// Reads the next piece, byte by byte, so that the cuts between pieces do not matter. `None`:
    /// all of it was read, and more is to come.
    ///
    /// # Errors
    /// What is wrong, for people. The connection has to be dropped then (section 2), and nothing
    /// more may be pushed, as after the header.
    pub fn push(&mut self, piece: &[u8]) -> Result<Option<Header>, &'static str> {
        for (at, &byte) in piece.iter().enumerate() {
            if let Some(source) = self.push_byte(byte)? {
                return Ok(Some(Header { len: at + 1, source }));
            }
        }
        Ok(None)
    }

    /// The source, when this was the last byte.
    fn push_byte(&mut self, byte: u8) -> Result<Option<Option<SocketAddr>>, &'static str> {
        let at = usize::from(self.seen);
        if let Some(place) = self.bytes.get_mut(at) {
            *place = byte;
        }
        self.seen += 1;
        if self.bytes[0] == LINE_START[0] { self.line(at) } else { self.binary(at, byte) }
    }

    /// Looks at the byte of version 1 that has just come.
    fn line(&self, at: usize) -> Result<Option<Option<SocketAddr>>, &'static str> {
        let (text, byte) = (&self.bytes[..at], self.bytes[at]);
        let Some(fields) = text.get(LINE_START.len()..) else {
            return if byte == LINE_START[at] { Ok(None) } else { Err(NO_HEADER) };
        };
        match (fields.strip_suffix(b"\r"), byte) {
            (Some(fields), b'\n') => return line_source(fields, true).map(Some),
            (None, b'\r') => _ = line_source(fields, true)?,
            (None, b' ') => _ = line_source(fields, false)?,
            (None, byte) if may_go_on(fields, byte) => {}
            _ => return Err("a character that has no place in a PROXY header"),
        }
        if at + 1 == MAX_LINE { Err("a PROXY header of more than 107 bytes") } else { Ok(None) }
    }

    /// Looks at the byte of version 2 that has just come.
    fn binary(&self, at: usize, byte: u8) -> Result<Option<Option<SocketAddr>>, &'static str> {
        if let Some(&expected) = SIGNATURE.get(at) {
            return if byte == expected { Ok(None) } else { Err(NO_HEADER) };
        }
        let [command, family] = [self.bytes[12], self.bytes[13]];
        let total = BINARY_HEAD + usize::from(u16::from_be_bytes([self.bytes[14], self.bytes[15]]));
        match at {
            12 if !matches!(command, LOCAL | 0x21) => {
                return Err("neither LOCAL nor PROXY of version 2 of the PROXY protocol");
            }
            13 if address_len(command, family).is_none() => {
                return Err("a PROXY header about something else than a stream");
            }
            15 if total > MAX_BINARY => return Err("a PROXY header of more than 4096 bytes"),
            15 if address_len(command, family) > Some(total - BINARY_HEAD) => {
                return Err("a PROXY header too short for its addresses");
            }
            _ => {}
        }
        let is_whole = at + 1 >= BINARY_HEAD && at + 1 == total;
        Ok(is_whole.then(|| self.binary_source(command, family)))
    }

    /// The source in a whole header of version 2.
    fn binary_source(&self, command: u8, family: u8) -> Option<SocketAddr> {
        let (ip, port) = match (command, family) {
            (LOCAL, _) => return None,
            (_, 0x11) => {
                let ip: [u8; 4] = self.bytes[16..20].try_into().ok()?;
                (IpAddr::from(Ipv4Addr::from(ip)), &self.bytes[24..26])
            }
            (_, 0x21) => {
                let ip: [u8; 16] = self.bytes[16..32].try_into().ok()?;
                (IpAddr::from(Ipv6Addr::from(ip)).to_canonical(), &self.bytes[48..50])
            }
            _ => return None,
        };
        Some(SocketAddr::new(ip, u16::from_be_bytes(port.try_into().ok()?)))
    }
}

const NO_HEADER: &str = "no PROXY header";
const TOO_MANY: &str = "a PROXY header with more than two addresses and ports";

/// Bytes of the addresses of version 2; `None` for a family or transport that is not accepted.
/// Whatever LOCAL says of them is to be ignored.
fn address_len(command: u8, family: u8) -> Option<usize> {
    match (command, family) {
        (LOCAL, _) | (_, 0x00) => Some(0),
        (_, 0x11) => Some(2 * (4 + 2)),
        (_, 0x21) => Some(2 * (16 + 2)),
        (_, 0x31) => Some(2 * 108),
        _ => None,
    }
}

/// Whether a field of version 1 that is no whole one yet may go on with this character.
fn may_go_on(fields: &[u8], byte: u8) -> bool {
    let mut fields = fields.split(|&byte| byte == b' ');
    let (protocol, field_c) = (fields.next().unwrap_or_default(), fields.count());
    match (protocol, field_c) {
        (_, 0) => [&b"TCP4"[..], b"TCP6", b"UNKNOWN"].iter().any(|name| {
            let rest = name.strip_prefix(protocol);
            rest.is_some_and(|rest| rest.first() == Some(&byte))
        }),
        (b"UNKNOWN", _) => byte.is_ascii_graphic(),
        (_, 1 | 2) => byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':'),
        _ => byte.is_ascii_digit(),
    }
}

/// The source in the fields of version 1, or in as many of them as have ended.
fn line_source(fields: &[u8], is_whole: bool) -> Result<Option<SocketAddr>, &'static str> {
    let mut fields = fields.split(|&byte| byte == b' ');
    let parse: fn(&str) -> Option<IpAddr> = match fields.next() {
        Some(b"UNKNOWN") => return Ok(None), // what follows it is to be ignored
        Some(b"TCP4") => |text| text.parse().map(IpAddr::V4).ok(),
        Some(b"TCP6") => |text| text.parse().map(IpAddr::V6).ok(),
        _ => return Err("a PROXY header about something else than TCP"),
    };
    let (mut ips, mut ports, mut field_c) = ([None; 2], [None; 2], 0);
    for field in fields {
        let text = core::str::from_utf8(field).unwrap_or_default();
        match field_c {
            0 | 1 => ips[field_c] = Some(parse(text).ok_or("a PROXY header with a bad address")?),
            2 | 3 => {
                ports[field_c - 2] = Some(parse_port(text).ok_or("a PROXY header with a bad port")?)
            }
            _ => return Err(TOO_MANY),
        }
        field_c += 1;
    }
    match (ips[0], ports[0]) {
        (Some(source), Some(port)) if field_c == 4 && is_whole => {
            Ok(Some(SocketAddr::new(source.to_canonical(), port)))
        }
        _ if is_whole => Err("a PROXY header that lacks an address or port"),
        _ if field_c == 4 => Err(TOO_MANY),
        _ => Ok(None),
    }
}

/// A port in decimal digits, without leading zeros.
fn parse_port(text: &str) -> Option<u16> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    (is_plain && (text == "0" || !text.starts_with('0'))).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests;
