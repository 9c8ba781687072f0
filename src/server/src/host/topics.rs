//! The topics of one app, as its side needs to know them: on which workers each has how many
//! subscribers, and which topics each client has. A topic without subscribers is forgotten, and a
//! client without topics is not in here.
//! Not for: the subscribers of a topic, whom only their workers know (`worker::topics`).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::message::{ClientId, TopicRow, TopicTable};

/// How many topics an app may have. Read for each subscription, and changed by a reload: of those that
/// there are all stay.
#[derive(Debug)]
pub struct TopicLimits {
    per_client: AtomicUsize,
    per_app: AtomicUsize,
}

impl TopicLimits {
    /// So many that one client is subscribed to, and that have subscribers, at a time.
    pub fn new(per_client: usize, per_app: usize) -> Self {
        Self { per_client: per_client.into(), per_app: per_app.into() }
    }

    /// Lets there be so many from now on.
    pub fn set(&self, per_client: usize, per_app: usize) {
        self.per_client.store(per_client, Ordering::Relaxed);
        self.per_app.store(per_app, Ordering::Relaxed);
    }
}

/// The topics of an app that have subscribers.
#[derive(Debug)]
pub struct Topics {
    limits: Arc<TopicLimits>,
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
    pub fn new(limits: Arc<TopicLimits>) -> Self {
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
        let names = self.names(id);
        if known.as_ref().is_some_and(|known| names.iter().any(|name| Arc::ptr_eq(name, known))) {
            return Ok(None);
        }
        let (per_client, per_app) = (&self.limits.per_client, &self.limits.per_app);
        let per_app = per_app.load(Ordering::Relaxed);
        let is_one_too_many = known.is_none() && self.by_name.len() >= per_app;
        if is_one_too_many || names.len() >= per_client.load(Ordering::Relaxed) {
            return Err(LimitReached);
        }
        Ok(Some(self.add(id, known.unwrap_or_else(|| name.into()))))
    }

    /// What a client is subscribed to.
    fn names(&self, id: ClientId) -> &[Arc<[u8]>] {
        self.of_clients.get(&id).map_or(&[], Vec::as_slice)
    }

    /// Adds a subscription that there is not yet. The number of the topic.
    fn add(&mut self, id: ClientId, name: Arc<[u8]>) -> u64 {
        let topic = self.by_name.entry(Arc::clone(&name)).or_insert_with(|| {
            self.last_number += 1;
            Topic { number: self.last_number, presences: Vec::with_capacity(1) }
        });
        topic.count_in(id.worker());
        self.of_clients.entry(id).or_default().push(name);
        topic.number
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

    /// The numbers of the topics that a client is subscribed to.
    pub fn numbers(&self, id: ClientId) -> Vec<u64> {
        self.names(id).iter().filter_map(|name| Some(self.by_name.get(name)?.number)).collect()
    }

    /// All topics, for the next process.
    pub fn export(&self) -> TopicTable {
        let row = |name: &Arc<[u8]>| TopicRow { name: name.to_vec(), clients: Vec::new() };
        let mut topics: Vec<_> = self.by_name.keys().map(row).collect();
        let places: HashMap<_, _> = self.by_name.keys().zip(0..).collect();
        for (id, names) in &self.of_clients {
            let places = names.iter().filter_map(|name| places.get(name));
            places.for_each(|at: &usize| topics[*at].clients.push(*id));
        }
        TopicTable { topics }
    }

    /// Takes the topics of the process before, as far as their subscribers are known. Limits apply to
    /// what comes later.
    pub fn import(&mut self, table: &TopicTable, is_known: impl Fn(ClientId) -> bool) {
        for TopicRow { name, clients } in &table.topics {
            let known = self.by_name.get_key_value(&name[..]).map(|(name, _)| Arc::clone(name));
            let name = known.unwrap_or_else(|| name.as_slice().into());
            for id in clients.iter().copied().filter(|id| is_known(*id)) {
                if !self.names(id).contains(&name) {
                    self.add(id, Arc::clone(&name));
                }
            }
        }
    }

    /// Gives back the memory of what is no more.
    pub fn trim(&mut self) {
        self.by_name.shrink_to(2 * self.by_name.len());
        self.of_clients.shrink_to(2 * self.of_clients.len());
    }
}

#[cfg(test)]
mod tests;
