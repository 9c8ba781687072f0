//! The binary interface between the daemon and an app: the `repr(C)` mirror of
//! `include/ringsocket.h`, name for name and field for field.
//!
//! The header is the contract; it says who owns what and when each function may be called, and
//! this file repeats only what a reader of Rust needs. `tests/layout.rs` has a C and a C++ compiler
//! compare sizes, offsets and constants of the two. Rust apps do not need this module: the crate's
//! root offers the same without a pointer in sight. The daemon does.
#![expect(unsafe_code, reason = "a table of C functions is shared between threads")]

use std::ffi::{c_char, c_int, c_void};

/// Version of this interface (`RS_ABI_VERSION`). An app and a daemon fit together if theirs are
/// equal.
pub const ABI_VERSION: u32 = 1;

/// The one symbol that an app exports: a constant [`App`].
pub const SYMBOL: &str = "ringsocket_app";

/// A callback went well (`RS_CB_OK`).
pub const CB_OK: c_int = 0;
/// App fault: the daemon stops this app, and only this app (`RS_CB_FATAL`).
pub const CB_FATAL: c_int = -1;
/// Of `save` and `restore` alone: the clients that live on are to be opened again (`RS_CB_REOPEN`).
pub const CB_REOPEN: c_int = 1;

/// A host function did what it was asked (`RS_OK`).
pub const OK: c_int = 0;
/// There is no open client of this app with that id (`RS_E_CLIENT`).
pub const E_CLIENT: c_int = -1;
/// The payload exceeds `max_ws_msg_size`, the close reason 123 bytes, or a state [`STATE_MAX_SIZE`]
/// (`RS_E_SIZE`).
pub const E_SIZE: c_int = -2;
/// A close code that an app must not send: neither of RFC 6455's (1000 to 1003, 1007 to 1009, 1011
/// to 1014) nor 3000 to 4999; or a status that refuses no upgrade (`RS_E_CODE`).
pub const E_CODE: c_int = -3;
/// Not allowed in this callback (`RS_E_CALL`).
pub const E_CALL: c_int = -4;
/// An argument makes no sense: an unknown kind, a null pointer with a size, text that is not UTF-8
/// (`RS_E_ARG`).
pub const E_ARG: c_int = -5;
/// A stated limit has been reached (`RS_E_LIMIT`).
pub const E_LIMIT: c_int = -6;

/// Log level of an error: something failed that somebody must look at (`RS_LEVEL_ERROR`).
pub const LEVEL_ERROR: c_int = 3;
/// Log level of a warning (`RS_LEVEL_WARNING`).
pub const LEVEL_WARNING: c_int = 4;
/// Log level of a normal but significant event (`RS_LEVEL_NOTICE`).
pub const LEVEL_NOTICE: c_int = 5;
/// Log level of information (`RS_LEVEL_INFO`).
pub const LEVEL_INFO: c_int = 6;
/// Log level of details for debugging (`RS_LEVEL_DEBUG`).
pub const LEVEL_DEBUG: c_int = 7;

/// Largest reason of a close, in bytes: what a control frame holds (125, RFC 6455 section 5.5)
/// without the code (`RS_CLOSE_REASON_MAX_SIZE`).
pub const CLOSE_REASON_MAX_SIZE: usize = 123;

/// Largest name of a topic, in bytes; the smallest has 1 (`RS_TOPIC_MAX_SIZE`).
pub const TOPIC_MAX_SIZE: usize = 255;

/// Most subprotocols that an app may name (`RS_SUBPROTOCOL_MAX_C`).
pub const SUBPROTOCOL_MAX_C: usize = 16;

/// Most header fields that an app adds to a response (`RS_RESPONSE_HEADER_MAX_C`).
pub const RESPONSE_HEADER_MAX_C: usize = 32;
/// Most bytes of their names and values, with four for each field (`RS_RESPONSE_HEADER_MAX_SIZE`).
pub const RESPONSE_HEADER_MAX_SIZE: usize = 8 * 1024;
/// Most bytes of the body of a refusal (`RS_RESPONSE_BODY_MAX_SIZE`).
pub const RESPONSE_BODY_MAX_SIZE: usize = 32 * 1024;

/// Fields of responses that the daemon writes itself, in lower case; as it does those that begin with
/// `sec-websocket-`.
pub const RESERVED_HEADERS: [&str; 12] = [
    "connection",
    "content-length",
    "content-type",
    "date",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-content-type-options",
];

/// Most calls that wait for one app at a time (`RS_POSTED_MAX_C`).
pub const POSTED_MAX_C: usize = 65_536;

