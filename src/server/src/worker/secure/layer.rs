//! What protects the records of a connection after its handshake: the project's own record layer, or
//! rustls, where the configuration says so (`record_layer`).
//! Not for: what is in the records.

use std::io::{IoSlice, Read, Write};

use ringsocket_tls::{Alert, End, Exhausted, Opened, Records, record_len};
use rustls::ServerConnection;

use super::handshake;

/// The two of them.
pub(super) enum Layer {
    /// Our own. Made when the handshake is over, it fills a hole that the handshake's own memory has
    /// left: as a part of what is there from the beginning, it cost a tenth more.
    Own(Box<Records>),
    /// That of rustls, which keeps buffers of its own, and copies.
    Rustls(Box<ServerConnection>),
}

impl Layer {
    /// That of rustls.
    pub(super) fn rustls(mut connection: Box<ServerConnection>) -> Self {
        connection.set_buffer_limit(None); // it is given no more than is to be sent at once
        Self::Rustls(connection)
    }

    /// Opens the whole records at the front of `bytes`, in place: see [`Records::open`].
    pub(super) fn open(&mut self, bytes: &mut [u8]) -> Opened {
        match self {
            Self::Own(records) => records.open(bytes),
            Self::Rustls(connection) => open_by_rustls(connection, bytes),
        }
    }

    /// Appends records to `out` that hold the bytes of `parts`, in order.
    pub(super) fn seal(&mut self, parts: &[&[u8]], out: &mut Vec<u8>) -> Result<(), Exhausted> {
        match self {
            Self::Own(records) => records.seal(parts, out),
            Self::Rustls(connection) => {
                let slices: Vec<_> = parts.iter().map(|part| IoSlice::new(part)).collect();
                let mut left = &mut slices.clone()[..];
                while !left.is_empty() {
                    let taken = connection.writer().write_vectored(left).unwrap_or(0);
                    if taken == 0 {
                        return Err(Exhausted);
                    }
                    IoSlice::advance_slices(&mut left, taken);
                }
                handshake::flush(connection, out);
                Ok(())
            }
        }
    }

    /// Whether something came that is to be answered.
    pub(super) fn owes_reply(&self) -> bool {
        match self {
            Self::Own(records) => records.owes_reply(),
            Self::Rustls(connection) => connection.wants_write(),
        }
    }

    /// Whether the key for what is sent will soon have sealed as many records as it may, and cannot
    /// be changed. rustls does not say.
    pub(super) fn is_wearing_out(&self) -> bool {
        matches!(self, Self::Own(records) if records.is_wearing_out())
    }

    /// Appends the answer.
    pub(super) fn reply(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Own(records) => records.reply(out),
            Self::Rustls(connection) => handshake::flush(connection, out),
        }
    }

    /// Appends the news that nothing more is sent.
    pub(super) fn close_notify(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Own(records) => records.close_notify(out),
            Self::Rustls(connection) => {
                connection.send_close_notify();
                handshake::flush(connection, out);
            }
        }
    }

    /// Appends the news that the connection has failed. rustls has its own say by then.
    pub(super) fn alert(&mut self, alert: Alert, out: &mut Vec<u8>) {
        match self {
            Self::Own(records) => records.alert(alert, out),
            Self::Rustls(connection) => handshake::flush(connection, out),
        }
    }
}

/// Gives rustls whole records, so that their plaintext, which takes their place, is never more than
/// what has been given.
fn open_by_rustls(connection: &mut ServerConnection, bytes: &mut [u8]) -> Opened {
    let (mut used, mut plain) = (0, 0);
    let end = loop {
        let len = match record_len(&bytes[used..]) {
            Ok(Some(len)) if len <= bytes.len() - used => len,
            Ok(_) => break None,
            Err(violation) => break Some(End::from(violation)),
        };
        let fed = handshake::feed(connection, &bytes[used..used + len]);
        used += len;
        if let Err(failure) = fed {
            break Some(failure.end());
        }
        // An error says no more than that there is nothing to read, now or ever.
        while let Ok(count @ 1..) = connection.reader().read(&mut bytes[plain..used]) {
            plain += count;
        }
        if matches!(connection.process_new_packets(), Ok(state) if state.peer_has_closed()) {
            break Some(End::Closed);
        }
    };
    Opened { plain: 0..plain, used, end }
}
