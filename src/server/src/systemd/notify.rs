//! What systemd is told: sd_notify(3).
//! Not for: deciding when (the server's start and stop order).
//!
//! Without `NOTIFY_SOCKET`, as under a shell, every call does nothing and succeeds.

use std::io;

use sd_notify::NotifyState;

/// The longest status text, in bytes; systemd shows one line.
const MAX_STATUS: usize = 512;

/// The start is complete: apps are loaded and every socket is polled. With `Type=notify`, units
/// ordered after this one start now.
///
/// # Errors
/// If the datagram cannot be sent.
pub fn ready(text: &str) -> io::Result<()> {
    sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(&one_line(text))])
}

/// The line that `systemctl status` shows.
///
/// # Errors
/// If the datagram cannot be sent.
pub fn status(text: &str) -> io::Result<()> {
    sd_notify::notify(&[NotifyState::Status(&one_line(text))])
}

/// A reload began; [`ready`] ends it.
///
/// # Errors
/// If the datagram cannot be sent.
pub fn reloading(text: &str) -> io::Result<()> {
    let now = NotifyState::monotonic_usec_now()?;
    sd_notify::notify(&[NotifyState::Reloading, now, NotifyState::Status(&one_line(text))])
}

/// The stop began.
///
/// # Errors
/// If the datagram cannot be sent.
pub fn stopping(text: &str) -> io::Result<()> {
    sd_notify::notify(&[NotifyState::Stopping, NotifyState::Status(&one_line(text))])
}

/// Everything makes progress; see [`super::watchdog`] for how often this is due.
///
/// # Errors
/// If the datagram cannot be sent.
pub fn watchdog() -> io::Result<()> {
    sd_notify::notify(&[NotifyState::Watchdog])
}

/// A line feed would begin a new variable of the datagram, so text must not bring one along.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for c in text.chars() {
        if line.len() + c.len_utf8() > MAX_STATUS {
            break;
        }
        line.push(if c.is_control() { ' ' } else { c });
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_cannot_bring_a_variable_along() {
        assert_eq!(one_line("up\nREADY=1\r\0\u{85}"), "up READY=1   ");
        assert_eq!(one_line(&"ä".repeat(MAX_STATUS)).len(), MAX_STATUS);
    }
}
