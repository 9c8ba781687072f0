//! Headers of the PROXY protocol as its text wants them, and as it does not.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// What comes of a header in one piece: how long it is, and the source.
fn whole(bytes: &[u8]) -> Result<Option<(usize, Option<SocketAddr>)>, &'static str> {
    let header = Preamble::default().push(bytes)?;
    Ok(header.map(|header| (header.len, header.source)))
}

/// The same of pieces that end at these places.
fn in_pieces(
    bytes: &[u8],
    cuts: impl Iterator<Item = usize>,
) -> Result<Option<(usize, Option<SocketAddr>)>, &'static str> {
    let (mut preamble, mut from) = (Preamble::default(), 0);
    for cut in cuts.chain([bytes.len()]) {
        if let Some(header) = preamble.push(&bytes[from..cut])? {
            return Ok(Some((from + header.len, header.source)));
        }
        from = cut;
    }
    Ok(None)
}

fn source(text: &str) -> Option<SocketAddr> {
    Some(text.parse().unwrap())
}

/// A header of version 2 with what is between its head and its end.
fn binary(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let len = u16::try_from(body.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[command, family], &len, body].concat()
}

/// The addresses of two IPv4 sockets, and some vectors.
fn inet() -> Vec<u8> {
    [&[192, 0, 2, 7, 198, 51, 100, 1, 0x30, 0x39, 0, 80][..], b"\x04\0\x03abc"].concat()
}

/// The addresses of two IPv6 sockets.
fn inet6() -> Vec<u8> {
    let (from, to) = (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7), Ipv6Addr::LOCALHOST);
    [&from.octets()[..], &to.octets(), &[0x30, 0x39, 0, 80]].concat()
}

#[test]
fn section_2_1_lines() {
    for (line, expected) in [
        ("PROXY TCP4 192.0.2.7 198.51.100.1 12345 80\r\n", source("192.0.2.7:12345")),
        ("PROXY TCP4 255.255.255.255 255.255.255.255 65535 0\r\n", source("255.255.255.255:65535")),
        ("PROXY TCP6 2001:db8::7 ::1 12345 80\r\n", source("[2001:db8::7]:12345")),
        ("PROXY TCP6 ::ffff:192.0.2.7 ::ffff:198.51.100.1 1 2\r\n", source("192.0.2.7:1")),
        ("PROXY TCP6 ::FFFF:c000:0207 ::1 1 2\r\n", source("192.0.2.7:1")),
        ("PROXY UNKNOWN\r\n", None),
        ("PROXY UNKNOWN whatever (stands) here\r\n", None),
    ] {
        let bytes = [line.as_bytes(), b"GET / HTTP/1.1\r\n"].concat();
        assert_eq!(whole(&bytes), Ok(Some((line.len(), expected))), "{line:?}");
    }
}

#[test]
fn section_2_1_the_longest_line_has_107_bytes() {
    let ip = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
    let line = format!("PROXY UNKNOWN {ip} {ip} 65535 65535\r\n");
    assert_eq!(line.len(), MAX_LINE);
    assert_eq!(whole(line.as_bytes()), Ok(Some((MAX_LINE, None))));
    let longer = line.replace("\r\n", "5\r\n");
    assert!(whole(longer.as_bytes()).is_err());
    assert!(whole(&longer.as_bytes()[..MAX_LINE - 1]).is_ok());
    assert!(whole(&longer.as_bytes()[..MAX_LINE]).is_err());
}

