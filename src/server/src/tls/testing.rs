//! What tests of encrypted connections have in common: an authority, and terms under which a name is
//! served, without any file.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::clients::Demand;
use super::{Terms, load, provider};
use crate::config::Cert;

static PAPERS: LazyLock<Papers> = LazyLock::new(Papers::new);

/// A certificate of `a.test`, and who has signed it.
struct Papers {
    ca: CertificateDer<'static>,
    cert: load::Cert,
}

impl Papers {
    fn new() -> Self {
        let ca = authority();
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["a.test".to_owned()]).expect("a name");
        let chain = vec![params.signed_by(&key, &ca).expect("a certificate").der().clone()];
        let der = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let pair = CertifiedKey::from_der(chain, der, &provider()).expect("a key");
        let listed = Cert {
            hostnames: vec!["a.test".to_owned()],
            privkey_path: PathBuf::new(),
            pubchain_path: PathBuf::new(),
        };
        let cert = load::Cert::of(&listed, Arc::new(pair)).expect("a name");
        Papers { ca: ca.der().clone(), cert }
    }
}

/// Who has signed the certificate of [`terms`].
pub(crate) fn ca() -> CertificateDer<'static> {
    PAPERS.ca.clone()
}

/// Terms under which `a.test` is served at the first entrance.
pub(crate) fn terms(is_by_rustls: bool) -> Terms {
    let provider = Arc::new(provider());
    let demands = vec![Demand::nothing(&provider)];
    let certs = vec![PAPERS.cert.clone()];
    let terms = load::assemble(&provider, certs, demands, None, !is_by_rustls, &mut Vec::new());
    Terms { entrances: vec![Some(0)], ..terms.expect("a certificate") }
}

/// An authority that is good from 2020 to 2039.
pub(super) fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Test CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2040, 1, 1));
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a CA")
}
