//! The C interface of upgrades that an app decides about: the call of its `upgrade`, and what it may
//! answer; and the values that it attaches to its clients.
//! Not for: what becomes of an answer (`upgrades`).
#![expect(unsafe_code, reason = "pointers from and to apps that may be written in C")]

use std::ffi::{c_int, c_void};
use std::slice;

use ringsocket_app::abi;
use ringsocket_proto::upgrade;

use super::super::upgrades::Wishes;
use super::{AppFault, Instance, bytes, context, status, verdict};
use crate::message::{ClientId, Opening};

/// A value of an app's own, which is given back when this is dropped.
#[derive(Debug)]
pub(in crate::host) struct Attached {
    data: *mut c_void,
    free: Option<abi::FreeFn>,
}

impl Attached {
    /// What an app hands over; `None` for a null pointer.
    ///
    /// # Safety
    /// As the header says of `rs_accept`'s `data` and `free_data`.
    unsafe fn new(data: *mut c_void, free: Option<abi::FreeFn>) -> Option<Self> {
        (!data.is_null()).then(|| Self { data, free })
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        if let Some(free) = self.free {
            // SAFETY: by the header's word it may be called with this, once, and no callback that
            // could use the value runs, or it is the app itself that replaces it.
            unsafe { free(self.data) }
        }
    }
}

impl Instance {
    /// Calls `upgrade` for a client that the context knows already.
    ///
    /// # Errors
    /// If the callback reports a fatal error.
    pub fn upgrade(&mut self, client: ClientId, opening: &Opening<'_>) -> Result<(), AppFault> {
        let Some(upgrade) = self.callbacks.get().upgrade else { return Ok(()) };
        let Ok(info) = self.context().client_info(client) else { return Ok(()) };
        let offered: Vec<abi::Bytes> =
            upgrade::offered(opening.headers()).map(abi::Bytes::of).collect();
        let (request, tls) = self.show_request(opening);
        let asked = abi::Upgrade {
            struct_size: size_of::<abi::Upgrade>() as u32,
            reserved: 0,
            // No other method can ask for an upgrade to WebSocket (RFC 6455 section 4.2.1, item 1).
            method: abi::Bytes::of(b"GET"),
            request,
            client: info,
            offered: offered.as_ptr(),
            offered_c: offered.len(),
            tls: &tls,
        };
        // SAFETY: a callback of a checked app, called as the header says: with its `rs`, the state
        // that `init` left, and what stays where it is until the callback has returned.
        let result = unsafe { upgrade(self.rs.cast(), self.state, client.to_u64(), &asked) };
        self.hide_request();
        verdict(result, "upgrade")
    }
}

/// As much of a struct as the app that made it knows of, the rest zero; `None` if that is too little
/// to tell.
///
/// # Safety
/// `from` is null, or points at a `T`, as the app knows it, that begins with its size in bytes. All
/// of a `T` may be zero.
unsafe fn copy_known<T: Copy>(from: *const T) -> Option<T> {
    let mut whole = std::mem::MaybeUninit::<T>::zeroed();
    if !from.is_null() {
        // SAFETY: by this function's own demand.
        let size = unsafe { from.cast::<u32>().read() } as usize;
        if size < size_of::<u32>() {
            return None;
        }
        let size = size.min(size_of::<T>());
        // SAFETY: both are at least `size` bytes; one is ours.
        unsafe { from.cast::<u8>().copy_to_nonoverlapping(whole.as_mut_ptr().cast(), size) };
    }
    // SAFETY: bytes of a `T`, or zeros, of which both are valid by this function's own demand.
    Some(unsafe { whole.assume_init() })
}

/// Name and value.
type Field<'a> = (&'a [u8], &'a [u8]);

