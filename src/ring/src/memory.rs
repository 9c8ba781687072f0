//! The memory of a ring: one memfd, mapped twice in a row, so that what runs over the ring's end
//! goes on at its start without anyone noticing. The only place that maps memory.
//!
//! It is not for deciding who may touch which bytes: it hands out raw pointers, and `spsc` argues
//! for each access.
//!
//! Pages are zero and take no memory until they are first written, nor after they were given back.
//! The memfd's descriptor is closed once it is mapped, so that nobody can shrink the file under the
//! mapping.
//!
//! # Two addresses for one byte
//!
//! Rust (like C) knows nothing of aliases made by the kernel, and a compiler may assume that
//! different addresses are different bytes. This stays harmless because a record that starts at
//! position `p` is written and read only through the addresses from `pointer(p)` on: no value is
//! ever stored through one alias and loaded through the other. Where the space is used again
//! through the other alias, the Release and Acquire operations on the ring's positions lie between
//! the two uses, and no access moves across those.
//!
//! For the same reason plain heap memory of twice the capacity does the same job, without being
//! the same bytes twice: that is what loom and Miri get, which know no mmap. Under loom a cell per
//! word of the *ring* records who touched it, so that a word written while it may still be read
//! is found.

#![expect(unsafe_code, reason = "mapping memory")]

use std::{io, ptr::NonNull};

/// Twice-mapped memory of `2 * capacity` bytes of address space.
pub(crate) struct Memory {
    base: NonNull<u8>,
    capacity: usize,
    #[cfg(loom)]
    words: Box<[loom::cell::UnsafeCell<()>]>,
}

// SAFETY: `Memory` gives out raw pointers and never dereferences them; the mapping belongs to the
// process, not to a thread, and may be undone by any. (Under loom, `words` are only touched
// through loom's own checks, which exist to be called from several threads.)
unsafe impl Send for Memory {}
// SAFETY: as above; no method touches the mapped bytes.
unsafe impl Sync for Memory {}

impl Memory {
    /// Maps `capacity` bytes twice.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if `capacity` is not a power of two, is below 4096, or is no multiple of the
    /// page size; otherwise what memfd_create(2), ftruncate(2) or mmap(2) said.
    pub(crate) fn new(capacity: usize) -> io::Result<Self> {
        let granularity = backing::granularity();
        // The upper bound keeps the sum of any two positions' distances within isize.
        if !capacity.is_power_of_two()
            || capacity < granularity
            || capacity > isize::MAX as usize / 4
        {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "a ring's capacity must be a power of two and at least {granularity} bytes"
                ),
            ));
        }
        Ok(Self {
            base: backing::allocate(capacity)?,
            capacity,
            #[cfg(loom)]
            words: (0..capacity / crate::record::ALIGN).map(|_| Default::default()).collect(),
        })
    }

    /// Bytes that the ring holds: a power of two.
    #[inline]
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// The address of the byte at `position`. At least `capacity` bytes follow it contiguously.
    #[inline]
    pub(crate) fn pointer(&self, position: usize) -> *mut u8 {
        // `wrapping_add` stays within the mapping: the offset is below `capacity`.
        self.base.as_ptr().wrapping_add(position & (self.capacity - 1))
    }

    /// Gives the system those pages back that lie whole in the `size` bytes from `position` on,
    /// no more than the capacity: they are zero then. Other bytes stay as they are.
    ///
    /// # Safety
    ///
    /// Nobody else reads or writes any of these bytes, and no reference to any of them is left.
    pub(crate) unsafe fn discard(&self, position: usize, size: usize) {
        debug_assert!(size <= self.capacity);
        let page = backing::granularity();
        let skipped = position.wrapping_neg() & (page - 1);
        let size = size.saturating_sub(skipped) & !(page - 1);
        if size > 0 {
            let start = position.wrapping_add(skipped);
            self.track_write(start, size);
            // SAFETY: the range begins within the first half and is no longer than the other, so it
            // lies in the mapping. The caller vouches that its bytes are nobody's at this time.
            unsafe { backing::discard(self.pointer(start), size) };
        }
    }

    /// Tells loom that the bytes from `position` on are written now. Nothing in production.
    #[inline(always)]
    pub(crate) fn track_write(&self, _position: usize, _size: usize) {
        #[cfg(loom)]
        self.tracked(_position, _size).for_each(|word| word.with_mut(|_| ()));
    }

    /// Tells loom that the bytes from `position` on are read now. Nothing in production.
    #[inline(always)]
    pub(crate) fn track_read(&self, _position: usize, _size: usize) {
        #[cfg(loom)]
        self.tracked(_position, _size).for_each(|word| word.with(|_| ()));
    }

    #[cfg(loom)]
    fn tracked(
        &self,
        position: usize,
        size: usize,
    ) -> impl Iterator<Item = &loom::cell::UnsafeCell<()>> {
        let first = position / crate::record::ALIGN;
        let count = size.div_ceil(crate::record::ALIGN);
        (first..first + count).map(|word| &self.words[word % self.words.len()])
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: `base` came from `allocate` with this capacity, and is given up here, once. No
        // reference into it is left: each borrows an end of the ring, and the ends share this.
        unsafe { backing::free(self.base, self.capacity) };
    }
}

