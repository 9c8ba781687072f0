//! Extended BPF (bpf(2)): maps, and the loading of programs. Takes `CAP_BPF`
//! (capabilities(7)), which the daemon itself does not have: it calls nothing of this.
//! Not for: what the programs do (`steering::ebpf`).
#![expect(unsafe_code, reason = "bpf has no safe binding")]

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Map types, program types and flags of linux/bpf.h.
pub const MAP_TYPE_ARRAY: u32 = 2;
/// Of sockets that share a port.
pub const MAP_TYPE_REUSEPORT_SOCKARRAY: u32 = 20;
/// The memory of an array can be mapped.
pub const MAP_MMAPABLE: u32 = 1 << 10;
const PROG_TYPE_SK_REUSEPORT: u32 = 21;
const SK_REUSEPORT_SELECT: u32 = 39;

const MAP_CREATE: libc::c_long = 0;
const MAP_UPDATE_ELEM: libc::c_long = 2;
const PROG_LOAD: libc::c_long = 5;

/// `struct bpf_insn`: one instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Instruction {
    /// Operation.
    pub code: u8,
    /// Destination register in the lower four bits, source register in the upper ones.
    pub registers: u8,
    /// How far to jump, or the offset of an address.
    pub offset: i16,
    /// A constant.
    pub immediate: i32,
}

/// The beginning of `union bpf_attr` for `BPF_MAP_CREATE`. The kernel takes what follows for zeros.
#[repr(C)]
struct MapCreate {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,
}

/// Likewise for `BPF_MAP_UPDATE_ELEM`.
#[repr(C)]
struct MapUpdate {
    map_fd: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

/// Likewise for `BPF_PROG_LOAD`.
#[repr(C)]
struct ProgLoad {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
    prog_ifindex: u32,
    expected_attach_type: u32,
}

/// A map with keys of four bytes.
#[derive(Debug)]
pub struct Map {
    fd: OwnedFd,
    value_size: usize,
}

impl AsFd for Map {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Map {
    /// Makes one, of zeros.
    ///
    /// # Errors
    /// Those of bpf(2): `PermissionDenied` without `CAP_BPF`.
    pub fn new(map_type: u32, value_size: u32, max_entries: u32, flags: u32) -> io::Result<Self> {
        let mut attributes =
            MapCreate { map_type, key_size: 4, value_size, max_entries, map_flags: flags };
        // SAFETY: these attributes hold no pointers.
        let fd = unsafe { call(MAP_CREATE, &mut attributes)? };
        // SAFETY: a new descriptor, which nobody else has.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { fd, value_size: value_size as usize })
    }

    /// Sets a value, which must be as large as all of this map are.
    ///
    /// # Errors
    /// Those of bpf(2); `InvalidInput` for another size.
    pub fn put(&self, key: u32, value: &[u8]) -> io::Result<()> {
        if value.len() != self.value_size {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut attributes = MapUpdate {
            map_fd: self.fd.as_raw_fd().unsigned_abs(),
            padding: 0,
            key: (&raw const key) as u64,
            value: value.as_ptr() as u64,
            flags: 0,
        };
        // SAFETY: key and value live through the call and have the sizes that the map was made with.
        unsafe { call(MAP_UPDATE_ELEM, &mut attributes).map(drop) }
    }
}

/// Puts a socket into an array of them.
///
/// # Errors
/// Those of bpf(2): `ResourceBusy` if it is in another array, `InvalidInput` if it shares no port.
pub fn put_socket(array: &Map, key: u32, socket: impl AsFd) -> io::Result<()> {
    array.put(key, u64::from(socket.as_fd().as_raw_fd().unsigned_abs()).to_ne_bytes().as_slice())
}

/// Loads a program that chooses a socket for each new connection (`BPF_PROG_TYPE_SK_REUSEPORT`).
///
/// # Errors
/// Those of bpf(2), with what the kernel's verifier says of a program that it refuses.
pub fn load_reuseport(program: &[Instruction], name: &CStr) -> io::Result<OwnedFd> {
    let mut log = vec![0u8; 64 << 10];
    let mut prog_name = [0; 16]; // one zero at least remains
    prog_name.iter_mut().take(15).zip(name.to_bytes()).for_each(|(to, from)| *to = *from);
    let mut attributes = ProgLoad {
        prog_type: PROG_TYPE_SK_REUSEPORT,
        insn_cnt: program.len() as u32,
        insns: program.as_ptr() as u64,
        license: c"MIT".as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log_buf: 0,
        kern_version: 0,
        prog_flags: 0,
        prog_name,
        prog_ifindex: 0,
        expected_attach_type: SK_REUSEPORT_SELECT,
    };
    // SAFETY: the instructions, as many as said, and the licence live through the call; the result is
    // checked to be a new descriptor.
    let loaded = unsafe { call(PROG_LOAD, &mut attributes).map(|fd| OwnedFd::from_raw_fd(fd)) };
    match loaded {
        // EPERM is for who lacks rights, EACCES for programs that reach for too much.
        Err(error) if error.raw_os_error() != Some(libc::EPERM) => {
            let (log_size, log_buf) = (log.len() as u32, log.as_mut_ptr() as u64);
            attributes = ProgLoad { log_level: 1, log_size, log_buf, ..attributes };
            // SAFETY: as above, and the kernel writes no more of the log than its size.
            let again = unsafe { call(PROG_LOAD, &mut attributes) };
            // SAFETY: a new descriptor, of nobody else's.
            again.map(|fd| drop(unsafe { OwnedFd::from_raw_fd(fd) })).ok();
            let said = String::from_utf8_lossy(&log);
            let said = said.trim_end_matches('\0').trim_end();
            Err(io::Error::new(error.kind(), format!("{error}; the kernel says: {said}")))
        }
        other => other,
    }
}

/// # Safety
/// What the attributes point to must live through the call and be as large as the command has it.
unsafe fn call<T>(command: libc::c_long, attributes: &mut T) -> io::Result<i32> {
    // SAFETY: the size is that of the attributes; the rest is promised by the caller.
    let result =
        unsafe { libc::syscall(libc::SYS_bpf, command, &raw mut *attributes, size_of::<T>()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result as i32) }
}
