//! The context of a callback: safe calls into the server's table of functions.
//!
//! Here, and only here, pointers of the server become borrows. Nothing in this file decides
//! anything.
#![expect(unsafe_code, reason = "calls the server's C functions and borrows what they return")]

mod deciding;
mod shown;

pub(crate) use shown::upgrade_of;

use crate::{App, ClientId, Error, Level, Message, Request, abi};
use shown::{address_of, request_of};
use std::any::TypeId;
use std::ffi::{CString, c_char};
use std::fmt;
use std::marker::PhantomData;
use std::mem::size_of;
use std::net::SocketAddr;
use std::panic::Location;
use std::ptr;
use std::slice;
use std::time::Duration;

/// What a callback acts through: sends messages, closes clients, asks about them, sets the timer,
/// writes to the log.
///
/// It belongs to one callback and cannot be kept.
///
/// ```
/// # use ringsocket_app::{ClientId, Context};
/// fn introduce(cx: &Context<'_>, client: ClientId, friends: &[ClientId]) {
///     cx.to(client).text("welcome");
///     cx.to_many(friends).binary(b"\x01\x02");
///     cx.to_all().except(client).text("somebody came");
///
///     if cx.address(client).is_some_and(|address| address.port() < 1024) {
///         ringsocket_app::notice!(cx, "client {client} has a privileged port");
///     }
///     cx.close(client, 4000, "that was all");
/// }
/// ```
pub struct Context<'a> {
    rs: *mut abi::Rs,
    host: &'a abi::Host,
    /// Tells which app's callback this is.
    app_type: fn() -> TypeId,
    _call: PhantomData<&'a mut abi::Rs>,
}

impl<'a> Context<'a> {
    /// Wraps what the server handed to a callback.
    ///
    /// # Safety
    ///
    /// `rs` is what the server handed to a callback of the app `A` that has not returned and does not
    /// return within `'a`; its host table is at least as large as this crate's.
    pub(crate) unsafe fn new<A: App>(rs: *mut abi::Rs) -> Self {
        // SAFETY: `rs` is valid as the caller promises, its first member is public, never null and
        // points at a table that is valid, and not written to, for the life of the process.
        let host = unsafe { &*(*rs).host };
        Self { rs, host, app_type: TypeId::of::<A>, _call: PhantomData }
    }

    /// The type of the app whose callback this is.
    pub(crate) fn app_type(&self) -> TypeId {
        (self.app_type)()
    }

    /// What the server handed to the callback.
    pub(crate) fn raw(&self) -> *mut abi::Rs {
        self.rs
    }

    pub(crate) fn send(
        &self,
        message: Message<'_>,
        to: abi::Recipients,
        clients: &[ClientId],
    ) -> Result<(), Error> {
        let (kind, bytes) = message.to_abi();
        let client_c = clients.len();
        // A `ClientId` is a transparent wrapper of a non-zero `abi::ClientId`.
        let clients = clients.as_ptr().cast::<abi::ClientId>();
        // SAFETY: `rs` is that of the running callback; both pointers come from slices of the
        // sizes given, which outlive the call.
        Error::check(unsafe {
            (self.host.send)(self.rs, kind, bytes.as_ptr(), bytes.len(), to, clients, client_c)
        })
    }

    /// Appends to the state that the app saves.
    pub(crate) fn write_state(&self, bytes: &[u8]) -> Result<(), Error> {
        // SAFETY: `rs` is that of the running callback; the pointer comes from a slice of the size
        // given, which outlives the call.
        Error::check(unsafe { (self.host.write_state)(self.rs, bytes.as_ptr(), bytes.len()) })
    }

    pub(crate) fn set_subscription(
        &self,
        client: ClientId,
        topic: &[u8],
        begins: bool,
    ) -> Result<(), Error> {
        let set = if begins { self.host.subscribe } else { self.host.unsubscribe };
        // SAFETY: `rs` is that of the running callback; the pointer comes from a slice of the size
        // given, which outlives the call.
        Error::check(unsafe { set(self.rs, client.get(), topic.as_ptr(), topic.len()) })
    }

    pub(crate) fn send_to_subscribers(
        &self,
        topic: &[u8],
        message: Message<'_>,
        except: &[ClientId],
    ) -> Result<(), Error> {
        let (kind, bytes) = message.to_abi();
        let (name, name_size, except_c) = (topic.as_ptr(), topic.len(), except.len());
        let (data, size) = (bytes.as_ptr(), bytes.len());
        // A `ClientId` is a transparent wrapper of a non-zero `abi::ClientId`.
        let except = except.as_ptr().cast::<abi::ClientId>();
        // SAFETY: `rs` is that of the running callback; the pointers come from slices of the sizes
        // given, which outlive the call.
        Error::check(unsafe {
            (self.host.publish)(self.rs, name, name_size, kind, data, size, except, except_c)
        })
    }

