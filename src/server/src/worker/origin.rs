//! Where connections come from: what of it is known when they are accepted, what proxies tell
//! later, and what follows for the limits per address.
//! Not for: keeping those limits (`addresses`), or deciding which proxies are trusted (`Proxies`).
//!
//! The address of a client is known when the connection is accepted; or, from a trusted proxy, with
//! its header of the PROXY protocol; or, if that names a trusted proxy again, with the request. At
//! that moment, and once, the connection is counted for the address.

use ringsocket_proto::{CloseCode, Connection, Millis, Response};

use super::addresses::{Addresses, PerAddress, Ticket, TooMany};
use super::net::{Accepted, Net};
use super::peer::Peer;
use super::read::Step;
use super::{Policy, Shared, Worker, count};
use crate::log::{self, Level};
use crate::message::PeerAddress;
use crate::proxies::Proxies;
use crate::site::Site;

impl<N: Net> Worker<N> {
    /// Takes a connection that was just accepted, unless it comes from the wrong place, or its
    /// address has too many.
    pub(super) fn receive_connection(&mut self, accepted: Accepted<N::Socket>) {
        let Accepted { address, entrance, .. } = accepted;
        let entrance = self.site.entrances.get(usize::from(entrance));
        let connection = if entrance.is_some_and(|entrance| entrance.proxy_protocol) {
            if !self.site.proxies.trust(address) {
                count(&self.counters().unproxied);
                log::limited!(
                    Level::Warning,
                    id: log::id::PROXY_UNKNOWN,
                    worker: self.index,
                    peer: address,
                    "dropped: its port takes connections of proxies only (proxy_protocol), and \
                     trusted_proxies does not name it"
                );
                return;
            }
            Connection::behind_proxy(self.now)
        } else {
            Connection::new(self.now)
        };
        let mut peer = Peer::new(accepted, connection);
        if entrance.is_some_and(|entrance| entrance.is_tls) {
            peer.tls = Some(Box::default());
        }
        let gate = gate(&self.shared, &self.site, &self.policy, self.now);
        match gate.enlist(&mut peer.ticket, address) {
            Ok(()) => self.admit(peer),
            Err(too_many) => {
                self.note_crowd(address, too_many, peer.tls.is_none());
                self.turn_away(peer, &response(too_many));
            }
        }
    }

    /// An address has too much; the response is on the way, unless the connection is to be encrypted
    /// and is not yet.
    pub(super) fn note_crowd(&mut self, address: PeerAddress, too_many: TooMany, can_hear: bool) {
        count(&self.counters().crowded);
        let done = if can_hear { "answered with 429" } else { "dropped before its TLS handshake" };
        match too_many {
            TooMany::Connections => log::limited!(
                Level::Notice,
                id: log::id::ADDRESS_HAS_TOO_MANY,
                worker: self.index,
                peer: address,
                "{done}: its address has as many connections as it may (max_conn_c_per_addr)"
            ),
            TooMany::Handshakes => log::limited!(
                Level::Notice,
                id: log::id::ADDRESS_TOO_OFTEN,
                worker: self.index,
                peer: address,
                "{done}: its address connects too often (max_handshake_rate_per_addr)"
            ),
        }
    }

    /// Drops a connection that did not begin with a header of the PROXY protocol.
    pub(super) fn drop_unproxied(&mut self, slot: u32, why: &str) {
        count(&self.counters().unproxied);
        let peer = self.address(slot);
        log::limited!(
            Level::Warning,
            id: log::id::PROXY_HEADER_BAD,
            worker: self.index,
            peer: peer,
            "dropped: no good header of the PROXY protocol ({why}); its port demands one \
             (proxy_protocol)"
        );
        self.drop_connection(slot, CloseCode::ABNORMAL.get(), "");
    }
}

/// What decides whether an address may have one more connection.
pub(super) struct Gate<'a> {
    addresses: &'a Addresses,
    proxies: &'a Proxies,
    limits: &'a PerAddress,
    now: Millis,
}

/// As things are.
pub(super) fn gate<'a>(
    shared: &'a Shared,
    site: &'a Site,
    policy: &'a Policy,
    now: Millis,
) -> Gate<'a> {
    let (addresses, proxies) = (&shared.addresses, &site.proxies);
    Gate { addresses, proxies, limits: &policy.per_address, now }
}

impl Gate<'_> {
    /// Counts a connection for the address that has just become known of it, if any limit holds that:
    /// not for a unix socket, nor for this machine itself, nor for a trusted proxy, which stands for
    /// many.
    pub(super) fn enlist(
        &self,
        place: &mut Option<Ticket>,
        address: PeerAddress,
    ) -> Result<(), TooMany> {
        // It counts for one address at a time. The one before may have come to be trusted, by a
        // reload, between the accept and the request.
        if let Some(ticket) = place.take() {
            self.addresses.release(ticket);
        }
        match address.ip() {
            Some(ip) if !ip.is_loopback() && !self.proxies.trust(address) => {
                *place = Some(self.addresses.admit(ip, self.now, self.limits)?);
            }
            _ => {}
        }
        Ok(())
    }
}

/// Counts a connection that another process has let in, whatever its address has by now.
pub(super) fn reenlist(
    addresses: &Addresses,
    proxies: &Proxies,
    address: PeerAddress,
) -> Option<Ticket> {
    let ip = address.ip().filter(|ip| !ip.is_loopback() && !proxies.trust(address))?;
    addresses.admit(ip, Millis(0), &PerAddress::default()).ok()
}

/// Stops counting a connection.
pub(super) fn release<S>(shared: &Shared, peer: &mut Peer<S>) {
    if let Some(ticket) = peer.ticket.take() {
        shared.addresses.release(ticket);
    }
}

/// Answers for an address that has too much, before or after its request.
pub(super) fn refuse(
    connection: &mut Connection,
    too_many: TooMany,
    head_only: bool,
    out: &mut Vec<u8>,
) -> Step {
    response(too_many).write(head_only, out);
    connection.refuse();
    Step::Crowded(too_many)
}

/// The response to a connection too many.
fn response(too_many: TooMany) -> Response {
    Response::too_many_requests(match too_many {
        TooMany::Connections => "Your network has too many connections here; try again later.",
        TooMany::Handshakes => "Your network connects too often; try again later.",
    })
}

#[cfg(test)]
mod tests;
