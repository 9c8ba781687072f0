//! The host of the apps: loads them, runs their callbacks, and takes what they send.
//!
//! Files of this room: `library` (dlopen and the version check), `api` (the C interface: calls into
//! an app, and what an app may call), `context` (what those calls do), `outlets` (the rings to the
//! workers), `clients` (who is there), `app_loop` (an app's turn), `thread` (the thread that takes
//! an app's turns and sleeps in between).
//!
//! It never imports `worker`: the two meet in the rings and in [`crate::message`].

pub mod api;
pub mod app_loop;
pub mod clients;
pub mod context;
pub mod library;
pub mod outlets;
pub mod thread;
