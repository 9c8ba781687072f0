//! From a configuration and its files to [`Terms`].
//! Not for: what single files hold (`keys`, `leaf`, `clients`).

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::UnixTime;
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{Error, ServerConfig, SignatureAlgorithm};

use super::clients::Demand;
use super::leaf::{Leaf, check_order};
use super::names::Names;
use super::remarks::Remarks;
use super::tickets::{Bound, TicketKeys};
use super::{Terms, keys, provider, secrets};
use crate::config::{self, ClientCerts, Config, Issue, RecordLayer, Severity};
use crate::systemd::credentials::Credentials;

/// What is spoken within: WebSocket begins with a request of HTTP/1.1 (RFC 6455 section 4.1).
const ALPN: &[u8] = b"http/1.1";

/// Tickets that a client gets after a handshake of TLS 1.3: a browser comes back with more than one
/// connection, and uses each ticket once.
const TICKETS: usize = 2;

/// A certificate that can be used.
#[derive(Clone)]
pub(super) struct Cert {
    /// As what it is configured, which is what it was read from unless it stands in for that.
    pub(super) listed: config::Cert,
    pub(super) pair: Arc<CertifiedKey>,
    leaf: Arc<Leaf>,
}

impl Cert {
    /// # Errors
    /// If the first certificate of the chain cannot be read, in words.
    pub(super) fn of(listed: &config::Cert, pair: Arc<CertifiedKey>) -> Result<Self, String> {
        let leaf = Arc::new(Leaf::of(&pair.cert)?);
        Ok(Self { listed: listed.clone(), pair, leaf })
    }

    fn kind(&self) -> SignatureAlgorithm {
        self.pair.key.algorithm()
    }

    /// Whether clients have something against it, at this time in seconds since 1970.
    fn is_refused(&self, now: i64) -> bool {
        let mut remarks = Remarks::about("");
        self.leaf.judge(&self.listed.hostnames, now, &mut remarks);
        remarks.have_errors()
    }
}

/// What is to be said about the certificates and authorities of a configuration, for `ringsocket
/// check`, which may see less than the service.
pub fn check(config: &Config) -> Vec<Issue> {
    let mut sources = Sources::here();
    sources.are_partial = !sources.credentials.are_given();
    let (_, mut issues) = sources.certs(config, None);
    let (_, more) = sources.demands(config, None);
    issues.extend(more);
    issues
}

/// Where things come from, and when.
pub(super) struct Sources {
    pub(super) credentials: Credentials,
    pub(super) provider: Arc<CryptoProvider>,
    /// Seconds since 1970.
    pub(super) now: i64,
    /// There are credentials that only the service can read.
    pub(super) are_partial: bool,
}

impl Sources {
    /// Those of this process, at this time.
    pub(super) fn here() -> Self {
        let now = UnixTime::now().as_secs() as i64;
        let (credentials, provider) = (Credentials::here(), Arc::new(provider()));
        Self { credentials, provider, now, are_partial: false }
    }

    /// See [`Terms::load`].
    pub(super) fn load(
        &self,
        config: &Config,
        entrances: &[Option<u16>],
        old: Option<&Terms>,
    ) -> Result<(Terms, Vec<Issue>), Vec<Issue>> {
        let own_records = config.record_layer == RecordLayer::Ringsocket;
        let tickets = old.and_then(|old| old.tickets.clone());
        if config.certs.is_empty() {
            // To gather randomness takes longer than all else of a start: not for nothing.
            return Ok((Terms { tickets, own_records, ..Terms::default() }, Vec::new()));
        }
        let (certs, mut issues) = self.certs(config, old);
        let fail = |mut issues: Vec<Issue>, what: &str| {
            issues.push(Issue::of_the_whole(Severity::Error, what, ""));
            Err(issues)
        };
        if certs.is_empty() {
            return fail(issues, "none of the certificates can be used");
        }
        let (demands, more) = self.demands(config, old);
        issues.extend(more);
        let Some(demands) = demands else {
            return fail(issues, "no client could be let in there without its authorities");
        };
        let entrances =
            entrances.iter().map(|number| demand_at(*number, config, &demands)).collect();
        match assemble(&self.provider, certs, demands, tickets, own_records, &mut issues) {
            Ok(terms) => Ok((Terms { entrances, ..terms }, issues)),
            Err(error) => fail(issues, &format!("TLS cannot be set up: {error}")),
        }
    }

