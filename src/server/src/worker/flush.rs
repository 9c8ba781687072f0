//! Outwards, second half: what has been gathered for a connection is written, once per turn, and
//! what the kernel does not take goes to the connection's own backlog.

use std::io::{self, IoSlice};

use ringsocket_proto::{CloseCode, Phase};

use super::gather::{Chain, Gather, Pieces, Source, Stores};
use super::loans::Lent;
use super::net::Net;
use super::peer::Stage;
use super::secure::Secured;
use super::{Worker, count};
use crate::log::{self, Level};

/// Several frames of up to this many bytes in all are copied together and sent at once: cheaper
/// than a list of parts for the kernel to walk.
const COPY_MAX: usize = 64 * 1024;

/// So are more bytes than that, if the frames are smaller than this on average.
const SMALL: usize = 2 * 1024;

/// Most parts handed to the kernel in one call.
const PARTS: usize = 32;

impl<N: Net> Worker<N> {
    /// Writes to every connection that has something gathered, and finishes those that are over.
    /// Nothing is lent any more then.
    #[inline]
    pub(super) fn flush_gathered(&mut self, lent: Lent<'_>) {
        if !self.gather.is_empty() {
            self.flush_touched(lent);
        }
    }

    fn flush_touched(&mut self, lent: Lent<'_>) {
        let touched = self.gather.take_touched();
        for &slot in &touched {
            self.flush(slot, lent);
        }
        self.gather.clear(touched);
    }

    fn flush(&mut self, slot: u32, lent: Lent<'_>) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        let (chain, is_tls) = (std::mem::take(&mut peer.chain), peer.tls.is_some());
        if peer.socket.is_none() {
            return;
        }
        let mut result = self.write(slot, chain, lent);
        if is_tls && result.is_ok() {
            result = self.send_beside_frames(slot);
        }
        match result {
            Ok(()) => self.after_write(slot),
            Err(error) => self.lose(slot, &error),
        }
    }

    /// Sends what waits already, then what has been gathered, as far as the kernel takes it.
    fn write(&mut self, slot: u32, chain: Chain, lent: Lent<'_>) -> io::Result<()> {
        self.send_backlog(slot)?;
        if let Some(sent) = self.send_chain(slot, chain, lent)? {
            if !self.keep(slot, chain, sent, lent) {
                self.give_up_on_slow(slot, chain, lent);
                self.send_backlog(slot)?;
            }
        }
        Ok(())
    }

