//! What an app's context does in a restart that its clients live through: it takes what `save` writes,
//! and keeps what `restore` sends until the clients can be reached.
//! Not for: the order of all that (`app_loop::restart`).

use std::sync::Arc;

use ringsocket_app::abi;

use super::clients::Clients;
use super::context::{Context, Outcome};
use super::topics::Topics;
use crate::message::{ClientId, TopicTable};

/// What `save` has written.
#[derive(Debug, Default)]
pub(super) struct Writing {
    state: Vec<u8>,
    /// Something was too much, so the rest is worth nothing.
    is_cut: bool,
}

impl Context {
    /// The app's `save` is about to be called.
    pub(super) fn begin_save(&mut self) {
        self.writing = Some(Writing::default());
    }

    /// Appends to what is saved.
    ///
    /// # Errors
    /// The codes of the header.
    pub(super) fn write_state(&mut self, bytes: &[u8]) -> Outcome {
        let writing = self.writing.as_mut().ok_or(abi::E_CALL)?;
        if writing.is_cut || bytes.len() > abi::STATE_MAX_SIZE - writing.state.len() {
            *writing = Writing { state: Vec::new(), is_cut: true };
            return Err(abi::E_SIZE);
        }
        writing.state.extend_from_slice(bytes);
        Ok(())
    }

    /// The app's `save` has returned: all that it has written, or how many bytes it might have been.
    pub(super) fn end_save(&mut self) -> Result<Vec<u8>, usize> {
        match self.writing.take().unwrap_or_default() {
            Writing { is_cut: true, .. } => Err(abi::STATE_MAX_SIZE),
            Writing { state, .. } => Ok(state),
        }
    }

    /// Whoever is known is subscribed to what the table says, and to nothing else.
    pub(super) fn take_topics(&mut self, table: &TopicTable) {
        let clients = &self.clients;
        self.topics = Topics::new(Arc::clone(&self.facts.topics));
        self.topics.import(table, |id| clients.get(id).is_some());
    }

    /// The app's `restore` is about to be called: what it sends is kept.
    pub(super) fn begin_restore(&mut self) {
        self.is_opening = true;
    }

    /// The app has restored its state: its clients, each with the numbers of its topics, can be
    /// reached, and what it has sent goes out.
    pub(super) fn end_restore(&mut self, clients: &[(ClientId, Vec<u64>)]) {
        clients.iter().for_each(|(id, topics)| self.tell_reopened(*id, topics));
        self.release_kept();
    }

    /// The app has not done so: nobody is its client until `open` is called again, and what it has
    /// sent and attached meanwhile is nobody's.
    pub(super) fn forget_clients(&mut self) {
        self.drop_kept();
        self.upgrades.clear();
        self.clients = Clients::new(self.outlets.worker_c());
    }

    /// The app's `open` has returned for a client that has lived on, with topics of these numbers.
    pub(super) fn end_reopen(&mut self, id: ClientId, topics: &[u64]) {
        self.tell_reopened(id, topics);
        self.release_kept();
    }

    fn tell_reopened(&mut self, id: ClientId, topics: &[u64]) {
        self.tell_opened(id);
        topics.iter().for_each(|topic| self.tell_subscription_now(id, *topic, true));
    }
}
