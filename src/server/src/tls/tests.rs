//! Handshakes in memory: which certificate a client gets, what is demanded of it, and when it may
//! come again without a whole handshake.

mod authority;
mod complaints;
mod formats;
mod handshake;
mod reload;
mod shown;
mod tickets;

use std::sync::Arc;

use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, SignatureScheme};

use self::authority::{Authority, config, loaded};
use self::handshake::{Failed, Pair, shake};
use super::{ClientCert, provider};

/// The first name of the certificate that a client got.
fn shown(pair: &Pair) -> String {
    let chain = pair.client.peer_certificates().unwrap();
    ClientCert::read(&chain[0]).sans[0].clone()
}

#[test]
fn clients_get_the_certificate_of_the_name_they_ask_for() {
    let ca = Authority::new();
    let certs = [
        ca.cert("first", &["example.com", "127.0.0.1"]),
        ca.cert("wild", &["*.example.com"]),
        ca.cert("exact", &["a.example.com", "other.org"]),
    ];
    let terms = loaded(&config(&certs, &[]), None);
    let client = Arc::new(ca.client(None));
    let got = |host| shake(&terms, 0, &client, host).map(|pair| shown(&pair));
    assert_eq!(got("example.com"), Ok("DNS:example.com".into()));
    assert_eq!(got("a.example.com"), Ok("DNS:a.example.com".into()));
    assert_eq!(got("A.Example.Com"), Ok("DNS:a.example.com".into()));
    assert_eq!(got("b.example.com"), Ok("DNS:*.example.com".into()));
    assert_eq!(got("other.org"), Ok("DNS:a.example.com".into()));
    assert_eq!(got("127.0.0.1"), Ok("DNS:example.com".into()), "a client that names no host");
    for miss in ["c.b.example.com", "example.org", "www.other.org"] {
        assert_eq!(got(miss), Err(Failed::NoName), "{miss}");
    }
}

/// A client that can verify no other signatures of servers than these.
fn verifying(ca: &Authority, schemes: &[SignatureScheme]) -> Arc<ClientConfig> {
    let mut provider = provider();
    let known = provider.signature_verification_algorithms;
    let mapping = known.mapping.iter().filter(|(scheme, _)| schemes.contains(scheme)).copied();
    provider.signature_verification_algorithms.mapping = mapping.collect::<Vec<_>>().leak();
    Arc::new(ca.client_with(provider, &[&TLS13, &TLS12], None))
}

#[test]
fn of_several_certificates_for_a_name_a_client_gets_one_that_it_can_verify() {
    use SignatureScheme::{ECDSA_NISTP256_SHA256, ED25519, RSA_PSS_SHA256};
    let ca = Authority::new();
    let cert = |name: &str, kind| {
        let (chain, key) = ca.issue(&["example.com", &format!("{name}.test")], kind, |_| ());
        ca.cert_of(name, &["example.com"], &chain, &key)
    };
    let certs = [
        cert("ed25519", &PKCS_ED25519),
        cert("ecdsa", &PKCS_ECDSA_P256_SHA256),
        cert("rsa", &PKCS_RSA_SHA256),
    ];
    let terms = loaded(&config(&certs, &[]), None);
    for (host, schemes, expected) in [
        ("example.com", &[RSA_PSS_SHA256, ECDSA_NISTP256_SHA256, ED25519][..], "DNS:ed25519.test"),
        ("example.com", &[RSA_PSS_SHA256, ECDSA_NISTP256_SHA256], "DNS:ecdsa.test"),
        ("example.com", &[RSA_PSS_SHA256], "DNS:rsa.test"),
    ] {
        let pair = shake(&terms, 0, &verifying(&ca, schemes), host).unwrap();
        let chain = pair.client.peer_certificates().unwrap();
        assert_eq!(ClientCert::read(&chain[0]).sans[1], expected, "{schemes:?}");
    }
    // A client that names no host (an address is no name) is no worse off.
    let shaken = shake(&terms, 0, &verifying(&ca, &[RSA_PSS_SHA256]), "127.0.0.1");
    let Err(Failed::Refused { server, client }) = shaken else { panic!("that is not its address") };
    assert!(client.contains("not valid for name"), "{client}");
    assert!(server.contains("BadCertificate"), "{server}");
}

#[test]
fn both_versions_are_spoken_and_others_than_http_are_not() {
    let ca = Authority::new();
    let terms = loaded(&config(&[ca.cert("one", &["example.com"])], &[]), None);
    for version in [&TLS12, &TLS13] {
        let client = Arc::new(ca.client_of(&[version], None));
        let pair = shake(&terms, 0, &client, "example.com").unwrap();
        assert_eq!(pair.server.protocol_version(), Some(version.version));
        assert_eq!(pair.server.alpn_protocol(), Some(&b"http/1.1"[..]));
    }
    let mut client = ca.client(None);
    client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let pair = shake(&terms, 0, &Arc::new(client.clone()), "example.com").unwrap();
    assert_eq!(pair.client.alpn_protocol(), Some(&b"http/1.1"[..]));
    client.alpn_protocols.clear();
    let pair = shake(&terms, 0, &Arc::new(client.clone()), "example.com").unwrap();
    assert_eq!(pair.client.alpn_protocol(), None);
    client.alpn_protocols = vec![b"h2".to_vec()];
    let refused = shake(&terms, 0, &Arc::new(client), "example.com").err();
    let expected = Failed::Refused {
        server: "peer doesn't support any known protocol".into(),
        client: "received fatal alert: NoApplicationProtocol".into(),
    };
    assert_eq!(refused, Some(expected));
}

#[test]
fn clients_show_certificates_where_these_are_demanded() {
    let (ca, stranger) = (Authority::new(), Authority::new());
    let ports = [(1, None), (2, Some(ca.demand(false))), (3, Some(ca.demand(true)))];
    let terms = loaded(&config(&[ca.cert("one", &["example.com"])], &ports), None);
    for version in [&TLS12, &TLS13] {
        let without = Arc::new(ca.client_of(&[version], None));
        let with = Arc::new(ca.client_of(&[version], Some(&ca.client_cert("Ann"))));
        let wrong = Arc::new(ca.client_of(&[version], Some(&stranger.client_cert("Eve"))));
        // Entrances: no demand, optional, required, and a unix socket.
        for (client, outcome) in [
            (&without, [Ok(None), Ok(None), Err("peer sent no certificates"), Ok(None)]),
            (&with, [Ok(None), Ok(Some("CN=Ann")), Ok(Some("CN=Ann")), Ok(None)]),
            (&wrong, [Ok(None), Err("invalid peer certificate"), Err("invalid peer"), Ok(None)]),
        ] {
            for (entrance, expected) in outcome.into_iter().enumerate() {
                match (shake(&terms, entrance as u16, client, "example.com"), expected) {
                    (Ok(pair), Ok(subject)) => {
                        let leaf = pair.server.peer_certificates().map(|chain| &chain[0]);
                        let shown = leaf.map(|leaf| ClientCert::read(leaf).subject);
                        assert_eq!(shown.as_deref(), subject, "{version:?} {entrance}");
                    }
                    (Err(Failed::Refused { server, client }), Err(why)) => {
                        assert!(server.starts_with(why), "{version:?} {entrance}: {server}");
                        assert!(client.starts_with("received fatal alert: "), "{client}");
                    }
                    (other, _) => panic!("{version:?} {entrance}: {:?}", other.err()),
                }
            }
        }
    }
}
