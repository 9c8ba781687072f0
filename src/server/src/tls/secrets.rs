//! The traffic secrets of TLS 1.3, on their way out of rustls.
//!
//! rustls gives away the keys of a connection, but not the secrets that they were derived from, and
//! without those no KeyUpdate can be followed (RFC 8446 section 7.2). It does tell them to a key log, by
//! the thread that works on the handshake. So that is what this log is: it keeps what was said last on
//! this thread, until whoever works on the handshake takes it. It writes nothing down.

use std::cell::RefCell;

use ringsocket_tls::Secret;
use rustls::KeyLog;

/// The secrets of both directions of one connection, of the first generation.
#[derive(Default)]
pub struct Traffic {
    /// What the client protects its records with.
    pub client: Option<Secret>,
    /// What the server does.
    pub server: Option<Secret>,
}

thread_local! {
    static SAID: RefCell<Traffic> = RefCell::default();
}

/// Takes what has been said on this thread since the last time.
pub fn take() -> Traffic {
    SAID.with_borrow_mut(std::mem::take)
}

/// The key log of every [`rustls::ServerConfig`].
#[derive(Debug)]
pub struct Log;

const CLIENT: &str = "CLIENT_TRAFFIC_SECRET_0";
const SERVER: &str = "SERVER_TRAFFIC_SECRET_0";

impl KeyLog for Log {
    fn log(&self, label: &str, _: &[u8], secret: &[u8]) {
        let secret = Secret::new(secret).ok();
        SAID.with_borrow_mut(|said| match label {
            CLIENT => said.client = secret,
            SERVER => said.server = secret,
            _ => {}
        });
    }

    fn will_log(&self, label: &str) -> bool {
        matches!(label, CLIENT | SERVER)
    }
}