/// Most bytes of the state that an app saves (`RS_STATE_MAX_SIZE`).
pub const STATE_MAX_SIZE: usize = 64 * 1024 * 1024;

/// Number of a client (`rs_client_id`). Never 0, never used again within a process.
pub type ClientId = u64;

/// Kind of a message's payload (`enum rs_data_kind`). A plain number, because the other side of
/// the interface may hand over anything.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataKind(pub c_int);

impl DataKind {
    /// Binary data (`RS_BIN`).
    pub const BIN: Self = Self(0);
    /// Text: valid UTF-8 (`RS_UTF8`).
    pub const UTF8: Self = Self(1);
}

/// Who receives a message (`enum rs_recipients`).
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipients(pub c_int);

impl Recipients {
    /// The clients in the list (`RS_TO_LISTED`).
    pub const LISTED: Self = Self(0);
    /// All clients of the app; the list must be empty (`RS_TO_ALL`).
    pub const ALL: Self = Self(1);
    /// All clients of the app except those in the list (`RS_TO_ALL_EXCEPT`).
    pub const ALL_EXCEPT: Self = Self(2);
}

/// The context of one call (`rs_t`), handed to every callback and by it to every host function.
///
/// Only the first member is public. The daemon's own context begins with an `Rs` and is larger, so
/// keep to raw pointers: a `&mut Rs` would cover the first member only.
#[repr(C)]
#[derive(Debug)]
pub struct Rs {
    /// What the daemon offers. Never null; valid for the life of the process.
    pub host: *const Host,
}

/// Borrowed bytes (`struct rs_bytes`): not NUL-terminated. `data` may be null if `size` is 0.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    /// Start of the bytes.
    pub data: *const u8,
    /// Number of bytes.
    pub size: usize,
}

impl Bytes {
    /// No bytes.
    pub const EMPTY: Self = Self { data: std::ptr::null(), size: 0 };

    /// Points at `bytes`, without keeping them alive.
    #[must_use]
    pub const fn of(bytes: &[u8]) -> Self {
        Self { data: bytes.as_ptr(), size: bytes.len() }
    }
}

/// `init` of an [`App`].
pub type InitFn = unsafe extern "C" fn(rs: *mut Rs, state: *mut *mut c_void) -> c_int;
/// `open` of an [`App`].
pub type OpenFn = unsafe extern "C" fn(rs: *mut Rs, state: *mut c_void, client: ClientId) -> c_int;
/// `read` of an [`App`].
pub type ReadFn = unsafe extern "C" fn(
    rs: *mut Rs,
    state: *mut c_void,
    client: ClientId,
    kind: DataKind,
    data: *const u8,
    size: usize,
) -> c_int;
/// `close` of an [`App`].
pub type CloseFn = unsafe extern "C" fn(
    rs: *mut Rs,
    state: *mut c_void,
    client: ClientId,
    code: u16,
    reason: Bytes,
) -> c_int;
/// `timer` of an [`App`].
pub type TimerFn = unsafe extern "C" fn(rs: *mut Rs, state: *mut c_void) -> c_int;
/// `upgrade` of an [`App`].
pub type UpgradeFn = unsafe extern "C" fn(
    rs: *mut Rs,
    state: *mut c_void,
    client: ClientId,
    upgrade: *const Upgrade,
) -> c_int;
/// Frees the value that an app has attached to a client.
pub type FreeFn = unsafe extern "C" fn(data: *mut c_void);
/// A call that was posted, see [`Host::post`].
pub type CallFn =
    unsafe extern "C" fn(rs: *mut Rs, state: *mut c_void, argument: *mut c_void) -> c_int;
/// Throws away the argument of a call that will not be made.
pub type DiscardFn = unsafe extern "C" fn(argument: *mut c_void);

/// A way into an app from any thread (`rs_handle_t`), of which only the daemon knows what it is.
#[repr(C)]
#[derive(Debug)]
pub struct Handle {
    _opaque: [u8; 0],
}

/// `drain` of an [`App`].
pub type DrainFn =
    unsafe extern "C" fn(rs: *mut Rs, state: *mut c_void, microseconds: u64) -> c_int;
/// `save` of an [`App`].
pub type SaveFn = unsafe extern "C" fn(rs: *mut Rs, state: *mut c_void) -> c_int;
/// `restore` of an [`App`].
pub type RestoreFn = unsafe extern "C" fn(
    rs: *mut Rs,
    state: *mut c_void,
    data: *const u8,
    size: usize,
    clients: *const ClientId,
    client_c: usize,
) -> c_int;
/// `quit` of an [`App`].
pub type QuitFn = unsafe extern "C" fn(rs: *mut Rs, state: *mut c_void);

