//! Seeds of the target `proxy`: headers of both versions of the PROXY protocol, and headers of HTTP
//! that proxies write.

use crate::recipe::Recipe;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost:\r\n\r\n";

const LINES: [(&str, &str); 12] = [
    ("tcp4", "PROXY TCP4 192.0.2.7 198.51.100.1 12345 80\r\n"),
    ("tcp6", "PROXY TCP6 2001:db8::7 ::1 65535 443\r\n"),
    ("mapped", "PROXY TCP6 ::ffff:192.0.2.7 ::1 1 0\r\n"),
    ("unknown", "PROXY UNKNOWN\r\n"),
    ("unknown-more", "PROXY UNKNOWN ffff::ffff ffff::ffff 65535 65535 and more\r\n"),
    ("zeros-first", "PROXY TCP4 192.0.2.7 192.0.2.8 0080 80\r\n"),
    ("lacks-a-port", "PROXY TCP4 192.0.2.7 192.0.2.8 80\r\n"),
    ("two-spaces", "PROXY TCP4  192.0.2.7 192.0.2.8 80 80\r\n"),
    ("udp", "PROXY UDP4 192.0.2.7 192.0.2.8 80 80\r\n"),
    ("bare-lf", "PROXY TCP4 192.0.2.7 192.0.2.8 80 80\n"),
    ("lower-case", "proxy TCP4 192.0.2.7 192.0.2.8 80 80\r\n"),
    ("none", ""),
];

/// Name, command, family, and what follows the length.
fn binaries() -> Vec<(&'static str, u8, u8, Vec<u8>)> {
    let ports = [0x30, 0x39, 0, 80];
    let tcp4 = [&[192, 0, 2, 7, 198, 51, 100, 1][..], &ports].concat();
    let tcp6 = [&[0xfd; 16][..], &[0xfe; 16], &ports].concat();
    let vectors = [&tcp4[..], &[4, 0, 2, 0, 0], &[0x20, 0, 5, 1, 0, 0, 0, 0]].concat();
    vec![
        ("binary-tcp4", 0x21, 0x11, tcp4.clone()),
        ("binary-tcp6", 0x21, 0x21, tcp6),
        ("binary-vectors", 0x21, 0x11, vectors),
        ("binary-unix", 0x21, 0x31, vec![b'u'; 216]),
        ("binary-unspecified", 0x21, 0x00, Vec::new()),
        ("binary-local", 0x20, 0x00, vec![1, 2, 3]),
        ("binary-udp", 0x21, 0x12, tcp4.clone()),
        ("binary-short", 0x21, 0x11, tcp4[..11].to_vec()),
        ("binary-version-1", 0x11, 0x11, tcp4),
        ("binary-long", 0x21, 0x00, vec![0; 4096 - 16]),
    ]
}

const FORWARDED: [(&str, u8, &str); 6] = [
    ("x-forwarded-for", 8, "192.0.2.1, [2001:db8::1]:80 , 10.9.8.7"),
    ("x-forwarded-for-garbage", 9, ",, unknown, \"192.0.2.1\", _hidden"),
    ("forwarded", 10, "for=192.0.2.1;by=\"[fd00::1]:80\", For=\"_gazonk\""),
    ("forwarded-open-quote", 11, "for=\"192.0.2.1, for=10.0.0.9"),
    ("forwarded-slashes", 11, "for=\"\\\\\\\", for=192.0.2.1"),
    ("forwarded-odd", 10, "for=x;for=y, a=b;;c=\"d\\\"e\" ;for=\"[::1]\""),
];

pub(super) fn all() -> Vec<(&'static str, Vec<u8>)> {
    let mut seeds = Vec::new();
    let mut add = |name, chunks: &[u8], body: &[u8]| {
        seeds.push((name, Recipe { chunks, body, ..Recipe::default() }.write()));
    };
    for (at, (name, line)) in LINES.into_iter().enumerate() {
        let chunks: &[u8] = [&[][..], &[1], &[20, 3]][at % 3];
        add(name, chunks, &[line.as_bytes(), REQUEST].concat());
    }
    for (name, command, family, rest) in binaries() {
        let head = [&b"\r\n\r\n\0\r\nQUIT\n"[..], &[command, family]].concat();
        let len = u16::try_from(rest.len()).expect("a short header").to_be_bytes();
        add(name, &[13, 2], &[&head[..], &len, &rest, REQUEST].concat());
    }
    let long = |len: usize| [&b"PROXY UNKNOWN "[..], &vec![b'x'; len - 16], b"\r\n"].concat();
    add("longest-line", &[107], &[&long(107)[..], REQUEST].concat());
    add("too-long-line", &[106, 1], &long(108));
    for (name, variant, body) in FORWARDED {
        let body = body.as_bytes();
        seeds.push((name, Recipe { variant, body, ..Recipe::default() }.write()));
    }
    seeds
}
