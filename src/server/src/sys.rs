//! The kernel's calls that std lacks: thin, one job each.
//! Not for: deciding anything.

pub mod clock;
pub mod epoll;
pub mod eventfd;
pub mod exit;
pub mod futex;
pub mod heap;
pub mod signal;
pub mod socket;
