//! Certificates as an operator has them: keys of every kind and form, files that are broken, and new
//! ones that a reload takes up.

use ringsocket_tests::certificates::{Key, Wanted};

use super::*;

#[test]
fn keys_of_every_kind_in_every_form() {
    let authority = Authority::new("root");
    let mut certificates = Vec::new();
    let mut builder = builder();
    let mut entries = Vec::new();
    for kind in Key::ALL {
        for is_older in [false, true] {
            let name = format!("{}-{is_older}.test", format!("{kind:?}").to_lowercase());
            let mut certificate = authority.issue(&Wanted::server(&[&name]).key(kind));
            let shown = certificate.clone();
            if is_older {
                let Some(older) = certificate.older_key() else { continue };
                certificate.key = older;
            }
            builder = builder.certificate(&name, &certificate);
            entries.push(entry(&name, &[&name]));
            certificates.push((name, shown));
        }
    }
    let config = format!(r#"{{ "certs": [ {} ] }}"#, entries.join(", "));
    let daemon = builder.config(&config).start();
    for (name, certificate) in &certificates {
        for version in versions() {
            let connector = Offer::new(&authority).version(version).to(name);
            let mut client = match connector.web_socket(daemon.address(), "/echo") {
                Ok(client) => client,
                Err(error) => panic!("{name}, {version:?}: {error}; log:\n{}", daemon.log()),
            };
            assert!(client.tls().shows(certificate), "{name}");
            is_echoed(client, name);
        }
    }
    assert_eq!(certificates.len(), 7);
    daemon.stop_well();
}

#[test]
fn a_reload_takes_up_new_certificates_and_live_connections_stay() {
    for keys in ["", RUSTLS] {
        let mut house = House::start(keys);
        let mut live: Vec<Client> = versions()
            .map(|version| house.offer().version(version).to("localhost"))
            .map(|connector| house.web_socket(&connector, "/echo"))
            .into();
        for round in 0..3 {
            let old = house.certificate.clone();
            house.certificate = house.authority.server(&["localhost", "127.0.0.1"]);
            house.daemon.replace_certificate("site", &house.certificate);
            // Nothing changes before the reload, and everything at once with it.
            let shown = |certificate| {
                house.connector().connect(house.address()).unwrap().shows(certificate)
            };
            assert!(shown(&old), "round {round}");
            house.daemon.reload();
            assert!(shown(&house.certificate), "round {round}");
            for client in &mut live {
                client.text("still here").unwrap();
                client.expect_text("still here");
            }
        }
        live.into_iter().for_each(Client::close_cleanly);
        house.daemon.stop_well();
    }
}

#[test]
fn a_reload_with_one_broken_certificate_keeps_the_old_one_and_changes_the_others() {
    let authority = Authority::new("root");
    let [one, two] = ["one.test", "two.test"].map(|name| authority.server(&[name]));
    let config = format!(
        r#"{{ "certs": [ {}, {} ] }}"#,
        entry("one", &["one.test"]),
        entry("two", &["two.test"])
    );
    let builder = builder().certificate("one", &one).certificate("two", &two);
    let daemon = builder.config(&config).start();
    let new = authority.server(&["two.test"]);
    daemon.replace_certificate("two", &new);
    // A chain without its key.
    let alien = Certificate { key: new.key.clone(), ..authority.server(&["one.test"]) };
    daemon.replace_certificate("one", &alien);
    let said = daemon.reload_badly();
    assert!(said.contains("certs[0] (one.test)") && !said.contains("two.test"), "{said}");
    let offer = Offer::new(&authority);
    for (name, certificate) in [("one.test", &one), ("two.test", &new)] {
        let stream = offer.to(name).connect(daemon.address()).unwrap();
        assert!(stream.shows(certificate), "{name}; log:\n{}", daemon.log());
    }
    daemon.stop_well();
}
