//! A server for tests: drives an app through its exported table, as RingSocket does, and records
//! what the app does. It has no sockets, no threads and no clock.
//!
//! ```
//! use ringsocket_app::testing::{TestHost, Visit};
//! use ringsocket_app::{App, ClientId, Context, InitResult, Message};
//!
//! struct Relay;
//!
//! impl App for Relay {
//!     fn init(_cx: &mut Context<'_>) -> InitResult<Self> {
//!         Ok(Relay)
//!     }
//!     fn read(&mut self, cx: &mut Context<'_>, client: ClientId, message: Message<'_>) {
//!         cx.to_all().except(client).send(message);
//!     }
//! }
//!
//! let mut host = TestHost::<Relay>::start().unwrap();
//! let ann = host.open("/relay");
//! let ben = host.open(Visit::new("/relay?name=Ben").header("User-Agent", "a test"));
//! host.text(ann, "hi");
//! assert_eq!(host.received(ben), ["hi"]);
//! assert!(host.received(ann).is_empty());
//! ```
#![expect(unsafe_code, reason = "plays the server's part of the C interface")]

mod posted;
mod records;
mod restart;
mod table;
mod topics;
mod upgrades;

pub use records::{LogLine, Received, Stopped, Visit};
pub use upgrades::Answer;

use crate::{App, ClientId, Message, Payload, abi, export};
use posted::PostedCall;
use std::collections::BTreeMap;
use std::ffi::{c_int, c_void};
use std::fmt;
use std::marker::PhantomData;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;
use table::{Call, Callback, Client, HOST, World};
use topics::Topics;

/// A server for tests, with one app in it.
///
/// After each callback, clients that the app closed get their `close` callback, as if their peer
/// had answered at once; [`linger`](Self::linger) changes that. Dropping it ends the app.
pub struct TestHost<A: App> {
    /// Owned (from a box), as a pointer because the app holds it too while it is called.
    call: *mut Call,
    app: abi::App,
    state: *mut c_void,
    next_client: abi::ClientId,
    is_stopped: bool,
    /// Whether clients that the app closes stay until they leave.
    is_lingering: bool,
    /// Code and reason of the clients that the app closed.
    closed: BTreeMap<abi::ClientId, (u16, String)>,
    _app: PhantomData<A>,
}

impl<A: App> TestHost<A> {
    /// Starts the app with a limit of 16 MiB per message.
    ///
    /// # Errors
    ///
    /// The last line of the log, if `init` failed.
    pub fn start() -> Result<Self, String> {
        Self::start_with(16 << 20)
    }

    /// Starts the app with this limit per message, in bytes.
    ///
    /// # Errors
    ///
    /// The last line of the log, if `init` failed.
    pub fn start_with(max_message_size: usize) -> Result<Self, String> {
        let world = World {
            clients: BTreeMap::new(),
            asked: BTreeMap::new(),
            values: BTreeMap::new(),
            closing: None,
            callback: Callback::Init,
            max_message_size,
            timer: None,
            log: Vec::new(),
            written: None,
            posted: Arc::default(),
            headers: Vec::new(),
            names: Vec::new(),
            topics: Topics::default(),
        };
        let call = Box::into_raw(Box::new(Call { rs: abi::Rs { host: &HOST }, world }));
        let mut host = Self {
            call,
            app: export::vtable::<A>(),
            state: ptr::null_mut(),
            next_client: 1,
            is_stopped: false,
            is_lingering: false,
            closed: BTreeMap::new(),
            _app: PhantomData,
        };
        let init = host.app.init.expect("the SDK exports all callbacks");
        // SAFETY: a valid context, and a place for the state.
        let result = unsafe { init(host.call.cast(), &mut host.state) };
        if result == abi::CB_OK {
            return Ok(host);
        }
        host.is_stopped = true;
        Err(host.log().last().map_or_else(String::new, |line| line.text.clone()))
    }

    fn world(&self) -> &World {
        // SAFETY: `call` is ours, and no callback is running while a method is.
        unsafe { &(*self.call).world }
    }

    fn world_mut(&mut self) -> &mut World {
        // SAFETY: as above, and `self` is borrowed for writing.
        unsafe { &mut (*self.call).world }
    }

    /// Lets a client in.
    ///
    /// # Panics
    ///
    /// If the app has stopped, or fails now.
    pub fn open(&mut self, visit: impl Into<Visit>) -> ClientId {
        self.try_open(visit).unwrap_or_else(|_| self.give_up())
    }

    /// Lets a client in.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if the app has stopped, or fails now.
    pub fn try_open(&mut self, visit: impl Into<Visit>) -> Result<ClientId, Stopped> {
        let client = self.try_ask(visit)?;
        let answer = self.answer(client);
        assert!(matches!(answer, Some(Answer::Accepted { .. })), "the app answers {answer:?}");
        Ok(client)
    }

