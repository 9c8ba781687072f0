//! The TLS connection by which a client has come, and the certificate that it has shown.

use crate::context::Borrowed;

/// A TLS connection, from [`Request::tls`](crate::Request::tls). What it lends out is gone when the
/// callback returns.
///
/// ```
/// use ringsocket_app::{Accept, Decision, Refusal, Upgrade};
///
/// /// Lets in whoever shows the certificate of a member.
/// fn look_at(upgrade: &Upgrade<'_>) -> Decision {
///     let certificate = upgrade.request().tls().and_then(|tls| tls.client_certificate());
///     let email = certificate.and_then(|certificate| {
///         certificate.alternative_names().find_map(|name| name.strip_prefix("email:"))
///     });
///     match email {
///         Some(email) if email.ends_with("@example.com") => {
///             Accept::new().attach(email.to_owned()).into()
///         }
///         _ => Refusal::new(403).text("members only\n").into(),
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Tls<'a> {
    pub(crate) version: Borrowed<'a>,
    pub(crate) server_name: Borrowed<'a>,
    pub(crate) certificate: Option<ClientCertificate<'a>>,
}

impl<'a> Tls<'a> {
    /// `TLSv1.3` or `TLSv1.2`.
    #[must_use]
    pub fn version(&self) -> &'a str {
        text(self.version)
    }

    /// The host that the client asked for (SNI, RFC 6066 section 3), if it has named one. The host of
    /// its request is the same.
    #[must_use]
    pub fn server_name(&self) -> Option<&'a str> {
        Some(text(self.server_name)).filter(|name| !name.is_empty())
    }

    /// The certificate that the client has shown, and the server has verified. Clients show one only
    /// where `client_certs` of the server's configuration asks for it.
    #[must_use]
    pub fn client_certificate(&self) -> Option<ClientCertificate<'a>> {
        self.certificate
    }
}

/// The certificate of a client, verified.
#[derive(Clone, Copy, Debug)]
pub struct ClientCertificate<'a> {
    pub(crate) subject: Borrowed<'a>,
    pub(crate) names: &'a [Borrowed<'a>],
}

impl<'a> ClientCertificate<'a> {
    /// The distinguished name of the subject in the form of RFC 4514: `CN=Ann,O=Example`. May be empty
    /// where there are [other names](Self::alternative_names).
    #[must_use]
    pub fn subject(&self) -> &'a str {
        text(self.subject)
    }

    /// The subject alternative names (RFC 5280 section 4.2.1.6), in the order of the certificate, each
    /// with its kind: `DNS:a.example`, `email:ann@a.example`, `URI:spiffe://a/b`, `IP:192.0.2.1`.
    pub fn alternative_names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.names.iter().map(|name| text(*name))
    }
}

/// The text, or nothing if it is not UTF-8, which the server does not write.
fn text(bytes: Borrowed<'_>) -> &str {
    std::str::from_utf8(bytes.bytes()).unwrap_or_default()
}
