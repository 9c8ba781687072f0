//! The rings from one app to the workers.
//!
//! Only an app may wait for space here, and it may: a worker never waits for an app, so the space
//! comes. While it waits it sleeps, and what it had to say before is on its way.
//!
//! Where a worker runs the app, that worker's own clients need no ring. Should another's be full, it
//! looks after its own rings until there is space, so that no two workers wait for each other; and
//! as the callback then takes long, the app goes back to its own thread (`pace`).

use std::sync::Arc;

use ringsocket_ring::{BlockPool, Producer, Sleeper};

use super::stand::Stand;
use crate::deputy::Sink;
use crate::message::{BY_POINTER, ClientId, HEAD};
use crate::waker::Waker;

/// Most clients listed in one record: with the largest payload that is copied, it takes a small
/// part of the smallest ring.
pub const LISTED_MAX: usize = 64;

/// The ring to one worker.
#[derive(Debug)]
pub struct Outlet {
    ring: Producer,
    waker: Arc<Waker>,
    /// What the worker knows the app by.
    bit: u64,
}

impl Outlet {
    /// Joins the producing end of an outbound ring with the waker of the worker that reads it, which
    /// knows the app by `bit`.
    pub fn new(ring: Producer, waker: Arc<Waker>, bit: u64) -> Self {
        Self { ring, waker, bit }
    }
}

/// The rings to all workers, and the buffers of what crosses them by pointer.
#[derive(Debug)]
pub struct Outlets {
    outlets: Vec<Outlet>,
    blocks: BlockPool,
    /// The app's own waker, for its sleep while a ring is full.
    own: Arc<Waker>,
    /// The worker that runs the callback, if it is not the app's own thread.
    pub(super) stand: Option<Stand>,
}

/// A frame on its way: copied into each ring, or shared by all.
#[derive(Debug)]
pub enum Frame<'a> {
    /// Header and payload, to be copied.
    Inline(&'a [u8], &'a [u8]),
    /// The whole frame, to be pointed at.
    Block(Arc<Vec<u8>>),
}

impl Outlets {
    /// The rings to the workers, by their number.
    pub fn new(outlets: Vec<Outlet>, block_budget: usize, own: Arc<Waker>) -> Self {
        Self { outlets, blocks: BlockPool::new(block_budget), own, stand: None }
    }

    /// How many workers there are.
    pub fn worker_c(&self) -> usize {
        self.outlets.len()
    }

    /// The workers whose clients are reached through rings: all but one that runs the callback.
    pub fn reached_by_rings(&self) -> impl Iterator<Item = usize> + use<> {
        let own = self.stand.as_ref().map(|stand| stand.worker);
        (0..self.outlets.len()).filter(move |worker| Some(*worker) != own)
    }

    /// The worker of this client, if it runs the callback.
    pub fn sink_of(&mut self, client: ClientId) -> Option<&mut dyn Sink> {
        self.stand.as_mut().filter(|stand| stand.worker == client.worker()).map(Stand::sink)
    }

    /// Makes a frame of header and payload, in the way that suits its size. May wait for memory
    /// until workers are done with earlier frames.
    #[inline]
    pub fn frame<'a>(&mut self, header: &'a [u8], payload: &'a [u8]) -> Frame<'a> {
        let len = header.len() + payload.len();
        if len < BY_POINTER {
            return Frame::Inline(header, payload);
        }
        self.block(header, payload)
    }

    fn block<'a>(&mut self, header: &[u8], payload: &[u8]) -> Frame<'a> {
        let len = header.len() + payload.len();
        loop {
            if let Ok(mut buffer) = self.blocks.take(len) {
                buffer.extend_from_slice(header);
                buffer.extend_from_slice(payload);
                return Frame::Block(self.blocks.seal(buffer));
            }
            self.wait_for_block();
        }
    }

    /// The frame has been sent to all whom it is for.
    pub fn done(&mut self, frame: Frame<'_>) {
        if let Frame::Block(block) = frame {
            self.blocks.put_back(block);
        }
    }

