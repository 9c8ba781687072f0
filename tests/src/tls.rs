//! The client's end of TLS, by rustls: blocking, with whatever a test wants offered (versions, names,
//! protocols, certificates), and strict about how a stream ends. A second opinion on the server's own
//! records as well: none of their code is used here.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    AlertDescription, CipherSuite, ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion,
    RootCertStore, SupportedProtocolVersion,
};

use crate::certificates::{Authority, Certificate};
use crate::client::{Client, PATIENCE};
use crate::handshake::Request;

pub use rustls::version::{TLS12, TLS13};

/// What a client offers, and whom it trusts.
#[derive(Clone, Debug)]
pub struct Offer {
    roots: RootCertStore,
    provider: CryptoProvider,
    versions: Vec<&'static SupportedProtocolVersion>,
    protocols: Vec<Vec<u8>>,
    identity: Option<Certificate>,
    has_sni: bool,
    resumes: bool,
}

impl Offer {
    /// All that rustls has, without ALPN, to servers that `authority` vouches for.
    pub fn new(authority: &Authority) -> Self {
        Self::with_roots(authority.roots())
    }

    /// The same to servers that the authorities in this PEM vouch for.
    pub fn trusting(pem: &str) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(io::Error::other)?;
            roots.add(certificate).map_err(io::Error::other)?;
        }
        Ok(Self::with_roots(roots))
    }

    fn with_roots(roots: RootCertStore) -> Self {
        Self {
            roots,
            provider: aws_lc_rs::default_provider(),
            versions: vec![&TLS13, &TLS12],
            protocols: Vec::new(),
            identity: None,
            has_sni: true,
            resumes: true,
        }
    }

    /// Only this version.
    pub fn version(self, version: &'static SupportedProtocolVersion) -> Self {
        Self { versions: vec![version], ..self }
    }

    /// Only this cipher suite, in the version that it belongs to.
    pub fn suite(mut self, suite: CipherSuite) -> Self {
        self.provider.cipher_suites.retain(|offered| offered.suite() == suite);
        self.versions.retain(|version| {
            self.provider.cipher_suites.iter().any(|offered| offered.version() == *version)
        });
        self
    }

    /// Only this group for the key exchange.
    pub fn group(mut self, group: &'static dyn SupportedKxGroup) -> Self {
        self.provider.kx_groups = vec![group];
        self
    }

    /// These protocols by ALPN (RFC 7301), the most wanted first.
    pub fn protocols(self, names: &[&str]) -> Self {
        Self { protocols: names.iter().map(|name| name.as_bytes().to_vec()).collect(), ..self }
    }

    /// A certificate of the client's own, should the server ask.
    pub fn identity(self, certificate: &Certificate) -> Self {
        Self { identity: Some(certificate.clone()), ..self }
    }

    /// Without telling the server which name is meant (RFC 6066 section 3).
    pub fn without_sni(self) -> Self {
        Self { has_sni: false, ..self }
    }

    /// With a full handshake each time.
    pub fn without_resumption(self) -> Self {
        Self { resumes: false, ..self }
    }

    /// Makes connections to the server of that name: a DNS name, or an IP address, which is not sent
    /// as SNI.
    pub fn to(&self, name: &str) -> Connector {
        let builder = ClientConfig::builder_with_provider(Arc::new(self.provider.clone()))
            .with_protocol_versions(&self.versions)
            .expect("a version that the cipher suites are for")
            .with_root_certificates(self.roots.clone());
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(own) => builder
                .with_client_auth_cert(own.certificates(), own.private_key())
                .expect("a key of ours"),
        };
        config.alpn_protocols = self.protocols.clone();
        config.enable_sni = self.has_sni;
        if !self.resumes {
            config.resumption = Resumption::disabled();
        }
        let name = ServerName::try_from(name.to_owned()).expect("a name or an address");
        Connector { config: Arc::new(config), name }
    }
}

/// Makes connections to one server. Those of one connector, and of its clones, resume each other's
/// sessions where the server lets them.
#[derive(Clone, Debug)]
pub struct Connector {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Connector {
    /// The same offer and sessions to a server of another name.
    pub fn to(&self, name: &str) -> Self {
        let name = ServerName::try_from(name.to_owned()).expect("a name or an address");
        Self { name, ..self.clone() }
    }

    /// Connects and shakes hands.
    pub fn connect(&self, address: SocketAddr) -> io::Result<Stream> {
        self.connect_with(address, b"")
    }

    /// The same with bytes that go in one write with the client's last flight.
    pub fn connect_with(&self, address: SocketAddr, early: &[u8]) -> io::Result<Stream> {
        let tcp = TcpStream::connect_timeout(&address, PATIENCE)?;
        tcp.set_nodelay(true)?;
        self.shake_hands(tcp, b"", early)
    }

    /// Shakes hands over a connection that is there already.
    pub fn over(&self, tcp: TcpStream) -> io::Result<Stream> {
        self.shake_hands(tcp, b"", b"")
    }

