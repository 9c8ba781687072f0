//! A way into the app from threads of its own: what they have found out is brought to the app, and
//! so to its clients, by a call that they post.
#![expect(unsafe_code, reason = "hands closures through the server's C functions")]

use std::any::TypeId;
use std::ffi::{c_int, c_void};
use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;

use crate::export::{app, guard};
use crate::{App, Context, Error, abi, panics};

/// Brings work from other threads to the app `A`: [`Context::handle`] makes it, clones are cheap, and
/// any thread may have one.
///
/// An app must not block in a callback, as its clients wait meanwhile. It asks its database on a
/// thread of its own, and the answer comes back by [`post`](Self::post): a closure that the server
/// calls on the app's own thread like any callback, with the app and a [`Context`].
///
/// ```
/// use ringsocket_app::{App, ClientId, Context, Handle, InitResult, Message};
/// use std::sync::mpsc;
///
/// struct Oracle {
///     questions: mpsc::Sender<(ClientId, String)>,
///     answered: usize,
/// }
///
/// impl App for Oracle {
///     fn init(cx: &mut Context<'_>) -> InitResult<Self> {
///         let handle: Handle<Self> = cx.handle();
///         let (questions, asked) = mpsc::channel::<(ClientId, String)>();
///         // Ends when the app has gone, and the sender with it.
///         std::thread::Builder::new().name("oracle".into()).spawn(move || {
///             for (client, question) in asked {
///                 let answer = format!("{question} 42."); // may take its time
///                 let answered = handle.post(move |app, cx| {
///                     app.answered += 1;
///                     cx.to(client).text(answer); // nobody hears it if the client has left
///                 });
///                 if answered.is_err() {
///                     return;
///                 }
///             }
///         })?;
///         Ok(Oracle { questions, answered: 0 })
///     }
///
///     fn read(&mut self, _: &mut Context<'_>, client: ClientId, message: Message<'_>) {
///         if let Message::Text(question) = message {
///             let _ = self.questions.send((client, question.to_owned()));
///         }
///     }
/// }
/// # let mut host = ringsocket_app::testing::TestHost::<Oracle>::start().unwrap();
/// # let client = host.open("/oracle");
/// # host.text(client, "What?");
/// # assert_eq!(host.wait_for_posted(std::time::Duration::from_secs(10)), 1);
/// # assert_eq!(host.received(client), ["What? 42."]);
/// ```
pub struct Handle<A> {
    raw: Arc<Raw>,
    _app: PhantomData<fn(&mut A)>,
}

impl<A: App> Handle<A> {
    /// # Safety
    ///
    /// `rs` is that of a running callback of the app `A`, and its host table is at least as large as
    /// this crate's.
    unsafe fn acquire(rs: *mut abi::Rs) -> Option<Self> {
        // SAFETY: as the caller promises; the table is valid for the life of the process.
        let host: &'static abi::Host = unsafe { &*(*rs).host };
        // SAFETY: as the caller promises.
        let handle = NonNull::new(unsafe { (host.acquire)(rs) })?;
        Some(Self { raw: Arc::new(Raw { handle, host }), _app: PhantomData })
    }

    /// Has `call` called on the app's thread, soon: after the callback that runs, if one does. Calls
    /// that one thread posts are made in that order. Does not wait. What is posted in
    /// [`App::init`] is called after it.
    ///
    /// A panic in `call` ends the app as in any callback.
    ///
    /// # Errors
    ///
    /// [`Error::Limit`] while 65,536 calls wait: the app does not keep up. [`Error::NotHere`] if the
    /// app is over. Either way `call` is dropped. So are calls that still wait when the app is over.
    pub fn post(
        &self,
        call: impl FnOnce(&mut A, &mut Context<'_>) + Send + 'static,
    ) -> Result<(), Error> {
        self.raw.post::<A, _>(Box::new(call))
    }
}

impl<A> Clone for Handle<A> {
    fn clone(&self) -> Self {
        Self { raw: Arc::clone(&self.raw), _app: PhantomData }
    }
}

impl<A> fmt::Debug for Handle<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

impl Context<'_> {
    /// Makes a [`Handle`] of this app, for its own threads: `let handle: Handle<Self> = cx.handle();`
    ///
    /// # Panics
    ///
    /// If `A` is not the app whose callback this is, or while the app is being dropped.
    #[must_use]
    pub fn handle<A: App>(&self) -> Handle<A> {
        assert_eq!(self.app_type(), TypeId::of::<A>(), "a handle of another app's type");
        // SAFETY: the context is that of a running callback, of this very app as was just seen.
        unsafe { Handle::acquire(self.raw()) }.expect("an app that is not being dropped")
    }
}

/// A handle of the server.
struct Raw {
    handle: NonNull<abi::Handle>,
    host: &'static abi::Host,
}

// SAFETY: the interface allows `post` and `release` on any thread.
unsafe impl Send for Raw {}
// SAFETY: as above, on several at a time.
unsafe impl Sync for Raw {}

impl Raw {
    fn post<A, F>(&self, closure: Box<F>) -> Result<(), Error>
    where
        A: App,
        F: FnOnce(&mut A, &mut Context<'_>) + Send + 'static,
    {
        let argument = Box::into_raw(closure);
        let (call, discard): (abi::CallFn, abi::DiscardFn) = (call::<A, F>, discard::<F>);
        // SAFETY: the handle has not been released; of the two functions one gets the box, once.
        let result = unsafe {
            (self.host.post)(self.handle.as_ptr(), Some(call), argument.cast(), Some(discard))
        };
        Error::check(result).inspect_err(|_| {
            // SAFETY: made above, and still ours as the server did not take it.
            drop(unsafe { Box::from_raw(argument) });
        })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // SAFETY: acquired once, released once.
        unsafe { (self.host.release)(self.handle.as_ptr()) }
    }
}

/// # Safety
///
/// As the header says of a posted call: the app is `A`, and the argument a box of `F`.
unsafe extern "C" fn call<A, F>(
    rs: *mut abi::Rs,
    state: *mut c_void,
    argument: *mut c_void,
) -> c_int
where
    A: App,
    F: FnOnce(&mut A, &mut Context<'_>),
{
    // SAFETY: as the caller promises; the box was made by `post`, and is not used again.
    unsafe {
        let closure = Box::from_raw(argument.cast::<F>());
        guard::<A>(rs, "a posted call", |cx| {
            closure(app::<A>(state), cx);
            Ok(())
        })
    }
}

/// # Safety
///
/// The argument is a box of `F`, not used again.
unsafe extern "C" fn discard<F>(argument: *mut c_void) {
    // SAFETY: as the caller promises.
    let closure = unsafe { Box::from_raw(argument.cast::<F>()) };
    // A destructor that panics must not unwind into the server, which could do nothing about it.
    panics::contain(closure);
}