    /// Lets in a client that is not asked about any more.
    fn enter(&mut self, id: abi::ClientId, client: Client) -> Result<(), Stopped> {
        self.world_mut().clients.insert(id, client);
        let open = self.app.open.expect("the SDK exports all callbacks");
        // SAFETY: a valid context and state.
        self.call(Callback::Open(id), |rs, state| unsafe { open(rs, state, id) })
    }

    /// The subprotocol agreed on with a client that is there.
    #[must_use]
    pub fn subprotocol(&self, client: ClientId) -> Option<&str> {
        self.world().clients.get(&client.get())?.subprotocol.as_deref()
    }

    /// Has a client send a text message.
    ///
    /// # Panics
    ///
    /// If the app has stopped, or fails now.
    pub fn text(&mut self, client: ClientId, text: &str) {
        self.try_read(client, abi::DataKind::UTF8, text.as_bytes())
            .unwrap_or_else(|_| self.give_up());
    }

    /// Has a client send a binary message.
    ///
    /// # Panics
    ///
    /// If the app has stopped, or fails now.
    pub fn binary(&mut self, client: ClientId, bytes: &[u8]) {
        self.try_read(client, abi::DataKind::BIN, bytes).unwrap_or_else(|_| self.give_up());
    }

    /// Has a client send a message: a typed one ([`messages!`](crate::messages!)), or one of those
    /// that [`Payload`] names.
    ///
    /// # Panics
    ///
    /// If the app has stopped, or fails now, or if a typed message is not as it is declared.
    pub fn send(&mut self, client: ClientId, message: impl Payload) {
        let read = message.with(|message| match message {
            Message::Text(text) => self.text(client, text),
            Message::Binary(bytes) => self.binary(client, bytes),
        });
        read.expect("a message that keeps to its declaration");
    }

    /// Has a client send a message.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if the app has stopped, or fails now.
    ///
    /// # Panics
    ///
    /// If the kind is text, and the payload is not.
    pub fn try_read(
        &mut self,
        client: ClientId,
        kind: abi::DataKind,
        payload: &[u8],
    ) -> Result<(), Stopped> {
        if kind == abi::DataKind::UTF8 {
            std::str::from_utf8(payload).expect("a text message is UTF-8");
        }
        let read = self.app.read.expect("the SDK exports all callbacks");
        let (client, data, size) = (client.get(), payload.as_ptr(), payload.len());
        // SAFETY: a valid context and state; the payload is as the interface demands.
        self.call(Callback::Other, |rs, state| unsafe { read(rs, state, client, kind, data, size) })
    }

    /// Has a client leave.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if the app has stopped, or fails now.
    pub fn leave(
        &mut self,
        client: ClientId,
        code: u16,
        reason: impl AsRef<[u8]>,
    ) -> Result<(), Stopped> {
        self.call_close(client.get(), code, reason.as_ref())
    }

    /// Lets the timer run out, if one is set.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if the app has stopped, or fails now.
    pub fn fire_timer(&mut self) -> Result<(), Stopped> {
        if self.world_mut().timer.take().is_none() {
            return Ok(());
        }
        let timer = self.app.timer.expect("the SDK exports all callbacks");
        // SAFETY: a valid context and state.
        self.call(Callback::Other, |rs, state| unsafe { timer(rs, state) })
    }

    /// Makes the calls that threads of the app have posted ([`Handle`](crate::Handle)), and says how
    /// many there were.
    ///
    /// # Panics
    ///
    /// If the app has stopped, or fails now.
    pub fn run_posted(&mut self) -> usize {
        self.try_run_posted().unwrap_or_else(|_| self.give_up())
    }

    fn try_run_posted(&mut self) -> Result<usize, Stopped> {
        let mut count = 0;
        while let Some(PostedCall { call, argument, .. }) = self.world().posted.next() {
            // SAFETY: a valid context and state; the argument is used once.
            self.call(Callback::Other, |rs, state| unsafe { call(rs, state, argument) })?;
            count += 1;
        }
        Ok(count)
    }

    /// Makes the calls that threads of the app have posted, as soon as there is one; 0 if there is
    /// none for so long.
    ///
    /// # Panics
    ///
    /// If the app has stopped, or fails now.
    pub fn wait_for_posted(&mut self, patience: Duration) -> usize {
        self.world().posted.wait(patience);
        self.run_posted()
    }

