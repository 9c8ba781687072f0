//! Numbers that each worker shows to a program in the kernel: memory at a fixed place, behind which
//! another map can be put while the workers write to it (mmap(2), `MAP_FIXED`).
//! Not for: which numbers (`steering`), or reading them.
#![expect(unsafe_code, reason = "memory that the kernel reads has no safe binding")]

use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};

use crate::message::MAX_WORKERS;

/// From one worker's number to the next one's, in bytes: each has a cache line of its own.
pub const STRIDE: usize = 64;

/// What a map must have room for, in bytes.
pub const SIZE: usize = STRIDE * MAX_WORKERS;

/// One number per worker. Until a map is put behind it, nobody but this process sees them.
#[derive(Debug)]
pub struct Board {
    memory: NonNull<u8>,
    /// Whole pages.
    size: usize,
}

// SAFETY: the memory is only touched through atomics.
unsafe impl Send for Board {}
// SAFETY: as above.
unsafe impl Sync for Board {}

const ACCESS: ProtFlags = ProtFlags::READ.union(ProtFlags::WRITE);

impl Board {
    /// With zeros.
    ///
    /// # Errors
    /// Those of mmap(2): no memory left.
    pub fn new() -> io::Result<Self> {
        let size = SIZE.next_multiple_of(rustix::param::page_size());
        // SAFETY: a new mapping, wherever the kernel likes.
        let memory =
            unsafe { mmap_anonymous(std::ptr::null_mut(), size, ACCESS, MapFlags::PRIVATE)? };
        let memory = NonNull::new(memory.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { memory, size })
    }

    /// Puts a map behind the numbers; what it holds is seen from then on. Whoever passes the descriptor
    /// vouches for its size: behind the end of a file there is no memory, and SIGBUS for who looks.
    ///
    /// # Errors
    /// Those of mmap(2): no such map, or none that can be written to.
    pub fn show(&self, map: BorrowedFd<'_>) -> io::Result<()> {
        // SAFETY: exactly the pages of this board are replaced, to which there are no references but
        // such as last for one access; the kernel lets no thread see the moment between.
        unsafe {
            mmap(self.start(), self.size, ACCESS, MapFlags::SHARED | MapFlags::FIXED, map, 0)?;
        }
        Ok(())
    }

    /// Takes the map away: zeros that nobody else sees.
    ///
    /// # Errors
    /// Those of mmap(2): no memory left.
    pub fn hide(&self) -> io::Result<()> {
        // SAFETY: as above.
        unsafe {
            let flags = MapFlags::PRIVATE | MapFlags::FIXED;
            mmap_anonymous(self.start(), self.size, ACCESS, flags)?;
        }
        Ok(())
    }

    /// Sets the number of a worker, of which there are [`MAX_WORKERS`] at most.
    #[inline]
    pub fn set(&self, worker: usize, number: u64) {
        self.of(worker).store(number, Ordering::Release);
    }

    /// The same by another thread than the worker's: sees what that has done before it set the number
    /// that is replaced.
    pub fn replace(&self, worker: usize, number: u64) {
        self.of(worker).swap(number, Ordering::AcqRel);
    }

    /// The number of a worker.
    pub fn get(&self, worker: usize) -> u64 {
        self.of(worker).load(Ordering::Acquire)
    }

    fn of(&self, worker: usize) -> &AtomicU64 {
        assert!(worker < MAX_WORKERS);
        // SAFETY: within the mapping, which lives as long as `self`; aligned, as the mapping is to a
        // page; any bytes are a number; and nobody here accesses it in any other way.
        unsafe { AtomicU64::from_ptr(self.memory.as_ptr().add(worker * STRIDE).cast()) }
    }

    fn start(&self) -> *mut std::ffi::c_void {
        self.memory.as_ptr().cast()
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        // SAFETY: the mapping is this board's, and nobody has it any more.
        let _ = unsafe { munmap(self.start(), self.size) };
    }
}
