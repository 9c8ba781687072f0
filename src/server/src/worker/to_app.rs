//! From the worker to the apps: records go into the inbound rings, are published once per turn,
//! and an app is woken only if it sleeps.
//!
//! A ring that is full is *congested*: its peers queue up here and are not read until the app has
//! made room for half a ring, so that TCP holds them back and other apps notice nothing.

use std::collections::VecDeque;
use std::ops::{Index, IndexMut};
use std::sync::Arc;
use std::time::Duration;

use ringsocket_proto::{Millis, Payload};
use ringsocket_ring::{BlockPool, Producer, ReserveError};

use super::app_set::AppSet;
use super::net::Token;
use super::peer::Owed;
use crate::deputy::Deputy;
use crate::message::{BY_POINTER, ClientId, Inbound};
use crate::waker::Waker;

/// So long a session may last in one turn; those messages that the app has not read by then go the
/// same way in the next, so that clients of other apps need not wait for all of them.
const SESSION_MAX: Duration = Duration::from_millis(5);

/// After so many messages the clock is looked at,
const LOOK_EVERY: usize = 64;

/// where so many bytes of a large one count like a message: to inflate it, or to compress what is
/// sent on, can take longer than all else.
const BYTES_LIKE_ONE: usize = 1024;

/// The worker's end of the way to one app.
#[derive(Debug)]
pub struct ToApp {
    ring: Producer,
    blocks: BlockPool,
    waker: Arc<Waker>,
    /// Peers that wait for room, first come first served.
    pub waiting: VecDeque<Token>,
    congestion: Option<Congestion>,
    /// Whether anything goes to it.
    gate: Gate,
    /// How this worker calls the app itself; lent away during a call.
    pub deputy: Option<Box<dyn Deputy>>,
    /// The deputy holds the app's run right.
    in_session: bool,
    /// Records have been put into the ring that the session has not come to yet.
    is_behind: bool,
    /// The app's thread has been asked for the app, and may leave it with work undone.
    has_asked: bool,
    /// How many messages have been read in this session since the clock was last looked at.
    read_c: usize,
    /// When the clock was first looked at in this session.
    since: Option<Millis>,
}

/// The ways to all apps, by number of the app.
#[derive(Debug)]
pub struct ToApps {
    ways: Vec<ToApp>,
    /// Those that something was done with in this turn, or that wait for something.
    touched: AppSet,
}

impl From<Vec<ToApp>> for ToApps {
    fn from(ways: Vec<ToApp>) -> Self {
        Self { ways, touched: AppSet::default() }
    }
}

impl Index<usize> for ToApps {
    type Output = ToApp;

    #[inline]
    fn index(&self, app: usize) -> &ToApp {
        &self.ways[app]
    }
}

impl IndexMut<usize> for ToApps {
    #[inline]
    fn index_mut(&mut self, app: usize) -> &mut ToApp {
        self.touched.insert(app);
        &mut self.ways[app]
    }
}

impl ToApps {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &ToApp> {
        self.ways.iter()
    }

    /// All of them, to do something with.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut ToApp> {
        self.touched = AppSet::all();
        self.ways.iter_mut()
    }

    /// Gives this number, the next or one that is in use, to another app.
    pub(super) fn put(&mut self, app: usize, to_app: ToApp) {
        if app == self.ways.len() {
            self.ways.push(to_app);
        } else {
            self[app] = to_app;
        }
    }

    /// Whether none is to be looked at in this turn.
    #[inline]
    pub fn are_at_rest(&self) -> bool {
        self.touched.is_empty()
    }

    /// The numbers of those that are to be looked at in this turn.
    pub fn touched(&self) -> impl Iterator<Item = usize> + use<> {
        self.touched.iter(self.ways.len())
    }

    /// After all have been published: publishes what has come for an app since, because clients of it
    /// were lost while another app was called, and forgets those that wait for nothing.
    pub fn settle(&mut self) {
        let touched = std::mem::take(&mut self.touched);
        for app in touched.iter(self.ways.len()) {
            if self.ways[app].is_behind {
                self.ways[app].publish();
            }
            if self.ways[app].is_pending() {
                self.touched.insert(app);
            }
        }
    }

    /// Wakes an app, for instance because it waits for the space that this worker has released.
    pub fn wake(&self, app: usize) {
        self.ways[app].waker.wake();
    }
}

