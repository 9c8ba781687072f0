//! What apps, in each language, are told of a connection and of the certificate that its client has
//! shown, and whom they let in by it.

use ringsocket_tests::certificates::Wanted;
use ringsocket_tests::handshake::Request;

use super::*;

/// A daemon with the app `warden` on a TLS port that takes certificates of members.
struct Gate {
    authority: Authority,
    members: Authority,
    daemon: Daemon,
}

impl Gate {
    fn start(language: &str, keys: &str) -> Self {
        let builder = match language {
            "Rust" => Builder::new().app("warden"),
            "C" => Builder::new().c_app("tests/apps/warden.c", &[], "warden"),
            _ => Builder::new().cpp_app("tests/apps/cpp-warden.cpp", &[], "warden"),
        };
        let [authority, members] = ["root", "members"].map(Authority::new);
        let config = format!(
            r#"{{ {keys} "certs": [ {} ], "ports": [ {{ "port_number": {{port}},
                "client_certs": "optional", "client_ca_path": "{{dir}}/members.pem" }} ] }}"#,
            entry("site", &["localhost"])
        );
        let builder = builder.secure_sockets(1).config(&config);
        let builder = builder.certificate("site", &authority.server(&["localhost"]));
        let daemon = builder.file("members.pem", members.pem()).start();
        Self { authority, members, daemon }
    }

    /// A client with a certificate of these names, if any.
    fn offer(&self, names: Option<(&str, &[&str])>) -> Offer {
        let offer = Offer::new(&self.authority);
        let Some((subject, names)) = names else { return offer };
        let mut wanted = Wanted::client(subject);
        wanted.names = names.iter().map(|name| (*name).to_owned()).collect();
        offer.identity(&self.members.issue(&wanted))
    }

    /// Status and body for who asks to be let in by this target.
    #[track_caller]
    fn refuses(&self, connector: &Connector, target: &str) -> (u16, String) {
        let stream = connector.connect(self.daemon.address()).unwrap();
        let request = Request::upgrade("localhost", target);
        let response = Client::of(stream).answer(&request.to_bytes(), true).unwrap();
        (response.status, response.text())
    }
}

const NAMES: [&str; 4] = ["a.test", "192.0.2.1", "email:anna@a.test", "URI:spiffe://a.test/anna"];

#[test]
fn apps_are_told_of_the_connection_and_the_certificate() {
    for (language, keys) in [("Rust", ""), ("Rust", RUSTLS), ("C", ""), ("C++", "")] {
        let gate = Gate::start(language, keys);
        for version in versions() {
            let is_new = version.version == TLS13.version;
            let words =
                |rest: &str| format!("{}, {rest}", if is_new { "TLSv1.3" } else { "TLSv1.2" });
            let anna =
                "CN=anna, DNS:a.test IP:192.0.2.1 email:anna@a.test URI:spiffe://a.test/anna";
            let member = gate.offer(Some(("anna", &NAMES))).version(version);
            let nameless = gate.offer(Some(("ben", &[]))).version(version);
            let nobody = gate.offer(None).version(version);
            for (connector, told) in [
                (member.to("localhost"), words(&format!("localhost, {anna}"))),
                (member.clone().without_sni().to("localhost"), words(&format!("-, {anna}"))),
                (nameless.to("localhost"), words("localhost, CN=ben, ")),
                (nobody.to("localhost"), words("localhost, no certificate")),
            ] {
                // The second time the session is resumed, and the certificate not shown again.
                for is_resumed in [false, true] {
                    let address = gate.daemon.address();
                    let mut client = connector.web_socket(address, "/warden").unwrap();
                    client.expect_text(&told);
                    assert_eq!(client.tls().is_resumed(), is_resumed, "{told}");
                    client.close_cleanly();
                }
                // Only a member has this name, with its kind.
                let target = "/warden?email:anna@a.test";
                if told.contains("anna") {
                    let address = gate.daemon.address();
                    connector.web_socket(address, target).unwrap().expect_text(&told);
                } else {
                    assert_eq!(gate.refuses(&connector, target), (403, told.clone()));
                }
                for target in ["/warden?anna@a.test", "/warden?DNS:anna@a.test", "/warden?CN=anna"]
                {
                    assert_eq!(gate.refuses(&connector, target), (403, told.clone()));
                }
            }
        }
        gate.daemon.stop_well();
    }
}

#[test]
fn names_that_fit_no_record_lead_to_no_app() {
    let gate = Gate::start("Rust", "");
    let names: Vec<String> = (0..120).map(|at| format!("{}{at:03}.test", "x".repeat(60))).collect();
    let [few, many] = [60, 120].map(|count| {
        let names: Vec<&str> = names[..count].iter().map(String::as_str).collect();
        gate.offer(Some(("anna", &names))).to("localhost")
    });
    let mut client = few.web_socket(gate.daemon.address(), "/warden").unwrap();
    assert_eq!(client.receive_text().split(' ').count(), 3 + 60);
    let (status, why) = gate.refuses(&many, "/warden");
    assert!(status == 400 && why.contains("than an app can be told"), "{status} {why}");
    gate.daemon.stop_well();
}

#[test]
fn an_endpoint_that_no_socket_leads_to_is_named_at_the_start() {
    let authority = Authority::new("root");
    let config = format!(
        r#"{{ "certs": [ {} ], "apps": [ {{ "name": "echo", "app_path": "{{apps}}/echo.so",
            "endpoints": [ {{ "endpoint_id": 1, "url": "ws://localhost/echo" }} ] }} ] }}"#,
        entry("site", &["localhost"])
    );
    let builder = Builder::new().app("echo").secure_sockets(1).config(&config);
    let daemon = builder.certificate("site", &authority.server(&["localhost"])).start();
    daemon.wait_log("nobody can get to ws://localhost:80/echo: there is no unencrypted socket");
    daemon.stop_well();
}