    /// The same with bytes that go in one write before the hello, as those of a proxy do.
    pub fn over_after(&self, tcp: TcpStream, header: &[u8]) -> io::Result<Stream> {
        self.shake_hands(tcp, header, b"")
    }

    fn shake_hands(&self, tcp: TcpStream, header: &[u8], early: &[u8]) -> io::Result<Stream> {
        tcp.set_write_timeout(Some(PATIENCE))?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        let mut stream = Stream { tls: self.begin(), tcp };
        let mut first = header.to_vec();
        stream.tls.write_tls(&mut first)?;
        stream.tcp.write_all(&first)?;
        stream.tls.writer().write_all(early)?;
        while stream.tls.is_handshaking() {
            stream.tls.complete_io(&mut stream.tcp)?;
        }
        stream.flush()?;
        Ok(stream)
    }

    /// The bytes of a ClientHello, in its record.
    pub fn hello(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.begin().write_tls(&mut bytes).expect("a Vec takes all");
        bytes
    }

    /// The client's end before its first byte, for those who bring their own loop.
    pub fn begin(&self) -> ClientConnection {
        let mut tls = ClientConnection::new(Arc::clone(&self.config), self.name.clone())
            .expect("a whole configuration");
        tls.set_buffer_limit(None);
        tls
    }

    /// A WebSocket client of the server at `address`, whose Host is the name and the port.
    pub fn web_socket(&self, address: SocketAddr, target: &str) -> io::Result<Client> {
        let host = format!("{}:{}", self.name.to_str(), address.port());
        self.open(address, &Request::upgrade(&host, target))
    }

    /// The same with a request of one's own.
    pub fn open(&self, address: SocketAddr, request: &Request) -> io::Result<Client> {
        Client::over(self.connect(address)?, request)
    }
}

/// One end of a TLS connection.
#[derive(Debug)]
pub struct Stream {
    tls: ClientConnection,
    tcp: TcpStream,
}

impl Stream {
    /// What rustls knows of the connection.
    pub fn tls(&self) -> &ClientConnection {
        &self.tls
    }

    /// The TCP connection underneath: what is written there is no record.
    pub fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// The version that was agreed on.
    pub fn version(&self) -> ProtocolVersion {
        self.tls.protocol_version().expect("agreed on in the handshake")
    }

    /// Whether the handshake resumed an earlier session.
    pub fn is_resumed(&self) -> bool {
        self.tls.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// Whether the server has shown this certificate.
    pub fn shows(&self, certificate: &Certificate) -> bool {
        let shown: Option<&[CertificateDer<'_>]> = self.tls.peer_certificates();
        shown == Some(&certificate.certificates()[..])
    }

    /// Sends a KeyUpdate that asks for one in return (RFC 8446 section 4.6.3).
    pub fn update_keys(&mut self) -> io::Result<()> {
        self.tls.refresh_traffic_keys().map_err(io::Error::other)?;
        self.flush()
    }

    /// Makes records of these bytes without sending them: they must be the next ones on `tcp`.
    pub fn seal(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        self.flush()?;
        self.tls.writer().write_all(bytes)?;
        let mut records = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut records)?;
        }
        Ok(records)
    }

    /// Says close_notify, after which nothing more may be sent (RFC 8446 section 6.1).
    pub fn say_close_notify(&mut self) -> io::Result<()> {
        self.tls.send_close_notify();
        self.flush()
    }

    /// The same, and ends this direction of TCP's stream.
    pub fn finish(&mut self) -> io::Result<()> {
        self.say_close_notify()?;
        self.tcp.shutdown(Shutdown::Write)
    }

    /// Gives up the stream for what it is made of.
    pub fn into_parts(self) -> (TcpStream, ClientConnection) {
        (self.tcp, self.tls)
    }

    /// What comes after the server's close_notify: nothing but the end of TCP's stream.
    fn expect_end(&mut self) -> io::Result<usize> {
        match self.tcp.read(&mut [0])? {
            0 => Ok(0),
            _ => Err(io::Error::new(ErrorKind::InvalidData, "bytes after close_notify")),
        }
    }
}

impl Read for Stream {
    /// 0 at an end in good order: close_notify, and then the end of TCP's stream. An end without
    /// close_notify is the error `UnexpectedEof`; for an alert see [`alert`].
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.tls.reader().read(into) {
                Ok(0) => return self.expect_end(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                other => return other,
            }
            self.tls.read_tls(&mut self.tcp)?;
            let result = self.tls.process_new_packets();
            // An answer to a KeyUpdate, or an alert. Whoever is gone has perhaps said something before.
            let _ = self.flush();
            result.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.tls.writer().write(bytes)?;
        self.flush()?;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.tcp)?;
        }
        Ok(())
    }
}

/// The alert that an error tells of, if the server has sent one.
pub fn alert(error: &io::Error) -> Option<AlertDescription> {
    match error.get_ref()?.downcast_ref()? {
        rustls::Error::AlertReceived(alert) => Some(*alert),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
