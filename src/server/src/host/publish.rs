//! What an app may do with topics during a callback, in safe terms: subscriptions begin and end, and
//! messages are published.
//! Not for: who is subscribed to what (`topics`, and `worker::topics`).

use ringsocket_app::abi;
use ringsocket_proto::frame;

use super::context::{Context, Kept, Listed, Outcome, opcode};
use super::outlets::{Frame, LISTED_MAX, Outlets};
use super::topics::{LimitReached, Topic};
use crate::message::{ClientId, Outbound, Scope};

impl Context {
    /// Subscribes a client to a topic, if it is not yet.
    ///
    /// # Errors
    /// The codes of the header, here and below.
    pub fn subscribe(&mut self, id: ClientId, name: &[u8]) -> Outcome {
        self.check_subscription(id, name)?;
        let topic = self.topics.subscribe(id, name).map_err(|LimitReached| abi::E_LIMIT)?;
        topic.into_iter().for_each(|topic| self.tell_subscription(id, topic, true));
        Ok(())
    }

    /// Ends a subscription, if there is one.
    pub fn unsubscribe(&mut self, id: ClientId, name: &[u8]) -> Outcome {
        self.check_subscription(id, name)?;
        let topic = self.topics.unsubscribe(id, name);
        topic.into_iter().for_each(|topic| self.tell_subscription(id, topic, false));
        Ok(())
    }

    fn check_subscription(&self, id: ClientId, name: &[u8]) -> Outcome {
        if self.is_mute {
            return Err(abi::E_CALL);
        }
        if self.clients.get(id).is_none() {
            return Err(abi::E_CLIENT);
        }
        if self.is_opening && !self.has_room_to_keep(0) {
            return Err(abi::E_SIZE);
        }
        check_name(name)
    }

    /// Tells the client's worker, or will do so when `open` has returned.
    fn tell_subscription(&mut self, id: ClientId, topic: u64, begins: bool) {
        if self.is_opening {
            let kept = self.keep(Kept::Subscription { id, topic, begins }, 0);
            debug_assert!(kept.is_ok(), "there was room");
        } else {
            self.tell_subscription_now(id, topic, begins);
        }
    }

    pub(super) fn tell_subscription_now(&mut self, id: ClientId, topic: u64, begins: bool) {
        match self.outlets.sink_of(id) {
            Some(sink) => sink.subscription(id, topic, begins),
            None => {
                let head = Outbound::subscription_head(topic, begins);
                self.outlets.tell(id.worker(), &head, &[id], &[]);
            }
        }
    }

    /// Sends one message to all subscribers of a topic but those excepted.
    pub fn publish(
        &mut self,
        name: &[u8],
        is_text: bool,
        payload: &[u8],
        except: &[ClientId],
    ) -> Outcome {
        self.check_message(is_text, payload)?;
        check_name(name)?;
        if except.len() > LISTED_MAX {
            return self.publish_to_others(name, is_text, payload, except);
        }
        let Some(topic) = self.topics.get(name) else { return Ok(()) };
        if !self.is_opening {
            spread(&mut self.outlets, topic, is_text, payload, except);
            return Ok(());
        }
        // Kept with the workers that have subscribers now.
        let (topic, payload, except) = (topic.clone(), payload.to_vec(), except.to_vec());
        let bytes = payload.len() + size_of_val(&*except);
        self.keep(Kept::Publish { topic, is_text, payload, except }, bytes)
    }

    /// The same for more exceptions than fit into a record.
    fn publish_to_others(
        &mut self,
        name: &[u8],
        is_text: bool,
        payload: &[u8],
        except: &[ClientId],
    ) -> Outcome {
        let except: std::collections::HashSet<_> = except.iter().collect();
        let others = self.topics.subscribers(name).filter(|id| !except.contains(id));
        let others: Vec<_> = others.collect();
        self.send(is_text, payload, Scope::Listed, &others)
    }
}

fn check_name(name: &[u8]) -> Outcome {
    if name.is_empty() || name.len() > abi::TOPIC_MAX_SIZE { Err(abi::E_SIZE) } else { Ok(()) }
}

/// Sends a message to each worker that has subscribers of the topic: one record each.
pub(super) fn spread(
    outlets: &mut Outlets,
    topic: &Topic,
    is_text: bool,
    payload: &[u8],
    except: &[ClientId],
) {
    let (header, header_len) = frame::header(opcode(is_text), payload.len() as u64);
    let (header, scope) = (&header[..header_len], Scope::Subscribers(topic.number));
    let own = outlets.stand.as_ref().map(|stand| stand.worker);
    if let Some(stand) = outlets.stand.as_mut().filter(|it| topic.workers().any(|w| w == it.worker))
    {
        stand.sink().send(header, payload, scope, except);
    }
    let others = || topic.workers().filter(|worker| Some(*worker) != own);
    if others().next().is_some() {
        let frame = outlets.frame(header, payload);
        others().for_each(|worker| send_but(outlets, worker, scope, except, &frame));
        outlets.done(frame);
    }
}

/// Puts a record for all clients within `scope` but those excepted into the ring of one worker.
pub(super) fn send_but(
    outlets: &mut Outlets,
    worker: usize,
    scope: Scope,
    except: &[ClientId],
    frame: &Frame<'_>,
) {
    let mut listed = Listed::default();
    except.iter().filter(|id| id.worker() == worker).for_each(|id| listed.push(*id));
    let is_for_all = scope == Scope::AllExcept && listed.ids().is_empty();
    let scope = if is_for_all { Scope::All } else { scope };
    let head = Outbound::send_head(scope, listed.ids().len());
    outlets.send(worker, &head, listed.ids(), frame);
}