#[test]
fn section_2_1_bad_lines_and_the_byte_at_which_they_are_known() {
    for (line, known_at) in [
        ("GET / HTTP/1.1\r\n", 1),
        ("PROXY\tTCP4 ", 6),
        ("PROXX TCP4 ", 5),
        ("PROXY  TCP4 ", 7),
        ("PROXY TCP5 ", 10),
        ("PROXY TCP\r\n", 10),
        ("PROXY TCP4\r\n", 11),
        ("PROXY UDP4 ", 8),
        ("PROXY TCP4 ::1 ::1 1 2\r\n", 15),
        ("PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n", 19),
        ("PROXY TCP4 1.2.3 ", 17),
        ("PROXY TCP4 01.2.3.4 ", 20),
        ("PROXY TCP4 1.2.3.4  ", 20),
        ("PROXY TCP4 1.2.3.4 x", 20),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 +1", 28),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 01 ", 30),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 65536 ", 33),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 2 ", 31),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", 29),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 \r\n", 30),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", 31),
        ("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\r", 32),
        ("PROXY TCP6 fe80::1%1 ", 19),
        ("PROXY UNKNOWN \0\r\n", 15),
        ("PROXY UNKNOWN\n", 14),
        ("PROXY UNKNOWNS", 14),
    ] {
        let bytes = line.as_bytes();
        assert_eq!(whole(&bytes[..known_at - 1]), Ok(None), "{line:?}");
        assert!(whole(&bytes[..known_at]).is_err(), "{line:?}");
    }
}

#[test]
fn section_2_2_binary_headers() {
    let unix = [b'x'; 216];
    for (bytes, expected) in [
        (binary(0x21, 0x11, &inet()), source("192.0.2.7:12345")),
        (binary(0x21, 0x11, &inet()[..12]), source("192.0.2.7:12345")),
        (binary(0x21, 0x21, &inet6()), source("[2001:db8::7]:12345")),
        (binary(0x21, 0x31, &unix), None),
        (binary(0x21, 0x00, b""), None),
        (binary(0x21, 0x00, b"ignored"), None),
        // What LOCAL says of addresses is ignored, the family included.
        (binary(LOCAL, 0x00, b""), None),
        (binary(LOCAL, 0x11, &inet()), None),
        (binary(LOCAL, 0x12, b""), None),
        (binary(LOCAL, 0xff, b"ignored"), None),
    ] {
        let len = bytes.len();
        assert_eq!(whole(&bytes[..len - 1]), Ok(None), "{bytes:?}");
        assert_eq!(whole(&[&bytes[..], b"GET /"].concat()), Ok(Some((len, expected))));
    }
}

#[test]
fn section_2_2_a_mapped_address_is_told_as_ipv4() {
    let from = Ipv4Addr::new(192, 0, 2, 7).to_ipv6_mapped();
    let body = [&from.octets()[..], &[0; 16], &[0, 1, 0, 2]].concat();
    let bytes = binary(0x21, 0x21, &body);
    assert_eq!(whole(&bytes), Ok(Some((bytes.len(), source("192.0.2.7:1")))));
}

#[test]
fn section_2_2_bad_binary_headers_and_the_byte_at_which_they_are_known() {
    for (bytes, known_at) in [
        (b"\r\n\r\n\0\r\nQUIX".to_vec(), 11),
        (b"\r\nGET".to_vec(), 3),
        (binary(0x11, 0x11, &inet()), 13),
        (binary(0x22, 0x11, &inet()), 13),
        // Datagrams; families and transports that do not exist.
        (binary(0x21, 0x12, &inet()), 14),
        (binary(0x21, 0x22, &inet6()), 14),
        (binary(0x21, 0x32, &[0; 216]), 14),
        (binary(0x21, 0x10, &inet()), 14),
        (binary(0x21, 0x41, &inet()), 14),
        // Too short for the addresses.
        (binary(0x21, 0x11, &inet()[..11]), 16),
        (binary(0x21, 0x21, &inet6()[..35]), 16),
        (binary(0x21, 0x31, &[0; 215]), 16),
        // Too long.
        (binary(0x21, 0x11, &[0; MAX_BINARY - BINARY_HEAD + 1]), 16),
        (binary(LOCAL, 0x00, &[0; 0xffff]), 16),
    ] {
        assert_eq!(whole(&bytes[..known_at - 1]), Ok(None), "{bytes:?}");
        assert!(whole(&bytes[..known_at]).is_err(), "{bytes:?}");
    }
    let longest = binary(0x21, 0x11, &[0; MAX_BINARY - BINARY_HEAD]);
    assert_eq!(whole(&longest), Ok(Some((MAX_BINARY, source("0.0.0.0:0")))));
}

