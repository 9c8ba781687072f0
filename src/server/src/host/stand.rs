//! The worker that stands in for an app's thread, as the app's context knows it during a call.
#![expect(unsafe_code, reason = "a reference that crosses code which may be written in C")]

use std::fmt;
use std::ptr::NonNull;

use crate::deputy::Sink;

/// A worker that runs the callback.
pub(super) struct Stand {
    /// Its number.
    pub(super) worker: usize,
    sink: NonNull<dyn Sink>,
}

impl Stand {
    /// Forgets how long the sink lives.
    ///
    /// # Safety
    /// The result must be dropped before `sink` ends, and `sink` not be used until then.
    pub(super) unsafe fn new(worker: usize, sink: &mut dyn Sink) -> Self {
        let sink: *mut (dyn Sink + '_) = sink;
        // SAFETY: the two types differ in a lifetime only, for which the caller vouches.
        let sink = unsafe { std::mem::transmute::<*mut (dyn Sink + '_), *mut dyn Sink>(sink) };
        // SAFETY: it was a reference.
        Self { worker, sink: unsafe { NonNull::new_unchecked(sink) } }
    }

    /// What the worker does for the app.
    #[inline]
    pub(super) fn sink(&mut self) -> &mut dyn Sink {
        // SAFETY: it was made of a mutable reference which, by the word of `new`'s caller, still
        // holds and is not used otherwise. The borrow of `self` keeps this the only one.
        unsafe { self.sink.as_mut() }
    }
}

impl fmt::Debug for Stand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stand").field("worker", &self.worker).finish_non_exhaustive()
    }
}
