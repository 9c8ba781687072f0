//! A server's certificate as its clients judge it: for how long, and for which names.
//! Not for: whether its key fits (`keys`).

use std::net::IpAddr;
use std::time::{Duration, UNIX_EPOCH};

use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use super::remarks::Remarks;

const DAY: i64 = 86_400;
/// So long before its end a certificate is talked about, in seconds.
const SOON: i64 = 14 * DAY;
/// The last second of the year 9999, after which no date can be written.
const LAST_SECOND: i64 = 253_402_300_799;
/// So many names are told at most.
const NAMES_TOLD: usize = 5;

/// What clients look at.
#[derive(Debug)]
pub(super) struct Leaf {
    /// Seconds since 1970, as `not_after`.
    not_before: i64,
    not_after: i64,
    /// In lower case; some begin with `*.`.
    names: Vec<String>,
    addresses: Vec<IpAddr>,
}

impl Leaf {
    /// Reads the first certificate of a chain.
    ///
    /// # Errors
    /// If it cannot be read, in words.
    pub(super) fn of(chain: &[CertificateDer<'_>]) -> Result<Self, String> {
        let first = chain.first().ok_or("there is none")?;
        let (_, cert) = X509Certificate::from_der(first).map_err(|error| error.to_string())?;
        let mut leaf = Leaf {
            not_before: cert.validity().not_before.timestamp(),
            not_after: cert.validity().not_after.timestamp(),
            names: Vec::new(),
            addresses: Vec::new(),
        };
        let also = cert.subject_alternative_name().map_err(|error| error.to_string())?;
        for name in also.iter().flat_map(|also| &also.value.general_names) {
            match name {
                GeneralName::DNSName(name) => leaf.names.push(name.to_ascii_lowercase()),
                GeneralName::IPAddress(bytes) => leaf.addresses.extend(address(bytes)),
                _ => {}
            }
        }
        Ok(leaf)
    }

    /// Says what clients will have against it at this time, in seconds since 1970.
    pub(super) fn judge(&self, hostnames: &[String], now: i64, remarks: &mut Remarks) {
        let left = self.not_after - now;
        if now < self.not_before {
            let what = format!("the certificate is not valid before {}", date(self.not_before));
            remarks
                .error(what, "until then clients refuse it; is the clock of this machine right?");
        } else if left < 0 {
            let what = format!("the certificate has expired on {}", date(self.not_after));
            remarks.error(what, "clients refuse it; renew it, and reload the service");
        } else if left < SOON {
            let days = match left / DAY {
                0 => "less than a day".to_owned(),
                1 => "1 day".to_owned(),
                days => format!("{days} days"),
            };
            let what = format!("the certificate expires in {days}, on {}", date(self.not_after));
            remarks.warn(what, "renew it, and reload the service");
        }
        for name in hostnames.iter().filter(|name| !self.is_for(name)) {
            let what = format!("the certificate is not for {name}, but for {}", self.told_names());
            let instead = match self.names.is_empty() && self.addresses.is_empty() {
                true => "clients look for names in its subjectAltName, and nowhere else".to_owned(),
                false => format!(
                    "get one that has the name {name}, or take it out of `hostnames`: clients of \
                     that name refuse this one"
                ),
            };
            remarks.error(what, &instead);
        }
    }

    /// Whether a configured name, which may be a wildcard or an address, is among its own (RFC 6125
    /// section 6.4).
    fn is_for(&self, name: &str) -> bool {
        if let Ok(address) = name.parse::<IpAddr>() {
            return self.addresses.contains(&address);
        }
        let below = name.split_once('.').map(|(_, below)| below);
        self.names
            .iter()
            .any(|own| own == name || own.strip_prefix("*.").is_some_and(|own| Some(own) == below))
    }

    fn told_names(&self) -> String {
        let addresses = self.addresses.iter().map(IpAddr::to_string);
        let mut all: Vec<String> = self.names.iter().cloned().chain(addresses).collect();
        if all.is_empty() {
            return "no name at all".to_owned();
        }
        if all.len() > NAMES_TOLD {
            let more = all.len() - NAMES_TOLD;
            all.truncate(NAMES_TOLD);
            all.push(format!("{more} more"));
        }
        all.join(", ")
    }
}

/// Says where a chain is broken: clients of TLS 1.2 need each certificate to be the issuer of the one
/// before it (RFC 5246 section 7.4.2).
pub(super) fn check_order(chain: &[CertificateDer<'_>], remarks: &mut Remarks) {
    for (at, pair) in chain.windows(2).enumerate() {
        let read = |der| X509Certificate::from_der(der).ok();
        let (Some((_, cert)), Some((_, issuer))) = (read(&pair[0]), read(&pair[1])) else { return };
        if cert.issuer().as_raw() != issuer.subject().as_raw() {
            let what = format!(
                "the chain is broken: its certificate {} was not issued by certificate {}",
                at + 1,
                at + 2
            );
            remarks.warn(what, "put them in order, each before the one that signed it");
            return;
        }
    }
}

/// The address of an entry of subjectAltName (RFC 5280 section 4.2.1.6).
pub(super) fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        _ => None,
    }
}

/// A time in words; one that cannot be written is moved to where it can.
pub(super) fn date(seconds: i64) -> String {
    let seconds = seconds.clamp(0, LAST_SECOND).unsigned_abs();
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds))
}
