//! What the author of a RingSocket app needs: a safe trait, a context to act through, and a macro
//! that exports the app. [`abi`] is the C interface underneath (`include/ringsocket.h`).
//!
//! RingSocket is a WebSocket server for Linux. It owns the connections; an *app* is a shared
//! library that it loads and whose callbacks it calls: a client has connected, it sent a message,
//! it is gone, a timer has run out.
//!
//! # An app
//!
//! `ringsocket new-app --lang rust echo` writes a project with a test, to begin with; `docs/rust-apps.md`
//! goes on from there. By hand it is `cargo new --lib echo`, and in its `Cargo.toml`, which says that the library is to be one that C
//! programs can load:
//!
//! ```toml
//! [lib]
//! crate-type = ["cdylib"]
//!
//! [dependencies]
//! ringsocket-app = "0.1"
//! ```
//!
//! `src/lib.rs` sends every message back:
//!
//! ```standalone_crate
//! use ringsocket_app::{App, ClientId, Context, InitResult, Message};
//!
//! struct Echo;
//!
//! impl App for Echo {
//!     fn init(_: &mut Context<'_>) -> InitResult<Self> {
//!         Ok(Echo)
//!     }
//!
//!     fn read(&mut self, cx: &mut Context<'_>, client: ClientId, message: Message<'_>) {
//!         cx.to(client).send(message);
//!     }
//! }
//!
//! ringsocket_app::export!(Echo);
//! # fn main() {
//! #     let mut host = ringsocket_app::testing::TestHost::<Echo>::start().unwrap();
//! #     let client = host.open("/");
//! #     host.text(client, "hi");
//! #     assert_eq!(host.received(client), ["hi"]);
//! # }
//! ```
//!
//! `cargo build --release` makes `libecho.so`; copied into the server's folder of apps
//! (`/usr/lib/ringsocket/apps/echo.so`) it is served at `/echo`.
//!
//! # Typed messages
//!
//! [`messages!`] declares what an app takes and sends. [`Context::decode`] checks and decodes a
//! message, and closes the client if it does not fit, so that `read` is only a `match`:
//!
//! ```standalone_crate
//! #![forbid(unsafe_code)]
//!
//! use ringsocket_app::{App, ClientId, Close, Context, InitResult, Message, messages};
//! use std::collections::HashMap;
//!
//! messages! {
//!     /// What players send: the first byte tells which.
//!     enum Request<'a> {
//!         binary Move { x: i16, y: i16 } = 1,
//!         text Say { line: &'a str where 1..=500 } = b's',
//!     }
//!
//!     /// What the others are sent when a player has moved.
//!     #[derive(Debug, PartialEq)]
//!     binary struct Moved { player: u64, x: i16, y: i16 }
//! }
//!
//! struct Game {
//!     places: HashMap<ClientId, (i16, i16)>,
//! }
//!
//! impl App for Game {
//!     fn init(_: &mut Context<'_>) -> InitResult<Self> {
//!         Ok(Game { places: HashMap::new() })
//!     }
//!
//!     fn read(&mut self, cx: &mut Context<'_>, client: ClientId, message: Message<'_>) {
//!         let others = cx.to_all().except(client);
//!         match cx.decode(client, message) {
//!             Some(Request::Move { x, y }) => {
//!                 self.places.insert(client, (x, y));
//!                 others.send(Moved { player: client.get(), x, y });
//!             }
//!             Some(Request::Say { line }) => others.text(format_args!("{client}: {line}")),
//!             None => {} // It did not fit, and its sender is being closed.
//!         }
//!     }
//!
//!     fn close(&mut self, _: &mut Context<'_>, client: ClientId, _: Close<'_>) {
//!         self.places.remove(&client);
//!     }
//! }
//!
//! ringsocket_app::export!(Game);
//!
//! // In a library this is `#[test] fn players_see_each_other()`, in a module `#[cfg(test)] mod tests`.
//! fn main() {
//!     use ringsocket_app::testing::TestHost;
//!
//!     let mut host = TestHost::<Game>::start().unwrap();
//!     let (ann, ben) = (host.open("/game"), host.open("/game"));
//!     host.send(ann, Request::Move { x: 3, y: -4 });
//!     host.send(ann, Request::Say { line: "hi" });
//!
//!     let received = host.received(ben);
//!     assert_eq!(received[0].decode::<Moved>(), Moved { player: ann.get(), x: 3, y: -4 });
//!     assert_eq!(received[1], "1: hi");
//!
//!     host.binary(ann, &[1, 0]);
//!     assert_eq!(host.closed_with(ann), Some((4900, "Move takes 5 bytes, not 2")));
//! }
//! ```
//!
//! In a browser's console, a move to 3, -4 is `ws.send(new Uint8Array([1, 0, 3, 255, 252]))`.
//!
//! # Laws
//!
//! - All callbacks of an app run one at a time, so an app needs no locks. They do not always run
//!   on the same thread, so it is [`Send`] and should keep nothing in thread-local variables,
//!   unless it asks for a thread of its own ([`App::OWN_THREAD`]).
//! - For each client an app sees [`App::open`] once, then [`App::read`] for each message in the
//!   order in which they arrived, then [`App::close`] once. A client that lives through a restart of the
//!   server is [restored](App::restore), or opened again.
//! - Nothing reaches a client before its `open` has returned.
//! - While a callback runs, the app's other clients wait (other apps do not): do not sleep in it,
//!   and leave long work to a thread of your own.
//! - A panic in a callback is caught and logged with its place in the source, and stops this app
//!   alone: its clients are closed, other apps go on. Only unwinding panics can be caught, so
//!   [`export!`] refuses to compile with `panic = "abort"`. What cannot be caught at all (a stack
//!   overflow, a panic in a `drop` during another panic, `std::process::exit`) ends the server.
//!
//! # Tests
//!
//! [`testing::TestHost`] drives an app through its exported table as the server does, and records
//! what the app does, so that `cargo test` needs no server.
#![cfg_attr(not(test), deny(clippy::unwrap_used))]

