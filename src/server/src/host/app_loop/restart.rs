//! An app in a restart that its clients live through: how it parks in the process that goes, and how
//! it takes its clients up in the one that comes.
//! Not for: connections, which are the workers' (they hand over what `message::taken_up` says), nor
//! what is called (`api::restart`).
//!
//! To park, an app waits for `Park` of every worker, which comes after all else that they have for it.
//! Then it makes the calls that its threads have posted, saves, tells every worker `Parked`, and ends:
//! `quit` is called, so that files are closed and threads joined before the next process begins, and
//! `quit` cannot send.

use std::sync::{Arc, OnceLock};

use super::AppLoop;
use super::batch::BATCH_TIME;
use crate::counted::counted;
use crate::host::api::{AppFault, Instance};
use crate::log;
use crate::message::{ClientId, Opening, Outbound, Resumed, Saved, TakenUp};

impl AppLoop {
    /// Where the app leaves what the next process needs, once it has parked. It is there before a
    /// worker hears [`Outbound::Parked`]; never, if the app fails.
    pub fn saved(&self) -> Arc<OnceLock<Saved>> {
        Arc::clone(&self.saved)
    }

    /// Takes up clients that have lived on: after `init`, and before the first turn. May wait for
    /// workers, which must run soon, to make room in the rings.
    ///
    /// If the app restores its state, all of them are its clients when this returns. If not, the next
    /// turns open them again, before anything else is done.
    pub fn restore(&mut self, taken_up: TakenUp) {
        let TakenUp { saved: Saved { state, topics, .. }, clients } = taken_up;
        let mut ids = Vec::with_capacity(clients.len());
        let context = self.instance.context();
        for Resumed { client, endpoint, opening } in &clients {
            if let Some(opening) = Opening::read(opening) {
                context.clients.insert(*client, *endpoint, opening.address);
                ids.push(*client);
            }
        }
        context.take_topics(&topics);
        match self.restore_state(state.as_deref(), &ids) {
            Ok(true) => {}
            Ok(false) => {
                let context = self.instance.context();
                context.take_topics(&topics);
                context.forget_clients();
                self.is_handed_back = !clients.is_empty();
                self.reopening = clients.into_iter();
            }
            Err(fault) => self.fault = Some(fault),
        }
        let outlets = &mut self.instance.context().outlets;
        outlets.publish();
        outlets.reclaim();
    }

    /// False if the clients are to be opened again.
    fn restore_state(&mut self, state: Option<&[u8]>, ids: &[ClientId]) -> Result<bool, AppFault> {
        let Some(state) = state else { return Ok(false) };
        let context = self.instance.context();
        let carried: Vec<_> = ids.iter().map(|id| (*id, context.topics.numbers(*id))).collect();
        context.begin_restore();
        if !self.instance.restore(state, ids)? {
            log::warning!(
                app: self.name, "the app does not take up the {} that it has saved: {} opened \
                again", counted(state.len(), "byte"), counted(ids.len(), "client")
            );
            return Ok(false);
        }
        self.instance.context().end_restore(&carried);
        Ok(true)
    }

    /// Opens some of those again whom the app has not restored. A turn like others: it takes about a
    /// batch's time.
    pub(super) fn reopen_some(&mut self) -> Result<(), AppFault> {
        let now = self.instance.context().clock;
        let until = now() + BATCH_TIME;
        let mut result = Ok(());
        for resumed in self.reopening.by_ref() {
            result = reopen(&mut self.instance, &resumed);
            if result.is_err() || now() > until {
                break;
            }
        }
        if self.reopening.as_slice().is_empty() {
            self.reopening = Vec::new().into_iter(); // with the memory
        }
        let outlets = &mut self.instance.context().outlets;
        outlets.publish();
        outlets.reclaim();
        result
    }

    /// The last turn of an app that all workers have told to park.
    pub(super) fn park(&mut self) -> Result<(), AppFault> {
        // What threads have posted till now is done; from now on they are told that it is too late.
        let late = self.instance.context().posted.collect_last();
        for call in self.calls.by_ref().chain(late) {
            self.instance.posted(call)?;
        }
        let state = self.instance.save();
        let context = self.instance.context();
        let (clients, topics) = (context.clients.endpoints().collect(), context.topics.export());
        let is_first = self.saved.set(Saved { state, clients, topics }).is_ok();
        debug_assert!(is_first, "an app parks once");
        let outlets = &mut self.instance.context().outlets;
        for worker in 0..outlets.worker_c() {
            outlets.tell(worker, &Outbound::parked_head(), &[], &[]);
        }
        outlets.publish();
        Ok(())
    }
}

/// Opens a client again. Those whose turn comes later cannot be reached yet.
fn reopen(instance: &mut Instance, resumed: &Resumed) -> Result<(), AppFault> {
    let Resumed { client, endpoint, opening } = resumed;
    let Some(opening) = Opening::read(opening) else { return Ok(()) };
    let carried = instance.context().topics.numbers(*client);
    instance.context().begin_open(*client, *endpoint, opening.address);
    instance.reopen(*client, &opening)?;
    instance.context().end_reopen(*client, &carried);
    Ok(())
}

#[cfg(test)]
mod tests;
