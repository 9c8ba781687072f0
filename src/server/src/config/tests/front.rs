//! What is served beside plain messages: defaults, and that every key arrives.

use super::*;

#[test]
fn defaults_of_what_is_beside() {
    let config = accepted(&format!("{{ {ECHO} }}"));
    let deflate = Deflate {
        level: 3,
        min_size: 128,
        client_takeover: false,
        server_takeover: false,
        takeover_c: 1024,
        client_window_bits: 15,
        server_window_bits: 15,
    };
    assert_eq!(config.deflate, Some(deflate));
    assert_eq!(config.health_path.as_deref(), Some("/healthz"));
    assert_eq!(config.trusted_proxies, []);
    assert_eq!(config.forwarded_header, ForwardedHeader::XForwardedFor);
}

#[test]
fn every_key_of_what_is_beside_reaches_the_configuration() {
    let config = accepted(&format!(
        r#"{{ {ECHO}, "deflate_level": 9,
          "deflate_min_size": 15, "deflate_takeover": "both", "deflate_takeover_c": 16,
          "deflate_server_window_bits": 9, "deflate_client_window_bits": 10,
          "health_path": "/up", "trusted_proxies": ["192.0.2.7", "2001:db8::1/32"],
          "forwarded_header": "forwarded" }}"#
    ));
    let deflate = Deflate {
        level: 9,
        min_size: 15,
        client_takeover: true,
        server_takeover: true,
        takeover_c: 16,
        client_window_bits: 10,
        server_window_bits: 9,
    };
    assert_eq!(config.deflate, Some(deflate));
    assert_eq!(config.health_path.as_deref(), Some("/up"));
    let trusted = ["192.0.2.7/32", "2001:db8::/32"].map(|net| net.parse().unwrap());
    assert_eq!(config.trusted_proxies, trusted);
    assert_eq!(config.forwarded_header, ForwardedHeader::Forwarded);
}

#[test]
fn mapped_networks_are_those_of_ipv4() {
    let config = accepted(&format!(
        r#"{{ {ECHO}, "trusted_proxies": ["::ffff:192.0.2.7", "::ffff:10.1.2.3/104", "::/1"] }}"#
    ));
    let trusted = ["192.0.2.7/32", "10.0.0.0/8", "::/1"].map(|net| net.parse().unwrap());
    assert_eq!(config.trusted_proxies, trusted);
    let everybody = format!(r#"{{ {ECHO}, "trusted_proxies": ["::ffff:0:0/96"] }}"#);
    assert!(said(&everybody).contains("is every address there is"));
}

#[test]
fn zero_and_nothing_turn_things_off() {
    let config = accepted(&format!(
        r#"{{ {ECHO}, "deflate_level": 0, "health_path": "", "ping_wait": 0,
          "max_conn_c_per_addr": 0, "max_handshake_rate_per_addr": 0 }}"#
    ));
    assert_eq!((config.deflate, config.health_path, config.waits.ping), (None, None, None));
    assert_eq!(config.limits.max_conn_c_per_addr, None);
    assert_eq!(config.limits.max_handshake_rate_per_addr, None);
}

#[test]
fn settings_that_make_no_sense_together_are_told() {
    for (keys, told) in [
        (r#""max_ws_byte_rate": 1000"#, "who sends more than 1000 at once is closed with 1008"),
        // The header of the frame counts as well.
        (r#""max_ws_byte_rate": 1013, "max_ws_msg_size": 1000"#, "write at least 1014, or lower"),
        (r#""max_conn_c_per_addr": 5000"#, "is never reached: `fd_alloc_c` is 4096"),
        (r#""deflate_level": 0, "deflate_takeover": "both""#, "does nothing where `deflate_level`"),
    ] {
        let said = said(&format!("{{ {ECHO}, {keys} }}"));
        assert!(said.contains("warning: ") && said.contains(told), "{keys}: {said}");
    }
    let fine = r#""max_ws_byte_rate": 1014, "max_ws_msg_size": 1000, "max_conn_c_per_addr": 4096"#;
    assert_eq!(said(&format!("{{ {ECHO}, {fine} }}")), "");
}

#[test]
fn an_app_at_the_default_health_path_is_served_and_health_is_not() {
    let dir = Folder::new("healthz");
    dir.file("healthz.so", b"");
    let Loaded { config, warnings } = parse("c.json", "{}", &around(dir.path())).unwrap();
    assert_eq!((config.health_path, config.apps.len()), (None, 1));
    assert!(warnings.to_string().contains("an endpoint has the path /healthz too"), "{warnings}");
}
