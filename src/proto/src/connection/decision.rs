//! What the caller says to a request: yes, no, or later.
//! Not for: what is said to whom (`upgrade`), nor the bytes of it (`upgrade`, `response`).

use super::{Connection, Phase, Windows};
use crate::deflate::{Agreement, MIN_BITS, Window};
use crate::time::Millis;

impl Connection {
    /// Answers [`Event::Request`](super::Event::Request): the caller has written a 101 response
    /// ([`crate::upgrade::write_switching_protocols`]), and frames follow, compressed as agreed.
    pub fn accept(&mut self, deflate: Option<Agreement>, now: Millis) {
        self.leave_deciding(Phase::Open);
        self.restart_silence(now);
        self.deflate = deflate;
        self.windows = deflate.and_then(|agreement| {
            let Agreement { client_takeover, server_takeover, .. } = agreement;
            let windows = Windows {
                client: client_takeover
                    .then(|| Window::new(agreement.client_window_bits.max(MIN_BITS))),
                server: server_takeover.then(|| Window::new(agreement.server_window_bits)),
            };
            (client_takeover || server_takeover).then(|| Box::new(windows))
        });
    }

    /// Answers [`Event::Request`](super::Event::Request) later, by one of the other two: what came of the request is
    /// forgotten, and [`Limits::upgrade_wait`](super::Limits::upgrade_wait) begins. Whatever comes
    /// meanwhile is not read.
    pub fn defer(&mut self, now: Millis) {
        debug_assert_eq!(self.phase, Phase::Deciding, "there is no request to answer");
        self.phase = Phase::Deferred;
        self.under_way = None;
        self.since = now;
    }

    /// Answers [`Event::Request`](super::Event::Request), or goes before it after [`Event::Proxied`](super::Event::Proxied): the caller has
    /// written another response, with `Connection: close`.
    pub fn refuse(&mut self) {
        if self.phase == Phase::Head {
            self.phase = Phase::Deciding;
        }
        self.leave_deciding(Phase::Finished);
    }

    fn leave_deciding(&mut self, phase: Phase) {
        let is_asked = matches!(self.phase, Phase::Deciding | Phase::Deferred);
        debug_assert!(is_asked, "there is no request to answer");
        self.phase = phase;
        self.under_way = None;
    }
}
