//! New connections: taken from the listeners, given a slot, or turned away.
//! Not for: where they come from, and how many of an address there may be (`origin`).

use std::sync::atomic::Ordering;
use std::time::Duration;

use ringsocket_proto::Response;

use super::counters::count;
use super::net::{Net, Token};
use super::peer::Peer;
use super::{Counters, Life, Worker, origin};
use crate::counted::counted;
use crate::log::{self, Level};

/// Most connections that one listener may add in one turn.
const ACCEPTS_PER_TURN: usize = 64;

/// For how long no connection is accepted after the kernel had no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

impl<N: Net> Worker<N> {
    /// Takes what waits on a listener.
    pub(super) fn accept(&mut self, listener: usize) {
        if self.life != Life::Serving || self.accept_again.is_some() {
            return;
        }
        for _ in 0..ACCEPTS_PER_TURN {
            match self.net.accept(listener) {
                Ok(Some(accepted)) => self.receive_connection(accepted),
                Ok(None) => return,
                Err(error) => {
                    log::limited!(
                        Level::Error,
                        id: log::id::OUT_OF_FILE_DESCRIPTORS,
                        worker: self.index,
                        "cannot accept connections for the moment: {error}; raise LimitNOFILE= of \
                         the service or lower fd_alloc_c"
                    );
                    self.net.listen(false);
                    self.accept_again = Some(self.now + ACCEPT_PAUSE);
                    return;
                }
            }
        }
    }

    /// Gives a new connection its slot, or turns it away.
    pub(super) fn admit(&mut self, peer: Peer<N::Socket>) {
        let connections = |counters: &Counters| counters.connections.load(Ordering::Relaxed);
        let in_all: usize = self.shared.counters.iter().map(connections).sum();
        let limit = self.policy.max_connections;
        let inserted = if in_all < limit { self.peers.insert(peer) } else { Err(peer) };
        match inserted {
            Ok(token) => self.welcome(token),
            Err(peer) => {
                count(&self.counters().turned_away);
                log::limited!(
                    Level::Warning,
                    id: log::id::CONNECTIONS_EXHAUSTED,
                    worker: self.index,
                    peer: peer.address,
                    "turned away, with {} open (fd_alloc_c)",
                    counted(limit, "connection")
                );
                let why = "Too many connections; try again later.";
                self.turn_away(peer, &Response::full(why));
            }
        }
    }

    /// Shows how many connections there are now, where somebody steers new ones by that.
    pub(super) fn show_connections(&self) {
        if let Some(board) = &self.shared.board {
            let count = self.counters().connections.load(Ordering::Relaxed);
            board.set(usize::from(self.index), count as u64);
        }
    }

    /// Watches a connection that has a slot, and counts it.
    fn welcome(&mut self, token: Token) {
        let Some(peer) = self.peers.named(token) else { return };
        let watched = peer.socket.as_ref().map(|socket| self.net.watch(socket, token));
        if let Some(Err(error)) = watched {
            log::limited!(Level::Error, worker: self.index, "cannot watch a connection: {error}");
            if let Some(mut peer) = self.peers.remove(token.slot) {
                origin::release(&self.shared, &mut peer);
            }
            return;
        }
        let counters = self.counters();
        count(&counters.accepted);
        count(&counters.connections);
        self.show_connections();
        self.remind(token.slot);
    }
}