pub mod abi;
mod client;
mod context;
mod cookies;
mod error;
mod export;
mod handle;
mod log;
mod message;
mod panics;
mod payload;
mod recipients;
mod request;
pub mod testing;
mod tls;
mod topics;
pub mod typed;
mod upgrade;

pub use client::ClientId;
pub use context::{Conf, Context};
pub use error::Error;
pub use handle::Handle;
pub use log::Level;
pub use message::{Close, Message};
pub use payload::{Buffer, Payload, Text};
pub use recipients::{All, AllExcept, Many, One, Recipients, Whom};
pub use request::Request;
pub use tls::{ClientCertificate, Tls};
pub use topics::Subscribers;
pub use upgrade::{Accept, Decision, Refusal, Upgrade, UpgradeHook};

/// The tutorial's examples, as tests. It is not part of the crate where that is packaged.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/rust-apps.md")]
mod tutorial {}

/// What [`export!`] and [`messages!`] expand to needs this; nobody else does.
#[doc(hidden)]
pub mod __private {
    pub use crate::export::vtable;
    pub use crate::typed::private::{Input, Kind, Shape, bounds};
}

/// What [`App::init`] returns: the app, or any error.
pub type InitResult<A> = Result<A, Box<dyn std::error::Error>>;

/// What [`App::restore`] returns: whether the app has taken up what it had saved.
pub type RestoreResult = Result<(), Box<dyn std::error::Error>>;