#[cfg(not(any(loom, miri)))]
mod backing {
    use std::{
        io,
        os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
        ptr::{self, NonNull},
    };

    /// The smallest capacity: a page, and never less than 4096 bytes.
    pub(super) fn granularity() -> usize {
        // SAFETY: sysconf(3) reads a constant; it has no preconditions.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        usize::try_from(page).unwrap_or(0).max(4096)
    }

    /// Maps `capacity` bytes of a new memfd twice in a row.
    pub(super) fn allocate(capacity: usize) -> io::Result<NonNull<u8>> {
        let file = memfd(capacity)?;
        // Both halves are first reserved as one range, so that nothing else can come between.
        // SAFETY: an anonymous mapping at an address of the kernel's choice touches nothing that
        // exists.
        let base = unsafe {
            libc::mmap(
                ptr::null_mut(),
                2 * capacity,
                libc::PROT_NONE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast::<u8>()).expect("mmap(2) never chooses address 0");
        for half in [0, capacity] {
            if let Err(error) = map_half(base.as_ptr().wrapping_add(half), capacity, &file) {
                // SAFETY: the range was mapped above and no pointer into it was given out.
                unsafe { free(base, capacity) };
                return Err(error);
            }
        }
        Ok(base)
    }

    /// Puts the file's `capacity` bytes at `address`, inside the range that `allocate` reserved.
    fn map_half(address: *mut u8, capacity: usize, file: &OwnedFd) -> io::Result<()> {
        // SAFETY: MAP_FIXED replaces a part of the range that `allocate` has just reserved and
        // that nobody else knows of.
        let mapped = unsafe {
            libc::mmap(
                address.cast(),
                capacity,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_FIXED,
                file.as_raw_fd(),
                0,
            )
        };
        if mapped == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// A nameless file of `capacity` zero bytes that lives in memory.
    fn memfd(capacity: usize) -> io::Result<OwnedFd> {
        // Linux 6.3 and later can be set to refuse a memfd that might become executable
        // (vm.memfd_noexec); earlier ones do not know the flag.
        let fd = match create(libc::MFD_CLOEXEC | libc::MFD_NOEXEC_SEAL) {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => create(libc::MFD_CLOEXEC)?,
            result => result?,
        };
        // SAFETY: `create` returned a new descriptor that nobody else owns.
        let file = unsafe { OwnedFd::from_raw_fd(fd) };
        let len = libc::off_t::try_from(capacity)
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        // SAFETY: ftruncate(2) takes two integers.
        if unsafe { libc::ftruncate(file.as_raw_fd(), len) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(file)
    }

    fn create(flags: libc::c_uint) -> io::Result<RawFd> {
        // SAFETY: the name is a NUL-terminated constant.
        let fd = unsafe { libc::memfd_create(c"ringsocket-ring".as_ptr(), flags) };
        if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(fd) }
    }

    /// Frees pages of the memfd, whichever of their two addresses is given.
    ///
    /// # Safety
    ///
    /// `size` bytes from `start` on lie in a mapping made by [`allocate`], and may become zero.
    pub(super) unsafe fn discard(start: *mut u8, size: usize) {
        // Unlike MADV_DONTNEED, which would only unmap them, this makes a hole in the file. Where
        // the system refuses (the pages may be locked, say), they stay, which does no harm.
        // SAFETY: the caller vouches for the range.
        unsafe { libc::madvise(start.cast(), size, libc::MADV_REMOVE) };
    }

    /// # Safety
    ///
    /// `base` came from [`allocate`] with the same `capacity`; nothing points into it any more.
    pub(super) unsafe fn free(base: NonNull<u8>, capacity: usize) {
        // SAFETY: the caller vouches that the range is ours and unused.
        let result = unsafe { libc::munmap(base.as_ptr().cast(), 2 * capacity) };
        debug_assert_eq!(result, 0, "munmap(2): {}", io::Error::last_os_error());
    }
}

/// Heap memory in place of a mapping; see the top of the file.
#[cfg(any(loom, miri))]
mod backing {
    use std::{
        alloc::{self, Layout},
        io,
        ptr::NonNull,
    };

    /// One of the smallest records with a payload under loom, whose models must stay small.
    pub(super) fn granularity() -> usize {
        if cfg!(loom) { 16 } else { 4096 }
    }

    fn layout(capacity: usize) -> Layout {
        Layout::from_size_align(2 * capacity, crate::record::ALIGN).expect("bounded by the caller")
    }

    pub(super) fn allocate(capacity: usize) -> io::Result<NonNull<u8>> {
        // SAFETY: the layout's size is not zero.
        let base = unsafe { alloc::alloc_zeroed(layout(capacity)) };
        NonNull::new(base).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }

    /// # Safety
    ///
    /// As in the mapped version.
    pub(super) unsafe fn discard(start: *mut u8, size: usize) {
        // SAFETY: the caller vouches for the range.
        unsafe { start.write_bytes(0, size) };
    }

    /// # Safety
    ///
    /// As in the mapped version.
    pub(super) unsafe fn free(base: NonNull<u8>, capacity: usize) {
        // SAFETY: allocated by `allocate` with this layout.
        unsafe { alloc::dealloc(base.as_ptr(), layout(capacity)) };
    }
}

#[cfg(all(test, not(any(loom, miri))))]
mod tests {
    use super::*;

    #[test]
    fn second_half_is_the_first_again() {
        let memory = Memory::new(8192).unwrap();
        // Volatile, because here, unlike in a ring, a value does cross from one alias to the other.
        for (index, value) in [(0, 1), (8191, 2), (5000, 3)] {
            let byte = memory.pointer(index);
            // SAFETY: both addresses lie within the 16384 bytes that were mapped.
            let mirrored = unsafe {
                byte.write_volatile(value);
                byte.wrapping_add(8192).read_volatile()
            };
            assert_eq!(mirrored, value);
        }
    }

    #[test]
    fn capacity_is_checked() {
        for capacity in [0, 1, 2048, 4097, 12288, 1 << (usize::BITS - 1), usize::MAX] {
            let error = Memory::new(capacity).err().expect("refused");
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{capacity}");
        }
    }

    #[test]
    fn pages_take_memory_only_between_touch_and_discard() {
        const CAPACITY: usize = 64 << 20;
        let resident = || {
            let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
            // Third field: resident shared pages, which other tests hardly touch.
            statm.split(' ').nth(2).unwrap().parse::<usize>().unwrap() * 4096
        };
        let before = resident();
        let memory = Memory::new(CAPACITY).unwrap();
        assert!(resident().saturating_sub(before) < CAPACITY / 4);
        assert_eq!(memory.capacity(), CAPACITY);
        // SAFETY: the bytes lie in the mapping, and there are no others who use them.
        unsafe { memory.pointer(0).write_bytes(1, CAPACITY) };
        assert!(resident().saturating_sub(before) > CAPACITY / 4 * 3);
        // SAFETY: as above.
        unsafe { memory.discard(CAPACITY / 2, CAPACITY) };
        assert!(resident().saturating_sub(before) < CAPACITY / 4);
    }

    #[test]
    fn only_pages_that_lie_whole_in_the_range_are_discarded() {
        let page = backing::granularity();
        let memory = Memory::new(4 * page).unwrap();
        let bytes = |value: u8| vec![value; page];
        for (position, size, kept) in [
            (0, 4 * page, [false, false, false, false]),
            (page, page, [true, false, true, true]),
            (1, 2 * page - 1, [true, false, true, true]),
            (page - 1, 2 * page, [true, false, true, true]),
            (3 * page, 2 * page, [false, true, true, false]),
            (usize::MAX - page + 1, 2 * page, [false, true, true, false]),
            (8, page, [true; 4]),
            (8, 4, [true; 4]),
            (0, 0, [true; 4]),
        ] {
            // SAFETY: all of it lies in the mapping, and nobody else uses it.
            unsafe {
                memory.pointer(0).write_bytes(7, 4 * page);
                memory.discard(position, size);
            }
            for (index, kept) in kept.into_iter().enumerate() {
                for alias in [0, 4 * page] {
                    let start = memory.pointer(index * page).wrapping_add(alias);
                    // SAFETY: a page of either half.
                    let found = unsafe { std::slice::from_raw_parts(start, page) };
                    assert!(found == bytes(if kept { 7 } else { 0 }), "{position} {size} {index}");
                }
            }
        }
    }
}
