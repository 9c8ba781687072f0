//! The C interface of a restart that the app's clients live through: the calls of `save` and
//! `restore`, and what only those and a client's second `open` may ask for.
//! Not for: when they are called (`app_loop::restart`).
#![expect(unsafe_code, reason = "pointers from and to apps that may be written in C")]

use std::ffi::c_int;

use ringsocket_app::abi;

use super::{AppFault, Instance, bytes, context, status, verdict};
use crate::log;
use crate::message::{ClientId, Opening};

impl Instance {
    /// Calls `save`. What it has written; `None` if the app's clients are to be opened again, as it
    /// has none, says so, or has failed.
    pub fn save(&mut self) -> Option<Vec<u8>> {
        let save = self.callbacks.get().save?;
        self.context().begin_save();
        // SAFETY: a callback of a checked app, called as the header says: with its `rs`, and the state
        // that `init` has left.
        let result = unsafe { save(self.rs.cast(), self.state) };
        let written = self.context().end_save();
        let name = &self.context().facts.name;
        match (result, written) {
            (abi::CB_OK, Ok(state)) => return Some(state),
            (abi::CB_REOPEN, _) => {}
            (abi::CB_OK, Err(most)) => log::error!(
                app: name, "the app's state is larger than {most} bytes and cannot be kept: its \
                clients will be opened again"
            ),
            _ => log::error!(
                app: name, "{}: its clients will be opened again", AppFault("save")
            ),
        }
        None
    }

    /// Calls `restore` with what an earlier `save` has written, and with the clients that live on.
    /// False if they are to be opened again.
    ///
    /// # Errors
    /// If the callback reports a fatal error.
    pub fn restore(&mut self, data: &[u8], clients: &[ClientId]) -> Result<bool, AppFault> {
        let Some(restore) = self.callbacks.get().restore else { return Ok(false) };
        // A `ClientId` is a transparent `u64`.
        let (ids, id_c) = (clients.as_ptr().cast::<abi::ClientId>(), clients.len());
        // SAFETY: as in `save`; both slices stay where they are until the callback has returned.
        let result =
            unsafe { restore(self.rs.cast(), self.state, data.as_ptr(), data.len(), ids, id_c) };
        match result {
            abi::CB_REOPEN => Ok(false),
            result => verdict(result, "restore").map(|()| true),
        }
    }

    /// Calls `open` for a client that lives on, and that the context knows already.
    ///
    /// # Errors
    /// If the callback reports a fatal error.
    pub fn reopen(&mut self, client: ClientId, opening: &Opening<'_>) -> Result<(), AppFault> {
        self.context().is_resumed = true;
        let result = self.open(client, opening);
        self.context().is_resumed = false;
        result
    }
}

pub(super) unsafe extern "C" fn write_state(
    rs: *mut abi::Rs,
    data: *const u8,
    size: usize,
) -> c_int {
    // SAFETY: by the header's word, `size` bytes lie at `data`, until this function returns.
    let Some(data) = (unsafe { bytes(data, size) }) else { return abi::E_ARG };
    // SAFETY: called by an app from its callback, with what the callback was given.
    let rs = unsafe { context(rs) };
    status(rs.context.write_state(data))
}

pub(super) unsafe extern "C" fn is_resumed(rs: *mut abi::Rs) -> c_int {
    // SAFETY: called by an app from its callback, with what the callback was given.
    let rs = unsafe { context(rs) };
    c_int::from(rs.context.is_resumed)
}
