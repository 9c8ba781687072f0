//! A handshake in memory, of rustls with itself.

use std::sync::Arc;

use rustls::client::ClientConnection;
use rustls::pki_types::ServerName;
use rustls::server::{Acceptor, ServerConnection};
use rustls::{ClientConfig, ConnectionCommon};

use crate::tls::Terms;

/// A connection of both ends, after its handshake.
pub(super) struct Pair {
    pub(super) client: ClientConnection,
    pub(super) server: ServerConnection,
}

/// How a handshake came out that did not succeed.
#[derive(Debug, PartialEq)]
pub(super) enum Failed {
    /// No certificate is for the name.
    NoName,
    /// What the server and the client have against it; empty: nothing.
    Refused { server: String, client: String },
}

/// A handshake of a client, which wants to speak with `host`, at an entrance.
pub(super) fn shake(
    terms: &Terms,
    entrance: u16,
    client: &Arc<ClientConfig>,
    host: &str,
) -> Result<Pair, Failed> {
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::clone(client), name).unwrap();
    let mut acceptor = Acceptor::default();
    let mut flight = Vec::new();
    client.write_tls(&mut flight).unwrap();
    acceptor.read_tls(&mut &flight[..]).unwrap();
    let accepted = acceptor.accept().expect("a sound hello").expect("a whole hello");
    let config = terms.choose(entrance, &accepted.client_hello()).ok_or(Failed::NoName)?;
    let mut server = match accepted.into_connection(config) {
        Ok(server) => server,
        Err((error, mut alert)) => {
            flight.clear();
            alert.write_all(&mut flight).unwrap();
            client.read_tls(&mut &flight[..]).unwrap();
            let heard = client.process_new_packets().unwrap_err().to_string();
            return Err(Failed::Refused { server: error.to_string(), client: heard });
        }
    };
    let mut refused = [String::new(), String::new()];
    for _ in 0..4 {
        hand_over(&mut *server, &mut *client, &mut refused[1]);
        hand_over(&mut *client, &mut *server, &mut refused[0]);
    }
    if refused.iter().any(|error| !error.is_empty()) {
        let [server, client] = refused;
        return Err(Failed::Refused { server, client });
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok(Pair { client, server })
}

/// Brings what one end has to say to the other, and notes the first thing that it has against it.
fn hand_over<A, B>(
    from: &mut ConnectionCommon<A>,
    to: &mut ConnectionCommon<B>,
    refused: &mut String,
) {
    let mut flight = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut flight).unwrap();
    }
    let mut rest = &flight[..];
    while !rest.is_empty() && refused.is_empty() {
        to.read_tls(&mut rest).unwrap();
        if let Err(error) = to.process_new_packets() {
            *refused = error.to_string();
        }
    }
}
