//! Authorities and certificates that are made on the spot, in files, and configurations that name them.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{
    CertificateParams, CertifiedIssuer, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256,
    SignatureAlgorithm, date_time_ymd,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

use crate::config::tests::Folder;
use crate::config::{Cert, ClientCerts, Config, Issue, Port, Surroundings, parse};
use crate::systemd::credentials::Credentials;
use crate::tls::testing::authority;
use crate::tls::{Terms, load, provider};

/// The time in these tests, in seconds since 1970: noon of the last day of June 2026.
pub(super) const NOW: i64 = 1_782_820_800;

/// An authority, and a folder for what it issues.
pub(super) struct Authority {
    pub(super) issuer: CertifiedIssuer<'static, KeyPair>,
    pub(super) dir: Folder,
}

impl Authority {
    pub(super) fn new() -> Self {
        Self { issuer: authority(), dir: Folder::new("tls") }
    }

    pub(super) fn pem(&self) -> String {
        self.issuer.pem()
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file that only its owner can read.
    pub(super) fn file(&self, name: &str, text: &str) {
        self.dir.file(name, text.as_bytes());
        set_permissions(self.path(name), Permissions::from_mode(0o600)).unwrap();
    }

    /// Chain and key, PEM, of a certificate that is good in 2026; `edit` may change that.
    pub(super) fn issue(
        &self,
        names: &[&str],
        key: &'static SignatureAlgorithm,
        edit: impl FnOnce(&mut CertificateParams),
    ) -> (String, String) {
        let names = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let mut params = CertificateParams::new(names).unwrap();
        (params.not_before, params.not_after) =
            (date_time_ymd(2026, 1, 1), date_time_ymd(2027, 1, 1));
        edit(&mut params);
        let key = KeyPair::generate_for(key).unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        (cert.pem() + &self.pem(), key.serialize_pem())
    }

    /// Writes a good certificate as `NAME.pem` and `NAME.key`, and returns how it is configured.
    pub(super) fn cert(&self, name: &str, hostnames: &[&str]) -> Cert {
        let (chain, key) = self.issue(hostnames, &PKCS_ECDSA_P256_SHA256, |_| ());
        self.cert_of(name, hostnames, &chain, &key)
    }

    /// The same of given texts.
    pub(super) fn cert_of(&self, name: &str, hostnames: &[&str], chain: &str, key: &str) -> Cert {
        let (chain_file, key_file) = (format!("{name}.pem"), format!("{name}.key"));
        self.file(&chain_file, chain);
        self.file(&key_file, key);
        Cert {
            hostnames: hostnames.iter().map(|name| (*name).to_owned()).collect(),
            privkey_path: self.path(&key_file),
            pubchain_path: self.path(&chain_file),
        }
    }

    /// What is demanded of clients, with certificates of this authority.
    pub(super) fn demand(&self, are_required: bool) -> ClientCerts {
        self.file("clients.pem", &self.pem());
        ClientCerts { are_required, ca_path: self.path("clients.pem") }
    }

    /// Chain and key of a certificate for a client; for many years, as servers have the real clock.
    pub(super) fn client_cert(&self, subject: &str) -> (String, String) {
        self.issue(&[], &PKCS_ECDSA_P256_SHA256, |params| {
            params.distinguished_name = DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, subject);
            (params.not_before, params.not_after) =
                (date_time_ymd(2020, 1, 1), date_time_ymd(2040, 1, 1));
        })
    }

    /// A client that believes this authority, asks for `http/1.1`, and may show a certificate.
    pub(super) fn client(&self, shown: Option<&(String, String)>) -> ClientConfig {
        self.client_of(&[&TLS13, &TLS12], shown)
    }

    /// The same with these versions.
    pub(super) fn client_of(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        shown: Option<&(String, String)>,
    ) -> ClientConfig {
        self.client_with(provider(), versions, shown)
    }

    /// The same with this cryptography.
    pub(super) fn client_with(
        &self,
        provider: CryptoProvider,
        versions: &[&'static SupportedProtocolVersion],
        shown: Option<&(String, String)>,
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut client = match shown {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let chain = CertificateDer::pem_slice_iter(chain.as_bytes());
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain.map(Result::unwrap).collect(), key).unwrap()
            }
        };
        client.alpn_protocols = vec![b"http/1.1".to_vec()];
        client.time_provider = Arc::new(Clock);
        client
    }
}

#[derive(Debug)]
struct Clock;

impl rustls::time_provider::TimeProvider for Clock {
    fn current_time(&self) -> Option<rustls::pki_types::UnixTime> {
        let since_1970 = std::time::Duration::from_secs(NOW.unsigned_abs());
        Some(rustls::pki_types::UnixTime::since_unix_epoch(since_1970))
    }
}

/// A configuration with these certificates, and ports with these demands on clients.
pub(super) fn config(certs: &[Cert], ports: &[(u16, Option<ClientCerts>)]) -> Config {
    let around = Surroundings {
        cores: 1,
        nofile: None,
        apps_dir: std::env::temp_dir(),
        fixed: None,
        heir_c: 0,
    };
    let text = r#"{ "apps": [{ "name": "a", "app_path": "/a.so" }] }"#;
    let mut config = parse("test", text, &around).unwrap().config;
    config.certs = certs.to_vec();
    let port = |(port_number, client_certs): &(u16, Option<ClientCerts>)| Port {
        port_number: *port_number,
        is_unencrypted: false,
        proxy_protocol: false,
        client_certs: client_certs.clone(),
        www_root: None,
        listen: Default::default(),
    };
    config.ports = ports.iter().map(port).collect();
    config
}

/// At noon of that day, without credentials.
pub(super) fn sources() -> load::Sources {
    let (credentials, provider) = (Credentials::default(), Arc::new(provider()));
    load::Sources { credentials, provider, now: NOW, are_partial: false }
}

/// Loads what nothing is to be said about. The entrances are the ports in their order, and a unix
/// socket.
pub(super) fn loaded(config: &Config, old: Option<&Terms>) -> Terms {
    let ports = config.ports.iter().map(|port| Some(port.port_number));
    let entrances: Vec<_> = ports.chain([None]).collect();
    let (terms, issues) = sources().load(config, &entrances, old).unwrap();
    assert_eq!(issues, []);
    terms
}

/// What is said about a configuration.
pub(super) fn said(config: &Config, old: Option<&Terms>) -> Vec<String> {
    match sources().load(config, &[], old) {
        Ok((_, issues)) | Err(issues) => issues.iter().map(in_words).collect(),
    }
}

pub(super) fn in_words(issue: &Issue) -> String {
    let severity = format!("{:?}", issue.severity).to_lowercase();
    let instead = issue.instead.as_deref().unwrap_or("-");
    format!("{severity}: {} | {instead}", issue.what)
}
