//! Calls that threads of an app's own have posted to it, and the C functions by which they do
//! (`acquire`, `post` and `release` of the interface).
//! Not for: how the calls get from thread to thread (`ringsocket_ring::Mailbox`).
#![expect(unsafe_code, reason = "pointers from and to apps that may be written in C")]

use std::ffi::{c_int, c_void};
use std::fmt;
use std::sync::Arc;

use ringsocket_app::abi;
use ringsocket_ring::{Collected, Mailbox, Unposted};

use super::api::context;
use crate::waker::Waker;

/// The way into one app from any thread. An `rs_handle_t *` points at one.
#[derive(Debug)]
pub struct Posted {
    mailbox: Mailbox<Call>,
    waker: Arc<Waker>,
}

impl Posted {
    /// For the app whose own thread is woken so.
    pub fn new(waker: Arc<Waker>) -> Self {
        Self { mailbox: Mailbox::new(abi::POSTED_MAX_C), waker }
    }

    /// Whether any call waits. For a thread about to sleep: after its announcement.
    #[inline]
    pub fn has_calls(&self) -> bool {
        self.mailbox.has_mail()
    }

    /// Takes all calls that wait, the oldest first.
    pub fn collect(&self) -> Collected<Call> {
        self.mailbox.collect()
    }

    /// Takes all calls that wait for the last time: what comes is refused.
    pub fn collect_last(&self) -> Collected<Call> {
        self.mailbox.close()
    }

    /// The app is not called any more: discards what waits, and refuses what comes.
    pub fn close(&self) {
        drop(self.collect_last());
    }
}

/// A function of the app, what it is to get, and how that is thrown away if it is never called.
pub struct Call {
    call: abi::CallFn,
    argument: *mut c_void,
    discard: Option<abi::DiscardFn>,
}

// SAFETY: the header tells apps that the argument goes to another thread.
unsafe impl Send for Call {}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}

impl Call {
    /// Makes the call, in place of discarding it.
    ///
    /// # Safety
    /// On the app's thread while no other callback runs, with its `rs` and its state.
    pub(super) unsafe fn make(mut self, rs: *mut abi::Rs, state: *mut c_void) -> c_int {
        self.discard = None;
        // SAFETY: a function of the app, called as the header says; its argument is used once.
        unsafe { (self.call)(rs, state, self.argument) }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(discard) = self.discard {
            // SAFETY: by the header's word this may happen on any thread; the argument is used once.
            unsafe { discard(self.argument) };
        }
    }
}

/// `acquire` of the interface.
pub(super) unsafe extern "C" fn acquire(rs: *mut abi::Rs) -> *mut abi::Handle {
    // SAFETY: called by an app from its callback, with what the callback was given.
    let rs = unsafe { context(rs) };
    match rs.context.posted() {
        Some(posted) => Arc::into_raw(posted).cast::<abi::Handle>().cast_mut(),
        None => std::ptr::null_mut(),
    }
}

/// `post` of the interface, from any thread.
pub(super) unsafe extern "C" fn post(
    handle: *mut abi::Handle,
    call: Option<abi::CallFn>,
    argument: *mut c_void,
    discard: Option<abi::DiscardFn>,
) -> c_int {
    let (false, Some(call)) = (handle.is_null(), call) else { return abi::E_ARG };
    // SAFETY: by the header's word what `acquire` returned, and not released before this returns.
    let posted = unsafe { &*handle.cast::<Posted>() };
    match posted.mailbox.post(Call { call, argument, discard }) {
        Ok(()) => {
            posted.waker.wake();
            abi::OK
        }
        Err(Unposted::Full(call)) => give_back(call, abi::E_LIMIT),
        Err(Unposted::Closed(call)) => give_back(call, abi::E_CALL),
    }
}

/// What was not posted stays the caller's.
fn give_back(mut call: Call, error: c_int) -> c_int {
    call.discard = None;
    error
}

/// `release` of the interface, from any thread.
pub(super) unsafe extern "C" fn release(handle: *mut abi::Handle) {
    if !handle.is_null() {
        // SAFETY: by the header's word what `acquire` returned, released once.
        drop(unsafe { Arc::from_raw(handle.cast::<Posted>().cast_const()) });
    }
}
