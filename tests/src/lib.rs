//! What the end-to-end tests, the soaks and the bench share: a WebSocket client for tests, a
//! launcher of the real daemon, and an epoll driver for many connections in one thread.
//!
//! Nothing here knows the server's crates: the client is a second reading of RFC 6455, so that a
//! misreading in `ringsocket-proto` is not repeated by its own test.
//! Not for production use: errors are panics or `io::Error`s that say what a test saw.

pub mod activation;
pub mod apps;
pub mod certificates;
pub mod client;
pub mod compilers;
pub mod cutter;
pub mod daemon;
pub mod deflate;
pub mod folder;
pub mod frame;
pub mod handshake;
pub mod mux;
pub mod notify;
pub mod prng;
pub mod process;
pub mod soak;
pub mod sys;
pub mod tls;
