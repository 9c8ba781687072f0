//! TLS, end to end: the client's end is rustls, certificates are made anew for each test. What other
//! programs make of it is tested in `tests/clients`; records by themselves in `src/tls`.

mod beside;
mod certificates;
mod clients;
mod echo;
mod ends;
mod floods;
mod http;
mod keys;
mod names;
mod proxies;
mod readers;
mod resumption;
mod wardens;

use std::net::SocketAddr;

use ringsocket_tests::certificates::{Authority, Certificate};
use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::{Builder, Daemon};
use ringsocket_tests::frame::{Frame, opcode};
use ringsocket_tests::prng::Prng;
use ringsocket_tests::tls::{Connector, Offer, TLS12, TLS13};
use rustls::SupportedProtocolVersion;

/// The setting by which rustls keeps the records.
const RUSTLS: &str = r#""record_layer": "rustls","#;

/// A daemon on a TLS port (the first) and a plain one, both with the apps `echo`, `faulty` and
/// `witness`, and whom its clients trust.
struct House {
    authority: Authority,
    certificate: Certificate,
    daemon: Daemon,
}

impl House {
    /// With the certificate of localhost and these keys in the configuration, each with a comma after
    /// it.
    fn start(keys: &str) -> Self {
        let authority = Authority::new("root");
        let certificate = authority.server(&["localhost", "127.0.0.1"]);
        let config = format!(
            r#"{{ {keys} "log_level": "debug", "certs": [ {} ] }}"#,
            entry("site", &["localhost", "127.0.0.1"])
        );
        let daemon = builder().certificate("site", &certificate).config(&config).start();
        Self { authority, certificate, daemon }
    }

    fn offer(&self) -> Offer {
        Offer::new(&self.authority)
    }

    fn connector(&self) -> Connector {
        self.offer().to("localhost")
    }

    /// The TLS port.
    fn address(&self) -> SocketAddr {
        self.daemon.address()
    }

    /// A WebSocket client at the TLS port.
    #[track_caller]
    fn connect(&self, target: &str) -> Client {
        self.web_socket(&self.connector(), target)
    }

    #[track_caller]
    fn web_socket(&self, connector: &Connector, target: &str) -> Client {
        match connector.web_socket(self.address(), target) {
            Ok(client) => client,
            Err(error) => panic!("no WebSocket at {target}: {error}; log:\n{}", self.daemon.log()),
        }
    }

    /// A WebSocket client at the plain port.
    #[track_caller]
    fn connect_plain(&self) -> Client {
        Client::connect(self.daemon.addresses()[1], "/echo").expect("a plain client")
    }

    /// A client comes, is served, and goes.
    #[track_caller]
    fn serves(&self) {
        is_echoed(self.connect("/echo"), "served");
    }
}

/// A TLS socket, a plain one, and the apps.
fn builder() -> Builder {
    let plain = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let builder = Builder::new().secure_sockets(1).socket("ws", plain).reloadable();
    ["echo", "faulty", "witness"].into_iter().fold(builder, Builder::app)
}

/// An entry of `certs` for a certificate that lies in the test's folder under a name.
fn entry(name: &str, hostnames: &[&str]) -> String {
    let hostnames = hostnames.iter().map(|host| format!("\"{host}\"")).collect::<Vec<_>>();
    format!(
        r#"{{ "hostnames": [{}], "privkey_path": "{{dir}}/certs/{name}.key",
              "pubchain_path": "{{dir}}/certs/{name}.pem" }}"#,
        hostnames.join(", ")
    )
}

/// Both versions.
fn versions() -> [&'static SupportedProtocolVersion; 2] {
    [&TLS12, &TLS13]
}

#[track_caller]
fn is_echoed(mut client: Client, text: &str) {
    client.text(text).unwrap();
    client.expect_text(text);
    client.close_cleanly();
}

fn random(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    Prng::new(len as u64).fill(&mut bytes);
    bytes
}

/// Frames of messages that come back, with pings between their fragments, as one run of bytes.
fn mixed_frames() -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut bytes = Vec::new();
    let messages: Vec<Vec<u8>> = [0, 1, 125, 3000, 126, 20_000, 7, 40_000, 1].map(random).into();
    for message in &messages {
        let half = message.len() / 2;
        let first = Frame::new(opcode::BINARY, &message[..half]).unfinished();
        first.write(&mut bytes);
        Frame::new(opcode::PING, b"between").write(&mut bytes);
        Frame::new(opcode::CONTINUATION, &message[half..]).write(&mut bytes);
    }
    (bytes, messages)
}
