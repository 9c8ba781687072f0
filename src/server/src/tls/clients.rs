//! Clients that show certificates: by which authorities these must be issued, and what an app is told
//! of them.
//! Not for: which ports ask for them (`config`).

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use super::ClientCert;
use super::keys::Contents;
use super::leaf::{address, date};
use super::load::Sources;
use super::remarks::Remarks;
use super::subject;
use crate::config::ClientCerts;

impl ClientCert {
    /// Reads a certificate (DER) that rustls has verified. One that only rustls can read has no names
    /// here.
    pub fn read(leaf: &[u8]) -> Self {
        let Ok((_, cert)) = X509Certificate::from_der(leaf) else { return Self::default() };
        let also = cert.subject_alternative_name().ok().flatten();
        let names = also.iter().flat_map(|also| &also.value.general_names);
        Self {
            subject: subject::in_words(cert.subject()),
            sans: names.filter_map(in_words).collect(),
        }
    }

    /// Whether a certificate (DER) has expired by `now`, in seconds since 1970. rustls has verified it
    /// when it was shown, and does not look at it again when its session is resumed.
    pub fn has_expired(leaf: &[u8], now: u64) -> bool {
        let Ok((_, cert)) = X509Certificate::from_der(leaf) else { return true };
        cert.validity().not_after.timestamp() < i64::try_from(now).unwrap_or(i64::MAX)
    }
}

/// A name of a kind that apps are told; not one that could pass for several lines.
fn in_words(name: &GeneralName<'_>) -> Option<String> {
    let name = match name {
        GeneralName::DNSName(name) => format!("DNS:{name}"),
        GeneralName::RFC822Name(name) => format!("email:{name}"),
        GeneralName::URI(name) => format!("URI:{name}"),
        GeneralName::IPAddress(bytes) => format!("IP:{}", address(bytes)?),
        _ => return None,
    };
    (!name.contains(char::is_control)).then_some(name)
}

/// What is demanded of the clients of some ports.
#[derive(Clone, Debug)]
pub(super) struct Demand {
    /// As it is configured; `None`: nothing.
    pub(super) asked: Option<ClientCerts>,
    pub(super) verifier: Arc<dyn ClientCertVerifier>,
    /// A digest of all of it; another one for other authorities.
    pub(super) digest: Box<[u8]>,
}

impl Demand {
    /// That of ports whose clients are not asked for certificates.
    pub(super) fn nothing(provider: &CryptoProvider) -> Self {
        let verifier = WebPkiClientVerifier::no_client_auth();
        Self { asked: None, verifier, digest: digest(provider, b"nothing") }
    }

    /// Reads the authorities; `None` if that cannot be, which the remarks explain.
    pub(super) fn read(
        asked: &ClientCerts,
        sources: &Sources,
        remarks: &mut Remarks,
    ) -> Option<Self> {
        let Sources { credentials, provider, now, .. } = sources;
        let contents = Contents::read("client_ca_path", &asked.ca_path, credentials, remarks)?;
        let path = contents.path.clone();
        let certs = contents.into_chain(remarks)?;
        remarks.turn_to(&[&path]);
        let mut authorities = RootCertStore::empty();
        let mut text = if asked.are_required { b"required".to_vec() } else { b"optional".to_vec() };
        for (at, cert) in certs.into_iter().enumerate() {
            warn_if_expired(&cert, *now, remarks);
            text.extend_from_slice(&(cert.len() as u64).to_be_bytes());
            text.extend_from_slice(&cert);
            if let Err(error) = authorities.add(cert) {
                let what = format!("its certificate {} cannot be used: {error}", at + 1);
                remarks.error(what, "take it out, or write the file anew");
                return None;
            }
        }
        let builder =
            WebPkiClientVerifier::builder_with_provider(authorities.into(), Arc::clone(provider));
        let builder = match asked.are_required {
            true => builder,
            false => builder.allow_unauthenticated(),
        };
        match builder.build() {
            Ok(verifier) => {
                let digest = digest(provider, &text);
                Some(Self { asked: Some(asked.clone()), verifier, digest })
            }
            Err(error) => {
                remarks.error(format!("the authorities cannot be used: {error}"), "");
                None
            }
        }
    }
}

fn warn_if_expired(cert: &CertificateDer<'_>, now: i64, remarks: &mut Remarks) {
    let Ok((_, cert)) = X509Certificate::from_der(cert) else { return };
    let not_after = cert.validity().not_after.timestamp();
    if not_after < now {
        let subject = subject::in_words(cert.subject());
        let what = format!("the authority {subject} has expired on {}", date(not_after));
        remarks.warn(what, "what it has issued is accepted all the same; replace or remove it");
    }
}

/// The same for the same text only.
fn digest(provider: &CryptoProvider, text: &[u8]) -> Box<[u8]> {
    let mut suites = provider.cipher_suites.iter().filter_map(|suite| suite.tls13());
    let hash = suites.next().map(|suite| suite.common.hash_provider);
    hash.map_or_else(|| text.into(), |hash| hash.hash(text).as_ref().into())
}
