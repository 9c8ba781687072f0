//! The TLS handshake of one connection, by rustls: whole records in, records out, and in the end the
//! keys and what is known of the client.
//! Not for: sockets, or the limits of handshakes ([`super`]).
//!
//! rustls is fed one record at a time, so that what follows the client's last handshake record never
//! gets into it: its keys can be taken out, but not what it has read and not dealt with.

use std::fmt;
use std::sync::Arc;

use ringsocket_tls::{Alert, Direction, End, Keys, Records, Secret, Suite, Version};
use rustls::server::{AcceptedAlert, Acceptor, ClientHello, ServerConfig, ServerConnection};
use rustls::{ConnectionTrafficSecrets, ExtractedSecrets, HandshakeKind, ProtocolVersion};

use super::layer::Layer;
use crate::tls::secrets::{self, Traffic};
use crate::tls::{ClientCert, Identity};

/// Most bytes of records that a ClientHello may take; real ones take at most 4 KiB.
const LONGEST_HELLO: usize = 32 * 1024;

/// A handshake that is not over.
pub(super) struct Handshake {
    stage: Stage,
    traffic: Traffic,
    protection: Protection,
    /// Bytes of records that have come since we last had something to say.
    unanswered: usize,
}

enum Stage {
    /// The ClientHello has not come whole.
    Hello(Box<Acceptor>),
    /// A certificate is chosen, and messages go there and back.
    Flights(Box<ServerConnection>),
    /// It has failed.
    Over,
}

/// What a handshake leads to.
pub(super) struct Established {
    /// What protects the records from now on.
    pub(super) layer: Layer,
    /// What is known of the other end.
    pub(super) identity: Identity,
}

/// Why a handshake has failed. What the client is told of it is among the records to send.
#[derive(Debug)]
pub(super) enum Failure {
    /// There is no certificate for the name that the client asked for; empty if for none.
    UnknownName(String),
    /// rustls has refused it.
    Refused(rustls::Error),
    /// A session was resumed, and the client's certificate has expired since it was shown.
    Expired,
    /// A message of it is longer than rustls takes.
    TooLong,
    /// The secrets of a handshake that was over could not be had.
    NoSecrets(&'static str),
}

impl Failure {
    /// What it is of a connection whose handshake is over. rustls has its own words for the peer.
    pub(super) fn end(&self) -> End {
        match self {
            Self::Refused(rustls::Error::AlertReceived(alert)) => End::Aborted(u8::from(*alert)),
            _ => End::Violation { alert: Alert::DecodeError, why: "rustls has refused a record" },
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownName(name) if name.is_empty() => {
                f.write_str("it named no host, and there is no certificate for that")
            }
            Self::UnknownName(name) => write!(f, "no certificate is for {name:?}"),
            Self::Refused(error) => error.fmt(f),
            Self::Expired => {
                f.write_str("the certificate of a session that is resumed has expired")
            }
            Self::TooLong => f.write_str("a message of it is too long"),
            Self::NoSecrets(why) => f.write_str(why),
        }
    }
}

impl From<rustls::Error> for Failure {
    fn from(error: rustls::Error) -> Self {
        Self::Refused(error)
    }
}

/// How the records of a connection are to be protected once the handshake is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Protection {
    /// By `ringsocket_tls`.
    Own,
    /// By rustls, as before.
    Rustls,
}

impl Default for Handshake {
    fn default() -> Self {
        let (stage, protection) = (Stage::Hello(Box::default()), Protection::Own);
        Self { stage, traffic: Traffic::default(), protection, unanswered: 0 }
    }
}

impl Handshake {
    /// About as many bytes of memory as what has come of a message in part holds.
    pub(super) fn held(&self) -> usize {
        self.unanswered
    }

    /// Takes one whole record, and appends to `out` what the client is to be sent. `choose` finds the
    /// configuration for a ClientHello, and says what follows. Yields that when the handshake is over.
    /// `now` is in seconds since 1970.
    pub(super) fn take(
        &mut self,
        record: &[u8],
        choose: impl FnOnce(&ClientHello<'_>) -> Option<(Arc<ServerConfig>, Protection)>,
        now: u64,
        out: &mut Vec<u8>,
    ) -> Result<Option<Established>, Failure> {
        let said = out.len();
        self.unanswered += record.len();
        let result = self.advance(record, choose, out);
        if out.len() > said {
            self.unanswered = 0;
        }
        // What rustls has told of it, and of nobody else.
        let Traffic { client, server } = secrets::take();
        self.traffic.client = client.or(self.traffic.client.take());
        self.traffic.server = server.or(self.traffic.server.take());
        let connection = result?;
        let Some(mut connection) = connection else { return Ok(None) };
        if connection.is_handshaking() {
            self.stage = Stage::Flights(connection);
            return Ok(None);
        }
        if connection.handshake_kind() == Some(HandshakeKind::Resumed)
            && leaf(&connection).is_some_and(|leaf| ClientCert::has_expired(leaf, now))
        {
            // Without a ticket that is taken, it will have to show its certificate again.
            connection.send_close_notify();
            flush(&mut connection, out);
            return Err(Failure::Expired);
        }
        let identity = identify(&connection);
        let layer = match self.protection {
            Protection::Own => {
                Layer::Own(Box::new(take_over(connection, std::mem::take(&mut self.traffic))?))
            }
            Protection::Rustls => Layer::rustls(connection),
        };
        Ok(Some(Established { layer, identity }))
    }

    /// Has rustls deal with a record. `None`: the ClientHello is not whole.
    fn advance(
        &mut self,
        record: &[u8],
        choose: impl FnOnce(&ClientHello<'_>) -> Option<(Arc<ServerConfig>, Protection)>,
        out: &mut Vec<u8>,
    ) -> Result<Option<Box<ServerConnection>>, Failure> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Hello(_) if self.unanswered > LONGEST_HELLO => Err(Failure::TooLong),
            Stage::Hello(acceptor) => {
                let protection = &mut self.protection;
                let choose = |hello: &ClientHello<'_>| {
                    let (config, chosen) = choose(hello)?;
                    *protection = chosen;
                    Some(config)
                };
                match greet(acceptor, record, choose, out)? {
                    Greeting::Unfinished(acceptor) => {
                        self.stage = Stage::Hello(acceptor);
                        Ok(None)
                    }
                    Greeting::Chosen(connection) => Ok(Some(connection)),
                }
            }
            Stage::Flights(mut connection) => {
                let result = feed(&mut connection, record);
                flush(&mut connection, out); // the alert, if that has failed
                result?;
                Ok(Some(connection))
            }
            Stage::Over => Err(Failure::NoSecrets("the handshake has failed before")),
        }
    }
}

