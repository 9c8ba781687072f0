//! The C interface, in both directions: calls into an app, and the functions that an app may call.
#![expect(unsafe_code, reason = "pointers from and to apps that may be written in C")]

mod restart;
mod tls;
mod topics;
mod upgrade;

use std::ffi::{CStr, c_char, c_int, c_void};
use std::fmt;
use std::slice;
use std::time::Duration;

use ringsocket_app::abi;

use super::context::Context;
use super::library::Callbacks;
use super::posted::{self, Call};
use super::stand::Stand;
use crate::deputy::Sink;
use crate::log::Code;
use crate::message::{ClientId, Opening, Scope};

pub(super) use self::upgrade::Attached;

/// An app has failed: its callback said so. The app is not called again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AppFault(pub &'static str);

impl fmt::Display for AppFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "its `{}` callback reported a fatal error", self.0)
    }
}

/// What an `rs_t *` points at: the public part first, as the header promises.
#[repr(C)]
pub(super) struct Rs {
    public: abi::Rs,
    pub(super) context: Context,
    /// The request of the client whose `open` or `upgrade` is running, and its headers.
    request: Option<abi::Request>,
    headers: Vec<abi::Header>,
    /// The connection that the request came by, and names that its certificate has.
    tls: abi::Tls,
    names: Vec<abi::Bytes>,
}

/// An app that can be called.
pub struct Instance {
    callbacks: Callbacks,
    state: *mut c_void,
    /// Made by `Box::into_raw`; ours alone, except that a running callback lends it to the
    /// functions of [`HOST`].
    rs: *mut Rs,
}

// SAFETY: the interface lets callbacks run on any thread, one at a time, which `&mut self` ensures;
// the state belongs to the app and is touched by its callbacks alone; `rs` is owned.
unsafe impl Send for Instance {}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance").field("app", &self.context_ref().facts.name).finish()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // SAFETY: it came from `Box::into_raw`, and no callback runs, since those borrow `self`.
        drop(unsafe { Box::from_raw(self.rs) });
    }
}

impl Instance {
    /// Joins an app's callbacks with what they may ask for. Calls nothing yet.
    pub fn new(callbacks: Callbacks, mut context: Context) -> Self {
        context.is_utf8_sent = callbacks.send_utf8();
        let public = abi::Rs { host: &HOST };
        let (headers, tls, names) = (Vec::new(), abi::Tls::NONE, Vec::new());
        let rs = Box::new(Rs { public, context, request: None, headers, tls, names });
        Self { callbacks, state: std::ptr::null_mut(), rs: Box::into_raw(rs) }
    }

    /// The app's side of the conversation.
    #[inline]
    pub fn context(&mut self) -> &mut Context {
        // SAFETY: `rs` is valid until `self` is dropped, and nothing else uses it while `self` is
        // borrowed here, since callbacks run only within the calls below, which borrow it too.
        unsafe { &mut (*self.rs).context }
    }

    fn context_ref(&self) -> &Context {
        // SAFETY: as above, shared.
        unsafe { &(*self.rs).context }
    }

    /// Whether callbacks may run on other threads than the app's own.
    pub fn runs_on_any_thread(&self) -> bool {
        self.callbacks.run_on_any_thread()
    }

