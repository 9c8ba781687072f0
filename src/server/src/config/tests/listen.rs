//! `ip_addrs`, `interface`, the versions of IP, and how many sockets come of them.

use super::*;

/// The whole file with these keys in its one port.
fn file(keys: &str) -> String {
    format!(r#"{{ {ECHO}, "ports": [{{ "port_number": 80, "is_unencrypted": true{keys} }}] }}"#)
}

fn listen(keys: &str) -> Listen {
    accepted(&file(keys)).ports[0].listen.clone()
}

/// Addresses as text, with what else is set.
fn listened(keys: &str) -> (String, bool, Option<String>) {
    let Listen { addrs, is_dual, interface } = listen(keys);
    let addrs: Vec<String> = addrs.iter().map(ToString::to_string).collect();
    (addrs.join(" "), is_dual, interface)
}

#[test]
fn addresses_and_versions() {
    let cases = [
        ("", "0.0.0.0 ::", false),
        (r#", "ipv4only": false, "ipv6only": false"#, "0.0.0.0 ::", false),
        (r#", "ipv4only": true"#, "0.0.0.0", false),
        (r#", "ipv6only": true"#, "::", false),
        (r#", "ipv4_is_embedded_in_ipv6": true"#, "::", true),
        (r#", "ip_addrs": ["::"], "ipv4_is_embedded_in_ipv6": true"#, "::", true),
        (r#", "ip_addrs": ["::"]"#, "::", false),
        (r#", "ip_addrs": ["127.0.0.1", "0:0::1"]"#, "127.0.0.1 ::1", false),
        (r#", "ip_addrs": ["0.0.0.0", "::1"]"#, "0.0.0.0 ::1", false),
        (r#", "ip_addrs": ["10.0.0.1"], "ipv4only": true"#, "10.0.0.1", false),
    ];
    for (keys, addrs, is_dual) in cases {
        assert_eq!(listened(keys), (addrs.to_owned(), is_dual, None), "{keys}");
    }
    assert_eq!(listen(""), Listen::default());
    assert_eq!(listened(r#", "interface": "eth0.100""#).2.as_deref(), Some("eth0.100"));
    let local = listened(r#", "interface": "br-0", "ip_addrs": ["fe80::1"]"#);
    assert_eq!(local, ("fe80::1".into(), false, Some("br-0".into())));
}

#[test]
fn what_cannot_be_listened_on_is_refused_with_what_to_write() {
    let cases = [
        (r#""ip_addrs": []"#, "lists no address", "leave it out to listen on all"),
        (r#""ip_addrs": ["[::1]"]"#, "is no IP address", "write \"::1\""),
        (
            r#""ip_addrs": ["1.2.3.4:80"]"#,
            "is no IP address",
            "write \"1.2.3.4\"; the port is set by",
        ),
        (r#""ip_addrs": ["[::1]:80"]"#, "is no IP address", "write \"::1\"; the port is set by"),
        (r#""ip_addrs": ["fe80::1%eth0"]"#, "is no IP address", "\"interface\": \"eth0\" beside"),
        (r#""ip_addrs": ["10.0.0.0/8"]"#, "is no IP address", "not a network"),
        (r#""ip_addrs": ["localhost"]"#, "is no IP address", "write it like \"192.0.2.1\""),
        (r#""ip_addrs": ["1.2.3.04"]"#, "is no IP address", "write it like"),
        (r#""ip_addrs": ["::ffff:1.2.3.4"]"#, "IPv4 address in IPv6 form", "write \"1.2.3.4\""),
        (r#""ip_addrs": ["224.0.0.1"]"#, "no address of a machine", ""),
        (r#""ip_addrs": ["255.255.255.255"]"#, "no address of a machine", ""),
        (r#""ip_addrs": ["fe80::1"]"#, "means nothing without its interface", "add \"interface\""),
        (r#""ip_addrs": ["::1", "0::1"]"#, "::1 is already listed", "keep one of the two"),
        (r#""ip_addrs": ["::1", "::"]"#, ":: stands for ::1 too", "leave out one"),
        (
            r#""ip_addrs": ["0.0.0.0", "1.2.3.4"]"#,
            "0.0.0.0 stands for 1.2.3.4 too",
            "leave out one",
        ),
        (r#""ipv4only": true, "ip_addrs": ["::1"]"#, "this port is `ipv4only`", "leave out the"),
        (
            r#""ipv6only": true, "ip_addrs": ["1.2.3.4"]"#,
            "this port is `ipv6only`",
            "leave out the",
        ),
        (r#""ipv4only": true, "ipv6only": true"#, "contradict each other", "keep one of them"),
        (
            r#""ipv4only": true, "ipv4_is_embedded_in_ipv6": true"#,
            "`ipv4only` and `ipv4_is_embedded_in_ipv6` contradict",
            "keep one of them",
        ),
        (
            r#""ipv6only": true, "ipv4_is_embedded_in_ipv6": true"#,
            "`ipv6only` and `ipv4_is_embedded_in_ipv6` contradict",
            "keep one of them",
        ),
        (
            r#""ip_addrs": ["::1"], "ipv4_is_embedded_in_ipv6": true"#,
            "`ipv4_is_embedded_in_ipv6` does nothing here",
            "leave it out, or leave `ip_addrs` out",
        ),
        (
            r#""ip_addrs": ["::", "1.2.3.4"], "ipv4_is_embedded_in_ipv6": true"#,
            ":: stands for 1.2.3.4 too",
            "leave out one",
        ),
        (r#""interface": """#, "is no name of a network interface", "ip link"),
        (r#""interface": "a b""#, "is no name of a network interface", "ip link"),
        (r#""interface": "eth%i""#, "is no name of a network interface", "ip link"),
        (r#""interface": "eth0\nListenStream=1""#, "is no name of a network interface", "ip link"),
        (r#""interface": "sixteen-letters-""#, "is no name of a network interface", "ip link"),
        (r#""interface": "all""#, "is no name of a network interface", "ip link"),
        (r#""interface": "12""#, "is no name of a network interface", "ip link"),
        (r#""unix_mode": "0660""#, "`unix_mode` is for unix sockets", "or write `unix_path`"),
        (r#""unix_group": "a""#, "`unix_group` is for unix sockets", "or write `unix_path`"),
        (r#""ip_addrs": "::1""#, "must be an array of strings", ""),
        (r#""ipv4only": "yes""#, "must be true or false", ""),
    ];
    for (keys, what, instead) in cases {
        let said = said(&file(&format!(", {keys}")));
        assert!(said.contains("error: ") && said.contains(what), "{keys}: {said}");
        assert!(said.contains(instead), "{keys}: {said}");
    }
}

#[test]
fn so_many_sockets_are_refused_and_fewer_have_room_among_the_files() {
    let many = |port_c: u16, worker_c| {
        let port = |number| format!(r#"{{ "port_number": {number}, "is_unencrypted": true }}"#);
        let ports: Vec<String> = (1..=port_c).map(port).collect();
        format!(r#"{{ {ECHO}, "worker_c": {worker_c}, "ports": [{}] }}"#, ports.join(","))
    };
    let config = accepted(&many(64, 32));
    assert_eq!(config.sockets().count(), 4096);
    // 64 for other purposes take the first 32 in; four for each worker, two for each app.
    let expected = 4096 + 64 + 4 * 32 + 2 + 4096 - 32;
    assert_eq!(config.fds_needed(), expected);
    let said_of = said(&many(64, 33));
    assert!(said_of.contains("these are 4224 sockets") && said_of.contains("4096"), "{said_of}");
    assert!(said(&many(257, 1)).contains("more than 256 ports"));
}

#[test]
fn sockets_are_known_without_the_rest_of_the_file() {
    let around = nowhere();
    let sockets = |text: &str| Sockets::parse("c.json", text, &around);
    // Neither the folder nor the certificate can be read; what the daemon makes of it is its business.
    let text = r#"{ "log_level": "loud", "stop_wait": 0,
        "certs": [{ "hostnames": ["a.b"], "privkey_path": "/none", "pubchain_path": "/none" }],
        "ports": [{ "port_number": 443, "www_root": "/nonexistent" }] }"#;
    assert!(parse("c.json", text, &around).is_err());
    let found = sockets(text).unwrap().unwrap();
    assert_eq!((found.ports[0].port_number, found.worker_c), (443, 8));
    let apps =
        format!(r#"{{ {ECHO}, "ports": [{{ "port_number": 1, "is_unencrypted": true }}] }}"#);
    let found = sockets(&apps).unwrap().unwrap();
    assert_eq!(found, accepted(&apps).sockets(), "as many workers as the daemon has");
    assert_eq!(found.worker_c, 7);
    assert_eq!(sockets("{}").unwrap(), None);
    assert_eq!(sockets("{ \"worker_c\": 3 }").unwrap(), None);
    for bad in [
        "",
        "[]",
        "{ \"ports\": 5 }",
        "{ \"ports\": [] }",
        "{ \"ports\": [5] }",
        "{ \"prots\": [] }",
        r#"{ "ports": [{ "port_number": 0, "is_unencrypted": true }] }"#,
        r#"{ "ports": [{ "port_number": 65536, "is_unencrypted": true }] }"#,
        r#"{ "ports": [{ "port_number": 443 }] }"#,
        r#"{ "worker_c": 0, "ports": [{ "port_number": 1, "is_unencrypted": true }] }"#,
        r#"{ "ports": [{ "port_number": 1, "is_unencrypted": true },
                       { "port_number": 1, "is_unencrypted": true }] }"#,
    ] {
        assert!(sockets(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_file_that_is_none_is_not_waited_for() {
    let dir = Folder::new("sockets");
    let load = |name: &str| Sockets::load(&dir.path().join(name), &nowhere());
    assert_eq!(load("none.json").unwrap(), None);
    assert!(load("").unwrap_err().to_string().contains("this is no regular file"));
    let fifo = dir.path().join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    assert!(load("fifo").unwrap_err().to_string().contains("this is no regular file"));
    dir.file("large.json", &vec![b' '; MAX_FILE_SIZE + 1]);
    assert!(load("large.json").unwrap_err().to_string().contains("larger than 1048576 bytes"));
}
