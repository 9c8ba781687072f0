//! TLS, as far as it is the same for all connections: certificates, which of them a client gets, what
//! is demanded of its own, and tickets.
//! Not for: connections (the worker), or records after the handshake (`ringsocket-tls`).
//!
//! All is read at start and at each reload, so that a handshake finds a finished configuration in a
//! table: no file, no lock.

mod clients;
mod identity;
mod keys;
mod leaf;
mod load;
mod names;
mod remarks;
pub mod secrets;
mod subject;
mod tickets;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

#[cfg(feature = "aws-lc-rs")]
use aws_lc_rs as crypto;
#[cfg(not(feature = "aws-lc-rs"))]
use ring as crypto;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::ClientHello;

pub use identity::{ClientCert, Identity};
pub use load::check;
pub use tickets::{BadTicketKeys, TicketKeys};

use crate::config::{Config, Issue};

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
compile_error!("whose cryptography? enable the feature aws-lc-rs or ring");

/// Whose cryptography is used: that of the feature `aws-lc-rs`, or else of `ring`.
pub fn provider() -> CryptoProvider {
    #[cfg(feature = "aws-lc-rs")]
    return rustls::crypto::aws_lc_rs::default_provider();
    #[cfg(not(feature = "aws-lc-rs"))]
    return rustls::crypto::ring::default_provider();
}

/// On which terms connections are encrypted. Made at start and at each reload, shared by all workers.
#[derive(Default)]
pub struct Terms {
    /// Those that can be used, in the order of the configuration.
    certs: Vec<load::Cert>,
    names: names::Names,
    /// What is demanded of clients.
    demands: Vec<clients::Demand>,
    /// By entrance, the number of its demand; who comes to one without is refused.
    entrances: Vec<Option<usize>>,
    /// For each demand, one for each certificate.
    configs: Vec<Arc<ServerConfig>>,
    /// Kept, as are the certificates, for the terms that come after these.
    tickets: Option<TicketKeys>,
    own_records: bool,
}

impl Terms {
    /// Reads all certificates and authorities of a configuration.
    ///
    /// `entrances` are the TCP ports of all listening sockets, encrypted or not, in their order; `None`
    /// stands for a unix socket, whose clients are not asked for certificates. At a port that the
    /// configuration does not list, where it lists any, nobody is let in.
    ///
    /// Without `certs` there is nothing to do, and no cryptography is made ready.
    ///
    /// One broken certificate does not keep the others from being used. In `old` are the terms that
    /// hold until now: a certificate that cannot be used, or that clients will refuse, does not take
    /// the place of one that was loaded for the same names; and tickets stay good.
    ///
    /// Beside the terms come the issues to be told: errors of single certificates, and warnings.
    ///
    /// # Errors
    /// The issues, if there is nothing to go on with: none of the certificates can be used, or not
    /// the authorities of some port.
    pub fn load(
        config: &Config,
        entrances: &[Option<u16>],
        old: Option<&Terms>,
    ) -> Result<(Self, Vec<Issue>), Vec<Issue>> {
        load::Sources::here().load(config, entrances, old)
    }

    /// Terms of nobody, to be given to [`Terms::load`] as those that held until now: tickets under these
    /// keys stay good.
    pub fn of_tickets(keys: TicketKeys) -> Self {
        Self { tickets: Some(keys), ..Self::default() }
    }

    /// The keys of tickets, for the process after this one; `None` if there never was a certificate.
    pub fn ticket_keys(&self) -> Option<&TicketKeys> {
        self.tickets.as_ref()
    }

    /// Whether there is a certificate at all; without one, no encrypted socket can be served.
    pub fn can_serve(&self) -> bool {
        !self.certs.is_empty()
    }

    /// Whether records after the handshake are made by `ringsocket-tls`, and not by rustls.
    pub fn own_records(&self) -> bool {
        self.own_records
    }

    /// What to go on with after a `ClientHello` at the entrance with this index. `None`: no certificate
    /// is for the name that the client asks for, or nobody may enter there; tell it so, by
    /// `unrecognized_name`.
    ///
    /// A client that names no host gets the first certificate. Of several for the same name the first
    /// is taken whose kind of signature the client knows.
    pub fn choose(&self, entrance: u16, hello: &ClientHello<'_>) -> Option<Arc<ServerConfig>> {
        let found = match hello.server_name() {
            Some(name) => self.names.find(name),
            None => self.names.added(self.certs.first()?.listed.hostnames.first()?),
        };
        let suits = |&&at: &&usize| {
            let key = &self.certs[at].pair.key;
            found.len() == 1 || key.choose_scheme(hello.signature_schemes()).is_some()
        };
        let cert = found.iter().find(suits).or(found.first())?;
        let demand = (*self.entrances.get(usize::from(entrance))?)?;
        self.configs.get(demand * self.certs.len() + cert).cloned()
    }
}

impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let certs = self.certs.iter().map(|cert| &cert.listed.hostnames);
        f.debug_list().entries(certs).finish()
    }
}