    /// Runs `calls`, which call the app, on the thread of a worker: what the app sends to that
    /// worker's clients goes to `sink`.
    #[inline]
    pub fn stand_in<R>(
        &mut self,
        worker: usize,
        sink: &mut dyn Sink,
        calls: impl FnOnce(&mut Self) -> R,
    ) -> R {
        struct Dismiss<'a>(&'a mut Instance);
        impl Drop for Dismiss<'_> {
            #[inline]
            fn drop(&mut self) {
                self.0.context().outlets.stand = None;
            }
        }
        // SAFETY: `Dismiss` drops it before this function returns, in whatever way, and so before
        // `sink` ends, which is not used here otherwise.
        self.context().outlets.stand = Some(unsafe { Stand::new(worker, sink) });
        let dismiss = Dismiss(self);
        calls(dismiss.0)
    }

    /// Calls `init`.
    ///
    /// # Errors
    /// If the callback reports a fatal error, as for all calls below.
    pub fn init(&mut self) -> Result<(), AppFault> {
        let Some(init) = self.callbacks.get().init else { return Ok(()) };
        self.context().is_mute = true;
        // SAFETY: a callback of a checked app, called as the header says: with its `rs`, and room
        // for a pointer to its state.
        let result = unsafe { init(self.rs.cast(), &mut self.state) };
        self.context().is_mute = false;
        verdict(result, "init")
    }

    /// Calls `open` for a client that the context knows already.
    pub fn open(&mut self, client: ClientId, opening: &Opening<'_>) -> Result<(), AppFault> {
        let Some(open) = self.callbacks.get().open else { return Ok(()) };
        self.show_request(opening);
        // SAFETY: as in `init`, with the state that it left.
        let result = unsafe { open(self.rs.cast(), self.state, client.to_u64()) };
        self.hide_request();
        verdict(result, "open")
    }

    /// Has `request` and `tls` tell of this request during the next callback.
    fn show_request(&mut self, opening: &Opening<'_>) -> (abi::Request, abi::Tls) {
        // SAFETY: no callback runs now, so nothing else uses `rs`.
        let rs = unsafe { &mut *self.rs };
        rs.tls = tls::show(opening.tls, &mut rs.names);
        let bytes = abi::Bytes::of;
        rs.headers.clear();
        let header = |(name, value)| abi::Header { name: bytes(name), value: bytes(value) };
        rs.headers.extend(opening.headers().map(header));
        let request = *rs.request.insert(abi::Request {
            path: bytes(opening.path),
            query: bytes(opening.query),
            host: bytes(opening.host),
            subprotocol: bytes(opening.subprotocol),
            headers: rs.headers.as_ptr(),
            header_c: rs.headers.len(),
        });
        (request, rs.tls)
    }

    /// Ends what [`show_request`](Self::show_request) has begun.
    fn hide_request(&mut self) {
        // SAFETY: the callback has returned, so nothing else uses `rs`.
        unsafe { (*self.rs).request = None };
    }

    /// Calls `read`.
    #[inline]
    pub fn read(&mut self, client: ClientId, is_text: bool, data: &[u8]) -> Result<(), AppFault> {
        let Some(read) = self.callbacks.get().read else { return Ok(()) };
        let kind = if is_text { abi::DataKind::UTF8 } else { abi::DataKind::BIN };
        let (id, rs) = (client.to_u64(), self.rs.cast());
        // SAFETY: as in `init`; the data stays where it is until the callback has returned.
        verdict(unsafe { read(rs, self.state, id, kind, data.as_ptr(), data.len()) }, "read")
    }

    /// Calls `close`.
    pub fn close(&mut self, client: ClientId, code: u16, reason: &[u8]) -> Result<(), AppFault> {
        let Some(close) = self.callbacks.get().close else { return Ok(()) };
        let (id, rs, reason) = (client.to_u64(), self.rs.cast(), abi::Bytes::of(reason));
        // SAFETY: as in `init`; the reason stays where it is until the callback has returned.
        verdict(unsafe { close(rs, self.state, id, code, reason) }, "close")
    }

    /// Calls `timer`.
    pub fn timer(&mut self) -> Result<(), AppFault> {
        let Some(timer) = self.callbacks.get().timer else { return Ok(()) };
        // SAFETY: as in `init`.
        verdict(unsafe { timer(self.rs.cast(), self.state) }, "timer")
    }

    /// Makes a call that a thread of the app's own has posted.
    pub fn posted(&mut self, call: Call) -> Result<(), AppFault> {
        // SAFETY: as in `init`, and by `&mut self` no other callback runs.
        verdict(unsafe { call.make(self.rs.cast(), self.state) }, "post")
    }

    /// Calls `drain`: the app is to go, and its clients may stay for so long.
    pub fn drain(&mut self, wait: Duration) -> Result<(), AppFault> {
        let Some(drain) = self.callbacks.get().drain else { return Ok(()) };
        let microseconds = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
        // SAFETY: as in `init`.
        verdict(unsafe { drain(self.rs.cast(), self.state, microseconds) }, "drain")
    }

    /// Calls `quit`, the last call of all, after the values of clients have been given back.
    pub fn quit(&mut self) {
        self.context().close_posted();
        self.context().upgrades.clear();
        let Some(quit) = self.callbacks.get().quit else { return };
        self.context().is_mute = true;
        self.context().is_quitting = true;
        // SAFETY: as in `init`; the state is not used again.
        unsafe { quit(self.rs.cast(), self.state) };
        self.state = std::ptr::null_mut();
    }
}

