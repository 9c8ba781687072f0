//! Connections that go on in another process, which takes up what this one leaves behind: everything
//! after the upgrade can be written down with serde and read back, a message amid its fragments, a
//! frame amid its header, and the windows of compression.
//!
//! Not for: how that is kept and handed over, its versions, or its checksum. Moments are those of the
//! caller's clock, which has to go on.

use super::{Connection, Limits, Phase, UnderWay};
use crate::deflate::{MAX_BITS, MIN_BITS, Window};
use crate::message::Bounds;

impl Connection {
    /// Whether the connection can be written down: its upgrade is over. One that has ended may have last
    /// words which its peer has yet to take.
    pub fn may_be_parked(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Closing | Phase::Finished)
    }

    /// Has a message that is under way end under limits that may be stricter than those under which it has
    /// begun: they are what the process told its apps that takes the connection up. False if more has been
    /// announced of it than they allow.
    pub fn tighten(&mut self, limits: &Limits) -> bool {
        match self.under_way.as_deref_mut() {
            Some(UnderWay::Frames(frames)) => frames.tighten(Bounds::of(limits)),
            None | Some(UnderWay::Preamble(_) | UnderWay::Head(_)) => true,
        }
    }

    /// Whether what was read back may be used. Nothing that is unsound has been a connection; used all
    /// the same, it could have a later [`Connection::receive`] panic.
    pub fn is_sound(&self) -> bool {
        let is_way_sound = match self.under_way.as_deref() {
            None => true,
            Some(UnderWay::Frames(frames)) => frames.is_sound(),
            Some(UnderWay::Preamble(_) | UnderWay::Head(_)) => false,
        };
        let are_windows_sound = self.windows.as_ref().is_none_or(|windows| {
            [&windows.client, &windows.server].into_iter().flatten().all(Window::is_sound)
        });
        let are_bits_sound = self.deflate.is_none_or(|agreed| {
            let bits = MIN_BITS..=MAX_BITS;
            bits.contains(&agreed.server_window_bits) && agreed.client_window_bits <= MAX_BITS
        });
        self.may_be_parked() && is_way_sound && are_windows_sound && are_bits_sound
    }
}
