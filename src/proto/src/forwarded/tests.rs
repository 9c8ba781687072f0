//! What proxies and clients may write, and whom it makes the client.

use proptest::prelude::*;

use super::Syntax::{Forwarded, XForwardedFor};
use super::*;

/// The proxies of these tests: 10.0.0.0/8 and fd00::/8.
fn trust(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.octets()[0] == 10,
        IpAddr::V6(ip) => ip.octets()[0] == 0xfd,
    }
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// The client of a request that a proxy at 10.0.0.1:1 has passed on with these fields.
fn client(syntax: Syntax, values: &[&str]) -> String {
    let values = values.iter().map(|value| value.as_bytes());
    syntax.client(values, Some(address("10.0.0.1:1")), trust).unwrap().to_string()
}

/// What [`client`] says when nothing in the header can be believed.
const PROXY: &str = "10.0.0.1:1";

#[test]
fn what_an_element_of_x_forwarded_for_may_be() {
    for (value, expected) in [
        ("192.0.2.7", "192.0.2.7:0"),
        (" 192.0.2.7:4711\t", "192.0.2.7:4711"),
        ("2001:db8::7", "[2001:db8::7]:0"),
        ("[2001:db8::7]", "[2001:db8::7]:0"),
        ("[2001:DB8::7]:4711", "[2001:db8::7]:4711"),
        ("::ffff:192.0.2.7", "192.0.2.7:0"),
        ("[::ffff:c000:207]:1", "192.0.2.7:1"),
        (", 192.0.2.7 ,,", "192.0.2.7:0"),
    ] {
        assert_eq!(client(XForwardedFor, &[value]), expected, "{value:?}");
    }
    for garbage in [
        "",
        ",",
        "unknown",
        "_hidden",
        "192.0.2",
        "192.0.2.07",
        "192.0.2.7:",
        "192.0.2.7:+1",
        "192.0.2.7:65536",
        "192.0.2.7 192.0.2.8",
        "[192.0.2.7]",
        "[2001:db8::7",
        "[2001:db8::7]1",
        "[2001:db8::7%eth0]",
        "2001:db8::7%1",
        "\"192.0.2.7\"",
        "for=192.0.2.7",
        "localhost",
        "é",
    ] {
        assert_eq!(client(XForwardedFor, &[garbage]), PROXY, "{garbage:?}");
    }
}

#[test]
fn rfc7239_4_and_6_what_an_element_may_be() {
    for (value, expected) in [
        ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60:0"),
        ("For=\"[2001:db8:cafe::17]:4711\"", "[2001:db8:cafe::17]:4711"),
        ("for=\"[2001:db8:cafe::17]\"", "[2001:db8:cafe::17]:0"),
        ("FOR=\"192.0.2.43:47011\"", "192.0.2.43:47011"),
        ("for=\"192.0.2.43:_port\"", "192.0.2.43:0"),
        ("for=\"\\192.0.\\2.43\"", "192.0.2.43:0"),
        ("for=\"[::ffff:192.0.2.43]:1\"", "192.0.2.43:1"),
        ("by=unknown;host=\"a,b;c\\\"d\";for=192.0.2.43;ext=\"for=10.0.0.9,\"", "192.0.2.43:0"),
        (";;for=192.0.2.43; proto=https ;", "192.0.2.43:0"),
        (" , for=192.0.2.43 , ", "192.0.2.43:0"),
    ] {
        assert_eq!(client(Forwarded, &[value]), expected, "{value:?}");
    }
    for garbage in [
        "",
        "192.0.2.43",
        "for",
        "for=",
        "for=\"\"",
        "for=unknown",
        "for=_gazonk",
        "for=\"_SEVKISEK\"",
        "proto=http",
        "for=[2001:db8::1]",
        "for=2001:db8::1",
        "for=\"2001:db8::1\"",
        "for=192.0.2.43:80",
        "for=\"192.0.2.43:_\"",
        "for=\"192.0.2.43:_a b\"",
        "for = 192.0.2.43",
        "for=\"192.0.2.43",
        "for=192.0.2.43\"",
        "for=\"192.0.2.43\"x",
        "for=192.0.2.43 proto=http",
        "for=192.0.2.43;for=192.0.2.43",
        "for=192.0.2.43;proto",
        "for=192.0.2.43;=x",
        "for=\"192.0.2.43\\",
    ] {
        assert_eq!(client(Forwarded, &[garbage]), PROXY, "{garbage:?}");
    }
}

#[test]
fn trusted_proxies_are_passed_over_from_right_to_left() {
    let list = "203.0.113.9, 192.0.2.7, 10.1.1.1, fd00::1";
    assert_eq!(client(XForwardedFor, &[list]), "192.0.2.7:0");
    // Several fields are one list.
    let fields = ["203.0.113.9", "192.0.2.7,10.1.1.1", "", "fd00::1"];
    assert_eq!(client(XForwardedFor, &fields), "192.0.2.7:0");
    let fields = ["for=203.0.113.9", "for=192.0.2.7;by=x, for=10.1.1.1", "for=\"[fd00::1]\""];
    assert_eq!(client(Forwarded, &fields), "192.0.2.7:0");
    // If all are trusted, the outermost is the client.
    assert_eq!(client(XForwardedFor, &["10.1.1.2, 10.1.1.1"]), "10.1.1.2:0");
    assert_eq!(client(XForwardedFor, &[]), PROXY);
}

