//! Calls that threads of the app have posted, for [`TestHost`](super::TestHost).
#![expect(unsafe_code, reason = "plays the server's part of the C interface")]

use super::table::world;
use crate::abi;
use std::collections::VecDeque;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// A function of the app, and what it is to get.
pub(super) struct PostedCall {
    pub(super) call: abi::CallFn,
    pub(super) argument: *mut c_void,
    discard: Option<abi::DiscardFn>,
}

// SAFETY: the interface tells apps that the argument goes to another thread.
unsafe impl Send for PostedCall {}

#[derive(Default)]
struct Calls {
    waiting: VecDeque<PostedCall>,
    is_over: bool,
}

/// Where they wait. A handle points at one.
#[derive(Default)]
pub(super) struct Posted {
    calls: Mutex<Calls>,
    arrived: Condvar,
}

impl Posted {
    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().expect("nothing panics with it in hand")
    }

    pub(super) fn next(&self) -> Option<PostedCall> {
        self.lock().waiting.pop_front()
    }

    /// Waits until there is one.
    pub(super) fn wait(&self, patience: Duration) {
        let is_empty = |calls: &mut Calls| calls.waiting.is_empty();
        let waited = self.arrived.wait_timeout_while(self.lock(), patience, is_empty);
        drop(waited.expect("nothing panics with it in hand"));
    }

    /// What waits is still to be made, and nothing comes after it.
    pub(super) fn refuse(&self) {
        self.lock().is_over = true;
    }

    /// The app is not called any more.
    pub(super) fn close(&self) {
        let mut calls = self.lock();
        calls.is_over = true;
        let left = std::mem::take(&mut calls.waiting);
        drop(calls);
        for call in left {
            if let Some(discard) = call.discard {
                // SAFETY: the app's function for this argument, which is not used again.
                unsafe { discard(call.argument) }
            }
        }
    }
}

pub(super) unsafe extern "C" fn host_acquire(rs: *mut abi::Rs) -> *mut abi::Handle {
    // SAFETY: the app hands over the context it was given.
    let world = unsafe { world(rs) };
    if world.callback == super::Callback::Quit {
        return ptr::null_mut();
    }
    Arc::into_raw(Arc::clone(&world.posted)).cast::<abi::Handle>().cast_mut()
}

pub(super) unsafe extern "C" fn host_post(
    handle: *mut abi::Handle,
    call: Option<abi::CallFn>,
    argument: *mut c_void,
    discard: Option<abi::DiscardFn>,
) -> c_int {
    let (false, Some(call)) = (handle.is_null(), call) else { return abi::E_ARG };
    // SAFETY: the app hands over what `host_acquire` gave it, and has not released it.
    let posted = unsafe { &*handle.cast::<Posted>() };
    let mut calls = posted.lock();
    if calls.is_over {
        return abi::E_CALL;
    }
    if calls.waiting.len() >= abi::POSTED_MAX_C {
        return abi::E_LIMIT;
    }
    calls.waiting.push_back(PostedCall { call, argument, discard });
    posted.arrived.notify_all();
    abi::OK
}

pub(super) unsafe extern "C" fn host_release(handle: *mut abi::Handle) {
    if !handle.is_null() {
        // SAFETY: as above, and it is released once.
        drop(unsafe { Arc::from_raw(handle.cast::<Posted>().cast_const()) });
    }
}
