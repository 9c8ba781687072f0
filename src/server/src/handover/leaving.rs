//! The old process's part: to leave a parcel in the store.
//! Not for: making it.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use super::state::Heading;
use super::{CONNECTIONS, Parcel, SECRETS, STATE, carriage, secret_area, state};
use crate::sys::clock;
use crate::systemd::store::Store;

/// How long systemd may take to store it.
const STORE_WAIT: Duration = Duration::from_secs(10);

/// Why a parcel was not left, or perhaps not.
#[derive(Debug)]
#[non_exhaustive]
pub enum NotLeft {
    /// There is no service manager to leave it with. It is gone, with its connections.
    NoStore,
    /// What was being done, and why it failed. It is gone, with its connections.
    Failed(&'static str, io::Error),
    /// All of it was sent, and the service manager has not said in time that it has stored it. If it
    /// does so yet, the next process takes it up. Nothing of it is left here, so that no connection has
    /// two owners in either case; and none was closed in a way that its peer could not but believe.
    Unconfirmed(io::Error),
}

impl fmt::Display for NotLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotLeft::NoStore => f.write_str("there is no service manager to leave them with"),
            NotLeft::Failed(what, error) => write!(f, "cannot {what}: {error}"),
            NotLeft::Unconfirmed(error) => {
                write!(f, "systemd does not say that it has them: {error}")
            }
        }
    }
}

impl std::error::Error for NotLeft {}

/// Whether there is a service manager that may keep a parcel.
pub fn is_possible() -> bool {
    matches!(Store::find(), Ok(Some(_)))
}

/// Leaves a parcel for the next process, and waits until systemd has it. The process should end then.
///
/// # Errors
/// If it could not be left: what has been stored of it is then incomplete, which the next process
/// notices. Or if it is not known whether systemd has it.
pub fn leave(parcel: Parcel) -> Result<(), NotLeft> {
    let store = Store::find().map_err(|error| NotLeft::Failed("reach systemd", error))?;
    leave_in(&store.ok_or(NotLeft::NoStore)?, parcel, STORE_WAIT)
}

/// The same in a given store, which may take that long.
///
/// # Errors
/// As [`leave`].
pub fn leave_in(store: &Store, parcel: Parcel, patience: Duration) -> Result<(), NotLeft> {
    let failed = |what| move |error| NotLeft::Failed(what, error);
    let Parcel { connections, state, secrets } = parcel;
    // No two processes of one service leave anything in the same nanosecond of a boot.
    let id = clock::monotonic().as_nanos() as u64;
    let connection_c = u32::try_from(connections.len())
        .map_err(|_| NotLeft::Failed("count connections", io::ErrorKind::InvalidInput.into()))?;
    let sockets = carriage::load(id, &connections).map_err(failed("pack connections"))?;
    let area = secret_area::write(id, secrets.as_bytes()).map_err(failed("write secrets"))?;
    drop(secrets);
    let state =
        state::write(&Heading { id, connection_c }, &state).map_err(failed("write state"))?;
    // If something is there still, this process could not have it forgotten when it began.
    for name in [CONNECTIONS, SECRETS, STATE] {
        store.remove(name).map_err(failed("empty the store"))?;
    }
    for socket in &sockets {
        store.leave(CONNECTIONS, &[socket.as_fd()]).map_err(failed("store connections"))?;
    }
    store.leave(SECRETS, &[area.as_fd()]).map_err(failed("store secrets"))?;
    // The last one: with it all is whole.
    store.leave(STATE, &[state.as_fd()]).map_err(failed("store state"))?;
    store.wait(patience).map_err(NotLeft::Unconfirmed)
}