/// An app: its state, and what it does when something happens.
///
/// One value of it exists for as long as the app runs. It is dropped when the server stops, after
/// the last callback.
pub trait App: Send + Sized + 'static {
    /// The subprotocols that the app speaks (RFC 6455 section 1.9), at most 16, each a token (RFC
    /// 9110 section 5.6.2) such as `chat.example.com`; the app does not compile otherwise.
    ///
    /// Of those that a client offers, the first in the client's order that stands here is agreed
    /// on: [`Request::subprotocol`] says which. A client that offers none of them is let in without
    /// one (a browser then ends the connection by itself), and so is one that offers none at all:
    /// an app that wants neither closes such clients in [`open`](Self::open).
    const SUBPROTOCOLS: &'static [&'static str] = &[];

    /// Whether callbacks are to run on no other thread than the app's own, as an app wants
    /// that uses thread-local variables, or a library that does.
    ///
    /// Otherwise the server calls the app on whatever thread has a message for it while the app's
    /// own sleeps, still one call at a time: that spares the way to the other thread and back, which
    /// is most of what a short callback costs. An app that turns out to be slow stays on its own.
    const OWN_THREAD: bool = false;

    /// What decides about each client before it is let in; `None` lets everybody in, and costs
    /// nothing.
    ///
    /// It sees the request and answers with a [`Decision`]: to accept, with a subprotocol, header
    /// fields and a value of the app's own; to refuse, with a status, header fields and a body; or to
    /// answer later, by [`Context::accept`] and [`Context::refuse`] in any callback. The client gets
    /// 504 if there is no answer within `upgrade_wait` (of the server's configuration, 10 seconds by
    /// default).
    ///
    /// ```
    /// # use ringsocket_app::{Accept, App, ClientId, Context, Decision, Refusal, Upgrade, UpgradeHook};
    /// struct Club;
    ///
    /// struct Member(String);
    ///
    /// impl App for Club {
    ///     const UPGRADE: Option<UpgradeHook<Self>> = Some(Self::look_at);
    ///
    ///     fn init(_cx: &mut Context<'_>) -> Result<Self, Box<dyn std::error::Error>> {
    ///         Ok(Club)
    ///     }
    ///     fn open(&mut self, cx: &mut Context<'_>, client: ClientId) {
    ///         let Some(Member(name)) = cx.attached(client) else { return };
    ///         cx.to(client).text(&format!("welcome, {name}"));
    ///     }
    /// }
    ///
    /// impl Club {
    ///     fn look_at(&mut self, _: &mut Context<'_>, _: ClientId, upgrade: &Upgrade<'_>) -> Decision {
    ///         match upgrade.request().cookie("member") {
    ///             Some(name) => Accept::new().attach(Member(name.to_owned())).into(),
    ///             None => Refusal::new(403).text("members only\n").into(),
    ///         }
    ///     }
    /// }
    /// # use ringsocket_app::testing::{Answer, TestHost, Visit};
    /// # let mut host = TestHost::<Club>::start().unwrap();
    /// # let ann = host.open(Visit::new("/").header("Cookie", "a=b; member=Ann"));
    /// # assert_eq!(host.received(ann), ["welcome, Ann"]);
    /// # let ben = host.ask("/");
    /// # assert_eq!(host.answer(ben).unwrap().status(), 403);
    /// ```
    const UPGRADE: Option<UpgradeHook<Self>> = None;

    /// Makes the app. Called once, before any client is there, so nothing can be sent yet; timers
    /// can be set.
    ///
    /// # Errors
    ///
    /// An error is written to the log with its sources, and the app is not served.
    fn init(cx: &mut Context<'_>) -> InitResult<Self>;

    /// A client has connected. [`Context::request`] tells what it asked for. What is sent to it
    /// here reaches it once `open` has returned.
    fn open(&mut self, cx: &mut Context<'_>, client: ClientId) {
        let _ = (cx, client);
    }

    /// A client has sent a message, put together from its frames.
    fn read(&mut self, cx: &mut Context<'_>, client: ClientId, message: Message<'_>) {
        let _ = (cx, client, message);
    }

    /// A client is gone, for whatever reason: nothing that is sent to it reaches it any more.
    fn close(&mut self, cx: &mut Context<'_>, client: ClientId, close: Close<'_>) {
        let _ = (cx, client, close);
    }

    /// The time that [`Context::set_timer`] asked for has come.
    fn timer(&mut self, cx: &mut Context<'_>) {
        let _ = cx;
    }

    /// The app is replaced or removed while the server runs: no client comes any more, and those there
    /// are may stay for `wait` (`drain_wait` of the configuration). Those who are still there then
    /// are closed with 1012. Called at most once; the app is dropped when its last client has gone.
    ///
    /// A place to take leave, or to close clients by itself.
    fn drain(&mut self, cx: &mut Context<'_>, wait: std::time::Duration) {
        let _ = (cx, wait);
    }

    /// The server is restarted, and its clients live on: returns what the app's next instance is to know
    /// ([`restore`](Self::restore)), in a form that an older or newer version of the app can tell from
    /// its own. At most 64 MiB ([`abi::STATE_MAX_SIZE`]); more is an error in the log, and nothing is
    /// kept.
    ///
    /// Called once, after all that clients have sent till now has been read and all calls that threads
    /// have [posted](Handle) have been made. What is sent here still goes out. Nothing is called
    /// afterwards: the app is dropped, which must not undo what `restore` relies on. With `None`, as
    /// without this method, or after a panic, each client is [opened](Self::open) again.
    ///
    /// Not called when the server stops: clients are closed then.
    fn save(&mut self, cx: &mut Context<'_>) -> Option<Vec<u8>> {
        let _ = cx;
        None
    }

    /// The server has been restarted: takes up what [`save`](Self::save) has returned, perhaps of
    /// another version of this app, and the clients that live on, in no particular order. Called once,
    /// after [`init`](Self::init) and before anything else.
    ///
    /// They have the same [`ClientId`]s as before and are the app's from now on, without an
    /// [`open`](Self::open); clients that are not listed are gone, without a [`close`](Self::close).
    /// Subscriptions to topics live on. Values attached to clients do not, nor does the timer: both may
    /// be set again here. What is sent here goes out when `restore` has returned, within the limits of
    /// what `open` may send.
    ///
    /// # Errors
    ///
    /// An error is written to the log as a warning, and what has been sent and attached is forgotten:
    /// the clients are [opened](Self::open) again, one by one, with
    /// [`Request::is_resumed`]. So check what is read before `self` is changed.
    fn restore(
        &mut self,
        cx: &mut Context<'_>,
        state: &[u8],
        clients: &[ClientId],
    ) -> RestoreResult {
        let _ = (cx, state, clients);
        Err("the app does not implement `restore`".into())
    }
}
