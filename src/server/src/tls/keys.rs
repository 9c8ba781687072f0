//! Private keys and certificate chains: from PEM files to what signs a handshake.
//! Not for: whether a certificate is valid, and for whom (`leaf`).

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use zeroize::Zeroizing;

use super::remarks::Remarks;
use crate::config::Cert;
use crate::systemd::credentials::Credentials;

/// The largest file that is read, in bytes.
const MAX_FILE_SIZE: u64 = 1 << 20;

/// What a file may say that is no PEM of a key that can be used.
const ENCRYPTED: [&str; 2] = ["-----BEGIN ENCRYPTED PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED"];

/// What a PEM file holds.
pub(super) struct Contents {
    pub(super) path: PathBuf,
    pub(super) certs: Vec<CertificateDer<'static>>,
    keys: Vec<PrivateKeyDer<'static>>,
    is_encrypted: bool,
    /// It is binary: DER, perhaps.
    is_der: bool,
    is_readable_by_all: bool,
}

/// Reads a certificate with its key; `None` if they cannot be used, which the remarks explain. Further
/// remarks will be about the file of the chain.
pub(super) fn read(
    cert: &Cert,
    credentials: &Credentials,
    provider: &CryptoProvider,
    remarks: &mut Remarks,
) -> Option<Arc<CertifiedKey>> {
    let key = Contents::read("privkey_path", &cert.privkey_path, credentials, remarks);
    let chain = Contents::read("pubchain_path", &cert.pubchain_path, credentials, remarks);
    let (key, chain) = (key?, chain?);
    let is_one_file = key.path == chain.path;
    key.warn_if_readable_by_all(remarks);
    if !chain.keys.is_empty() && !chain.certs.is_empty() && !is_one_file {
        let what = format!("{} holds a private key as well", chain.path.display());
        remarks.warn(what, "take it out: certificates are for everybody, and keys for nobody else");
        chain.warn_if_readable_by_all(remarks);
    }
    let (key_path, chain_path) = (key.path.clone(), chain.path.clone());
    let (key, certs) = (key.only_key(remarks), chain.into_chain(remarks));
    let (key, certs) = (key?, certs?);
    let both = [key_path.as_path(), chain_path.as_path()];
    remarks.turn_to(if is_one_file { &both[..1] } else { &both });
    let pair = fit(key, certs, provider, remarks);
    remarks.turn_to(&[&chain_path]);
    pair.map(Arc::new)
}

impl Contents {
    /// Reads the file of a configured path.
    pub(super) fn read(
        setting: &str,
        path: &Path,
        credentials: &Credentials,
        remarks: &mut Remarks,
    ) -> Option<Self> {
        let Some(path) = credentials.find(path) else {
            let name = path.display();
            let what = format!("the service has no credential {name:?} (`{setting}`)");
            let instead = format!(
                "add LoadCredential={name}:/path/to/file to ringsocket.service, or write the \
                 path of the file from the root on"
            );
            remarks.error(what, &instead);
            return None;
        };
        match Self::of_file(&path) {
            Ok(contents) => contents.map_err(|(what, instead)| remarks.error(what, &instead)).ok(),
            Err(error) => {
                let instead = match error.kind() {
                    ErrorKind::NotFound => format!("correct `{setting}`, or put the file there"),
                    ErrorKind::PermissionDenied => format!(
                        "the service reads it as group ringsock: chgrp ringsock {0} && chmod 640 \
                         {0}, and folders on the way likewise (750); or use LoadCredential=, see \
                         ringsocket(8); for `ringsocket check` be root",
                        path.display()
                    ),
                    _ => String::new(),
                };
                remarks.error(format!("cannot read {}: {error}", path.display()), &instead);
                None
            }
        }
    }

    /// Reads a file. The inner error is what is wrong with what it holds, and what to do.
    fn of_file(path: &Path) -> io::Result<Result<Self, (String, String)>> {
        let shown = path.display();
        let mut file = File::open(path)?;
        let about = file.metadata()?;
        if !about.is_file() || about.len() > MAX_FILE_SIZE {
            let what = format!("{shown} is no file of a sane size");
            return Ok(Err((what, format!("a PEM file here has up to {MAX_FILE_SIZE} bytes"))));
        }
        // Room for all of it from the start: a buffer that grows leaves copies of the key behind.
        let mut text = Zeroizing::new(Vec::with_capacity(about.len() as usize + 1));
        file.by_ref().take(MAX_FILE_SIZE).read_to_end(&mut text)?;
        let says = |words: &str| text.windows(words.len()).any(|part| part == words.as_bytes());
        let mut contents = Self {
            path: path.to_owned(),
            certs: Vec::new(),
            keys: Vec::new(),
            is_encrypted: ENCRYPTED.iter().any(|words| says(words)),
            is_der: text.first() == Some(&0x30),
            is_readable_by_all: about.permissions().mode() & 0o004 != 0,
        };
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(&text) {
            match section {
                Ok((SectionKind::Certificate, der)) => contents.certs.push(der.into()),
                Ok((kind, der)) => contents.keys.extend(PrivateKeyDer::from_pem(kind, der)),
                // Headers of an encrypted key are no base64; it is refused for a better reason.
                Err(_) if contents.is_encrypted => break,
                Err(error) => {
                    let what = format!("{shown} is no proper PEM: {}", in_words(&error));
                    return Ok(Err((what, "is the file cut off? write it anew".to_owned())));
                }
            }
        }
        Ok(Ok(contents))
    }

