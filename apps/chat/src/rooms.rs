//! Who is in which room, under which name. Knows nothing of messages.

use crate::ROOM_MAX;
use crate::allowance::Allowance;
use ringsocket_app::ClientId;
use std::collections::HashMap;

/// Somebody in a room.
#[derive(Debug)]
pub(crate) struct Member {
    room: String,
    pub(crate) name: String,
    pub(crate) allowance: Allowance,
}

/// All rooms. A room is there while somebody is in it, so there are no more rooms than clients.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    members: HashMap<ClientId, Member>,
    /// Who is in each room, in the order in which they came.
    rooms: HashMap<String, Vec<ClientId>>,
}

impl Rooms {
    /// Puts a client into a room, behind those who are there, and returns its name, made unique in
    /// that room. `None` if the room is full.
    pub(crate) fn join(
        &mut self,
        client: ClientId,
        room: &str,
        name: &str,
        allowance: Allowance,
    ) -> Option<String> {
        let here = self.rooms.get(room).map_or(&[][..], Vec::as_slice);
        if here.len() >= ROOM_MAX {
            return None;
        }
        let name = unique(name, self.names(here));
        let member = Member { room: room.to_owned(), name: name.clone(), allowance };
        self.members.insert(client, member);
        self.rooms.entry(room.to_owned()).or_default().push(client);
        Some(name)
    }

    /// Takes a client out of its room, and returns its name and who is left. `None` if it is in no
    /// room.
    pub(crate) fn leave(&mut self, client: ClientId) -> Option<(String, &[ClientId])> {
        let Member { room, name, .. } = self.members.remove(&client)?;
        let here = self.rooms.get_mut(&room)?;
        here.retain(|id| *id != client);
        if here.is_empty() {
            self.rooms.remove(&room);
            return Some((name, &[]));
        }
        Some((name, &self.rooms[&room]))
    }

    pub(crate) fn member_mut(&mut self, client: ClientId) -> Option<&mut Member> {
        self.members.get_mut(&client)
    }

    /// Everybody in the same room as a client, itself included. Nobody if it is in no room.
    pub(crate) fn room_of(&self, client: ClientId) -> &[ClientId] {
        let room = self.members.get(&client).and_then(|member| self.rooms.get(&member.room));
        room.map_or(&[], Vec::as_slice)
    }

    /// The names of these clients, in their order.
    pub(crate) fn names<'a>(&'a self, clients: &'a [ClientId]) -> impl Iterator<Item = &'a str> {
        let members = clients.iter().filter_map(|client| self.members.get(client));
        members.map(|member| member.name.as_str())
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.rooms.is_empty()
    }
}

/// The name, or the name with the first number from 2 that makes it differ from all that are taken,
/// whatever their case.
fn unique<'a>(name: &str, taken: impl Iterator<Item = &'a str>) -> String {
    let taken: Vec<String> = taken.map(str::to_lowercase).collect();
    let mut candidate = name.to_owned();
    let mut number = 2;
    while taken.contains(&candidate.to_lowercase()) {
        candidate = format!("{name} {number}");
        number += 1;
    }
    candidate
}
