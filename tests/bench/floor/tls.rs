//! The floor of TLS: an echo by rustls alone, with as many bytes each way as that of a WebSocket
//! server. What it has to do for a handshake it does by itself before the first message.

use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

use super::{Peers, Service};
use crate::pipe::{Buffers, Pipe};

const MASK: usize = 4;

/// What it needs.
#[derive(Args, Debug)]
pub(crate) struct Terms {
    /// The private key, in PEM
    #[arg(long)]
    key: PathBuf,
    /// Its certificates, in PEM
    #[arg(long)]
    chain: PathBuf,
    /// Bytes of a message coming in
    #[arg(long)]
    incoming: usize,
}

pub(super) struct Tls {
    config: Arc<ServerConfig>,
    incoming: usize,
    buffers: Buffers,
}

#[derive(Default)]
pub(super) struct State {
    pipe: Option<Pipe>,
    /// Bytes of the message that is coming in.
    partial: usize,
}

impl Tls {
    pub(super) fn new(terms: &Terms) -> io::Result<Self> {
        let chain = CertificateDer::pem_file_iter(&terms.chain).and_then(Iterator::collect);
        let key = PrivateKeyDer::from_pem_file(&terms.key).map_err(io::Error::other)?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(chain.map_err(io::Error::other)?, key)
            .map_err(io::Error::other)?;
        config.ticketer = aws_lc_rs::Ticketer::new().map_err(io::Error::other)?;
        config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        Ok(Self { config: Arc::new(config), incoming: terms.incoming, buffers: Buffers::new() })
    }

    /// One `recv` and one `send`.
    fn turn(&mut self, tcp: &TcpStream, state: &mut State) -> io::Result<()> {
        let pipe = match &mut state.pipe {
            Some(pipe) if pipe.is_pending() => return pipe.flush(tcp).map(|_| ()),
            Some(pipe) => pipe,
            none => {
                let tls = ServerConnection::new(Arc::clone(&self.config));
                none.insert(Pipe::secure(tls.map_err(io::Error::other)?))
            }
        };
        let Some(bytes) = pipe.receive(tcp, &mut self.buffers)? else { return Ok(()) };
        // As in the floor without TLS.
        let have = state.partial + bytes.len();
        let begun = have.div_ceil(self.incoming) - state.partial.div_ceil(self.incoming);
        state.partial = have % self.incoming;
        let reply = &bytes[..bytes.len().saturating_sub(MASK * begun)];
        if !reply.is_empty() {
            pipe.send(tcp, reply)?;
        }
        Ok(())
    }
}

impl Service for Tls {
    type State = State;

    fn ready(&mut self, peers: &mut Peers<State>, token: usize) -> io::Result<bool> {
        let Peers { epoll, slots, .. } = peers;
        let Some(peer) = &mut slots[token] else { return Ok(true) };
        let is_pending = |state: &State| state.pipe.as_ref().is_some_and(Pipe::is_pending);
        let was_pending = is_pending(&peer.state);
        match self.turn(&peer.stream, &mut peer.state) {
            Ok(()) => {}
            // Records that cannot be opened are a fault of the bench.
            Err(error) if error.kind() == ErrorKind::InvalidData => return Err(error),
            // However a client hangs up, it is over.
            Err(_) => return Ok(false),
        }
        if is_pending(&peer.state) != was_pending {
            epoll.change(&peer.stream, token, !was_pending)?;
        }
        Ok(true)
    }
}
