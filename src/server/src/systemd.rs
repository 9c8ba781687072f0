//! What systemd hands over and wants to hear: inherited descriptors, credentials, notifications, the
//! watchdog, memory pressure; and what it keeps for the next process.
//! Not for: anything else that talks to the kernel (`sys`).
//!
//! Nothing outside this folder reads `LISTEN_*`, `NOTIFY_SOCKET`, `WATCHDOG_*`,
//! `RUNTIME_DIRECTORY`, `CREDENTIALS_DIRECTORY` or `MEMORY_PRESSURE_*`.

pub mod credentials;
pub mod fitting;
pub mod generator;
pub mod inherited;
pub mod installed;
pub mod memory_pressure;
pub mod notify;
pub mod outcome;
pub mod sockets;
pub mod spread;
pub mod store;
pub mod units;
pub mod watchdog;