fn verdict(result: c_int, callback: &'static str) -> Result<(), AppFault> {
    if result == abi::CB_OK { Ok(()) } else { Err(AppFault(callback)) }
}

/// What the daemon offers to apps.
static HOST: abi::Host = abi::Host {
    abi_version: abi::ABI_VERSION,
    struct_size: size_of::<abi::Host>() as u32,
    send,
    close,
    client_info,
    request,
    set_timer,
    get_conf,
    log,
    subscribe: topics::subscribe,
    unsubscribe: topics::unsubscribe,
    publish: topics::publish,
    accept: upgrade::accept,
    refuse: upgrade::refuse,
    client_data: upgrade::client_data,
    set_client_data: upgrade::set_client_data,
    acquire: posted::acquire,
    post: posted::post,
    release: posted::release,
    tls: tls::tls,
    write_state: restart::write_state,
    is_resumed: restart::is_resumed,
};

/// The context behind an `rs_t *` that an app hands in.
///
/// # Safety
/// `rs` must be what the running callback was given, and the callback's thread this one, as the
/// header demands of apps. The reference must not outlive the function of [`HOST`] that made it.
pub(super) unsafe fn context<'a>(rs: *mut abi::Rs) -> &'a mut Rs {
    // SAFETY: the callback was given a pointer to an `Rs` whose owner waits for the callback to
    // return, and these functions do not call each other.
    unsafe { &mut *rs.cast() }
}

/// The bytes that an app points at; `None` for a null pointer with a size.
///
/// # Safety
/// Where `data` is not null, `size` bytes must be readable there for as long as `'a` is used.
unsafe fn bytes<'a>(data: *const u8, size: usize) -> Option<&'a [u8]> {
    match (data.is_null(), size) {
        (_, 0) => Some(&[]),
        (true, _) => None,
        // SAFETY: by this function's own demand; the interface's sizes fit an `isize`.
        (false, _) => Some(unsafe { slice::from_raw_parts(data, size) }),
    }
}

/// The ids that an app lists; `None` for a null pointer with a number.
///
/// # Safety
/// As for [`bytes`], of `count` ids.
unsafe fn client_ids<'a>(ids: *const abi::ClientId, count: usize) -> Option<&'a [ClientId]> {
    match (ids.is_null(), count) {
        (_, 0) => Some(&[]),
        (true, _) => None,
        // SAFETY: by this function's own demand; a `ClientId` is a transparent `u64`, of which every
        // value is valid.
        (false, _) => Some(unsafe { slice::from_raw_parts(ids.cast(), count) }),
    }
}

/// Whether a message is text; `None` for a kind that there is not.
fn is_text(kind: abi::DataKind) -> Option<bool> {
    match kind {
        abi::DataKind::UTF8 => Some(true),
        abi::DataKind::BIN => Some(false),
        _ => None,
    }
}

fn status(result: Result<(), c_int>) -> c_int {
    result.err().unwrap_or(abi::OK)
}

unsafe extern "C" fn send(
    rs: *mut abi::Rs,
    kind: abi::DataKind,
    data: *const u8,
    size: usize,
    to: abi::Recipients,
    clients: *const abi::ClientId,
    client_c: usize,
) -> c_int {
    let scope = match to {
        abi::Recipients::LISTED => Scope::Listed,
        abi::Recipients::ALL => Scope::All,
        abi::Recipients::ALL_EXCEPT => Scope::AllExcept,
        _ => return abi::E_ARG,
    };
    let Some(is_text) = is_text(kind) else { return abi::E_ARG };
    // SAFETY: by the header's word, `client_c` ids lie there, until this function returns.
    let Some(ids) = (unsafe { client_ids(clients, client_c) }) else { return abi::E_ARG };
    // SAFETY: by the header's word, `size` bytes lie at `data`, until this function returns.
    let Some(data) = (unsafe { bytes(data, size) }) else { return abi::E_ARG };
    // SAFETY: called by an app from its callback, with what the callback was given.
    let rs = unsafe { context(rs) };
    let ids = if scope == Scope::All { &[] } else { ids };
    status(rs.context.send(is_text, data, scope, ids))
}

