//! `save` and `restore` of the table: how an app takes part in a restart of the server.
#![expect(unsafe_code, reason = "implements the C interface of an app")]

use super::{app, chain, guard};
use crate::context::borrow;
use crate::{App, ClientId, Level, abi};
use std::ffi::{c_int, c_void};

/// # Safety
///
/// As the header says of `save`.
pub(super) unsafe extern "C" fn save<A: App>(rs: *mut abi::Rs, state: *mut c_void) -> c_int {
    let mut is_saved = false;
    // SAFETY: the server calls this with its own `rs` and the state of `init`.
    let result = unsafe {
        guard::<A>(rs, "save", |cx| {
            let Some(saved) = app::<A>(state).save(cx) else { return Ok(()) };
            cx.write_state(&saved).map_err(|error| format!("the state was not saved: {error}"))?;
            is_saved = true;
            Ok(())
        })
    };
    if result == abi::CB_OK && !is_saved { abi::CB_REOPEN } else { result }
}

/// # Safety
///
/// As the header says of `restore`.
pub(super) unsafe extern "C" fn restore<A: App>(
    rs: *mut abi::Rs,
    state: *mut c_void,
    data: *const u8,
    size: usize,
    clients: *const abi::ClientId,
    client_c: usize,
) -> c_int {
    let mut is_restored = false;
    // SAFETY: the server calls this with its own `rs`, the state of `init`, and data and clients that
    // are valid during the call.
    let result = unsafe {
        guard::<A>(rs, "restore", |cx| {
            let ids = borrow(clients, client_c).iter();
            let clients: Vec<_> = ids.filter_map(|id| ClientId::new(*id)).collect();
            match app::<A>(state).restore(cx, borrow(data, size), &clients) {
                Ok(()) => is_restored = true,
                Err(error) => {
                    let text = format!("the state was not restored: {}", chain(&*error));
                    cx.log_at(Level::Warning, None, &text);
                }
            }
            Ok(())
        })
    };
    if result == abi::CB_OK && !is_restored { abi::CB_REOPEN } else { result }
}
