//! Upgrades about which an app decides, from the question to the answer and on to `open`; and the
//! values that it attaches to its clients.
//! Not for: what is read of the app's memory (`api::upgrade`), nor when a client has waited too long
//! for an answer, which its worker knows.
//!
//! Of each client that is asked about, the worker says in the end that it has entered or that it
//! will not, unless the app has refused it; so nothing stays here for ever.

use std::collections::HashMap;

use ringsocket_app::abi;
use ringsocket_proto::response::{self, Refusal};
use ringsocket_proto::{fields, upgrade};

use super::api::Attached;
use super::clients::{Client, Clients};
use super::context::{Context, Outcome};
use crate::message::{ClientId, Opening, Outbound};

/// Those who are not clients yet, and what belongs to those who are.
#[derive(Debug, Default)]
pub(super) struct Upgrades {
    asked: HashMap<ClientId, Asked>,
    values: HashMap<ClientId, Attached>,
}

/// A client that the app is asked about.
#[derive(Debug)]
pub(super) struct Asked {
    client: Client,
    /// A written [`Opening`].
    opening: Box<[u8]>,
    /// Once it is accepted.
    accepted: Option<Accepted>,
}

/// What a client is accepted with, until it enters.
#[derive(Debug)]
struct Accepted {
    /// Empty without one.
    subprotocol: Box<[u8]>,
    value: Option<Attached>,
}

/// What an app wishes the 101 to say.
#[derive(Debug)]
pub(super) struct Wishes<'a> {
    /// `None` for the server's choice; empty for none.
    pub(super) subprotocol: Option<&'a [u8]>,
    pub(super) headers: &'a [(&'a [u8], &'a [u8])],
}

impl Upgrades {
    /// Who asks, if it does.
    pub(super) fn client(&self, id: ClientId) -> Option<&Client> {
        self.asked.get(&id).map(|asked| &asked.client)
    }

    /// Gives the value of a client back.
    pub(super) fn detach(&mut self, id: ClientId) {
        if !self.values.is_empty() {
            self.values.remove(&id);
        }
    }

    /// Gives back the memory of what is no more.
    pub(super) fn trim(&mut self) {
        self.asked.shrink_to(2 * self.asked.len());
        self.values.shrink_to(2 * self.values.len());
    }

    /// Gives all values back.
    pub(super) fn clear(&mut self) {
        self.asked.clear();
        self.values.clear();
    }

    /// The client will not enter.
    pub(super) fn withdraw(&mut self, id: ClientId) {
        self.asked.remove(&id);
    }
}

impl Asked {
    /// The request, with the subprotocol that was agreed on.
    pub(super) fn opening(&self) -> Option<Opening<'_>> {
        let mut opening = Opening::read(&self.opening)?;
        if let Some(accepted) = &self.accepted {
            opening.subprotocol = &accepted.subprotocol;
        }
        Some(opening)
    }
}

/// The header lines of these fields.
fn lines<'a>(headers: &[(&'a [u8], &'a [u8])]) -> Result<Vec<u8>, std::ffi::c_int> {
    let size = headers.iter().fold(0usize, |size, (name, value)| {
        size.saturating_add(name.len()).saturating_add(value.len()).saturating_add(4)
    });
    if headers.len() > abi::RESPONSE_HEADER_MAX_C || size > abi::RESPONSE_HEADER_MAX_SIZE {
        return Err(abi::E_SIZE);
    }
    let mut lines = Vec::with_capacity(size);
    for (name, value) in headers {
        fields::append(name, value, &mut lines).map_err(|_| abi::E_ARG)?;
    }
    Ok(lines)
}

impl Context {
    /// The app's `upgrade` is about to be called for a client, or could be.
    pub(super) fn begin_upgrade(&mut self, id: ClientId, endpoint: u16, opening: &[u8]) {
        let Some(Opening { address, .. }) = Opening::read(opening) else { return };
        let client = Clients::client(id, endpoint, address);
        let asked = Asked { client, opening: opening.into(), accepted: None };
        self.upgrades.asked.insert(id, asked);
    }

    /// A client that was accepted has entered: its `open` is about to be called, with the request
    /// that is returned.
    pub(super) fn enter(&mut self, id: ClientId) -> Option<Asked> {
        let mut asked = self.upgrades.asked.remove(&id)?;
        let Client { endpoint, address, .. } = asked.client;
        self.begin_open(id, endpoint, address);
        let value = asked.accepted.as_mut().and_then(|accepted| accepted.value.take());
        if let Some(value) = value {
            self.upgrades.values.insert(id, value);
        }
        Some(asked)
    }

