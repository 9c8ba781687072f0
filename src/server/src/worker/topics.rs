//! Who is subscribed to which topic, of one app's clients on one worker. A publish walks the list of
//! its topic as a send to all walks the members, whoever else there is.
//! Not for: names of topics, and limits (`host::topics`).

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::Worker;
use super::deliver::token_of;
use super::net::Net;
use super::peer::Stage;
use crate::message::ClientId;

/// The topics of one app that have subscribers on this worker.
#[derive(Debug, Default)]
pub struct Topics {
    /// The subscribers of each topic, by its number. No list is empty.
    seats: HashMap<u64, Vec<Seat>>,
    /// The subscriptions of each client that has any, by its slot.
    tickets: HashMap<u32, Vec<Ticket>>,
}

/// A subscriber, as its topic sees it.
#[derive(Clone, Copy, Debug)]
pub struct Seat {
    /// The slot of the client.
    pub slot: u32,
    /// Index among the client's tickets.
    ticket: u32,
}

/// A subscription, as its client sees it.
#[derive(Clone, Copy, Debug)]
struct Ticket {
    topic: u64,
    /// Index in the topic's list.
    seat: u32,
}

impl Topics {
    /// The subscribers of a topic, in no particular order.
    pub fn subscribers(&self, topic: u64) -> &[Seat] {
        self.seats.get(&topic).map_or(&[], Vec::as_slice)
    }

    /// Adds a subscription that there is not yet.
    pub fn subscribe(&mut self, slot: u32, topic: u64) {
        let tickets = self.tickets.entry(slot).or_default();
        debug_assert!(tickets.iter().all(|ticket| ticket.topic != topic));
        let seats = self.seats.entry(topic).or_default();
        seats.push(Seat { slot, ticket: tickets.len() as u32 });
        tickets.push(Ticket { topic, seat: seats.len() as u32 - 1 });
    }

    /// Takes a subscription away, if there is one.
    pub fn unsubscribe(&mut self, slot: u32, topic: u64) {
        let Entry::Occupied(mut entry) = self.tickets.entry(slot) else { return };
        let tickets = entry.get_mut();
        let Some(at) = tickets.iter().position(|ticket| ticket.topic == topic) else { return };
        let seat = tickets.swap_remove(at).seat;
        if let Some(moved) = tickets.get(at) {
            if let Some(seats) = self.seats.get_mut(&moved.topic) {
                seats[moved.seat as usize].ticket = at as u32;
            }
        }
        if tickets.is_empty() {
            entry.remove();
        }
        self.vacate(topic, seat);
    }

    /// Takes all subscriptions of a client away. Nearly free where nobody has any.
    pub fn strike(&mut self, slot: u32) {
        if self.tickets.is_empty() {
            return;
        }
        for Ticket { topic, seat } in self.tickets.remove(&slot).unwrap_or_default() {
            self.vacate(topic, seat);
        }
    }

    /// Takes a seat away, whose ticket is gone.
    fn vacate(&mut self, topic: u64, seat: u32) {
        let Entry::Occupied(mut entry) = self.seats.entry(topic) else { return };
        let seats = entry.get_mut();
        seats.swap_remove(seat as usize);
        if let Some(moved) = seats.get(seat as usize) {
            if let Some(tickets) = self.tickets.get_mut(&moved.slot) {
                tickets[moved.ticket as usize].seat = seat;
            }
        }
        if seats.is_empty() {
            entry.remove();
        } else if seats.len() < seats.capacity() / 4 {
            seats.shrink_to(seats.len() * 2);
        }
    }

    /// Gives back the memory of what is no more.
    pub fn trim(&mut self) {
        self.seats.shrink_to(2 * self.seats.len());
        self.tickets.shrink_to(2 * self.tickets.len());
    }
}

impl<N: Net> Worker<N> {
    /// Has a subscription of an app's client begin or end. An id that has left is skipped: whatever
    /// it was subscribed to went with it.
    pub(super) fn set_subscription(
        &mut self,
        app: usize,
        client: Option<ClientId>,
        topic: u64,
        begins: bool,
    ) {
        let Some(client) = client else { return };
        let Some(peer) = self.peers.named(token_of(client)) else { return };
        if peer.stage != Stage::Member || usize::from(peer.app) != app {
            return;
        }
        let topics = &mut self.topics[app];
        if begins {
            topics.subscribe(client.slot(), topic);
        } else {
            topics.unsubscribe(client.slot(), topic);
        }
    }
}

#[cfg(test)]
mod tests;
