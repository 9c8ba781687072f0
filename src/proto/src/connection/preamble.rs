//! The part of a connection before its request head, where a proxy stands between: its header of
//! the PROXY protocol.

use super::{Connection, Event, Phase, UnderWay};
use crate::input::Input;
use crate::proxy::{Header, Preamble};
use crate::time::Millis;

impl Connection {
    /// A connection that was just accepted from a proxy: a header of the PROXY protocol is awaited,
    /// then a request head, both within [`crate::Limits::head_wait`].
    pub fn behind_proxy(now: Millis) -> Self {
        Self { phase: Phase::Preamble, ..Self::new(now) }
    }

    /// Reads the proxy's header.
    pub(super) fn receive_preamble(&mut self, input: &mut Input<'_>) -> Option<Event<'static>> {
        let mut fresh = Preamble::default();
        let result = match self.under_way.as_deref_mut() {
            Some(UnderWay::Preamble(preamble)) => preamble.push(input.remaining()),
            _ => fresh.push(input.remaining()),
        };
        match result {
            Ok(None) => {
                if self.under_way.is_none() && !input.is_empty() {
                    self.under_way = Some(Box::new(UnderWay::Preamble(fresh)));
                }
                input.clear();
                None
            }
            Ok(Some(Header { len, source })) => {
                input.take(len);
                self.phase = Phase::Head;
                self.under_way = None;
                Some(Event::Proxied(source))
            }
            Err(why) => {
                self.phase = Phase::Finished;
                self.under_way = None;
                Some(Event::BadPreamble { why })
            }
        }
    }
}
