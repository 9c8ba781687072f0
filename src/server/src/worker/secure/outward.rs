//! Records that go out: frames are sealed as they are sent, as many at once as one call takes.

use std::io::{self, IoSlice};

use ringsocket_tls::Alert;

use super::{Secured, Stage};
use crate::worker::Worker;
use crate::worker::flush::taken;
use crate::worker::net::Net;

/// Bytes of frames that are sealed for the first call. What the kernel does not take of them can only
/// go out later, whatever becomes of the connection, so a slow reader holds as much.
const SEALED_AT_FIRST: usize = 64 * 1024;

/// For the calls after it, as long as the kernel takes all.
const SEALED_AT_ONCE: usize = 128 * 1024;

/// So many bytes of records that wait are sent together with what follows them.
const JOINED: usize = 16 * 1024;

/// Sends bytes that are sealed.
type Send<'s> = dyn FnMut(&[IoSlice<'_>]) -> io::Result<usize> + 's;

impl Secured {
    /// Seals the bytes of `parts` into `records` and sends that, behind what waits already. Says how
    /// many bytes need not be offered again; fewer than there are only if the kernel has no room.
    ///
    /// # Errors
    /// Those of `send`; and if the handshake is not over, or the keys are worn out.
    pub(in crate::worker) fn send(
        &mut self,
        parts: &[IoSlice<'_>],
        records: &mut Vec<u8>,
        send: &mut Send<'_>,
    ) -> io::Result<usize> {
        let (mut done, mut most) = (0, SEALED_AT_FIRST);
        let mut rest = Unsealed { parts, begun: 0 };
        loop {
            records.clear();
            let has_waited = !self.sealed.is_empty();
            if self.sealed.len() > JOINED {
                self.send_sealed(send)?;
                if !self.sealed.is_empty() {
                    return Ok(done);
                }
            }
            records.append(&mut std::mem::take(&mut self.sealed));
            let mut share = [&[][..]; 32];
            let (share, count) = rest.next(most, &mut share);
            if let Err(error) = self.seal(share, records) {
                self.sealed.append(records);
                return Err(error);
            }
            if records.is_empty() {
                return Ok(done);
            }
            done += count;
            let result = taken(send(&[IoSlice::new(records)]));
            let sent = *result.as_ref().unwrap_or(&0);
            self.moved |= has_waited && sent > 0;
            if sent < records.len() {
                self.sealed.extend_from_slice(&records[sent..]);
                return result.map(|_| done);
            }
            most = SEALED_AT_ONCE;
        }
    }

    /// Seals bytes behind what is in `records`, and answers what is to be answered.
    fn seal(&mut self, parts: &[&[u8]], records: &mut Vec<u8>) -> io::Result<()> {
        match &mut self.stage {
            Stage::Established(layer) => {
                if layer.owes_reply() {
                    layer.reply(records);
                }
                if parts.is_empty() {
                    return Ok(());
                }
                layer
                    .seal(parts, records)
                    .map_err(|_| io::Error::other("its TLS keys are worn out"))
            }
            _ if parts.is_empty() => Ok(()),
            _ => Err(io::Error::other("its TLS handshake is not over")),
        }
    }

    /// Sends what is sealed already, as far as there is room.
    fn send_sealed(&mut self, send: &mut Send<'_>) -> io::Result<()> {
        while !self.sealed.is_empty() {
            let sent = taken(send(&[IoSlice::new(&self.sealed)]))?;
            self.moved |= sent > 0;
            if sent == 0 {
                break;
            }
            self.sealed.drain(..sent);
        }
        if self.sealed.is_empty() {
            self.sealed = Vec::new();
        }
        Ok(())
    }

    /// Whether the kernel has taken something that had waited, since this was last asked.
    pub(in crate::worker) fn take_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }
}

/// The bytes of parts that are not sealed yet.
struct Unsealed<'a> {
    parts: &'a [IoSlice<'a>],
    /// Bytes of the first part that are.
    begun: usize,
}

impl<'a> Unsealed<'a> {
    /// The next of them: up to so many bytes. Also says how many they are.
    fn next<'s>(&mut self, most: usize, share: &'s mut [&'a [u8]]) -> (&'s [&'a [u8]], usize) {
        let (mut part_c, mut count) = (0, 0);
        while let [first, others @ ..] = self.parts {
            if part_c == share.len() || count == most {
                break;
            }
            let bytes = &first[self.begun..];
            let len = bytes.len().min(most - count);
            share[part_c] = &bytes[..len];
            if len > 0 {
                part_c += 1;
                count += len;
            }
            if len == bytes.len() {
                (self.parts, self.begun) = (others, 0);
            } else {
                self.begun += len;
            }
        }
        (&share[..part_c], count)
    }
}

impl<N: Net> Worker<N> {
    /// Sends what is not frames: records that wait, and answers.
    #[inline(never)]
    pub(in crate::worker) fn send_beside_frames(&mut self, slot: u32) -> io::Result<()> {
        let Some(peer) = self.peers.get_mut(slot) else { return Ok(()) };
        let (Some(socket), Some(tls)) = (&peer.socket, &mut peer.tls) else { return Ok(()) };
        if peer.flags.writable() && tls.has_to_say() {
            let net = &mut self.net;
            tls.send(&[], &mut self.records, &mut |parts| net.send(socket, parts))?;
        }
        peer.flags.set_writable(peer.flags.writable() && tls.sealed.is_empty());
        // Progress: a stall begins anew, if there is one; and who takes something is there. Who is only
        // heard out has another deadline.
        if tls.take_moved() && !peer.flags.finished() {
            let was_at_ease = peer.connection.is_at_ease();
            peer.clear_deadline();
            peer.connection.restart_silence(self.now);
            if !was_at_ease && peer.connection.is_at_ease() {
                self.remind(slot);
            }
        }
        Ok(())
    }

    /// Tells the peer that nothing more comes, if it has been sent all the rest.
    pub(in crate::worker) fn say_goodbye(&mut self, slot: u32) {
        self.say(slot, |stage, sealed| {
            if let (Stage::Established(layer), true) = (stage, sealed.is_empty()) {
                layer.close_notify(sealed);
            }
        });
    }

    /// Tells the peer what is wrong, likewise.
    pub(super) fn say_alert(&mut self, slot: u32, alert: Alert) {
        self.say(slot, |stage, sealed| {
            if let (Stage::Established(layer), true) = (stage, sealed.is_empty()) {
                layer.alert(alert, sealed);
            }
        });
    }

    /// Sends what waits, once: the connection is about to end.
    pub(super) fn say_last_words(&mut self, slot: u32) {
        self.say(slot, |_, _| {});
    }

    fn say(&mut self, slot: u32, write: impl FnOnce(&mut Stage, &mut Vec<u8>)) {
        let Some(peer) = self.peers.get_mut(slot) else { return };
        let (Some(socket), Some(tls)) = (&peer.socket, &mut peer.tls) else { return };
        write(&mut tls.stage, &mut tls.sealed);
        let net = &mut self.net;
        // Nobody waits for an answer; and if the connection has broken, it ends anyway.
        let _ = tls.send_sealed(&mut |parts| net.send(socket, parts));
        tls.moved = false; // that was the last of it, and no sign of life
    }
}