    /// The client, if there is something to decide about it.
    fn undecided(&mut self, id: ClientId) -> Result<&mut Asked, std::ffi::c_int> {
        if self.is_mute {
            return Err(abi::E_CALL);
        }
        let asked = self.upgrades.asked.get_mut(&id).filter(|asked| asked.accepted.is_none());
        asked.ok_or(abi::E_CLIENT)
    }

    /// Accepts a client's upgrade. `value` is called once nothing can go wrong any more.
    ///
    /// # Errors
    /// The codes of the header, here and below.
    pub(super) fn accept(
        &mut self,
        id: ClientId,
        wishes: &Wishes<'_>,
        value: impl FnOnce() -> Option<Attached>,
    ) -> Outcome {
        let asked = self.undecided(id)?;
        let opening = asked.opening().ok_or(abi::E_CLIENT)?;
        let subprotocol = wishes.subprotocol.unwrap_or(opening.subprotocol);
        let is_offered = |name| upgrade::offered(opening.headers()).any(|offer| offer == name);
        if !subprotocol.is_empty() && !is_offered(subprotocol) {
            return Err(abi::E_ARG);
        }
        let mut lines = lines(wishes.headers)?;
        let subprotocol: Box<[u8]> = subprotocol.into();
        if !subprotocol.is_empty() {
            upgrade::write_subprotocol(&subprotocol, &mut lines);
        }
        asked.accepted = Some(Accepted { subprotocol, value: value() });
        match self.outlets.sink_of(id) {
            Some(sink) => sink.accept(id, &lines),
            None => self.decide(id, &Outbound::accept_head(), &lines),
        }
        Ok(())
    }

    /// Refuses a client's upgrade.
    pub(super) fn refuse(
        &mut self,
        id: ClientId,
        status: u32,
        headers: &[(&[u8], &[u8])],
        content_type: &[u8],
        body: &[u8],
    ) -> Outcome {
        self.undecided(id)?;
        let status = u16::try_from(status).ok().filter(|status| response::is_refusal(*status));
        let status = status.ok_or(abi::E_CODE)?;
        if body.len() > abi::RESPONSE_BODY_MAX_SIZE
            || content_type.len() > abi::RESPONSE_HEADER_MAX_SIZE
        {
            return Err(abi::E_SIZE);
        }
        if !fields::is_value(content_type) {
            return Err(abi::E_ARG);
        }
        let lines = lines(headers)?;
        let content_type =
            if content_type.is_empty() { b"text/plain; charset=utf-8" } else { content_type };
        let refusal = Refusal { status, lines: &lines, content_type, body };
        let mut response = Vec::with_capacity(refusal.len_hint());
        refusal.write(&mut response);
        self.upgrades.asked.remove(&id);
        match self.outlets.sink_of(id) {
            Some(sink) => sink.refuse(id, status, &response),
            None => self.decide(id, &Outbound::refuse_head(status), &response),
        }
        Ok(())
    }

    /// Tells a client's worker what has been decided.
    fn decide(&mut self, id: ClientId, head: &[u8; crate::message::HEAD], payload: &[u8]) {
        if id.worker() < self.outlets.worker_c() {
            let frame = self.outlets.frame(&[], payload);
            self.outlets.send(id.worker(), head, &[id], &frame);
            self.outlets.done(frame);
        }
    }

    /// The value of a client, if it has one.
    pub(super) fn value(&self, id: ClientId) -> Result<Option<&Attached>, std::ffi::c_int> {
        self.known(id).ok_or(abi::E_CLIENT)?;
        Ok(self.upgrades.values.get(&id))
    }

    /// Gives a client a value, and what it had back. `value` is called only for an open client.
    pub(super) fn set_value(
        &mut self,
        id: ClientId,
        value: impl FnOnce() -> Option<Attached>,
    ) -> Outcome {
        // In `quit` all values have been given back already.
        self.clients.get(id).filter(|_| !self.is_quitting).ok_or(abi::E_CLIENT)?;
        match value() {
            Some(value) => drop(self.upgrades.values.insert(id, value)),
            None => self.upgrades.detach(id),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apps_are_told_rightly_which_fields_are_reserved() {
        let told: Vec<_> = abi::RESERVED_HEADERS.iter().map(|name| name.as_bytes()).collect();
        assert_eq!(told, fields::RESERVED);
    }
}
