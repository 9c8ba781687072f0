//! RingSocket's daemon, as a library so that tests can drive its parts.
//!
//! One process that never forks: worker threads own the connections (`worker`), each app runs on
//! a thread of its own (`host`), and rings join every worker with every app (`message` says what
//! crosses them). `server` puts them together and takes them apart again.
#![cfg_attr(not(test), deny(clippy::unwrap_used))]

pub mod cli;
pub mod config;
pub mod counted;
pub mod deputy;
pub mod handover;
pub mod host;
pub mod log;
pub mod message;
pub mod new_app;
pub mod proxies;
pub mod server;
pub mod site;
pub mod steering;
pub mod sys;
pub mod systemd;
pub mod tls;
pub mod waker;
pub mod worker;
pub mod www;
