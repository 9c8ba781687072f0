//! Topics as [`TestHost`] keeps them.

use super::TestHost;
use crate::{App, ClientId, abi};
use std::collections::BTreeSet;
use std::ffi::c_int;

/// Who is subscribed to what.
pub(super) struct Topics {
    subscriptions: BTreeSet<(abi::ClientId, Vec<u8>)>,
    max_per_client: usize,
    max_per_app: usize,
}

impl Default for Topics {
    /// With the server's limits, unless these are configured.
    fn default() -> Self {
        Self { subscriptions: BTreeSet::new(), max_per_client: 64, max_per_app: 1_000_000 }
    }
}

impl Topics {
    pub(super) fn has(&self, client: abi::ClientId, topic: &[u8]) -> bool {
        self.subscriptions.contains(&(client, topic.to_vec()))
    }

    pub(super) fn set(&mut self, client: abi::ClientId, topic: &[u8], begins: bool) -> c_int {
        if !begins {
            self.subscriptions.remove(&(client, topic.to_vec()));
        } else if !self.has(client, topic) {
            if !self.has_room(client, topic) {
                return abi::E_LIMIT;
            }
            self.subscriptions.insert((client, topic.to_vec()));
        }
        abi::OK
    }

    fn has_room(&self, client: abi::ClientId, topic: &[u8]) -> bool {
        let own_c = self.subscriptions.iter().filter(|(id, _)| *id == client).count();
        let topics: BTreeSet<_> = self.subscriptions.iter().map(|(_, topic)| &topic[..]).collect();
        own_c < self.max_per_client && (topics.contains(topic) || topics.len() < self.max_per_app)
    }

    pub(super) fn leave(&mut self, client: abi::ClientId) {
        self.subscriptions.retain(|(id, _)| *id != client);
    }
}

impl<A: App> TestHost<A> {
    /// Whether a client is subscribed to a topic.
    #[must_use]
    pub fn is_subscribed(&self, client: ClientId, topic: impl AsRef<[u8]>) -> bool {
        self.world().topics.has(client.get(), topic.as_ref())
    }

    /// Sets how many topics a client may be subscribed to, and how many the app may have: 64 and
    /// 1,000,000 before, as in a server that is not configured otherwise.
    pub fn limit_topics(&mut self, per_client: usize, per_app: usize) {
        let topics = &mut self.world_mut().topics;
        (topics.max_per_client, topics.max_per_app) = (per_client, per_app);
    }
}
