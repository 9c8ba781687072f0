//! Which certificate and which app a client gets by the name that it asks for, and what becomes of it
//! when nobody here has that name.

use ringsocket_tests::handshake::Request;
use ringsocket_tests::tls;
use rustls::AlertDescription;

use super::*;

/// A daemon with a certificate for one.test (the first, so that of clients without SNI), one for
/// two.test and *.two.test.
struct Town {
    authority: Authority,
    one: Certificate,
    two: Certificate,
    daemon: Daemon,
}

impl Town {
    fn start() -> Self {
        let authority = Authority::new("root");
        let one = authority.server(&["one.test", "127.0.0.1"]);
        let two = authority.intermediate("between").server(&["two.test", "*.two.test"]);
        let config = format!(
            r#"{{ "certs": [ {}, {} ] }}"#,
            entry("one", &["one.test"]),
            entry("two", &["two.test", "*.two.test"])
        );
        let builder = builder().certificate("one", &one).certificate("two", &two);
        let daemon = builder.config(&config).start();
        Self { authority, one, two, daemon }
    }

    /// What the server shows a client of that name, which is served.
    #[track_caller]
    fn shows(&self, offer: &Offer, name: &str) -> &Certificate {
        let mut client = offer.to(name).web_socket(self.daemon.address(), "/echo").unwrap();
        let is_one = client.tls().shows(&self.one);
        assert!(is_one || client.tls().shows(&self.two));
        is_echoed(client, name);
        if is_one { &self.one } else { &self.two }
    }
}

#[test]
fn the_name_chooses_the_certificate() {
    let town = Town::start();
    for version in versions() {
        let offer = Offer::new(&town.authority).version(version);
        for (name, want) in [
            ("one.test", &town.one),
            ("two.test", &town.two),
            ("a.two.test", &town.two),
            ("xn--n3h.two.test", &town.two),
            // Names are the same in any case (RFC 4343).
            ("One.TEST", &town.one),
            ("A.Two.Test", &town.two),
        ] {
            assert_eq!(town.shows(&offer, name).serial, want.serial, "{name}");
        }
        // Neither an address nor silence names anybody.
        assert_eq!(town.shows(&offer, "127.0.0.1").serial, town.one.serial);
        assert_eq!(town.shows(&offer.without_sni(), "one.test").serial, town.one.serial);
    }
    town.daemon.stop_well();
}

#[test]
fn a_name_that_nobody_has_is_an_unrecognized_name() {
    let town = Town::start();
    for version in versions() {
        let offer = Offer::new(&town.authority).version(version);
        // A wildcard is for one label, and not for none (RFC 9525 section 6.3).
        for name in ["three.test", "a.b.two.test", "a.one.test", "test", "two.test.one"] {
            let error = offer.to(name).connect(town.daemon.address()).unwrap_err();
            assert_eq!(tls::alert(&error), Some(AlertDescription::UnrecognisedName), "{name}");
        }
    }
    assert_eq!(town.shows(&Offer::new(&town.authority), "two.test").serial, town.two.serial);
    town.daemon.stop_well();
}

#[test]
fn host_and_sni_must_agree() {
    let town = Town::start();
    let port = town.daemon.address().port();
    let offer = Offer::new(&town.authority);
    let ask = |name: &str, host: &str, target: &str, wants: u16| {
        for request in [Request::get(host, target), Request::upgrade(host, target)] {
            let stream = offer.to(name).connect(town.daemon.address()).unwrap();
            let response = Client::of(stream).answer(&request.to_bytes(), true).unwrap();
            assert_eq!(response.status, wants, "{host} after {name}");
        }
    };
    for (name, host) in [
        ("one.test", "two.test".to_owned()),
        ("two.test", format!("one.test:{port}")),
        // Both have the same certificate, but only one was asked for.
        ("a.two.test", "b.two.test".to_owned()),
        ("one.test", format!("127.0.0.1:{port}")),
    ] {
        ask(name, &host, "/echo", 421);
        ask(name, &host, "/healthz", 421);
    }
    for host in ["ONE.test".to_owned(), format!("one.test:{port}"), "one.test".to_owned()] {
        let request = Request::upgrade(&host, "/echo");
        let client = offer.to("one.test").open(town.daemon.address(), &request).unwrap();
        is_echoed(client, &host);
    }
    // Whoever has named nobody may ask for anybody.
    let silent = offer.clone().without_sni().to("one.test");
    let request = Request::upgrade("two.test", "/echo");
    is_echoed(silent.open(town.daemon.address(), &request).unwrap(), "two.test");
    town.daemon.stop_well();
}

#[test]
fn one_path_leads_to_another_app_by_the_host() {
    let authority = Authority::new("root");
    let certificate = authority.server(&["one.test", "two.test"]);
    let config = format!(
        r#"{{ "certs": [ {} ], "apps": [
            {{ "name": "echo", "app_path": "{{apps}}/echo.so", "endpoints":
                [ {{ "endpoint_id": 1, "url": "wss://one.test:{{port}}/app" }} ] }},
            {{ "name": "faulty", "app_path": "{{apps}}/faulty.so", "endpoints":
                [ {{ "endpoint_id": 1, "url": "wss://two.test:{{port}}/app" }} ] }} ] }}"#,
        entry("site", &["one.test", "two.test"])
    );
    let daemon = builder().certificate("site", &certificate).config(&config).start();
    let offer = Offer::new(&authority);
    // What is a command to `faulty` is a text to `echo`.
    for (name, answer) in [("one.test", "slow 0"), ("two.test", "slept")] {
        let mut client = offer.to(name).web_socket(daemon.address(), "/app").unwrap();
        client.text("slow 0").unwrap();
        client.expect_text(answer);
        client.close_cleanly();
    }
    // An endpoint of wss:// is not served in the clear.
    let host = format!("one.test:{}", daemon.addresses()[1].port());
    let request = Request::upgrade(&host, "/app");
    assert_eq!(Client::refused(daemon.addresses()[1], &request).unwrap().status, 404);
    daemon.stop_well();
}

#[test]
fn http_1_1_is_agreed_on_by_alpn_and_nothing_else() {
    let house = House::start("");
    for version in versions() {
        let offer = house.offer().version(version);
        for (protocols, agreed) in [
            (&[][..], None),
            (&["http/1.1"], Some(&b"http/1.1"[..])),
            (&["h2", "http/1.1"], Some(b"http/1.1")),
        ] {
            let connector = offer.clone().protocols(protocols).to("localhost");
            let mut client = house.web_socket(&connector, "/echo");
            assert_eq!(client.tls().tls().alpn_protocol(), agreed);
            is_echoed(client, "agreed");
        }
        for protocols in [&["h2"][..], &["h2", "http/1.0"]] {
            let connector = offer.clone().protocols(protocols).to("localhost");
            let error = connector.connect(house.address()).unwrap_err();
            let want = Some(AlertDescription::NoApplicationProtocol);
            assert_eq!(tls::alert(&error), want, "{protocols:?}: {error}");
        }
    }
    house.daemon.stop_well();
}
