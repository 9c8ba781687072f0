//! The table of functions that an app exports: `extern "C"` functions around the methods of
//! [`App`], none of which lets a panic out.
#![expect(unsafe_code, reason = "implements the C interface of an app")]

mod restart;

use crate::context::{borrow, upgrade_of};
use crate::panics::{self, Outcome, Panic};
use crate::{App, ClientId, Close, Context, Decision, Level, Message, Refusal, abi};
use std::error::Error;
use std::ffi::{CStr, c_int, c_void};
use std::marker::PhantomData;
use std::mem::size_of;
use std::time::Duration;

/// Exports a type that implements [`App`](crate::App) as this library's app. Write it once, at the
/// top level of the library: `ringsocket_app::export!(Echo);`
///
/// It compiles in a crate that forbids unsafe code.
#[macro_export]
macro_rules! export {
    ($app:ty) => {
        const _: () = {
            #[cfg(panic = "abort")]
            ::core::compile_error!(
                "a RingSocket app must be built with panic = \"unwind\": one that aborts takes the \
                 server and all other apps with it"
            );
            // The lint `unsafe_code` does not look into the expansion of another crate's macro;
            // src/app/tests/export.rs tests that.
            #[unsafe(no_mangle)]
            #[allow(non_upper_case_globals)]
            pub static ringsocket_app: $crate::abi::App = $crate::__private::vtable::<$app>();
        };
    };
}

const BUILT_WITH: &CStr = match CStr::from_bytes_with_nul(
    concat!("ringsocket-app ", env!("CARGO_PKG_VERSION"), " (Rust)\0").as_bytes(),
) {
    Ok(text) => text,
    Err(_) => panic!("a version holds no NUL"),
};

/// The subprotocols of an app, as the table lists them.
struct Subprotocols<A>(PhantomData<A>);

impl<A: App> Subprotocols<A> {
    const LIST: &'static [abi::Bytes; abi::SUBPROTOCOL_MAX_C] = &list(A::SUBPROTOCOLS);
}

/// Fails while the app is being compiled if there is something wrong with the names.
const fn list(names: &[&str]) -> [abi::Bytes; abi::SUBPROTOCOL_MAX_C] {
    assert!(names.len() <= abi::SUBPROTOCOL_MAX_C, "an app may name at most 16 SUBPROTOCOLS");
    let mut list = [abi::Bytes::EMPTY; abi::SUBPROTOCOL_MAX_C];
    let mut i = 0;
    while i < names.len() {
        let name = names[i].as_bytes();
        assert!(abi::is_token(name), "each of SUBPROTOCOLS must be a token (RFC 9110, 5.6.2)");
        list[i] = abi::Bytes::of(name);
        i += 1;
    }
    list
}

/// The table of an app.
#[must_use]
pub const fn vtable<A: App>() -> abi::App {
    abi::App {
        abi_version: abi::ABI_VERSION,
        struct_size: size_of::<abi::App>() as u32,
        built_with: BUILT_WITH.as_ptr(),
        init: Some(init::<A>),
        open: Some(open::<A>),
        read: Some(read::<A>),
        close: Some(close::<A>),
        timer: Some(timer::<A>),
        quit: Some(quit::<A>),
        subprotocols: Subprotocols::<A>::LIST.as_ptr(),
        subprotocol_c: A::SUBPROTOCOLS.len(),
        // An `App` is `Send`, and what it sends as text is a `str`.
        flags: abi::APP_UTF8_SENT | if A::OWN_THREAD { 0 } else { abi::APP_ANY_THREAD },
        upgrade: if A::UPGRADE.is_some() { Some(upgrade::<A>) } else { None },
        drain: Some(drain::<A>),
        save: Some(restart::save::<A>),
        restore: Some(restart::restore::<A>),
    }
}

/// Why a callback failed: a line for the log.
type Fault = String;

