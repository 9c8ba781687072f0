//! The server's side of WebSocket over HTTP/1.1 as a pure state machine: bytes and time go in,
//! events and bytes come out.
//!
//! A [`Connection`] begins by waiting for a request head. When [`Connection::receive`] yields
//! [`Event::Request`], the caller decides what to answer ([`upgrade::decide`]), writes that answer
//! and says so ([`Connection::accept`] or [`Connection::refuse`]). After an acceptance `receive`
//! yields messages until the closing handshake ends.
//!
//! Not for: sockets, clocks, TLS, or the choice of what an endpoint does with a message. There is
//! no I/O here and no `unsafe`; time is what the caller says it is ([`Millis`]).
//!
//! The standards meant by section numbers are RFC 6455 (WebSocket), RFC 7692 (permessage-deflate),
//! RFC 9110 (HTTP semantics) and RFC 9112 (HTTP/1.1).
#![cfg_attr(not(test), deny(clippy::unwrap_used))]

pub mod close;
mod connection;
mod control;
pub mod deflate;
mod extensions;
pub mod fields;
pub mod forwarded;
pub mod frame;
pub mod http;
mod input;
pub mod mask;
mod message;
pub mod misdirected;
pub mod proxy;
pub mod response;
mod time;
pub mod upgrade;
pub mod utf8;
mod words;

pub use close::CloseCode;
pub use connection::{Connection, Event, Expired, Limits, NO_PONG, Phase};
pub use http::Request;
pub use input::Input;
pub use message::{Kind, Payload};
pub use response::Response;
pub use time::Millis;
