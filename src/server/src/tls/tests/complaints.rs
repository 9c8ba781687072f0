//! The exact words about certificates, keys and authorities that cannot be used, or that clients will
//! not believe.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use rcgen::{CertificateParams, PKCS_ECDSA_P256_SHA256, date_time_ymd};

use super::authority::{Authority, NOW, config, said};
use super::formats::pem;
use crate::config::{Cert, ClientCerts};

const HOST: &str = "example.com";

/// What is said, the folder of the test left out.
fn words(ca: &Authority, certs: &[Cert]) -> Vec<String> {
    tell(ca, said(&config(certs, &[]), None))
}

fn tell(ca: &Authority, said: Vec<String>) -> Vec<String> {
    let dir = format!("{}/", ca.dir.path().display());
    said.into_iter().map(|line| line.replace(&dir, "")).collect()
}

/// What is said of a certificate that was changed before it was signed, for these names.
fn of_issued(hostnames: &[&str], edit: impl FnOnce(&mut CertificateParams)) -> Vec<String> {
    let ca = Authority::new();
    let names = ["example.com", "*.example.com", "192.0.2.1"];
    let (chain, key) = ca.issue(&names, &PKCS_ECDSA_P256_SHA256, edit);
    words(&ca, &[ca.cert_of("one", hostnames, &chain, &key)])
}

/// What is said of files with these texts, which are made of a chain and its key. The first line is
/// about the certificate; the last says that there is no other.
fn of_files(make: impl FnOnce(&str, &str) -> (String, String)) -> Vec<String> {
    let ca = Authority::new();
    let (chain, key) = ca.issue(&[HOST], &PKCS_ECDSA_P256_SHA256, |_| ());
    let (chain, key) = make(&chain, &key);
    words(&ca, &[ca.cert_of("one", &[HOST], &chain, &key)])
}

/// The only complaint about a certificate that cannot be used.
#[track_caller]
fn assert_refused(said: &[String], expected: &str) {
    let none = "error: none of the certificates can be used | -";
    assert_eq!(said, [&format!("error: certs[0] (example.com): {expected}"), none]);
}

#[test]
fn a_good_certificate_is_not_talked_about() {
    assert_eq!(of_issued(&[HOST, "a.example.com", "*.example.com", "192.0.2.1"], |_| ()), [""; 0]);
}

#[test]
fn times() {
    let about = |from, until| of_issued(&[HOST], |params| limit(params, NOW + from, NOW + until));
    let long_ago = -NOW;
    assert_eq!(
        about(long_ago, -1),
        [
            "error: certs[0] (example.com): one.pem: the certificate has expired on Tue, 30 Jun 2026 11:59:59 \
          GMT | clients refuse it; renew it, and reload the service"
        ]
    );
    assert_eq!(
        about(1, 86_400 * 365),
        [
            "error: certs[0] (example.com): one.pem: the certificate is not valid before Tue, 30 Jun 2026 \
          12:00:01 GMT | until then clients refuse it; is the clock of this machine right?"
        ]
    );
    let soon = |left: &str, date| {
        [format!(
            "warning: certs[0] (example.com): one.pem: the certificate expires in {left}, on {date} GMT | \
             renew it, and reload the service"
        )]
    };
    assert_eq!(about(long_ago, 0), soon("less than a day", "Tue, 30 Jun 2026 12:00:00"));
    assert_eq!(about(long_ago, 86_400), soon("1 day", "Wed, 01 Jul 2026 12:00:00"));
    let two_weeks = 14 * 86_400;
    assert_eq!(about(long_ago, two_weeks - 1), soon("13 days", "Tue, 14 Jul 2026 11:59:59"));
    assert_eq!(about(0, two_weeks), [""; 0]);
}

/// Makes a certificate good between two times, in seconds since 1970.
fn limit(params: &mut CertificateParams, from: i64, until: i64) {
    let start = date_time_ymd(1970, 1, 1);
    params.not_before = start + Duration::from_secs(from.unsigned_abs());
    params.not_after = start + Duration::from_secs(until.unsigned_abs());
}

