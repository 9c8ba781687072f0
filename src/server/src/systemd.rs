//! What systemd hands over and wants to hear: inherited sockets, notifications, the watchdog.
//! Not for: anything else that talks to the kernel (`sys`).
//!
//! Nothing outside this folder reads `LISTEN_*`, `NOTIFY_SOCKET`, `WATCHDOG_*` or `RUNTIME_DIRECTORY`.

pub mod notify;
pub mod outcome;
pub mod sockets;
pub mod watchdog;
