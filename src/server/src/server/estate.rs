//! What the process leaves for the next one, all of it together; and what that makes of it.
//! Not for: how it gets there ([`crate::handover`]), or what one worker or app leaves
//! ([`crate::worker::parked`], [`crate::message::Saved`]).
//!
//! The layout is that of postcard, of the types named here and of all that they hold. Whoever changes
//! one of them raises [`crate::handover::FORMAT`]; tests notice.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use ringsocket_tls::State;
use serde::{Deserialize, Serialize};

use crate::counted::counted;
use crate::handover::{NotLeft, Parcel, Secrets};
use crate::log;
use crate::message::{Opening, Resumed, Saved, TakenUp};
use crate::site::Site;
use crate::tls::{Terms, TicketKeys};
use crate::worker::parked::{Left, ParkedWorker};

/// What can be written down of it.
#[derive(Debug, Serialize, Deserialize)]
struct Estate {
    /// The moment, by the monotonic clock, from which workers count.
    start: Duration,
    /// Apps by their numbers: the name, and what each has left.
    apps: Vec<(String, Option<Saved>)>,
    workers: Vec<ParkedWorker>,
}

/// What one process leaves for the next.
pub(super) struct Heritage {
    /// The moment, by the monotonic clock, from which workers count.
    pub(super) start: Duration,
    /// Apps by their numbers: the name, and what each has left.
    pub(super) apps: Vec<(String, Option<Saved>)>,
    pub(super) workers: Vec<Left<OwnedFd>>,
    /// The keys of session tickets, as [`crate::tls`] writes them.
    pub(super) ticket_keys: Secrets,
}

/// It cannot be read.
#[derive(Debug)]
pub(super) struct Unreadable(pub(super) String);

impl Heritage {
    /// How many workers it takes for each of those that have left something to have an heir.
    pub(super) fn worker_c(&self) -> usize {
        self.workers.iter().map(|left| usize::from(left.worker.index) + 1).max().unwrap_or(0)
    }

    /// How many connections there are in it.
    pub(super) fn connection_c(&self) -> usize {
        self.workers.iter().map(|left| left.sockets.len()).sum()
    }

    /// What there is in a parcel; says in the log what is lost if that cannot be read.
    pub(super) fn open(parcel: Parcel) -> Option<Self> {
        let connection_c = parcel.connections.len();
        let heritage = Self::unpack(parcel).inspect_err(|Unreadable(why)| {
            log::error!(
                id: log::id::NOT_TAKEN_UP,
                "lost {}, as what was left of them cannot be used: {why}",
                counted(connection_c, "connection")
            );
        });
        heritage.ok()
    }

    /// The terms of TLS under which tickets were given, as far as tickets are concerned.
    pub(super) fn tickets(&self) -> Option<Terms> {
        let keys = self.ticket_keys.as_bytes();
        if keys.is_empty() {
            return None; // there was no TLS
        }
        match TicketKeys::import(keys) {
            Ok(keys) => Some(Terms::of_tickets(keys)),
            Err(why) => {
                log::info!("session tickets of before are worth nothing: {why}");
                None
            }
        }
    }

    /// Wraps it up.
    ///
    /// # Errors
    /// If it cannot be written, of which there is no case known.
    pub(super) fn pack(self) -> Result<Parcel, NotLeft> {
        let Self { start, apps, workers, ticket_keys } = self;
        let (mut connections, mut secrets) = (Vec::new(), Secrets::default());
        write_secret(&mut secrets, ticket_keys.len(), |room| {
            room.copy_from_slice(ticket_keys.as_bytes());
        });
        let mut parked = Vec::new();
        for Left { worker, sockets, secrets: states } in workers {
            parked.push(worker);
            connections.extend(sockets);
            for state in states {
                write_secret(&mut secrets, state.len(), |room| {
                    state.write(room);
                });
            }
        }
        let estate = Estate { start, apps, workers: parked };
        let state = postcard::to_stdvec(&estate);
        drop(estate); // it may be large
        let state = state.map_err(|error| {
            NotLeft::Failed("write it down", io::Error::other(error.to_string()))
        })?;
        Ok(Parcel { connections, state, secrets })
    }

