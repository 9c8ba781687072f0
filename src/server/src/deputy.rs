//! A worker in place of an app's thread: while that sleeps, a worker that has messages for the app
//! calls it itself, and what the app answers goes straight to the worker's clients. No ring is
//! crossed and no thread woken.
//!
//! `worker` and `host` meet here as they do in [`crate::message`]: a worker calls an app through
//! [`Deputy`], and the app reaches that worker through [`Sink`].

use std::fmt;

use crate::message::{ClientId, Scope};

/// How one worker calls one app itself. [`catch_up`](Self::catch_up) and
/// [`read`](Self::read) only while it holds the run right.
pub trait Deputy: fmt::Debug + Send {
    /// Takes the run right, if nobody has it and the app may be called by a worker at all.
    ///
    /// After that the worker must first deliver whatever the app has sent it through the ring, and
    /// then [catch up](Self::catch_up).
    fn take(&mut self) -> bool;

    /// Asks the app's thread to leave the app to this worker, with work undone if need be, and to
    /// wake it then. False if it will not, as there are other workers.
    fn ask(&mut self) -> bool;

    /// Whether the app has been left, and not for its own thread.
    fn is_left(&self) -> bool;

    /// Leaves the app to its own thread after all.
    fn decline(&mut self);

    /// Calls the app for all that lies in this worker's inbound ring. False if the right must be
    /// given back at once; then there may be something left.
    fn catch_up(&mut self, sink: &mut dyn Sink) -> bool;

    /// Calls the app for a message of this worker's client. False as above; the message has been
    /// read in any case.
    fn read(
        &mut self,
        client: ClientId,
        is_text: bool,
        payload: &[u8],
        sink: &mut dyn Sink,
    ) -> bool;

    /// Gives the run right back, and wakes the app's thread if there is something that only it can
    /// do.
    fn give_back(&mut self);
}

/// What a worker does for an app that it calls itself.
pub trait Sink {
    /// Gathers one frame, header and payload, for those of its clients whom it is for. Clients of
    /// other workers among `ids` are skipped.
    fn send(&mut self, header: &[u8], payload: &[u8], scope: Scope, ids: &[ClientId]);

    /// Starts the closing handshake with one of its clients.
    fn close(&mut self, client: ClientId, code: u16, reason: &[u8]);

    /// `open` has returned for one of its clients.
    fn opened(&mut self, client: ClientId);

    /// Lets in one of its clients whose upgrade the app was asked about, with these header lines.
    fn accept(&mut self, client: ClientId, lines: &[u8]);

    /// Does not let it in, with this response of this status.
    fn refuse(&mut self, client: ClientId, status: u16, response: &[u8]);

    /// Has a subscription of one of its clients to the topic with this number begin or end.
    fn subscription(&mut self, client: ClientId, topic: u64, begins: bool);

    /// The app waits until another worker has made room: for as long, this one does what that other
    /// may wait for.
    fn meanwhile(&mut self);
}