/// What an app exports (`struct rs_app`): constant data under the name [`SYMBOL`].
///
/// A callback that is `None` (`NULL`) is not called.
#[repr(C)]
#[derive(Debug)]
pub struct App {
    /// [`ABI_VERSION`] of the header or SDK that the app was built with.
    pub abi_version: u32,
    /// `size_of::<App>()` as the app was built; never smaller than in the first release of its
    /// `abi_version`.
    pub struct_size: u32,
    /// NUL-terminated, for error lines: `ringsocket-app 0.1.0 (Rust)`. May be null.
    pub built_with: *const c_char,
    /// First call, once. May set the state; where it is `None`, the state is null.
    pub init: Option<InitFn>,
    /// A client has connected.
    pub open: Option<OpenFn>,
    /// A client sent a whole message.
    pub read: Option<ReadFn>,
    /// A client is gone; called once for each client whose `open` was called.
    pub close: Option<CloseFn>,
    /// The time of `set_timer` has come.
    pub timer: Option<TimerFn>,
    /// Last call; frees the state. Not called if `init` failed.
    pub quit: Option<QuitFn>,
    /// `subprotocol_c` names of subprotocols, each a token ([`is_token`]). May be null if there are
    /// none.
    pub subprotocols: *const Bytes,
    /// Number of subprotocols, up to [`SUBPROTOCOL_MAX_C`].
    pub subprotocol_c: usize,
    /// A sum of [`APP_ANY_THREAD`] and [`APP_UTF8_SENT`].
    pub flags: u64,
    /// A client asks for an upgrade, and the app decides; `None`: all are let in.
    pub upgrade: Option<UpgradeFn>,
    /// The app is replaced or removed while the server runs: no client comes any more, and those
    /// there are may stay for so many microseconds. Called at most once.
    pub drain: Option<DrainFn>,
    /// The process is to be replaced by another, and the clients live on: writes the app's state by
    /// [`Host::write_state`]. Only `quit` follows.
    pub save: Option<SaveFn>,
    /// After `init`, before anything else: the state that `save` has written, and the clients that
    /// live on.
    pub restore: Option<RestoreFn>,
}

/// In [`App::flags`]: the callbacks may be called on any thread, one at a time.
pub const APP_ANY_THREAD: u64 = 1;

/// In [`App::flags`]: whatever the app sends as text is UTF-8, so that the server need not look.
pub const APP_UTF8_SENT: u64 = 2;

impl App {
    /// The size of the first release of this [`ABI_VERSION`], which ended with `quit`.
    pub const FIRST_SIZE: usize = std::mem::offset_of!(App, subprotocols);
}

/// Whether these bytes are a token (RFC 9110 section 5.6.2), as names of subprotocols must be.
#[must_use]
pub const fn is_token(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let [first, after @ ..] = rest {
        if !matches!(first, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'0'..=b'9'
            | b'A'..=b'Z' | b'^'..=b'z' | b'|' | b'~')
        {
            return false;
        }
        rest = after;
    }
    !bytes.is_empty()
}

// SAFETY: the table is constant: function pointers, numbers, and pointers to constant bytes. Whoever
// makes one promises (the header says so) that none of it is ever written to.
unsafe impl Sync for App {}
// SAFETY: as above; nothing in it belongs to a thread.
unsafe impl Send for App {}

