//! Memory that a later process can map: memfd_secret(2) where the kernel has it, memfd_create(2)
//! elsewhere.
//! Not for: what lies in it, and who may read it when (`handover::secret_area`).
//!
//! It is seen as words that are atomic, so that whatever another process does to the same memory is
//! a value and not a data race.
#![expect(unsafe_code, reason = "memfd_secret and mmap have no safe binding")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicU64;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fstat, ftruncate, memfd_create};

/// Bytes of a word.
pub const WORD: usize = size_of::<AtomicU64>();

/// A mapping of shared memory; dropping it unmaps it. What was written stays with the descriptor.
#[derive(Debug)]
pub struct SharedMemory {
    base: NonNull<AtomicU64>,
    word_c: usize,
}

// SAFETY: the mapping belongs to the process, not to a thread, and is reached through atomics alone.
unsafe impl Send for SharedMemory {}
// SAFETY: as above.
unsafe impl Sync for SharedMemory {}

impl SharedMemory {
    /// New memory of that many words, all zero, and the descriptor by which another process maps
    /// it. Nobody can change its size.
    ///
    /// It is secret if the kernel can do that (Linux 5.14 and later; up to 6.4 only with
    /// `secretmem.enable=1`), a filter of system calls lets it, and RLIMIT_MEMLOCK has room: then it
    /// is neither swapped, nor dumped, nor in the kernel's own map. Otherwise it is like other memory.
    ///
    /// # Errors
    /// What memfd_create(2), ftruncate(2) or mmap(2) say.
    pub fn create(word_c: usize) -> io::Result<(OwnedFd, Self)> {
        Self::create_secret(word_c).or_else(|_| Self::create_plain(word_c))
    }

    fn create_secret(word_c: usize) -> io::Result<(OwnedFd, Self)> {
        // SAFETY: memfd_secret(2) takes flags by value and no pointers.
        let fd = unsafe { libc::syscall(libc::SYS_memfd_secret, libc::O_CLOEXEC) };
        let fd = i32::try_from(fd).map_err(|_| io::ErrorKind::InvalidData)?;
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just opened it, and nobody else knows of it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        // Its size can be set this once.
        ftruncate(&fd, (word_c * WORD) as u64)?;
        let memory = Self::open(&fd)?;
        Ok((fd, memory))
    }

    fn create_plain(word_c: usize) -> io::Result<(OwnedFd, Self)> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let fd = memfd_create("ringsocket-secrets", flags)?;
        ftruncate(&fd, (word_c * WORD) as u64)?;
        fcntl_add_seals(&fd, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        let memory = Self::open(&fd)?;
        Ok((fd, memory))
    }

    /// Maps all of what another process has made; bytes behind its last whole word are left out.
    ///
    /// # Errors
    /// `InvalidData` if it has no word; or what fstat(2) or mmap(2) say: EAGAIN for secret memory
    /// beyond RLIMIT_MEMLOCK.
    pub fn open(fd: impl AsFd) -> io::Result<Self> {
        let fd = fd.as_fd();
        let size = usize::try_from(fstat(fd)?.st_size).map_err(|_| io::ErrorKind::InvalidData)?;
        let word_c = size / WORD;
        if word_c == 0 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let len = word_c * WORD;
        // SAFETY: without MAP_FIXED the kernel chooses a place where nothing is, so that no memory
        // that Rust knows of is touched; the descriptor is open through the call.
        let base = unsafe {
            libc::mmap(ptr::null_mut(), len, access, libc::MAP_SHARED, fd.as_raw_fd(), 0)
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { base, word_c })
    }

    /// All of it.
    pub fn words(&self) -> &[AtomicU64] {
        // SAFETY: the mapping begins on a page, so aligned, and has `word_c` words, each valid
        // whatever its bits; `drop` alone undoes it, and the borrow ends before that. Everybody in
        // this process reaches it through these atomics, so another process that writes to it is no
        // data race. Should the file be cut nonetheless, which those made here cannot be, the
        // kernel ends the process (SIGBUS) rather than let it go on with other memory.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr(), self.word_c) }
    }
}

impl Drop for SharedMemory {
    fn drop(&mut self) {
        // SAFETY: exactly what mmap has given, to which no reference is left.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.word_c * WORD) };
    }
}
