//! The kinds of keys, and the formats in which they come.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256,
    SignatureAlgorithm,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::asn1_rs::{Any, FromDer, Sequence};

use super::authority::{Authority, config, loaded};
use super::handshake::shake;

/// As OpenSSL writes it, in lines of 64 characters.
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned());
    let lines: Vec<String> = lines.collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// What PKCS #8 has within (RFC 5958 section 2): the key as it was written before there was PKCS #8.
fn unwrapped(pkcs8: &str) -> Vec<u8> {
    let der = PrivatePkcs8KeyDer::from_pem_slice(pkcs8.as_bytes()).unwrap();
    let (_, outer) = Sequence::from_der(der.secret_pkcs8_der()).unwrap();
    let (rest, _version) = Any::from_der(&outer.content).unwrap();
    let (rest, _algorithm) = Any::from_der(rest).unwrap();
    let (_, key) = Any::from_der(rest).unwrap();
    key.data.to_vec()
}

#[test]
fn keys_of_every_kind_and_format_serve() {
    let ca = Authority::new();
    let client = Arc::new(ca.client(None));
    let serves = |kind: &'static SignatureAlgorithm, rewrite: &dyn Fn(String) -> String| {
        let (chain, key) = ca.issue(&["example.com"], kind, |_| ());
        let cert = ca.cert_of("one", &["example.com"], &chain, &rewrite(key));
        shake(&loaded(&config(&[cert], &[]), None), 0, &client, "example.com").is_ok()
    };
    let as_it_is = |key| key;
    assert!(serves(&PKCS_RSA_SHA256, &as_it_is));
    assert!(serves(&PKCS_ECDSA_P256_SHA256, &as_it_is));
    assert!(serves(&PKCS_ECDSA_P384_SHA384, &as_it_is));
    assert!(serves(&PKCS_ED25519, &as_it_is));
    assert!(serves(&PKCS_RSA_SHA256, &|key| pem("RSA PRIVATE KEY", &unwrapped(&key))));
    let sec1 = |key: String| pem("EC PRIVATE KEY", &unwrapped(&key));
    assert!(serves(&PKCS_ECDSA_P256_SHA256, &sec1));
    assert!(serves(&PKCS_ECDSA_P384_SHA384, &sec1));
    // OpenSSL writes the curve in a section of its own; and people write words between sections.
    let curve = pem("EC PARAMETERS", &[6, 8, 42, 134, 72, 206, 61, 3, 1, 7]);
    assert!(serves(&PKCS_ECDSA_P256_SHA256, &|key| curve.clone() + "my key\r\n" + &sec1(key)));
}

#[test]
fn key_and_chain_may_lie_in_one_file() {
    let ca = Authority::new();
    let (chain, key) = ca.issue(&["example.com"], &PKCS_ECDSA_P256_SHA256, |_| ());
    for text in [format!("{key}{chain}"), format!("{chain}{key}")] {
        let mut cert = ca.cert_of("one", &["example.com"], &text, &text);
        cert.pubchain_path.clone_from(&cert.privkey_path);
        loaded(&config(&[cert], &[]), None);
    }
}
