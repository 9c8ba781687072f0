//! What apps are told of the certificate that a client has shown.

use std::net::IpAddr;

use proptest::prelude::*;
use rcgen::{CertificateParams, DistinguishedName, DnType, DnValue, KeyPair, SanType};

use crate::tls::ClientCert;

/// The certificate of a client (DER) with this subject and these other names.
fn cert(subject: &[(DnType, DnValue)], sans: &[SanType]) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    for (kind, value) in subject {
        params.distinguished_name.push(kind.clone(), value.clone());
    }
    params.subject_alt_names = sans.to_vec();
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

fn subject(parts: &[(DnType, &str)]) -> String {
    let part = |(kind, value): &(DnType, &str)| (kind.clone(), DnValue::from(*value));
    let parts: Vec<_> = parts.iter().map(part).collect();
    ClientCert::read(&cert(&parts, &[])).subject
}

#[test]
fn subjects_are_written_as_rfc_4514_has_it() {
    use DnType::{CommonName, CountryName, OrganizationName, OrganizationalUnitName};
    let whole = [
        (CountryName, "GB"),
        (DnType::StateOrProvinceName, "Kent"),
        (DnType::LocalityName, "Dover"),
        (OrganizationName, "Isode Limited"),
        (OrganizationalUnitName, "Sales"),
        (CommonName, "Steve Kille"),
    ];
    assert_eq!(subject(&whole), "CN=Steve Kille,OU=Sales,O=Isode Limited,L=Dover,ST=Kent,C=GB");
    assert_eq!(subject(&[]), "");
    // The examples of section 4, and what section 2.4 adds.
    for (value, expected) in [
        ("James \"Jim\" Smith, III", r#"CN=James \"Jim\" Smith\, III"#),
        ("Before\rAfter", r"CN=Before\0DAfter"),
        ("#1 + <2>; \\", r"CN=\#1 \+ \<2\>\; \\"),
        (" both ", r"CN=\ both\ "),
        (" ", r"CN=\ "),
        ("Lučić", "CN=Lučić"),
        ("a=b#", "CN=a=b#"),
        ("a,O=Admins", r"CN=a\,O=Admins"),
        ("a\nCN=b\u{85}", r"CN=a\0ACN=b\C2\85"),
    ] {
        assert_eq!(subject(&[(CommonName, value)]), expected, "{value:?}");
    }
    let custom = |oid: &[u64]| DnType::CustomDnType(oid.to_vec());
    assert_eq!(subject(&[(custom(&[1, 2, 840, 113_549, 1, 9, 1]), "a@b.c")]), "emailAddress=a@b.c");
    assert_eq!(subject(&[(custom(&[0, 9, 2342, 19_200_300, 100, 1, 25]), "net")]), "DC=net");
    assert_eq!(
        subject(&[(custom(&[1, 3, 6, 1, 4, 1, 1466, 0]), "Hi")]),
        "1.3.6.1.4.1.1466.0=#0c024869"
    );
    let wide = DnValue::BmpString("Hi".try_into().unwrap());
    let der = cert(&[(CommonName, wide)], &[]);
    assert_eq!(ClientCert::read(&der).subject, "CN=#1e0400480069", "no string that is read here");
}

#[test]
fn other_names_have_their_kind_before_them() {
    let text = |text: &str| text.try_into().unwrap();
    let sans = [
        SanType::DnsName(text("a.example")),
        SanType::Rfc822Name(text("ann@a.example")),
        SanType::URI(text("spiffe://a/b")),
        SanType::IpAddress(IpAddr::from([192, 0, 2, 1])),
        SanType::IpAddress("2001:db8::1".parse().unwrap()),
        SanType::DnsName(text("a\nDNS:b")),
    ];
    let told = ClientCert::read(&cert(&[], &sans));
    let expected = [
        "DNS:a.example",
        "email:ann@a.example",
        "URI:spiffe://a/b",
        "IP:192.0.2.1",
        "IP:2001:db8::1",
    ];
    assert_eq!((told.subject.as_str(), &told.sans[..]), ("", &expected.map(str::to_owned)[..]));
}

#[test]
fn what_is_no_certificate_has_no_names() {
    assert_eq!(ClientCert::read(b""), ClientCert::default());
    assert_eq!(ClientCert::read(b"0\x03\x02\x01\x01"), ClientCert::default());
}

proptest! {
    #[test]
    fn a_changed_certificate_is_read_without_a_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        end in any::<prop::sample::Index>(),
    ) {
        let name = SanType::DnsName("a.example".try_into().unwrap());
        let mut der = cert(&[(DnType::CommonName, DnValue::from("Ann"))], &[name]);
        for (at, byte) in changes {
            let at = at.index(der.len());
            der[at] = byte;
        }
        let told = ClientCert::read(&der);
        let names = || told.sans.iter().chain([&told.subject]);
        prop_assert!(names().all(|name| !name.contains(char::is_control)));
        ClientCert::read(&der[..end.index(der.len())]);
    }
}
