//! Limits and times of connections, and what it takes to change them while connections are open.
//! Not for: what keeps them, which is all over this room, or where they come from (the configuration).
//!
//! A change is for what begins from then on. Nobody is closed for what he had or did before: who is
//! one too many stays, a message ends under the limits under which it has begun, a wait that is cut
//! down begins anew where the peer would be late at once, and what may wait or be held in part has a
//! while to become as little as it should be (`Leniency`).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ringsocket_proto::deflate::Terms;
use ringsocket_proto::{Limits, Millis, Phase};

use super::addresses::PerAddress;
use super::allowance::{self, Rates};
use super::net::Net;
use super::press::{Compression, Press};
use super::{Counters, Worker};

/// Limits and times of connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Those that the protocol keeps.
    pub protocol: Limits,
    /// What one connection may send per second.
    pub rates: Rates,
    /// What the connections of one address may do together.
    pub per_address: PerAddress,
    /// Bytes that may wait for one peer to take them before it is closed with 1013. A single
    /// message that is larger may wait alone.
    pub max_backpressure: usize,
    /// Bytes that heads and messages which have come in part may hold, of all connections of a
    /// worker, before the one that holds most is closed with 1013.
    pub partial_budget: usize,
    /// Bytes of payloads that may be on their way to an app by pointer; what an app starts with is
    /// said with it.
    pub block_budget: usize,
    /// How long a peer may take nothing of what waits for it.
    pub write_stall: Duration,
    /// How long a peer may stay after an HTTP response that ends the connection.
    pub shutdown_wait_http: Duration,
    /// How long a peer may take to answer a Close frame, or to go after the closing handshake.
    pub shutdown_wait_ws: Duration,
    /// How long stopping may take.
    pub stop: Duration,
    /// Connections in all.
    pub max_connections: usize,
    /// TLS handshakes of a worker that may be under way.
    pub max_handshakes: usize,
    /// Size in bytes of a worker's receive buffer.
    pub receive_buffer: usize,
    /// How messages are compressed; `None`: not at all.
    pub compression: Option<Compression>,
}

impl Policy {
    /// What may be agreed on about compression with the next client.
    pub(super) fn terms(&self, counters: &[Counters]) -> Option<Terms> {
        let Compression { terms, takeover_c, .. } = self.compression?;
        let takeovers = |counters: &Counters| counters.takeovers.load(Ordering::Relaxed);
        let in_all: usize = counters.iter().map(takeovers).sum();
        let may_take_over = in_all < takeover_c;
        Some(Terms {
            client_takeover: terms.client_takeover && may_take_over,
            server_takeover: terms.server_takeover && may_take_over,
            ..terms
        })
    }
}

/// For so long a larger limit holds on after it has been cut down: time for a slow peer to take what
/// waits for it, and for messages that have begun to come whole.
const LENIENCY: Duration = Duration::from_secs(60);

/// Limits of what waits or is held that were larger before.
#[derive(Debug, Default)]
pub(super) struct Leniency {
    until: Millis,
    max_backpressure: usize,
    partial_budget: usize,
}

impl<N: Net> Worker<N> {
    /// Keeps to another policy from now on.
    pub(super) fn adopt(&mut self, policy: Arc<Policy>) {
        if policy == self.policy {
            return; // as when only apps come and go
        }
        self.leniency = Leniency {
            until: self.now + LENIENCY,
            max_backpressure: self.lenient_max_backpressure(),
            partial_budget: self.policy.partial_budget.max(self.lenient_partial_budget()),
        };
        let old = std::mem::replace(&mut self.policy, policy);
        let new = &self.policy;
        self.peers.set_limit(new.max_connections);
        if old.receive_buffer != new.receive_buffer {
            self.receive_buffer = vec![0; new.receive_buffer].into();
        }
        if old.block_budget != new.block_budget {
            self.to_apps.iter_mut().for_each(|to_app| to_app.set_block_budget(new.block_budget));
        }
        if old.compression != new.compression {
            self.change_compression();
        }
        for slot in self.peers.in_use() {
            self.adapt(slot, &old);
        }
    }

    /// Of what has been agreed on, clients keep their word, and we ours: a message need not be
    /// compressed (RFC 7692 section 6), and what a client compresses is inflated in any case.
    fn change_compression(&mut self) {
        self.press = self.policy.compression.map(Press::new);
        let made = self.counters().compressed.load(Ordering::Relaxed);
        self.press.iter_mut().for_each(|press| press.made = made);
    }

    /// Has a connection that is there be subject to the policy, which was another before.
    fn adapt(&mut self, slot: u32, old: &Policy) {
        let (now, new) = (self.now, &self.policy);
        let Some(peer) = self.peers.get_mut(slot) else { return };
        let is_over = |limits| peer.connection.deadline(limits).is_some_and(|at| at <= now);
        let is_late = is_over(&new.protocol) && !is_over(&old.protocol);
        // Who has only been silent is sent a ping at once, which does him no harm.
        if is_late && !peer.connection.is_at_ease() {
            peer.connection.restart_wait(now);
        }
        if old.rates != new.rates && peer.connection.phase() == Phase::Open {
            allowance::change(&mut peer.allowance, &new.rates, now);
        }
        self.remind(slot);
    }

    /// What may wait for one peer.
    pub(super) fn lenient_max_backpressure(&self) -> usize {
        let Leniency { until, max_backpressure, .. } = self.leniency;
        let most = self.policy.max_backpressure;
        if self.now < until { most.max(max_backpressure) } else { most }
    }

    /// What may be held in part, if that is more than the policy says.
    #[cold]
    pub(super) fn lenient_partial_budget(&self) -> usize {
        if self.now < self.leniency.until { self.leniency.partial_budget } else { 0 }
    }
}

#[cfg(test)]
mod tests;
