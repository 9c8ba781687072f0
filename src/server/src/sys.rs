//! The kernel's calls that std lacks: thin, one job each.
//! Not for: deciding anything.

pub mod board;
pub mod bpf;
pub mod clock;
pub mod epoll;
pub mod eventfd;
pub mod exit;
pub mod futex;
pub mod heap;
pub mod pass_fds;
pub mod reuseport;
pub mod sealed_file;
pub mod shared_memory;
pub mod signal;
pub mod socket;
