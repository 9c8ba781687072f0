//! The part of a connection before its first frame: the request head.

use super::{Connection, Event, Limits, Phase, UnderWay};
use crate::http::{self, BadHead, Scan, Scanned};
use crate::input::Input;
use crate::response::Response;

/// A request head of which more is to come, or which was just completed.
#[derive(Default, Debug)]
pub(super) struct PartialHead {
    bytes: Vec<u8>,
    scan: Scan,
}

impl PartialHead {
    pub(super) fn held(&self) -> usize {
        self.bytes.capacity()
    }
}

impl Connection {
    /// Reads a request head. One that lies in the input whole is not copied.
    pub(super) fn receive_head<'a>(
        &'a mut self,
        input: &'a mut Input<'_>,
        limits: &Limits,
        out: &mut Vec<u8>,
    ) -> Option<Event<'a>> {
        if input.is_empty() {
            return None;
        }
        let mut scan = match self.under_way.as_deref() {
            Some(UnderWay::Head(partial)) => partial.scan,
            _ => Scan::default(),
        };
        let piece = match scan.push(input.remaining(), limits) {
            Ok(Scanned::End(len)) => input.take(len),
            Ok(Scanned::More) => {
                self.keep_head(input.take(input.len()), scan);
                return None;
            }
            Err(bad) => return Some(refuse_head(&mut self.phase, bad, out)),
        };
        let head = match self.under_way.as_deref_mut() {
            Some(UnderWay::Head(partial)) => {
                partial.bytes.extend_from_slice(piece);
                &partial.bytes
            }
            _ => &*piece,
        };
        match http::parse(head) {
            Ok(request) => {
                self.phase = Phase::Deciding;
                Some(Event::Request(request))
            }
            Err(bad) => Some(refuse_head(&mut self.phase, bad, out)),
        }
    }

    fn keep_head(&mut self, piece: &[u8], scan: Scan) {
        match self.under_way.as_deref_mut() {
            Some(UnderWay::Head(partial)) => {
                partial.bytes.extend_from_slice(piece);
                partial.scan = scan;
            }
            _ => {
                let partial = PartialHead { bytes: piece.to_vec(), scan };
                self.under_way = Some(Box::new(UnderWay::Head(partial)));
            }
        }
    }
}

#[cold]
fn refuse_head(phase: &mut Phase, bad: BadHead, out: &mut Vec<u8>) -> Event<'static> {
    let BadHead { status, why } = bad;
    Response::new(status, why).write(false, out);
    *phase = Phase::Finished;
    Event::BadRequest { status, why }
}