    /// Closes a client's connection, after what was sent to it before, with this code and reason
    /// (RFC 6455 section 7.4; 1000 is a normal end, 3000 to 4999 are an app's own).
    ///
    /// Its [`App::close`](crate::App::close) is called later as usual, and messages that are
    /// already under way may be read before. A client that has left is no error; other failures
    /// are the app's fault and logged as errors with the caller's place in the source: a code that
    /// must not be sent, a reason of more than 123 bytes, a call in `init`.
    #[track_caller]
    pub fn close(&self, client: ClientId, code: u16, reason: &str) {
        match self.try_close(client, code, reason) {
            Ok(()) | Err(Error::NoClient) => {}
            Err(error) => self.log(
                Level::Error,
                format_args!("client {client} was not closed with code {code}: {error}"),
            ),
        }
    }

    /// Closes a client's connection as [`close`](Self::close) does, or says why it cannot.
    ///
    /// # Errors
    ///
    /// [`Error::NoClient`] if it has left, [`Error::CloseCode`] for a code that must not be sent,
    /// [`Error::TooLarge`] for a reason of more than 123 bytes, [`Error::NotHere`] in
    /// [`App::init`](crate::App::init).
    pub fn try_close(&self, client: ClientId, code: u16, reason: &str) -> Result<(), Error> {
        // SAFETY: `rs` is that of the running callback; the pointer comes from a slice of the size
        // given, which outlives the call.
        Error::check(unsafe {
            (self.host.close)(self.rs, client.get(), code, reason.as_ptr(), reason.len())
        })
    }

    /// Address and port of a client; behind proxies that the server trusts, those that they tell
    /// (port 0 if they tell none). `None` once the client's `close` has returned, or if it has no
    /// address because it came through a unix socket.
    #[must_use]
    pub fn address(&self, client: ClientId) -> Option<SocketAddr> {
        address_of(&self.client_info(client)?)
    }

    /// `endpoint_id` (of the server's configuration) of the endpoint that a client came by. `None`
    /// once the client's `close` has returned.
    #[must_use]
    pub fn endpoint(&self, client: ClientId) -> Option<u16> {
        Some(self.client_info(client)?.endpoint_id)
    }

    fn client_info(&self, client: ClientId) -> Option<abi::ClientInfo> {
        let mut info = abi::ClientInfo::default();
        // SAFETY: `rs` is that of the running callback, and `info` is ours to be written to.
        let result = unsafe { (self.host.client_info)(self.rs, client.get(), &mut info) };
        Error::check(result).ok().map(|()| info)
    }