enum Greeting {
    /// The ClientHello comes in several records.
    Unfinished(Box<Acceptor>),
    /// It is here, and answered.
    Chosen(Box<ServerConnection>),
}

/// Reads the ClientHello, and answers it with what `choose` finds.
fn greet(
    mut acceptor: Box<Acceptor>,
    mut record: &[u8],
    choose: impl FnOnce(&ClientHello<'_>) -> Option<Arc<ServerConfig>>,
    out: &mut Vec<u8>,
) -> Result<Greeting, Failure> {
    while !record.is_empty() {
        if acceptor.read_tls(&mut record).map_err(|_| Failure::TooLong)? == 0 {
            return Err(Failure::TooLong);
        }
    }
    let accepted = match acceptor.accept() {
        Ok(None) => return Ok(Greeting::Unfinished(acceptor)),
        Ok(Some(accepted)) => accepted,
        Err(failed) => return Err(refused(failed, out)),
    };
    let hello = accepted.client_hello();
    let Some(config) = choose(&hello) else {
        let name = hello.server_name().unwrap_or_default().to_owned();
        out.extend_from_slice(&Alert::UnrecognizedName.plain_record());
        return Err(Failure::UnknownName(name));
    };
    match accepted.into_connection(config) {
        Ok(mut connection) => {
            flush(&mut connection, out);
            Ok(Greeting::Chosen(Box::new(connection)))
        }
        Err(failed) => Err(refused(failed, out)),
    }
}

/// Appends the alert that rustls answers a ClientHello with.
fn refused((error, mut alert): (rustls::Error, AcceptedAlert), out: &mut Vec<u8>) -> Failure {
    let _ = alert.write_all(out); // a Vec takes everything
    Failure::Refused(error)
}

/// Has rustls read a record, and deal with it.
pub(super) fn feed(connection: &mut ServerConnection, mut record: &[u8]) -> Result<(), Failure> {
    while !record.is_empty() {
        if connection.read_tls(&mut record).map_err(|_| Failure::TooLong)? == 0 {
            break; // after close_notify it takes nothing more
        }
    }
    connection.process_new_packets()?;
    Ok(())
}

/// Appends to `out` all that rustls has to send.
pub(super) fn flush(connection: &mut ServerConnection, out: &mut Vec<u8>) {
    while connection.wants_write() {
        // A Vec takes everything.
        if connection.write_tls(out).unwrap_or(0) == 0 {
            break;
        }
    }
}

/// What rustls knows of the other end.
fn identify(connection: &ServerConnection) -> Identity {
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "TLSv1.3",
    };
    Identity {
        version,
        server_name: connection.server_name().map(Box::from),
        client: leaf(connection).map(|leaf| Box::new(ClientCert::read(leaf))),
    }
}

/// The certificate that the client has shown, be it before its session was resumed.
fn leaf(connection: &ServerConnection) -> Option<&[u8]> {
    connection.peer_certificates()?.first().map(|leaf| &leaf[..])
}

/// Takes the keys out of rustls.
fn take_over(connection: Box<ServerConnection>, traffic: Traffic) -> Result<Records, Failure> {
    let number = connection.negotiated_cipher_suite().map(|suite| u16::from(suite.suite()));
    let suite = number.and_then(Suite::from_number);
    let suite = suite.ok_or(Failure::NoSecrets("its cipher suite is not known here"))?;
    let ExtractedSecrets { rx, tx } = connection.dangerous_extract_secrets()?;
    let (read, write) = match (suite.version, traffic) {
        (Version::Tls13, Traffic { client: Some(client), server: Some(server) }) => {
            let keys = |traffic_secret| Keys::Tls13 { traffic_secret };
            (
                Direction { keys: keys(client), sequence: rx.0 },
                Direction { keys: keys(server), sequence: tx.0 },
            )
        }
        (Version::Tls13, _) => {
            return Err(Failure::NoSecrets("rustls has not told its traffic secrets"));
        }
        (Version::Tls12, _) => (tls12(&rx).ok_or(ODD)?, tls12(&tx).ok_or(ODD)?),
    };
    Records::new(suite, read, write).map_err(|_| ODD)
}

const ODD: Failure = Failure::NoSecrets("rustls has keys that do not fit their cipher suite");

fn tls12((sequence, secrets): &(u64, ConnectionTrafficSecrets)) -> Option<Direction> {
    let (ConnectionTrafficSecrets::Aes128Gcm { key, iv }
    | ConnectionTrafficSecrets::Aes256Gcm { key, iv }
    | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv }) = secrets
    else {
        return None;
    };
    let key = Secret::new(key.as_ref()).ok()?;
    let iv = iv.as_ref().try_into().ok()?;
    Some(Direction { keys: Keys::Tls12 { key, iv }, sequence: *sequence })
}