/// What the daemon offers to an app (`struct rs_host`). Valid for the life of the process.
///
/// All functions must be called from within a callback, on its thread, with the `Rs` it was given.
#[repr(C)]
#[derive(Debug)]
pub struct Host {
    /// [`ABI_VERSION`] of the daemon.
    pub abi_version: u32,
    /// `size_of::<Host>()` of the daemon. Functions added later within a version stand at the end.
    pub struct_size: u32,
    /// Sends one message. Ids of clients that have left are skipped.
    pub send: unsafe extern "C" fn(
        rs: *mut Rs,
        kind: DataKind,
        data: *const u8,
        size: usize,
        to: Recipients,
        clients: *const ClientId,
        client_c: usize,
    ) -> c_int,
    /// Starts the closing handshake with a client.
    pub close: unsafe extern "C" fn(
        rs: *mut Rs,
        client: ClientId,
        code: u16,
        reason: *const u8,
        reason_size: usize,
    ) -> c_int,
    /// Fills `info` while the client is open.
    pub client_info:
        unsafe extern "C" fn(rs: *mut Rs, client: ClientId, info: *mut ClientInfo) -> c_int,
    /// Fills `request` inside `open`; what it points to dies when `open` returns.
    pub request: unsafe extern "C" fn(rs: *mut Rs, request: *mut Request) -> c_int,
    /// One shot after that many microseconds, in place of the one before; 0 cancels.
    pub set_timer: unsafe extern "C" fn(rs: *mut Rs, microseconds: u64) -> c_int,
    /// Fills `conf`, of which the caller has set `struct_size`.
    pub get_conf: unsafe extern "C" fn(rs: *mut Rs, conf: *mut Conf) -> c_int,
    /// Writes a line to the log. `file` and `func` may be null and are NUL-terminated.
    pub log: unsafe extern "C" fn(
        rs: *mut Rs,
        level: c_int,
        file: *const c_char,
        line: u32,
        func: *const c_char,
        text: *const u8,
        size: usize,
    ),
    /// Subscribes a client to a topic, if it is not yet.
    pub subscribe:
        unsafe extern "C" fn(rs: *mut Rs, client: ClientId, topic: *const u8, size: usize) -> c_int,
    /// Ends a subscription, if there is one.
    pub unsubscribe:
        unsafe extern "C" fn(rs: *mut Rs, client: ClientId, topic: *const u8, size: usize) -> c_int,
    /// Sends one message to all subscribers of a topic but those listed.
    pub publish: unsafe extern "C" fn(
        rs: *mut Rs,
        topic: *const u8,
        topic_size: usize,
        kind: DataKind,
        data: *const u8,
        size: usize,
        except: *const ClientId,
        except_c: usize,
    ) -> c_int,
    /// Accepts the upgrade of a client that `upgrade` was called for. `accept` may be null.
    pub accept: unsafe extern "C" fn(rs: *mut Rs, client: ClientId, accept: *const Accept) -> c_int,
    /// Refuses it.
    pub refuse:
        unsafe extern "C" fn(rs: *mut Rs, client: ClientId, refusal: *const Refusal) -> c_int,
    /// Tells the value of an open client, or null.
    pub client_data:
        unsafe extern "C" fn(rs: *mut Rs, client: ClientId, data: *mut *mut c_void) -> c_int,
    /// Gives an open client a value, in place of the one it has.
    pub set_client_data: unsafe extern "C" fn(
        rs: *mut Rs,
        client: ClientId,
        data: *mut c_void,
        free_data: Option<FreeFn>,
    ) -> c_int,
    /// Makes a handle of the app, null in `quit`. Each wants its `release`.
    pub acquire: unsafe extern "C" fn(rs: *mut Rs) -> *mut Handle,
    /// From any thread: has the daemon call `call` as one more callback of the app.
    pub post: unsafe extern "C" fn(
        handle: *mut Handle,
        call: Option<CallFn>,
        argument: *mut c_void,
        discard: Option<DiscardFn>,
    ) -> c_int,
    /// From any thread: gives a handle back.
    pub release: unsafe extern "C" fn(handle: *mut Handle),
    /// Fills `tls`, of which the caller has set `struct_size`, inside `open` and `upgrade`; what it
    /// points to dies when they return.
    pub tls: unsafe extern "C" fn(rs: *mut Rs, tls: *mut Tls) -> c_int,
    /// Inside `save`: appends to the state that the app saves.
    pub write_state: unsafe extern "C" fn(rs: *mut Rs, data: *const u8, size: usize) -> c_int,
    /// 1 inside the `open` of a client that has lived on over a restart; otherwise 0.
    pub is_resumed: unsafe extern "C" fn(rs: *mut Rs) -> c_int,
}

/// Who a client is (`struct rs_client_info`). Behind proxies that the server trusts, address and
/// port are those that they tell.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClientInfo {
    /// `endpoint_id` of the configuration.
    pub endpoint_id: u16,
    /// Linux's `AF_INET` (2) or `AF_INET6` (10), or 0 where there is no address (a unix socket).
    pub family: u16,
    /// Port of the client, in host byte order; 0 without an address, or if a proxy tells none.
    pub port: u16,
    /// Always 0.
    pub reserved: u16,
    /// Address in network byte order; of an IPv4 address the first 4 bytes, the others 0.
    pub ip: [u8; 16],
}