    /// Tells the app that it is to go, and that its clients may stay for so long.
    ///
    /// # Errors
    ///
    /// [`Stopped`] if the app has stopped, or fails now.
    pub fn drain(&mut self, wait: Duration) -> Result<(), Stopped> {
        let drain = self.app.drain.expect("the SDK exports all callbacks");
        let microseconds = wait.as_micros() as u64;
        // SAFETY: a valid context and state.
        self.call(Callback::Other, |rs, state| unsafe { drain(rs, state, microseconds) })
    }

    /// What a client received since it was last asked. Nothing from a client that is gone.
    pub fn received(&mut self, client: ClientId) -> Vec<Received> {
        let client = self.world_mut().clients.get_mut(&client.get());
        client.map_or_else(Vec::new, |client| std::mem::take(&mut client.received))
    }

    /// Whether a client is still there.
    #[must_use]
    pub fn is_open(&self, client: ClientId) -> bool {
        self.world().clients.contains_key(&client.get())
    }

    /// Code and reason with which the app closed a client, if it did.
    #[must_use]
    pub fn closed_with(&self, client: ClientId) -> Option<(u16, &str)> {
        let asked = || self.world().clients.get(&client.get())?.closed.as_ref();
        let (code, reason) = self.closed.get(&client.get()).or_else(asked)?;
        Some((*code, reason))
    }

    /// From now on, clients that the app closes stay until [`leave`](Self::leave), as real ones do
    /// whose messages are still under way: what they send is read, what is sent to them is lost.
    pub fn linger(&mut self) {
        self.is_lingering = true;
    }

    /// The time that the timer is set to.
    #[must_use]
    pub fn timer(&self) -> Option<Duration> {
        self.world().timer
    }

    /// All lines of the log.
    #[must_use]
    pub fn log(&self) -> &[LogLine] {
        &self.world().log
    }

    /// Ends the app as the server does when it stops, and returns the log.
    pub fn quit(mut self) -> Vec<LogLine> {
        self.call_quit();
        std::mem::take(&mut self.world_mut().log)
    }

    fn give_up(&self) -> ! {
        panic!("the app has failed; its log: {:#?}", self.log())
    }

    fn call_close(
        &mut self,
        client: abi::ClientId,
        code: u16,
        reason: &[u8],
    ) -> Result<(), Stopped> {
        if self.withdraw(client) {
            return Ok(());
        }
        let close = self.app.close.expect("the SDK exports all callbacks");
        let reason = abi::Bytes::of(reason);
        let world = self.world_mut();
        world.closing = world.clients.remove_entry(&client);
        world.topics.leave(client);
        // SAFETY: a valid context and state; the reason is borrowed for the call.
        let close = |rs, state| unsafe { close(rs, state, client, code, reason) };
        let result = self.call(Callback::Other, close);
        self.world_mut().closing = None;
        self.world_mut().values.remove(&client);
        result
    }

    /// Calls a callback, then `close` for each client that it closed.
    fn call(
        &mut self,
        callback: Callback,
        body: impl FnOnce(*mut abi::Rs, *mut c_void) -> c_int,
    ) -> Result<(), Stopped> {
        if self.is_stopped {
            return Err(Stopped);
        }
        self.world_mut().callback = callback;
        let result = body(self.call.cast(), self.state);
        self.world_mut().headers.clear();
        self.world_mut().names.clear();
        if result != abi::CB_OK {
            self.is_stopped = true;
            self.world().posted.close();
            self.world_mut().clients.clear();
            return Err(Stopped);
        }
        self.enter_accepted()?;
        let mut clients = self.world().clients.iter();
        let closed = clients.find_map(|(id, client)| Some((*id, client.closed.clone()?)));
        let Some((id, (code, reason))) = closed else { return Ok(()) };
        if self.is_lingering {
            return Ok(());
        }
        self.closed.insert(id, (code, reason.clone()));
        self.call_close(id, code, reason.as_bytes())
    }

    fn call_quit(&mut self) {
        self.world().posted.close();
        let state = std::mem::replace(&mut self.state, ptr::null_mut());
        if !state.is_null() {
            self.world_mut().callback = Callback::Quit;
            self.world_mut().asked.clear();
            self.world_mut().values.clear();
            let quit = self.app.quit.expect("the SDK exports all callbacks");
            // SAFETY: a valid context, and the state of `init`, which is not used any more.
            unsafe { quit(self.call.cast(), state) }
        }
    }
}

impl<A: App> Drop for TestHost<A> {
    fn drop(&mut self) {
        self.call_quit();
        // SAFETY: made from a box by `start`, and nobody else holds it any more.
        drop(unsafe { Box::from_raw(self.call) });
    }
}

impl<A: App> fmt::Debug for TestHost<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestHost").field("log", &self.log()).finish_non_exhaustive()
    }
}
