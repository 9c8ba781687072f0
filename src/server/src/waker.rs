//! How threads wake each other: the ring crate's sleep/wake handshake, joined to the one system
//! call that ends the sleep of each kind of thread.
//!
//! An app thread sleeps in a futex on the handshake's own word; a worker sleeps in `epoll_wait`,
//! where an eventfd reaches it. Whoever has published something calls [`Waker::wake`], which costs
//! a fence and a load unless the thread really sleeps.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ringsocket_ring::Sleeper;

use crate::sys::{eventfd::EventFd, futex};

/// How long a pause is.
const PAUSE: Duration = Duration::from_micros(50);

/// The call that ends a sleep.
#[derive(Debug)]
enum Kick {
    /// The thread waits on the futex word of its [`Sleeper`].
    Futex,
    /// The thread waits in epoll, which watches this eventfd.
    EventFd(EventFd),
    /// In a simulation nothing sleeps: the others do something instead.
    Simulated(fn()),
}

/// What others know of a thread: how to wake it, and whether it makes progress.
#[derive(Debug)]
pub struct Waker {
    sleeper: Sleeper,
    kick: Kick,
    turns: AtomicU64,
    /// Who has something for the thread: a bit for each app, for a worker (`worker::app_set`).
    mail: AtomicU64,
    /// Whether the thread is to give memory back.
    is_to_shed: AtomicBool,
}

impl Waker {
    /// For an app thread.
    pub fn futex() -> Self {
        Self::new(Kick::Futex)
    }

    /// For a worker; the eventfd is for its epoll.
    pub fn eventfd(eventfd: EventFd) -> Self {
        Self::new(Kick::EventFd(eventfd))
    }

    /// For a simulation, where nothing ever sleeps: `meanwhile` lets the others do something.
    pub fn simulated(meanwhile: fn()) -> Self {
        Self::new(Kick::Simulated(meanwhile))
    }

    fn new(kick: Kick) -> Self {
        Self {
            sleeper: Sleeper::new(),
            kick,
            turns: AtomicU64::new(0),
            mail: AtomicU64::new(0),
            is_to_shed: AtomicBool::new(false),
        }
    }

    /// Wakes the thread if it sleeps. To be called after publishing what it is to see.
    #[inline]
    pub fn wake(&self) {
        if self.sleeper.rouse() {
            match &self.kick {
                Kick::Futex => futex::wake_one(self.sleeper.word()),
                Kick::EventFd(eventfd) => eventfd.signal(),
                Kick::Simulated(_) => {}
            }
        }
    }

    /// Says who has published something for the thread, before it is [woken](Self::wake).
    #[inline]
    pub fn note_mail(&self, bit: u64) {
        // Release, as it stands for what was published before.
        self.mail.fetch_or(bit, Ordering::Release);
    }

    /// Whether anybody has, after the announcement of a sleep.
    #[inline]
    pub fn has_mail(&self) -> bool {
        self.mail.load(Ordering::Relaxed) != 0
    }

    /// Takes the bits of all who have.
    #[inline]
    pub fn take_mail(&self) -> u64 {
        if self.has_mail() { self.mail.swap(0, Ordering::Acquire) } else { 0 }
    }

    /// Has the thread give back, in its next turn, what memory only a burst needed.
    pub fn ask_to_shed(&self) {
        self.is_to_shed.store(true, Ordering::Relaxed); // nothing else is published by it
        self.wake();
    }

    /// Whether it is asked to, after the announcement of a sleep.
    #[inline]
    pub fn is_to_shed(&self) -> bool {
        self.is_to_shed.load(Ordering::Relaxed)
    }

    /// The same, for a thread that does so now.
    #[inline]
    pub fn take_shedding(&self) -> bool {
        self.is_to_shed() && self.is_to_shed.swap(false, Ordering::Relaxed)
    }

    /// The handshake, for the thread itself.
    pub fn sleeper(&self) -> &Sleeper {
        &self.sleeper
    }

    /// The eventfd of a worker, for its epoll.
    pub fn as_eventfd(&self) -> Option<&EventFd> {
        match &self.kick {
            Kick::EventFd(eventfd) => Some(eventfd),
            Kick::Futex | Kick::Simulated(_) => None,
        }
    }

    /// Sleeps on the futex word, for the app thread itself, after [`Sleeper::announce`] and a
    /// second look. Returns when woken, when `timeout` has passed, or for no reason.
    pub fn sleep(&self, timeout: Option<Duration>) {
        match self.kick {
            Kick::Futex => futex::wait(self.sleeper.word(), Sleeper::ASLEEP, timeout),
            Kick::EventFd(_) => {}
            Kick::Simulated(meanwhile) => meanwhile(),
        }
        self.sleeper.retract();
    }

    /// A short pause, for a worker that runs the app whose own thread sleeps here, and that nobody
    /// will wake.
    pub fn pause(&self) {
        match self.kick {
            Kick::Futex | Kick::EventFd(_) => std::thread::sleep(PAUSE),
            Kick::Simulated(meanwhile) => meanwhile(),
        }
    }

    /// Notes one turn of the thread's loop, for the watchdog.
    #[inline]
    pub fn note_turn(&self) {
        let turns = self.turns.load(Ordering::Relaxed);
        self.turns.store(turns.wrapping_add(1), Ordering::Relaxed);
    }

    /// Turns taken so far. Together with [`Sleeper::is_asleep`] this shows a thread that is stuck.
    pub fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }
}