#[test]
fn the_walk_stops_at_what_is_no_address() {
    assert_eq!(client(XForwardedFor, &["192.0.2.7, unknown, 10.1.1.1"]), "10.1.1.1:0");
    assert_eq!(client(XForwardedFor, &["192.0.2.7, unknown"]), PROXY);
    assert_eq!(client(Forwarded, &["for=192.0.2.7, for=unknown, for=10.1.1.1"]), "10.1.1.1:0");
    assert_eq!(client(Forwarded, &["for=192.0.2.7, proto=http"]), PROXY);
}

#[test]
fn nothing_is_believed_of_a_connection_that_is_not_trusted() {
    let own = Some(address("198.51.100.4:5"));
    for (syntax, value) in [(XForwardedFor, "192.0.2.7"), (Forwarded, "for=192.0.2.7")] {
        let client = syntax.client([value.as_bytes()].into_iter(), own, trust);
        assert_eq!(client, own);
    }
}

#[test]
fn a_connection_without_address_is_trusted() {
    let values = || [&b"203.0.113.9, 192.0.2.7"[..]].into_iter();
    assert_eq!(XForwardedFor.client(values(), None, trust), Some(address("192.0.2.7:0")));
    assert_eq!(XForwardedFor.client(core::iter::empty(), None, trust), None);
    assert_eq!(Forwarded.client(values(), None, trust), None);
}

#[test]
fn a_mapped_own_address_is_trusted_like_that_of_ipv4() {
    let own = Some(address("[::ffff:10.0.0.1]:1"));
    let values = [&b"192.0.2.7"[..]].into_iter();
    assert_eq!(XForwardedFor.client(values, own, trust), Some(address("192.0.2.7:0")));
    assert_eq!(XForwardedFor.client(core::iter::empty(), own, trust), Some(address(PROXY)));
}

/// An address of a client or, more often, of a proxy.
fn addresses() -> impl Strategy<Value = SocketAddr> {
    let ip = prop_oneof![
        3 => any::<[u8; 3]>().prop_map(|[b, c, d]| IpAddr::from([10, b, c, d])),
        1 => any::<[u8; 4]>().prop_map(IpAddr::from),
        2 => any::<[u8; 15]>().prop_map(|rest| {
            let mut octets = [0xfd; 16];
            octets[1..].copy_from_slice(&rest);
            IpAddr::from(octets)
        }),
        1 => any::<[u8; 16]>().prop_map(|octets| IpAddr::from(octets).to_canonical()),
    ];
    (ip, prop_oneof![Just(0u16), any::<u16>()]).prop_map(|(ip, port)| SocketAddr::new(ip, port))
}

/// How a proxy may write an address.
fn write(syntax: Syntax, address: SocketAddr, style: u8) -> String {
    let (ip, is_short) = (address.ip(), address.port() == 0);
    let text = match ip {
        IpAddr::V4(_) if is_short => ip.to_string(),
        IpAddr::V6(_) if is_short && syntax == XForwardedFor && style % 2 == 0 => ip.to_string(),
        IpAddr::V6(_) if is_short => format!("[{ip}]"),
        _ => address.to_string(),
    };
    match syntax {
        XForwardedFor => text,
        Forwarded if ip.is_ipv4() && is_short && style % 2 == 0 => format!("for={text}"),
        Forwarded => match style % 3 {
            0 => format!("for=\"{text}\""),
            1 => format!("proto=https;For=\"{text}\";host=\"a,\\\"b\""),
            _ => format!("by=\"_x;,\"; FOR=\"{text}\""),
        },
    }
}

fn syntaxes() -> impl Strategy<Value = Syntax> {
    prop_oneof![Just(XForwardedFor), Just(Forwarded)]
}

proptest! {
    #[test]
    fn the_walk_is_that_over_the_addresses(
        syntax in syntaxes(),
        own in addresses(),
        path in proptest::collection::vec((addresses(), any::<u8>(), any::<bool>()), 0..6),
    ) {
        let mut fields = vec![String::new()];
        for (address, style, begins_field) in &path {
            let element = write(syntax, *address, *style);
            match fields.last_mut() {
                Some(field) if !begins_field && !field.is_empty() => *field += &format!(", {element}"),
                _ => fields.push(element),
            }
        }
        let mut expected = own;
        for (address, ..) in path.iter().rev() {
            if !trust(expected.ip()) {
                break;
            }
            expected = *address;
        }
        let values = fields.iter().map(|field| field.as_bytes());
        prop_assert_eq!(syntax.client(values, Some(own), trust), Some(expected));
    }

    /// Whatever a client writes, its own address wins, be it that the proxy adds to the client's
    /// field or that it adds a field of its own.
    #[test]
    fn clients_cannot_name_or_hide_themselves(
        syntax in syntaxes(),
        spoof in prop_oneof![
            "[ -~]{0,40}",
            "(for=|10\\.0\\.0\\.9|\"|\\\\|,|;| |unknown|192\\.0\\.2\\.7){0,12}",
        ],
        style: u8,
        last in "[^\"\\\\,;=]{0,0}|[\"\\\\,;=]",
        is_own_field: bool,
    ) {
        let honest = address("198.51.100.4:0");
        let element = write(syntax, honest, style);
        let spoof = spoof + &last;
        let fields = match is_own_field {
            true => vec![spoof, element],
            false => vec![format!("{spoof}, {element}")],
        };
        let values = fields.iter().map(|field| field.as_bytes());
        prop_assert_eq!(syntax.client(values, Some(address(PROXY)), trust), Some(honest));
    }

    #[test]
    fn random_bytes_never_panic(
        syntax in syntaxes(),
        fields in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..4),
    ) {
        let values = fields.iter().map(|field| &field[..]);
        let client = syntax.client(values, Some(address(PROXY)), trust);
        prop_assert!(client.is_some());
    }
}
