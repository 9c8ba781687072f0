//! End-to-end tests: the real daemon, real apps in shared objects, and the tests' own client.
//! One file for each concern. What needs many connections or much time is in `load`.

mod activation;
mod apps;
mod bounds;
mod c_apps;
mod callbacks;
mod chat;
mod check;
mod closing;
mod config;
mod counters;
mod cpp_apps;
mod deflate;
mod direct;
mod documentation;
mod echo;
mod faults;
mod handshake;
mod health;
mod hostile;
mod http;
mod limits;
mod memory;
mod misbehaviour;
mod pages;
mod proxies;
mod review;
mod rfc6455;
mod rfc7692;
mod silence;
mod sockets;
mod stop;
mod stress;
mod subprotocols;
mod ticker;
mod typed;
