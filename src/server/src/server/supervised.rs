//! A thread under supervision.
//! Not for: what is done about one that is stuck or dead (`supervisor`).

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use crate::systemd::watchdog::Sign;
use crate::waker::Waker;

/// Apps in C run on these threads, and their authors are used to what the C library gives a thread:
/// a smaller stack would run over in what works elsewhere. Costs nothing until it is used.
const STACK_SIZE: usize = 8 << 20;

/// A thread under supervision.
pub(super) struct Supervised {
    pub(super) name: String,
    pub(super) waker: Arc<Waker>,
    /// Whether it has panicked.
    panicked: Arc<AtomicBool>,
    handle: JoinHandle<()>,
}

impl Supervised {
    pub(super) fn start(
        name: String,
        waker: Arc<Waker>,
        body: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let panicked = Arc::new(AtomicBool::new(false));
        let witness = Witness(Arc::clone(&panicked));
        let thread = thread::Builder::new().name(name.clone()).stack_size(STACK_SIZE);
        let handle = thread.spawn(move || {
            let _witness = witness;
            body();
        })?;
        Ok(Self { name, waker, panicked, handle })
    }

    pub(super) fn has_panicked(&self) -> bool {
        self.panicked.load(Ordering::Relaxed)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.handle.is_finished()
    }

    /// What it shows of itself to the watchdog.
    pub(super) fn sign(&self) -> Sign {
        let asleep = self.waker.sleeper().is_asleep() || self.has_ended();
        Sign { turns: self.waker.turns(), asleep }
    }
}

/// Notes, as the last act of a thread, whether it ends in a panic.
struct Witness(Arc<AtomicBool>);

impl Drop for Witness {
    fn drop(&mut self) {
        self.0.store(thread::panicking(), Ordering::Relaxed);
    }
}