    /// Puts a record with a frame into the ring of one worker. May wait for space.
    #[inline]
    pub fn send(&mut self, worker: usize, head: &[u8; HEAD], ids: &[ClientId], frame: &Frame<'_>) {
        debug_assert!(ids.len() <= LISTED_MAX);
        match frame {
            Frame::Inline(header, payload) => self.push(worker, head, ids, [header, payload]),
            Frame::Block(block) => {
                let mut inline = [0; HEAD + 8 * LISTED_MAX];
                let listed = HEAD + 8 * ids.len();
                inline[..HEAD].copy_from_slice(head);
                write_ids(ids, &mut inline[HEAD..listed]);
                // The same size as a record with a block: 16 bytes for pointer and length.
                if self.wait_for_space(worker, listed + 16) {
                    let pushed =
                        self.outlets[worker].ring.push_block(&inline[..listed], block.clone());
                    debug_assert!(pushed.is_ok(), "there was space");
                }
            }
        }
    }

    /// Puts a record without a frame into the ring of one worker. May wait for space.
    pub fn tell(&mut self, worker: usize, head: &[u8; HEAD], ids: &[ClientId], payload: &[u8]) {
        self.push(worker, head, ids, [payload, &[]]);
    }

    #[inline]
    fn push(&mut self, worker: usize, head: &[u8; HEAD], ids: &[ClientId], parts: [&[u8]; 2]) {
        let [first, second] = parts;
        let listed = HEAD + 8 * ids.len();
        let len = listed + first.len() + second.len();
        loop {
            if let Ok(mut record) = self.outlets[worker].ring.reserve(len) {
                record[..HEAD].copy_from_slice(head);
                write_ids(ids, &mut record[HEAD..listed]);
                record[listed..listed + first.len()].copy_from_slice(first);
                record[listed + first.len()..].copy_from_slice(second);
                return record.commit();
            }
            if !self.wait_for_space(worker, len) {
                return;
            }
        }
    }

    /// Waits until a record of `len` bytes fits into a worker's ring; false if that worker is gone.
    #[inline]
    fn wait_for_space(&mut self, worker: usize, len: usize) -> bool {
        while self.outlets[worker].ring.reserve(len).is_err() {
            let outlet = &mut self.outlets[worker];
            if outlet.ring.is_abandoned() {
                return false;
            }
            let wanted = Producer::space_for(len).max(outlet.ring.capacity() / 2);
            self.sleep_unless(|outlets| outlets[worker].ring.want_space(wanted));
        }
        true
    }

    fn wait_for_block(&mut self) {
        let before = self.blocks.in_use();
        self.reclaim();
        if self.blocks.in_use() < before {
            return;
        }
        self.sleep_unless(|outlets| {
            // Every ring must be asked, since asking is what has us woken.
            outlets.iter_mut().fold(false, |any, outlet| outlet.ring.want_blocks() | any)
        });
        self.reclaim();
    }

    /// Lets the workers see everything, and sleeps until one of them has made room, unless
    /// `has_room` finds that it has been made meanwhile.
    fn sleep_unless(&mut self, mut has_room: impl FnMut(&mut [Outlet]) -> bool) {
        self.publish();
        if let Some(stand) = &mut self.stand {
            stand.sink().meanwhile();
            return self.own.pause();
        }
        self.sleeper().announce();
        if has_room(&mut self.outlets) {
            self.sleeper().retract();
        } else {
            self.own.sleep(None);
        }
    }

    fn sleeper(&self) -> &Sleeper {
        self.own.sleeper()
    }

    /// Makes all records visible and wakes the workers concerned. Once per batch.
    #[inline]
    pub fn publish(&mut self) {
        for outlet in &mut self.outlets {
            if outlet.ring.publish() {
                outlet.waker.note_mail(outlet.bit);
                outlet.waker.wake();
            }
        }
    }

    /// Takes back the buffers of frames that all workers are done with.
    #[inline]
    pub fn reclaim(&mut self) {
        for outlet in &mut self.outlets {
            outlet.ring.reclaim(&mut self.blocks);
        }
    }

    /// Wakes a worker, for instance because it waits for the space that the app has released.
    pub fn wake(&self, worker: usize) {
        self.outlets[worker].waker.wake();
    }

    /// How a worker is woken.
    pub fn waker_of(&self, worker: usize) -> Arc<Waker> {
        Arc::clone(&self.outlets[worker].waker)
    }

    /// Gives back the memory that only a burst needed. False if workers still use some of it.
    pub fn trim(&mut self) -> bool {
        self.reclaim();
        self.blocks.trim();
        self.outlets.iter_mut().fold(true, |all, outlet| outlet.ring.trim() & all)
    }
}

fn write_ids(ids: &[ClientId], out: &mut [u8]) {
    for (id, out) in ids.iter().zip(out.chunks_exact_mut(8)) {
        out.copy_from_slice(&id.to_u64().to_ne_bytes());
    }
}
