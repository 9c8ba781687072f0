//! A certificate authority of a test's own, and what it signs: certificates of servers and clients,
//! good ones and broken ones, with keys of every kind and form. Made anew in each run, so that none
//! expires in the repository. Not for production use: everything is trusted for two thousand years.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
    SignatureAlgorithm,
};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::folder::Folder;

/// A kind of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// ECDSA on P-256, the default.
    P256,
    /// ECDSA on P-384.
    P384,
    /// Ed25519.
    Ed25519,
    /// RSA of 2048 bits.
    Rsa,
}

impl Key {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::P256, Self::P384, Self::Ed25519, Self::Rsa];

    fn generate(self) -> KeyPair {
        let algorithm: &SignatureAlgorithm = match self {
            Self::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            Self::P384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            Self::Ed25519 => &rcgen::PKCS_ED25519,
            Self::Rsa => &rcgen::PKCS_RSA_SHA256,
        };
        KeyPair::generate_for(algorithm).expect("a key")
    }

    /// The title of its older form in PEM: PKCS#1 (RFC 8017) or SEC1 (RFC 5915).
    fn older_title(self) -> Option<&'static str> {
        match self {
            Self::P256 | Self::P384 => Some("EC PRIVATE KEY"),
            Self::Rsa => Some("RSA PRIVATE KEY"),
            Self::Ed25519 => None,
        }
    }
}

/// What a certificate shall say; `Wanted::server` and `Wanted::client` begin one.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Subject alternative names: an IP address, `email:...`, `URI:...`, or else a DNS name.
    pub names: Vec<String>,
    /// Attributes of the subject, in order.
    pub subject: Vec<(DnType, String)>,
    /// The kind of its key.
    pub key: Key,
    /// The first of January of the years from which and until which it is valid.
    pub years: (i32, i32),
    /// When it ends, if before that.
    pub end: Option<SystemTime>,
    purpose: ExtendedKeyUsagePurpose,
}

impl Wanted {
    /// For a server of these names.
    pub fn server(names: &[&str]) -> Self {
        Self {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            subject: vec![(DnType::CommonName, names.first().unwrap_or(&"nobody").to_string())],
            key: Key::P256,
            years: (2020, 4020),
            end: None,
            purpose: ExtendedKeyUsagePurpose::ServerAuth,
        }
    }

    /// For a client of this common name.
    pub fn client(name: &str) -> Self {
        Self {
            names: Vec::new(),
            subject: vec![(DnType::CommonName, name.to_owned())],
            purpose: ExtendedKeyUsagePurpose::ClientAuth,
            ..Self::server(&[])
        }
    }

    /// With a key of this kind.
    pub fn key(self, key: Key) -> Self {
        Self { key, ..self }
    }

    /// Valid in the past only.
    pub fn expired(self) -> Self {
        Self { years: (2019, 2020), ..self }
    }

    /// Valid for so long from now on, to the second.
    pub fn expiring_in(self, time: Duration) -> Self {
        Self { end: Some(SystemTime::now() + time), ..self }
    }

    /// Valid in the future only.
    pub fn not_yet_valid(self) -> Self {
        Self { years: (4000, 4020), ..self }
    }
}

/// Who signs.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    /// Certificates between a leaf and the root, in PEM: none, or this intermediate authority's.
    between: String,
}

/// A certificate, its chain and its key.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The leaf and what lies between it and the root, in PEM.
    pub chain: String,
    /// The private key: PKCS#8 in PEM (RFC 5958).
    pub key: String,
    /// Of which kind that is.
    pub kind: Key,
    /// The leaf's serial number, which no two have in common.
    pub serial: u64,
}

impl Authority {
    /// A root of this name.
    pub fn new(name: &str) -> Self {
        let params = authority_params(name);
        let issuer = CertifiedIssuer::self_signed(params, Key::P256.generate()).expect("a root");
        Self { issuer, between: String::new() }
    }

    /// An authority that this one vouches for.
    pub fn intermediate(&self, name: &str) -> Self {
        let params = authority_params(name);
        let issuer = CertifiedIssuer::signed_by(params, Key::P256.generate(), &self.issuer)
            .expect("an intermediate authority");
        let between = format!("{}{}", issuer.pem(), self.between);
        Self { issuer, between }
    }

    /// Its certificate in PEM, for those who shall trust it.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// The same as a rustls client wants it.
    pub fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("a certificate of ours");
        roots
    }

    /// A server's certificate for these names, with a P-256 key.
    pub fn server(&self, names: &[&str]) -> Certificate {
        self.issue(&Wanted::server(names))
    }

    /// A client's certificate of this common name, with a P-256 key.
    pub fn client(&self, name: &str) -> Certificate {
        self.issue(&Wanted::client(name))
    }

    /// A certificate as wanted.
    pub fn issue(&self, wanted: &Wanted) -> Certificate {
        let key = wanted.key.generate();
        let serial = serial();
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from(serial));
        params.not_before = rcgen::date_time_ymd(wanted.years.0, 1, 1);
        params.not_after = rcgen::date_time_ymd(wanted.years.1, 1, 1);
        if let Some(end) = wanted.end {
            params.not_after = end.into();
        }
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in &wanted.subject {
            params.distinguished_name.push(kind.clone(), value.as_str());
        }
        params.subject_alt_names = wanted.names.iter().map(|name| alternative(name)).collect();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![wanted.purpose.clone()];
        let leaf = params.signed_by(&key, &self.issuer).expect("a certificate");
        Certificate {
            chain: leaf.pem() + &self.between,
            key: key.serialize_pem(),
            kind: wanted.key,
            serial,
        }
    }
}