    /// Sends what has been gathered, unless something waits already. Says how many bytes went out,
    /// if not all did.
    fn send_chain(&mut self, slot: u32, chain: Chain, lent: Lent<'_>) -> io::Result<Option<usize>> {
        let Some(peer) = self.peers.get_mut(slot) else { return Ok(None) };
        let Some(socket) = &peer.socket else { return Ok(None) };
        if chain.is_empty() {
            return Ok(None);
        }
        if peer.has_frames_waiting() {
            return Ok(Some(0));
        }
        let mut outlet = Outlet {
            gather: &self.gather,
            stores: Stores { rings: &self.from_apps, lent },
            buffer: &mut self.send_buffer,
            sent: 0,
        };
        let (net, tls, records) = (&mut self.net, &mut peer.tls, &mut self.records);
        let mut write = |parts: &[IoSlice<'_>]| transmit(net, socket, tls, records, parts);
        let is_all = outlet.send(chain, &mut write)?;
        peer.flags.set_writable(is_all);
        Ok((!is_all).then_some(outlet.sent))
    }

    /// Puts what has been gathered, less the first `sent` bytes, into the peer's backlog. False if
    /// that would be too much; some of it is not kept then.
    fn keep(&mut self, slot: u32, chain: Chain, mut sent: usize, lent: Lent<'_>) -> bool {
        let limit = self.lenient_max_backpressure();
        let Some(peer) = self.peers.get_mut(slot) else { return true };
        // Or a few frames behind that; and where frames wait, as they may since an earlier process, frames.
        let is_http = matches!(peer.stage, Stage::Stranger | Stage::Announced);
        let stores = Stores { rings: &self.from_apps, lent };
        for source in self.gather.sources(chain) {
            let bytes = self.gather.bytes(source, stores);
            if sent >= bytes.total() {
                sent -= bytes.total();
                continue;
            }
            let backlog = &mut peer.under_way.get_or_insert_default().backlog;
            if let Some(page) = self.gather.page(source) {
                backlog.push_page(page, sent);
            } else if sent > 0 || is_http && backlog.waiting_len() == 0 {
                backlog.push_begun(bytes.skip(sent));
            } else if backlog.waiting_len() == 0 || backlog.waiting_len() + bytes.total() <= limit {
                backlog.push(bytes);
            } else {
                return false;
            }
            sent = 0;
        }
        true
    }

    /// Sends as much of the backlog as the kernel takes.
    fn send_backlog(&mut self, slot: u32) -> io::Result<()> {
        let Some(peer) = self.peers.get_mut(slot) else { return Ok(()) };
        let (Some(socket), Some(under_way)) = (&peer.socket, &mut peer.under_way) else {
            return Ok(());
        };
        let was_at_ease = peer.connection.is_at_ease();
        while peer.flags.writable() && !under_way.backlog.is_empty() {
            let front = under_way.backlog.front();
            let offered = front.len();
            let parts = [IoSlice::new(front)];
            let sent = transmit(&mut self.net, socket, &mut peer.tls, &mut self.records, &parts);
            let taken = taken(sent)?;
            under_way.backlog.advance(taken);
            if taken > 0 {
                under_way.deadline = None; // progress: a stall begins anew, if there is one
                peer.connection.restart_silence(self.now); // who takes something is there
            }
            peer.flags.set_writable(taken == offered);
        }
        if !was_at_ease && peer.connection.is_at_ease() {
            self.remind(slot); // the next ping may be due before the answer to the last one was
        }
        Ok(())
    }

    /// The peer takes too little: what has not begun to go out is dropped for a Close frame. If one
    /// was gathered anyway, it is the last of the chain, as nothing follows a Close.
    fn give_up_on_slow(&mut self, slot: u32, chain: Chain, lent: Lent<'_>) {
        count(&self.counters().too_slow);
        let limit = self.policy.max_backpressure;
        let client = self.client_id(slot).to_u64();
        let Some(peer) = self.peers.get_mut(slot) else { return };
        log::limited!(
            Level::Notice,
            id: log::id::CLIENT_TOO_SLOW,
            worker: self.index,
            client: client,
            peer: peer.address,
            "closed with 1013: {limit} bytes wait for it (max_backpressure)"
        );
        let mut close = Vec::new();
        let (code, reason) = (CloseCode::TRY_AGAIN_LATER, "you read too slowly");
        if !peer.connection.close(code, reason, self.now, &mut close) {
            if let Some(last) = self.gather.sources(chain).last() {
                let stores = Stores { rings: &self.from_apps, lent };
                self.gather.bytes(last, stores).append_to(&mut close);
            }
        }
        let backlog = &mut peer.under_way().backlog;
        backlog.truncate();
        backlog.push(Pieces::whole(&close));
        self.tell_gone(slot, code.get(), reason);
        self.remind(slot);
    }

    /// What follows from how much of a peer's bytes went out.
    fn after_write(&mut self, slot: u32) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        if peer.has_backlog() {
            if peer.deadline().is_none() {
                peer.under_way().deadline = Some(self.now + self.policy.write_stall);
                self.remind(slot);
            }
        } else if peer.connection.phase() == Phase::Finished {
            return self.finish(slot);
        } else {
            peer.clear_deadline();
        }
        let Some(peer) = self.peers.get_mut(slot) else { return };
        peer.tidy();
        if peer.flags.readable() && peer.may_be_read(self.policy.max_backpressure) {
            self.queue_for_reading(self.peers.token(slot));
        }
    }
}

