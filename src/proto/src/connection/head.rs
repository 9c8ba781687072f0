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

    /// Whether it is the head of a `HEAD` request, as far as can be told.
    pub(super) fn is_head(&self) -> bool {
        is_head(&self.bytes, &[])
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
            Err(bad) => {
                let before = match self.under_way.as_deref() {
                    Some(UnderWay::Head(partial)) => &partial.bytes[..],
                    _ => &[],
                };
                // Not beyond the fault, whatever else has come already.
                let looked_at = &input.remaining()[..scan.seen() - before.len()];
                let head_only = is_head(before, looked_at);
                return Some(refuse_head(&mut self.phase, bad, head_only, out));
            }
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
                Some(Event::Request(Box::new(request)))
            }
            Err(bad) => Some(refuse_head(&mut self.phase, bad, is_head(head, &[]), out)),
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

/// Whether these bytes, in two pieces, begin a `HEAD` request: its response has no body, even if the
/// rest of the request cannot be understood (RFC 9110 section 9.3.2).
#[cold]
fn is_head(first: &[u8], second: &[u8]) -> bool {
    let is_line_end = |byte: &&u8| b"\r\n".contains(byte);
    let mut bytes = first.iter().chain(second).skip_while(is_line_end);
    b"HEAD ".iter().all(|byte| bytes.next() == Some(byte))
}

#[cold]
fn refuse_head(
    phase: &mut Phase,
    bad: BadHead,
    head_only: bool,
    out: &mut Vec<u8>,
) -> Event<'static> {
    let BadHead { status, why } = bad;
    Response::new(status, why).write(head_only, out);
    *phase = Phase::Finished;
    Event::BadRequest { status, why }
}
