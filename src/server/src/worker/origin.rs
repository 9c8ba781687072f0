//! Where connections come from: what of it is known when they are accepted, and what proxies tell
//! later.

use ringsocket_proto::{CloseCode, Connection};

use super::net::{Accepted, Net};
use super::peer::Peer;
use super::{Worker, count};
use crate::log::{self, Level};

impl<N: Net> Worker<N> {
    /// Takes a connection that was just accepted, unless it comes from the wrong place.
    pub(super) fn receive_connection(&mut self, accepted: Accepted<N::Socket>) {
        let Accepted { address, entrance, .. } = accepted;
        let shared = &self.shared;
        let limits = &shared.policy.protocol;
        let entrance = shared.site.entrances.get(usize::from(entrance));
        let connection = if entrance.is_some_and(|entrance| entrance.proxy_protocol) {
            if !shared.site.proxies.trust(address) {
                count(&self.counters().unproxied);
                log::limited!(
                    Level::Warning,
                    worker: self.index,
                    peer: address,
                    "dropped: its port takes connections of proxies only (proxy_protocol), and \
                     trusted_proxies does not name it"
                );
                return;
            }
            Connection::behind_proxy(self.now, limits)
        } else {
            Connection::new(self.now, limits)
        };
        self.admit(Peer::new(accepted, connection));
    }

    /// Drops a connection that did not begin with a header of the PROXY protocol.
    pub(super) fn drop_unproxied(&mut self, slot: u32, why: &str) {
        count(&self.counters().unproxied);
        let peer = self.address(slot);
        log::limited!(
            Level::Warning,
            worker: self.index,
            peer: peer,
            "dropped: no good header of the PROXY protocol ({why}); its port demands one \
             (proxy_protocol)"
        );
        self.drop_connection(slot, CloseCode::ABNORMAL.get(), "");
    }
}
