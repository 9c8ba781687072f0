//! Handshakes in memory, by rustls on both sides; then one side's secrets are taken out of it, and
//! the other side stays as it is.

use std::sync::{Arc, Mutex, OnceLock};

use ringsocket_tls::{Direction, Keys, Limits, Records, Secret, Suite, Version};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{
    ClientConfig, ClientConnection, Connection, ConnectionTrafficSecrets, ExtractedSecrets, KeyLog,
    RootCertStore, ServerConfig, ServerConnection,
};

/// Cipher suites by number: TLS 1.3, then TLS 1.2 with the ECDSA certificate of the tests.
pub(crate) const SUITES: [u16; 6] = [0x1301, 0x1302, 0x1303, 0xc02b, 0xc02c, 0xcca9];

/// Whose records are ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Server,
    Client,
}

impl Role {
    pub(crate) const BOTH: [Self; 2] = [Self::Server, Self::Client];
}

/// After a handshake.
pub(crate) struct Connected {
    suite: Suite,
    role: Role,
    secrets: ExtractedSecrets,
    log: Arc<Log>,
    /// The side that stays with rustls.
    pub(crate) peer: Connection,
}

impl Connected {
    pub(crate) fn limits(&self) -> Limits {
        Limits::new(self.suite)
    }

    pub(crate) fn records(&self) -> Records {
        self.records_with(self.limits())
    }

    pub(crate) fn records_with(&self, limits: Limits) -> Records {
        let labels = match self.role {
            Role::Server => ["CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"],
            Role::Client => ["SERVER_TRAFFIC_SECRET_0", "CLIENT_TRAFFIC_SECRET_0"],
        };
        let [read, write] = labels;
        let read = self.direction(&self.secrets.rx, read);
        let write = self.direction(&self.secrets.tx, write);
        Records::with_limits(self.suite, read, write, limits).unwrap()
    }

    fn direction(&self, secrets: &(u64, ConnectionTrafficSecrets), label: &str) -> Direction {
        let (sequence, secrets) = secrets;
        let keys = match (self.suite.version, secrets) {
            (Version::Tls13, _) => Keys::Tls13 { traffic_secret: self.log.secret(label) },
            (
                Version::Tls12,
                ConnectionTrafficSecrets::Aes128Gcm { key, iv }
                | ConnectionTrafficSecrets::Aes256Gcm { key, iv }
                | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv },
            ) => Keys::Tls12 {
                key: Secret::new(key.as_ref()).unwrap(),
                iv: iv.as_ref().try_into().unwrap(),
            },
            _ => panic!("an unknown AEAD"),
        };
        Direction { keys, sequence: *sequence }
    }
}

/// Keeps the secrets of one handshake.
#[derive(Debug, Default)]
struct Log(Mutex<Vec<(String, Vec<u8>)>>);

impl Log {
    fn secret(&self, label: &str) -> Secret {
        let secrets = self.0.lock().unwrap();
        let (_, secret) = secrets.iter().find(|(other, _)| other == label).unwrap();
        Secret::new(secret).unwrap()
    }
}

impl KeyLog for Log {
    fn log(&self, label: &str, _: &[u8], secret: &[u8]) {
        self.0.lock().unwrap().push((label.to_owned(), secret.to_vec()));
    }
}

/// A certificate and its key.
fn identity() -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    static IDENTITY: OnceLock<(CertificateDer<'static>, Vec<u8>)> = OnceLock::new();
    let (certificate, key) = IDENTITY.get_or_init(|| {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (made.cert.der().clone(), made.signing_key.serialize_der())
    });
    (certificate.clone(), PrivatePkcs8KeyDer::from(key.clone()).into())
}

fn provider(number: u16) -> Arc<CryptoProvider> {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|suite| u16::from(suite.suite()) == number);
    assert_eq!(provider.cipher_suites.len(), 1);
    Arc::new(provider)
}

fn server(number: u16, role: Role, fragment: Option<usize>, log: &Arc<Log>) -> ServerConnection {
    let (certificate, key) = identity();
    let mut config = ServerConfig::builder_with_provider(provider(number))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.enable_secret_extraction = true;
    config.key_log = log.clone();
    config.max_fragment_size = fragment;
    // A ticket is for the library that makes the handshakes.
    config.send_tls13_tickets = if role == Role::Server { 2 } else { 0 };
    ServerConnection::new(Arc::new(config)).unwrap()
}

fn client(number: u16, fragment: Option<usize>, log: &Arc<Log>) -> ClientConnection {
    let mut roots = RootCertStore::empty();
    roots.add(identity().0).unwrap();
    let mut config = ClientConfig::builder_with_provider(provider(number))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.enable_secret_extraction = true;
    config.key_log = log.clone();
    config.max_fragment_size = fragment;
    ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap()
}

/// Makes a handshake. `fragment` is the largest record that the side of rustls will send.
pub(crate) fn connect(number: u16, role: Role, fragment: Option<usize>) -> Connected {
    let (server_log, client_log) = (Arc::default(), Arc::default());
    let mut server = server(number, role, fragment, &server_log);
    let mut client = client(number, fragment, &client_log);
    for _ in 0..4 {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        feed(&wire, |rest| server.read_tls(rest).map(drop));
        server.process_new_packets().unwrap();
        wire.clear();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        feed(&wire, |rest| client.read_tls(rest).map(drop));
        client.process_new_packets().unwrap();
    }
    assert!(!server.is_handshaking() && !client.is_handshaking());
    let suite = Suite::from_number(number).unwrap();
    let (secrets, peer, log) = match role {
        Role::Server => {
            (server.dangerous_extract_secrets().unwrap(), Connection::from(client), server_log)
        }
        Role::Client => {
            (client.dangerous_extract_secrets().unwrap(), Connection::from(server), client_log)
        }
    };
    Connected { suite, role, secrets, log, peer }
}

/// Reads all of a flight.
fn feed(mut rest: &[u8], mut read: impl FnMut(&mut &[u8]) -> std::io::Result<()>) {
    while !rest.is_empty() {
        read(&mut rest).unwrap();
    }
}