/// What there is too little of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Congestion {
    /// Room in the ring.
    Ring,
    /// Memory for payloads that cross by pointer; so many bytes were in use.
    Blocks { in_use: usize },
    /// Time: a session has taken much of this turn.
    Time,
}

/// Whether records go to an app.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Gate {
    Open,
    /// It has failed: they are taken and forgotten.
    Failed,
    /// It has been told that nothing follows: they stay with the peers, for the next process.
    Parked,
}

/// There is no room, or no time; what was to go in comes back.
#[derive(Debug)]
pub struct Congested<T>(pub T);

impl ToApp {
    /// Joins the producing end of an inbound ring with the waker of the app that reads it, and with
    /// the way to call that app.
    pub fn new(
        ring: Producer,
        block_budget: usize,
        waker: Arc<Waker>,
        deputy: Option<Box<dyn Deputy>>,
    ) -> Self {
        Self {
            ring,
            blocks: BlockPool::new(block_budget),
            waker,
            waiting: VecDeque::new(),
            congestion: None,
            gate: Gate::Open,
            deputy,
            in_session: false,
            is_behind: false,
            has_asked: false,
            read_c: 0,
            since: None,
        }
    }

    /// Lets other than so far this many bytes of payloads be on their way by pointer.
    pub(super) fn set_block_budget(&mut self, budget: usize) {
        self.blocks.set_budget(budget);
    }

    /// How the app is woken.
    pub(super) fn waker(&self) -> Arc<Waker> {
        Arc::clone(&self.waker)
    }

    /// Whether peers of this app have to wait.
    #[inline]
    pub fn is_congested(&self) -> bool {
        self.congestion.is_some()
    }

    /// Whether one more receive of up to so many bytes may bring more than there is memory for.
    #[inline]
    pub fn is_nearly_congested(&self, receive: usize) -> bool {
        let in_use = self.blocks.in_use();
        in_use > 0 && in_use + receive > self.blocks.budget()
    }

    /// Has peers wait if it [is nearly congested](Self::is_nearly_congested), even after a closer look,
    /// as bytes that come and have no room must be copied once more. Says whether they have to wait.
    /// Never those of an app that has failed: it gets nothing more, and may make no room for long.
    pub fn hold_back(&mut self, receive: usize) -> bool {
        self.ring.reclaim(&mut self.blocks);
        if self.gate == Gate::Open && self.is_nearly_congested(receive) {
            self.congestion = Some(Congestion::Blocks { in_use: self.blocks.in_use() });
        }
        self.is_congested()
    }

    /// Whether the app has failed.
    pub fn has_failed(&self) -> bool {
        self.gate == Gate::Failed
    }

    /// The app has failed: from now on records are taken and forgotten.
    pub fn fail(&mut self) {
        self.gate = Gate::Failed;
        self.congestion = None;
    }

    /// Tells the app that nothing follows, and sees to it.
    pub fn park(&mut self) -> Result<(), Congested<()>> {
        self.push(Inbound::Park)?;
        if self.gate == Gate::Open {
            self.gate = Gate::Parked;
            self.congestion = None;
        }
        Ok(())
    }

    /// Whether what another process owed to its app fits into this one's ring, which may be smaller.
    pub fn takes(&self, owed: Option<&Owed>) -> bool {
        let Some(Owed::Open { opening, .. } | Owed::Upgrade { opening, .. }) = owed else {
            return true;
        };
        let record = Inbound::Open { client: ClientId::new(0, 0, 1), endpoint: 0, opening };
        let (head, payload) = record.encode();
        head.len() + payload.len() <= self.ring.max_record()
    }