#[test]
fn names() {
    let not_for = |name: &str| {
        format!(
            "error: certs[0] (example.com): one.pem: the certificate is not for {name}, but for example.com, \
             *.example.com, 192.0.2.1 | get one that has the name {name}, or take it out of \
             `hostnames`: clients of that name refuse this one"
        )
    };
    for name in ["example.org", "a.b.example.com", "*.b.example.com", "192.0.2.2", "*.com"] {
        assert_eq!(of_issued(&[HOST, name], |_| ()), [not_for(name)], "{name}");
    }
    assert_eq!(
        of_issued(&[HOST], |params| params.subject_alt_names.clear()),
        [
            "error: certs[0] (example.com): one.pem: the certificate is not for example.com, but for no name at \
          all | clients look for names in its subjectAltName, and nowhere else"
        ]
    );
    let ca = Authority::new();
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    let (chain, key) = ca.issue(&names, &PKCS_ECDSA_P256_SHA256, |_| ());
    let said = words(&ca, &[ca.cert_of("one", &[HOST], &chain, &key)]);
    assert!(said[0].contains("not for example.com, but for a, b, c, d, e, 2 more |"), "{said:?}");
}

#[test]
fn files_that_are_not_there() {
    let ca = Authority::new();
    let mut cert = ca.cert("one", &[HOST]);
    cert.privkey_path = ca.path("none.key");
    assert_refused(
        &words(&ca, &[cert.clone()]),
        "cannot read none.key: No such file or directory (os error 2) | correct `privkey_path`, or \
         put the file there",
    );
    cert.privkey_path = "example.com.key".into();
    assert_refused(
        &words(&ca, &[cert.clone()]),
        "the service has no credential \"example.com.key\" (`privkey_path`) | add \
         LoadCredential=example.com.key:/path/to/file to ringsocket.service, or write the path of \
         the file from the root on",
    );
    cert.privkey_path = ca.dir.path().into();
    let dir = ca.dir.path().display();
    assert_refused(
        &words(&ca, &[cert]),
        &format!("{dir} is no file of a sane size | a PEM file here has up to 1048576 bytes"),
    );
}

#[test]
fn key_files() {
    let about = |key: &str| of_files(|chain, _| (chain.into(), key.into()));
    assert_refused(
        &about("no key\n"),
        "one.key holds no private key | it must hold one as PEM: -----BEGIN PRIVATE KEY----- and so \
         on",
    );
    assert_refused(
        &of_files(|chain, _| (chain.into(), chain.into())),
        "one.key holds a certificate and no private key | are `privkey_path` and `pubchain_path` \
         mixed up?",
    );
    assert_refused(
        &of_files(|chain, key| (chain.into(), key.repeat(3))),
        "one.key holds 3 private keys | leave the one that belongs to the first certificate of the \
         chain",
    );
    assert_refused(
        &about("0\u{1}\u{2}"),
        "the private key one.key is not PEM | convert it: openssl pkey -inform DER -in one.key -out \
         NEW_FILE",
    );
    let encrypted = "the private key one.key is encrypted, and nobody can type its password | \
                     decrypt it: openssl pkey -in one.key -out NEW_FILE";
    assert_refused(&about(&pem("ENCRYPTED PRIVATE KEY", b"secret")), encrypted);
    let headers = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\
                   DEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    assert_refused(&about(headers), encrypted);
    assert_refused(
        &about("-----BEGIN PRIVATE KEY-----\nAAAA\n"),
        "one.key is no proper PEM: a section has no end | is the file cut off? write it anew",
    );
    assert_refused(
        &about("-----BEGIN PRIVATE KEY-----\n?!\n-----END PRIVATE KEY-----\n"),
        "one.key is no proper PEM: a section is no base64 | is the file cut off? write it anew",
    );
    assert_refused(
        &about(&pem("PRIVATE KEY", b"0\x01\x02")),
        "one.key and one.pem: this kind of private key cannot be used | use RSA of at least 2048 bits, ECDSA on P-256 or \
         P-384, or Ed25519",
    );
}

#[test]
fn chain_files() {
    assert_refused(
        &of_files(|_, key| ("nothing".into(), key.into())),
        "one.pem holds no certificate | it must hold some as PEM: -----BEGIN CERTIFICATE----- and so \
         on",
    );
    assert_refused(
        &of_files(|_, key| (key.into(), key.into())),
        "one.pem holds a private key and no certificate | are `privkey_path` and `pubchain_path` \
         mixed up?",
    );
    assert_refused(
        &of_files(|_, key| ("0\u{1}".into(), key.into())),
        "one.pem is not PEM | convert it: openssl x509 -inform DER -in one.pem -out NEW_FILE",
    );
    let broken = of_files(|_, key| (pem("CERTIFICATE", b"0\x01\x02"), key.into()));
    let expected =
        "error: certs[0] (example.com): one.key and one.pem: the first certificate is broken: ";
    assert!(broken[0].starts_with(expected), "{broken:?}");
    assert_eq!(
        of_files(|chain, key| (format!("{chain}{key}"), key.into())),
        ["warning: certs[0] (example.com): one.pem holds a private key as well | take it out: \
          certificates are for everybody, and keys for nobody else"]
    );
}

