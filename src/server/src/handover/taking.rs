//! The new process's part: to take up what the one before it has left, once, or to drop it.
//! Not for: what to do with it.

use std::fmt;
use std::os::fd::OwnedFd;

use super::carriage::{self, Part};
use super::state::{self, Broken, Heading};
use super::{CONNECTIONS, PREFIX, Parcel, SECRETS, STATE, Secrets, secret_area};
use crate::counted::counted;
use crate::log;
use crate::systemd::inherited::Inherited;
use crate::systemd::store::Store;

/// What the process before this one has left.
#[derive(Debug, Default)]
pub struct Taken {
    /// All of it; `None` if it has left nothing, or nothing whole.
    pub parcel: Option<Parcel>,
    /// What has been lost, for the log.
    pub loss: Option<Loss>,
}

/// A hand-over that cannot be used, and was dropped.
#[derive(Debug)]
pub struct Loss {
    /// Connections that were closed.
    pub connection_c: usize,
    /// Why.
    pub why: Broken,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Loss { connection_c, why } = self;
        write!(
            f,
            "what the process before this one has left cannot be used, which loses {}: {why}",
            counted(*connection_c, "connection")
        )
    }
}

/// Takes what the process before this one has left out of what was inherited, and has systemd forget
/// it. What belongs to no hand-over stays.
pub fn take_up(inherited: &mut Vec<Inherited>) -> Taken {
    let store = Store::find().unwrap_or_else(|error| {
        log::error!("cannot reach systemd: {error}");
        None
    });
    take_up_from(store.as_ref(), inherited)
}

/// The same with a given store.
pub fn take_up_from(store: Option<&Store>, inherited: &mut Vec<Inherited>) -> Taken {
    let all = std::mem::take(inherited);
    let (ours, others): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|one| one.name.starts_with(PREFIX));
    *inherited = others;
    if ours.is_empty() {
        return Taken::default();
    }
    let mut names: Vec<String> = ours.iter().map(|one| one.name.clone()).collect();
    names.sort_unstable();
    names.dedup();
    let taken = open(ours);
    for name in names {
        if let Some(Err(error)) = store.map(|store| store.remove(&name)) {
            log::error!("cannot have systemd forget {name}: {error}");
        }
    }
    taken
}

/// Joins the parts of what was left, or says what is lost.
fn open(left: Vec<Inherited>) -> Taken {
    let (mut areas, mut states, mut sockets) = (Vec::new(), Vec::new(), Vec::new());
    for Inherited { fd, name } in left {
        match name.as_str() {
            SECRETS => areas.push(fd),
            STATE => states.push(fd),
            CONNECTIONS => sockets.push(fd),
            _ => {} // of another version, whose state says so
        }
    }
    // First of all, and whatever else there is.
    let secrets = only(areas, Broken::NoSecrets, secret_area::take);
    let state = only(states, Broken::NoState, |memfd| {
        let bytes = state::bytes(memfd).map_err(|error| Broken::Failed("read state", error))?;
        let (heading, _) = state::read(&bytes)?;
        Ok((heading, bytes))
    });
    let stated = state.as_ref().map_or(0, |(heading, _)| heading.connection_c as usize);
    let mut parts = Vec::new();
    // Whoever has taken the secrets may be receiving the connections.
    let unloaded = match secrets {
        Err(Broken::TakenBefore) => Ok(()),
        _ => sockets.iter().try_for_each(|socket| carriage::unload(socket, &mut parts)),
    };
    let found = carriage::count(&parts);
    let unloaded = unloaded.map_err(|error| Broken::Failed("receive connections", error));
    match unloaded.and_then(|()| join(state, secrets, parts)) {
        Ok(parcel) => Taken { parcel: Some(parcel), loss: None },
        Err(why) => {
            let connection_c = found.max(stated);
            Taken { parcel: None, loss: Some(Loss { connection_c, why }) }
        }
    }
}

/// What `take` gives for the one descriptor that there should be. All others are dealt with too.
fn only<T>(
    fds: Vec<OwnedFd>,
    none: Broken,
    take: impl FnMut(OwnedFd) -> Result<T, Broken>,
) -> Result<T, Broken> {
    let mut taken: Vec<_> = fds.into_iter().map(take).collect();
    match taken.len() {
        0 | 1 => taken.pop().unwrap_or(Err(none)),
        _ => Err(Broken::Several),
    }
}

fn join(
    state: Result<(Heading, Vec<u8>), Broken>,
    secrets: Result<(u64, Secrets), Broken>,
    parts: Vec<Part>,
) -> Result<Parcel, Broken> {
    let (heading, mut state) = state?;
    let (id, secrets) = secrets?;
    if id != heading.id {
        return Err(Broken::Mixed);
    }
    let connections = carriage::join(&heading, parts)?;
    state.drain(..state::HEADING);
    Ok(Parcel { connections, state, secrets })
}