    /// The private key of a file that must hold one.
    fn only_key(mut self, remarks: &mut Remarks) -> Option<PrivateKeyDer<'static>> {
        let path = self.path.display();
        if self.is_encrypted {
            let what =
                format!("the private key {path} is encrypted, and nobody can type its password");
            remarks.error(what, &format!("decrypt it: openssl pkey -in {path} -out NEW_FILE"));
            return None;
        }
        match self.keys.len() {
            1 => return self.keys.pop(),
            0 if !self.certs.is_empty() => remarks.error(
                format!("{path} holds a certificate and no private key"),
                "are `privkey_path` and `pubchain_path` mixed up?",
            ),
            0 if self.is_der => remarks.error(
                format!("the private key {path} is not PEM"),
                &format!("convert it: openssl pkey -inform DER -in {path} -out NEW_FILE"),
            ),
            0 => remarks.error(
                format!("{path} holds no private key"),
                "it must hold one as PEM: -----BEGIN PRIVATE KEY----- and so on",
            ),
            count => remarks.error(
                format!("{path} holds {count} private keys"),
                "leave the one that belongs to the first certificate of the chain",
            ),
        }
        None
    }

    /// The certificates of a file that must hold some.
    pub(super) fn into_chain(self, remarks: &mut Remarks) -> Option<Vec<CertificateDer<'static>>> {
        let path = self.path.display();
        if !self.certs.is_empty() {
            return Some(self.certs);
        }
        if !self.keys.is_empty() || self.is_encrypted {
            let what = format!("{path} holds a private key and no certificate");
            remarks.error(what, "are `privkey_path` and `pubchain_path` mixed up?");
        } else if self.is_der {
            let instead = format!("convert it: openssl x509 -inform DER -in {path} -out NEW_FILE");
            remarks.error(format!("{path} is not PEM"), &instead);
        } else {
            let instead = "it must hold some as PEM: -----BEGIN CERTIFICATE----- and so on";
            remarks.error(format!("{path} holds no certificate"), instead);
        }
        None
    }

    /// A key that everybody on the machine can read still serves: to refuse it would only stop the
    /// service, at its next start, over something that has been so all the time.
    fn warn_if_readable_by_all(&self, remarks: &mut Remarks) {
        if self.is_readable_by_all && !self.keys.is_empty() {
            let path = self.path.display();
            let what = format!("everybody on this machine may read the private key {path}");
            remarks.warn(what, &format!("chmod o= {path}; and think of it as known to others"));
        }
    }
}

fn in_words(error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { .. } => "a section has no end".into(),
        pem::Error::IllegalSectionStart { .. } => "a section begins with a broken line".into(),
        pem::Error::Base64Decode(_) => "a section is no base64".into(),
        error => error.to_string(),
    }
}

/// Key and chain as one, if they belong together.
fn fit(
    key: PrivateKeyDer<'static>,
    chain: Vec<CertificateDer<'static>>,
    provider: &CryptoProvider,
    remarks: &mut Remarks,
) -> Option<CertifiedKey> {
    let Ok(key) = provider.key_provider.load_private_key(key) else {
        remarks.error(
            "this kind of private key cannot be used",
            "use RSA of at least 2048 bits, ECDSA on P-256 or P-384, or Ed25519",
        );
        return None;
    };
    let mut pair = CertifiedKey::new(chain, key);
    match pair.keys_match() {
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => return Some(pair),
        Err(Error::InconsistentKeys(_)) => {}
        Err(error) => {
            remarks
                .error(format!("the first certificate is broken: {error}"), "write the file anew");
            return None;
        }
    }
    let mut is_misordered = false;
    for at in 1..pair.cert.len() {
        pair.cert.swap(0, at);
        is_misordered |= pair.keys_match().is_ok();
    }
    if is_misordered {
        remarks.error(
            "the chain is in the wrong order: the private key belongs to a later certificate",
            "put the certificate of the server first, then the one that signed it, and so on",
        );
    } else {
        remarks.error(
            "the private key does not belong to the certificate",
            "has only one of the two files been replaced?",
        );
    }
    None
}
