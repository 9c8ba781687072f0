//! Who is in which room, under which name, and what was said there. Knows nothing of messages.

use crate::history::{History, Line};
use crate::words::{self, Look};
use ringsocket_app::ClientId;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Most people in a room: each line is sent to all of them.
pub(crate) const ROOM_MAX: usize = 200;
/// Most rooms: each may have 64 KiB of lines.
pub(crate) const ROOMS_MAX: usize = 1000;
/// How long the lines of a room are kept after the last one has left it.
pub(crate) const KEPT_FOR: Duration = Duration::from_secs(3600);

#[derive(Debug, Default)]
pub(crate) struct Rooms {
    by_name: HashMap<String, Room>,
}

#[derive(Debug, Default)]
pub(crate) struct Room {
    /// In the order in which they came.
    members: Vec<Member>,
    history: History,
    /// When the last one left, if they all have.
    empty_since: Option<Instant>,
}

#[derive(Debug)]
struct Member {
    client: ClientId,
    name: String,
    look: Look,
}

impl Rooms {
    /// Puts a client into a room, behind those who are there, and returns its name, made unique in
    /// that room; or says why it cannot.
    pub(crate) fn join(
        &mut self,
        client: ClientId,
        room: &str,
        name: &str,
    ) -> Result<String, &'static str> {
        if !self.by_name.contains_key(room) && self.by_name.len() >= ROOMS_MAX {
            self.forget_oldest().ok_or("there are too many rooms")?;
        }
        let room = self.by_name.entry(room.to_owned()).or_default();
        if room.members.len() >= ROOM_MAX {
            return Err("the room is full");
        }
        let (name, look) = room.unique(name);
        room.members.push(Member { client, name: name.clone(), look });
        room.empty_since = None;
        Ok(name)
    }

    /// Takes a client out of a room, and returns its name. `None` if it is not there.
    pub(crate) fn leave(&mut self, client: ClientId, name: &str, now: Instant) -> Option<String> {
        let room = self.by_name.get_mut(name)?;
        let at = room.members.iter().position(|member| member.client == client)?;
        let member = room.members.remove(at);
        if room.members.is_empty() {
            room.empty_since = Some(now);
            if room.history.lines().is_empty() {
                self.by_name.remove(name);
            }
        }
        Some(member.name)
    }

    /// Notes what a client says. `None` if it is not in that room.
    pub(crate) fn say(
        &mut self,
        client: ClientId,
        room: &str,
        text: String,
        now: u64,
    ) -> Option<&Line> {
        let room = self.by_name.get_mut(room)?;
        let member = room.members.iter().find(|member| member.client == client)?;
        Some(room.history.add(now, &member.name, text))
    }

    pub(crate) fn get(&self, room: &str) -> Option<&Room> {
        self.by_name.get(room)
    }

    /// All rooms, with their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Room)> {
        self.by_name.iter().map(|(name, room)| (name.as_str(), room))
    }

    /// Adds a room of before.
    pub(crate) fn put(&mut self, name: String, room: Room) {
        self.by_name.insert(name, room);
    }

    /// Everybody.
    pub(crate) fn clients(&self) -> impl Iterator<Item = ClientId> + '_ {
        self.by_name.values().flat_map(|room| &room.members).map(|member| member.client)
    }

    /// Forgets the rooms that have been empty for [`KEPT_FOR`], and says when the next one's time is
    /// up, if there is one.
    pub(crate) fn forget(&mut self, now: Instant) -> Option<Duration> {
        let end = |room: &Room| room.empty_since.map(|since| since + KEPT_FOR);
        self.by_name.retain(|_, room| end(room).is_none_or(|end| end > now));
        self.by_name.values().filter_map(end).min().map(|end| end - now)
    }

    /// Forgets the room that has been empty for longest, if one is.
    fn forget_oldest(&mut self) -> Option<Room> {
        let empty = self.by_name.iter().filter_map(|(name, room)| Some((room.empty_since?, name)));
        let (_, oldest) = empty.min()?;
        let oldest = oldest.clone();
        self.by_name.remove(&oldest)
    }
}

impl Room {
    /// One of before, in which nobody is yet.
    pub(crate) fn of(history: History, empty_since: Option<Instant>) -> Self {
        Self { members: Vec::new(), history, empty_since }
    }

    /// Somebody of before, under the name of before.
    pub(crate) fn readmit(&mut self, client: ClientId, name: String) {
        self.members.push(Member { client, look: words::look(&name), name });
    }

    /// Who is here, under which name.
    pub(crate) fn members(&self) -> impl Iterator<Item = (ClientId, &str)> {
        self.members.iter().map(|member| (member.client, member.name.as_str()))
    }

    /// When the last one left, if they all have.
    pub(crate) fn empty_since(&self) -> Option<Instant> {
        self.empty_since
    }

    /// The names of who is here.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.members.iter().map(|member| member.name.as_str()).collect()
    }

    pub(crate) fn history(&self) -> &History {
        &self.history
    }

    /// The name, or the name with the first number from 2 that makes it look unlike all others here.
    fn unique(&self, name: &str) -> (String, Look) {
        let numbered = (2..).map(|number| format!("{name} {number}"));
        let candidates = std::iter::once(name.to_owned()).chain(numbered);
        candidates
            .map(|name| (words::look(&name), name))
            .find(|(look, _)| !self.members.iter().any(|member| member.look.resembles(look)))
            .map(|(look, name)| (name, look))
            .expect("there are more numbers than members")
    }
}
