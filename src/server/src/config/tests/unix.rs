//! Unix sockets among the `ports`.

use super::*;

fn file(keys: &str) -> String {
    format!(r#"{{ {ECHO}, "ports": [{{ "is_unencrypted": true, {keys} }}] }}"#)
}

#[test]
fn a_unix_socket_has_a_path_a_mode_and_a_group() {
    let found = |keys: &str| {
        let config = accepted(&file(keys));
        assert_eq!(config.ports, []);
        let [UnixSocket { path, is_unencrypted: true, mode, group }] = &config.unix_sockets[..]
        else {
            panic!("{:?}", config.unix_sockets);
        };
        (path.clone(), *mode, group.clone())
    };
    let all = r#""unix_path": "/run/ws.sock", "unix_mode": "600", "unix_group": "www-data""#;
    assert_eq!(found(all), ("/run/ws.sock".into(), 0o600, Some("www-data".into())));
    let few = r#""unix_path": "/srv/a/_,b:c", "unix_group": "33""#;
    assert_eq!(found(few), ("/srv/a/_,b:c".into(), 0o660, Some("33".into())));
    assert_eq!(said(&file(all)), "");
    let said_of = said(&file(r#""unix_path": "/run/ws.sock""#));
    assert!(said_of.contains("warning: only root could connect"), "{said_of}");
    assert!(said_of.contains("\"unix_group\": \"www-data\""), "{said_of}");
    assert_eq!(said(&file(r#""unix_path": "/run/ws.sock", "unix_mode": "0666""#)), "");
}

#[test]
fn what_can_be_no_unix_socket_is_refused_with_what_to_write() {
    let long = format!(r#""unix_path": "/{}""#, "x".repeat(107));
    let cases = [
        (r#""unix_path": "ws.sock""#, "is not an absolute path", "from the root on"),
        (r#""unix_path": "@ws""#, "is not an absolute path", "from the root on"),
        (r#""unix_path": """#, "is not an absolute path", "from the root on"),
        (r#""unix_path": "/run/a\nListenStream=1""#, "cannot stand in the path", "letters and"),
        (r#""unix_path": "/run/%t""#, "'%' cannot stand in the path", "letters and"),
        (r#""unix_path": "/run/a b""#, "' ' cannot stand in the path", "letters and"),
        (r#""unix_path": "/run/a\\""#, "cannot stand in the path", "letters and"),
        (r#""unix_path": "/run/\"a\"""#, "cannot stand in the path", "letters and"),
        (r#""unix_path": "/run/ü""#, "cannot stand in the path", "letters and"),
        (r#""unix_path": "/run//a""#, "is not in normal form", "without an empty part"),
        (r#""unix_path": "/run/a/""#, "is not in normal form", "without an empty part"),
        (r#""unix_path": "/run/../a""#, "is not in normal form", "without an empty part"),
        (r#""unix_path": "/""#, "is not in normal form", "without an empty part"),
        (&long, "this path has 108 bytes", "write a shorter one"),
        (r#""unix_path": "/run/ringsocket/a""#, "removed at each stop", "outside of it"),
        (r#""unix_path": "/run/a", "unix_mode": "rw""#, "is no mode", "in octal"),
        (r#""unix_path": "/run/a", "unix_mode": "4755""#, "is no mode", "in octal"),
        (r#""unix_path": "/run/a", "unix_mode": "+66""#, "is no mode", "in octal"),
        (r#""unix_path": "/run/a", "unix_group": """#, "is no name of a group", "getent"),
        (r#""unix_path": "/run/a", "unix_group": "a b""#, "is no name of a group", "getent"),
        (r#""unix_path": "/run/a", "unix_group": "a\nb""#, "is no name of a group", "getent"),
        (r#""unix_path": "/run/a", "unix_group": "-1""#, "is no name of a group", "getent"),
        (r#""unix_path": "/run/a", "port_number": 80"#, "not both", "two elements"),
        (r#""unix_path": "/run/a", "ip_addrs": []"#, "`ip_addrs` is for TCP ports", "leave it"),
        (r#""unix_path": "/run/a", "interface": "lo""#, "`interface` is for TCP", "leave it"),
        (r#""unix_path": "/run/a", "www_root": "/""#, "`www_root` is for TCP", "leave it"),
        (r#""unix_path": "/run/a", "proxy_protocol": true"#, "is for TCP ports", "leave it"),
        (r#""unix_path": 5"#, "must be a string with an absolute path", ""),
    ];
    for (keys, what, instead) in cases {
        let said = said(&file(keys));
        assert!(said.contains("error: ") && said.contains(what), "{keys}: {said}");
        assert!(said.contains(instead), "{keys}: {said}");
        assert!(!said.contains("`port_number` is missing"), "{keys}: {said}");
    }
    let twice = r#"{ "ports": [{ "unix_path": "/run/a", "is_unencrypted": true, "unix_group": "a" },
                               { "unix_path": "/run/a", "is_unencrypted": true, "unix_group": "a" }] }"#;
    assert!(said(twice).contains("/run/a is already listed"));
    let sealed = r#"{ "ports": [{ "unix_path": "/run/a", "unix_group": "a" }] }"#;
    assert!(said(sealed).contains("which takes a certificate"), "{}", said(sealed));
}