    /// What becomes of a record that is not to go into the ring.
    #[cold]
    fn turn_down<T>(&self, what: T) -> Result<(), Congested<T>> {
        if self.gate == Gate::Failed { Ok(()) } else { Err(Congested(what)) }
    }

    /// Puts a record into the ring, its payload inline.
    pub fn push(&mut self, record: Inbound<'_>) -> Result<(), Congested<()>> {
        if self.gate != Gate::Open {
            return self.turn_down(());
        }
        let (head, payload) = record.encode();
        match self.ring.reserve(head.len() + payload.len()) {
            Ok(mut space) => {
                space[..head.len()].copy_from_slice(&head);
                space[head.len()..].copy_from_slice(payload);
                space.commit();
                self.is_behind = true;
                Ok(())
            }
            Err(ReserveError::Full) => {
                self.congestion = Some(Congestion::Ring);
                Err(Congested(()))
            }
            Err(ReserveError::TooLarge) => {
                unreachable!("the configuration sees to it that a ring takes the largest opening")
            }
        }
    }

    /// Puts a message into the ring: small ones are copied, large ones cross by pointer.
    #[inline]
    pub fn push_message<'a>(
        &mut self,
        client: ClientId,
        text: bool,
        payload: Payload<'a>,
    ) -> Result<(), Congested<Payload<'a>>> {
        if payload.len() < BY_POINTER {
            let record = Inbound::Message { client, text, payload: &payload };
            return self.push(record).map_err(|_| Congested(payload));
        }
        self.push_by_pointer(client, text, payload)
    }

    fn push_by_pointer<'a>(
        &mut self,
        client: ClientId,
        text: bool,
        payload: Payload<'a>,
    ) -> Result<(), Congested<Payload<'a>>> {
        if self.gate != Gate::Open {
            return self.turn_down(payload);
        }
        self.ring.reclaim(&mut self.blocks);
        let (head, _) = Inbound::Message { client, text, payload: &[] }.encode();
        // A record with a block takes 16 bytes more, for pointer and length.
        if self.ring.reserve(head.len() + 16).is_err() {
            self.congestion = Some(Congestion::Ring);
            return Err(Congested(payload));
        }
        let block = match self.block_of(payload) {
            Ok(block) => block,
            Err(payload) => {
                self.congestion = Some(Congestion::Blocks { in_use: self.blocks.in_use() });
                return Err(Congested(payload));
            }
        };
        let pushed = self.ring.push_block(&head, block);
        debug_assert!(pushed.is_ok(), "there was space");
        self.is_behind = true;
        Ok(())
    }

    /// Puts a payload into a block; gives it back if there is no memory for it now.
    fn block_of<'a>(&mut self, payload: Payload<'a>) -> Result<Arc<Vec<u8>>, Payload<'a>> {
        match payload {
            Payload::Borrowed(bytes) | Payload::Inflated(bytes) => {
                match self.blocks.take(bytes.len()) {
                    Ok(mut buffer) => {
                        buffer.extend_from_slice(bytes);
                        Ok(self.blocks.seal(buffer))
                    }
                    Err(_) => Err(payload),
                }
            }
            Payload::Owned(buffer) => {
                self.blocks.adopt(buffer).map_err(|(_, buffer)| Payload::Owned(buffer))
            }
        }
    }

    /// Makes all records visible to the app and wakes it if it sleeps. Once per turn.
    #[inline]
    pub fn publish(&mut self) {
        self.ring.reclaim(&mut self.blocks);
        if self.ring.publish() {
            self.is_behind = false;
            self.waker.wake();
        }
    }

    /// Whether there is a deputy, to call the app at times. Not during a call.
    #[inline]
    pub fn may_be_called(&self) -> bool {
        self.deputy.is_some()
    }

    /// Whether the deputy holds the app's run right.
    #[inline]
    pub fn is_in_session(&self) -> bool {
        self.in_session
    }

    /// Has the deputy take the app's run right, or ask for it.
    #[inline]
    pub fn begin_session(&mut self) -> bool {
        let Some(deputy) = self.deputy.as_mut().filter(|_| self.gate == Gate::Open) else {
            return false;
        };
        self.in_session = deputy.take();
        if self.in_session {
            (self.read_c, self.since) = (0, None);
            self.is_behind |= std::mem::take(&mut self.has_asked);
        } else {
            self.has_asked = deputy.ask();
        }
        self.in_session
    }

    /// Whether the app's thread has left the app to this worker, on which it relies now.
    #[inline]
    pub fn is_left(&self) -> bool {
        self.has_asked && self.deputy.as_ref().is_some_and(|deputy| deputy.is_left())
    }

    /// Notes that the app has read a message of so many bytes in the session. Once the session has
    /// lasted so long that clients of other apps should have a turn, its own wait for the next.
    #[inline]
    pub fn note_read(&mut self, len: usize, now: impl FnOnce() -> Millis) {
        self.read_c += 1 + len / BYTES_LIKE_ONE;
        if self.read_c >= LOOK_EVERY {
            self.read_c = 0;
            let now = now();
            if now > *self.since.get_or_insert(now) + SESSION_MAX {
                self.congestion = Some(Congestion::Time);
            }
        }
    }

    /// Leaves the app to its own thread after all.
    pub fn decline(&mut self) {
        self.has_asked = false;
        if let Some(deputy) = &mut self.deputy {
            deputy.decline();
        }
    }

    /// Gives the run right back.
    pub fn end_session(&mut self) {
        if std::mem::take(&mut self.in_session) {
            if let Some(deputy) = &mut self.deputy {
                deputy.give_back();
            }
        }
    }

    /// Whether there are records for which the app is to be called or woken.
    #[inline]
    pub fn has_unpublished(&self) -> bool {
        self.is_behind
    }

    /// Makes all records visible to the deputy; false if it has seen them all.
    #[inline]
    pub fn publish_for_session(&mut self) -> bool {
        let is_behind = std::mem::take(&mut self.is_behind);
        if is_behind {
            let _ = self.ring.publish(); // nobody is to be woken
        }
        is_behind
    }

    /// Whether the app has dealt with all records that there have been. For who has the run right.
    #[inline]
    pub fn is_read(&mut self) -> bool {
        self.ring.is_drained()
    }

    /// Gives back the memory that only a burst needed. False if the app still uses some of it.
    pub fn trim(&mut self) -> bool {
        self.ring.reclaim(&mut self.blocks);
        self.blocks.trim();
        self.ring.trim()
    }

    /// Whether something of this way is still to come.
    fn is_pending(&self) -> bool {
        self.is_behind
            || self.has_asked
            || self.congestion.is_some()
            || !self.waiting.is_empty()
            || self.ring.has_blocks_in_flight()
    }

    /// Whether peers wait that can go on now. If they wait and cannot, the app will wake this
    /// worker when they can: so this is asked before each sleep.
    pub fn has_room(&mut self) -> bool {
        if self.waiting.is_empty() && self.congestion.is_none() || self.gate == Gate::Parked {
            return false;
        }
        let is_over = match self.congestion {
            None | Some(Congestion::Time) => true,
            Some(Congestion::Ring) => self.ring.want_space(self.ring.capacity() / 2),
            Some(Congestion::Blocks { in_use }) => {
                self.ring.reclaim(&mut self.blocks);
                self.blocks.in_use() < in_use || self.ring.want_blocks()
            }
        };
        if is_over {
            self.congestion = None;
        }
        is_over
    }
}