/// Headers, good ones and such as have a byte replaced, with a request after them.
fn headers() -> impl Strategy<Value = Vec<u8>> {
    let port = any::<u16>();
    let v4 = (any::<[u8; 4]>(), any::<[u8; 4]>(), port, port).prop_map(|(from, to, a, b)| {
        let (from, to) = (Ipv4Addr::from(from), Ipv4Addr::from(to));
        format!("PROXY TCP4 {from} {to} {a} {b}\r\n").into_bytes()
    });
    let v6 = (any::<[u8; 16]>(), any::<[u8; 16]>(), port, port).prop_map(|(from, to, a, b)| {
        let (from, to) = (Ipv6Addr::from(from), Ipv6Addr::from(to));
        format!("PROXY TCP6 {from} {to} {a} {b}\r\n").into_bytes()
    });
    let unknown = "PROXY UNKNOWN[ -~]{0,96}\r\n".prop_map(String::into_bytes);
    let families = prop_oneof![Just(0x00), Just(0x11), Just(0x21), Just(0x31), any::<u8>()];
    let body = proptest::collection::vec(any::<u8>(), 0..260);
    let v2 = (0x1fu8..0x23, families, body).prop_map(|(c, family, body)| binary(c, family, &body));
    let fault = proptest::option::weighted(0.4, (any::<Index>(), any::<u8>()));
    (prop_oneof![v4, v6, unknown, v2], fault).prop_map(|(mut bytes, fault)| {
        if let Some((at, byte)) = fault {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        [&bytes[..], b"GET / HTTP/1.1\r\n\r\n"].concat()
    })
}

proptest! {
    #[test]
    fn cuts_do_not_matter(
        bytes in headers(),
        cuts in proptest::collection::vec(any::<Index>(), 0..8),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let expected = whole(&bytes);
        prop_assert_eq!(in_pieces(&bytes, cuts.into_iter()), expected);
        prop_assert_eq!(in_pieces(&bytes, 1..bytes.len()), expected);
    }

    #[test]
    fn sources_come_back_as_they_were_written(ip: [u8; 16], short: [u8; 4], port: u16) {
        let (v6, v4) = (Ipv6Addr::from(ip), Ipv4Addr::from(short));
        let line = format!("PROXY TCP6 {v6} :: {port} 0\r\n");
        let expected = SocketAddr::new(IpAddr::from(v6).to_canonical(), port);
        prop_assert_eq!(whole(line.as_bytes()), Ok(Some((line.len(), Some(expected)))));
        let body = [&v6.octets()[..], &[0; 16], &port.to_be_bytes(), &[0; 2]].concat();
        let bytes = binary(0x21, 0x21, &body);
        prop_assert_eq!(whole(&bytes), Ok(Some((bytes.len(), Some(expected)))));
        let line = format!("PROXY TCP4 {v4} 0.0.0.0 {port} 0\r\n");
        let expected = SocketAddr::new(v4.into(), port);
        prop_assert_eq!(whole(line.as_bytes()), Ok(Some((line.len(), Some(expected)))));
        let body = [&v4.octets()[..], &[0; 4], &port.to_be_bytes(), &[0; 2]].concat();
        let bytes = binary(0x21, 0x11, &body);
        prop_assert_eq!(whole(&bytes), Ok(Some((bytes.len(), Some(expected)))));
    }

    #[test]
    fn random_bytes_never_panic(
        start in prop_oneof![Just(&b""[..]), Just(LINE_START), Just(SIGNATURE)],
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let bytes = [start, &bytes].concat();
        if let Ok(Some((len, _))) = whole(&bytes) {
            prop_assert!(len <= bytes.len());
        }
    }
}
