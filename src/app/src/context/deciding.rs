//! Decisions about upgrades, and values that belong to clients, on their way to the server.
//! Not for: what they are (`upgrade`).
#![expect(unsafe_code, reason = "calls the server's C functions and hands values through them")]

use super::Context;
use crate::upgrade::{Accept, Refusal, raw};
use crate::{ClientId, Error, abi};
use std::any::Any;
use std::ffi::c_void;
use std::mem::size_of;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

/// A value as the server keeps it: its pointer points at one of these in a box.
type Value = Box<dyn Any + Send>;

/// Gives a value back.
///
/// # Safety
///
/// `data` comes from [`leak`], and nobody uses it any more.
unsafe extern "C" fn free(data: *mut c_void) {
    // SAFETY: as the caller promises.
    let value = unsafe { Box::from_raw(data.cast::<Value>()) };
    // A panic must not leave a C function. What it says has gone to the panic hook.
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        std::mem::forget(payload); // its drop might panic, too
    }
}

fn leak(value: Value) -> *mut c_void {
    Box::into_raw(Box::new(value)).cast()
}

impl Context<'_> {
    /// Lets in a client about which [`App::UPGRADE`](crate::App::UPGRADE) has said
    /// [`Later`](crate::Decision::Later). Its `open` comes after this callback.
    ///
    /// # Errors
    ///
    /// [`Error::NoClient`] if it has left, has been given up, or is decided about;
    /// [`Error::Argument`] for a subprotocol that it does not offer or a bad header field,
    /// [`Error::TooLarge`] for too many of these, [`Error::NotHere`] in `init`. Its value is dropped
    /// then.
    pub fn accept(&self, client: ClientId, accept: Accept) -> Result<(), Error> {
        let Accept { subprotocol, fields, value } = accept;
        let headers = raw(&fields);
        let data = value.map_or(ptr::null_mut(), leak);
        let accept = abi::Accept {
            struct_size: size_of::<abi::Accept>() as u32,
            reserved: 0,
            // That of an empty name is not null either.
            subprotocol: subprotocol
                .as_ref()
                .map_or(abi::Bytes::EMPTY, |name| abi::Bytes::of(name.as_bytes())),
            headers: headers.as_ptr().cast(),
            header_c: headers.len(),
            data,
            free_data: Some(free),
        };
        // SAFETY: `rs` is that of the running callback; all that is pointed at outlives the call, but
        // for the value, which is the server's if it takes it.
        let result = unsafe { (self.host.accept)(self.rs, client.get(), &accept) };
        self.taken(result, data)
    }

    /// Refuses such a client.
    ///
    /// # Errors
    ///
    /// As [`accept`](Self::accept), with [`Error::Argument`] also for a bad content type,
    /// [`Error::TooLarge`] for a body of more than 32 KiB, and [`Error::CloseCode`] for a status that
    /// refuses nothing.
    pub fn refuse(&self, client: ClientId, refusal: &Refusal) -> Result<(), Error> {
        let headers = raw(&refusal.fields);
        let refusal = abi::Refusal {
            struct_size: size_of::<abi::Refusal>() as u32,
            status: refusal.status.into(),
            headers: headers.as_ptr().cast(),
            header_c: headers.len(),
            content_type: abi::Bytes::of(refusal.content_type.as_bytes()),
            body: abi::Bytes::of(&refusal.body),
        };
        // SAFETY: `rs` is that of the running callback; all that is pointed at outlives the call.
        Error::check(unsafe { (self.host.refuse)(self.rs, client.get(), &refusal) })
    }

    /// Gives an open client a value of the app's own, in place of the one it has. It is dropped after
    /// the client's `close`.
    ///
    /// ```
    /// # use ringsocket_app::{ClientId, Context};
    /// struct Score(u32);
    ///
    /// fn open(cx: &mut Context<'_>, client: ClientId) {
    ///     cx.attach(client, Score(0)).expect("a client that is being opened");
    /// }
    /// fn read(cx: &mut Context<'_>, client: ClientId) {
    ///     let Some(Score(points)) = cx.attached_mut(client) else { return };
    ///     *points += 1;
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NoClient`] if it is not open, or its `close` is running. The value is dropped then.
    pub fn attach(&mut self, client: ClientId, value: impl Any + Send) -> Result<(), Error> {
        let data = leak(Box::new(value));
        // SAFETY: `rs` is that of the running callback; the value is the server's if it takes it, and
        // nobody borrows the one before, as that takes a borrow of `self`.
        let result =
            unsafe { (self.host.set_client_data)(self.rs, client.get(), data, Some(free)) };
        self.taken(result, data)
    }

    fn taken(&self, result: std::ffi::c_int, data: *mut c_void) -> Result<(), Error> {
        let result = Error::check(result);
        if result.is_err() && !data.is_null() {
            // SAFETY: it comes from `leak`, and the server has not taken it.
            unsafe { free(data) }
        }
        result
    }

    fn value(&self, client: ClientId) -> Option<*mut Value> {
        let mut data = ptr::null_mut();
        // SAFETY: `rs` is that of the running callback, and `data` is ours to be written to.
        let result = unsafe { (self.host.client_data)(self.rs, client.get(), &mut data) };
        Error::check(result).ok().filter(|()| !data.is_null()).map(|()| data.cast())
    }

    /// The value that a client was [accepted](Accept::attach) with, or [given](Self::attach), until its
    /// `close` has returned. `None` if it has none, or one of another type.
    #[must_use]
    pub fn attached<T: Any>(&self, client: ClientId) -> Option<&T> {
        // SAFETY: all values of this app's clients come from `leak`. It stays until the client's
        // `close` has returned or `attach` replaces it, which takes a `&mut self`.
        let value = unsafe { &*self.value(client)? };
        value.downcast_ref()
    }

    /// The same, to be changed.
    #[must_use]
    pub fn attached_mut<T: Any>(&mut self, client: ClientId) -> Option<&mut T> {
        // SAFETY: as above, and no other borrow of it exists, as that takes one of `self`.
        let value = unsafe { &mut *self.value(client)? };
        value.downcast_mut()
    }
}