    /// The certificates that can be used, old ones in the place of new ones that cannot.
    fn certs(&self, config: &Config, old: Option<&Terms>) -> (Vec<Cert>, Vec<Issue>) {
        let (mut certs, mut told) = (Vec::new(), Vec::new());
        for (at, listed) in config.certs.iter().enumerate() {
            let mut remarks = Remarks::about(title(at, listed));
            certs.push(self.cert(listed, &mut remarks));
            told.push(remarks);
        }
        let old = old.map_or(&[][..], |old| &old.certs);
        for ((at, listed), remarks) in config.certs.iter().enumerate().zip(&mut told) {
            if let Some(old) = self.stand_in(at, listed, &certs, old) {
                remarks.turn_to(&[]);
                remarks.warn("the one that was loaded before goes on being used", "");
                certs[at] = Some(Cert { listed: listed.clone(), ..old.clone() });
            }
        }
        let issues = told.into_iter().flat_map(Remarks::into_issues).collect();
        (certs.into_iter().flatten().collect(), issues)
    }

    /// The old certificate to use in the place of a new one: one for the same names, from the same
    /// files if there is such; `None` if none is better than the new one.
    ///
    /// Names may have certificates with several kinds of keys. One of a kind that they have already
    /// is of no use to them, and would leave out clients that know another kind only.
    fn stand_in<'a>(
        &self,
        at: usize,
        listed: &config::Cert,
        certs: &[Option<Cert>],
        old: &'a [Cert],
    ) -> Option<&'a Cert> {
        let new = certs[at].as_ref();
        if new.is_some_and(|new| !new.is_refused(self.now)) {
            return None;
        }
        let is_for_same = |cert: &Cert| cert.listed.hostnames == listed.hostnames;
        let others = certs.iter().enumerate().filter(|(other, _)| *other != at);
        let others =
            others.filter_map(|(_, other)| other.as_ref().filter(|cert| is_for_same(cert)));
        let kinds: Vec<_> = others.map(Cert::kind).collect();
        let mut fit = old.iter().filter(|old| {
            let is_better = new.is_none() || !old.is_refused(self.now);
            is_for_same(old) && is_better && !kinds.contains(&old.kind())
        });
        fit.clone().find(|old| old.listed == *listed).or_else(|| fit.next())
    }

    /// Whether a file of this configured path cannot be looked at, which is remarked.
    fn hide(&self, path: &Path, remarks: &mut Remarks) -> bool {
        let is_hidden = self.are_partial && path.is_relative();
        if is_hidden {
            let what = format!("{} was not looked at: only the service can", path.display());
            remarks.warn(what, "");
        }
        is_hidden
    }

    /// One certificate, if it can be used, with all there is to be said about it.
    fn cert(&self, cert: &config::Cert, remarks: &mut Remarks) -> Option<Cert> {
        if self.hide(&cert.privkey_path, remarks) | self.hide(&cert.pubchain_path, remarks) {
            return None;
        }
        let pair = keys::read(cert, &self.credentials, &self.provider, remarks)?;
        let read = Cert::of(cert, pair).map_err(|error| {
            remarks
                .error(format!("the first certificate is broken: {error}"), "write the file anew");
        });
        let new = read.ok()?;
        check_order(&new.pair.cert, remarks);
        new.leaf.judge(&cert.hostnames, self.now, remarks);
        Some(new)
    }

    /// All that ports demand of clients, the first of it nothing; `None` if it is not all.
    fn demands(&self, config: &Config, old: Option<&Terms>) -> (Option<Vec<Demand>>, Vec<Issue>) {
        let mut demands = Some(vec![Demand::nothing(&self.provider)]);
        let (mut issues, mut seen) = (Vec::new(), Vec::new());
        for port in &config.ports {
            let Some(asked) = port.client_certs.as_ref() else { continue };
            if seen.contains(&asked) {
                continue;
            }
            seen.push(asked);
            let mut remarks = Remarks::about(format!("port {}", port.port_number));
            let new = match self.hide(&asked.ca_path, &mut remarks) {
                true => None,
                false => Demand::read(asked, self, &mut remarks),
            };
            let demand = new.or_else(|| old_demand(asked, old, &mut remarks));
            issues.extend(remarks.into_issues());
            demands = demands.zip(demand).map(|(mut demands, demand)| {
                demands.push(demand);
                demands
            });
        }
        (demands, issues)
    }
}