unsafe extern "C" fn close(
    rs: *mut abi::Rs,
    client: abi::ClientId,
    code: u16,
    reason: *const u8,
    reason_size: usize,
) -> c_int {
    // SAFETY: by the header's word, the reason lies there, until this function returns.
    let Some(reason) = (unsafe { bytes(reason, reason_size) }) else { return abi::E_ARG };
    // SAFETY: called by an app from its callback, with what the callback was given.
    let rs = unsafe { context(rs) };
    status(rs.context.close(ClientId::from_u64(client), code, reason))
}

unsafe extern "C" fn client_info(
    rs: *mut abi::Rs,
    client: abi::ClientId,
    info: *mut abi::ClientInfo,
) -> c_int {
    if info.is_null() {
        return abi::E_ARG;
    }
    // SAFETY: called by an app from its callback, with what the callback was given.
    let rs = unsafe { context(rs) };
    match rs.context.client_info(ClientId::from_u64(client)) {
        Ok(known) => {
            // SAFETY: not null, so by the header's word room for one.
            unsafe { info.write(known) };
            abi::OK
        }
        Err(error) => error,
    }
}

unsafe extern "C" fn request(rs: *mut abi::Rs, request: *mut abi::Request) -> c_int {
    if request.is_null() {
        return abi::E_ARG;
    }
    // SAFETY: called by an app from its callback, with what the callback was given.
    let rs = unsafe { context(rs) };
    match rs.request {
        Some(known) => {
            // SAFETY: not null, so by the header's word room for one.
            unsafe { request.write(known) };
            abi::OK
        }
        None => abi::E_CALL,
    }
}

unsafe extern "C" fn set_timer(rs: *mut abi::Rs, microseconds: u64) -> c_int {
    // SAFETY: called by an app from its callback, with what the callback was given.
    let rs = unsafe { context(rs) };
    status(rs.context.set_timer(microseconds))
}

unsafe extern "C" fn get_conf(rs: *mut abi::Rs, conf: *mut abi::Conf) -> c_int {
    if conf.is_null() {
        return abi::E_ARG;
    }
    // SAFETY: not null, so by the header's word a `struct rs_conf` whose first member is set.
    let size = unsafe { (&raw const (*conf).struct_size).read() } as usize;
    if size < size_of::<u32>() {
        return abi::E_ARG;
    }
    // SAFETY: called by an app from its callback, with what the callback was given.
    let rs = unsafe { context(rs) };
    let facts = &rs.context.facts;
    let known = abi::Conf {
        struct_size: size as u32,
        worker_c: rs.context.outlets.worker_c() as u32,
        max_ws_msg_size: facts.max_message as u64,
        app_name: abi::Bytes::of(facts.name.as_bytes()),
        log_level: crate::log::level() as c_int,
    };
    let size = size.min(size_of::<abi::Conf>());
    // SAFETY: both are at least `size` bytes, by `struct_size` and by the line above; one is ours.
    unsafe { conf.cast::<u8>().copy_from_nonoverlapping((&raw const known).cast(), size) };
    abi::OK
}

unsafe extern "C" fn log(
    rs: *mut abi::Rs,
    level: c_int,
    file: *const c_char,
    line: u32,
    func: *const c_char,
    text: *const u8,
    size: usize,
) {
    // SAFETY: by the header's word, a NUL-terminated string unless null, until this returns.
    let string = |pointer: *const c_char| match pointer.is_null() {
        true => None,
        // SAFETY: as above.
        false => Some(unsafe { CStr::from_ptr(pointer) }.to_string_lossy()),
    };
    let (file, func) = (string(file), string(func));
    // SAFETY: by the header's word, `size` bytes lie at `text`, until this function returns.
    let Some(text) = (unsafe { bytes(text, size) }) else { return };
    // SAFETY: called by an app from its callback, with what the callback was given.
    let rs = unsafe { context(rs) };
    let code =
        file.as_deref().map(|file| Code { file, line, func: func.as_deref().unwrap_or_default() });
    rs.context.log(level, code, &String::from_utf8_lossy(text));
}
