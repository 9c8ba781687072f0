//! The topics of one app, as its side needs to know them: on which workers each has how many
//! subscribers, and which topics each client has. A topic without subscribers is forgotten, and a
//! client without topics is not in here.
//! Not for: the subscribers of a topic, whom only their workers know (`worker::topics`).

use std::collections::HashMap;
use std::sync::Arc;

use crate::message::ClientId;

/// How many topics there may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TopicLimits {
    /// That one client is subscribed to at a time.
    pub per_client: usize,
    /// That have subscribers at a time.
    pub per_app: usize,
}

/// The topics of an app that have subscribers.
#[derive(Debug)]
pub struct Topics {
    limits: TopicLimits,
    by_name: HashMap<Arc<[u8]>, Topic>,
    /// What each client that is subscribed to anything is subscribed to: names out of `by_name`, to
    /// be compared by their place in memory.
    of_clients: HashMap<ClientId, Vec<Arc<[u8]>>>,
    /// The last number given to a topic. None is given twice, so that a number which is on its way
    /// to a worker cannot come to mean another topic.
    last_number: u64,
}

/// A topic that has subscribers.
#[derive(Clone, Debug)]
pub struct Topic {
    /// What the workers know it by.
    pub number: u64,
    /// Where the subscribers are; none of these is 0.
    presences: Vec<Presence>,
}

#[derive(Clone, Copy, Debug)]
struct Presence {
    worker: usize,
    subscriber_c: usize,
}

/// A limit is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LimitReached;

impl Topic {
    /// The workers that have subscribers.
    pub fn workers(&self) -> impl Iterator<Item = usize> + '_ {
        self.presences.iter().map(|presence| presence.worker)
    }

    fn count_in(&mut self, worker: usize) {
        match self.presences.iter_mut().find(|presence| presence.worker == worker) {
            Some(presence) => presence.subscriber_c += 1,
            None => self.presences.push(Presence { worker, subscriber_c: 1 }),
        }
    }

    fn count_out(&mut self, worker: usize) {
        let Some(at) = self.presences.iter().position(|presence| presence.worker == worker) else {
            return;
        };
        self.presences[at].subscriber_c -= 1;
        if self.presences[at].subscriber_c == 0 {
            self.presences.swap_remove(at);
        }
    }
}

impl Topics {
    /// None yet.
    pub fn new(limits: TopicLimits) -> Self {
        Self { limits, by_name: HashMap::new(), of_clients: HashMap::new(), last_number: 0 }
    }

    /// The topic of this name, if it has subscribers.
    pub fn get(&self, name: &[u8]) -> Option<&Topic> {
        self.by_name.get(name)
    }

    /// Subscribes a client. The number of the topic, unless it was subscribed already.
    ///
    /// # Errors
    /// If it may have no more topics, or the app; then nothing has changed.
    pub fn subscribe(&mut self, id: ClientId, name: &[u8]) -> Result<Option<u64>, LimitReached> {
        let known = self.by_name.get_key_value(name).map(|(name, _)| Arc::clone(name));
        let names = self.of_clients.get(&id).map_or(&[][..], Vec::as_slice);
        if known.as_ref().is_some_and(|known| names.iter().any(|name| Arc::ptr_eq(name, known))) {
            return Ok(None);
        }
        let is_one_too_many = known.is_none() && self.by_name.len() >= self.limits.per_app;
        if is_one_too_many || names.len() >= self.limits.per_client {
            return Err(LimitReached);
        }
        let name = known.unwrap_or_else(|| name.into());
        let topic = self.by_name.entry(Arc::clone(&name)).or_insert_with(|| {
            self.last_number += 1;
            Topic { number: self.last_number, presences: Vec::with_capacity(1) }
        });
        topic.count_in(id.worker());
        self.of_clients.entry(id).or_default().push(name);
        Ok(Some(topic.number))
    }

    /// Ends a subscription. The number of the topic, if there was one.
    pub fn unsubscribe(&mut self, id: ClientId, name: &[u8]) -> Option<u64> {
        let (known, topic) = self.by_name.get_key_value(name)?;
        let number = topic.number;
        let names = self.of_clients.get_mut(&id)?;
        let at = names.iter().position(|name| Arc::ptr_eq(name, known))?;
        let name = names.swap_remove(at);
        if names.is_empty() {
            self.of_clients.remove(&id);
        }
        self.count_out(&name, id.worker());
        Some(number)
    }

    /// Ends all subscriptions of a client that is gone. Nearly free where nobody has any.
    pub fn leave(&mut self, id: ClientId) {
        if self.of_clients.is_empty() {
            return;
        }
        for name in self.of_clients.remove(&id).unwrap_or_default() {
            self.count_out(&name, id.worker());
        }
    }

    fn count_out(&mut self, name: &Arc<[u8]>, worker: usize) {
        let Some(topic) = self.by_name.get_mut(name) else { return };
        topic.count_out(worker);
        if topic.presences.is_empty() {
            self.by_name.remove(name);
        }
    }

    /// The subscribers of a topic. It takes a look at each client that has topics.
    pub fn subscribers(&self, name: &[u8]) -> impl Iterator<Item = ClientId> + '_ {
        let known = self.by_name.get_key_value(name).map(|(name, _)| name);
        let has = move |names: &[Arc<[u8]>]| {
            known.is_some_and(|known| names.iter().any(|name| Arc::ptr_eq(name, known)))
        };
        self.of_clients.iter().filter(move |(_, names)| has(names)).map(|(id, _)| *id)
    }

    /// Gives back the memory of what is no more.
    pub fn trim(&mut self) {
        self.by_name.shrink_to(2 * self.by_name.len());
        self.of_clients.shrink_to(2 * self.of_clients.len());
    }
}

#[cfg(test)]
mod tests;