    /// The request with which the client asked for its connection: inside
    /// [`App::open`](crate::App::open), and where [`App::UPGRADE`](crate::App::UPGRADE) decides. `None`
    /// in other callbacks.
    ///
    /// ```
    /// # use ringsocket_app::{ClientId, Context};
    /// fn open(cx: &mut Context<'_>, client: ClientId) {
    ///     let Some(request) = cx.request() else { return };
    ///     let room = request.query_value("room").unwrap_or("lobby".into());
    ///     if request.header("authorization").is_none() && room == "staff" {
    ///         cx.close(client, 1008, "staff only");
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn request(&self) -> Option<Request<'a>> {
        let nothing = abi::Bytes::EMPTY;
        let mut raw = abi::Request {
            path: nothing,
            query: nothing,
            host: nothing,
            subprotocol: nothing,
            headers: ptr::null(),
            header_c: 0,
        };
        // SAFETY: `rs` is that of the running callback, and `raw` is ours to be written to.
        let result = unsafe { (self.host.request)(self.rs, &mut raw) };
        Error::check(result).ok()?;
        let mut tls = abi::Tls::NONE;
        // SAFETY: as above. It fails only where there is no request.
        unsafe { (self.host.tls)(self.rs, &mut tls) };
        // SAFETY: the server promises that what it filled in stays valid until `open` returns,
        // which is not before `'a` ends.
        let request = unsafe { request_of(&raw, &tls) };
        // SAFETY: `rs` is that of the running callback.
        let is_resumed = unsafe { (self.host.is_resumed)(self.rs) } == 1;
        Some(Request { is_resumed, ..request })
    }

    /// Has [`App::timer`](crate::App::timer) called once, after at least this time, in place of any
    /// earlier wish. Counted in microseconds, rounded up.
    ///
    /// ```
    /// # use ringsocket_app::{App, Context, InitResult};
    /// # use std::time::Duration;
    /// struct Clock;
    ///
    /// impl App for Clock {
    ///     fn init(cx: &mut Context<'_>) -> InitResult<Self> {
    ///         cx.set_timer(Duration::from_secs(1));
    ///         Ok(Clock)
    ///     }
    ///     fn timer(&mut self, cx: &mut Context<'_>) {
    ///         cx.to_all().text("tick");
    ///         cx.set_timer(Duration::from_secs(1));
    ///     }
    /// }
    /// # let mut host = ringsocket_app::testing::TestHost::<Clock>::start().unwrap();
    /// # let client = host.open("/");
    /// # host.fire_timer().unwrap();
    /// # assert_eq!(host.received(client), ["tick"]);
    /// # assert!(host.timer().is_some());
    /// ```
    #[track_caller]
    pub fn set_timer(&self, after: Duration) {
        // 0 would cancel, and rounding down would call too early.
        let microseconds = after.as_nanos().div_ceil(1000).clamp(1, u128::from(u64::MAX));
        self.timer(microseconds as u64);
    }

    /// Takes back the wish of [`set_timer`](Self::set_timer).
    #[track_caller]
    pub fn cancel_timer(&self) {
        self.timer(0);
    }

    #[track_caller]
    fn timer(&self, microseconds: u64) {
        // SAFETY: `rs` is that of the running callback.
        let result = unsafe { (self.host.set_timer)(self.rs, microseconds) };
        if let Err(error) = Error::check(result) {
            self.log(Level::Error, format_args!("the timer was not set: {error}"));
        }
    }

    /// What an app may know of the server's configuration.
    #[must_use]
    pub fn conf(&self) -> Conf<'a> {
        let mut conf = abi::Conf {
            struct_size: size_of::<abi::Conf>() as u32,
            worker_c: 0,
            max_ws_msg_size: 0,
            app_name: abi::Bytes::EMPTY,
            log_level: 0,
        };
        // SAFETY: `rs` is that of the running callback, and `conf` is ours to be written to. The
        // only failure is a null pointer, and then the zeros stay.
        unsafe { (self.host.get_conf)(self.rs, &mut conf) };
        // SAFETY: the server promises that the name is valid for the life of the process.
        let name: Borrowed<'a> = unsafe { Borrowed::new(conf.app_name) };
        Conf {
            app_name: std::str::from_utf8(name.bytes()).unwrap_or_default(),
            worker_c: conf.worker_c as usize,
            max_message_size: usize::try_from(conf.max_ws_msg_size).unwrap_or(usize::MAX),
        }
    }

    /// Writes a line to the server's log, with the caller's place in the source. The macros
    /// [`error!`](crate::error!), [`warning!`](crate::warning!), [`notice!`](crate::notice!),
    /// [`info!`](crate::info!) and [`debug!`](crate::debug!) do the same with a format string.
    #[track_caller]
    pub fn log(&self, level: Level, text: impl fmt::Display) {
        let place = Location::caller();
        self.log_at(level, Some((place.file(), place.line())), &text.to_string());
    }

    /// Writes a line to the server's log, with a place in the source if there is one.
    pub(crate) fn log_at(&self, level: Level, place: Option<(&str, u32)>, text: &str) {
        let (file, line) = match place {
            Some((file, line)) => (CString::new(file).ok(), line),
            None => (None, 0),
        };
        let file: *const c_char = file.as_ref().map_or(ptr::null(), |file| file.as_ptr());
        let (level, text, size) = (level.to_abi(), text.as_ptr(), text.len());
        // SAFETY: `rs` is that of the running callback; `file` is null or NUL-terminated, `text`
        // comes from a string of the size given, and both outlive the call.
        unsafe { (self.host.log)(self.rs, level, file, line, ptr::null(), text, size) }
    }
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

/// What an app may know of the server's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Conf<'a> {
    /// Name of this app.
    pub app_name: &'a str,
    /// Number of worker threads.
    pub worker_c: usize,
    /// Largest message in bytes, in either direction.
    pub max_message_size: usize,
}

/// Bytes of the server that are valid for `'a`.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(crate) struct Borrowed<'a> {
    raw: abi::Bytes,
    _bytes: PhantomData<&'a [u8]>,
}

impl<'a> Borrowed<'a> {
    /// # Safety
    ///
    /// `raw` describes bytes that are valid, and not written to, for `'a`; or its size is 0.
    pub(crate) unsafe fn new(raw: abi::Bytes) -> Self {
        Self { raw, _bytes: PhantomData }
    }

    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        Self { raw: abi::Bytes::of(bytes), _bytes: PhantomData }
    }

    pub(crate) fn bytes(self) -> &'a [u8] {
        // SAFETY: whoever made this promised as much; and where the server makes them, as part of
        // a `RawHeader`, the header file promises it.
        unsafe { borrow(self.raw.data, self.raw.size) }
    }
}

impl fmt::Debug for Borrowed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        String::from_utf8_lossy(self.bytes()).fmt(f)
    }
}

/// An [`abi::Header`] whose bytes are valid for `'a`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawHeader<'a> {
    pub(crate) name: Borrowed<'a>,
    pub(crate) value: Borrowed<'a>,
}

/// A slice of what the other side of the interface points at, which may be null if there is none.
///
/// # Safety
///
/// `data` points at `size` values that are valid, and not written to, for `'a`; or `size` is 0.
pub(crate) unsafe fn borrow<'a, T>(data: *const T, size: usize) -> &'a [T] {
    if size == 0 || data.is_null() {
        return &[];
    }
    // SAFETY: not null, and otherwise as the caller promises.
    unsafe { slice::from_raw_parts(data, size) }
}
