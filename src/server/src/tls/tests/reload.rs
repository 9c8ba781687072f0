//! What becomes of certificates when they are read anew: a broken one takes nobody down, and does not
//! take the place of a good one.

use std::sync::Arc;

use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256, date_time_ymd};
use rustls::pki_types::CertificateDer;

use super::authority::{Authority, config, in_words, loaded, said, sources};
use super::handshake::{Failed, shake};
use super::verifying;
use crate::config::Cert;
use crate::tls::Terms;

const KEPT: &str =
    "warning: certs[0] (example.com): the one that was loaded before goes on being used | -";

/// Loads, whatever is said.
fn reload(certs: &[Cert], old: Option<&Terms>) -> (Terms, Vec<String>) {
    let (terms, issues) = sources().load(&config(certs, &[]), &[None], old).unwrap();
    (terms, issues.iter().map(in_words).collect())
}

/// The certificate that a client gets that does not look at it closely.
fn served(terms: &Terms, host: &str) -> Option<CertificateDer<'static>> {
    let found = terms.names.find(host).first()?;
    Some(terms.certs[*found].pair.cert[0].clone())
}

/// Writes a certificate for the same name that is not valid any more.
fn expire(ca: &Authority) -> Cert {
    let (chain, key) = ca.issue(&["example.com"], &PKCS_ECDSA_P256_SHA256, |params| {
        (params.not_before, params.not_after) =
            (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    });
    ca.cert_of("one", &["example.com"], &chain, &key)
}

#[test]
fn one_broken_certificate_does_not_take_the_others_down() {
    let ca = Authority::new();
    let certs = [ca.cert("one", &["example.com"]), ca.cert("two", &["example.org"])];
    ca.file("one.key", "");
    let client = Arc::new(ca.client(None));
    let (terms, said) = reload(&certs, None);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("error: certs[0] (example.com): "), "{said:?}");
    assert!(shake(&terms, 0, &client, "example.org").is_ok());
    assert_eq!(shake(&terms, 0, &client, "example.com").err(), Some(Failed::NoName));
}

#[test]
fn a_new_certificate_is_used_at_once() {
    let ca = Authority::new();
    let cert = ca.cert("one", &["example.com"]);
    let old = loaded(&config(std::slice::from_ref(&cert), &[]), None);
    ca.cert("one", &["example.com"]);
    let (new, said) = reload(&[cert], Some(&old));
    assert_eq!(said, [""; 0]);
    assert_ne!(served(&new, "example.com"), served(&old, "example.com"));
}

#[test]
fn a_broken_one_does_not_take_the_place_of_one_that_was_loaded_for_the_same_names() {
    let ca = Authority::new();
    let (cert, other) = (ca.cert("one", &["example.com"]), ca.cert("two", &["example.org"]));
    let old = loaded(&config(&[cert.clone(), other.clone()], &[]), None);
    ca.file("one.key", "");
    let other = ca.cert("two", &["example.org"]);
    let (new, said) = reload(&[cert.clone(), other], Some(&old));
    assert_eq!((said.len(), said[1].as_str()), (2, KEPT), "{said:?}");
    assert_eq!(served(&new, "example.com"), served(&old, "example.com"));
    assert_ne!(served(&new, "example.org"), served(&old, "example.org"));
    // For other names it is another certificate.
    let renamed = Cert { hostnames: vec!["www.example.com".into()], ..cert.clone() };
    let (new, _) = reload(&[renamed, ca.cert("two", &["example.org"])], Some(&old));
    assert_eq!(served(&new, "www.example.com"), None);
    // Even when it is the only one, and again and again.
    let (new, _) = reload(std::slice::from_ref(&cert), Some(&old));
    let (newer, said) = reload(&[cert], Some(&new));
    assert_eq!(said[1], KEPT);
    assert_eq!(served(&newer, "example.com"), served(&old, "example.com"));
}

/// Lists two certificates for the same names, of which the one at `broken` cannot be used any more; both
/// perhaps in new files. Clients that know one kind of signature only get in all the same.
fn assert_both_kinds_stay(broken: usize, are_moved: bool) {
    use rustls::SignatureScheme::{ECDSA_NISTP256_SHA256, RSA_PSS_SHA256};
    let ca = Authority::new();
    let kinds = [&PKCS_RSA_SHA256, &PKCS_ECDSA_P256_SHA256];
    let issue = |title: &str| {
        kinds.map(|kind| {
            let (chain, key) = ca.issue(&["example.com"], kind, |_| ());
            let is_rsa = std::ptr::eq(kind, &PKCS_RSA_SHA256);
            let name = format!("{title}-{}", if is_rsa { "rsa" } else { "ecdsa" });
            ca.cert_of(&name, &["example.com"], &chain, &key)
        })
    };
    let mut terms = loaded(&config(&issue("first"), &[]), None);
    let certs = issue(if are_moved { "second" } else { "first" });
    std::fs::write(&certs[broken].privkey_path, "").unwrap();
    for again in [false, true] {
        let old = terms.certs.clone();
        let said;
        (terms, said) = reload(&certs, Some(&terms));
        let kept = KEPT.replace('0', &broken.to_string());
        assert_eq!((said.len(), said[1].as_str()), (2, kept.as_str()), "{said:?}");
        let is_old = |at: usize| terms.certs[at].pair.cert == old[at].pair.cert;
        assert_eq!((is_old(broken), is_old(1 - broken)), (true, again));
        for scheme in [RSA_PSS_SHA256, ECDSA_NISTP256_SHA256] {
            let client = verifying(&ca, &[scheme]);
            assert!(shake(&terms, 0, &client, "example.com").is_ok(), "{scheme:?}, {again}");
        }
    }
}

