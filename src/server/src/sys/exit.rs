//! Ending the process without ceremony.
#![expect(unsafe_code, reason = "_exit has no safe binding")]

/// Ends the process at once: no destructor of any library runs (_exit(2)).
pub fn exit_at_once(status: i32) -> ! {
    // SAFETY: it takes any status, and nothing of this process is there afterwards.
    unsafe { libc::_exit(status) }
}