impl Certificate {
    /// The key in PEM as older programs write it: PKCS#1 or SEC1. `None` for Ed25519, which has no
    /// such form.
    pub fn older_key(&self) -> Option<String> {
        let title = self.kind.older_title()?;
        let PrivateKeyDer::Pkcs8(der) = self.private_key() else { unreachable!("made as PKCS#8") };
        let body = STANDARD.encode(octets_of_pkcs8(der.secret_pkcs8_der()));
        let lines: Vec<&str> = body
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).expect("ASCII"))
            .collect();
        Some(format!("-----BEGIN {title}-----\n{}\n-----END {title}-----\n", lines.join("\n")))
    }

    /// The chain as rustls wants it, the leaf first.
    pub fn certificates(&self) -> Vec<CertificateDer<'static>> {
        let certificates = CertificateDer::pem_slice_iter(self.chain.as_bytes());
        certificates.collect::<Result<_, _>>().expect("PEM of ours")
    }

    /// The key as rustls wants it.
    pub fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("PEM of ours")
    }

    /// Writes `certs/NAME.key`, which only its owner may read, and `certs/NAME.pem` into a folder, in
    /// one step each, as programs that renew certificates do. Gives their paths.
    pub fn write(&self, folder: &Path, name: &str) -> io::Result<(PathBuf, PathBuf)> {
        let key = folder.join(format!("certs/{name}.key"));
        let chain = folder.join(format!("certs/{name}.pem"));
        write_whole(&key, &self.key)?;
        write_whole(&chain, &self.chain)?;
        Ok((key, chain))
    }
}

/// Writes a file that only its owner may read, in place of what was there, so that whoever reads it
/// finds the old one or the new one.
pub fn write_whole(path: &Path, contents: &str) -> io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;

    std::fs::create_dir_all(path.parent().expect("a file in a folder"))?;
    let new = path.with_extension("new");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(&new)?.write_all(contents.as_bytes())?;
    std::fs::rename(new, path)
}

/// What a server in a test needs to be trusted: an authority, and files of a certificate it signed.
#[derive(Debug)]
pub struct Site {
    /// Who signed it.
    pub authority: Authority,
    /// Its certificate.
    pub certificate: Certificate,
    folder: Folder,
}

impl Site {
    /// Of these names.
    pub fn new(names: &[&str]) -> Self {
        let authority = Authority::new("RingSocket tests");
        let certificate = authority.server(names);
        let folder = Folder::new();
        certificate.write(folder.path(), "site").expect("files of a certificate");
        Self { authority, certificate, folder }
    }

    /// Where the key lies.
    pub fn key(&self) -> PathBuf {
        self.folder.path().join("certs/site.key")
    }

    /// Where the chain lies.
    pub fn chain(&self) -> PathBuf {
        self.folder.path().join("certs/site.pem")
    }
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.serial_number = Some(SerialNumber::from(serial()));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// A number for each certificate of this process.
fn serial() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static LAST: AtomicU64 = AtomicU64::new(0x1000);
    LAST.fetch_add(1, Ordering::Relaxed)
}

fn alternative(name: &str) -> SanType {
    let text = |text: &str| text.to_owned().try_into().expect("an ASCII name");
    if let Some(address) = name.strip_prefix("email:") {
        SanType::Rfc822Name(text(address))
    } else if let Some(uri) = name.strip_prefix("URI:") {
        SanType::URI(text(uri))
    } else if let Ok(address) = name.parse::<IpAddr>() {
        SanType::IpAddress(address)
    } else {
        SanType::DnsName(text(name))
    }
}

/// The octet string in a PKCS#8 structure, which is the older form: SEQUENCE { version, algorithm,
/// OCTET STRING } (RFC 5958 section 2).
fn octets_of_pkcs8(der: &[u8]) -> &[u8] {
    let (_, mut inner) = element(der).0;
    for _ in ["version", "algorithm"] {
        inner = element(inner).1;
    }
    let (tag, octets) = element(inner).0;
    assert_eq!(tag, 4, "OCTET STRING");
    octets
}

/// The first DER element (tag and contents), and what comes after it.
fn element(der: &[u8]) -> ((u8, &[u8]), &[u8]) {
    let (len, start) = match der[1] {
        short @ 0..0x80 => (usize::from(short), 2),
        long => {
            let bytes = usize::from(long & 0x7f);
            let len = der[2..2 + bytes].iter().fold(0, |len, &byte| len << 8 | usize::from(byte));
            (len, 2 + bytes)
        }
    };
    ((der[0], &der[start..start + len]), &der[start + len..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::crypto::aws_lc_rs::sign::any_supported_type;

    #[test]
    fn keys_of_all_kinds_are_read_in_both_forms_and_are_the_same() {
        let authority = Authority::new("root");
        for kind in Key::ALL {
            let certificate = authority.issue(&Wanted::server(&["localhost"]).key(kind));
            let public = |pem: &str| {
                let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap();
                any_supported_type(&key).unwrap().public_key().unwrap().to_vec()
            };
            let older = certificate.older_key();
            assert_eq!(older.is_none(), kind == Key::Ed25519);
            if let Some(older) = older {
                assert_eq!(public(&older), public(&certificate.key), "{kind:?}");
            }
        }
    }

    #[test]
    fn only_the_owner_may_read_a_key() {
        use std::os::unix::fs::PermissionsExt;
        let site = Site::new(&["localhost"]);
        let mode = std::fs::metadata(site.key()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_to_string(site.chain()).unwrap(), site.certificate.chain);
    }

    #[test]
    fn the_chain_of_an_intermediate_authority_leads_to_the_root() {
        let root = Authority::new("root");
        let certificate = root.intermediate("between").server(&["localhost"]);
        assert_eq!(certificate.certificates().len(), 2);
    }
}