/// The header fields that an app points at; `None` if that makes no sense.
///
/// # Safety
/// Where `headers` is not null, `count` of them must be readable there, and what they point at, for as
/// long as `'a` is used.
unsafe fn fields<'a>(headers: *const abi::Header, count: usize) -> Result<Vec<Field<'a>>, c_int> {
    if count == 0 {
        return Ok(Vec::new());
    }
    if headers.is_null() {
        return Err(abi::E_ARG);
    }
    if count > abi::RESPONSE_HEADER_MAX_C {
        return Err(abi::E_SIZE);
    }
    // SAFETY: not null, and by this function's own demand so many lie there.
    let headers = unsafe { slice::from_raw_parts(headers, count) };
    let text = |text: abi::Bytes| {
        // SAFETY: as above.
        unsafe { bytes(text.data, text.size) }.ok_or(abi::E_ARG)
    };
    headers.iter().map(|header| Ok((text(header.name)?, text(header.value)?))).collect()
}

pub(super) unsafe extern "C" fn accept(
    rs: *mut abi::Rs,
    client: abi::ClientId,
    accept: *const abi::Accept,
) -> c_int {
    // SAFETY: by the header's word null, or such a struct, all of which may be zero.
    let Some(accept) = (unsafe { copy_known(accept) }) else { return abi::E_ARG };
    let abi::Accept { subprotocol, headers, header_c, data, free_data, .. } = accept;
    // SAFETY: by the header's word, until this function returns.
    let fields = match unsafe { fields(headers, header_c) } {
        Ok(fields) => fields,
        Err(error) => return error,
    };
    if subprotocol.data.is_null() && subprotocol.size > 0 {
        return abi::E_ARG;
    }
    // SAFETY: as above.
    let name = unsafe { bytes(subprotocol.data, subprotocol.size) };
    let subprotocol = name.filter(|_| !subprotocol.data.is_null());
    // SAFETY: called by an app from its callback, with what the callback was given.
    let rs = unsafe { context(rs) };
    let wishes = Wishes { subprotocol, headers: &fields };
    // SAFETY: by the header's word.
    let value = || unsafe { Attached::new(data, free_data) };
    status(rs.context.accept(ClientId::from_u64(client), &wishes, value))
}

pub(super) unsafe extern "C" fn refuse(
    rs: *mut abi::Rs,
    client: abi::ClientId,
    refusal: *const abi::Refusal,
) -> c_int {
    if refusal.is_null() {
        return abi::E_ARG;
    }
    // SAFETY: by the header's word such a struct, all of which may be zero.
    let Some(refusal) = (unsafe { copy_known(refusal) }) else { return abi::E_ARG };
    let abi::Refusal { status: code, headers, header_c, content_type, body, .. } = refusal;
    // SAFETY: by the header's word, until this function returns.
    let fields = match unsafe { fields(headers, header_c) } {
        Ok(fields) => fields,
        Err(error) => return error,
    };
    // SAFETY: as above.
    let texts =
        unsafe { (bytes(content_type.data, content_type.size), bytes(body.data, body.size)) };
    let (Some(content_type), Some(body)) = texts else { return abi::E_ARG };
    // SAFETY: called by an app from its callback, with what the callback was given.
    let rs = unsafe { context(rs) };
    status(rs.context.refuse(ClientId::from_u64(client), code, &fields, content_type, body))
}

pub(super) unsafe extern "C" fn client_data(
    rs: *mut abi::Rs,
    client: abi::ClientId,
    data: *mut *mut c_void,
) -> c_int {
    if data.is_null() {
        return abi::E_ARG;
    }
    // SAFETY: called by an app from its callback, with what the callback was given.
    let rs = unsafe { context(rs) };
    match rs.context.value(ClientId::from_u64(client)) {
        Ok(value) => {
            let value = value.map_or(std::ptr::null_mut(), |value| value.data);
            // SAFETY: not null, so by the header's word room for one.
            unsafe { data.write(value) };
            abi::OK
        }
        Err(error) => error,
    }
}

pub(super) unsafe extern "C" fn set_client_data(
    rs: *mut abi::Rs,
    client: abi::ClientId,
    data: *mut c_void,
    free_data: Option<abi::FreeFn>,
) -> c_int {
    // SAFETY: called by an app from its callback, with what the callback was given.
    let rs = unsafe { context(rs) };
    // SAFETY: by the header's word.
    let value = || unsafe { Attached::new(data, free_data) };
    status(rs.context.set_value(ClientId::from_u64(client), value))
}