#[test]
fn key_and_chain_that_do_not_belong_together() {
    let other = Authority::new();
    let (strange, _) = other.issue(&[HOST], &PKCS_ECDSA_P256_SHA256, |_| ());
    assert_refused(
        &of_files(|_, key| (strange.clone(), key.into())),
        "one.key and one.pem: the private key does not belong to the certificate | has only one of the two files been \
         replaced?",
    );
    let swap = |chain: &str| {
        let second = chain.rfind("-----BEGIN").unwrap();
        format!("{}{}", &chain[second..], &chain[..second])
    };
    assert_refused(
        &of_files(|chain, key| (swap(chain), key.into())),
        "one.key and one.pem: the chain is in the wrong order: the private key belongs to a later certificate | put the \
         certificate of the server first, then the one that signed it, and so on",
    );
    let twice = |chain: &str| {
        let second = chain.rfind("-----BEGIN").unwrap();
        format!("{}{chain}", &chain[..second])
    };
    assert_eq!(
        of_files(|chain, key| (twice(chain), key.into())),
        [
            "warning: certs[0] (example.com): one.pem: the chain is broken: its certificate 1 was not issued by \
          certificate 2 | put them in order, each before the one that signed it"
        ]
    );
}

#[test]
fn a_key_that_everybody_can_read_serves_but_is_talked_about() {
    let ca = Authority::new();
    let cert = ca.cert("one", &[HOST]);
    let set = |file: &str, mode| {
        set_permissions(ca.path(file), Permissions::from_mode(mode)).unwrap();
    };
    set("one.pem", 0o644);
    set("one.key", 0o640);
    assert_eq!(words(&ca, std::slice::from_ref(&cert)), [""; 0]);
    set("one.key", 0o644);
    assert_eq!(
        words(&ca, &[cert]),
        ["warning: certs[0] (example.com): everybody on this machine may read the private key \
          one.key | chmod o= one.key; and think of it as known to others"]
    );
}

#[test]
fn a_name_with_two_certificates_of_a_kind() {
    let ca = Authority::new();
    let certs = [ca.cert("one", &[HOST]), ca.cert("two", &["a.example.com", HOST])];
    assert_eq!(
        words(&ca, &certs),
        [
            "warning: example.com has several certificates with the same kind of key: the first is used \
          | keep one of them, or have one with RSA and one with ECDSA"
        ]
    );
}

#[test]
fn authorities_of_clients() {
    let ca = Authority::new();
    let cert = ca.cert("one", &[HOST]);
    let about = |text: &str| {
        ca.file("clients.pem", text);
        let ca_path = ca.path("clients.pem");
        let ports = [(443, Some(ClientCerts { are_required: true, ca_path }))];
        tell(&ca, said(&config(std::slice::from_ref(&cert), &ports), None))
    };
    assert_eq!(about(&ca.pem().repeat(2)), [""; 0]);
    let none = "error: no client could be let in there without its authorities | -";
    assert_eq!(
        about(""),
        [
            "error: port 443: clients.pem holds no certificate | it must hold some as PEM: \
             -----BEGIN CERTIFICATE----- and so on",
            none
        ]
    );
    let broken = about(&pem("CERTIFICATE", b"0\x01\x02"));
    assert!(
        broken[0].starts_with("error: port 443: clients.pem: its certificate 1 cannot be used: ")
    );
    assert!(broken[0].ends_with(" | take it out, or write the file anew"), "{broken:?}");
    assert_eq!(broken[1], none);
    let past = |params: &mut CertificateParams| {
        limit(params, 0, NOW - 1);
        params.distinguished_name.push(rcgen::DnType::CommonName, "Old CA");
    };
    let (chain, _) = ca.issue(&[], &PKCS_ECDSA_P256_SHA256, past);
    assert_eq!(
        about(&chain),
        [
            "warning: port 443: clients.pem: the authority CN=Old CA has expired on Tue, 30 Jun 2026 11:59:59 GMT | \
          what it has issued is accepted all the same; replace or remove it"
        ]
    );
}
