//! Encrypted ports, certificates, and what `ringsocket check` says of them.

use super::*;

/// A configuration that has every key of TLS.
const EVERY_KEY: &str = r#"{
  "worker_c": 1, "record_layer": "rustls", "max_tls_handshake_c": 17,
  "ports": [
    { "port_number": 80, "is_unencrypted": true },
    { "port_number": 443, "client_certs": "none" },
    { "port_number": 8443, "is_unencrypted": false,
      "client_certs": "optional", "client_ca_path": "clients.pem" },
    { "port_number": 8444, "client_certs": "required", "client_ca_path": "/etc/clients.pem" }
  ],
  "certs": [
    { "hostnames": ["Example.com", "*.Example.com", "0:0::1", "192.0.2.1", "xn--bcher-kva.de"],
      "privkey_path": "example.com.key", "pubchain_path": "example.com.pem" },
    { "hostnames": ["a_b.example.org"], "privkey_path": "/k", "pubchain_path": "/c" }
  ],
  "apps": [{ "name": "echo", "app_path": "/x/echo.so", "endpoints": [
    { "endpoint_id": 0, "url": "wss://a.example.com/x" },
    { "endpoint_id": 1, "url": "wss://[::1]:8443/x" },
    { "endpoint_id": 2, "url": "ws://example.com/x" } ] }]
}"#;

#[test]
fn every_key_of_tls_reaches_the_configuration() {
    assert_eq!(said(EVERY_KEY), "");
    let config = accepted(EVERY_KEY);
    let demand =
        |are_required, path: &str| Some(ClientCerts { are_required, ca_path: path.into() });
    let ports: Vec<_> =
        config.ports.iter().map(|port| (port.is_unencrypted, port.client_certs.clone())).collect();
    let expected = [
        (true, None),
        (false, None),
        (false, demand(false, "clients.pem")),
        (false, demand(true, "/etc/clients.pem")),
    ];
    assert_eq!(ports, expected);
    let names = ["example.com", "*.example.com", "::1", "192.0.2.1", "xn--bcher-kva.de"];
    assert_eq!(config.certs[0].hostnames, names);
    assert_eq!(config.certs[0].privkey_path, Path::new("example.com.key"));
    assert_eq!(config.certs[1].pubchain_path, Path::new("/c"));
    assert_eq!((config.record_layer, config.limits.max_tls_handshake_c), (RecordLayer::Rustls, 17));
    let default = accepted(&format!("{{ {ECHO} }}"));
    assert_eq!((default.certs, default.record_layer), (vec![], RecordLayer::Ringsocket));
}

#[test]
fn check_tells_what_is_encrypted_and_reads_certificates() {
    let dir = Folder::new("secure");
    let source = Source { path: dir.path().join("c.json"), explicit: true };
    let shown = source.path.display();
    let said = |text: &str| {
        dir.file("c.json", text.as_bytes());
        let (text, status) = check(&source, &nowhere());
        (text.lines().map(str::to_owned).collect::<Vec<_>>(), status)
    };
    // A key that is not there: the same words as at a start.
    let (lines, status) = said(EVERY_KEY);
    assert_eq!(status, 78);
    let expected = format!(
        "{shown}: error: certs[1] (a_b.example.org): cannot read /k: No such file or directory (os \
         error 2)"
    );
    assert!(lines.contains(&expected), "{lines:#?}");
    assert!(
        lines.contains(&"  correct `privkey_path`, or put the file there".into()),
        "{lines:#?}"
    );
    assert_eq!(lines.last(), Some(&format!("{shown}: 3 errors")), "{lines:#?}");
    // Only the service can read its credentials.
    let hidden = EVERY_KEY
        .replace("\"/k\"", "\"k\"")
        .replace("\"/c\"", "\"c\"")
        .replace("/etc/clients.pem", "other.pem");
    let (lines, status) = said(&hidden);
    assert_eq!(status, 0, "{lines:#?}");
    for about in [
        "certs[0] (example.com): example.com.key",
        "certs[0] (example.com): example.com.pem",
        "certs[1] (a_b.example.org): k",
        "port 8443: clients.pem",
        "port 8444: other.pem",
    ] {
        let line = format!("{shown}: warning: {about} was not looked at: only the service can");
        assert!(lines.contains(&line), "{line}\n{lines:#?}");
    }
    let ok = lines.iter().position(|line| line.ends_with(": ok")).unwrap();
    let summary = [
        "  app echo (/x/echo.so)",
        "    wss://a.example.com/x, id 0",
        "    wss://[::1]:8443/x, id 1",
        "    ws://example.com/x, id 2",
        "  certificate for example.com *.example.com ::1 192.0.2.1 xn--bcher-kva.de",
        "  certificate for a_b.example.org",
        "  ports: 80 (ws), 443 (wss), 8443 (wss, clients may show certificates), 8444 (wss, clients \
         show certificates)",
    ];
    assert_eq!(lines[ok + 1..][..summary.len()], summary);
}