#[test]
fn of_two_kinds_for_the_same_names_a_broken_one_is_replaced_by_the_old_one_of_its_files() {
    assert_both_kinds_stay(0, false);
    assert_both_kinds_stay(1, false);
}

#[test]
fn two_broken_ones_for_the_same_names_are_each_replaced_by_the_old_one_of_their_files() {
    let ca = Authority::new();
    let (chain, key) = ca.issue(&["example.com"], &PKCS_RSA_SHA256, |_| ());
    let rsa = ca.cert_of("rsa", &["example.com"], &chain, &key);
    let mut certs = [rsa, ca.cert("ecdsa", &["example.com"])];
    let old = loaded(&config(&certs, &[]), None);
    ca.file("rsa.key", "");
    ca.file("ecdsa.key", "");
    certs.reverse();
    let (new, _) = reload(&certs, Some(&old));
    let chains = |terms: &Terms| [0, 1].map(|at| terms.certs[at].pair.cert.clone());
    let mut expected = chains(&old);
    expected.reverse();
    assert!(chains(&new) == expected, "they are in the order of their files");
}

#[test]
fn of_two_kinds_in_new_files_a_broken_one_is_replaced_by_the_kind_that_is_missing() {
    assert_both_kinds_stay(0, true);
    assert_both_kinds_stay(1, true);
}

#[test]
fn one_that_clients_refuse_takes_no_good_ones_place_but_serves_where_there_is_none() {
    let ca = Authority::new();
    let cert = ca.cert("one", &["example.com"]);
    let old = loaded(&config(&[cert], &[]), None);
    let expired = expire(&ca);
    let (new, said) = reload(std::slice::from_ref(&expired), Some(&old));
    assert!(said[0].contains("has expired on Fri, 01 Jan 2021"), "{said:?}");
    assert_eq!((said.len(), said[1].as_str()), (2, KEPT));
    assert_eq!(served(&new, "example.com"), served(&old, "example.com"));
    // The client's own words are better than a bare alert.
    let (alone, said) = reload(&[expired], None);
    assert_eq!(said.len(), 1, "{said:?}");
    let refused = shake(&alone, 0, &Arc::new(ca.client(None)), "example.com").err();
    let Some(Failed::Refused { client, .. }) = refused else { panic!("{refused:?}") };
    assert!(client.contains("Expired") || client.contains("expired"), "{client}");
    // Nor is one bad one kept in the place of another.
    let (newer, said) = reload(&[expire(&ca)], Some(&alone));
    assert_eq!(said.len(), 1, "{said:?}");
    assert_ne!(served(&newer, "example.com"), served(&alone, "example.com"));
}

#[test]
fn authorities_that_cannot_be_read_any_more_stay() {
    let ca = Authority::new();
    let config = config(&[ca.cert("one", &["example.com"])], &[(1, Some(ca.demand(true)))]);
    let old = loaded(&config, None);
    ca.file("clients.pem", "");
    let load = |old| sources().load(&config, &[Some(1)], old);
    let (new, issues) = load(Some(&old)).unwrap();
    let kept = "warning: port 1: the authorities that were loaded before go on being used | -";
    assert_eq!(in_words(&issues[1]), kept);
    let client = Arc::new(ca.client(Some(&ca.client_cert("Ann"))));
    assert!(shake(&new, 0, &client, "example.com").is_ok());
    let stranger = Arc::new(ca.client(None));
    assert!(shake(&new, 0, &stranger, "example.com").is_err());
    assert!(load(None).is_err());
}

#[test]
fn a_configuration_without_certificates_is_no_mistake_here() {
    assert_eq!(said(&config(&[], &[]), None), [""; 0]);
    assert!(!loaded(&config(&[], &[]), None).can_serve());
}

#[test]
fn without_certificates_no_keys_are_made_but_old_ones_are_kept_for_when_there_are_some_again() {
    let ca = Authority::new();
    let (none, some) = (config(&[], &[]), config(&[ca.cert("one", &["example.com"])], &[]));
    let bare = loaded(&none, None);
    assert!(bare.ticket_keys().is_none() && bare.demands.is_empty());
    let first = loaded(&some, Some(&bare));
    let second = loaded(&none, Some(&first));
    let third = loaded(&some, Some(&second));
    // Layout, number, name and secret; the rest is time.
    let keys = [first, second, third].map(|terms| terms.ticket_keys().unwrap().export());
    assert!(keys.iter().all(|same| same[..50] == keys[0][..50]));
}

#[test]
fn nobody_enters_where_it_is_not_known_what_is_demanded() {
    let ca = Authority::new();
    let cert = ca.cert("one", &["example.com"]);
    let client = Arc::new(ca.client(Some(&ca.client_cert("Ann"))));
    let entrances = [Some(1), Some(2), None];
    let listed = config(std::slice::from_ref(&cert), &[(1, Some(ca.demand(true)))]);
    let (terms, _) = sources().load(&listed, &entrances, None).unwrap();
    let enters = |terms, at| shake(terms, at, &client, "example.com").map(drop);
    let outcomes = [0, 1, 2, 3].map(|at| enters(&terms, at));
    assert_eq!(outcomes, [Ok(()), Err(Failed::NoName), Ok(()), Err(Failed::NoName)]);
    // Without a list every port is served, and demands nothing.
    let (terms, _) = sources().load(&config(&[cert], &[]), &entrances, None).unwrap();
    assert_eq!([0, 1, 2].map(|at| enters(&terms, at)), [Ok(()), Ok(()), Ok(())]);
}