/// Runs a callback. What goes wrong is logged, and nothing else comes out.
///
/// # Safety
///
/// As for [`Context::new`].
pub(crate) unsafe fn guard<A: App>(
    rs: *mut abi::Rs,
    callback: &str,
    body: impl FnOnce(&mut Context<'_>) -> Result<(), Fault>,
) -> c_int {
    // SAFETY: as the caller promises; the context is gone when this function returns.
    let mut cx = unsafe { Context::new::<A>(rs) };
    match panics::catch(|| body(&mut cx)) {
        Outcome::Returned(Ok(())) => abi::CB_OK,
        Outcome::Returned(Err(fault)) | Outcome::Recovered(Err(fault), _) => {
            cx.log_at(Level::Error, None, &fault);
            abi::CB_FATAL
        }
        Outcome::Recovered(Ok(()), panic) => {
            log_panic(&cx, Level::Warning, &panic, &format!("{callback} caught a panic"));
            abi::CB_OK
        }
        Outcome::Panicked(panic) => {
            log_panic(&cx, Level::Error, &panic, &format!("{callback} panicked"));
            abi::CB_FATAL
        }
    }
}

fn log_panic(cx: &Context<'_>, level: Level, panic: &Panic, what: &str) {
    let place = panic.place.as_ref().map(|(file, line)| (file.as_str(), *line));
    let text = match place {
        Some((file, line)) => format!("{what} at {file}:{line}: {}", panic.message),
        None => format!("{what}: {}", panic.message),
    };
    cx.log_at(level, place, &text);
}

fn client_id(client: abi::ClientId) -> Result<ClientId, Fault> {
    ClientId::new(client).ok_or_else(|| "the server called for client 0".to_owned())
}

/// The error and its sources in one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

/// # Safety
///
/// As the header says of `init`.
unsafe extern "C" fn init<A: App>(rs: *mut abi::Rs, state: *mut *mut c_void) -> c_int {
    // SAFETY: `rs` and its host table are valid during the call. Only the two members that every
    // version has are looked at, through a raw pointer, as the rest may not be there.
    let (version, size) = unsafe {
        let host = (*rs).host;
        ((*host).abi_version, (*host).struct_size)
    };
    if version != abi::ABI_VERSION || (size as usize) < size_of::<abi::Host>() {
        // The server has compared the versions and knows what to say. There may be no `log` here.
        return abi::CB_FATAL;
    }
    panics::install_hook();
    // SAFETY: `rs` is that of this call, and the host table is large enough.
    unsafe {
        guard::<A>(rs, "init", |cx| {
            let app = A::init(cx).map_err(|error| format!("init failed: {}", chain(&*error)))?;
            // SAFETY: the server owns a pointer there, to be set by `init`.
            state.write(Box::into_raw(Box::new(app)).cast::<c_void>());
            Ok(())
        })
    }
}

/// The app behind the state.
///
/// # Safety
///
/// `state` is what `init::<A>` made; no other borrow of it exists during `'a`. The server calls one
/// callback at a time, and none of its functions calls back.
pub(crate) unsafe fn app<'a, A: App>(state: *mut c_void) -> &'a mut A {
    // SAFETY: as the caller promises.
    unsafe { &mut *state.cast::<A>() }
}

/// # Safety
///
/// As the header says of `open`.
unsafe extern "C" fn open<A: App>(
    rs: *mut abi::Rs,
    state: *mut c_void,
    client: abi::ClientId,
) -> c_int {
    // SAFETY: the server calls this with its own `rs` and the state of `init`.
    unsafe {
        guard::<A>(rs, "open", |cx| {
            let client = client_id(client)?;
            app::<A>(state).open(cx, client);
            Ok(())
        })
    }
}

/// # Safety
///
/// As the header says of `read`.
unsafe extern "C" fn read<A: App>(
    rs: *mut abi::Rs,
    state: *mut c_void,
    client: abi::ClientId,
    kind: abi::DataKind,
    data: *const u8,
    size: usize,
) -> c_int {
    // SAFETY: the server calls this with its own `rs`, the state of `init`, and data that is valid
    // during the call.
    unsafe {
        guard::<A>(rs, "read", |cx| {
            let client = client_id(client)?;
            let message = message(kind, borrow(data, size))?;
            app::<A>(state).read(cx, client, message);
            Ok(())
        })
    }
}

/// # Safety
///
/// If `kind` is `UTF8`, the bytes are valid UTF-8.
unsafe fn message(kind: abi::DataKind, bytes: &[u8]) -> Result<Message<'_>, Fault> {
    match kind {
        abi::DataKind::BIN => Ok(Message::Binary(bytes)),
        abi::DataKind::UTF8 => {
            debug_assert!(std::str::from_utf8(bytes).is_ok(), "the server's text is not UTF-8");
            // SAFETY: the interface promises UTF-8 as it promises the bytes themselves; checking
            // each message a second time would cost more than the rest of its way.
            Ok(Message::Text(unsafe { std::str::from_utf8_unchecked(bytes) }))
        }
        abi::DataKind(other) => Err(format!("the server sent a message of unknown kind {other}")),
    }
}