/// Puts together what was read. Nobody can enter until the entrances are added.
pub(super) fn assemble(
    provider: &Arc<CryptoProvider>,
    certs: Vec<Cert>,
    demands: Vec<Demand>,
    tickets: Option<TicketKeys>,
    own_records: bool,
    issues: &mut Vec<Issue>,
) -> Result<Terms, Error> {
    let tickets = tickets.map_or_else(TicketKeys::new, Ok)?;
    let pairs = demands.iter().flat_map(|demand| certs.iter().map(move |cert| (demand, cert)));
    let config = |(demand, cert)| server_config(provider, demand, cert, &tickets, own_records);
    let configs = pairs.map(|pair| config(pair).map(Arc::new)).collect::<Result<_, _>>()?;
    let names = names(&certs, issues);
    let tickets = Some(tickets);
    Ok(Terms { certs, names, demands, entrances: Vec::new(), configs, tickets, own_records })
}

/// The number of what is demanded at an entrance: a port, or a unix socket. `None`: nobody knows.
fn demand_at(number: Option<u16>, config: &Config, demands: &[Demand]) -> Option<usize> {
    let asked = match number {
        // A configuration that lists no ports serves all there are, and can demand nothing.
        Some(number) if !config.ports.is_empty() => {
            let port = config.ports.iter().find(|port| port.port_number == number)?;
            port.client_certs.as_ref()
        }
        _ => None,
    };
    demands.iter().position(|demand| demand.asked.as_ref() == asked)
}

fn title(at: usize, cert: &config::Cert) -> String {
    let name = cert.hostnames.first().map_or("", String::as_str);
    format!("certs[{at}] ({name})")
}

fn old_demand(asked: &ClientCerts, old: Option<&Terms>, remarks: &mut Remarks) -> Option<Demand> {
    remarks.turn_to(&[]);
    let demand = old?.demands.iter().find(|demand| demand.asked.as_ref() == Some(asked))?;
    remarks.warn("the authorities that were loaded before go on being used", "");
    Some(demand.clone())
}

/// Which certificates are for which names; says which are for none.
fn names(certs: &[Cert], issues: &mut Vec<Issue>) -> Names {
    let mut names = Names::default();
    for (at, cert) in certs.iter().enumerate() {
        for name in &cert.listed.hostnames {
            if names.added(name).iter().any(|first| certs[*first].kind() == cert.kind()) {
                let what = format!(
                    "{name} has several certificates with the same kind of key: the first is used"
                );
                let instead = "keep one of them, or have one with RSA and one with ECDSA";
                issues.push(Issue::of_the_whole(Severity::Warning, &what, instead));
            }
            names.add(name, at);
        }
    }
    names
}

fn server_config(
    provider: &Arc<CryptoProvider>,
    demand: &Demand,
    cert: &Cert,
    tickets: &TicketKeys,
    own_records: bool,
) -> Result<ServerConfig, Error> {
    let resolver = SingleCertAndKey::from(Arc::clone(&cert.pair));
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_client_cert_verifier(Arc::clone(&demand.verifier))
        .with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = vec![ALPN.to_vec()];
    // A ticket holds all there is to know: nothing is stored here for clients that may come again.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = Arc::new(Bound::new(tickets.clone(), &demand.digest));
    config.send_tls13_tickets = TICKETS;
    // An early request could be sent again by whoever has seen it (RFC 8446 section 8).
    config.max_early_data_size = 0;
    if own_records {
        config.enable_secret_extraction = true;
        config.key_log = Arc::new(secrets::Log);
    }
    Ok(config)
}
