//! The host of the apps: loads them, runs their callbacks, and takes what they send.
//!
//! Files of this room: `image` (a file, whole and private), `library` (dlopen and the version check),
//! `api` (the C interface: calls into an app, and what an app may call), `context` (what those calls
//! do), `publish` (those of them that are about topics), `topics` (what is known of these), `upgrades`
//! (whom an app decides about, and values of its clients), `posted` (calls from threads of its own),
//! `outlets` (the rings to the
//! workers), `clients` (who is there), `app_loop` (an app's turn, and how it takes part in a restart), `resume` (what that needs of the
//! context), `thread` (the thread that takes
//! an app's turns and sleeps in between), `post` (where it leaves the app meanwhile, for workers to
//! run), `stand` (such a worker during a call), `pace` (whether the app is quick enough for that).
//!
//! It never imports `worker`: the two meet in the rings, in [`crate::message`] and in
//! [`crate::deputy`].

pub mod api;
pub mod app_loop;
pub mod clients;
pub mod context;
pub mod image;
pub mod library;
pub mod outlets;
pub mod pace;
pub mod post;
pub mod posted;
mod publish;
mod resume;
mod stand;
pub mod thread;
pub mod topics;
mod upgrades;