/// Sends the parts in order, sealed if the connection is encrypted, and says how many of their bytes
/// need not be offered again. Fewer than all means that there is no more room for now.
#[inline]
fn transmit<N: Net>(
    net: &mut N,
    socket: &N::Socket,
    tls: &mut Option<Box<Secured>>,
    records: &mut Vec<u8>,
    parts: &[IoSlice<'_>],
) -> io::Result<usize> {
    match tls {
        None => net.send(socket, parts),
        Some(tls) => tls.send(parts, records, &mut |sealed| net.send(socket, sealed)),
    }
}

/// How many bytes the kernel took, no room counting as 0.
pub(super) fn taken(result: io::Result<usize>) -> io::Result<usize> {
    match result {
        Err(error)
            if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) =>
        {
            Ok(0)
        }
        other => other,
    }
}

/// Sends one chain in as few calls as pay.
struct Outlet<'a> {
    gather: &'a Gather,
    stores: Stores<'a>,
    buffer: &'a mut Vec<u8>,
    /// Bytes of the chain that have gone out.
    sent: usize,
}

type Write<'w> = dyn FnMut(&[IoSlice<'_>]) -> io::Result<usize> + 'w;

impl Outlet<'_> {
    /// Sends the chain; true if all of it went out.
    fn send(&mut self, chain: Chain, write: &mut Write<'_>) -> io::Result<bool> {
        let mut sources = self.gather.sources(chain);
        let (Some(first), second) = (sources.next(), sources.next()) else { return Ok(true) };
        if second.is_none() {
            let bytes = self.gather.bytes(first, self.stores);
            let parts = bytes.0.map(IoSlice::new);
            let parts = match bytes.0 {
                [_, []] => &parts[..1],
                [[], _] => &parts[1..],
                _ => &parts[..],
            };
            return self.offer(parts, bytes.total(), write);
        }
        let len = |source: Source| self.gather.bytes(source, self.stores).total();
        let (count, total) = self
            .gather
            .sources(chain)
            .fold((0, 0), |(count, total), source| (count + 1, total + len(source)));
        if total <= COPY_MAX || total / count <= SMALL {
            self.send_copied(chain, write)
        } else {
            self.send_in_parts(chain, write)
        }
    }

    /// Copies frames together, up to [`COPY_MAX`] bytes at a time.
    fn send_copied(&mut self, chain: Chain, write: &mut Write<'_>) -> io::Result<bool> {
        let mut buffer = std::mem::take(self.buffer);
        buffer.clear();
        let mut result = Ok(true);
        for source in self.gather.sources(chain) {
            let bytes = self.gather.bytes(source, self.stores);
            if !buffer.is_empty() && buffer.len() + bytes.total() > COPY_MAX {
                result = self.offer(&[IoSlice::new(&buffer)], buffer.len(), write);
                buffer.clear();
                if !matches!(result, Ok(true)) {
                    break;
                }
            }
            bytes.append_to(&mut buffer);
        }
        if !buffer.is_empty() {
            result = self.offer(&[IoSlice::new(&buffer)], buffer.len(), write);
        }
        buffer.shrink_to(COPY_MAX);
        *self.buffer = buffer;
        result
    }

    /// Sends frames from where they lie, [`PARTS`] at a time.
    fn send_in_parts(&mut self, chain: Chain, write: &mut Write<'_>) -> io::Result<bool> {
        let mut sources = self.gather.sources(chain).peekable();
        while sources.peek().is_some() {
            let mut parts = [IoSlice::new(&[]); PARTS];
            let (mut part_c, mut total) = (0, 0);
            while part_c + 2 <= PARTS {
                let Some(source) = sources.next() else { break };
                for piece in self.gather.bytes(source, self.stores).0 {
                    if !piece.is_empty() {
                        parts[part_c] = IoSlice::new(piece);
                        part_c += 1;
                        total += piece.len();
                    }
                }
            }
            if !self.offer(&parts[..part_c], total, write)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Offers the kernel `total` bytes; true if it took all.
    fn offer(
        &mut self,
        parts: &[IoSlice<'_>],
        total: usize,
        write: &mut Write<'_>,
    ) -> io::Result<bool> {
        let taken = taken(write(parts))?;
        self.sent += taken;
        Ok(taken == total)
    }
}