/// # Safety
///
/// As the header says of `close`.
unsafe extern "C" fn close<A: App>(
    rs: *mut abi::Rs,
    state: *mut c_void,
    client: abi::ClientId,
    code: u16,
    reason: abi::Bytes,
) -> c_int {
    // SAFETY: the server calls this with its own `rs`, the state of `init`, and a reason that is
    // valid during the call.
    unsafe {
        guard::<A>(rs, "close", |cx| {
            let client = client_id(client)?;
            let reason = String::from_utf8_lossy(borrow(reason.data, reason.size));
            app::<A>(state).close(cx, client, Close { code, reason: &reason });
            Ok(())
        })
    }
}

/// # Safety
///
/// As the header says of `timer`.
unsafe extern "C" fn timer<A: App>(rs: *mut abi::Rs, state: *mut c_void) -> c_int {
    // SAFETY: the server calls this with its own `rs` and the state of `init`.
    unsafe {
        guard::<A>(rs, "timer", |cx| {
            app::<A>(state).timer(cx);
            Ok(())
        })
    }
}

/// # Safety
///
/// As the header says of `upgrade`.
unsafe extern "C" fn upgrade<A: App>(
    rs: *mut abi::Rs,
    state: *mut c_void,
    client: abi::ClientId,
    upgrade: *const abi::Upgrade,
) -> c_int {
    // SAFETY: the server calls this with its own `rs`, the state of `init`, and a request that is
    // valid during the call.
    unsafe {
        guard::<A>(rs, "upgrade", |cx| {
            let (client, Some(hook)) = (client_id(client)?, A::UPGRADE) else { return Ok(()) };
            let decision = hook(app::<A>(state), cx, client, &upgrade_of(upgrade));
            decide(cx, client, decision);
            Ok(())
        })
    }
}

/// # Safety
///
/// As the header says of `drain`.
unsafe extern "C" fn drain<A: App>(
    rs: *mut abi::Rs,
    state: *mut c_void,
    microseconds: u64,
) -> c_int {
    // SAFETY: the server calls this with its own `rs` and the state of `init`.
    unsafe {
        guard::<A>(rs, "drain", |cx| {
            app::<A>(state).drain(cx, Duration::from_micros(microseconds));
            Ok(())
        })
    }
}

/// Hands on what a hook has returned. A client whose answer cannot be given is not left without one.
fn decide(cx: &Context<'_>, client: ClientId, decision: Decision) {
    let result = match decision {
        Decision::Later => return,
        Decision::Accept(accept) => cx.accept(client, accept),
        Decision::Refuse(refusal) => cx.refuse(client, &refusal),
    };
    if let Err(error) = result {
        let text = format!("the decision about client {client} cannot be carried out: {error}");
        cx.log_at(Level::Error, None, &text);
        let _ = cx.refuse(client, &Refusal::new(500)); // unless it was the second decision
    }
}

/// # Safety
///
/// As the header says of `quit`.
unsafe extern "C" fn quit<A: App>(rs: *mut abi::Rs, state: *mut c_void) {
    // SAFETY: the server calls this last, with its own `rs` and the state of `init`, which was made
    // from a box of that type.
    unsafe {
        guard::<A>(rs, "quit", |_| {
            drop(Box::from_raw(state.cast::<A>()));
            Ok(())
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_0_is_a_fault_and_not_a_client() {
        assert_eq!(client_id(7).map(ClientId::get), Ok(7));
        assert!(client_id(0).is_err());
    }
}
