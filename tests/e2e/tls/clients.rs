//! Certificates of clients: none, optional or required, by port.

use std::io::Read;
use std::time::{Duration, Instant};

use ringsocket_tests::certificates::Wanted;
use ringsocket_tests::tls;
use rustls::AlertDescription;

use super::*;

/// A daemon with three TLS ports, which want no certificate, take one, and demand one.
struct Gates {
    authority: Authority,
    members: Authority,
    daemon: Daemon,
}

impl Gates {
    fn start() -> Self {
        let authority = Authority::new("root");
        let members = Authority::new("members");
        let port = |number: &str, kind: &str| {
            format!(
                r#"{{ "port_number": {{{number}}}, "is_unencrypted": false,
                      "client_certs": "{kind}", "client_ca_path": "{{dir}}/members.pem" }}"#
            )
        };
        let config = format!(
            r#"{{ "log_level": "debug", "certs": [ {} ], "ports": [
                {{ "port_number": {{port}}, "is_unencrypted": false }}, {}, {} ] }}"#,
            entry("site", &["localhost"]),
            port("port1", "optional"),
            port("port2", "required"),
        );
        let builder = Builder::new().app("echo").reloadable().secure_sockets(3);
        let builder = builder.certificate("site", &authority.server(&["localhost"]));
        let daemon = builder.file("members.pem", members.pem()).config(&config).start();
        Self { authority, members, daemon }
    }

    fn offer(&self) -> Offer {
        Offer::new(&self.authority)
    }

    /// A connector whose client has a certificate of this name, if any.
    fn client(&self, name: Option<&str>) -> Offer {
        match name {
            None => self.offer(),
            Some(name) => self.offer().identity(&self.members.client(name)),
        }
    }

    #[track_caller]
    fn lets_in(&self, offer: &Offer, port: usize) {
        let connector = offer.to("localhost");
        let client = connector.web_socket(self.daemon.addresses()[port], "/echo").unwrap();
        is_echoed(client, "let in");
    }

    /// Which alert a client gets. In TLS 1.3 that is after its own end of the handshake.
    #[track_caller]
    fn turns_away(&self, connector: &Connector, port: usize) -> Option<AlertDescription> {
        let address = self.daemon.addresses()[port];
        let result = connector.connect(address).and_then(|mut stream| stream.read(&mut [0]));
        tls::alert(&result.expect_err("an alert"))
    }
}

#[test]
fn a_certificate_is_taken_or_demanded_as_the_port_says() {
    let gates = Gates::start();
    for version in versions() {
        let client = |name| gates.client(name).version(version);
        for port in 0..2 {
            gates.lets_in(&client(None), port);
        }
        for port in 0..3 {
            gates.lets_in(&client(Some("anna")), port);
        }
        let nobody = client(None).to("localhost");
        // RFC 8446 section 6.2; TLS 1.2 has no better word than handshake_failure.
        let alert = gates.turns_away(&nobody, 2);
        let is_known = [AlertDescription::CertificateRequired, AlertDescription::HandshakeFailure];
        assert!(alert.is_some_and(|alert| is_known.contains(&alert)), "{alert:?}");
    }
    gates.daemon.stop_well();
}

#[test]
fn a_certificate_of_strangers_or_of_yesterday_is_refused() {
    let gates = Gates::start();
    let strangers = Authority::new("strangers");
    // Of the same name as the authority that is trusted, but with another key.
    let impostors = Authority::new("members");
    for version in versions() {
        for certificate in [
            strangers.client("anna"),
            impostors.client("anna"),
            gates.members.issue(&Wanted::client("anna").expired()),
            gates.members.issue(&Wanted::client("anna").not_yet_valid()),
            // A server's is no client's.
            gates.members.server(&["anna"]),
        ] {
            for port in [1, 2] {
                let offer = gates.offer().version(version).identity(&certificate);
                let alert = gates.turns_away(&offer.to("localhost"), port);
                assert!(alert.is_some(), "{version:?}: no alert at port {port}");
            }
        }
    }
    gates.daemon.wait_log_line(&["TLS handshake has failed", "invalid peer certificate"]);
    gates.daemon.stop_well();
}

#[test]
fn a_ticket_of_one_port_opens_no_other() {
    let gates = Gates::start();
    for version in versions() {
        for port in [0, 1] {
            let connector = gates.offer().version(version).to("localhost");
            let visit = |address| {
                let mut client = connector.web_socket(address, "/echo").unwrap();
                let is_resumed = client.tls().is_resumed();
                is_echoed(client, "a visit");
                is_resumed
            };
            assert!(!visit(gates.daemon.addresses()[port]));
            assert!(visit(gates.daemon.addresses()[port]));
            // The client shows its ticket here, and has no certificate.
            assert!(gates.turns_away(&connector, 2).is_some());
        }
        // Who has shown one need not show it again.
        let connector = gates.client(Some("anna")).version(version).to("localhost");
        for is_resumed in [false, true, true] {
            let address = gates.daemon.addresses()[2];
            let mut client = connector.web_socket(address, "/echo").unwrap();
            assert_eq!(client.tls().is_resumed(), is_resumed);
            is_echoed(client, "a member");
        }
    }
    gates.daemon.stop_well();
}

#[test]
fn who_comes_again_is_let_in_until_its_certificate_expires() {
    const TIME: Duration = Duration::from_secs(6);
    let gates = Gates::start();
    for version in versions() {
        let began = Instant::now();
        let wanted = Wanted::client("anna").expiring_in(TIME);
        let offer = gates.offer().version(version).identity(&gates.members.issue(&wanted));
        let connector = offer.to("localhost");
        let mut resumed = 0;
        while let Ok(mut client) = connector.web_socket(gates.daemon.addresses()[2], "/echo") {
            resumed += usize::from(client.tls().is_resumed());
            is_echoed(client, "still here");
            assert!(began.elapsed() < 3 * TIME, "{version:?}: let in for ever");
            std::thread::sleep(Duration::from_millis(100)); // there is nothing to wait for but time
        }
        assert!(resumed > 0 && began.elapsed() + Duration::from_secs(1) > TIME, "{version:?}");
        gates.daemon.wait_log_line(&["the certificate of a session that is resumed has expired"]);
    }
    gates.daemon.stop_well();
}