/// [`ClientInfo::family`] of an IPv4 address (`RS_FAMILY_IPV4`, Linux's `AF_INET`).
pub const FAMILY_IPV4: u16 = 2;
/// [`ClientInfo::family`] of an IPv6 address (`RS_FAMILY_IPV6`, Linux's `AF_INET6`).
pub const FAMILY_IPV6: u16 = 10;

/// One header field of a request (`struct rs_header`).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// Name as it was sent; compare without regard to case.
    pub name: Bytes,
    /// Value without leading and trailing white space. Not always UTF-8.
    pub value: Bytes,
}

/// The request that became a client's connection (`struct rs_request`).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Path of the target, not decoded, without the query.
    pub path: Bytes,
    /// What follows the first `?`, not decoded; empty if nothing does.
    pub query: Bytes,
    /// The `Host` header field.
    pub host: Bytes,
    /// The subprotocol that the 101 names; empty if none.
    pub subprotocol: Bytes,
    /// `header_c` header fields, in the order of the request.
    pub headers: *const Header,
    /// Number of header fields.
    pub header_c: usize,
}

/// The TLS connection by which a client has come (`struct rs_tls`); all is empty without TLS.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Tls {
    /// Set by the caller to `size_of::<Tls>()`; the daemon writes no more than this many bytes.
    pub struct_size: u32,
    /// 1 if the client has shown a certificate, which was verified; otherwise 0.
    pub has_certificate: u32,
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: Bytes,
    /// The host that the client asked for (SNI); empty if it has named none.
    pub server_name: Bytes,
    /// The distinguished name of the certificate's subject (RFC 4514).
    pub subject: Bytes,
    /// `alternative_name_c` names of the certificate, each with its kind: `DNS:a.example`.
    pub alternative_names: *const Bytes,
    /// Number of alternative names.
    pub alternative_name_c: usize,
}

impl Tls {
    /// No TLS.
    pub const NONE: Self = Self {
        struct_size: size_of::<Self>() as u32,
        has_certificate: 0,
        version: Bytes::EMPTY,
        server_name: Bytes::EMPTY,
        subject: Bytes::EMPTY,
        alternative_names: std::ptr::null(),
        alternative_name_c: 0,
    };
}

/// A request for an upgrade (`struct rs_upgrade`). All it points to dies when the callback returns.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Upgrade {
    /// `size_of::<Upgrade>()` of the daemon.
    pub struct_size: u32,
    /// Always 0.
    pub reserved: u32,
    /// `GET`.
    pub method: Bytes,
    /// The request, with the subprotocol that the server would choose.
    pub request: Request,
    /// Who asks.
    pub client: ClientInfo,
    /// `offered_c` subprotocols, the client's favourite first.
    pub offered: *const Bytes,
    /// Number of subprotocols offered.
    pub offered_c: usize,
    /// The connection that it came by. Never null.
    pub tls: *const Tls,
}

/// How an upgrade is accepted (`struct rs_accept`).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Accept {
    /// Set by the app to `size_of::<Accept>()`.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// One of those offered; with a null pointer the server chooses, and an empty one is none.
    pub subprotocol: Bytes,
    /// `header_c` fields beside those that the server writes.
    pub headers: *const Header,
    /// Number of fields, up to [`RESPONSE_HEADER_MAX_C`].
    pub header_c: usize,
    /// A value of the app's own, the server's to give back if it returns [`OK`].
    pub data: *mut c_void,
    /// Called once with `data`, when nobody can ask for it any more.
    pub free_data: Option<FreeFn>,
}

/// How an upgrade is refused (`struct rs_refusal`).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Refusal {
    /// Set by the app to `size_of::<Refusal>()`.
    pub struct_size: u32,
    /// 300 to 599, but neither 304 nor 426.
    pub status: u32,
    /// `header_c` fields beside those that the server writes.
    pub headers: *const Header,
    /// Number of fields, up to [`RESPONSE_HEADER_MAX_C`].
    pub header_c: usize,
    /// What the body is; empty for plain text.
    pub content_type: Bytes,
    /// Up to [`RESPONSE_BODY_MAX_SIZE`] bytes.
    pub body: Bytes,
}

/// What an app may know of the configuration (`struct rs_conf`).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Conf {
    /// Set by the caller to `size_of::<Conf>()`; the daemon writes no more than this many bytes.
    pub struct_size: u32,
    /// Number of worker threads.
    pub worker_c: u32,
    /// Largest payload of a message in bytes, in either direction.
    pub max_ws_msg_size: u64,
    /// Name of this app. Valid for the life of the process.
    pub app_name: Bytes,
    /// The least important level that is logged: lines beyond it need not be made.
    pub log_level: c_int,
}