    /// Unwraps it.
    pub(super) fn unpack(parcel: Parcel) -> Result<Self, Unreadable> {
        let Parcel { connections, state, secrets } = parcel;
        let garbage = || Unreadable("it makes no sense".to_owned());
        let (estate, surplus): (Estate, _) =
            postcard::take_from_bytes(&state).map_err(|error| Unreadable(error.to_string()))?;
        if !surplus.is_empty() {
            return Err(garbage());
        }
        let mut rest = secrets.as_bytes();
        let mut ticket_keys = Secrets::default();
        ticket_keys.extend(read_secret(&mut rest).ok_or_else(garbage)?);
        let mut connections = VecDeque::from(connections);
        let mut workers = Vec::new();
        let mut indices: Vec<_> = estate.workers.iter().map(|worker| worker.index).collect();
        indices.dedup();
        if !indices.is_sorted() || indices.len() != estate.workers.len() {
            return Err(garbage());
        }
        for worker in estate.workers {
            let (socket_c, secured_c) = worker.counts();
            if socket_c > connections.len() {
                return Err(garbage());
            }
            let sockets = connections.drain(..socket_c).collect();
            let state = |_| State::read(read_secret(&mut rest)?).ok();
            let states: Option<Vec<_>> = (0..secured_c).map(state).collect();
            workers.push(Left { worker, sockets, secrets: states.ok_or_else(garbage)? });
        }
        if !connections.is_empty() || !rest.is_empty() {
            return Err(garbage());
        }
        Ok(Self { start: estate.start, apps: estate.apps, workers, ticket_keys })
    }

    /// What the apps of these names take up, in the order of the numbers that they have now; of the
    /// clients of the first `worker_c` workers.
    pub(super) fn bequeath(&mut self, names: &[&str], worker_c: usize, site: &Site) -> Bequests {
        let mut bequests = Bequests::default();
        let heirs = |left: &&Left<OwnedFd>| usize::from(left.worker.index) < worker_c;
        for (old, (name, saved)) in self.apps.drain(..).enumerate() {
            let new = names.iter().position(|other| *other == name);
            let (Some(new), Some(saved)) = (new, saved) else { continue };
            let endpoints: HashMap<_, _> = saved.clients.iter().copied().collect();
            let clients = self
                .workers
                .iter()
                .filter(heirs)
                .flat_map(|left| left.worker.clients_of(old as u16));
            let clients = clients.filter_map(|(client, address)| {
                let endpoint = *endpoints.get(&client)?;
                let mut opening = Vec::new();
                let path = site.path_of(new as u16, endpoint).as_bytes();
                let texts = [path, b"", b"", b""];
                Opening::write(address, texts, None, std::iter::empty(), &mut opening);
                Some(Resumed { client, endpoint, opening: opening.into() })
            });
            let clients = clients.collect();
            bequests.numbers.insert(old as u16, new as u16);
            bequests.taken_up.insert(new, TakenUp { saved, clients });
        }
        bequests
    }
}

/// What is whose now.
#[derive(Default)]
pub(super) struct Bequests {
    /// The numbers of apps by those that they had before.
    pub(super) numbers: HashMap<u16, u16>,
    /// What each app takes up, by its number.
    pub(super) taken_up: HashMap<usize, TakenUp>,
}

/// Adds a secret of so many bytes, behind its length.
fn write_secret(secrets: &mut Secrets, len: usize, write: impl FnOnce(&mut [u8])) {
    secrets.extend(&(len as u32).to_be_bytes());
    secrets.write(len, |room| {
        write(room);
        len
    });
}

/// Takes one off the front.
fn read_secret<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (len, behind) = rest.split_first_chunk()?;
    let (secret, behind) = behind.split_at_checked(u32::from_be_bytes(*len) as usize)?;
    *rest = behind;
    Some(secret)
}
