//! What systemd hands over and wants to hear: inherited sockets, notifications, the watchdog.
//! Not for: anything else that talks to the kernel (`sys`).
//!
//! Nothing outside this folder reads `LISTEN_*`, `NOTIFY_SOCKET` or `WATCHDOG_*`.

pub mod notify;
pub mod sockets;
pub mod watchdog;
